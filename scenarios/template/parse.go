package template

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A ParseError is a mistake in a template, at a byte offset into its text.
type ParseError struct {
	Offset int
	// Msg is lower case and one line.
	Msg string
	// Hint says what to write instead; empty where there is none.
	Hint string
}

// A parser reads the language between {{ and }}:
//
//	name | env.NAME | $generator[.side][: args] | 'text'
//	followed by any number of:  | filter[: argument]
//
// An argument runs to the next | or }}; quotes keep those, commas and spaces. There are no
// expressions: a value that must be computed is a filter, or a variable of the file.
type parser struct {
	text string
	errs []ParseError
}

// Parse reads the text at a place of a file. With errors, all of them, the
// template must not be expanded.
func Parse(text string, pos problem.Pos) (*Template, []ParseError) {
	t := &Template{Text: text, Pos: pos}
	var errs []ParseError
	t.Parts, errs = parseParts(text)
	return t, errs
}

// parseParts cuts text into literals and placeholders. It goes on after a placeholder that is
// wrong, to report all of them; after one that is not closed it stops.
func parseParts(text string) ([]Part, []ParseError) {
	p := &parser{text: text}
	var parts []Part
	i := 0
	for i < len(text) {
		// Text before the braces is literal, up to the next pair.
		open := strings.Index(text[i:], "{{")
		if open < 0 {
			break
		}
		if open > 0 {
			parts = append(parts, Part{Literal: text[i : i+open]})
		}
		i += open
		// Quotes inside the placeholder hide a }} that is text.
		end := closing(text, i+2)
		if end < 0 {
			p.fail(i, "close it with }}; write {{'{{'}} for the braces themselves", "{{ without }}")
			return parts, p.errs
		}
		if x, ok := p.placeholder(i+2, end); ok {
			x.Offset = i
			parts = append(parts, x)
		}
		i = end + 2
	}
	if i < len(text) {
		parts = append(parts, Part{Literal: text[i:]})
	}
	return parts, p.errs
}

// closing is the index of the }} that ends the placeholder, quotes skipped, or -1.
func closing(text string, i int) int {
	quote := byte(0)
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && opensQuote(text, i):
			quote = c
		case strings.HasPrefix(text[i:], "}}"):
			return i
		}
	}
	return -1
}

// opensQuote tells a quote that begins text from an apostrophe inside a word.
func opensQuote(text string, i int) bool {
	// Only what may come before a value makes a quote of it: {{it's}} has an apostrophe.
	for i--; i >= 0 && text[i] == ' '; i-- {
	}
	return i < 0 || strings.IndexByte("{:|,", text[i]) >= 0
}

// fail keeps a mistake at a byte offset of the text.
func (p *parser) fail(offset int, hint, format string, args ...any) {
	p.errs = append(p.errs, ParseError{offset, fmt.Sprintf(format, args...), hint})
}

// segment is text between | with its offset, space trimmed.
type segment struct {
	text string
	at   int
}

// trimSegment is text[from:to] without space at both ends, with the offset of what is left.
func trimSegment(text string, from, to int) segment {
	for from < to && text[from] == ' ' {
		from++
	}
	for to > from && text[to-1] == ' ' {
		to--
	}
	return segment{text[from:to], from}
}

// split cuts text[from:to] at a separator outside quotes.
func split(text string, from, to int, sep byte) []segment {
	var out []segment
	start, quote := from, byte(0)
	for i := from; i < to; i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && opensQuote(text, i):
			quote = c
		case c == sep:
			out = append(out, trimSegment(text, start, i))
			start = i + 1
		}
	}
	return append(out, trimSegment(text, start, to))
}

// placeholder reads the text between the braces.
func (p *parser) placeholder(from, to int) (Part, bool) {
	// The first segment is the value, every other one a filter.
	segments := split(p.text, from, to, '|')
	before := len(p.errs)
	x := p.source(segments[0])
	for _, s := range segments[1:] {
		x.Filters = append(x.Filters, p.filter(s))
	}
	return x, len(p.errs) == before
}

