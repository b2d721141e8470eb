package diff

import (
	"math/bits"
	"slices"
)

// alignOrdered pairs elements whose order matters:
//
//  1. Hashes that are unique on both sides anchor the arrays to each other
//     (patience diff). Anchors that are out of order are elements that have moved.
//  2. Between anchors a bounded edit distance finds equal elements.
//  3. Between these, likeness pairs elements that have changed.
//  4. What is left is paired in place.
//
// Each step is bounded by engine.work; past that the pairs are those in place, and the
// frame is marked approximate. A plain longest common subsequence was not enough: it
// pairs nothing where each element has a changed time stamp.
func (e *engine) alignOrdered(f *frame, lo, eb, eg int) {
	if lo == eb || lo == eg {
		e.inPlace(lo, eb, lo, eg)
		return
	}
	first := len(e.ops)
	e.anchors(f, lo, eb, eg) // Rule 1
	e.markMoved(f, first, f.nb-(eb-lo))
	// From here on the anchors are walked in order, with what is between two of them.
	pairs := slices.Clone(e.ops[first:])
	e.ops = e.ops[:first]
	usedB, usedG := make([]bool, eb-lo), make([]bool, eg-lo)
	for _, p := range pairs {
		usedB[int(p.b)-lo], usedG[int(p.g)-lo] = true, true
	}
	ib, ig := lo, lo
	for k := 0; k <= len(pairs); k++ {
		nb, ng := eb, eg
		if k < len(pairs) {
			if pairs[k].moved || f.reordered {
				e.ops = append(e.ops, pairs[k])
				continue
			}
			nb, ng = int(pairs[k].b), int(pairs[k].g)
		}
		var bl, gl []int32
		for ; ib < nb; ib++ {
			if !usedB[ib-lo] {
				bl = append(bl, int32(ib))
			}
		}
		for ; ig < ng; ig++ {
			if !usedG[ig-lo] {
				gl = append(gl, int32(ig))
			}
		}
		e.gap(f, bl, gl) // Rules 2 to 4
		if k < len(pairs) {
			e.ops = append(e.ops, pairs[k])
			ib, ig = nb+1, ng+1
		}
	}
}

// anchors appends a pairing for every hash that each side has exactly once, in blue's
// order. An element that occurs twice anchors nothing: it could be either.
func (e *engine) anchors(f *frame, lo, eb, eg int) {
	t := e.slotTable(eb + eg - 2*lo)
	for i, h := range e.hashes[f.hb+lo : f.hb+eb] {
		s := claim(t, h)
		s.ib = int32(lo + i)
		s.n[0]++
	}
	for i, h := range e.hashes[f.hg+lo : f.hg+eg] {
		s := claim(t, h)
		s.ig = int32(lo + i)
		s.n[1]++
	}
	for i := lo; i < eb; i++ {
		if s := find(t, e.hashes[f.hb+i]); s.n == [2]int32{1, 1} {
			e.ops = append(e.ops, pairing{b: int32(i), g: s.ig})
		}
	}
}

// A slot of a table from hashes to positions in two lists.
type slot struct {
	hash   uint64   // never 0 when occupied
	n      [2]int32 // how often on each side, blue's first
	ib, ig int32    // the first place on each side
}

// tableSize is the size of a table for n places: a power of two, and at least 8.
func tableSize(n int) int { return max(8, 1<<bits.Len(uint(max(n, 1)-1))) }

// slotTable clears a table for n hashes.
func (e *engine) slotTable(n int) []slot {
	size := tableSize(n + n/3 + 1)
	if cap(e.slots) < size {
		e.slots = make([]slot, size)
	}
	t := e.slots[:size]
	clear(t)
	return t
}

// find is the slot of a hash, or the free one where it belongs.
func find(t []slot, h uint64) *slot {
	h = max(h, 1)
	for i := int(h) & (len(t) - 1); ; i = (i + 1) & (len(t) - 1) {
		if s := &t[i]; s.hash == 0 || s.hash == h {
			return s
		}
	}
}

// claim is find, and makes an empty slot the hash's own, with no place on green yet.
func claim(t []slot, h uint64) *slot {
	s := find(t, h)
	if s.hash == 0 {
		*s = slot{hash: max(h, 1), ig: -1}
	}
	return s
}

// gap pairs two runs of elements without anchors; bl and gl are their positions in the
// arrays.
func (e *engine) gap(f *frame, bl, gl []int32) {
	if len(bl) == 0 || len(gl) == 0 {
		e.alike(f, bl, gl)
		return
	}
	matches, ok := e.myers(f, bl, gl) // Rule 2
	if !ok {
		f.approximate = true
	}
	ib, ig := 0, 0
	for _, m := range matches {
		e.alike(f, bl[ib:m[0]], gl[ig:m[1]])
		e.ops = append(e.ops, pairing{b: bl[m[0]], g: gl[m[1]]})
		ib, ig = m[0]+1, m[1]+1
	}
	e.alike(f, bl[ib:], gl[ig:])
}

