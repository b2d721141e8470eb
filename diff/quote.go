package diff

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
)

// quoted parses a name in single or double quotes with JSON's escapes.
func (p *pathParser) quoted() (string, error) {
	q := p.peek()
	if q != '\'' && q != '"' {
		return "", p.fail(p.pos, "", "a quoted name is missing")
	}
	open := p.pos
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == q:
			p.pos++
			return b.String(), nil
		case c < 0x20:
			return "", p.fail(p.pos, "", "a control character in a quoted name")
		case c == '\\':
			if err := p.escape(q, &b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", p.fail(open, "", "the quote is not closed")
}

func (p *pathParser) escape(q byte, b *strings.Builder) error {
	at := p.pos
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case 'b', 'f', 'n', 'r', 't':
		b.WriteByte("\b\f\n\r\t"[strings.IndexByte("bfnrt", c)])
	case '/', '\\':
		b.WriteByte(c)
	case 'u':
		r, n := unicodeEscape([]byte(p.text), at)
		if n == 0 {
			return p.fail(at, "", "a broken \\u escape")
		}
		p.pos = at + n
		b.WriteRune(r)
	default:
		if c != q || c == 0 {
			return p.fail(at, "", "an unknown escape")
		}
		b.WriteByte(c)
	}
	return nil
}

// unicodeEscape reads \uXXXX at i, with its low surrogate where it needs one;
// n is 0 when it is broken or a lone surrogate.
func unicodeEscape(s []byte, i int) (r rune, n int) {
	hi, ok := hex4(s, i+2)
	switch {
	case !ok, hi >= 0xDC00 && hi < 0xE000:
		return 0, 0
	case hi < 0xD800 || hi >= 0xE000:
		return hi, 6
	}
	if i+12 > len(s) || s[i+6] != '\\' || s[i+7] != 'u' {
		return 0, 0
	}
	lo, ok := hex4(s, i+8)
	if !ok || lo < 0xDC00 || lo >= 0xE000 {
		return 0, 0
	}
	return (hi-0xD800)<<10 | (lo - 0xDC00) + 0x10000, 12
}

func hex4(s []byte, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range s[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendName writes a member as a normalized path segment: .name where the
// shorthand can say it, ['name'] where it cannot. Runes that a reader must not
// meet as they are are escaped, so that a printed path can be pasted as a rule's.
func appendName(b, name []byte) []byte {
	plain := len(name) > 0 && !(name[0] >= '0' && name[0] <= '9')
	for i := 0; plain && i < len(name); i++ {
		plain = nameByte(name[i])
	}
	if plain && text.Clean(string(name)) {
		return append(append(b, '.'), name...)
	}
	return append(appendQuoted(append(b, '['), name), ']')
}

// appendQuoted writes a name in single quotes with the escapes of RFC 9535's
// normalized paths, and with those of hidden runes, which RFC 9535 also reads.
func appendQuoted(b, name []byte) []byte {
	b = append(b, '\'')
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRune(name[i:])
		i += n
		switch {
		case r == '\'' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b', r == '\f', r == '\n', r == '\r', r == '\t':
			b = append(b, '\\', "bfnrt"[strings.IndexRune("\b\f\n\r\t", r)])
		case text.Hidden(r):
			b = text.AppendEscape(b, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '\'')
}

// appendPointerToken writes one token of a JSON Pointer (RFC 6901).
func appendPointerToken(b, name []byte) []byte {
	b = append(b, '/')
	for i := range name {
		switch name[i] {
		case '~':
			b = append(b, "~0"...)
		case '/':
			b = append(b, "~1"...)
		default:
			b = append(b, name[i])
		}
	}
	return b
}

// AppendMember appends a member's name to a normalized path.
func AppendMember(path []byte, name string) []byte { return appendName(path, []byte(name)) }

// AppendIndex appends an element's index to a normalized path.
func AppendIndex(path []byte, index int) []byte {
	return append(strconv.AppendInt(append(path, '['), int64(index), 10), ']')
}

// Unquote is the content of a valid JSON string.
func Unquote(quoted []byte) string { return string(unescape(nil, quoted[1:len(quoted)-1])) }
