package path

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/internal/text"
)

// A parser reads one path; see Pattern for the grammar and its rules. Every error has
// the offset of the byte that is wrong, or of the bracket that is not closed.
type parser struct {
	// text is checked to be UTF-8 before anything else, so that the functions can read bytes.
	text string
	pos  int // of the next byte
}

// maxPath bounds a path's length in bytes.
const maxPath = 4096

// MaxSegments bounds the segments of a path: an automaton keeps the number of a segment
// in eight bits.
const MaxSegments = 64

// fail is an error at an offset, with a hint of what to write instead where there is one. The
// error may be wrapped by callers that know the file; Offset is what they need for a column.
func (p *parser) fail(at int, hint, format string, args ...any) *Error {
	return &Error{Offset: at, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// parse reads the whole path (rule 1). White space is allowed before a segment and not after
// the last one, so it is skipped first and refused at the end.
func (p *parser) parse() ([]segment, error) {
	switch {
	case len(p.text) > maxPath:
		return nil, p.fail(maxPath, "", "a path of more than %d bytes", maxPath)
	case !utf8.ValidString(p.text):
		return nil, p.fail(0, "", "the path is not UTF-8")
	// The hint is the path as it would be written, as users of other tools leave out the $.
	case !strings.HasPrefix(p.text, "$"):
		return nil, p.fail(0, "write $."+strings.TrimLeft(p.text, "./"), "a path begins with $")
	}
	p.pos = 1
	var segs []segment
	for p.pos < len(p.text) {
		start := p.pos
		p.space()
		if p.pos == len(p.text) {
			return nil, p.fail(start, "", "white space after the path")
		}
		if len(segs) == MaxSegments {
			return nil, p.fail(p.pos, "", "more than %d segments", MaxSegments)
		}
		s, err := p.segment()
		if err != nil {
			return nil, err
		}
		segs = append(segs, s)
	}
	return segs, nil
}

// peek is the next byte; 0 at the end, which no path has inside.
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// space skips white space as RFC 9535 defines it.
func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// A segment has at least one selector.
// segment reads . or .. with a name, or brackets with or without .. before them.
func (p *parser) segment() (segment, error) {
	var s segment
	switch {
	case strings.HasPrefix(p.text[p.pos:], ".."):
		s.deep = true
		p.pos += 2
	case p.peek() == '.':
		p.pos++
	case p.peek() == '[':
		sels, err := p.bracket()
		return segment{sels: sels}, err
	default:
		hint := ""
		if strings.IndexByte(" \t\n\r", p.text[p.pos-1]) >= 0 {
			hint = "quote a name with a blank: ['a b']"
		}
		return s, p.fail(p.pos, hint, "expected . or [ and got %q", p.text[p.pos:p.pos+1])
	}
	if s.deep && p.peek() == '[' {
		sels, err := p.bracket()
		s.sels = sels
		return s, err
	}
	// A name, a glob or a * follows the dots directly.
	sel, err := p.shorthand()
	s.sels = []selector{sel}
	return s, err
}

// nameByte reports whether a name without quotes may have the byte: a letter, a digit, _ or a
// part of a character beyond ASCII. RFC 9535 allows the characters beyond ASCII without
// surrogates, which UTF-8 cannot have.
func nameByte(c byte) bool {
	return c == '_' || c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// shorthand parses name, * or a glob (rule 5) after . or ... Names that other languages
// of paths allow without quotes are refused with a hint, as they would mean other places
// there.
func (p *parser) shorthand() (selector, error) {
	start := p.pos
	for p.pos < len(p.text) && (nameByte(p.text[p.pos]) || p.text[p.pos] == '*') {
		p.pos++
	}
	name := p.text[start:p.pos]
	switch {
	case name == "" && start == len(p.text):
		return selector{}, p.fail(start, "add a name, * for all members, or remove the dot", "a name is missing at the end")
	case name == "":
		return selector{}, p.fail(start, "quote a name with other characters: ['a-b']", "a name is missing")
	case name == "*":
		return selector{kind: selWild}, nil
	// .0 would be an index in some dialects and a name in others.
	case name[0] >= '0' && name[0] <= '9':
		return selector{}, p.fail(start, "write ["+name+"] for an element, ['"+name+"'] for a member", "a name cannot begin with a digit")
	case strings.Contains(name, "**"):
		return selector{}, p.fail(start, "", "two * in a row")
	}
	// A hyphen or a colon would end the name here and begin nothing valid; quotes make it one
	// name.
	if c := p.peek(); c != 0 && strings.IndexByte(".[ \t\r\n", c) < 0 {
		return selector{}, p.fail(p.pos, "quote the name: ['"+name+"…']", "%q in a name", p.text[p.pos:p.pos+1])
	}
	if strings.IndexByte(name, '*') >= 0 {
		return selector{kind: selGlob, name: name}, nil
	}
	return selector{kind: selName, name: name}, nil
}

// bracket parses selectors in brackets, separated by commas. p is at the opening bracket. An
// empty pair of brackets is an error of selector.
func (p *parser) bracket() ([]selector, error) {
	open := p.pos
	p.pos++
	var sels []selector
	for {
		p.space()
		sel, err := p.selector(open)
		if err != nil {
			return nil, err
		}
		sels = append(sels, sel)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return sels, nil
		case 0:
			return nil, p.fail(open, "write ] at the end", "[ without ]")
		default:
			return nil, p.fail(p.pos, "", "expected , or ] and got %q", p.text[p.pos:p.pos+1])
		}
	}
}

// selector parses one selector in the brackets that begin at open; its first byte says which
// kind it is. A minus can only be an index or a bound, a colon only a slice without a start.
func (p *parser) selector(open int) (selector, error) {
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		name, err := p.quoted()
		return selector{kind: selName, name: name}, err
	case c == '*':
		p.pos++
		return selector{kind: selWild}, nil
	case c == '?':
		return p.filter()
	case c == '-' || c == ':' || c >= '0' && c <= '9':
		return p.indexOrSlice()
	case c == 0:
		return selector{}, p.fail(open, "write [0] for the first element, [*] for all", "[ without ]")
	default:
		return selector{}, p.fail(p.pos, "quote a name: ['name']", "expected a name, an index, a slice, * or ? and got %q", p.text[p.pos:p.pos+1])
	}
}

// maxIndex is the largest integer that RFC 9535 allows: 2^53-1. Larger ones are not exact as
// floating point numbers of 64 bits, which many readers of JSON use.
const maxIndex = 1<<53 - 1

// integer parses an index or a bound of a slice. RFC 9535 allows neither leading zeros
// nor -0.
func (p *parser) integer() (int, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	digits := p.pos
	n := 0
	for ; p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9'; p.pos++ {
		// The bound is tested in the loop, before n can overflow.
		n = n*10 + int(p.text[p.pos]-'0')
		if n > maxIndex {
			return 0, p.fail(start, "", "an index beyond 2^53-1")
		}
	}
	switch {
	case p.pos == digits:
		return 0, p.fail(p.pos, "", "a number is missing")
	case p.text[digits] == '0' && (p.pos-digits > 1 || digits > start):
		return 0, p.fail(start, "", "a number with a leading zero or minus zero")
	case digits > start:
		n = -n
	}
	return n, nil
}

