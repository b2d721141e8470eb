// Package literal reads and writes the scalars of JSON text: numbers with their
// exact decimal value, and strings with their escapes. Text goes in, values come
// out, and back again. It knows no documents, no paths and no rules; package diff
// reads whole documents with it.
//
// Numbers are never rounded. 1, 1.0 and 10e-1 are one value, and two numbers that
// differ in their four-hundredth digit are two.
package literal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// SpaceEnd is the offset of the first byte from i on that is not JSON's white space.
func SpaceEnd(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// QuoteEnd is the offset of the quote that closes a valid string. i is anywhere
// inside of the string but in the middle of an escape.
func QuoteEnd(s []byte, i int) int {
	quote := -1
	for {
		if quote < i {
			quote = i + bytes.IndexByte(s[i:], '"')
		}
		escape := bytes.IndexByte(s[i:quote], '\\')
		if escape < 0 {
			return quote
		}
		i += escape + 2
	}
}

// Unquote is the content of a valid JSON string, which is given with its quotes.
func Unquote(quoted []byte) string { return string(Unescape(nil, quoted[1:len(quoted)-1])) }

// Unescape appends to out what is written between the quotes of a valid JSON string.
func Unescape(out, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		switch e := s[i+1]; e {
		case 'u':
			r, n := UnicodeEscape(s, i)
			out = utf8.AppendRune(out, r)
			i += n
			continue
		case 'b', 'f', 'n', 'r', 't':
			out = append(out, "\b\f\n\r\t"[bytes.IndexByte([]byte("bfnrt"), e)])
		default:
			out = append(out, e)
		}
		i += 2
	}
	return out
}

// UnicodeEscape reads \uXXXX at i, with its low surrogate where it needs one;
// n is 0 when it is broken or a lone surrogate.
func UnicodeEscape(s []byte, i int) (r rune, n int) {
	hi, ok := Hex4(s, i+2)
	switch {
	case !ok, hi >= 0xDC00 && hi < 0xE000:
		return 0, 0
	case hi < 0xD800 || hi >= 0xE000:
		return hi, 6
	}
	if i+12 > len(s) || s[i+6] != '\\' || s[i+7] != 'u' {
		return 0, 0
	}
	lo, ok := Hex4(s, i+8)
	if !ok || lo < 0xDC00 || lo >= 0xE000 {
		return 0, 0
	}
	return (hi-0xD800)<<10 | (lo - 0xDC00) + 0x10000, 12
}

// Hex4 reads the four hexadecimal digits at i.
func Hex4(s []byte, i int) (rune, bool) {
	var r [2]byte
	if i+4 > len(s) {
		return 0, false
	}
	_, err := hex.Decode(r[:], s[i:i+4])
	return rune(r[0])<<8 | rune(r[1]), err == nil
}

// Marshal is json.Marshal without the escapes that only HTML needs.
func Marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// PlainEscapes undoes the escapes that a JSON writer adds for HTML's sake, so
// that a text reads the same however often it was written and read.
func PlainEscapes(s string) string {
	if !strings.Contains(s, `\u`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+6 <= len(s) && s[i+1] == 'u' {
			if r, ok := htmlEscapes[strings.ToLower(s[i+2:i+6])]; ok {
				b.WriteString(r)
				i += 5
				continue
			}
		}
		b.WriteString(s[i : i+2])
		i++
	}
	return b.String()
}

// htmlEscapes are the characters that encoding/json escapes unless it is asked not to: those that end a
// script element, and the two line ends that JavaScript has and JSON does not.
var htmlEscapes = map[string]string{"003c": "<", "003e": ">", "0026": "&", "2028": "\u2028", "2029": "\u2029"}
