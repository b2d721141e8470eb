// Package mutate makes copies of a JSON body with one thing changed, for the
// negative control: a comparison that does not find a mutant would not have
// found the same change in green.
package mutate

import (
	"bytes"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/bgverify/bgverify/diff"
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

// Mutants makes at most max mutants of body, drawn from seed: the same body,
// seed and max give the same mutants. Half of them or more are of class Value.
// No mutant equals the body. A body that is not valid JSON has none; of one with
// more than a million values the first million are changed.
func Mutants(body []byte, seed uint64, max int) []Mutant {
	if max <= 0 || diff.Validate(body) != nil {
		return nil
	}
	out := make([]Mutant, 0, max)
	for m := range Each(body, seed, max) {
		m.Body = slices.Clone(m.Body)
		out = append(out, m)
	}
	return out
}

// Each gives the mutants that Mutants makes one by one. The body must be valid
// (diff.Validate); a mutant's Body is good until the next one.
func Each(body []byte, seed uint64, max int) iter.Seq[Mutant] {
	return func(yield func(Mutant) bool) {
		s, max := begin(body, max)
		defer s.release()
		s.each(s.choose(rand.New(rand.NewPCG(seed, uint64(len(body)))), max), yield)
	}
}

// Foreign gives at most max copies of body, each with one string replaced by one
// that has no format that a rule knows, in document order from a place drawn from
// seed: what accepts any text does not see them. Their class is Value. For body
// and mutants the same holds as for Each.
func Foreign(body []byte, seed uint64, max int) iter.Seq[Mutant] {
	return func(yield func(Mutant) bool) {
		s, max := begin(body, max)
		defer s.release()
		s.each(s.texts(seed, max), yield)
	}
}

// begin scans a body, and bounds how many mutants are made of it.
func begin(body []byte, max int) (*scan, int) {
	s := scans.Get().(*scan)
	s.src, s.places, s.chosen = body, s.places[:0], s.chosen[:0]
	if max <= 0 || len(body) == 0 {
		return s, 0
	}
	if len(body) > largeBody {
		s.places = make([]place, 0, min(maxPlaces, 1+bytes.Count(body, []byte{','})+bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'})))
	}
	s.value(0, place{key: -1, parent: -1, prev: -1})
	return s, min(max, maxBytes/len(body)+1)
}

// largeBody is from where on room is made once: growing would hold it twice.
const largeBody = 1 << 20

// An edit is a mutant to be made.
type edit struct {
	at   int32
	kind kind
}

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

// each makes the mutants of the edits. Of a large body the places are given back
// before: who takes the mutants needs room of his own.
func (s *scan) each(edits []edit, yield func(Mutant) bool) {
	changes := make([]change, 0, len(edits))
	for _, e := range edits {
		changes = append(changes, s.resolve(e))
	}
	if len(s.src) > largeBody {
		s.places, s.values, s.out = nil, nil, make([]byte, 0, len(s.src)+64)
	}
	for i := range changes {
		if !yield(s.apply(&changes[i])) {
			return
		}
	}
}

// texts are edits of strings, in document order from one that seed names.
func (s *scan) texts(seed uint64, max int) []edit {
	s.values = s.values[:0]
	for i := range s.places {
		if s.src[s.places[i].from] == '"' {
			s.values = append(s.values, int32(i))
		}
	}
	n := len(s.values)
	for i := range min(max, n) {
		s.chosen = append(s.chosen, edit{s.values[(i+int(seed%uint64(n)))%n], foreign})
	}
	return s.chosen
}

// choose draws edits: of each class a share, in document order.
func (s *scan) choose(rng *rand.Rand, max int) []edit {
	s.list()
	share := max / 4
	out := s.draw(s.chosen, structure, rng, 1, share) // all but the root
	out = s.draw(out, typed, rng, 0, share)
	for i, more := 0, max-len(out); i < len(s.values) && more > 0; i++ {
		j := i + rng.IntN(len(s.values)-i)
		s.values[i], s.values[j] = s.values[j], s.values[i]
		e := edit{s.values[i], value}
		if e.at < 0 {
			e = edit{^e.at, swapped}
		}
		if e.kind == value || s.differ(s.places[e.at].prev, e.at) {
			out = append(out, e)
			more--
		}
	}
	slices.SortStableFunc(out, func(a, b edit) int { return int(a.at - b.at) })
	s.chosen = out
	return out
}

// list finds what can get another value: the place of a scalar, and for an
// element that can be swapped with the one before it the complement of its place.
func (s *scan) list() {
	s.values = s.values[:0]
	for i := range s.places {
		p, at := &s.places[i], int32(i)
		switch s.src[p.from] {
		case '{', '[', 'n':
		default:
			s.values = append(s.values, at)
		}
		if p.prev >= 0 && p.key < 0 {
			s.values = append(s.values, ^at)
		}
	}
}

// draw appends n edits of a kind, at places from the given one on (Floyd's
// sampling without replacement).
func (s *scan) draw(out []edit, k kind, rng *rand.Rand, from, n int) []edit {
	base, total := len(out), len(s.places)-from
	for last := total - min(n, total); last < total; last++ {
		e := edit{int32(from + rng.IntN(last+1)), k}
		if slices.Contains(out[base:], e) {
			e.at = int32(from + last)
		}
		out = append(out, e)
	}
	return out
}

func (s *scan) differ(a, b int32) bool {
	one, other := s.text(a), s.text(b)
	if bytes.Equal(one, other) {
		return false
	}
	r := diff.Compare(one, other, nil)
	return !r.Equal()
}

// A change is an edit that needs the places no more: the text between from and
// to gives way to others.
type change struct {
	class, path string
	from, to    int
	with        [3][]byte // one after the other; pieces of the body or constants
}

// resolve finds the text that an edit changes.
func (s *scan) resolve(e edit) change {
	at := e.at
	if e.kind == swapped {
		at = s.places[at].prev // whose path the mutant has
	}
	v := s.text(at)
	from := int(s.places[at].from)
	c := change{class: e.kind.class(), path: s.path(at), from: from, to: from + len(v)}
	switch e.kind {
	case swapped:
		second, between := s.text(e.at), int(s.places[e.at].from)
		c.with = [3][]byte{second, s.src[c.to:between], v}
		c.to = between + len(second)
	case structure:
		c.from, c.to = s.member(at, c.to)
	case typed:
		c.with[0] = otherType(v[0])
	case foreign:
		c.with[0] = []byte(`"\u0001~"`)
	default:
		c.with = other(v)
	}
	return c
}

func (s *scan) apply(c *change) Mutant {
	b := append(s.out[:0], s.src[:c.from]...)
	for _, text := range c.with {
		b = append(b, text...)
	}
	b = append(b, s.src[c.to:]...)
	s.out = b
	return Mutant{Class: c.class, Path: c.path, Body: b}
}

// other is a value of the same type that differs from v.
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

// otherType is a value of another type than the one that begins with c.
func otherType(c byte) []byte {
	switch c {
	case '"':
		return []byte("7")
	case '{', '[':
		return []byte("null")
	}
	return []byte(`"7"`)
}