// maxEdits bounds the edit distance that is computed exactly.
const maxEdits = 256

// myers finds a longest common subsequence of two runs by their hashes, as
// index pairs (E. Myers, An O(ND) Difference Algorithm, 1986). It gives up,
// not ok, beyond maxEdits or when the work is used up; then the common ends
// are still paired.
func (e *engine) myers(f *frame, bl, gl []int32) (matches [][2]int, ok bool) {
	eq := func(i, j int) bool { return e.hashes[f.hb+int(bl[i])] == e.hashes[f.hg+int(gl[j])] }
	n, m := len(bl), len(gl)
	lo := 0
	for lo < n && lo < m && eq(lo, lo) {
		matches = append(matches, [2]int{lo, lo})
		lo++
	}
	tail := 0
	for n-tail > lo && m-tail > lo && eq(n-tail-1, m-tail-1) {
		tail++
	}
	mid, ok := e.script(lo, n-tail, m-tail, eq)
	matches = append(matches, mid...)
	for ; tail > 0; tail-- {
		matches = append(matches, [2]int{n - tail, m - tail})
	}
	return matches, ok
}

// script runs the algorithm on lo:n and lo:m. v[off+k] is how far the furthest path of
// d edits has come on diagonal k = x - y; trace keeps v of every round, to walk back.
func (e *engine) script(lo, n, m int, eq func(i, j int) bool) ([][2]int, bool) {
	if lo >= n || lo >= m {
		return nil, true
	}
	limit := min(maxEdits, n-lo+m-lo)
	v := make([]int32, 2*limit+3)
	off := limit + 1
	v[off+1] = int32(lo)
	var trace [][]int32
	for d := 0; d <= limit; d++ {
		trace = append(trace, slices.Clone(v[off-d:off+d+1]))
		for k := -d; k <= d; k += 2 {
			x := v[off+k-1] + 1
			if k == -d || k != d && v[off+k-1] < v[off+k+1] {
				x = v[off+k+1]
			}
			y := int(x) - k
			start := x // along the diagonal: equal elements cost no edit
			for int(x) < n && y < m && eq(int(x), y) {
				x++
				y++
			}
			v[off+k] = x
			if e.work -= int(x-start) + 2; e.work < 0 {
				return nil, false
			}
			if int(x) >= n && y >= m {
				return backtrack(trace, lo, n, m, eq), true
			}
		}
	}
	return nil, false
}

// backtrack walks the trace from the end; trace[d] holds v[-d:d] before round d.
func backtrack(trace [][]int32, lo, n, m int, eq func(i, j int) bool) [][2]int {
	var out [][2]int
	x, y := n, m
	for d := len(trace) - 1; d >= 0 && (x > lo || y > lo); d-- {
		at := func(k int) int {
			if i := k + d; i >= 0 && i < len(trace[d]) {
				return int(trace[d][i])
			}
			return -1
		}
		px, py := lo, lo
		if d > 0 {
			k := x - y
			pk := k - 1
			if k == -d || k != d && at(k-1) < at(k+1) {
				pk = k + 1
			}
			px = at(pk)
			py = px - pk
		}
		for x > px && y > py && x > lo && y > lo && eq(x-1, y-1) {
			x--
			y--
			out = append(out, [2]int{x, y})
		}
		x, y = px, py
	}
	slices.Reverse(out)
	return out
}

// maxCells bounds the table of likenesses of a gap.
const maxCells = 4096

// alike pairs the elements of a gap in order so that the sum of likenesses is
// largest; elements that are like nothing are paired in place.
func (e *engine) alike(f *frame, bl, gl []int32) {
	if len(bl) == 0 || len(gl) == 0 || len(bl)*len(gl) > maxCells || e.work <= 0 || len(bl) == 1 && len(gl) == 1 || !e.containers(f, bl, gl) {
		if len(bl)*len(gl) > maxCells && len(bl) != len(gl) {
			f.approximate = true
		}
		e.leftover(bl, gl)
		return
	}
	// best[i,j] is the largest sum for the elements from i and j on; row n and column m
	// are 0. Elements that are less alike than minLikeness are never paired.
	n, m := len(bl), len(gl)
	like := make([]float32, n*m)
	best := make([]float32, (n+1)*(m+1))
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			l := e.likeness(e.idx[f.bs+int(bl[i])], e.idx[f.gs+int(gl[j])], 0)
			like[i*m+j] = l
			s := max(best[(i+1)*(m+1)+j], best[i*(m+1)+j+1])
			if l >= minLikeness {
				s = max(s, best[(i+1)*(m+1)+j+1]+l)
			}
			best[i*(m+1)+j] = s
		}
	}
	// The way through the table that gave the sum.
	i, j, ib, ig := 0, 0, 0, 0
	for i < n && j < m {
		switch s := best[i*(m+1)+j]; {
		case like[i*m+j] >= minLikeness && s == best[(i+1)*(m+1)+j+1]+like[i*m+j]:
			e.leftover(bl[ib:i], gl[ig:j])
			e.ops = append(e.ops, pairing{b: bl[i], g: gl[j]})
			i++
			j++
			ib, ig = i, j
		case s == best[(i+1)*(m+1)+j]:
			i++
		default:
			j++
		}
	}
	e.leftover(bl[ib:], gl[ig:])
}

