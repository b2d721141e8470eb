package diff

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
