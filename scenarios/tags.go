package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// A tagParser reads tag expressions: tag, not x, x and y, x or y, ( ). not binds
// tightest, or loosest.
type tagParser struct {
	text   string
	tokens []tagToken
	depth  int
	inside bool     // below an odd number of not
	asked  []string // tags that a case must or may have, those of not left out
}

type tagToken struct {
	word string
	at   int // rune offset
}

// parseTags compiles an expression, and lists the tags that it asks for; the empty
// one takes everything.
func parseTags(text string) (match tagMatch, asked []string, err error) {
	if strings.TrimSpace(text) == "" {
		return func([]string) bool { return true }, nil, nil
	}
	p := &tagParser{text: text}
	word := []rune{}
	flush := func(end int) {
		if len(word) > 0 {
			p.tokens = append(p.tokens, tagToken{string(word), end - len(word)})
			word = nil
		}
	}
	runes := []rune(text)
	for i, r := range runes {
		switch {
		case r == ' ' || r == '\t':
			flush(i)
		case r == '(' || r == ')':
			flush(i)
			p.tokens = append(p.tokens, tagToken{string(r), i})
		case badNameAt(string(r)) >= 0:
			return nil, nil, fmt.Errorf("unexpected %q at offset %d; write: smoke and not write", r, i)
		default:
			word = append(word, r)
		}
	}
	flush(len(runes))
	if match, err = p.or(); err != nil {
		return nil, nil, err
	}
	if len(p.tokens) > 0 {
		return nil, nil, fmt.Errorf("unexpected %q at offset %d; write and or or between tags", p.tokens[0].word, p.tokens[0].at)
	}
	return match, p.asked, nil
}

type tagMatch = func([]string) bool

func (p *tagParser) next(word string) bool {
	if len(p.tokens) > 0 && p.tokens[0].word == word {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *tagParser) or() (tagMatch, error) {
	x, err := p.and()
	for err == nil && p.next("or") {
		a := x
		var b tagMatch
		if b, err = p.and(); err == nil {
			x = func(t []string) bool { return a(t) || b(t) }
		}
	}
	return x, err
}

func (p *tagParser) and() (tagMatch, error) {
	x, err := p.not()
	for err == nil && p.next("and") {
		a := x
		var b tagMatch
		if b, err = p.not(); err == nil {
			x = func(t []string) bool { return a(t) && b(t) }
		}
	}
	return x, err
}

func (p *tagParser) not() (tagMatch, error) {
	if p.depth++; p.depth > 100 {
		return nil, fmt.Errorf("nested too deep")
	}
	defer func() { p.depth-- }()
	if p.next("not") {
		p.inside = !p.inside
		x, err := p.not()
		p.inside = !p.inside
		if err != nil {
			return nil, err
		}
		return func(t []string) bool { return !x(t) }, nil
	}
	if p.next("(") {
		x, err := p.or()
		if err == nil && !p.next(")") {
			err = fmt.Errorf("a ( is not closed")
		}
		return x, err
	}
	if len(p.tokens) == 0 {
		return nil, fmt.Errorf("a tag is missing at the end")
	}
	t := p.tokens[0]
	if slices.Contains([]string{"and", "or", ")"}, t.word) {
		return nil, fmt.Errorf("a tag is missing before %q at offset %d", t.word, t.at)
	}
	p.tokens = p.tokens[1:]
	if !p.inside && !slices.Contains(p.asked, t.word) {
		p.asked = append(p.asked, t.word)
	}
	return func(tags []string) bool { return slices.Contains(tags, t.word) }, nil
}