// indexOrSlice parses an index or start:end:step, each part of which may be missing. Missing
// parts keep their defaults (RFC 9535, 2.3.4.2.1), which depend on the sign of the step; that
// is why hasStart and hasEnd are kept.
func (p *parser) indexOrSlice() (selector, error) {
	sel := selector{kind: selIndex, step: 1}
	var err error
	if p.peek() != ':' {
		if sel.index, err = p.integer(); err != nil {
			return sel, err
		}
		// The number before a colon is the start. It is kept both ways until the kind is known.
		sel.start, sel.hasStart = sel.index, true
	}
	// An index, unless a colon follows. The space before it is then a slice's.
	back := p.pos
	p.space()
	if p.peek() != ':' {
		p.pos = back
		return sel, nil
	}
	sel.kind = selSlice
	p.pos++
	p.space()
	if c := p.peek(); c == '-' || c >= '0' && c <= '9' {
		if sel.end, err = p.integer(); err != nil {
			return sel, err
		}
		sel.hasEnd = true
		p.space()
	}
	if p.peek() != ':' {
		return sel, nil
	}
	p.pos++
	p.space()
	if c := p.peek(); c == '-' || c >= '0' && c <= '9' {
		if sel.step, err = p.integer(); err != nil {
			return sel, err
		}
	}
	return sel, nil
}

