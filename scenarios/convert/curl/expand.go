package curl

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// dollar reads what begins with $ or a backquote.
func (s *shell) dollar(w *shWord, quoted bool) error {
	rest := s.rest()
	if strings.HasPrefix(rest, "$\\\n") { // lines are joined before anything else
		s.text = s.text[:s.at+1] + s.text[s.at+3:]
		s.line++
		rest = s.rest()
	}
	switch {
	case rest[0] == '`':
		return s.unknown(w, closingBackquote(rest), "`")
	case strings.HasPrefix(rest, "$'") && !quoted:
		return s.ansi(w)
	case strings.HasPrefix(rest, `$"`) && !quoted:
		s.at += 2
		return s.inDouble(w, true)
	case strings.HasPrefix(rest, "$(("):
		return s.unknown(w, closingParen(rest, 1), "$((")
	case strings.HasPrefix(rest, "$("):
		end := closingParen(rest, 1)
		if end > 0 {
			if text, ok := literalPrintf(rest[2 : end-1]); ok {
				w.text += strings.TrimRight(text, "\n")
				w.quoted = true
				s.line += strings.Count(rest[:end], "\n")
				s.at += end
				return nil
			}
			if ours := generatedBy[strings.TrimSpace(rest[2:end-1])]; ours != "" {
				w.text += web.Marked(ours)
				s.at += end
				return nil
			}
		}
		return s.unknown(w, end, "$(")
	case strings.HasPrefix(rest, "${"):
		return s.braces(w)
	}
	n := 1
	for n < len(rest) && (isVarByte(rest[n]) && (n > 1 || rest[n] < '0' || rest[n] > '9')) {
		n++
	}
	switch {
	case rest[1:n] == "RANDOM":
		w.text += web.Marked("$int: 0..32767")
		s.at += n
	case n > 1:
		w.text += web.Marked("env." + rest[1:n])
		s.at += n
	case len(rest) > 1 && strings.IndexByte("@*#?-$!0123456789", rest[1]) >= 0:
		return s.unknown(w, 2, "$")
	default:
		w.text += "$"
		s.at++
	}
	return nil
}

// generatedBy are commands whose output the language can draw itself.
var generatedBy = map[string]string{
	"uuidgen": "$uuid", "cat /proc/sys/kernel/random/uuid": "$uuid", "date +%s": "$now | format: unix", "date +%s%3N": "$now | format: unix_ms",
	"date -u +%Y-%m-%dT%H:%M:%SZ": "$now", `date -u +"%Y-%m-%dT%H:%M:%SZ"`: "$now",
}

func isVarByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isVarName reports whether text names a shell variable.
func isVarName(text string) bool {
	for i := range len(text) {
		if !isVarByte(text[i]) || i == 0 && text[i] <= '9' {
			return false
		}
	}
	return text != ""
}

// unknown keeps the first end bytes as they are written.
func (s *shell) unknown(w *shWord, end int, what string) error {
	if end <= 0 {
		return &shSyntax{s.line, what + " without its end"}
	}
	text := s.rest()[:end]
	w.text += text
	w.quoted = true
	w.unknown = append(w.unknown, text)
	s.line += strings.Count(text, "\n")
	s.at += end
	return nil
}

// braces reads ${NAME} and ${NAME:-text}; anything else is unknown.
func (s *shell) braces(w *shWord) error {
	rest := s.rest()
	end := closingBrace(rest)
	if end <= 0 {
		return s.unknown(w, 0, "${")
	}
	inside := rest[2 : end-1]
	name, def, hasDefault := inside, "", false
	if i := strings.IndexAny(inside, ":-"); i > 0 {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(inside[i:], ":"), "-")
		name, def, hasDefault = inside[:i], rest, ok
		if !ok {
			name = ""
		}
	}
	switch {
	case !isVarName(name) || strings.ContainsAny(def, "'\"$`\\\n{}|\x00"):
		return s.unknown(w, end, "${")
	case hasDefault && def != "":
		w.text += web.Marked("env." + name + " | default: '" + def + "'")
	case hasDefault:
		w.text += web.Marked("env." + name + ` | default: ""`)
	default:
		w.text += web.Marked("env." + name)
	}
	s.at += end
	return nil
}

// closingParen is the index behind the ) that closes the ( at index from, quotes
// and nesting followed; 0 when there is none.
func closingParen(text string, from int) int {
	depth := 0
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\'':
			n := strings.IndexByte(text[i+1:], '\'')
			if n < 0 {
				return 0
			}
			i += n + 1
		case '"':
			if i = closingDouble(text, i); i < 0 {
				return 0
			}
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// closingDouble is the index of the " that closes the one at index i, or -1.
func closingDouble(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func closingBackquote(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '`':
			return i + 1
		}
	}
	return 0
}

