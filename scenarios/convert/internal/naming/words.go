package naming

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Escape writes text so that the braces in it are literal.
func Escape(s string) string {
	return strings.ReplaceAll(s, "{{", "{{'{{'}}")
}

// Unescape is text that Escape has written.
func Unescape(s string) string { return strings.ReplaceAll(s, "{{'{{'}}", "{{") }

// GuardBrace writes a brace at the end of text of the scenario language so that it does not begin
// the placeholder after it.
func GuardBrace(text string) string {
	if rest, ok := strings.CutSuffix(text, "{"); ok {
		return rest + "{{'{'}}"
	}
	return text
}

// OneLine makes text safe to print in one line of at most n characters.
func OneLine(s string, n int) string {
	s = strings.Join(strings.Fields(text.OneRow(s)), " ")
	if utf8.RuneCountInString(s) > n {
		r := []rune(s)
		s = string(r[:n]) + "…"
	}
	return s
}

// IsToken reports whether text is a token of RFC 9110, as the names of headers
// and cookies and methods are, and not longer than anybody writes.
func IsToken(s string) bool { return len(s) <= 200 && template.IsToken(s) }

// CleanURL writes the literal text of a path or query as the language takes it:
// without controls, backslashes, fragments, bytes of also and bytes that are not
// UTF-8, and with every % followed by two hex digits.
func CleanURL(s, also string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		c := s[i]
		switch {
		case r == utf8.RuneError && n == 1, c < ' ', c == 0x7f, c == '\\', c == '#', c == '%' && !IsEscape(s[i:]),
			strings.IndexByte(also, c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// IsEscape reports whether text begins with % and two hex digits.
func IsEscape(s string) bool {
	if len(s) < 3 || s[0] != '%' {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil
}

// MinSecret is the length in bytes below which the language cannot hide a value: a
// shorter one is read from the environment and is not in the list of secrets.
const MinSecret = 6
