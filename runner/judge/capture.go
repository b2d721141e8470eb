package judge

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A locator finds the one value that a single-result path names. It is walked without a search,
// and can report how far it came.
type locator struct {
	path  string // as written
	steps []path.Step
}

// find returns the value in a body; the zero Value where there is none.
func (l *locator) find(body diff.Value) diff.Value {
	if v, done := l.walk(body); done == len(l.steps) {
		return v
	}
	return diff.Value{}
}

// walk goes as far as the body has the path's steps. last is the value that was reached and
// done the number of steps taken; all of them where the place exists.
func (l *locator) walk(v diff.Value) (last diff.Value, done int) {
	for i, s := range l.steps {
		// A negative index counts from the end; Element knows that.
		next := v.Element(s.Index)
		if s.Member {
			next = v.Member(s.Name)
		}
		if !next.Exists() {
			return v, i
		}
		v = next
	}
	return v, len(l.steps)
}

// missing says how far the path led and which names are nearest to the one that is not there.
// It is empty where the path leads to a value. The names are those of the object at which the
// path ended, since a misspelled member is the usual reason.
func (l *locator) missing(body diff.Value) string {
	v, done := l.walk(body)
	if done == len(l.steps) {
		return ""
	}
	sentence := fmt.Sprintf("%s finds nothing: %s is %s", l.path, v.Path(), describe(v))
	if step := l.steps[done]; step.Member && v.Type() == diff.ObjectType {
		if names := nearest(step.Name, v, 5); len(names) > 0 {
			sentence += " with " + strings.Join(names, ", ")
		}
	}
	return sentence
}

// describe says in a few words what is at the end of the way that a path could be followed.
func describe(v diff.Value) string {
	switch v.Type() {
	case diff.ArrayType:
		return fmt.Sprintf("an array of %d", v.Len())
	case diff.ObjectType:
		return "an object"
	}
	return typeNames[v.Type()]
}

// nearest returns the names of an object, those most like name first. Distance is counted
// without letter case, over the first 200 members: a message needs five names, not the best of
// a thousand. Names of equal distance keep their order in the body.
func nearest(name string, object diff.Value, most int) []string {
	type scored struct {
		name  string
		score int
	}
	var all []scored
	for member := range object.Children() {
		if len(all) == 200 {
			break
		}
		other := member.Name()
		all = append(all, scored{other, suggest.Distance(strings.ToLower(name), strings.ToLower(other), 64)})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score < all[j].score })
	out := make([]string, 0, most)
	for _, s := range all[:min(most, len(all))] {
		out = append(out, strconv.Quote(text.Cut(s.name, 64)))
	}
	return out
}

// places find the values at a path: one step by step, many by the pattern. many is always
// there: whoever needs to know what a path covers asks the pattern.
type places struct {
	one  *locator // nil for a path that can name many places
	many *diff.Pattern
}

// placesFor parses a path. One that names a single place is also walked step by step, which is
// faster than a pattern and can say how far it led. The error is that of diff.ParsePath, with
// its offset in the text.
func placesFor(path string) (*places, error) {
	pattern, err := diff.ParsePath(path)
	if err != nil {
		return nil, err
	}
	p := &places{many: pattern}
	if steps, ok := pattern.Steps(); ok {
		p.one = &locator{path, steps}
	}
	return p, nil
}

// find returns the values in a body, in document order. A place that is not there gives an
// empty list, never an error. Each value has its normalized path, or for one place the path as
// written.
func (p *places) find(body diff.Value) []datum {
	if p.one != nil {
		if v := p.one.find(body); v.Exists() {
			return []datum{jsonDatum(p.one.path, v)}
		}
		return nil
	}
	nodes := body.Select(p.many)
	data := make([]datum, len(nodes))
	for i, n := range nodes {
		data[i] = jsonDatum(n.Path, n.Value)
	}
	return data
}

// gap is the first place on the way that lacks the names after it: $.list[2], where
// $.list[*].id finds nothing in the third element; empty where there is none. Values and places
// are both in document order, so that a head without its tail shows as the first pair that does
// not belong together. Without this test, each element of a list could lack the name and the
// tests would hold of those that have it.
func (p *places) gap(body diff.Value) string {
	for _, b := range p.many.Branches() {
		tails := body.Select(b.Tail)
		for i, head := range body.Select(b.Head) {
			if i >= len(tails) || !strings.HasPrefix(tails[i].Path, head.Path) || !isStep(tails[i].Path[len(head.Path):]) {
				return head.Path
			}
		}
	}
	return ""
}

// isStep reports whether the rest of a path begins a new step. $.list[1] is not on the way to
// $.list[10], although the text begins the same.
func isStep(rest string) bool { return rest != "" && (rest[0] == '.' || rest[0] == '[') }

// A Capture is made once and used by many walks; Find changes nothing in it.
// A Capture finds one value in an answer; its path and expression are compiled.
type Capture struct {
	*scenarios.Capture
	where *places        // nil: not in the tree of the body
	re    *regexp.Regexp // nil: the value as it is
	err   error          // it could not be compiled
}

