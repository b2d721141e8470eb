package path

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/internal/text"
)

// quoted parses a name in single or double quotes with JSON's escapes. RFC 9535 has the same
// escapes as JSON, plus the one of the quote itself.
func (p *parser) quoted() (string, error) {
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
	return "", p.fail(open, "write "+string(q)+"] after the name", "the quote is not closed")
}

// escape reads one escape, which begins at p, and writes its character. The quote of the other
// kind must not be escaped.
func (p *parser) escape(q byte, b *strings.Builder) error {
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
		r, n := literal.UnicodeEscape([]byte(p.text), at)
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

// AppendName writes a member as a normalized path segment: .name where the shorthand can say
// it, ['name'] where it cannot. Runes that a reader must not meet as they are are escaped, so
// that a printed path can be pasted as a rule's. Reading the segment back gives the same name.
// The result is appended to b and returned.
func AppendName(b, name []byte) []byte {
	plain := len(name) > 0 && !(name[0] >= '0' && name[0] <= '9')
	for i := 0; plain && i < len(name); i++ {
		plain = nameByte(name[i])
	}
	if plain && text.Clean(string(name)) {
		return append(append(b, '.'), name...)
	}
	return append(AppendQuoted(append(b, '['), name), ']')
}

// AppendQuoted writes a name in single quotes with the escapes of RFC 9535's normalized paths,
// and with those of hidden runes, which RFC 9535 also reads. It writes no brackets. The name
// has to be valid UTF-8; other bytes become the replacement character.
func AppendQuoted(b, name []byte) []byte {
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

// AppendPointerToken writes one token of a JSON Pointer (RFC 6901). Only ~ and / are escaped;
// the rest is as it is in the document.
func AppendPointerToken(b, name []byte) []byte {
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

// AppendIndex appends an element's index to a normalized path. The index counts from 0;
// normalized paths never count from the end (RFC 9535, 2.7).
func AppendIndex(path []byte, index int) []byte {
	return append(strconv.AppendInt(append(path, '['), int64(index), 10), ']')
}
