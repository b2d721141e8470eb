package write

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A yamlNode is YAML as it will be written. Exactly one of pairs, items and
// scalar is meant, as kind says.
type yamlNode struct {
	kind  yamlKind
	text  string
	pairs []yamlPair
	items []*yamlNode
	// comment is written above the node when it is an element of a list.
	comment []string
	// apart puts a blank line between the elements of a list.
	apart bool
	// tail is written below the last pair of a mapping.
	tail []string
	// open keeps a mapping or list from being written in one line.
	open bool
}

type yamlKind uint8

const (
	yamlText  yamlKind = iota + 1 // a string: quoted where YAML would read something else
	yamlLoose                     // text of the language: a number may be written plain
	yamlPlain                     // written as it is: words, numbers, paths of the scenario language
	yamlMap
	yamlList
)

type yamlPair struct {
	key     string
	value   *yamlNode
	comment []string // above the key
	note    string   // after the value
	blank   bool     // an empty line above
}

func textNode(s string) *yamlNode  { return &yamlNode{kind: yamlText, text: s} }
func looseNode(s string) *yamlNode { return &yamlNode{kind: yamlLoose, text: s} }
func plainNode(s string) *yamlNode { return &yamlNode{kind: yamlPlain, text: s} }

func (n *yamlNode) put(key string, value *yamlNode) {
	n.pairs = append(n.pairs, yamlPair{key: key, value: value})
}

// putText writes a key only when there is text.
func (n *yamlNode) putText(key, text string) {
	if text != "" {
		n.put(key, looseNode(text))
	}
}

// putPlain writes a key that takes no placeholders.
func (n *yamlNode) putPlain(key, text string) {
	if text = strings.TrimSpace(naming.Plain(text)); text != "" {
		n.put(key, textNode(text))
	}
}

func (n *yamlNode) putWords(key string, words []string) {
	if len(words) == 0 {
		return
	}
	list := &yamlNode{kind: yamlList}
	for _, w := range words {
		list.items = append(list.items, looseNode(w))
	}
	n.put(key, list)
}

// lineWidth is where a mapping in one line becomes one of several lines.
const lineWidth = 110

// A yamlWriter writes nodes.
type yamlWriter struct{ b strings.Builder }

func (w *yamlWriter) comment(indent int, lines []string) {
	for _, l := range lines {
		w.pad(indent)
		w.b.WriteString(strings.TrimRight("# "+naming.Printable(l), " ") + "\n")
	}
}

func (w *yamlWriter) pad(indent int) {
	for range indent {
		w.b.WriteByte(' ')
	}
}

// mapping writes pairs, the first without its indent when inline is set: it
// follows the dash of a list.
func (w *yamlWriter) mapping(n *yamlNode, indent int, inline bool) {
	for i, p := range n.pairs {
		if p.blank {
			w.b.WriteByte('\n')
		}
		w.comment(indent, p.comment)
		if i > 0 || !inline {
			w.pad(indent)
		}
		key := scalar(p.key, false, yamlText)
		w.b.WriteString(key + ":")
		w.value(p.value, indent, len(key)+1, p.note)
	}
	w.comment(indent, n.tail)
}

// value writes what follows a key or dash, with the end of the line. used is
// how many columns after the indent are taken.
func (w *yamlWriter) value(n *yamlNode, indent, used int, note string) {
	if note = strings.TrimSpace(naming.OneLine(note, 200)); note != "" {
		note = " # " + note
	}
	switch {
	case n.kind == yamlMap && len(n.pairs) == 0:
		w.b.WriteString(" {}" + note + "\n")
		return
	case n.kind == yamlList && len(n.items) == 0:
		w.b.WriteString(" []" + note + "\n")
		return
	case n.kind == yamlMap || n.kind == yamlList:
		if line, ok := flow(n, lineWidth-indent-used); ok {
			w.b.WriteString(" " + line + note + "\n")
			return
		}
		w.b.WriteString(note + "\n")
		if n.kind == yamlMap {
			w.mapping(n, indent+2, false)
		} else {
			w.list(n, indent+2)
		}
		return
	}
	if text, ok := blockText(n, indent+2); ok {
		w.b.WriteString(" " + text)
		return
	}
	w.b.WriteString(" " + scalar(n.text, false, n.kind) + note + "\n")
}

