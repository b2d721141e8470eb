package naming

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape writes text so that the braces in it stand for themselves.
func Escape(text string) string {
	return strings.ReplaceAll(text, "{{", "{{'{{'}}")
}

// guardBrace writes a brace at the end of text of ours so that it does not begin
// the placeholder behind it.
func GuardBrace(text string) string {
	if rest, ok := strings.CutSuffix(text, "{"); ok {
		return rest + "{{'{'}}"
	}
	return text
}

// yamlPrintable reports whether YAML takes a character as it is, and people see it.
func IsPrintable(r rune) bool {
	switch {
	case r == utf8.RuneError, r == '\ufeff', r == '\u2028', r == '\u2029', r >= 0xfffe && r <= 0xffff:
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return false
	}
	return !unicode.Is(unicode.Bidi_Control, r)
}

// Printable makes text safe for a comment or a line of a terminal: whatever is
// not seen is shown as U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case !IsPrintable(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// oneLine makes text safe to print in one line of at most n characters.
func OneLine(s string, n int) string {
	s = strings.Join(strings.Fields(Printable(s)), " ")
	if utf8.RuneCountInString(s) > n {
		r := []rune(s)
		s = string(r[:n]) + "…"
	}
	return s
}

// jsonNumber is a number as JSON writes it.
var JSONNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// isToken reports whether text is a token of RFC 9110, as names of headers are.
func IsToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 200
}
