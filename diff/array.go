package diff

import (
	"fmt"
	"slices"
)

// A pairing says which elements of two arrays are compared with each other; -1 where
// the other side has none.
type pairing struct {
	// b and g are positions in the two arrays; -1: the element has no partner.
	b, g int32
	// moved: the element is out of order, and that counts.
	moved bool
	// again: blue's element has another partner too. Green has a further copy of it, in a
	// set, which has to be equal under the rules like the first one.
	again bool
}

// A frame is one array comparison's piece of the engine's shared stacks.
type frame struct {
	// bs and gs are where the children of blue and green begin in engine.idx, nb and ng how many
	// there are.
	bs, nb, gs, ng int
	// hb and hg are where their hashes begin in engine.hashes.
	hb, hg int
	// by are the members of the key that the elements are paired by; none: another way.
	by []string
	// guess: a key may be guessed.
	guess bool
	// guessed: that has been tried.
	guessed bool
	// reordered: one difference says that the order is another; elements are not said to have
	// moved then.
	reordered bool
	// approximate: the pairs are not the best ones, for want of time.
	approximate bool
	// gone is how many elements of blue have no partner, if these are more than half.
	gone int32
}

// array compares two arrays: it pairs their elements as the match rule says,
// then compares the pairs.
func (e *engine) array(b, g uint32, st int32, eff *effect) {
	// The stacks are shared by the recursion: what this array adds is cut off again
	// at the end.
	baseIdx, baseHash, baseOps, at := len(e.idx), len(e.hashes), len(e.ops), len(e.frames)
	f := frame{bs: len(e.idx)}
	e.idx = e.b.children(b, e.idx)
	f.nb = len(e.idx) - f.bs
	f.gs = len(e.idx)
	e.idx = e.g.children(g, e.idx)
	f.ng = len(e.idx) - f.gs
	e.hashElements(&f)
	e.align(&f, eff)
	// What is true of the array as a whole comes before its elements.
	if f.reordered {
		e.found(Order, b, g, eff, orderNote(eff))
	}
	if f.nb != f.ng {
		e.note(func() string {
			return fmt.Sprintf("%s: %d elements on blue, %d on green", e.appendPath(nil), f.nb, f.ng)
		})
	}
	if f.approximate {
		e.note(func() string {
			return fmt.Sprintf("%s: too different to align exactly; elements are paired in place", e.appendPath(nil))
		})
	}
	// Whether the list lost more than half decides what allow rules may hide of it,
	// see allowance.
	gone := 0
	for _, p := range e.ops[baseOps:] {
		if p.g < 0 {
			gone++
		}
	}
	if 2*gone > f.nb {
		f.gone = int32(gone)
	}
	e.frames = append(e.frames, f)
	for i := baseOps; i < len(e.ops); i++ {
		e.element(at, e.ops[i], st, eff)
	}
	e.idx, e.hashes, e.ops, e.frames = e.idx[:baseIdx], e.hashes[:baseHash], e.ops[:baseOps], e.frames[:at]
}

// orderNote explains a difference in order; a match rule may accept any.
func orderNote(eff *effect) string {
	if eff.match != 0 {
		return "the same elements in another order; as: set with by accepts any order"
	}
	return "the same elements in another order"
}

// hashElements appends the hashes of both sides' elements, as the rules see them.
func (e *engine) hashElements(f *frame) {
	f.hb = len(e.hashes)
	for _, c := range e.idx[f.bs : f.bs+f.nb] {
		e.hashes = append(e.hashes, e.b.ruledHash(c))
	}
	f.hg = len(e.hashes)
	for _, c := range e.idx[f.gs : f.gs+f.ng] {
		e.hashes = append(e.hashes, e.g.ruledHash(c))
	}
}

// element compares one pairing of the array whose frame is e.frames[at].
func (e *engine) element(at int, p pairing, st int32, array *effect) {
	f := &e.frames[at]
	b, g := noNode, noNode
	if p.b >= 0 {
		b = e.idx[f.bs+int(p.b)]
	}
	if p.g >= 0 {
		g = e.idx[f.gs+int(p.g)]
	}
	if b != noNode && g != noNode && !p.moved && e.same(b, g) {
		if !p.again {
			e.counted(b)
		}
		return
	}
	var cst int32
	if b != noNode {
		cst = elementOf(e.auto, st, Value{e.b, b}, int(p.b), f.nb)
	} else {
		cst = elementOf(e.auto, st, Value{e.g, g}, int(p.g), f.ng)
	}
	e.path = append(e.path, step{blue: place{e.b, b, p.b}, green: place{e.g, g, p.g}, frame: int32(at) + 1, gone: f.gone})
	eff := e.effects(cst)
	switch {
	case p.again:
		e.copy(b, g, cst)
	case g == noNode:
		e.only(Removed, b, g, eff)
	case b == noNode:
		e.only(Added, b, g, eff)
	default:
		if p.moved {
			if by, _ := e.allowance(Moved, eff); by == 0 {
				e.found(Moved, b, g, array, "") // an order that is allowed is one of the array
			} else {
				e.found(Moved, b, g, eff, "")
			}
		}
		e.pair(b, g, cst)
	}
	e.path = e.path[:len(e.path)-1]
}

