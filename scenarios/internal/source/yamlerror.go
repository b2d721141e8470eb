package source

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/problem"
)

var yamlLine = lazy.Regexp(`^yaml: (?:line (\d+): )?(?s)(.*)$`)

// parserError matches the errors whose line yaml.v3 counts from 0: those of its parser.
// Those of its scanner count from 1.
var parserError = lazy.Regexp(`^did not find expected ('|<|key|node content)`)

var unknownAnchor = lazy.Regexp(`unknown anchor '(.*)' referenced`)

// SplitYAMLError is the line that an error of yaml.v3 is about, from 1, and what it says
// without it. An error without a line is about the first one.
func SplitYAMLError(err error) (line int, msg string) {
	m := yamlLine().FindStringSubmatch(err.Error())
	if m == nil {
		return 1, err.Error()
	}
	if line, err = strconv.Atoi(m[1]); err != nil {
		line = 1
	}
	if parserError().MatchString(m[2]) {
		line++
	}
	return line, m[2]
}

// yamlProblem gives a YAML error its place and, where the cause is known, a hint. The place
// that yaml.v3 names is often where the surrounding list or mapping begins; a tab, an
// indentation that fits nowhere and a quote that is not closed are looked for from there. text
// is what yaml.v3 read: the file with its placeholders masked.
func (s *File) yamlProblem(err error, yamlText string) problem.Problem {
	line, msg := SplitYAMLError(err)
	line = min(max(line, 1), len(s.Lines))
	text := s.Lines[line-1]
	p := problem.Problem{Pos: s.at(line, 1+len(text)-len(strings.TrimLeft(text, " \t"))), Width: len([]rune(strings.TrimSpace(text)))}
	p.Summary = "not valid YAML: " + msg
	// The most frequent causes are looked for first: they have many different messages.
	if s.tabbed(&p) || s.odd(&p, err, yamlText) {
		return p
	}
	switch {
	case strings.Contains(msg, "mapping values are not allowed"):
		if p.Hint = `a value that contains ": " must be quoted`; s.misindented(&p, 1) {
			return p
		}
	case strings.Contains(msg, "cannot start any token"):
		p.Hint = "a value that starts with @ or ` or % must be quoted"
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "did not find expected '-' indicator"):
		if p.Hint = "look for wrong indentation here or just above"; s.misindented(&p, line) {
			return p
		}
	case strings.Contains(msg, "exceeded max depth"):
		p.Summary = fmt.Sprintf("nested more than %d deep", maxDepth)
	case strings.Contains(msg, "alphabetic or numeric character"):
		p.Hint = "a value that starts with * or & must be quoted"
	case strings.Contains(msg, "unknown anchor"):
		p.Hint = "a value that starts with * must be quoted"
		if m := unknownAnchor().FindStringSubmatch(msg); m != nil {
			s.moveTo(&p, "*"+m[1])
		}
	case strings.Contains(msg, "unknown escape character"):
		s.escape(&p)
	case strings.Contains(msg, "control characters are not allowed"):
		s.control(&p)
	default:
		s.unfinished(&p, msg)
	}
	return p
}

// unfinished looks for the quote or the bracket that is never closed.
func (s *File) unfinished(p *problem.Problem, msg string) {
	if !strings.Contains(msg, "unexpected end of stream") && !strings.Contains(msg, "did not find expected ','") {
		return
	}
	p.Hint = "look for a missing comma or bracket; inside { } and [ ] a value with one of , ? [ ] { } must be quoted"
	if line, col, open := unclosed(strings.Join(s.Lines, "\n")); open != "" {
		p.Summary, p.Pos.Line, p.Pos.Col, p.Width = fmt.Sprintf("not valid YAML: %s is never closed", open), line, col, 1
		if strings.Contains(`"'`, open) {
			p.Hint = "add the missing " + open
		}
	}
}

// control moves a problem to the first character that YAML does not allow.
func (s *File) control(p *problem.Problem) {
	for i, line := range s.Lines {
		at := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
		if at < 0 {
			continue
		}
		p.Pos.Line, p.Pos.Col, p.Width = i+1, utf8.RuneCountInString(line[:at])+1, 1
		p.Hint = fmt.Sprintf("remove the character %U; is this a text file?", line[at])
		return
	}
}

// tabbed finds a tab in the indentation of the line of a problem or of the next one, which
// is where yaml.v3 notices some of them.
func (s *File) tabbed(p *problem.Problem) bool {
	for line := p.Pos.Line; line <= min(p.Pos.Line+1, len(s.Lines)); line++ {
		text := s.Lines[line-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if at := strings.IndexByte(indent, '\t'); at >= 0 && len(indent) < len(text) {
			p.Pos.Line, p.Pos.Col, p.Width = line, at+1, 1
			p.Summary, p.Hint = "not valid YAML: a tab in the indentation", "YAML is indented with spaces: replace the tab"
			return true
		}
	}
	return false
}

// misindented finds the first line, not before from, that begins in a column in which
// nothing above it may go on: between two levels, or deeper than its own mapping. It reads
// keys and dashes alone, and is asked only where YAML has been refused already.
func (s *File) misindented(p *problem.Problem, from int) bool {
	var levels []int // columns, from 0, in which the blocks around begin
	opened := true   // the line above may be followed by a deeper one
	for i := from - 1; i < len(s.Lines); i++ {
		text := s.Lines[i]
		body := strings.TrimLeft(text, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		col := len(text) - len(body)
		for len(levels) > 1 && levels[len(levels)-1] > col {
			levels = levels[:len(levels)-1]
			opened = false
		}
		// Deeper than the line above allows, or between two levels.
		if len(levels) > 0 && levels[len(levels)-1] != col && !opened {
			if !keyStart().MatchString(body) {
				continue // text that goes on over lines
			}
			p.Pos.Line, p.Pos.Col, p.Width = i+1, col+1, len([]rune(strings.TrimSpace(body)))
			p.Summary = "not valid YAML: this line begins in a column that fits no line above"
			p.Hint = fmt.Sprintf("keys of one mapping begin in the same column; the nearest one above begins in column %d", levels[len(levels)-1]+1)
			return true
		}
		if len(levels) == 0 || levels[len(levels)-1] != col {
			levels = append(levels, col)
		}
		for strings.HasPrefix(body, "- ") {
			rest := strings.TrimLeft(body[2:], " ")
			col += len(body) - len(rest)
			body = rest
			levels = append(levels, col)
		}
		opened = opens().MatchString(body)
	}
	return false
}

// keyStart matches what begins with a key or a dash, and opens what a deeper line may follow:
// a key without a value, a dash, or the head of a text in several lines.
var (
	keyStart = lazy.Regexp(`^(- |-$|[\w."'$-]+ *:( |$))`)
	opens    = lazy.Regexp(`(:|^-|[|>][-+0-9]*)\s*(#.*)?$`)
)

// moveTo moves a problem to the first line that holds a text.
func (s *File) moveTo(p *problem.Problem, text string) {
	for i, line := range s.Lines {
		if before, _, ok := strings.Cut(line, text); ok {
			p.Pos.Line, p.Pos.Col, p.Width = i+1, utf8.RuneCountInString(before)+1, utf8.RuneCountInString(text)
			return
		}
	}
}
