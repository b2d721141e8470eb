package layout

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/template"
)

// blockText writes text of several lines as a literal block. ok is false for text that a block
// would change or hide: one line, several line feeds at its end, nothing but white space, or
// characters that cannot be printed. A text that begins with white space says its indent, and
// one without a line feed at its end says so.
func blockText(n *Node, indent int) (string, bool) {
	s := n.text
	body := strings.TrimSuffix(s, "\n")
	if n.kind == plainKind || !strings.Contains(body, "\n") || strings.HasSuffix(body, "\n") || strings.TrimSpace(s) == "" {
		return "", false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !text.Printable(r) {
			return "", false
		}
	}
	head := "|"
	if strings.ContainsAny(s[:1], " \n\t") {
		head += "2"
	}
	if body == s {
		head += "-"
	}
	var b strings.Builder
	b.WriteString(head + "\n")
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			b.WriteString(strings.Repeat(" ", indent) + line)
		}
		b.WriteByte('\n')
	}
	return b.String(), true
}

// misread are plain scalars that YAML 1.1 or 1.2 does not read as text. They are compared
// without letter case, as readers differ in that too.
var misread = []string{"null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", "-.inf", "+.inf", ".nan"}

// maxMisread is how long the longest of them is.
const maxMisread = 5

// numberLike are plain scalars that some YAML reader takes for a number, a date or a time. It
// may take some text for a number that is none; the quotes then do no harm.
var numberLike = regexp.MustCompile(`^[-+.0-9][-+.0-9a-fA-FxXoObB_,:eETtZz ]*$`)

// scalar writes a string, plain where that cannot be misread. Single quotes are used where
// double ones would need escapes. What has to be escaped is written in double quotes. inFlow is
// set within brackets and braces.
func scalar(s string, inFlow bool, kind kind) string {
	switch {
	case kind == plainKind:
		return s
	case kind == looseKind && (template.IsNumber(s) || s == "true" || s == "false"):
		return s
	case plainSafe(s, inFlow):
		return s
	case strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") &&
		strings.IndexFunc(s, func(r rune) bool { return !text.Printable(r) }) < 0:
		return "'" + s + "'"
	}
	return doubleQuoted(s)
}

// plainSafe reports whether a text may be written without quotes. It allows less than YAML
// does: text that begins with a letter, a digit or one of a few marks, without what could end
// it (a colon, a comment, in flow also commas and brackets).
func plainSafe(s string, inFlow bool) bool {
	if s == "" || len(s) > 4096 || len(s) <= maxMisread && slices.Contains(misread, strings.ToLower(s)) || numberLike.MatchString(s) {
		return false
	}
	// Most marks mean something to YAML at the beginning of a text.
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) && !unicode.IsDigit(first) && !strings.ContainsRune("/$_(.^", first) {
		return false
	}
	for i, r := range s {
		switch {
		case !text.Printable(r):
			return false
		case inFlow && strings.ContainsRune(",[]{}?:", r) && (r != ':' || i+1 == len(s) || strings.ContainsRune(" ,[]{}", rune(s[i+1]))):
			return false
		case r == ':' && (i+1 == len(s) || s[i+1] == ' '):
			return false
		case r == '#' && s[i-1] == ' ':
			return false
		}
	}
	return !strings.HasSuffix(s, " ") && !strings.Contains(s, "\u00a0")
}

// doubleQuoted writes every text, with the escapes of YAML for what cannot be printed.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == unicode.ReplacementChar || text.Printable(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteByte('"')
	return b.String()
}

// hex has at least n digits.
func hex(r rune, n int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(0, n-len(s))) + s
}