// NewCapture compiles a capture, for one use; those of steps are in Compiled.
// An error of the path or of the expression is kept and comes back from Find.
func NewCapture(c *scenarios.Capture) *Capture { return NewCompiler().capture(c) }

// capture compiles a capture.
// Only a path that names one place, or elements by their keys, may be captured from: of several
// values it would be a matter of order which of them is carried on.
func (c *Compiler) capture(written *scenarios.Capture) *Capture {
	out := &Capture{Capture: written}
	if written.Regex != "" {
		out.re, out.err = c.pattern(written.Regex)
	}
	if written.At != "" {
		where, err := c.places(written.At)
		switch {
		case err != nil:
			out.err = err
		case !where.many.Keyed():
			out.err = fmt.Errorf("%s can name more than one value", written.At)
		default:
			out.where = where
		}
	}
	return out
}

// Find reads the value from an answer. The error says what was looked for and what is there
// instead. An expression takes the first header field or cookie that it matches, and gives
// text. What it looks at, in this order: status, header, cookie, body as text, and body at a
// path. An expression at a path is applied to the text of the value found there.
func (c *Capture) Find(a *Answer) (scenarios.Value, error) {
	switch {
	case c.Status:
		return numberValue(a.Status), nil
	case c.err != nil:
		return scenarios.Value{}, c.err
	case c.Header != "":
		values := a.header(c.Header)
		if len(values) == 0 {
			return scenarios.Value{}, fmt.Errorf("no header %s", c.Header)
		}
		return c.text("header "+c.Header, values...)
	case c.Cookie != "":
		v, ok := a.cookie(c.Cookie)
		if !ok {
			return scenarios.Value{}, fmt.Errorf("no cookie %s", c.Cookie)
		}
		return c.text("cookie "+c.Cookie, v)
	case c.where == nil:
		return c.text("the body", string(a.text()))
	}
	v, err := c.findAt(a)
	if err != nil || c.re == nil {
		return v, err
	}
	return c.text(c.At, v.Text)
}

// findAt reads the value at a path of the body. An empty body is named as such, since the error
// of the JSON reader would not say it.
func (c *Capture) findAt(a *Answer) (scenarios.Value, error) {
	if len(a.Answer) == 0 {
		return scenarios.Value{}, errors.New("the body is empty")
	}
	body, err := a.body()
	if err != nil {
		return scenarios.Value{}, fmt.Errorf("%s%w", unreadable(a), err)
	}
	if one := c.where.one; one != nil {
		v := one.find(body)
		if !v.Exists() {
			return scenarios.Value{}, errors.New(one.missing(body))
		}
		return valueOf(v), nil
	}
	// A key may be there twice, and nothing says which of the two is meant.
	switch found := body.Select(c.where.many); len(found) {
	case 0:
		return scenarios.Value{}, fmt.Errorf("%s finds nothing", c.At)
	case 1:
		return valueOf(found[0].Value), nil
	default:
		return scenarios.Value{}, fmt.Errorf("%s finds %d values: %s, %s", c.At, len(found), found[0].Path, found[1].Path)
	}
}

// text takes the first group of the expression, or all that it matches where it has none, from
// the first text that it matches; without an expression the first text. A group that took no
// part in the match is an error: an empty value would go on as if it had been found. where
// names the place, for errors; texts has at least one element.
func (c *Capture) text(where string, texts ...string) (scenarios.Value, error) {
	if c.re == nil {
		return template.TextValue(texts[0]), nil
	}
	for _, text := range texts {
		m := c.re.FindStringSubmatchIndex(text)
		switch {
		// m holds pairs of offsets: the whole match, then the first group.
		case m == nil:
			continue
		case len(m) == 2:
			return template.TextValue(text[m[0]:m[1]]), nil
		case m[2] < 0:
			return scenarios.Value{}, fmt.Errorf("/%s/ matches %s, but its first group took no part", c.Regex, where)
		}
		return template.TextValue(text[m[2]:m[3]]), nil
	}
	return scenarios.Value{}, fmt.Errorf("/%s/ matches nothing in %s", c.Regex, where)
}

// valueOf keeps a value's type; null is an empty text. Text is what a template inserts and JSON
// what a comparison looks at.
func valueOf(v diff.Value) scenarios.Value {
	if v.Type() == diff.NullType {
		return scenarios.Value{JSON: "null"}
	}
	return scenarios.Value{Text: v.Text(), JSON: string(v.JSON())}
}

// SameValue compares two captures as JSON. Numbers are compared by value, so 1 and 1.0 are the
// same.
func SameValue(a, b scenarios.Value) bool {
	if a.JSON == b.JSON {
		return true
	}
	r := diff.Compare([]byte(a.JSON), []byte(b.JSON), nil)
	return r.Equal()
}

// Source is the text that an expression is looked for in. It is shown when an expression finds
// nothing. Without a header or cookie to look in, it is the body as received.
func (c *Capture) Source(a *Answer) string {
	switch {
	case c.Header != "":
		return strings.Join(a.header(c.Header), "\n")
	case c.Cookie != "":
		v, _ := a.cookie(c.Cookie)
		return v
	}
	return string(a.Answer)
}