// source reads the name, generator or quoted text before the filters:
//
//  1. Quoted text is taken as it is.
//  2. A name with $ is a generator, with arguments after a colon.
//  3. A name with request. is a part of the request being sent.
//  4. Anything else is a variable, or with env. an environment variable.
func (p *parser) source(s segment) Part {
	if s.text == "" {
		p.fail(s.at, "write {{name}}", "a placeholder without a name")
		return Part{}
	}
	// Rule 1.
	if text, ok := unquote(s.text); ok {
		return Part{Name: QuotedName, Quoted: text}
	}
	head, args, hasArgs := strings.Cut(s.text, ":")
	head = strings.TrimRight(head, " ")
	// Rule 2.
	if strings.HasPrefix(head, "$") {
		x := Part{Name: head}
		if name, ok := strings.CutSuffix(head, ".side"); ok {
			x.Name, x.PerSide = name, true
		}
		if hasArgs {
			// Arguments are cut at commas outside of quotes.
			at := s.at + strings.IndexByte(s.text, ':') + 1
			for _, a := range split(p.text, at, at+len(args), ',') {
				x.Args = append(x.Args, argument(a.text))
			}
		}
		p.generator(s, x)
		return x
	}
	if hasArgs {
		p.fail(s.at, "filters follow a bar: {{name | default: x}}", "%q takes no argument", problem.Cut(head, 40))
		return Part{}
	}
	// Rule 3.
	if strings.HasPrefix(s.text, RequestPrefix) {
		if msg, hint := badRequestPart(s.text); msg != "" {
			p.fail(s.at, hint, "%s", msg)
		}
		return Part{Name: s.text}
	}
	// Rule 4. The hint names what other tools would allow at this place.
	name, env := strings.CutPrefix(s.text, "env.")
	if i := BadNameAt(name); i >= 0 || name == "" {
		// The usual mistakes of those who know other languages of templates.
		hint := "names hold letters, digits, - and _"
		switch {
		case !env && strings.Contains(name, "."):
			hint = "capture the member itself and use its name"
		case strings.HasPrefix(name, "%"), strings.HasPrefix(name, "#"):
			hint = "generators begin with $: {{$uuid}}"
		case strings.ContainsAny(name, "()+*/"):
			hint = "there are no expressions; filters follow a bar: {{name | upper}}"
		}
		p.fail(s.at+max(i, 0), hint, "%q is not the name of a variable", problem.Cut(s.text, 40))
	}
	return Part{Name: s.text}
}

// BadNameAt is the byte index of the first character that the name of a variable
// cannot have at its place; -1 when there is none.
func BadNameAt(s string) int {
	for i, r := range s {
		ok := unicode.IsLetter(r) || r == '_' || i > 0 && (unicode.IsDigit(r) || unicode.Is(unicode.M, r) || r == '-')
		if !ok || r == utf8.RuneError {
			return i
		}
	}
	return -1
}

// filter reads one filter with its argument. The zero Filter is returned with a problem and
// is never applied: a template with problems is not expanded.
func (p *parser) filter(s segment) Filter {
	// The first colon ends the name; further ones belong to the argument.
	name, arg, hasArg := strings.Cut(s.text, ":")
	name = strings.TrimRight(name, " ")
	spec := findFilter(name)
	switch {
	case name == "":
		p.fail(s.at, "remove the bar or name a filter", "a filter is missing after |")
		return Filter{}
	case spec == nil:
		p.fail(s.at, suggest.Hint(name, namesOf(Filters())), "unknown filter %q", problem.Cut(name, 40))
		return Filter{}
	// An argument that a filter does not take would be lost unseen.
	case spec.arg == "" && hasArg:
		p.fail(s.at, "", "filter %q takes no argument", name)
		return Filter{}
	case spec.arg != "" && !hasArg:
		p.fail(s.at, fmt.Sprintf("write {{name | %s: %s}}", name, spec.example), "filter %q needs an argument", name)
		return Filter{}
	}
	// What is wrong with an argument is found out now, not in the middle of a run.
	f := Filter{Name: name}
	if hasArg {
		f.Args = []string{argument(strings.Trim(arg, " "))}
		if spec.check != nil {
			if msg := spec.check(f.Args[0]); msg != "" {
				p.fail(s.at+strings.IndexByte(s.text, ':')+1, fmt.Sprintf("write {{name | %s: %s}}", name, spec.example),
					"filter %s: %s", name, msg)
			}
		}
	}
	return f
}

// generator checks the name and the arguments of a generator.
func (p *parser) generator(s segment, x Part) {
	name := strings.TrimPrefix(x.Name, "$")
	// The rows of generatorSpecs are all there is.
	spec := findGenerator(name)
	if spec == nil {
		// Words of other tools are answered before words that look alike.
		hint := foreignGenerators[strings.ToLower(name)]
		if hint == "" {
			hint = suggest.Hint(name, namesOf(Generators()))
		}
		p.fail(s.at, hint, "unknown generator %q", problem.Cut(x.Name, 40))
		return
	}
	if msg := spec.check(x.Args); msg != "" {
		p.fail(s.at, "write {{"+spec.example+"}}", "generator %s: %s", x.Name, msg)
	}
	if x.PerSide && name == "row" {
		p.fail(s.at, "write {{$row}}", "the row is the same on both sides")
	}
}

// argument is an argument without the quotes around it.
func argument(s string) string {
	if text, ok := unquote(s); ok {
		return text
	}
	return s
}

// unquote takes the quotes off a text that is quoted as a whole.
func unquote(s string) (string, bool) {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] && strings.IndexByte(s[1:len(s)-1], s[0]) < 0 {
		return s[1 : len(s)-1], true
	}
	return "", false
}
