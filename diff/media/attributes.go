package media

import (
	"encoding/json"
	"strconv"
	"strings"
)

// enumerated are the attributes whose values RFC 8216 and its second edition
// write without quotes; all others with values that are not numbers have them.
var enumerated = map[string]bool{
	"TYPE": true, "METHOD": true, "DEFAULT": true, "AUTOSELECT": true, "FORCED": true, "PRECISE": true, "FORMAT": true,
	"HDCP-LEVEL": true, "VIDEO-RANGE": true, "RESOLUTION": true, "IV": true, "GAP": true, "INDEPENDENT": true, "END-ON-NEXT": true,
	"CAN-BLOCK-RELOAD": true, "CAN-SKIP-DATERANGES": true, "SCTE35-CMD": true, "SCTE35-OUT": true, "SCTE35-IN": true,
}

// attributes reads an attribute list: NAME=value,NAME="quoted, value".
func attributes(s string, w *writing) map[string]any {
	return attributeList(s, ',', w)
}

// spacedAttributes reads the attributes of M3U Plus: a space before each.
func spacedAttributes(s string, w *writing) map[string]any {
	return attributeList(s, ' ', w)
}

// attributeList reads attributes and, where writing them again does not give
// the same bytes, keeps those as "#raw". A name that is repeated has all its
// values as an array.
func attributeList(s string, separator byte, w *writing) map[string]any {
	out := map[string]any{}
	var again, names strings.Builder
	for rest := s; rest != ""; {
		if separator == ' ' {
			if rest = strings.TrimLeft(rest, " \t"); rest == "" {
				break
			}
			again.WriteByte(' ')
		} else if again.Len() > 0 {
			again.WriteByte(',')
		}
		// A name without = has an empty value, which the bytes kept as "#raw" tell from one with =.
		name, after, _ := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		again.WriteString(name + "=")
		names.WriteString(name + ",")
		var value any
		var text string
		if strings.HasPrefix(after, `"`) {
			text, rest, _ = strings.Cut(after[1:], `"`)
			again.WriteString(`"` + text + `"`)
			value = text
			if enumerated[name] {
				value = map[string]any{"quoted": text}
			}
			if rest = strings.TrimLeft(rest, " \t"); separator == ',' {
				rest = strings.TrimPrefix(rest, ",")
			}
		} else {
			end := strings.IndexByte(after, separator)
			if end < 0 {
				end = len(after)
			}
			text = strings.TrimSpace(after[:end])
			rest = after[end:]
			if separator == ',' {
				rest = strings.TrimPrefix(rest, ",")
			}
			again.WriteString(text)
			value = unquotedValue(name, text, w)
		}
		put(out, name, value)
	}
	// White space, missing quotes at the end and the like are not in the tree.
	if again.String() != s {
		out["#raw"] = s
	}
	w.add(attributeOrder, 0, names.String())
	return out
}

// put adds a value under a name. The second value of a name makes an array of both, so that a
// repeated attribute is not lost and its order is kept.
func put(out map[string]any, name string, value any) {
	switch was := out[name].(type) {
	case nil:
		out[name] = value
	case []any:
		out[name] = append(was, value)
	default:
		out[name] = []any{was, value}
	}
}

// unquotedValue is a number, or a text that usually has no quotes, or one
// that says that it has none.
func unquotedValue(name, text string, w *writing) any {
	v := number(text, w)
	if _, ok := v.(json.Number); ok || enumerated[name] {
		return v
	}
	// Decimals of playlists may lack digits on one side of the point, which JSON does not allow.
	if strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") {
		if n, ok := decimal(text); ok {
			w.addNumber(text)
			return n
		}
	}
	return map[string]any{"unquoted": text}
}

// runs is a sequence of names with repeated names collapsed. How
// often is said only of names that come back later: of the others the arrays
// say it.
func runs(names []string) string {
	times := map[string]int{}
	for i, n := range names {
		if i == 0 || names[i-1] != n {
			times[n]++
		}
	}
	var b strings.Builder
	for i := 0; i < len(names); {
		end := i + 1
		for end < len(names) && names[end] == names[i] {
			end++
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(names[i])
		if times[names[i]] > 1 && end-i > 1 {
			b.WriteString("*" + strconv.Itoa(end-i))
		}
		i = end
	}
	return b.String()
}
