package diff

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/literal"
)

// str scans a string from behind its opening quote to its closing one.
func (p *parser) str(i int) (end int, escaped, ok bool) {
	s := p.src
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for {
		for i+8 <= len(s) {
			w := binary.LittleEndian.Uint64(s[i:])
			q, b := w^(ones*'"'), w^(ones*'\\')
			m := (w | (w - ones*0x20) | (q - ones) | (b - ones)) & high
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(s) {
			p.fail(Invalid, i, "the body ends inside a string")
			return i, false, false
		}
		switch c := s[i]; {
		case c == '"':
			return i, escaped, true
		case c == '\\':
			escaped = true
			n := p.escapeAt(i)
			if n == 0 {
				return i, false, false
			}
			i += n
		case c < 0x20:
			p.fail(Invalid, i, "the control character %#02x in a string", c)
			return i, false, false
		case c < utf8.RuneSelf:
			i++
		default:
			for i < len(s) && s[i] >= utf8.RuneSelf {
				// Three bytes, Hangul among them, without the general decoder.
				if c := s[i]; c >= 0xE1 && c <= 0xEC && i+2 < len(s) && s[i+1]&0xC0 == 0x80 && s[i+2]&0xC0 == 0x80 {
					i += 3
					continue
				}
				r, n := utf8.DecodeRune(s[i:])
				if r == utf8.RuneError && n == 1 {
					p.fail(Invalid, i, "the byte %#02x is not UTF-8", s[i])
					return i, false, false
				}
				i += n
			}
		}
	}
}

// escapeAt checks the escape at i and returns its length; 0 when it is broken.
func (p *parser) escapeAt(i int) int {
	if i+1 >= len(p.src) {
		p.fail(Invalid, i, "the body ends inside a string")
		return 0
	}
	switch p.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		_, n := literal.UnicodeEscape(p.src, i)
		if n == 0 {
			if r, ok := literal.Hex4(p.src, i+2); ok {
				p.fail(Invalid, i, "the lone surrogate \\u%04x", r)
			} else {
				p.fail(Invalid, i, "a broken \\u escape")
			}
		}
		return n
	}
	p.fail(Invalid, i, "an unknown escape")
	return 0
}