// copy compares a further copy on green with blue's element. Blue's leaves have been
// accounted for, and a patch adds the copy: the element has another partner.
func (e *engine) copy(b, g uint32, st int32) {
	before, patch := e.out.total, e.patch
	e.quiet++
	e.patch = nil
	e.pair(b, g, st)
	e.quiet--
	if e.patch = patch; patch != nil && e.out.total > before {
		patch.oneSided(e, e.path, noNode, g)
	}
}

// align pairs the elements by the rule for this array.
func (e *engine) align(f *frame, eff *effect) {
	how := "auto"
	if eff.match != 0 {
		r := &e.rules.prog.rules[eff.match-1]
		if r.As != "" {
			how = r.As
		}
		if len(r.By) > 0 {
			f.by = r.By
			how = "key"
			if r.As == "set" || r.As == "multiset" {
				how = "keyed set"
			}
		}
	}
	f.guess = how == "auto" && e.rules.opts.Mode != Shape
	switch {
	case how == "set" || how == "multiset":
		e.alignBag(f, how == "set")
		return
	case e.rules.opts.Mode == Shape && f.by == nil:
		e.inPlace(0, f.nb, 0, f.ng)
		return
	}
	// Equal elements at both ends need no pairing: lists mostly differ in the middle.
	h := e.hashes
	lo := 0
	for lo < f.nb && lo < f.ng && h[f.hb+lo] == h[f.hg+lo] {
		e.ops = append(e.ops, pairing{b: int32(lo), g: int32(lo)})
		lo++
	}
	eb, eg := f.nb, f.ng
	for eb > lo && eg > lo && h[f.hb+eb-1] == h[f.hg+eg-1] {
		eb--
		eg--
	}
	switch {
	case how == "keyed set":
		e.alignKeyed(f, lo, eb, eg, false)
	case how == "key":
		e.alignKeyed(f, lo, eb, eg, true)
	case f.guess && lo < eb && lo < eg && e.guessKey(f, e.b, e.g):
		first := len(e.ops)
		e.alignKeyed(f, lo, eb, eg, true)
		if slices.ContainsFunc(e.ops[first:], func(p pairing) bool { return p.b != p.g }) {
			e.noteKey(f) // the key has made a difference
		}
	default:
		e.alignOrdered(f, lo, eb, eg)
	}
	for i := eb; i < f.nb; i++ {
		e.ops = append(e.ops, pairing{b: int32(i), g: int32(i - eb + eg)})
	}
}

// inPlace pairs elements by position; what is left over is one side's own.
func (e *engine) inPlace(b0, b1, g0, g1 int) {
	for k := range max(b1-b0, g1-g0) {
		p := pairing{b: int32(b0 + k), g: int32(g0 + k)}
		if b0+k >= b1 {
			p.b = -1
		}
		if g0+k >= g1 {
			p.g = -1
		}
		e.ops = append(e.ops, p)
	}
}

// alignBag pairs elements that the rules may take for equal, whatever their order; in a
// set a value counts once:
//
//  1. Elements of one hash under the rules are paired: first those of exactly one value, see
//     equals, the others in their order.
//  2. A further copy in a set is compared with the partner of the copy that has exactly
//     its value, else with the last one: two elements of one hash need not be equal where
//     a rule has the last word on values.
//  3. What is left is paired by likeness, so that the inner difference shows.
func (e *engine) alignBag(f *frame, set bool) {
	p := e.newBag(f)
	// Each of blue's takes the next copy on green; those without one are left.
	exact := map[uint64]int32{} // of a set: the partners on green by blue's value
	var lone, loneG []int32
	for i := range f.nb {
		s, value := find(p.slots, e.hashes[f.hb+i]), e.b.nodes[e.idx[f.bs+i]].hash
		j, paired := p.next(int32(i), s)
		switch {
		case paired: // Rule 1
			e.ops = append(e.ops, pairing{b: int32(i), g: j})
			s.ib, p.partner[j] = j, int32(i)+1
			if set {
				exact[value] = j
			}
		case s.hash != 0 && set: // Rule 2
			j, ok := exact[value]
			if !ok {
				j = s.ib
			}
			e.ops = append(e.ops, pairing{b: int32(i), g: j})
		default:
			lone = append(lone, int32(i))
		}
	}
	if set {
		clear(exact) // from here on the partners on blue by green's value
		for j, b := range p.partner {
			if b > 0 {
				exact[e.g.nodes[e.idx[f.gs+j]].hash] = b - 1
			}
		}
	}
	for j := range f.ng {
		if p.partner[j] > 0 {
			continue
		}
		if i, ok := e.firstOf(f, p, j, exact); set && ok { // Rule 2
			e.ops = append(e.ops, pairing{b: i, g: int32(j), again: true})
			continue
		}
		loneG = append(loneG, int32(j))
	}
	e.pairAlike(f, lone, loneG) // Rule 3
}

