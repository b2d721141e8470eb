package diff

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/diff/path"
)

// alignKeyed pairs the elements lo:eb of blue and lo:eg of green by their key:
//
//  1. The k-th element of a repeated key is paired with the k-th; elements without the
//     key are paired among themselves.
//  2. What is left is paired by the text of its key: an id that became a string is one
//     changed type, not an element removed and one added.
//  3. When ordered, elements that left their order have moved, or, when most of them
//     did, the array is reordered as a whole.
//  4. What has no partner is removed, or added.
func (e *engine) alignKeyed(f *frame, lo, eb, eg int, ordered bool) {
	keys := make([]uint64, 0, eb+eg-2*lo)
	for i := lo; i < eb; i++ {
		keys = append(keys, keyHash(e.b, e.idx[f.bs+i], f.by))
	}
	for i := lo; i < eg; i++ {
		keys = append(keys, keyHash(e.g, e.idx[f.gs+i], f.by))
	}
	// Rule 1. Green's elements by key, those of a repeated key as a list in their order.
	kb, kg := keys[:eb-lo], keys[eb-lo:]
	t := e.slotTable(len(kg))
	next := make([]int32, len(kg))
	for j := len(kg) - 1; j >= 0; j-- {
		s := claim(t, kg[j])
		next[j], s.ig = s.ig, int32(j)
	}
	// Each of blue's takes the next element of its key.
	used := make([]bool, len(kg))
	first := len(e.ops)
	for i, k := range kb {
		p := pairing{b: int32(lo + i), g: -1}
		if s := find(t, k); s.hash != 0 && s.ig >= 0 {
			p.g = int32(lo) + s.ig
			used[s.ig] = true
			s.ig = next[s.ig]
		}
		e.ops = append(e.ops, p)
	}
	e.pairRetyped(f, first, lo, used) // Rule 2
	if ordered {                      // Rule 3
		e.markMoved(f, first, f.nb-(eb-lo))
	}
	for j := range kg {
		if !used[j] {
			e.ops = append(e.ops, pairing{b: -1, g: int32(lo + j)})
		}
	}
}

// pairRetyped pairs the blue elements of the pairings from first on that found no
// partner with unused green elements whose keys read the same, whatever their
// types.
func (e *engine) pairRetyped(f *frame, first, lo int, used []bool) {
	left := map[string][]int{} // places on green by the text of the key
	for j := range used {
		if !used[j] {
			if k := keyText(e.g, e.idx[f.gs+lo+j], f.by); k != "" {
				left[k] = append(left[k], j)
			}
		}
	}
	if len(left) == 0 {
		return
	}
	for i := first; i < len(e.ops); i++ {
		p := &e.ops[i]
		if p.g >= 0 {
			continue
		}
		k := keyText(e.b, e.idx[f.bs+int(p.b)], f.by)
		if js := left[k]; k != "" && len(js) > 0 {
			p.g, left[k] = int32(lo+js[0]), js[1:]
			used[js[0]] = true
		}
	}
}

// keyText is an element's key as text, types aside; empty where a member of the
// key is missing or holds more than a string, a number or a boolean.
func keyText(t *tree, c uint32, by []string) string {
	var b []byte
	for _, name := range by {
		m := t.member(c, name)
		if m == 0 {
			return ""
		}
		switch t.nodes[m].typ {
		case StringType:
			b = append(b, t.stringText(m)...)
		case NumberType, BoolType:
			b = append(b, t.text(m)...)
		default:
			return ""
		}
		b = append(b, 0)
	}
	return string(b)
}

// missingKey is the hash of an element without the key.
var missingKey = mix(kMember, kString)

// keyHash is equal for elements with equal keys: each member of the key with its value
// and type. Elements that lack one have the same hash, missingKey.
func keyHash(t *tree, c uint32, by []string) uint64 {
	h := kMember
	for _, name := range by {
		m := t.member(c, name)
		if m == 0 {
			return missingKey
		}
		h = hashElement(h, t.valueHash(m)+uint64(t.nodes[m].typ))
	}
	return h
}

// markMoved marks the pairings from first on that a longest increasing
// subsequence of green's places leaves out. When fewer than half keep their
// order, the trimmed equal ends included, the array counts as reordered instead.
func (e *engine) markMoved(f *frame, first, trimmed int) {
	ops := e.ops[first:]
	keep := e.increasing(ops)
	paired, kept := 0, 0
	for i := range ops {
		if ops[i].b >= 0 && ops[i].g >= 0 {
			paired++
			if keep[i] {
				kept++
			}
		}
	}
	if kept == paired {
		return
	}
	// Few elements that kept their order say that the list was sorted in another way,
	// if its elements are the same ones: most are paired, or a key says so.
	same := f.by != nil || 5*(paired+trimmed) >= 4*max(f.nb, f.ng)
	if same && (2*(kept+trimmed) < paired+trimmed || paired-kept > maxMoves) {
		f.reordered = true
		return
	}
	for i := range ops {
		if ops[i].b >= 0 && ops[i].g >= 0 && !keep[i] {
			ops[i].moved = true
		}
	}
}

// maxMoves bounds the moved elements that are reported one by one.
const maxMoves = 1000

// increasing reports for each pairing whether it is part of a longest increasing
// subsequence of green's places (patience sorting, n log n).
func (e *engine) increasing(ops []pairing) []bool {
	keep := make([]bool, len(ops))
	prev := make([]int32, len(ops))
	e.tails = e.tails[:0]
	for i := range ops {
		if ops[i].g < 0 || ops[i].b < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(e.tails, ops[i].g, func(t, g int32) int { return cmp.Compare(ops[t].g, g) })
		prev[i] = -1
		if at > 0 {
			prev[i] = e.tails[at-1]
		}
		if at == len(e.tails) {
			e.tails = append(e.tails, int32(i))
		} else {
			e.tails[at] = int32(i)
		}
	}
	if n := len(e.tails); n > 0 {
		for i := e.tails[n-1]; i >= 0; i = prev[i] {
			keep[i] = true
		}
	}
	return keep
}

