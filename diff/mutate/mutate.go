// Package mutate makes copies of a JSON body with one thing changed, for the
// negative control: a comparison that does not find a mutant would not have
// found the same change in green.
package mutate

import (
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
// No mutant equals the body. A body that is not valid JSON has none.
func Mutants(body []byte, seed uint64, max int) []Mutant {
	if max <= 0 || diff.Validate(body) != nil {
		return nil
	}
	if len(body) > 0 {
		max = min(max, maxBytes/len(body)+1)
	}
	s := &scan{src: body}
	s.value(0, -1, -1)
	rng := rand.New(rand.NewPCG(seed, uint64(len(body))))
	edits := s.choose(rng, max)
	out := make([]Mutant, 0, len(edits))
	for _, e := range edits {
		out = append(out, s.apply(e))
	}
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
	var texts []int
	for i := range s.places {
		if s.src[s.places[i].from] == '"' {
			texts = append(texts, i)
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

// A place is one value of the body, in document order.
type place struct {
	from, to int // the value
	key      int // opening quote of the member's name; -1 for an element
	parent   int
	index    int // place among its siblings
	end      int // place behind the subtree
	last     bool
}

// scan finds the values of a body that is known to be valid.
type scan struct {
	src    []byte
	places []place
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
	s.places = append(s.places, place{from: i, key: key, parent: parent})
	switch c := s.src[i]; c {
	case '"':
		i = s.quoted(i)
	case '{', '[':
		i = s.container(i, at)
	default:
		for i < len(s.src) && !slices.Contains([]byte(" \t\r\n,]}"), s.src[i]) {
			i++
		}
	}
	s.places[at].to, s.places[at].end = i, len(s.places)
	return i
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
		s.places[child].index = index
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
	class string
	at    int
	swap  int // place of the element to swap with; -1 for none
}

// choose draws edits: of each class a share, in document order.
func (s *scan) choose(rng *rand.Rand, max int) []edit {
	var values, structures, types []edit
	lastOf := map[int]int{}
	for i := range s.places {
		p := &s.places[i]
		switch s.src[p.from] {
		case '{', '[', 'n':
		default:
			values = append(values, edit{Value, i, -1})
		}
		types = append(types, edit{Type, i, -1})
		if p.parent < 0 {
			continue
		}
		structures = append(structures, edit{Structure, i, -1})
		if prev, ok := lastOf[p.parent]; ok && p.key < 0 {
			values = append(values, edit{Value, prev, i})
		}
		lastOf[p.parent] = i
	}
	share := max / 4
	out := draw(rng, structures, share)
	out = append(out, draw(rng, types, share)...)
	var chosen []edit
	for _, e := range draw(rng, values, len(values)) {
		if len(chosen) == max-len(out) {
			break
		}
		if e.swap < 0 || s.differ(e.at, e.swap) {
			chosen = append(chosen, e)
		}
	}
	out = append(out, chosen...)
	slices.SortFunc(out, func(a, b edit) int { return a.at - b.at })
	return out
}

// draw takes n of the edits at random.
func draw(rng *rand.Rand, from []edit, n int) []edit {
	n = min(n, len(from))
	for i := range n {
		j := i + rng.IntN(len(from)-i)
		from[i], from[j] = from[j], from[i]
	}
	return slices.Clone(from[:n])
}

func (s *scan) differ(a, b int) bool {
	x, y := s.places[a], s.places[b]
	r := diff.Compare(s.src[x.from:x.to], s.src[y.from:y.to], nil)
	return !r.Equal()
}

func (s *scan) apply(e edit) Mutant {
	p := s.places[e.at]
	m := Mutant{Class: e.class, Path: s.path(e.at)}
	switch {
	case e.swap >= 0:
		q := s.places[e.swap]
		m.Body = slices.Concat(s.src[:p.from], s.src[q.from:q.to], s.src[p.to:q.from], s.src[p.from:p.to], s.src[q.to:])
	case e.class == Structure:
		from, to := s.member(e.at)
		m.Body = slices.Concat(s.src[:from], s.src[to:])
	case e.class == Type:
		m.Body = slices.Concat(s.src[:p.from], otherType(s.src[p.from]), s.src[p.to:])
	default:
		m.Body = slices.Concat(s.src[:p.from], otherValue(s.src[p.from:p.to]), s.src[p.to:])
	}
	return m
}

// member is the text of a member or element with one of its commas.
func (s *scan) member(at int) (from, to int) {
	p := s.places[at]
	from, to = p.from, p.to
	if p.key >= 0 {
		from = p.key
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

// otherValue is a value of the same type that differs.
func otherValue(v []byte) []byte {
	switch v[0] {
	case 't':
		return []byte("false")
	case 'f':
		return []byte("true")
	case '"':
		return slices.Concat(v[:len(v)-1], []byte(`~"`))
	case '-':
		return slices.Concat([]byte("-7"), v[1:])
	}
	return slices.Concat([]byte("7"), v)
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

func (s *scan) path(at int) string {
	var chain []int
	for ; at > 0; at = s.places[at].parent {
		chain = append(chain, at)
	}
	b := []byte{'$'}
	for _, i := range slices.Backward(chain) {
		p := s.places[i]
		if p.key < 0 {
			b = diff.AppendIndex(b, p.index)
			continue
		}
		b = diff.AppendMember(b, diff.Unquote(s.src[p.key:s.quoted(p.key)]))
	}
	return string(b)
}
