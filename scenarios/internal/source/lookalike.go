package source

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// Lookalike says which character of a short text only resembles one that YAML knows: what
// word processors, chats and web pages make of quotes, spaces, dashes and colons. It is a
// hint; empty: there is no such character.
func Lookalike(text string) string {
	if utf8.RuneCountInString(text) > problem.MaxColumns {
		return ""
	}
	if TypographicQuote(text) {
		return `typographic quotes are part of the text: write straight ones, " or '`
	}
	for _, r := range text {
		if r != ' ' && unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Cf, r) {
			return fmt.Sprintf("the text holds the character %U, which looks like a space or like nothing: replace or remove it", r)
		}
	}
	return ""
}

// TypographicQuote reports whether a text begins with a quote that is not one of YAML's.
func TypographicQuote(text string) bool {
	first, size := utf8.DecodeRuneInString(text)
	return size > 0 && strings.ContainsRune("“”„‟‘’‚‛«»", first)
}

// oddLines are lines that are seldom meant, with what is wrong on them. The first group is what
// is marked, and mend what takes its place to find out whether the line is to blame; * is the
// group itself.
var oddLines = []struct {
	line                *regexp.Regexp
	mend, summary, hint string
}{
	{
		regexp.MustCompile(`^(<{7} .*|={7}$|>{7} .*)`), "", "a conflict marker of git",
		"resolve the conflict, and remove the lines with <<<<<<<, ======= and >>>>>>>",
	},
	{regexp.MustCompile(`^\s*([–—−•·]) `), "-", "a list element begins with another dash", "write - (the minus of the keyboard) and a space"},
	{regexp.MustCompile(`^\s*(?:- )?[\w.-]+(：)`), ": ", "a key ends in a wide colon", "write : and a space"},
	{
		regexp.MustCompile(`^ *([\x{00a0}\x{2000}-\x{200b}\x{3000}])`), " ", "the indentation has a character that only looks like a space",
		"YAML is indented with spaces: replace it",
	},
	{regexp.MustCompile(`^\s*(?:- )?([a-z_]+:)[^\s:/]\S*$`), "* ", colonWithoutSpace, spaceAfterColon},
	{regexp.MustCompile(`^\s*(?:- )?([a-z_]+:)/[^/]\S*$`), "* ", colonWithoutSpace, spaceAfterColon},
}

const (
	colonWithoutSpace = "a colon without a space"
	spaceAfterColon   = "a key ends in a colon and a space"
)

// odd moves a problem to the last line, not after it, that is seldom meant, and says why. Such a
// line may be right where it is, in a text of several lines or as an element of a list: it is to
// blame only where the file with these lines mended has not the same error.
func (s *File) odd(p *problem.Problem, err error, yamlText string) bool {
	for i := range oddLines {
		o := &oddLines[i]
		at := min(p.Pos.Line, len(s.Lines)) - 1
		for at >= 0 && !o.line.MatchString(s.Lines[at]) {
			at--
		}
		if at < 0 || yamlError(mended(yamlText, o.line, o.mend)) == err.Error() {
			continue
		}
		m := o.line.FindStringSubmatchIndex(s.Lines[at])
		p.Pos.Line, p.Pos.Col, p.Width = at+1, utf8.RuneCountInString(s.Lines[at][:m[2]])+1, utf8.RuneCountInString(s.Lines[at][m[2]:m[3]])
		p.Summary, p.Hint = "not valid YAML: "+o.summary, o.hint
		return true
	}
	return false
}

// mended is a text in which all lines that match have another text in place of their first group.
func mended(text string, line *regexp.Regexp, with string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		for range len(l) {
			m := line.FindStringSubmatchIndex(l)
			if m == nil {
				break
			}
			l = l[:m[2]] + strings.ReplaceAll(with, "*", l[m[2]:m[3]]) + l[m[3]:]
		}
		lines[i] = l
	}
	return strings.Join(lines, "\n")
}

// yamlError is the first error of a text with one document or more; empty: it has none.
func yamlError(text string) string {
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc yaml.Node
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return ""
		case err != nil:
			return err.Error()
		}
	}
}

// unknownEscape matches, in a text in double quotes, a backslash that begins no escape of YAML.
var unknownEscape = lazy.Regexp(`"(?:[^"\\]|\\[0abt\tnvfre "/\\N_LPxuU])*(\\.)`)

// escape moves a problem to the first backslash, not before its line, that begins no escape.
func (s *File) escape(p *problem.Problem) {
	p.Hint = `inside " " a backslash begins an escape: write the text in ' ' instead`
	for line := p.Pos.Line; line <= len(s.Lines); line++ {
		text := s.Lines[line-1]
		if m := unknownEscape().FindStringSubmatchIndex(text); m != nil {
			p.Pos.Line, p.Pos.Col, p.Width = line, utf8.RuneCountInString(text[:m[2]])+1, 2
			return
		}
	}
}
