package curl

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A shWord is a word of a shell command with its quotes taken off: marked text.
type shWord struct {
	text string
	line int
	// quoted says that some of it was quoted: such a word is no reserved word, no
	// assignment and no operand that a shell would expand.
	quoted bool
	// unknown is what only a shell that runs it could tell: $(…), $1, ${x#y}.
	unknown []string
}

// A shRedirect is < FILE, << DOCUMENT or > FILE of a command.
type shRedirect struct {
	op   string // <, <<, <<<, >, >>, >|, <>, <&, >&, &>
	fd   string
	word shWord // of a document: its text
}

// A shCommand is a simple command.
type shCommand struct {
	words     []shWord
	redirects []shRedirect
	line      int
	comment   []string // whole lines of comment right above it
	text      string   // as the file has it
	piped     bool     // its output goes into the next command of the list
	// background says that a & ended it that stands inside a word, as in a URL
	// without quotes.
	background bool
}

// A shSyntax is a place at which the text is no shell.
type shSyntax struct {
	line int
	msg  string
}

func (e *shSyntax) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.msg) }

// shell splits text into simple commands as POSIX sh does, with $'…' and <<< of
// bash. Nothing is executed. Its rules:
//
//  1. ; & && || | ( ) and line ends end a command; # begins a comment where a
//     word could begin.
//  2. '…' is literal; in "…" a backslash keeps $ ` " \ and joins lines; $'…'
//     knows the escapes of ANSI C; outside quotes a backslash keeps any
//     character and joins lines.
//  3. $NAME, ${NAME} and ${NAME:-text} become placeholders of the environment.
//     What a shell would have to run or compute stays as it is written and makes
//     the word unknown, but for a printf of literal text: that is its text.
//  4. Words are never split or expanded to file names: a variable is one word.
type shell struct {
	text     string
	at, line int
	out      []shCommand
	cmd      shCommand
	from     int // where the command begins
	comment  []string
	docs     []pendingDoc
}

// A pendingDoc is a here-document whose text begins on the next line.
type pendingDoc struct {
	command, redirect int // -1: the command being read
	end               string
	literal, tabs     bool
	line              int
}

// splitShell reads all commands of a text.
func splitShell(text string) ([]shCommand, error) {
	s := &shell{text: text, line: 1}
	for s.at < len(s.text) {
		if err := s.next(); err != nil {
			return s.out, err
		}
	}
	s.end("")
	if len(s.docs) > 0 {
		return s.out, &shSyntax{s.docs[0].line, fmt.Sprintf("the document <<%s has no end", s.docs[0].end)}
	}
	return s.out, nil
}

func (s *shell) rest() string { return s.text[s.at:] }

// next reads one token.
func (s *shell) next() error {
	rest := s.rest()
	switch c := rest[0]; {
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
	case strings.HasPrefix(rest, "\\\n"), strings.HasPrefix(rest, "\\\r\n"):
		s.at += strings.IndexByte(rest, '\n') + 1
		s.line++
	case c == '\n':
		s.end("\n")
		s.at++
		s.line++
		return s.documents()
	case c == '#':
		s.comments()
	case strings.HasPrefix(rest, "&>"):
		return s.redirect("")
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, ";;"), strings.HasPrefix(rest, "|&"):
		s.end(rest[:2])
		s.at += 2
	case strings.IndexByte(";&|()", c) >= 0:
		s.end(rest[:1])
		s.at++
	case c == '<' || c == '>':
		return s.redirect("")
	default:
		return s.word()
	}
	return nil
}

// end finishes the command before an operator.
func (s *shell) end(op string) {
	if len(s.cmd.words) > 0 || len(s.cmd.redirects) > 0 {
		s.cmd.text = strings.TrimSpace(s.text[s.from:s.at])
		s.cmd.piped = op == "|" || op == "|&"
		s.cmd.background = op == "&" && s.at > 0 && s.at+1 < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at-1]) < 0 && strings.IndexByte(" \t\r\n;", s.text[s.at+1]) < 0
		for i := range s.docs {
			if s.docs[i].command < 0 {
				s.docs[i].command = len(s.out)
			}
		}
		s.out = append(s.out, s.cmd)
		s.cmd, s.comment = shCommand{}, nil
	} else if op == "\n" && s.blankLine() {
		s.comment = nil
	}
}

// blankLine reports whether the line that ends here is empty: a comment above it
// belongs to nothing.
func (s *shell) blankLine() bool {
	start := strings.LastIndexByte(s.text[:s.at], '\n') + 1
	return strings.TrimSpace(s.text[start:s.at]) == ""
}

// begin takes the comments above when the first word comes.
func (s *shell) begin() {
	if len(s.cmd.words) == 0 && len(s.cmd.redirects) == 0 {
		s.cmd.line, s.from = s.line, s.at
		s.cmd.comment, s.comment = s.comment, nil
	}
}

func (s *shell) comments() {
	line, _, _ := strings.Cut(s.rest(), "\n")
	if len(s.cmd.words) == 0 && !strings.HasPrefix(line, "#!") {
		if text := strings.TrimSpace(strings.TrimLeft(line, "#")); text != "" {
			s.comment = append(s.comment, text)
		}
	}
	s.at += len(line)
}

