package source

import (
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// A mark is an unquoted placeholder that YAML would misread.
type mark struct {
	line, col, width int
	summary, hint    string
}

// scanner walks YAML text just closely enough to know where plain (unquoted)
// scalars are: it skips comments, quoted scalars and block scalars and counts
// the depth of flow collections.
type scanner struct {
	text  string
	out   []byte
	i     int
	line  int
	start int // index of the current line
	flow  int
	open  []int // places of the brackets around
	key   bool  // the character before ends a quoted text: a colon after it ends a key, as in JSON
	quote int   // one more than the place of a quote that the text does not close; 0: there is none
	close int   // the next }} of this line, or its end; valid while not before i
	begun bool  // inside a plain scalar: its first character has been read
	marks []mark
}

// quotePlaceholders finds the {{ that YAML would read as two mappings or stop
// at: at the start of a value, inside [ ] or { }, or holding ": " or " #". It
// returns the text with those placeholders written ((…)), same length, so that
// the rest of the file can still be read and every mistake reported at once.
func quotePlaceholders(text string) (string, []mark) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	s := &scanner{text: text, out: []byte(text), line: 1}
	for s.i < len(s.text) {
		s.step()
	}
	return string(s.out), s.marks
}

// maxMarks bounds how many placeholders of one file are reported.
const maxMarks = 1000

