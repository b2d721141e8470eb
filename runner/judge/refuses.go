package judge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/envelope"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// What is expected of an answer says something of it only where it would refuse
// another answer. This file finds that out by trying.

// triedPlaces bounds the places of one path for which other values are tried. The places tried
// are spread evenly over all of them.
const triedPlaces = 16

// refusesOthers reports whether a path's tests refuse at least half of the values that could
// come in the place of what is there, at half of the places or more. below is set where they do
// so for values below those places. Half is enough, as a test of a range cannot refuse every
// other value. A path that finds nothing refuses nothing: it fails for another reason.
func (p *subject) refusesOthers(body diff.Value) (refuses, below bool) {
	data := p.where.find(body)
	if len(data) == 0 {
		return false, false
	}
	step := (len(data) + triedPlaces - 1) / triedPlaces
	tried, places, inner := 0, 0, 0
	for i := 0; i < len(data); i += step {
		own, leaves := p.refusesOther(data[i])
		tried, places, inner = tried+1, places+Count(own), inner+Count(leaves)
	}
	return 2*places >= tried || 2*inner >= tried, 2*inner >= tried
}

// refusesOther tries others in the place of one value: of an array or object copies with one
// scalar changed, which are below it, and then smaller and larger ones. A type that the file
// writes refuses values of every other type. own is about the value itself, below about the
// scalars in it.
func (p *subject) refusesOther(d datum) (own, below bool) {
	// Without another value to try, nothing is refused.
	refused := func(others []datum) bool {
		n := 0
		for _, o := range others {
			n += Count(!p.accepts(o))
		}
		return n > 0 && 2*n >= len(others)
	}
	own = slices.ContainsFunc(p.tests, func(t Test) bool { return t.Op == scenarios.OpType })
	if d.kind < diff.ArrayType {
		return own || refused(othersOf(d)), false
	}
	var changed []datum
	// A fixed seed of 1 makes the answer depend on the body alone.
	for m := range mutate.Each(readText(d.json), 1, 2*triedPlaces) {
		if m.Class == mutate.Value {
			changed = append(changed, datum{path: d.path, kind: d.kind, json: string(m.Body), text: string(m.Body)})
		}
	}
	size := func(json string) datum { return datum{path: d.path, kind: d.kind, json: json, text: json} }
	sizes := []datum{size("[]"), size("[null,null,null]")}
	if d.kind == diff.ObjectType {
		sizes = []datum{size("{}"), size(`{"a":1,"b":2,"c":3}`)}
	}
	return own || refused(sizes), refused(changed)
}

// refusesAny reports whether the tests refuse some value in the place of one: exists: true and
// matches: .* refuse none. ne and not refuse what they name.
func (p *subject) refusesAny(d datum) bool {
	if d.kind >= diff.ArrayType {
		own, below := p.refusesOther(d)
		return own || below
	}
	return slices.ContainsFunc(p.tests, func(t Test) bool {
		return t.Op == scenarios.OpNe || t.Op == scenarios.OpNot || t.Op == scenarios.OpType
	}) || slices.ContainsFunc(othersOf(d), func(o datum) bool { return !p.accepts(o) })
}

// accepts reports whether all tests would hold of a value at the path. What they say of how
// many places there are says nothing of the value at one. exists holds of any value there.
func (p *subject) accepts(d datum) bool {
	single := p.where.one != nil
	for i := range p.tests {
		t, ok := &p.tests[i], true
		switch {
		case t.Op == scenarios.OpExists, !single && (t.Op == scenarios.OpCount || t.Op == scenarios.OpUnique):
		case t.Op == scenarios.OpEach:
			ok = t.each(elements(d)) == nil
		default:
			ok = t.holds(d)
		}
		if !ok {
			return false
		}
	}
	return true
}

// othersOf are scalars of the type of one, or of any type for null. The texts are empty,
// unrelated, similar, and longer; numbers are larger, negative and zero. They are what a
// service that lost the data might plausibly send.
func othersOf(d datum) []datum {
	texts := func() (out []datum) {
		other := envelope.OtherTexts(d.text)
		for _, s := range []string{"", other[0], other[1], d.text + "x"} {
			out = append(out, datum{path: d.path, kind: diff.StringType, text: s, json: text.Quote(s), loose: d.loose})
		}
		return out
	}
	switch d.kind {
	case diff.BoolType:
		other := strconv.FormatBool(d.text != "true")
		return []datum{{path: d.path, kind: d.kind, text: other, json: other}}
	case diff.NumberType:
		n, _ := strconv.ParseFloat(d.text, 64)
		var out []datum
		for _, o := range []float64{n + 1, 10*n + 7, -n - 1, 0} {
			if o != n {
				out = append(out, numberDatum(strconv.FormatFloat(o, 'f', -1, 64)))
			}
		}
		return out
	case diff.StringType:
		return texts()
	}
	return append(texts(), numberDatum("7"))
}

