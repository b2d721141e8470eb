// Package mutate makes copies of a JSON body, each with one change, for the negative
// control: a comparison that does not find a mutant would not have found the same
// change in green.
//
// A body that has been read goes in (diff.Value), copies of its text come out. Which
// changes are made depends on the body and a seed alone, so that a run can be repeated.
// The package does not know rules or answers, and does not judge what it makes.
package mutate

import (
	"bytes"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
)

// The classes of mutants.
const (
	Value     = "value"     // a scalar has another value of its type, or two elements are swapped
	Structure = "structure" // a member or an element is gone
	Type      = "type"      // a value has another type
)

// A Mutant is a copy of a body with one change.
type Mutant struct {
	Class string // Value, Structure or Type
	Path  string // normalized path of what was changed
	Body  []byte
}

// maxBytes bounds all mutants of one body together.
const maxBytes = 64 << 20

// maxPlaces is how many values of a body can be changed: the first ones.
const maxPlaces = 1 << 20

// Mutants makes at most max mutants of a body. The rules of what it makes:
//
//  1. The same body, seed and max give the same mutants, in the order of the text.
//  2. Every mutant is valid JSON and differs from the body in one place: no mutant
//     equals the body as diff.Compare reads it without rules.
//  3. Structure and Type have a quarter of the mutants each, and Value the rest.
//  4. Of a body with more than a million values the first million can be changed, and
//     all mutants of a body together have at most 64 MiB.
//  5. A body that is not valid JSON (diff.ReadStrict) has no mutants.
func Mutants(body []byte, seed uint64, max int) []Mutant {
	v, err := diff.ReadStrict(body)
	if max <= 0 || err != nil { // Rule 5
		return nil
	}
	out := make([]Mutant, 0, max)
	for m := range Each(v, seed, max) {
		m.Body = slices.Clone(m.Body)
		out = append(out, m)
	}
	return out
}

// Each gives the mutants of Mutants one by one. The body is the root of a text, as
// diff.ReadStrict returns it; the zero Value has no mutants. A mutant's Body is good
// until the next one.
func Each(body diff.Value, seed uint64, max int) iter.Seq[Mutant] {
	return func(yield func(Mutant) bool) {
		m, max := begin(body, max)
		defer m.release()
		m.each(m.choose(rand.New(rand.NewPCG(seed, uint64(len(m.src)))), max), yield)
	}
}

// Foreign gives at most max copies of a body, each with one string replaced by one
// that has none of the formats that a rule can name, in document order from a place
// that seed chooses. It is for rules that accept any text of a format: they hide
// every mutant of Each that keeps it. The class is Value. For body and mutants the
// same holds as for Each.
func Foreign(body diff.Value, seed uint64, max int) iter.Seq[Mutant] {
	return func(yield func(Mutant) bool) {
		m, max := begin(body, max)
		defer m.release()
		m.each(m.texts(seed, max), yield)
	}
}

// A maker makes the mutants of one body. A place is the number of a value in the
// body, see diff.Value.At.
type maker struct {
	root   diff.Value
	src    []byte  // the text of the body
	places int     // how many values can be changed, from the root on
	out    []byte  // the mutant being made
	values []int32 // what can get another value: see list
	chosen []edit
}

var makers = sync.Pool{New: func() any { return new(maker) }}

// largeBody is the size of a body, and maxKept the number of its values, from which
// on a maker's memory is not kept for the next body.
const (
	largeBody = 1 << 20
	maxKept   = 1 << 14
)

// begin takes an idle maker, and bounds how many mutants it makes (rule 4).
func begin(body diff.Value, max int) (*maker, int) {
	m := makers.Get().(*maker)
	m.root, m.src, m.places = body, body.Source(), min(body.Size(), maxPlaces)
	m.values, m.chosen = m.values[:0], m.chosen[:0]
	if max <= 0 || m.places == 0 {
		m.places = 0
		return m, 0
	}
	return m, min(max, maxBytes/len(m.src)+1)
}

// release gives the maker back, unless a large body has made it large.
func (m *maker) release() {
	if cap(m.values) > maxKept || cap(m.out) > largeBody {
		return
	}
	m.root, m.src = diff.Value{}, nil
	makers.Put(m)
}

// An edit is a mutant to be made.
type edit struct {
	at   int32
	kind kind
}

// A kind is what an edit does to its place; its class is that of the mutant.
type kind uint8

const (
	value     kind = iota + 1
	swapped        // two elements, the place and the one before it
	foreign        // a text of no format
	structure      // the place is gone
	typed          // the place has another type
)

func (k kind) class() string {
	switch k {
	case structure:
		return Structure
	case typed:
		return Type
	default:
		return Value
	}
}

// each makes the mutants of the edits. Of a large body the list of places is given
// back first: the caller needs memory for the comparison of the mutants.
func (m *maker) each(edits []edit, yield func(Mutant) bool) {
	changes := make([]change, 0, len(edits))
	for _, e := range edits {
		changes = append(changes, m.resolve(e))
	}
	if len(m.src) > largeBody {
		m.values, m.out = nil, make([]byte, 0, len(m.src)+64)
	}
	for i := range changes {
		if !yield(m.apply(&changes[i])) {
			return
		}
	}
}

// texts are edits of strings, in document order from one that seed names.
func (m *maker) texts(seed uint64, max int) []edit {
	for i := range m.places {
		if m.root.At(i).Type() == diff.StringType {
			m.values = append(m.values, int32(i))
		}
	}
	n := len(m.values)
	for i := range min(max, n) {
		m.chosen = append(m.chosen, edit{m.values[(i+int(seed%uint64(n)))%n], foreign})
	}
	return m.chosen
}

