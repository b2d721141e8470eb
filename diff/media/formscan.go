package media

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
)

// scanJSON reads the notation of good JSON: white space by its place among the
// tokens, names in their order, escapes that could be the character itself, and
// the shape of numbers.
func scanJSON(text []byte, w *writing) {
	token := 0
	for i := 0; i < len(text); token++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			end := i + 1
			for end < len(text) && (text[end] == ' ' || text[end] == '\t' || text[end] == '\n' || text[end] == '\r') {
				end++
			}
			w.add(whiteSpace, token, string(text[i:end]))
			i = end
			token-- // white space is not a token
		case c == '"':
			end := stringEnd(text, i+1)
			scanEscapes(text[i+1:end-1], token, w)
			if isName(text[end:]) {
				w.add(memberOrder, 0, plainName(text[i:end]))
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(text) && strings.IndexByte("0123456789+-.eE", text[end]) >= 0 {
				end++
			}
			w.addNumber(string(text[i:end]))
			i = end
		default:
			i++
		}
	}
}

// stringEnd is the offset after the closing quote.
func stringEnd(text []byte, from int) int {
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// isName reports whether a string is a member's name: a colon follows it. Only 64 bytes are looked
// at, as white space before a colon is rare.
func isName(rest []byte) bool {
	rest = bytes.TrimLeft(rest[:min(len(rest), 64)], " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// plainName is a name without its quotes and escapes, so that the order of members is the same
// whatever characters are escaped.
func plainName(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s)
	return s
}

// scanEscapes takes up the escapes that are not the usual ones: \/, \u for a
// character that needs none or has a shorter one, upper-case digits.
func scanEscapes(s []byte, token int, w *writing) {
	for i := bytes.IndexByte(s, '\\'); i >= 0 && i+1 < len(s); {
		length := 2
		switch s[i+1] {
		case '/':
			w.add(escapes, token, `\/`)
		case 'u':
			length = min(6, len(s)-i)
			if e := string(s[i : i+length]); !usualEscape(e) {
				w.add(escapes, token+i<<32, e)
			}
		}
		next := bytes.IndexByte(s[i+length:], '\\')
		if next < 0 {
			return
		}
		i += length + next
	}
}

// usualEscape: a control character without a letter, in lower case.
func usualEscape(e string) bool {
	if !strings.HasPrefix(e, `\u00`) || len(e) != 6 || e[4] != '0' && e[4] != '1' || strings.ToLower(e[4:]) != e[4:] {
		return false
	}
	switch e[4:] {
	case "08", "09", "0a", "0c", "0d":
		return false
	}
	return true
}

// scanXML reads the notation of a good document from its raw tokens.
func scanXML(text []byte, w *writing) {
	d := newXMLDecoder(text)
	n, depth := 0, 0
	for {
		from := d.InputOffset()
		token, err := d.RawToken()
		if err != nil {
			return
		}
		raw := string(text[from:d.InputOffset()])
		if i := strings.Count(raw, "\r"); i > 0 {
			w.add(lineEnds, n, raw[strings.IndexByte(raw, '\r'):])
			raw = plainLineEnds(raw)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			scanTag(t, raw, n, w)
		case xml.EndElement:
			depth--
			if raw == "" {
				w.add(emptyTags, n, "/")
			} else if between := strings.TrimPrefix(raw, "</"+rawName(t.Name)); between != ">" {
				w.add(tagSpacing, n, between)
			}
		case xml.Comment:
			w.add(comments, n, raw)
			n-- // not a token
		case xml.ProcInst:
			if t.Target == "xml" {
				w.add(declaration, 0, raw)
				n--
			} else {
				w.add(tagSpacing, n, raw)
			}
		case xml.CharData:
			switch {
			case strings.TrimSpace(raw) == "":
				w.add(layout, n, raw)
			case raw != string(t):
				w.add(references, n, raw)
			}
			n-- // a comment or a CDATA section may split a text
		}
		n++
	}
}

// scanTag takes up a start tag: names in their order, prefixes, and what is
// between them.
func scanTag(t xml.StartElement, raw string, n int, w *writing) {
	w.add(prefixes, n, t.Name.Space)
	spacing := raw
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			w.add(prefixes, n, a.Name.Space+":"+a.Name.Local+"="+a.Value)
			continue
		}
		w.add(prefixes, n, a.Name.Space)
		w.add(attributeOrder, n, a.Name.Local)
	}
	// What is left of the tag without its values: white space, quotes and a letter for each name.
	// Declarations of namespaces go to another form.
	var skeleton strings.Builder
	for spacing != "" {
		i := strings.IndexAny(spacing, `"'`)
		if i < 0 {
			break
		}
		if name := strings.TrimLeft(spacing[:i], " \t\n"); strings.HasPrefix(name, "xmlns:") || strings.HasPrefix(name, "xmlns") &&
			strings.Trim(name[5:], " \t\n=") == "" {
			w.add(prefixes, n, spacing[:i+1])
		} else {
			skeleton.WriteString(spaces(spacing[:i]) + spacing[i:i+1])
		}
		end := i + 1 + strings.IndexByte(spacing[i+1:], spacing[i])
		value := spacing[i+1 : end]
		if strings.ContainsAny(value, "\n\t") {
			w.add(attributeSpace, n, value)
		}
		if strings.Contains(value, "&") {
			w.add(references, n, value)
		}
		spacing = spacing[end+1:]
	}
	if self, ok := strings.CutSuffix(spacing, "/>"); ok {
		spacing = self + ">"
	}
	w.add(tagSpacing, n, skeleton.String()+spaces(spacing))
}

// spaces is what of a tag is white space, a letter for each name between.
func spaces(s string) string {
	var b strings.Builder
	name := false
	for _, r := range s {
		if strings.ContainsRune(" \t\n", r) {
			b.WriteRune(r)
			name = false
		} else if !name {
			b.WriteByte('x')
			name = true
		}
	}
	return b.String()
}

// plainLineEnds is what a parser of XML passes on (XML 1.0 section 2.11): every line ends with LF.
func plainLineEnds(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