// filter parses ?@.key=='value' and its && chain (rule 4). Other filters of RFC 9535 are
// refused: they would need a second language of expressions, and rules name elements by
// their keys.
// Each round reads one comparison: a member after @, ==, and a literal.
func (p *parser) filter() (selector, error) {
	const hint = "the one filter form is [?@.key=='value'], joined by &&"
	sel := selector{kind: selFilter}
	p.pos++
	for {
		p.space()
		start := p.pos
		if p.peek() != '@' {
			return sel, p.fail(start, hint, "a filter compares a member with a literal")
		}
		p.pos++
		var t Term
		switch p.peek() {
		case '.':
			p.pos++
			s, err := p.filterName()
			if err != nil {
				return sel, err
			}
			t.Name = s
		case '[':
			p.pos++
			p.space()
			name, err := p.quoted()
			if err != nil {
				return sel, err
			}
			t.Name = name
			p.space()
			if p.peek() != ']' {
				return sel, p.fail(p.pos, hint, "] is missing")
			}
			p.pos++
		default:
			return sel, p.fail(p.pos, hint, "a filter names a member of the element")
		}
		p.space()
		if !strings.HasPrefix(p.text[p.pos:], "==") {
			return sel, p.fail(p.pos, hint, "only == is known in a filter")
		}
		p.pos += 2
		p.space()
		lit, err := p.literal()
		if err != nil {
			return sel, err
		}
		t.Literal = lit
		sel.terms = append(sel.terms, t)
		// The space after the last term belongs to the brackets, so it is given back.
		back := p.pos
		p.space()
		if !strings.HasPrefix(p.text[p.pos:], "&&") {
			p.pos = back
			return sel, nil
		}
		p.pos += 2
	}
}

// filterName parses a member's name after @. in a filter. A name with other characters has to
// be quoted, as in shorthand.
func (p *parser) filterName() (string, error) {
	start := p.pos
	for p.pos < len(p.text) && nameByte(p.text[p.pos]) {
		p.pos++
	}
	name := p.text[start:p.pos]
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "", p.fail(start, "quote it: @['name']", "a member name is missing")
	}
	return name, nil
}

// literal parses a string, number, true, false or null and gives it as JSON. It is kept as JSON
// so that it can be compared with a member's text in a document. Numbers are kept as written.
func (p *parser) literal() (string, error) {
	start := p.pos
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return text.Quote(s), err
	case c == '-' || c >= '0' && c <= '9':
		for p.pos < len(p.text) && strings.IndexByte("+-.eE0123456789", p.text[p.pos]) >= 0 {
			p.pos++
		}
		if _, end, ok := literal.ScanNumber([]byte(p.text), start); !ok || end != p.pos {
			return "", p.fail(start, "", "not a number: %s", p.text[start:p.pos])
		}
		return p.text[start:p.pos], nil
	}
	for _, w := range []string{"true", "false", "null"} {
		if strings.HasPrefix(p.text[p.pos:], w) {
			p.pos += len(w)
			return w, nil
		}
	}
	return "", p.fail(start, "", "expected a string, a number, true, false or null")
}
