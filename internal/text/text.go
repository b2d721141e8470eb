// Package text writes text that came from elsewhere so that a reader sees all
// of it and nothing obeys it: no terminal, no log viewer, no bidirectional
// layout. Every output of bgverify takes its text through this package.
package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden reports whether a rune must not reach a reader as it is: the controls
// C0, DEL and C1 (U+009B begins a terminal command), the line separators, the
// byte order mark, the marks that turn the direction of text around (Unicode
// UAX #9), tag characters, and private use.
func Hidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x206f, r == 0x200e, r == 0x200f, r == 0x061c:
		return true
	case r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return unicode.Is(unicode.Co, r)
}

// Visible writes hidden runes, and bytes that are not UTF-8, as escapes: \n,
// \x1b, \u009b, \u202e, \U000e0001. Text without them is returned as it is.
func Visible(s string) string {
	if Clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !Hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// Clean reports whether text is UTF-8 without hidden runes.
func Clean(s string) bool {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == 0x7f {
			return false
		}
		ascii = ascii && c < 0x80
	}
	if ascii {
		return true
	}
	return utf8.ValidString(s) && strings.IndexFunc(s, Hidden) < 0
}

// JSON writes the hidden runes inside the strings of a JSON text as \u escapes:
// the same document, safe to print. White space between tokens stays.
func JSON(doc []byte) []byte {
	var out []byte // nil: nothing to write yet
	from := 0
	for i := 0; i < len(doc); {
		c := doc[i]
		if c < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(doc[i:])
		if Hidden(r) {
			out = AppendEscape(append(out, doc[from:i]...), r)
			from = i + size
		}
		i += size
	}
	if out == nil {
		return doc
	}
	return append(out, doc[from:]...)
}

// AppendEscape appends a rune as JSON's \u escape, a pair of them beyond U+FFFF.
func AppendEscape(b []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		return fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// Quote writes s as a JSON string, with its quotes and without the escapes that
// only HTML needs.
func Quote(s string) string { return string(AppendQuote(nil, s)) }

// AppendQuote appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character, as JSON cannot carry them.
func AppendQuote(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(s); err != nil { // a string always encodes
				panic(err)
			}
			return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