func (w *yamlWriter) list(n *yamlNode, indent int) {
	for i, item := range n.items {
		if i > 0 && n.apart {
			w.b.WriteByte('\n')
		}
		w.comment(indent, item.comment)
		w.pad(indent)
		w.b.WriteByte('-')
		if item.kind == yamlMap && len(item.pairs) > 0 {
			if line, ok := flow(item, lineWidth-indent-2); ok {
				w.b.WriteString(" " + line + "\n")
				continue
			}
			w.b.WriteByte(' ')
			w.mapping(item, indent+2, len(item.pairs[0].comment) == 0)
			continue
		}
		w.value(item, indent, 1, "")
	}
}

// flow writes a node in one line of at most width characters, if that can be
// read: a mapping or list without comments whose own values are short.
func flow(n *yamlNode, width int) (string, bool) {
	var b strings.Builder
	if !flowInto(&b, n, width, 0) || utf8.RuneCountInString(b.String()) > width {
		return "", false
	}
	return b.String(), true
}

// maxFlowDepth is how deep a mapping in one line may be nested.
const maxFlowDepth = 3

func flowInto(b *strings.Builder, n *yamlNode, width, depth int) bool {
	switch {
	case n.open || len(n.tail) > 0 || b.Len() > 4*width || depth > maxFlowDepth:
		return false
	case n.kind == yamlMap:
		b.WriteByte('{')
		for i, p := range n.pairs {
			if len(p.comment) > 0 || p.note != "" {
				return false
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(scalar(p.key, true, yamlText) + ": ")
			if !flowInto(b, p.value, width, depth+1) {
				return false
			}
		}
		b.WriteByte('}')
	case n.kind == yamlList:
		b.WriteByte('[')
		for i, item := range n.items {
			if len(item.comment) > 0 {
				return false
			}
			if i > 0 {
				b.WriteString(", ")
			}
			if !flowInto(b, item, width, depth+1) {
				return false
			}
		}
		b.WriteByte(']')
	default:
		if strings.Contains(n.text, "\n") {
			return false
		}
		b.WriteString(scalar(n.text, true, n.kind))
	}
	return true
}

// blockText writes text of several lines as a literal block.
func blockText(n *yamlNode, indent int) (string, bool) {
	s := n.text
	body := strings.TrimSuffix(s, "\n")
	if n.kind == yamlPlain || !strings.Contains(body, "\n") || strings.HasSuffix(body, "\n") || strings.TrimSpace(s) == "" {
		return "", false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !naming.IsPrintable(r) {
			return "", false
		}
	}
	head := "|"
	if strings.ContainsAny(s[:1], " \n\t") {
		head += "2"
	}
	if body == s {
		head += "-"
	}
	var b strings.Builder
	b.WriteString(head + "\n")
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			b.WriteString(strings.Repeat(" ", indent) + line)
		}
		b.WriteByte('\n')
	}
	return b.String(), true
}

// misread are plain scalars that YAML 1.1 or 1.2 does not read as text.
var misread = []string{"null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", "-.inf", "+.inf", ".nan"}

// numberLike are plain scalars that some YAML reader takes for a number, a date or a time.
var numberLike = regexp.MustCompile(`^[-+.0-9][-+.0-9a-fA-FxXoObB_,:eETtZz ]*$`)

// scalar writes a string, plain where that cannot be misread.
func scalar(s string, inFlow bool, kind yamlKind) string {
	switch {
	case kind == yamlPlain:
		return s
	case kind == yamlLoose && (template.IsNumber(s) || s == "true" || s == "false"):
		return s
	case plainSafe(s, inFlow):
		return s
	case strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") &&
		strings.IndexFunc(s, func(r rune) bool { return !naming.IsPrintable(r) }) < 0:
		return "'" + s + "'"
	}
	return doubleQuoted(s)
}

func plainSafe(s string, inFlow bool) bool {
	if s == "" || len(s) > 4096 || slices.Contains(misread, strings.ToLower(s)) || numberLike.MatchString(s) {
		return false
	}
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) && !unicode.IsDigit(first) && !strings.ContainsRune("/$_(.^", first) {
		return false
	}
	for i, r := range s {
		switch {
		case !naming.IsPrintable(r):
			return false
		case inFlow && strings.ContainsRune(",[]{}?:", r) && (r != ':' || i+1 == len(s) || strings.ContainsRune(" ,[]{}", rune(s[i+1]))):
			return false
		case r == ':' && (i+1 == len(s) || s[i+1] == ' '):
			return false
		case r == '#' && s[i-1] == ' ':
			return false
		}
	}
	return !strings.HasSuffix(s, " ") && !strings.Contains(s, "\u00a0")
}

func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == unicode.ReplacementChar || naming.IsPrintable(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex(r rune, n int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(0, n-len(s))) + s
}
