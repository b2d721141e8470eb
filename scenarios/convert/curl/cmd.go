package curl

import (
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
)

// windowsLine finds a command line of Windows' cmd: curl ^"https://…", a line that
// ends with ^, or ^& in a line without single quotes, which cmd does not know.
var windowsLine = lazy.Regexp(`(?m)^\s*curl(\.exe)?\s(\^"|.*\s\^"|.*\^\r?$|[^'\n]*\^[&{}|<>])`)

// bareWord is what needs no quotes in a shell.
var bareWord = lazy.Regexp(`^[A-Za-z0-9_./:=@%+,-]+$`)

// A cmdReader writes command lines of Windows' cmd, as browsers copy them, as lines
// of a POSIX shell. Its rules:
//
//  1. A ^ takes the meaning from the next character. At the end of a line it joins
//     the next one; before an empty line it is a line end.
//  2. In "…" a ^ does so as well before anything but letters, digits and spaces:
//     Chrome writes it there, where cmd would keep it.
//  3. The program's own reading follows: quotes group, \" is a quote.
//  4. & && | < > end or redirect a command where nothing took their meaning.
//  5. Lines that begin with rem or :: are comments.
//
// %NAME% is kept as it is: in a URL it may as well be two percent codes.
type cmdReader struct {
	text string
	at   int
	out  strings.Builder
	word strings.Builder
	in   bool // a word has begun
	// quoted: between quotes, for the program. cmd's own state is the same, but
	// where ^ comes before a quote.
	quoted bool
}

// fromCmd rewrites a text; lines keep their numbers.
func fromCmd(text string) string {
	r := &cmdReader{text: strings.ReplaceAll(text, "\r\n", "\n")}
	for r.at < len(r.text) {
		r.next()
	}
	r.endWord()
	return r.out.String()
}

func (r *cmdReader) rest() string { return r.text[r.at:] }

func (r *cmdReader) next() {
	rest := r.rest()
	c := rest[0]
	switch {
	case c == '^':
		r.caret(rest[1:])
	case c == '\\' && strings.HasPrefix(strings.TrimPrefix(rest[1:], "^"), `"`), c == '\\' && strings.HasPrefix(rest[1:], `\`) &&
		strings.HasPrefix(strings.TrimLeft(rest, `\^`), `"`): // backslashes that go on to a quote
		r.backslash(rest)
	case c == '"':
		r.quoted, r.in = !r.quoted, true
		r.at++
	case r.quoted:
		r.add(c)
	case c == '\n':
		r.endWord()
		r.out.WriteByte('\n')
		r.at++
		r.comment()
	case c == ' ' || c == '\t':
		r.endWord()
		r.out.WriteByte(' ')
		r.at++
	case strings.IndexByte("&|<>", c) >= 0:
		r.endWord()
		r.out.WriteByte(c)
		r.at++
	default:
		r.add(c)
	}
}

// add takes one character into the word.
func (r *cmdReader) add(c byte) {
	r.word.WriteByte(c)
	r.in = true
	r.at++
}

// caret is rules 1 and 2; rest follows it.
func (r *cmdReader) caret(rest string) {
	switch {
	case strings.HasPrefix(rest, "\n\n"):
		r.at += 2
		r.add('\n')
	case strings.HasPrefix(rest, "\n"):
		if !r.quoted && !r.in {
			r.out.WriteString("\\\n")
		}
		r.at += 2
	case rest == "":
		r.at++
	case strings.HasPrefix(rest, `\^\`): // how a browser writes one
		r.at += 3
		r.add('\\')
	case rest[0] == '"', rest[0] == '\\':
		r.at++ // read as the program reads it
		r.next()
	case r.quoted && (rest[0] == ' ' || isWord(rest[0])):
		r.add('^')
	default:
		r.at++
		r.add(rest[0])
	}
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// backslash reads \" and \\ before a quote.
func (r *cmdReader) backslash(rest string) {
	r.at++
	if strings.HasPrefix(rest[1:], "^") {
		r.at++
	}
	r.add(r.text[r.at])
}

// endWord writes the word in quotes of a shell where it needs them.
func (r *cmdReader) endWord() {
	if !r.in {
		return
	}
	word := r.word.String()
	if !bareWord().MatchString(word) {
		word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	r.out.WriteString(word)
	r.word.Reset()
	r.in = false
}

// comment is rule 5, at the beginning of a line.
func (r *cmdReader) comment() {
	line, _, _ := strings.Cut(r.rest(), "\n")
	text := strings.TrimLeft(line, " \t@")
	lower := strings.ToLower(text)
	switch {
	case lower == "rem" || strings.HasPrefix(lower, "rem "):
		r.out.WriteString("# " + strings.TrimSpace(text[3:]))
	case strings.HasPrefix(text, "::"):
		r.out.WriteString("# " + strings.TrimSpace(text[2:]))
	default:
		r.at += len(line) - len(text)
		return
	}
	r.at += len(line)
}
