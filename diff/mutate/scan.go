package mutate

import (
	"slices"
	"sync"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/path"
)

// A place is one value of the body, in document order. Where it ends, the text
// says: a body can have millions of them.
type place struct {
	from   int32
	key    int32 // opening quote of the member's name; -1 for an element
	parent int32
	prev   int32 // the sibling before it; -1: none
}

// maxPlaces is how many values of a body can be changed: the first ones.
const maxPlaces = 1 << 20

// scan finds the values of a body that is known to be valid.
type scan struct {
	src    []byte
	places []place
	out    []byte  // the mutant being made
	values []int32 // what can get another value: see list
	chosen []edit
}

var scans = sync.Pool{New: func() any { return new(scan) }}

// maxKept bounds the places that an idle scan keeps for the next body.
const maxKept = 1 << 14

func (s *scan) release() {
	if cap(s.places) > maxKept || cap(s.out) > largeBody {
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

// value scans the value at i, the place of which is known but for its start, and
// returns the offset behind it.
func (s *scan) value(i int, p place) int {
	i = s.space(i)
	if len(s.places) == maxPlaces {
		return s.end(i)
	}
	p.from = int32(i)
	s.places = append(s.places, p)
	switch s.src[i] {
	case '{', '[':
		return s.container(i, int32(len(s.places)-1))
	default:
		return s.scalarEnd(i)
	}
}

func (s *scan) scalarEnd(i int) int {
	if s.src[i] == '"' {
		return s.quoted(i)
	}
	for i < len(s.src) && !ends(s.src[i]) {
		i++
	}
	return i
}

// end is the offset behind the value at i.
func (s *scan) end(i int) int {
	for depth := 0; ; {
		switch s.src[i] {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
		default:
			i = s.scalarEnd(i)
		}
		if depth == 0 {
			return i
		}
	}
}

// ends reports whether a byte ends a number or a word.
func ends(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ']', '}':
		return true
	}
	return false
}

func (s *scan) container(i int, at int32) int {
	object := s.src[i] == '{'
	i = s.space(i + 1)
	for prev := int32(-1); s.src[i] != '}' && s.src[i] != ']'; {
		child := place{key: -1, parent: at, prev: prev}
		if object {
			child.key = int32(i)
			i = s.space(s.quoted(i)) + 1
		}
		at := len(s.places)
		if i = s.space(s.value(i, child)); s.src[i] == ',' {
			i = s.space(i + 1)
		}
		if len(s.places) > at {
			prev = int32(at)
		}
	}
	return i + 1
}

// text is the value of a place.
func (s *scan) text(at int32) []byte {
	from := int(s.places[at].from)
	return s.src[from:s.end(from)]
}

// member is the text of a member or element that ends at to, with one of its commas.
func (s *scan) member(at int32, to int) (int, int) {
	p := s.places[at]
	from := int(p.from)
	if p.key >= 0 {
		from = int(p.key)
	}
	switch after := s.space(to); {
	case s.src[after] == ',':
		to = after + 1
	case p.prev >= 0:
		for from--; s.src[from] != ','; from-- {
		}
	}
	return from, to
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
			index := 0
			for prev := p.prev; prev >= 0; prev = s.places[prev].prev {
				index++
			}
			b = path.AppendIndex(b, index)
			continue
		}
		b = path.AppendName(b, literal.Unescape(nil, s.src[p.key+1:s.quoted(int(p.key))-1]))
	}
	return string(b)
}