// unclosed finds the quote, or else the last bracket, that is open at the end of the text.
func unclosed(text string) (line, col int, mark string) {
	s := &scanner{text: text, out: []byte(text), line: 1}
	for s.i < len(s.text) {
		s.step()
	}
	at := s.quote - 1
	if at < 0 && len(s.open) == 0 {
		return 0, 0, ""
	}
	if at < 0 {
		at = s.open[len(s.open)-1]
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return strings.Count(text[:at], "\n") + 1, utf8.RuneCountInString(text[start:at]) + 1, text[at : at+1]
}

func (s *scanner) step() {
	c := s.text[s.i]
	switch {
	case c == '\n':
		s.newline()
		return
	case c == ' ' || c == '\t':
	case c == '#' && (s.i == s.start || isBlank(s.text[s.i-1])):
		s.skipLine()
		return
	case strings.HasPrefix(s.text[s.i:], "{{"):
		s.placeholder()
		return
	case s.begun:
		s.plain(c)
	case c == ':' && s.key && s.flow > 0:
		s.key = false
	default:
		s.token(c)
		s.key = (c == '"' || c == '\'') && s.flow > 0
	}
	s.i++
}

// newline ends plain scalars of block style; the few that go on over lines are
// treated as new ones, which only matters for a {{ at the start of such a line.
func (s *scanner) newline() {
	s.i++
	s.line++
	s.start = s.i
	s.begun = false
}

func (s *scanner) skipLine() {
	if n := strings.IndexByte(s.text[s.i:], '\n'); n >= 0 {
		s.i += n
	} else {
		s.i = len(s.text)
	}
}

// plain reads on inside a plain scalar: ": " and, in flow, the brackets end it.
func (s *scanner) plain(c byte) {
	switch {
	case c == ':' && s.endsKey():
		s.begun = false
	case s.flow > 0 && strings.IndexByte(",[]{}", c) >= 0:
		s.begun = false
		s.token(c)
	}
}

// token reads the first character of something.
func (s *scanner) token(c byte) {
	switch {
	case c == '"' || c == '\'':
		s.quoted(c)
	case c == '[' || c == '{':
		s.flow++
		s.open = append(s.open, s.i)
	case c == ']' || c == '}':
		s.flow = max(0, s.flow-1)
		s.open = s.open[:max(0, len(s.open)-1)]
	case c == ',' && s.flow > 0:
	case (c == '-' || c == '?' || c == ':') && s.endsKey():
	case (c == '|' || c == '>') && s.flow == 0:
		s.block()
	case c == '&' || c == '!':
		for s.i+1 < len(s.text) && !isBlank(s.text[s.i+1]) {
			s.i++
		}
	default:
		s.begun = true
	}
}

// endsKey reports whether the character at i comes before space or a bracket.
func (s *scanner) endsKey() bool {
	if s.i+1 >= len(s.text) {
		return true
	}
	next := s.text[s.i+1]
	return isBlank(next) || s.flow > 0 && strings.IndexByte(",[]{}", next) >= 0
}

// quoted skips a quoted scalar and leaves i at its last character.
func (s *scanner) quoted(q byte) {
	open := s.i
	for s.i++; s.i < len(s.text); s.i++ {
		switch c := s.text[s.i]; {
		case c == '\n':
			s.line++
			s.start = s.i + 1
		case c == '\\' && q == '"':
			s.i++
		case c == q && q == '\'' && s.i+1 < len(s.text) && s.text[s.i+1] == q:
			s.i++
		case c == q:
			return
		}
	}
	s.quote = open + 1
}

// block skips a block scalar: the header's line and every following line that is
// blank or indented more than the key or dash that holds it.
func (s *scanner) block() {
	// The block ends at the first line that is not indented more than its key.
	parent := s.parentIndent()
	s.skipLine()
	for s.i < len(s.text) {
		rest := s.text[s.i+1:]
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		line := rest[:end]
		body := strings.TrimLeft(line, " ")
		if strings.TrimSpace(body) != "" && len(line)-len(body) <= parent {
			break
		}
		s.newline()
		s.i += end
	}
	s.i-- // step moves on to the line end
}

// parentIndent is the column of the key, or of the last dash, on this line.
func (s *scanner) parentIndent() int {
	head := s.text[s.start:s.i]
	col, last := 0, -1
	for col < len(head) {
		switch {
		case head[col] == ' ':
			col++
		case head[col] == '-' && (col+1 == len(head) || head[col+1] == ' '):
			last = col
			col++
		default:
			return col
		}
	}
	return last
}

// placeholder reads {{…}} outside quotes, comments and block scalars.
func (s *scanner) placeholder() {
	// Without }} on the line it is not a placeholder.
	end := s.closing()
	if end < 0 {
		s.begun = true // not a placeholder on this line: the YAML parser speaks
		s.i += 2
		if s.flow > 0 {
			s.flow += 2
			s.begun = false
		}
		return
	}
	body := s.text[s.i : s.i+end+2]
	inner := body[2 : len(body)-2]
	m := mark{line: s.line, width: utf8.RuneCountInString(body)}
	switch {
	case !s.begun:
		m.summary = "a value that starts with {{ must be quoted"
	case s.flow > 0:
		m.summary = "a value with {{ inside [ ] or { } must be quoted"
	case strings.Contains(inner, ": ") || strings.Contains(inner, " #"):
		m.summary = `a value with {{ and ": " or " #" must be quoted`
	}
	if m.summary != "" && len(s.marks) >= maxMarks {
		s.mask(body)
	} else if m.summary != "" {
		m.col = utf8.RuneCountInString(s.text[s.start:s.i]) + 1
		m.hint = "write it in quotes: " + quoteHint(s.valueAt())
		s.marks = append(s.marks, m)
		s.mask(body)
	}
	s.begun = true
	s.i += len(body)
}

// closing is the distance to the }} on this line, or -1. It is looked for once
// for all placeholders before it.
func (s *scanner) closing() int {
	if s.close < s.i+2 || s.close == 0 {
		line := s.text[s.i+2:]
		if n := strings.IndexByte(line, '\n'); n >= 0 {
			line = line[:n]
		}
		s.close = s.i + 2 + len(line)
		if n := strings.Index(line, "}}"); n >= 0 {
			s.close = s.i + 2 + n
		}
	}
	if !strings.HasPrefix(s.text[s.close:], "}}") {
		return -1
	}
	return s.close - s.i
}

// mask writes a placeholder so that YAML reads it as plain text.
func (s *scanner) mask(body string) {
	for k := range len(body) {
		switch body[k] {
		case '{':
			s.out[s.i+k] = '('
		case '}':
			s.out[s.i+k] = ')'
		case ':', '#', ',', '[', ']', '"', '\'', '&', '*', '!':
			s.out[s.i+k] = '.'
		}
	}
}

// valueAt is the whole plain value around the placeholder, as far as it can be known.
func (s *scanner) valueAt() string {
	// The value begins after the key, the dash or the bracket before it.
	from := s.i
	for from > s.start && s.i-from < problem.MaxColumns {
		prev := s.text[from-1]
		if isBlank(prev) && from-1 > s.start && strings.IndexByte(":-,[{",
			s.text[from-2]) >= 0 || s.flow > 0 && strings.IndexByte("[{,", prev) >= 0 {
			break
		}
		if isBlank(prev) && from-1 == s.start {
			break
		}
		from--
	}
	// It ends at the line end, at a comment and, in flow, at a comma or bracket outside of
	// placeholders.
	to := s.close + 2
	for to < len(s.text) && to-s.i < 2*problem.MaxColumns && s.text[to] != '\n' && (s.flow == 0 ||
		strings.IndexByte(",]}", s.text[to]) < 0) && !strings.HasPrefix(s.text[to:], " #") {
		if strings.HasPrefix(s.text[to:], "{{") {
			if n := strings.Index(s.text[to:], "}}"); n > 0 {
				to += n + 1
			}
		}
		to++
	}
	return strings.TrimSpace(s.text[from:to])
}

func quoteHint(value string) string {
	if strings.Contains(value, `"`) {
		return "'" + value + "'"
	}
	return `"` + value + `"`
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
