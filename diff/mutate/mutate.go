// Package mutate makes copies of a JSON body with one thing changed, for the
// negative control: a comparison that does not find a mutant would not have
// found the same change in green.
package mutate

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"

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
// No mutant equals the body. A body that is not valid JSON has none.
func Mutants(body []byte, seed uint64, max int) []Mutant {
	if max <= 0 || diff.Validate(body) != nil {
		return nil
	}
	out := make([]Mutant, 0, max)
	Each(body, seed, max, func(m Mutant) {
		m.Body = slices.Clone(m.Body)
		out = append(out, m)
	})
	return out
}

// Foreign makes at most max copies of body, each with one string replaced by one
// that has no format that a rule knows, in document order from a place drawn from
// seed: what accepts any text does not see them. Their class is Value.
func Foreign(body []byte, seed uint64, max int) []Mutant {
	if max <= 0 || diff.Validate(body) != nil {
		return nil
	}
	s := &scan{src: body}
	s.value(0, -1, -1)
	var texts []int32
	for i := range s.places {
		if s.src[s.places[i].from] == '"' {
			texts = append(texts, int32(i))
		}
	}
	var out []Mutant
	for i := range min(max, len(texts)) {
		at := texts[(i+int(seed%uint64(len(texts))))%len(texts)]
		p := s.places[at]
		out = append(out, Mutant{Class: Value, Path: s.path(at), Body: slices.Concat(s.src[:p.from], []byte(`"\u0001~"`), s.src[p.to:])})
	}
	return out
}

// Each hands the mutants that Mutants makes to do, one by one. The body must be
// valid (diff.Validate); a mutant's Body is good until do returns.
func Each(body []byte, seed uint64, max int, do func(Mutant)) {
	if max <= 0 || len(body) == 0 {
		return
	}
	max = min(max, maxBytes/len(body)+1)
	s := scans.Get().(*scan)
	defer s.release()
	s.src, s.places = body, s.places[:0]
	s.value(0, -1, -1)
	for _, e := range s.choose(rand.New(rand.NewPCG(seed, uint64(len(body)))), max) {
		do(s.apply(e))
	}
}

// A place is one value of the body, in document order.
type place struct {
	from, to int32 // the value
	key      int32 // opening quote of the member's name; -1 for an element
	parent   int32
	index    int32 // place among its siblings
	prev     int32 // the last child seen so far, of a container; -1: none
	last     bool
}

// scan finds the values of a body that is known to be valid.
type scan struct {
	src    []byte
	places []place
	out    []byte // the mutant being made
	// candidates and what was chosen of them
	values, structures, types, chosen []edit
}

var scans = sync.Pool{New: func() any { return new(scan) }}

// maxKept bounds the places that an idle scan keeps for the next body.
const maxKept = 1 << 14

func (s *scan) release() {
	if cap(s.places) > maxKept || cap(s.out) > 1<<20 {
		return
	}
	s.src = nil
	scans.Put(s)
}

func (s *scan) space(i int) int {
	for i < len(s.src) && (s.src[i] == ' ' || s.src[i] == '\t' || s.src[i] == '\n' || s.src[i] == '\r') {
		i++
	}
	return i
}

