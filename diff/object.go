package diff

// object compares the members of two objects:
//
//  1. Members are paired by name, in whatever order they are. Names are compared by
//     their characters, not as written.
//  2. A member that only blue has is removed, one that only green has is added; a rule
//     may take null or an empty value for absent, see present.
//  3. Differences come in blue's order, those of added members after all others.
func (e *engine) object(b, g uint32, st int32) {
	// Most objects have the same names in the same order on both sides: no table is
	// needed as long as they do.
	bc, bend := b+1, e.b.nodes[b].next
	gc, gend := g+1, e.g.nodes[g].next
	for bc < bend && gc < gend {
		bn, gn := &e.b.nodes[bc], &e.g.nodes[gc]
		if (bn.flags|gn.flags)&flagShadow != 0 || !sameKey(e.b, bc, e.g, gc) {
			break
		}
		e.member(bc, gc, st, 0)
		bc, gc = bn.next, gn.next
	}
	if bc >= bend && gc >= gend {
		return
	}
	// From the first name that differs on, members are paired by name. e.idx is a
	// stack: [base:mid] are blue's, [mid:end] green's, and from end on the partners.
	base := len(e.idx)
	e.idx = e.b.siblings(bc, bend, e.idx)
	mid := len(e.idx)
	e.idx = e.g.siblings(gc, gend, e.idx)
	end := len(e.idx)
	e.matchNames(base, mid, end)
	gone := e.mostGone(b, e.idx[end:])
	for i := base; i < mid; i++ {
		e.member(e.idx[i], e.idx[end+i-base], st, gone)
	}
	// What is left of green has no partner: it is added, in green's order.
	for i := mid; i < end; i++ {
		if x := e.idx[i]; x != noNode {
			e.member(noNode, x, st, 0)
		}
	}
	e.idx = e.idx[:base]
}

// mostGone counts the members of an object that have no partner on green; 0 unless
// they are more than half.
func (e *engine) mostGone(b uint32, partners []uint32) int32 {
	gone := int32(0)
	for _, p := range partners {
		if p == noNode {
			gone++
		}
	}
	if gone == 0 {
		return 0
	}
	all, end := int32(0), e.b.nodes[b].next
	for c := b + 1; c < end; c = e.b.nodes[c].next {
		all++
	}
	if 2*gone <= all {
		return 0
	}
	return gone
}

// matchNames pairs the members idx[base:mid] of blue with idx[mid:end] of
// green: it appends to idx green's partner of each of blue's, or noNode, and
// overwrites what it has paired of green with noNode.
func (e *engine) matchNames(base, mid, end int) {
	size := tableSize(2 * (end - mid))
	if cap(e.table) < size {
		e.table = make([]uint32, size)
	}
	// Open addressing by the hash of the name; a slot holds a place in e.idx.
	table := e.table[:size]
	clear(table)
	for i := mid; i < end; i++ {
		s := int(hashBytes(e.g.keyText(e.idx[i]))) & (size - 1)
		for table[s] != 0 {
			s = (s + 1) & (size - 1)
		}
		table[s] = uint32(i)
	}
	for i := base; i < mid; i++ {
		partner := noNode
		s := int(hashBytes(e.b.keyText(e.idx[i]))) & (size - 1)
		for ; table[s] != 0; s = (s + 1) & (size - 1) {
			if x := e.idx[table[s]]; x != noNode && sameKey(e.b, e.idx[i], e.g, x) {
				partner = x
				e.idx[table[s]] = noNode
				break
			}
		}
		e.idx = append(e.idx, partner)
	}
}

// member compares the members of one name; noNode where a side has none. gone
// goes into the path, see step.
func (e *engine) member(b, g uint32, st, gone int32) {
	if b != noNode && g != noNode && e.same(b, g) {
		e.counted(b) // the common case, without the work of naming the place
		return
	}
	t, n := e.b, b
	if b == noNode {
		t, n = e.g, g
	}
	cst := memberOf(e.auto, st, t, n)
	e.path = append(e.path, step{blue: place{e.b, b, -1}, green: place{e.g, g, -1}, gone: gone})
	e.present(b, g, cst)
	e.path = e.path[:len(e.path)-1]
}

// present compares what may be absent on a side, or count as absent: a whole body, or a
// member.
func (e *engine) present(b, g uint32, st int32) {
	eff := e.effects(st)
	// A value that a rule takes for absent (null, empty) counts as if it were not
	// there. Two such values of one type are compared all the same.
	hasB := b != noNode && !eff.absent(e.b, b)
	hasG := g != noNode && !eff.absent(e.g, g)
	switch {
	case b != noNode && g != noNode && hasB == hasG && (hasB || e.b.nodes[b].typ == e.g.nodes[g].typ):
		e.pair(b, g, st)
	case !hasB && !hasG:
		e.absences(b, g, eff)
	case hasB:
		e.only(Removed, b, g, eff)
	default:
		e.only(Added, b, g, eff)
	}
}

// absences hides the difference between two ways of saying "nothing".
func (e *engine) absences(b, g uint32, eff *effect) {
	if b != noNode {
		e.addLeaves(&e.leaves.Compared, b)
	}
	kind, typ := TypeChanged, AbsentType
	switch {
	case b == noNode:
		kind, typ = Added, e.g.nodes[g].typ
	case g == noNode:
		kind, typ = Removed, e.b.nodes[b].typ
	default:
		typ = e.b.nodes[b].typ
	}
	by := eff.absence(typ)
	if by == 0 {
		by = eff.drop
	}
	e.foundHidden(by, kind, b, g, eff)
}

// only reports what one side has and the other lacks, as one difference, however much is
// in it. Its leaves are absent on green, and so compared with nothing.
func (e *engine) only(kind Kind, b, g uint32, eff *effect) {
	if eff.drop != 0 {
		if b != noNode {
			e.addLeaves(&e.leaves.Dropped, b)
		}
		e.foundHidden(eff.drop, kind, b, g, eff)
		return
	}
	if b != noNode {
		e.addLeaves(&e.leaves.Absent, b)
	}
	e.found(kind, b, g, eff, "")
}