// maxCandidates bounds the members that are tried as a key, minKeyScore what a
// key must score: overlap in percent plus how much its name looks like one.
const (
	maxCandidates = 8
	minKeyScore   = 30
)

// guessKey looks for a member that all elements of both arrays have, that is
// unique on each side, and whose values the sides share. b and g are the trees that
// the arrays are in.
func (e *engine) guessKey(f *frame, b, g *tree) bool {
	f.guessed = true
	if f.nb == 0 || f.ng == 0 {
		return false
	}
	first := e.idx[f.bs]
	if b.nodes[first].typ != ObjectType || e.work <= 0 {
		return false
	}
	// The members of blue's first element are the candidates.
	var cands [maxCandidates]candidate
	n := 0
	for c, end := first+1, b.nodes[first].next; c < end; c = b.nodes[c].next {
		if t := b.nodes[c].typ; (t == StringType || t == NumberType) && b.nodes[c].flags&flagKeyEscaped == 0 {
			n = addCandidate(&cands, n, candidate{b.rawKey(c), namePrior(b.rawKey(c)), t})
		}
	}
	var best []byte
	score := minKeyScore - 1
	// The best score wins; a candidate that cannot beat it is not tried.
	for _, c := range cands[:n] {
		if 100+c.prior <= score {
			break
		}
		shared, ok := e.sharedKeys(f, c.name, b, g)
		if !ok || shared == 0 || c.prior == 0 && !tellsByValue(c.typ, shared, max(f.nb, f.ng)) {
			continue
		}
		if s := 100*shared/max(f.nb, f.ng) + c.prior; s > score {
			best, score = c.name, s
		}
	}
	if best == nil {
		return false
	}
	f.by = e.keyNamed(best)
	return true
}

// A candidate is a member that may be a key.
type candidate struct {
	// name is that of the member, as written.
	name []byte
	// prior is how much the name looks like a key, see namePrior.
	prior int
	// typ is that of the value in blue's first element.
	typ ValueType
}

// addCandidate keeps the likeliest names, the earlier of two alike first.
func addCandidate(list *[maxCandidates]candidate, n int, c candidate) int {
	at := n
	for at > 0 && list[at-1].prior < c.prior {
		at--
	}
	if at == maxCandidates {
		return n
	}
	n = min(n+1, maxCandidates)
	copy(list[at+1:n], list[at:n-1])
	list[at] = c
	return n
}

// keyNamed is the key of one member, made once for each name.
func (e *engine) keyNamed(name []byte) []string {
	if by, ok := e.keys[string(name)]; ok {
		return by
	}
	by := []string{string(name)}
	if e.keys == nil || len(e.keys) > 1000 {
		e.keys = map[string][]string{}
	}
	e.keys[by[0]] = by
	return by
}

// tellsByValue reports whether a member that is not named like a key is one by
// its values: texts that most of several elements share.
func tellsByValue(typ ValueType, shared, n int) bool {
	return typ == StringType && n >= 4 && 5*shared >= 4*n
}

// noteKey notes the key that was guessed, with the rule that fixes it.
func (e *engine) noteKey(f *frame) {
	e.note(func() string {
		at := string(e.appendPath(nil))
		return fmt.Sprintf("%s is paired by the guessed key %s; to fix it: %s", at, f.by[0], keyRule(path.Generalise(at), f.by))
	})
}

// nameByKey guesses the keys of the arrays on the path whose elements agree so
// far that none was needed to pair them, so that a difference inside them is
// named by key all the same. The arrays around an embedded document are in other
// trees than the document.
func (e *engine) nameByKey() {
	for i := range e.path {
		s := &e.path[i]
		if s.frame == 0 {
			continue
		}
		if f := &e.frames[s.frame-1]; f.guess && !f.guessed {
			e.guessKey(f, s.blue.t, s.green.t)
		}
	}
}

// namePrior says how much a member's name looks like a key, as percent of overlap that
// it is worth: a name of which every schema makes a key 25, one that ends like a key 18,
// one that often is unique 12, and any other 0.
func namePrior(name []byte) int {
	if len(name) > 32 {
		return 0
	}
	var low [32]byte
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch n := low[:len(name)]; string(n) {
	case "id", "_id", "uuid", "guid", "key":
		return 25
	case "code", "sku", "slug", "name", "no", "number", "uri", "url", "isbn", "ean":
		return 12
	default:
		for _, suffix := range []string{"id", "key", "uuid", "code"} {
			if bytes.HasSuffix(n, []byte(suffix)) {
				return 18
			}
		}
	}
	return 0
}

// sharedKeys counts the values of a member that both sides have; not ok when an
// element lacks it or two elements of a side share it.
func (e *engine) sharedKeys(f *frame, name []byte, b, g *tree) (int, bool) {
	table := e.slotTable(f.nb + f.ng)
	shared := 0
	trees := [2]*tree{b, g}
	for side, elements := range [2][]uint32{e.idx[f.bs : f.bs+f.nb], e.idx[f.gs : f.gs+f.ng]} {
		t := trees[side]
		for _, c := range elements {
			e.work -= 4
			m := t.memberNamed(c, name)
			if m == 0 || t.nodes[m].typ != StringType && t.nodes[m].typ != NumberType {
				return 0, false
			}
			s := claim(table, t.valueHash(m))
			if s.n[side]++; s.n[side] > 1 {
				return 0, false
			}
			shared += int(min(s.n[0], s.n[1]))
		}
	}
	return shared, true
}