// choose picks edits at random: of each class its share (rule 3), in document order.
func (m *maker) choose(rng *rand.Rand, max int) []edit {
	m.list()
	share := max / 4
	out := m.sample(m.chosen, structure, rng, 1, share) // all but the root
	out = m.sample(out, typed, rng, 0, share)
	// The rest of the list is shuffled as far as it is used.
	for i, more := 0, max-len(out); i < len(m.values) && more > 0; i++ {
		j := i + rng.IntN(len(m.values)-i)
		m.values[i], m.values[j] = m.values[j], m.values[i]
		e := edit{m.values[i], value}
		if e.at < 0 {
			e = edit{^e.at, swapped}
		}
		if e.kind == value || m.differ(m.before(e.at), e.at) { // Rule 2
			out = append(out, e)
			more--
		}
	}
	slices.SortStableFunc(out, func(a, b edit) int { return int(a.at - b.at) })
	m.chosen = out
	return out
}

// list finds what can get another value: the place of a scalar but null, and for an
// element that can be swapped with the one before it the complement of its place.
func (m *maker) list() {
	for i := range m.places {
		v, at := m.root.At(i), int32(i)
		switch v.Type() {
		case diff.BoolType, diff.NumberType, diff.StringType:
			m.values = append(m.values, at)
		}
		// The value before the first one in an array is the array itself, and no
		// other value with something in it comes directly before an element.
		if i > 0 && !v.IsMember() && m.root.At(i-1).Size() == 1 {
			m.values = append(m.values, ^at)
		}
	}
}

// before is the place of the element or member before the one at a place, which is
// not the first one.
func (m *maker) before(at int32) int32 {
	parent := int32(0)
	for {
		last := int32(-1)
		c := parent + 1
		for next := c + m.size(c); next <= at; next = c + m.size(c) {
			last, c = c, next
		}
		if c == at {
			return last
		}
		parent = c
	}
}

// size is how many places a value takes: its own and those of all values in it.
func (m *maker) size(at int32) int32 { return int32(m.root.At(int(at)).Size()) }

// sample appends n edits of a kind, at places from the given one on (Floyd's
// sampling without replacement).
func (m *maker) sample(out []edit, k kind, rng *rand.Rand, from, n int) []edit {
	base, total := len(out), m.places-from
	for last := total - min(n, total); last < total; last++ {
		e := edit{int32(from + rng.IntN(last+1)), k}
		if slices.Contains(out[base:], e) {
			e.at = int32(from + last)
		}
		out = append(out, e)
	}
	return out
}

// differ reports whether two places have different values: [1, 1.0] with its elements
// swapped is the same array.
func (m *maker) differ(a, b int32) bool {
	one, other := m.root.At(int(a)).JSON(), m.root.At(int(b)).JSON()
	if bytes.Equal(one, other) {
		return false
	}
	r := diff.Compare(one, other, nil)
	return !r.Equal()
}

// A change is an edit as a change of text: what is between from and to is replaced.
type change struct {
	class, path string
	from, to    int
	with        [3][]byte // one after the other; pieces of the body or constants
}

// resolve finds the text that an edit changes.
func (m *maker) resolve(e edit) change {
	at := e.at
	if e.kind == swapped {
		at = m.before(at) // whose path the mutant has
	}
	v := m.root.At(int(at))
	text, from := v.JSON(), v.Offset()
	c := change{class: e.kind.class(), path: v.Path(), from: from, to: from + len(text)}
	switch e.kind {
	case swapped:
		later := m.root.At(int(e.at))
		second := later.JSON()
		c.with = [3][]byte{second, m.src[c.to:later.Offset()], text}
		c.to = later.Offset() + len(second)
	case structure:
		c.from, c.to = m.withComma(v, c.to)
	case typed:
		c.with[0] = otherType(v.Type())
	case foreign:
		c.with[0] = []byte(`"\u0001~"`)
	default:
		c.with = other(text)
	}
	return c
}

// withComma is the text of a member or element that ends at to, with one of the
// commas around it where there is one.
func (m *maker) withComma(v diff.Value, to int) (int, int) {
	from := v.Offset()
	if v.IsMember() {
		from = v.NameOffset()
	}
	if after := literal.SpaceEnd(m.src, to); m.src[after] == ',' {
		return from, after + 1
	}
	before := from - 1
	for bytes.IndexByte([]byte(" \t\r\n"), m.src[before]) >= 0 {
		before--
	}
	if m.src[before] == ',' {
		from = before
	}
	return from, to
}

// apply writes the body with one change. The next call overwrites it.
func (m *maker) apply(c *change) Mutant {
	b := append(m.out[:0], m.src[:c.from]...)
	for _, text := range c.with {
		b = append(b, text...)
	}
	b = append(b, m.src[c.to:]...)
	m.out = b
	return Mutant{Class: c.class, Path: c.path, Body: b}
}

// other is a value of the same type that differs from v. A digit before a number, or
// a letter after a text, changes it whatever it is.
func other(v []byte) [3][]byte {
	switch v[0] {
	case 't':
		return [3][]byte{[]byte("false")}
	case 'f':
		return [3][]byte{[]byte("true")}
	case '"':
		return [3][]byte{v[:len(v)-1], []byte(`~"`)}
	case '-':
		return [3][]byte{[]byte("-7"), v[1:]}
	}
	return [3][]byte{[]byte("7"), v}
}

// otherType is a value of another type than the given one.
func otherType(t diff.ValueType) []byte {
	switch t {
	case diff.StringType:
		return []byte("7")
	case diff.ObjectType, diff.ArrayType:
		return []byte("null")
	}
	return []byte(`"7"`)
}