// minLikeness is how much of two elements must agree to pair them. Below it a reader
// takes them for two elements, one removed and one added.
const minLikeness = 0.4

// leftover pairs two runs in place, rule 4; the longer one's rest has no partner.
func (e *engine) leftover(bl, gl []int32) {
	for k := range max(len(bl), len(gl)) {
		p := pairing{b: -1, g: -1}
		if k < len(bl) {
			p.b = bl[k]
		}
		if k < len(gl) {
			p.g = gl[k]
		}
		e.ops = append(e.ops, p)
	}
}

// containers reports whether likeness can say something: scalars are equal or not.
func (e *engine) containers(f *frame, bl, gl []int32) bool {
	return e.b.nodes[e.idx[f.bs+int(bl[0])]].typ >= ArrayType || e.g.nodes[e.idx[f.gs+int(gl[0])]].typ >= ArrayType
}

// pairAlike pairs what two bags have left over: the likest first, in blue's order.
func (e *engine) pairAlike(f *frame, bl, gl []int32) {
	if len(bl)*len(gl) > maxCells || len(bl) == 0 || len(gl) == 0 || !e.containers(f, bl, gl) {
		e.leftover(bl, gl)
		return
	}
	var restB []int32
	for _, b := range bl {
		at := e.likest(f, b, gl)
		if at < 0 {
			restB = append(restB, b)
			continue
		}
		e.ops = append(e.ops, pairing{b: b, g: gl[at]})
		gl = slices.Delete(slices.Clone(gl), at, at+1)
	}
	e.leftover(restB, gl)
}

// likest is the index in gl of the element most like blue's b, the first of several; -1 where
// none is more alike than minLikeness.
func (e *engine) likest(f *frame, b int32, gl []int32) int {
	at, best := -1, float32(minLikeness)
	for k, g := range gl {
		if l := e.likeness(e.idx[f.bs+int(b)], e.idx[f.gs+int(g)], 0); l > best {
			at, best = k, l
		}
	}
	return at
}

// maxLikenessDepth bounds how deep two elements are looked into.
const maxLikenessDepth = 4

// likeness is the share of two values that agrees, 0 to 1: of two objects or arrays the
// mean over their members or elements, of which one that only one side has counts 0. It
// looks at hashes under the rules, so that ignored values do not make elements unlike.
func (e *engine) likeness(b, g uint32, depth int) float32 {
	bn, gn := &e.b.nodes[b], &e.g.nodes[g]
	e.work--
	switch {
	case bn.typ != gn.typ || e.work <= 0:
		return 0
	case e.b.ruledHash(b) == e.g.ruledHash(g):
		return 1
	case bn.typ < ArrayType || depth == maxLikenessDepth:
		return 0
	}
	// Members are mostly in the same order on both sides; only one that is not there is
	// looked for.
	sum, n := float32(0), float32(0)
	bend, gend := bn.next, gn.next
	bc, gc := b+1, g+1
	for ; bc < bend && gc < gend && n < maxLikenessWidth; n++ {
		x := gc
		if bn.typ == ObjectType && !sameKey(e.b, bc, e.g, gc) {
			x = e.nearMember(g, bc)
		}
		if x != 0 {
			sum += e.likeness(bc, x, depth+1)
		}
		bc, gc = e.b.nodes[bc].next, e.g.nodes[gc].next
	}
	for ; bc < bend && n < maxLikenessWidth; bc = e.b.nodes[bc].next {
		n++
	}
	for ; gc < gend && n < maxLikenessWidth; gc = e.g.nodes[gc].next {
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// nearMember finds blue's member among the first members of green's object g; 0
// when it is not there.
func (e *engine) nearMember(g, member uint32) uint32 {
	end := e.g.nodes[g].next
	for c, n := g+1, 0; c < end && n < maxLikenessWidth; c, n = e.g.nodes[c].next, n+1 {
		e.work--
		if sameKey(e.b, member, e.g, c) {
			return c
		}
	}
	return 0
}

// maxLikenessWidth bounds the children that are looked at.
const maxLikenessWidth = 64
