// Package source reads what is imported: an Input names the file or folder, a
// Value is JSON with the byte at which each value begins, and an Error says which
// value is wrong and where it is. Reading is strict, but for what JavaScript
// takes too: a byte order mark, UTF-16, and members of one name, of which the
// last counts. Nothing is read but the file system of the Input.
package source

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// An Error is a mistake in a file that is imported.
type Error struct {
	File   string
	Path   string // JSON path of the value: $.item[3].request
	Offset int    // byte of the file, from 0; -1: unknown
	Msg    string
	Line   int // of the file, from 1; 0: unknown
	Col    int // of the line, from 1
}

// Error says what is wrong with which value, and where it is.
func (e *Error) Error() string {
	out := e.Msg
	if e.Path != "" {
		out = e.Path + ": " + out
	}
	file := e.File
	if e.Line > 0 && file != "" {
		file += fmt.Sprintf(":%d:%d", e.Line, e.Col)
	}
	if file != "" {
		out = file + ": " + out
	}
	if e.Offset >= 0 {
		out += fmt.Sprintf(" (byte %d)", e.Offset)
	}
	return out
}

// An Input is the file or folder that is imported.
type Input struct {
	// Files holds what the source may name next to itself, below its folder.
	Files fs.FS
	// Name is the file in Files. With Folder set the source is the whole of Files,
	// and Name is what it is called when it does not say so itself.
	Name   string
	Folder bool
}

// Read reads the file of an input.
func (in Input) Read() ([]byte, error) {
	if in.Folder {
		return nil, fmt.Errorf("%s is not a regular file", in.Name)
	}
	return ReadFile(in.Files, in.Name)
}

// maxInput bounds a file that is read.
const maxInput = 256 << 20

// ReadFile reads a regular file of at most 256 MiB.
func ReadFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > maxInput:
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxInput>>20)
	}
	return fs.ReadFile(fsys, name)
}

// A Value is a JSON value with its place. Members keep their order and their
// repetitions; the last of a name counts, as in JavaScript.
type Value struct {
	// Kind is 'o' for an object, 'a' an array, 's' a string, 'n' a number, 'b' true
	// or false, and '0' null.
	Kind byte
	// Text is a string without its escapes, or a literal as it is written.
	Text string
	// Keys are the names of an object's members, in the order of Items.
	Keys []string
	// Items are the values of an object or array.
	Items []*Value
	// Offset is the byte of the file at which the value begins, from 0. In UTF-16 it
	// is the byte of the text as UTF-8.
	Offset int
}

// The bounds of a JSON text: how deep values are nested, and how many there are.
const (
	MaxJSONDepth  = 256
	MaxJSONValues = 5_000_000
)

