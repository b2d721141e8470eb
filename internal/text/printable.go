package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable reports whether YAML takes a rune as it is, in quotes or without them, and
// people see it: no control, byte order mark, line separator, noncharacter or mark of
// bidirectional text.
func Printable(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7f:
		return true
	case r == utf8.RuneError, r == '\ufeff', r == '\u2028', r == '\u2029', r >= 0xfffe && r <= 0xffff:
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return false
	}
	return !unicode.Is(unicode.Bidi_Control, r)
}

// OneRow makes text safe for a comment or a line of a terminal: tabs and ends of lines
// become blanks, and what is not [Printable] becomes U+FFFD.
func OneRow(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case !Printable(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
