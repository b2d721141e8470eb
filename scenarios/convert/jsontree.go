package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A SourceError is a mistake in a file that is imported.
type SourceError struct {
	File   string
	Path   string // JSON path of the value: $.item[3].request
	Offset int    // byte of the file, from 0; -1: unknown
	Msg    string
}

// Error says what is wrong with which value, and where it stands.
func (e *SourceError) Error() string {
	out := e.Msg
	if e.Path != "" {
		out = e.Path + ": " + out
	}
	if e.File != "" {
		out = e.File + ": " + out
	}
	if e.Offset >= 0 {
		out += fmt.Sprintf(" (byte %d)", e.Offset)
	}
	return out
}

// A jsonValue is a JSON value with its place. Members keep their order and
// their repetitions; the last of a name counts, as in JavaScript.
type jsonValue struct {
	kind  byte // 'o' object, 'a' array, 's' string, 'n' number, 'b' true or false, '0' null
	text  string
	keys  []string
	items []*jsonValue
	at    int
}

// maxJSONDepth bounds nesting, maxJSONValues the number of values.
const (
	maxJSONDepth  = 256
	maxJSONValues = 5_000_000
)

// parseJSON reads one JSON text. A byte order mark and UTF-16 are understood.
func parseJSON(file string, data []byte) (*jsonValue, error) {
	text, shift, err := decodeText(data)
	if err != nil {
		return nil, &SourceError{file, "", -1, err.Error()}
	}
	p := &jsonParser{file: file, text: text, shift: shift}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.text) {
		return nil, p.fail("something follows the JSON value")
	}
	return v, nil
}

// decodeText returns the file as UTF-8 without its byte order mark, and how
// many bytes stand before the text. Offsets of UTF-16 files are unknown: -1.
func decodeText(data []byte) (text []byte, shift int, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:], 3, nil
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return utf16Text(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return utf16Text(data[2:], binary.BigEndian)
	}
	return data, 0, nil
}

func utf16Text(data []byte, order binary.ByteOrder) ([]byte, int, error) {
	if len(data)%2 != 0 {
		return nil, 0, fmt.Errorf("UTF-16 text with an odd number of bytes")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), -1, nil
}

type jsonParser struct {
	file  string
	text  []byte
	pos   int
	shift int // -1: offsets are unknown
	count int
	path  []string
}

func (p *jsonParser) fail(format string, args ...any) error {
	offset := p.pos + p.shift
	if p.shift < 0 {
		offset = -1
	}
	return &SourceError{p.file, "$" + strings.Join(p.path, ""), offset, fmt.Sprintf(format, args...)}
}

func (p *jsonParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *jsonParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *jsonParser) value(depth int) (*jsonValue, error) {
	p.count++
	v := &jsonValue{at: p.pos + max(p.shift, 0)}
	switch c := p.peek(); {
	case depth > maxJSONDepth:
		return nil, p.fail("nested more than %d deep", maxJSONDepth)
	case p.count > maxJSONValues:
		return nil, p.fail("more than %d values", maxJSONValues)
	case p.pos >= len(p.text):
		return nil, p.fail("the file ends where a value is expected")
	case c == '{':
		v.kind = 'o'
		return v, p.members(v, depth)
	case c == '[':
		v.kind = 'a'
		return v, p.elements(v, depth)
	case c == '"':
		v.kind = 's'
		s, err := p.str()
		v.text = s
		return v, err
	}
	return v, p.literal(v)
}

func (p *jsonParser) literal(v *jsonValue) error {
	end := p.pos
	for end < len(p.text) && strings.IndexByte(" \t\n\r,:]}", p.text[end]) < 0 {
		end++
	}
	v.text = string(p.text[p.pos:end])
	switch {
	case v.text == "true" || v.text == "false":
		v.kind = 'b'
	case v.text == "null":
		v.kind = '0'
	case jsonNumber.MatchString(v.text):
		v.kind = 'n'
	default:
		return p.fail("%s is no JSON value", strconv.Quote(oneLine(v.text, 40)))
	}
	p.pos = end
	return nil
}

func (p *jsonParser) str() (string, error) {
	start := p.pos
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case '\\':
			p.pos++
		case '"':
			p.pos++
			var s string
			if err := json.Unmarshal(p.text[start:p.pos], &s); err != nil {
				p.pos = start
				return "", p.fail("a string that JSON does not allow: %s", strings.TrimPrefix(err.Error(), "invalid character "))
			}
			return strings.ToValidUTF8(s, string(utf8.RuneError)), nil
		}
	}
	p.pos = start
	return "", p.fail("a string without an end")
}

func (p *jsonParser) members(v *jsonValue, depth int) error {
	p.pos++
	for first := true; ; first = false {
		p.space()
		if p.peek() == '}' && first {
			p.pos++
			return nil
		}
		if p.peek() != '"' {
			return p.fail("expected the name of a member in quotes")
		}
		name, err := p.str()
		if err != nil {
			return err
		}
		p.path = append(p.path, pathMember(name))
		if p.space(); p.peek() != ':' {
			return p.fail("expected : after a name")
		}
		p.pos++
		p.space()
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		v.keys, v.items = append(v.keys, name), append(v.items, item)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return nil
		default:
			return p.fail("expected , or } after a member")
		}
	}
}

func (p *jsonParser) elements(v *jsonValue, depth int) error {
	p.pos++
	for first := true; ; first = false {
		p.space()
		if p.peek() == ']' && first {
			p.pos++
			return nil
		}
		p.path = append(p.path, "["+strconv.Itoa(len(v.items))+"]")
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		v.items = append(v.items, item)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return nil
		default:
			return p.fail("expected , or ] after an element")
		}
	}
}

// pathMember is a member as a path names it: .name or ['na-me'].
func pathMember(name string) string {
	if name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0x80)
	}) < 0 && (name[0] < '0' || name[0] > '9') {
		return "." + name
	}
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}

// get is a member of an object, or nil: also when v is nil or no object.
func (v *jsonValue) get(name string) *jsonValue {
	if v == nil || v.kind != 'o' {
		return nil
	}
	for i := len(v.keys) - 1; i >= 0; i-- {
		if v.keys[i] == name {
			return v.items[i]
		}
	}
	return nil
}

// has reports whether v is there and not null.
func (v *jsonValue) has() bool { return v != nil && v.kind != '0' }

// str is a string, or a number or boolean as text; empty for anything else.
func (v *jsonValue) str() string {
	if v == nil || v.kind == '0' || v.kind == 'o' || v.kind == 'a' {
		return ""
	}
	return v.text
}

// yes reports whether v is true.
func (v *jsonValue) yes() bool { return v != nil && v.kind == 'b' && v.text == "true" }

// list are the elements of an array; nil for anything else.
func (v *jsonValue) list() []*jsonValue {
	if v == nil || v.kind != 'a' {
		return nil
	}
	return v.items
}

// compact is v as JSON without space.
func (v *jsonValue) compact() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v *jsonValue) write(b *strings.Builder) {
	switch v.kind {
	case 'o', 'a':
		open, end := "{", "}"
		if v.kind == 'a' {
			open, end = "[", "]"
		}
		b.WriteString(open)
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if v.kind == 'o' {
				b.WriteString(quoted(v.keys[i]) + ":")
			}
			item.write(b)
		}
		b.WriteString(end)
	case 's':
		b.WriteString(quoted(v.text))
	case '0':
		b.WriteString("null")
	default:
		b.WriteString(v.text)
	}
}

// quoted is a JSON string.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("convert: " + err.Error()) // a string is always encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