// refusesOtherText reports whether a test of the body as text would not hold of one that has
// nothing to do with it, nor of one that only looks like it. One of the other texts has nothing
// in common with it; the other is close.
func (t *Test) refusesOtherText(text string) bool {
	others := envelope.OtherTexts(text)
	return !slices.ContainsFunc(others[:], t.holdsText)
}

func (t *Test) holdsText(text string) bool {
	return t.holds(datum{kind: diff.StringType, text: text, loose: true})
}

// pageTypes are content types of answers that are no pages. A test that refuses half of them is
// about the type; one that refuses fewer says little of it.
var pageTypes = []string{"application/json", "text/plain", "application/xml", "image/png"}

// namesPage reports whether a file says of the content type what most other
// types would not meet, so that it knows of a declared page.
func (c *Checks) namesPage() bool {
	refused := 0
	for _, other := range pageTypes {
		refused += Count(c.refusesHeader("content-type", other))
	}
	return 2*refused >= len(pageTypes)
}

// refusesHeader reports whether what is expected of a header would not hold of a value. A
// header that nothing is expected of refuses no value.
func (c *Checks) refusesHeader(header, value string) bool {
	k := &checker{}
	for _, h := range c.headers {
		if strings.EqualFold(h.name, header) {
			k.text("", h.tests, []string{value}, HiddenValues{})
		}
	}
	return slices.ContainsFunc(k.found, func(e run.Expectation) bool { return !e.OK })
}

// settles reports whether the file expects an error, so that it is none here: what it expects
// of the body would not hold of the same answer without the error, or not of the error without
// the content around it, or not of another error. Package envelope changes the body in three
// ways. It is enough if all variants of one of them are refused. A condition, a snapshot and a
// playlist always settle it: they say what the body is.
func (c *Checks) settles(f *envelope.Finding, a *Answer) bool {
	if c.sparse || c.expect.Snapshot != "" || c.expect.HLS != nil {
		return true
	}
	if len(c.body) == 0 && len(c.content.tests) == 0 && c.expect.Schema == "" {
		return false
	}
	refused := func(trees [][]byte, text bool) bool {
		return !slices.ContainsFunc(trees, func(tree []byte) bool { return !c.refuses(tree, text) })
	}
	r := a.read()
	// The body has no tree. Tests at paths fail by themselves, and text tests see all of it.
	if r.err != nil {
		return len(c.body) > 0 || c.saysText(a) // paths fail
	}
	// Text tests are tried on rewritten JSON only if they hold of the body written the same
	// way; else its white space would decide.
	asText := r.Kind == media.JSON && c.holdsOfText(envelope.Written(r.value))
	if !asText && c.saysText(a) {
		return true
	}
	o := envelope.OthersOf(r.value, r.Kind == media.XML || r.Kind == media.Form, f)
	return refused(o.Well, asText) || refused(o.Bare, asText) || refused(o.Other, asText)
}

// refuses reports whether what is expected of the body does not hold of a tree, and of its text
// where that is asked for. The schema, the text and each path are asked in turn; one that does
// not hold is enough.
func (c *Checks) refuses(tree []byte, text bool) bool {
	if c.expect.Schema != "" && len(c.expect.CheckSchema(tree)) > 0 || text && !c.holdsOfText(tree) {
		return true
	}
	body, err := diff.Read(tree)
	return err == nil && slices.ContainsFunc(c.body, func(p subject) bool {
		data := p.where.find(body)
		for i := range p.tests {
			if ok, _ := p.run(&p.tests[i], body, data); !ok {
				return true
			}
		}
		return false
	})
}

func (c *Checks) holdsOfText(text []byte) bool {
	return !slices.ContainsFunc(c.content.tests, func(t Test) bool { return t.Op != scenarios.OpExists && !t.holdsText(string(text)) })
}