func closingBrace(text string) int {
	depth := 0
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// ansi reads $'…'.
func (s *shell) ansi(w *shWord) error {
	line := s.line
	rest := s.rest()[2:]
	var b strings.Builder
	for i := 0; i < len(rest); {
		switch c := rest[i]; c {
		case '\'':
			s.at += 2 + i + 1
			w.text += b.String()
			w.quoted = true
			return nil
		case '\\':
			text, n := ansiEscape(rest[i:])
			if strings.Contains(text, web.Mark) {
				return &shSyntax{s.line, `\0 ends a word in $'…'`}
			}
			b.WriteString(text)
			i += n
		default:
			if c == '\n' {
				s.line++
			}
			b.WriteByte(c)
			i++
		}
	}
	return &shSyntax{line, "a $' without its end"}
}

var ansiLetters = map[byte]string{'a': "\a", 'b': "\b", 'e': "\x1b", 'E': "\x1b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': `\`, '\'': "'", '"': `"`, '?': "?"}

// ansiEscape reads the escape at the start of text: its value and its length.
func ansiEscape(text string) (string, int) {
	if len(text) < 2 {
		return text, len(text)
	}
	c := text[1]
	if out, ok := ansiLetters[c]; ok {
		return out, 2
	}
	digits := func(from, most, base int) (int64, int) {
		n := from
		for n < len(text) && n-from < most && web.IsDigitOf(text[n], base) {
			n++
		}
		v, err := strconv.ParseInt(text[from:n], base, 64)
		if err != nil {
			return 0, from
		}
		return v, n
	}
	switch {
	case c >= '0' && c <= '7':
		v, n := digits(1, 3, 8)
		return string([]byte{byte(v)}), n
	case c == 'x':
		if v, n := digits(2, 2, 16); n > 2 {
			return string([]byte{byte(v)}), n
		}
	case c == 'u' || c == 'U':
		if v, n := digits(2, map[byte]int{'u': 4, 'U': 8}[c], 16); n > 2 && v <= utf8.MaxRune {
			return string(rune(v)), n
		}
	case c == 'c' && len(text) > 2:
		return string([]byte{text[2] & 0x1f}), 3
	}
	return text[:2], 2
}

// literalPrintf is what printf or echo of literal text prints, as it is or
// through base64: a command whose whole effect is its output, and whose output is
// in the file.
func literalPrintf(text string) (string, bool) {
	cmds, err := splitShell(text)
	if err != nil || len(cmds) == 0 || len(cmds) > 2 || len(cmds[0].redirects) > 0 {
		return "", false
	}
	out, ok := printed(cmds[0].words)
	if !ok || len(cmds) == 1 {
		return out, ok
	}
	through := web.Readable(words(cmds[1].words))
	// Without -w0 long lines are broken, by some tools.
	if !cmds[0].piped || len(cmds[1].redirects) > 0 || web.HasMark(out) || through != "base64 -w0" && through != "base64 -w 0" && (through != "base64" || len(out) > 57) {
		return "", false
	}
	return base64.StdEncoding.EncodeToString([]byte(out)), true
}

// words are the texts of words with a space between.
func words(list []shWord) string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}

// printed is what a printf, or an echo of plain words, prints.
func printed(list []shWord) (string, bool) {
	for _, w := range list {
		if len(w.unknown) > 0 {
			return "", false
		}
	}
	if len(list) < 2 {
		return "", false
	}
	args := list[1:]
	switch list[0].text {
	case "printf":
		if len(args) == 2 && (args[0].text == "%s" || args[0].text == `%s\n`) {
			return args[1].text + strings.Repeat("\n", len(args[0].text)/4), true
		}
		if len(args) == 1 && !web.HasMark(args[0].text) {
			return printfFormat(args[0].text)
		}
	case "echo":
		end := "\n"
		if args[0].text == "-n" && len(args) > 1 {
			end, args = "", args[1:]
		}
		out := words(args)
		if strings.HasPrefix(out, "-") || strings.Contains(out, `\`) {
			return "", false // shells do not agree
		}
		return out + end, true
	}
	return "", false
}

// printfFormat expands the escapes of a format without directives.
func printfFormat(format string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(format); {
		switch c := format[i]; {
		case c == '%' && strings.HasPrefix(format[i:], "%%"):
			b.WriteByte('%')
			i += 2
		case c == '%':
			return "", false
		case c == '\\':
			text, n := ansiEscape(format[i:])
			if text == web.Mark || n < 2 || strings.IndexByte(`abfnrtv\01234567`, format[i+1]) < 0 {
				return "", false
			}
			b.WriteString(text)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), true
}