// A bag is green's elements while alignBag pairs them.
type bag struct {
	slots   []slot  // by hash under the rules; ig is the first free copy, ib the last that has a partner
	after   []int32 // further places of a hash
	partner []int32 // on blue, one more than its place; 0: none
	// equal is by blue's place one more than the place of what has exactly its value, and kept
	// says which places that are; nil: all copies of a hash are of one value.
	equal []int32
	kept  []bool
}

// newBag sorts green's elements by hash.
func (e *engine) newBag(f *frame) *bag {
	p := &bag{slots: e.slotTable(f.nb + f.ng), after: make([]int32, f.ng), partner: make([]int32, f.ng)}
	several := false
	for i := f.ng - 1; i >= 0; i-- {
		s := claim(p.slots, e.hashes[f.hg+i])
		several = several || s.ig >= 0 && e.g.nodes[e.idx[f.gs+i]].hash != e.g.nodes[e.idx[f.gs+int(s.ig)]].hash
		p.after[i], s.ig = s.ig, int32(i)
	}
	if several && !e.rules.maps {
		e.equals(f, p)
	}
	return p
}

// equals finds the pairs of exactly one value, where elements of one hash have several: the
// same elements in another order are equal whatever the rules compare. Under a map rule ids of
// the sides are different things also where they look alike, and order is the better guess.
func (e *engine) equals(f *frame, p *bag) {
	type key struct{ hash, value uint64 }
	places := map[key][]int32{}
	for j := range f.ng {
		k := key{e.hashes[f.hg+j], e.g.nodes[e.idx[f.gs+j]].hash}
		places[k] = append(places[k], int32(j))
	}
	p.equal, p.kept = make([]int32, f.nb), make([]bool, f.ng)
	for i := range f.nb {
		k := key{e.hashes[f.hb+i], e.b.nodes[e.idx[f.bs+i]].hash}
		if list := places[k]; len(list) > 0 {
			j := list[0]
			p.equal[i], p.kept[j], places[k] = j+1, true, list[1:]
			find(p.slots, k.hash).ib = j // a copy before it may be compared with it
		}
	}
}

// next takes green's place for blue's element i, whose slot is s.
func (p *bag) next(i int32, s *slot) (j int32, ok bool) {
	if p.equal != nil && p.equal[i] > 0 {
		return p.equal[i] - 1, true
	}
	for s.hash != 0 && s.ig >= 0 {
		j, s.ig = s.ig, p.after[s.ig]
		if p.kept == nil || !p.kept[j] {
			return j, true
		}
	}
	return 0, false
}

// firstOf is the element of blue that green's copy j is compared with: the partner of
// what has exactly its value, else of the last copy. Not ok: blue has none.
func (e *engine) firstOf(f *frame, p *bag, j int, exact map[uint64]int32) (int32, bool) {
	if i, ok := exact[e.g.nodes[e.idx[f.gs+j]].hash]; ok {
		return i, true
	}
	last := find(p.slots, e.hashes[f.hg+j]).ib
	return p.partner[last] - 1, p.partner[last] > 0 && e.hashes[f.hg+int(last)] == e.hashes[f.hg+j]
}

// note keeps a sentence for the reader, a bounded number of them, each once.
func (e *engine) note(text func() string) {
	if e.hider != 0 || len(e.notes) >= maxNotes {
		return
	}
	s := text()
	if slices.Contains(e.notes, s) {
		return
	}
	e.notes = append(e.notes, s)
}

// maxNotes bounds the notes of a comparison, such as those about keys that were guessed.
const maxNotes = 50

// keyRule is the rule that fixes a guessed key.
func keyRule(path string, by []string) string {
	return RuleYAML(Rule{At: path, Do: DoMatch, By: by})
}