// redirect reads an operator and its word.
func (s *shell) redirect(fd string) error {
	s.begin()
	r := shRedirect{fd: fd}
	for _, op := range []string{"&>>", "<<<", "<<-", "<<", "&>", ">>", ">|", ">&", "<>", "<&", ">", "<"} {
		if strings.HasPrefix(s.rest(), op) {
			r.op = op
			break
		}
	}
	s.at += len(r.op)
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
	if s.at >= len(s.text) || strings.IndexByte("\n;&|()<>", s.text[s.at]) >= 0 {
		return &shSyntax{s.line, fmt.Sprintf("a file name is missing after %s", r.op)}
	}
	w, err := s.read()
	if err != nil {
		return err
	}
	r.word = w
	if r.op == "<<" || r.op == "<<-" {
		s.docs = append(s.docs, pendingDoc{-1, len(s.cmd.redirects), web.Readable(w.text), w.quoted, r.op == "<<-", s.line})
		r.op = "<<"
	}
	s.cmd.redirects = append(s.cmd.redirects, r)
	return nil
}

// documents reads the here-documents that begin on this line.
func (s *shell) documents() error {
	docs := s.docs
	s.docs = nil
	for _, d := range docs {
		line, text, found := s.line, "", false
		for s.at < len(s.text) && !found {
			one, _, _ := strings.Cut(s.rest(), "\n")
			s.at = min(s.at+len(one)+1, len(s.text))
			s.line++
			one = strings.TrimSuffix(one, "\r")
			if d.tabs {
				one = strings.TrimLeft(one, "\t")
			}
			if found = one == d.end; !found {
				text += one + "\n"
			}
		}
		if !found {
			return &shSyntax{d.line, fmt.Sprintf("the document <<%s has no end", d.end)}
		}
		w := shWord{text: text, line: line, quoted: true}
		if !d.literal {
			in := &shell{text: text, line: line}
			if err := in.inDouble(&w, false); err != nil {
				return err
			}
		}
		s.out[d.command].redirects[d.redirect].word = w
	}
	return nil
}

// word reads a word, or the number before a redirection.
func (s *shell) word() error {
	s.begin()
	start := s.at
	w, err := s.read()
	if err != nil {
		return err
	}
	if s.at < len(s.text) && (s.text[s.at] == '<' || s.text[s.at] == '>') && s.at-start <= 2 && strings.Trim(s.text[start:s.at], "0123456789") == "" {
		return s.redirect(s.text[start:s.at])
	}
	s.cmd.words = append(s.cmd.words, w)
	return nil
}

// read reads one word with its quotes. The text is built aside and joined once,
// so that a long word costs no more than its length.
func (s *shell) read() (shWord, error) {
	w := shWord{line: s.line}
	var b strings.Builder
	flush := func() {
		b.WriteString(w.text)
		w.text = ""
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		if strings.IndexByte(" \t\n;&|()<>", c) >= 0 || c == '\r' && strings.HasPrefix(s.text[s.at:], "\r\n") {
			break
		}
		if err := s.piece(&w, c); err != nil {
			return w, err
		}
		flush()
	}
	w.text = b.String()
	return w, nil
}

// piece reads one quoted part, one expansion or one character.
func (s *shell) piece(w *shWord, c byte) error {
	switch c {
	case '\'':
		end := strings.IndexByte(s.text[s.at+1:], '\'')
		if end < 0 {
			return &shSyntax{s.line, "a ' without its end"}
		}
		s.take(w, s.text[s.at+1:s.at+1+end])
		s.at += end + 2
	case '"':
		s.at++
		return s.inDouble(w, true)
	case '\\':
		s.backslash(w)
	case '$', '`':
		return s.dollar(w, false)
	default:
		w.text += s.text[s.at : s.at+1]
		s.at++
	}
	return nil
}

// take adds quoted text and counts its lines.
func (s *shell) take(w *shWord, text string) {
	w.text += text
	w.quoted = true
	s.line += strings.Count(text, "\n")
}

func (s *shell) backslash(w *shWord) {
	rest := s.text[s.at+1:]
	switch {
	case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\r\n"):
		s.at += strings.IndexByte(rest, '\n') + 2
		s.line++
	case rest == "":
		w.text += `\`
		s.at++
	default:
		w.text += rest[:1]
		w.quoted = true
		s.at += 2
	}
}

// inDouble reads to the closing quote, or to the end of a document.
func (s *shell) inDouble(w *shWord, closed bool) error {
	line := s.line
	var b strings.Builder
	if !closed {
		w.text = ""
	}
	w.quoted = true
	for s.at < len(s.text) {
		c := s.text[s.at]
		rest := s.text[s.at+1:]
		switch {
		case c == '"' && closed:
			s.at++
			w.text = b.String() + w.text
			return nil
		case c == '\\' && rest != "" && (strings.IndexByte("$`\\", rest[0]) >= 0 || rest[0] == '"' && closed):
			b.WriteByte(rest[0])
			s.at += 2
		case c == '\\' && strings.HasPrefix(rest, "\n"):
			s.at += 2
			s.line++
		case c == '$' || c == '`':
			w.text = ""
			if err := s.dollar(w, true); err != nil {
				return err
			}
			b.WriteString(w.text)
			w.text = ""
		default:
			if c == '\n' {
				s.line++
			}
			b.WriteByte(c)
			s.at++
		}
	}
	if closed {
		return &shSyntax{line, `a " without its end`}
	}
	w.text = b.String()
	return nil
}