func (s *scan) quoted(i int) int {
	for i++; s.src[i] != '"'; i++ {
		if s.src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// value scans the value at i and returns the offset behind it.
func (s *scan) value(i, parent, key int) int {
	i = s.space(i)
	at := len(s.places)
	s.places = append(s.places, place{from: int32(i), key: int32(key), parent: int32(parent), prev: -1})
	switch c := s.src[i]; c {
	case '"':
		i = s.quoted(i)
	case '{', '[':
		i = s.container(i, at)
	default:
		for i < len(s.src) && !ends(s.src[i]) {
			i++
		}
	}
	s.places[at].to = int32(i)
	return i
}

// ends reports whether a byte ends a number or a word.
func ends(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ']', '}':
		return true
	}
	return false
}

func (s *scan) container(i, at int) int {
	object := s.src[i] == '{'
	i = s.space(i + 1)
	for index := 0; s.src[i] != '}' && s.src[i] != ']'; index++ {
		key := -1
		if object {
			key = i
			i = s.space(s.quoted(i)) + 1
		}
		child := len(s.places)
		i = s.space(s.value(i, at, key))
		s.places[child].index = int32(index)
		if s.src[i] == ',' {
			i = s.space(i + 1)
		} else {
			s.places[child].last = true
		}
	}
	return i + 1
}

// An edit is a mutant to be made.
type edit struct {
	at   int32
	swap int32 // place of the element to swap with; -1 for none
	kind kind
}

type kind uint8

const (
	value kind = iota + 1
	structure
	typed
)

func (k kind) class() string {
	switch k {
	case value:
		return Value
	case structure:
		return Structure
	default:
		return Type
	}
}

// choose draws edits: of each class a share, in document order.
func (s *scan) choose(rng *rand.Rand, max int) []edit {
	s.list()
	share := max / 4
	out := append(s.chosen[:0], draw(rng, s.structures, share)...)
	out = append(out, draw(rng, s.types, share)...)
	for i, more := 0, max-len(out); i < len(s.values) && more > 0; i++ {
		j := i + rng.IntN(len(s.values)-i)
		s.values[i], s.values[j] = s.values[j], s.values[i]
		if e := s.values[i]; e.swap < 0 || s.differ(e.at, e.swap) {
			out = append(out, e)
			more--
		}
	}
	slices.SortFunc(out, func(a, b edit) int { return int(a.at - b.at) })
	s.chosen = out
	return out
}

// list fills in what can be done to the body.
func (s *scan) list() {
	s.values, s.structures, s.types = s.values[:0], s.structures[:0], s.types[:0]
	for i := range s.places {
		p, at := &s.places[i], int32(i)
		switch s.src[p.from] {
		case '{', '[', 'n':
		default:
			s.values = append(s.values, edit{at, -1, value})
		}
		s.types = append(s.types, edit{at, -1, typed})
		if p.parent < 0 {
			continue
		}
		s.structures = append(s.structures, edit{at, -1, structure})
		parent := &s.places[p.parent]
		if parent.prev >= 0 && p.key < 0 {
			s.values = append(s.values, edit{parent.prev, at, value})
		}
		parent.prev = at
	}
}

// draw takes n of the edits at random.
func draw(rng *rand.Rand, from []edit, n int) []edit {
	n = min(n, len(from))
	for i := range n {
		j := i + rng.IntN(len(from)-i)
		from[i], from[j] = from[j], from[i]
	}
	return from[:n]
}

func (s *scan) differ(a, b int32) bool {
	x, y := s.places[a], s.places[b]
	one, other := s.src[x.from:x.to], s.src[y.from:y.to]
	if bytes.Equal(one, other) {
		return false
	}
	r := diff.Compare(one, other, nil)
	return !r.Equal()
}

func (s *scan) apply(e edit) Mutant {
	p := s.places[e.at]
	b, src := s.out[:0], s.src
	switch {
	case e.swap >= 0:
		q := s.places[e.swap]
		b = append(b, src[:p.from]...)
		b = append(b, src[q.from:q.to]...)
		b = append(b, src[p.to:q.from]...)
		b = append(b, src[p.from:p.to]...)
		b = append(b, src[q.to:]...)
	case e.kind == structure:
		from, to := s.member(e.at)
		b = append(append(b, src[:from]...), src[to:]...)
	case e.kind == typed:
		b = append(append(append(b, src[:p.from]...), otherType(src[p.from])...), src[p.to:]...)
	default:
		b = append(appendOther(append(b, src[:p.from]...), src[p.from:p.to]), src[p.to:]...)
	}
	s.out = b
	return Mutant{Class: e.kind.class(), Path: s.path(e.at), Body: b}
}

// member is the text of a member or element with one of its commas.
func (s *scan) member(at int32) (from, to int) {
	p := s.places[at]
	from, to = int(p.from), int(p.to)
	if p.key >= 0 {
		from = int(p.key)
	}
	switch {
	case !p.last:
		for to = s.space(to); s.src[to] != ','; to++ {
		}
		to++
	case p.index > 0:
		for from--; s.src[from] != ','; from-- {
		}
	}
	return from, to
}

// appendOther appends a value of the same type that differs from v.
func appendOther(b, v []byte) []byte {
	switch v[0] {
	case 't':
		return append(b, "false"...)
	case 'f':
		return append(b, "true"...)
	case '"':
		return append(append(b, v[:len(v)-1]...), `~"`...)
	case '-':
		return append(append(b, "-7"...), v[1:]...)
	}
	return append(append(b, '7'), v...)
}

// otherType is a value of another type than the one that begins with c.
func otherType(c byte) string {
	switch c {
	case '"':
		return "7"
	case '{', '[':
		return "null"
	}
	return `"7"`
}

func (s *scan) path(at int32) string {
	var chain []int32
	for ; at > 0; at = s.places[at].parent {
		chain = append(chain, at)
	}
	b := []byte{'$'}
	for _, i := range slices.Backward(chain) {
		p := s.places[i]
		if p.key < 0 {
			b = diff.AppendIndex(b, int(p.index))
			continue
		}
		b = diff.AppendMember(b, diff.Unquote(s.src[p.key:s.quoted(int(p.key))]))
	}
	return string(b)
}
