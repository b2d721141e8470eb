package keys

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Percents reads a list of percentages as ratios, each with its place.
func (o *Mapping) Percents(name string) (shares []float64, at []*yaml.Node) {
	s := shapeOf(o.Table.Key(name).Shape, FormPercent)
	o.EachElement(name, func(_ int, n *yaml.Node) {
		x := 0.0
		text, ok := o.Reader.ScalarText(n, "an element of "+name, s)
		if ok {
			x, ok = o.Reader.percentOf(n, text, "an element of "+name, s)
		}
		if o.Broken = o.Broken || !ok; ok {
			shares, at = append(shares, x), append(at, n)
		}
	})
	return shares, at
}

// EachElement calls f for each element; a single element counts as a list of one when
// the key's shape says so.
func (o *Mapping) EachElement(name string, f func(i int, n *yaml.Node)) {
	n := o.Get(name)
	if n == nil {
		return
	}
	n = source.Deref(n)
	s := o.Table.Key(name).Shape
	switch {
	case n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			c = source.Deref(c)
			if source.IsNull(c) && (s.Elem != aJSON || EmptyNull(c)) {
				o.Fail(c, "", "an element of %s is empty", name)
				continue
			}
			o.Reader.checkTag(c)
			f(i, c)
		}
	// A single element in place of the list, where the shape has that alternative.
	case s.Form == FormUnion && n.Kind != yaml.MappingNode, s.Form == FormUnion && shapeOf(s, FormObject) != nil:
		f(0, n)
	default:
		hint := ""
		if n.Kind == yaml.MappingNode && s.Form == FormList {
			hint = "begin each element with a dash"
			if k := o.Table.Key(name); strings.HasPrefix(k.Example, "[") {
				hint += ", or write " + name + ": " + k.Example
			}
		}
		o.Fail(n, hint, "%s must be %s, not %s", name, s.Word(), KindWord(n))
	}
}

// Texts reads a list of texts.
func (o *Mapping) Texts(name string, check func(n *yaml.Node, text string) bool) []string {
	var out []string
	seen := map[string]bool{}
	o.EachElement(name, func(_ int, n *yaml.Node) {
		text, ok := o.Reader.ScalarText(n, "an element of "+name, aText)
		switch {
		case !ok:
			o.Broken = true
		case seen[text]:
			o.Fail(n, "", "%q is listed twice in %s", problem.Cut(text, 40), name)
		case check == nil || check(n, text):
			seen[text] = true
			out = append(out, text)
		default:
			o.Broken = true
		}
	})
	return out
}

// EachPair calls f for each pair of a mapping with free keys. Null values are
// reported and left out.
func (o *Mapping) EachPair(name string, f func(k, v *yaml.Node)) {
	if n := o.Get(name); n != nil {
		o.Reader.freeMap(n, name, o.exampleOfKey(name), f)
	}
}

func (w *Reader) freeMap(n *yaml.Node, what, hint string, f func(k, v *yaml.Node)) {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		w.Errorf(n, hint, "%s must be a mapping, not %s", what, KindWord(n))
		return
	}
	w.EachPair(n, func(k, v *yaml.Node) {
		if source.IsNull(v) {
			w.Errorf(k, nullHint(v), "key %q has no value in %s", k.Value, what)
			return
		}
		f(k, v)
	})
}

// IsLiteral reports whether a plain scalar is JSON as written: a number, true,
// false or null.
func IsLiteral(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 &&
		(n.Value == "true" || n.Value == "false" || n.Value == "null" || template.IsNumber(n.Value))
}