// ParseJSON reads one JSON text. A byte order mark and UTF-16 are understood.
func ParseJSON(file string, data []byte) (*Value, error) {
	text, shift, err := DecodeText(data)
	if err != nil {
		return nil, &Error{File: file, Offset: -1, Msg: err.Error()}
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

// DecodeText returns the file as UTF-8 without its byte order mark, and how
// many bytes come before the text. Offsets of UTF-16 files are unknown: -1.
func DecodeText(data []byte) (text []byte, shift int, err error) {
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

// A jsonParser reads one text. It keeps the path to where it is, because a mistake in a collection of
// thousands of lines is found by the request it is in, not by its byte.
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
	return &Error{File: p.file, Path: "$" + strings.Join(p.path, ""), Offset: offset, Msg: fmt.Sprintf(format, args...)}
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

func (p *jsonParser) value(depth int) (*Value, error) {
	p.count++
	v := &Value{Offset: p.pos + max(p.shift, 0)}
	switch c := p.peek(); {
	case depth > MaxJSONDepth:
		return nil, p.fail("nested more than %d deep", MaxJSONDepth)
	case p.count > MaxJSONValues:
		return nil, p.fail("more than %d values", MaxJSONValues)
	case p.pos >= len(p.text):
		return nil, p.fail("the file ends where a value is expected")
	case c == '{':
		v.Kind = 'o'
		return v, p.items(v, depth)
	case c == '[':
		v.Kind = 'a'
		return v, p.items(v, depth)
	case c == '"':
		v.Kind = 's'
		s, err := p.str()
		v.Text = s
		return v, err
	}
	return v, p.literal(v)
}

func (p *jsonParser) literal(v *Value) error {
	end := p.pos
	for end < len(p.text) && strings.IndexByte(" \t\n\r,:]}", p.text[end]) < 0 {
		end++
	}
	v.Text = string(p.text[p.pos:end])
	switch {
	case v.Text == "true" || v.Text == "false":
		v.Kind = 'b'
	case v.Text == "null":
		v.Kind = '0'
	case template.IsNumber(v.Text):
		v.Kind = 'n'
	default:
		return p.fail("%s is not a JSON value", strconv.Quote(naming.OneLine(v.Text, 40)))
	}
	p.pos = end
	return nil
}

// str reads a string. What holds no escape and nothing but ASCII, which is nearly all, is taken as
// it is; the rest is decoded by encoding/json.
func (p *jsonParser) str() (string, error) {
	start := p.pos
	plain := true // nothing to decode and nothing that JSON forbids
	for p.pos++; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		plain = plain && c != '\\' && c >= ' ' && c < utf8.RuneSelf
		switch c {
		case '\\':
			p.pos++
		case '"':
			p.pos++
			if plain {
				return string(p.text[start+1 : p.pos-1]), nil
			}
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

// items reads the members of an object or the elements of a list up to the bracket at
// their end.
func (p *jsonParser) items(v *Value, depth int) error {
	end, what := byte(']'), "an element"
	if v.Kind == 'o' {
		end, what = '}', "a member"
	}
	p.pos++
	for first := true; ; first = false {
		p.space()
		if p.peek() == end && first {
			p.pos++
			return nil
		}
		step := "[" + strconv.Itoa(len(v.Items)) + "]"
		if v.Kind == 'o' {
			name, err := p.name()
			if err != nil {
				return err
			}
			v.Keys, step = append(v.Keys, name), PathMember(name)
		}
		p.path = append(p.path, step)
		if v.Kind == 'o' && !p.colon() {
			return p.fail("expected : after a name")
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		v.Items = append(v.Items, item)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case end:
			p.pos++
			return nil
		default:
			return p.fail("expected , or %c after %s", end, what)
		}
	}
}

// name reads the name of a member.
func (p *jsonParser) name() (string, error) {
	if p.peek() != '"' {
		return "", p.fail("expected the name of a member in quotes")
	}
	return p.str()
}

// colon reads what is between a name and its value.
func (p *jsonParser) colon() bool {
	p.space()
	if p.peek() != ':' {
		return false
	}
	p.pos++
	p.space()
	return true
}

// PathMember is a member as a path names it: .name or ['na-me'].
func PathMember(name string) string {
	if name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0x80)
	}) < 0 && (name[0] < '0' || name[0] > '9') {
		return "." + name
	}
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}

// Get is a member of an object, or nil: also when v is nil or no object.
func (v *Value) Get(name string) *Value {
	if v == nil || v.Kind != 'o' {
		return nil
	}
	for i := len(v.Keys) - 1; i >= 0; i-- {
		if v.Keys[i] == name {
			return v.Items[i]
		}
	}
	return nil
}

// Members are the names and values of an object, in their order; none for anything else.
func (v *Value) Members() iter.Seq2[string, *Value] {
	return func(yield func(string, *Value) bool) {
		if !v.IsObject() {
			return
		}
		for i, name := range v.Keys {
			if !yield(name, v.Items[i]) {
				return
			}
		}
	}
}

// IsObject reports whether v is an object.
func (v *Value) IsObject() bool { return v != nil && v.Kind == 'o' }

// Exists reports whether v is there and not null.
func (v *Value) Exists() bool { return v != nil && v.Kind != '0' }

// Str is a string, or a number or boolean as text; empty for anything else.
func (v *Value) Str() string {
	if v == nil || v.Kind == '0' || v.Kind == 'o' || v.Kind == 'a' {
		return ""
	}
	return v.Text
}

// Plain is Str of a scalar, and the JSON of a list or an object.
func (v *Value) Plain() string {
	if v.IsObject() || v != nil && v.Kind == 'a' {
		return v.Compact()
	}
	return v.Str()
}

// IsTrue reports whether v is true.
func (v *Value) IsTrue() bool { return v != nil && v.Kind == 'b' && v.Text == "true" }

// List are the elements of an array; nil for anything else.
func (v *Value) List() []*Value {
	if v == nil || v.Kind != 'a' {
		return nil
	}
	return v.Items
}

// Compact is v as JSON without space.
func (v *Value) Compact() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v *Value) write(b *strings.Builder) {
	switch v.Kind {
	case 'o', 'a':
		open, end := "{", "}"
		if v.Kind == 'a' {
			open, end = "[", "]"
		}
		b.WriteString(open)
		for i, item := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if v.Kind == 'o' {
				b.WriteString(Quoted(v.Keys[i]) + ":")
			}
			item.write(b)
		}
		b.WriteString(end)
	case 's':
		b.WriteString(Quoted(v.Text))
	case '0':
		b.WriteString("null") // in YAML it may be written otherwise
	default:
		b.WriteString(v.Text)
	}
}

// Quoted is a JSON string.
func Quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("convert: " + err.Error()) // a string is always encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// words are what the kinds of value are called.
var words = map[byte]string{'o': "an object", 'a': "a list", 's': "text", 'n': "a number", '0': "null"}

// Word names what a value is.
func (v *Value) Word() string { return cmp.Or(words[v.Kind], v.Text) }
