package diff

import "time"

// noNode marks a side that has nothing at a place.
const noNode = ^uint32(0)

// A step is one hop of the path from the root to the place being compared.
type step struct {
	// blue and green are the place on each side.
	blue, green place
	// frame is one more than the element's array in engine.frames; 0 for a member.
	frame int32
	// gone is how many siblings on blue, itself included, green does not have;
	// 0 unless that is more than half.
	gone int32
}

// A place is where one side is in its tree.
type place struct {
	// t is the tree: inside an embedded document that of the document.
	t *tree
	// n is the node; noNode: the side has nothing here.
	n uint32
	// i is the index of an element; -1 for a member or an absent side.
	i int32
}

// isMember reports whether the place is a member of an object, and not an element of an array.
func (p *place) isMember() bool { return p.t.nodes[p.n].flags&flagMember != 0 }

// A worker holds all that one comparison needs, reused by the next one under
// the same rules.
type worker struct {
	// parser reads both bodies, one after the other.
	parser parser
	// auto is the automaton of the rules; nil without rules on the body.
	auto *automaton
	// b and g hold what was read, unless a source had it already.
	b, g tree
	// engine compares the two.
	engine engine
	// blueVisits counts the places of blue's body per state; parser.visits green's.
	blueVisits []uint32
}

// begin takes an idle worker, or makes one, for a comparison under the rules; nil means no rules
// and the default options. Its automaton has learned the states that earlier bodies of these
// rules led to. seen is what map rules have paired before; nil: nothing.
func (r *Rules) begin(seen *Bijections) *worker {
	if r == nil {
		r = defaultRules()
	}
	w, ok := r.pool.Get().(*worker)
	if !ok {
		w = &worker{}
		if !r.prog.Empty() {
			w.auto = newAutomaton(r.prog)
		}
		w.parser.auto, w.parser.prog, w.parser.lim = w.auto, r.prog, r.lim
	}
	w.engine.begin(r, w.auto, seen)
	return w
}

// maxKept bounds the nodes, members and the like that an idle worker keeps for
// the next comparison, a few megabytes in all.
const maxKept = 1 << 17

// release keeps a worker for the next comparison, without what a large body made
// it allocate, and without a reference to the bodies.
func (w *worker) release() {
	if w.auto != nil && w.auto.Crowded() {
		return
	}
	rules := w.engine.rules
	for _, t := range []*tree{&w.b, &w.g} {
		if cap(t.nodes) > maxKept {
			*t = tree{}
		}
		t.src, t.err = nil, nil
	}
	w.engine.forget()
	rules.pool.Put(w)
}

// An engine compares two trees. See Compare for its rules.
type engine struct {
	// rules is never nil.
	rules *Rules
	// auto is the worker's.
	auto *automaton
	// b and g are the two bodies, or the documents inside of them, being compared.
	b, g *tree
	// path leads from the root to the current place.
	path []step
	// pointer is how much of path the JSON Pointers follow: inside an embedded
	// document they stay at the string that holds it.
	pointer int
	// embedded is how many documents within texts are open.
	embedded int
	// outer is green's tree around the embedded documents.
	outer *tree
	// hider is the rule that hides all differences found meanwhile.
	hider ruleRef
	// quiet is above 0 where leaves are already accounted for.
	quiet int
	// shapeless: what is being recorded counts in mode shape too. It is a status, a fact of a
	// body, or an integer that became a fraction.
	shapeless bool
	// seen is what map rules have paired over the case.
	seen *Bijections
	// at are the times of the two answers, see Message.At.
	at [2]time.Time
	// leaves are the counts so far.
	leaves Leaves
	// hits are the differences that each rule hid.
	hits []int
	// charged is what is hidden at the places of a rule, by any allow rule.
	charged []int
	// visits are the places that each rule matched.
	visits []int
	// most is room for the places on each side, see addMost.
	most [2][]int
	// out keeps what is found.
	out recorder
	// patch is nil unless a patch is asked for.
	patch *patcher
	// notes are for Result.Notes, each once.
	notes []string
	// met are harmless forms in which equal bodies differ.
	met []Form
	// work is how many steps alignment may still take.
	work int

	// idx, ops, frames and hashes are stacks of children, pairs, arrays and hashes, shared by
	// the recursion.
	idx    []uint32
	ops    []pairing
	frames []frame
	// keys are guessed keys by name, see keyNamed.
	keys   map[string][]string
	hashes []uint64
	// slots, table and tails are room for tables of one alignment, used again.
	slots []slot
	table []uint32
	tails []int32
}

// forget drops what belongs to one comparison, and all of its memory where that
// was an unusual one.
func (e *engine) forget() {
	e.b, e.g, e.seen, e.rules, e.patch = nil, nil, nil, nil, nil
	e.path = e.path[:0]
	if max(cap(e.slots), cap(e.ops), cap(e.idx), cap(e.table), cap(e.out.kept), cap(e.out.buf)>>6) > maxKept {
		*e = engine{}
	}
}

// effects are those of the rules that match in a state of the automaton.
func (e *engine) effects(st int32) *effect {
	if st == deadState {
		return &noEffect
	}
	return e.auto.Effects(st)
}

// noEffect is what a place has that no rule matches.
var noEffect effect

// counted accounts for blue's leaves below a node whose value was compared.
func (e *engine) counted(b uint32) {
	if e.quiet > 0 {
		return
	}
	n := 1
	switch {
	case e.b.hides:
		n = e.countUnderRules(b)
	case !e.b.isLeaf(b):
		n = e.b.countLeaves(b)
	}
	if e.rules.opts.Mode == Shape {
		e.leaves.Ignored += n
	} else {
		e.leaves.Compared += n
	}
}

// countedScalar accounts for a scalar that was compared under its rules.
func (e *engine) countedScalar(b uint32, eff *effect) {
	if eff.lets(e.rules.prog, e.b, b) {
		e.addLeaves(&e.leaves.Ignored, b)
		return
	}
	e.counted(b)
}

// countUnderRules counts the leaves below a node that no rule hides, and
// accounts for the others.
func (e *engine) countUnderRules(b uint32) int {
	n := 0
	for i, end := b, e.b.nodes[b].next; i < end; i++ {
		x := &e.b.nodes[i]
		if x.flags&(flagShadow|flagIgnored|flagDropped) == 0 {
			if x.next == i+1 {
				n++
			}
			continue
		}
		switch {
		case x.flags&flagShadow != 0:
		case x.flags&flagDropped != 0:
			e.leaves.Dropped += e.b.countLeaves(i)
		default:
			e.leaves.Ignored += e.b.countLeaves(i)
		}
		i = x.next - 1
	}
	return n
}

// same reports whether two values are equal and no rule wants to see them.
func (e *engine) same(b, g uint32) bool {
	bn, gn := &e.b.nodes[b], &e.g.nodes[g]
	return bn.hash == gn.hash && bn.typ == gn.typ && (bn.flags|gn.flags)&flagSoft == 0
}

// addLeaves adds the leaves below a node of blue to one of the counts of Leaves,
// unless a value around it has been counted as a whole.
func (e *engine) addLeaves(count *int, b uint32) {
	if e.quiet == 0 {
		*count += e.b.countLeaves(b)
	}
}

// pair compares two values at the same place, under the rules of st.
//
//  1. Equal values that no rule looks into are done: subtrees are skipped by hash.
//  2. A dropped value may differ in all, an ignored one in value alone. Where the reading
//     of numbers is Typed, integers and fractions are two types, also to an ignore rule.
//  3. Values of two types are one difference, whatever is in them.
//  4. All else is compared by the type of the values.
func (e *engine) pair(b, g uint32, st int32) {
	if e.same(b, g) {
		e.counted(b)
		return
	}
	bn, gn := &e.b.nodes[b], &e.g.nodes[g]
	equal := bn.hash == gn.hash && bn.typ == gn.typ
	eff := e.effects(st)
	switch {
	case eff.drop != 0:
		e.addLeaves(&e.leaves.Dropped, b)
		if !equal {
			e.foundHidden(eff.drop, Changed, b, g, eff)
		}
	case bn.typ != gn.typ:
		e.addLeaves(&e.leaves.Absent, b)
		e.found(TypeChanged, b, g, eff, "")
	case eff.ignore != 0:
		e.addLeaves(&e.leaves.Ignored, b)
		if !e.otherNumber(b, g, eff) && !equal {
			outer := e.hide(eff.ignore)
			e.values(b, g, st, eff)
			e.unhide(outer)
		}
	default:
		e.values(b, g, st, eff)
	}
}

// strict reports whether even equal hashes have to be looked at: for a map,
// documents in texts, and a reading that tells numbers of one value apart.
func (e *effect) strict() bool {
	return e.mapping != 0 || e.embedded != 0 || e.number != 0 && (e.reading == Typed || e.reading == Lexeme)
}

// hide lets a rule hide all that is found until unhide, leaves not counted; an
// outer rule keeps precedence. It returns what unhide needs.
func (e *engine) hide(by ruleRef) ruleRef {
	outer := e.hider
	if outer == 0 {
		e.hider = by
	}
	e.quiet++
	return outer
}

// unhide ends what hide began; outer is what hide returned.
func (e *engine) unhide(outer ruleRef) {
	e.hider = outer
	e.quiet--
}

// foundHidden records a difference that a rule hides.
func (e *engine) foundHidden(by ruleRef, k Kind, b, g uint32, eff *effect) {
	outer := e.hide(by)
	e.found(k, b, g, eff, "")
	e.unhide(outer)
}

// values compares two values of one type.
func (e *engine) values(b, g uint32, st int32, eff *effect) {
	switch e.b.nodes[b].typ {
	case ObjectType:
		if e.b.isLeaf(b) {
			e.counted(b)
		}
		e.object(b, g, st)
	case ArrayType:
		if e.b.isLeaf(b) {
			e.counted(b)
		}
		e.array(b, g, st, eff)
	case NumberType:
		e.countedScalar(b, eff)
		e.number(b, g, eff)
	case StringType:
		e.countedScalar(b, eff)
		e.text(b, g, st, eff)
	default:
		e.countedScalar(b, eff)
		if e.b.nodes[b].hash != e.g.nodes[g].hash {
			e.found(Changed, b, g, eff, "")
		}
	}
}

// change reports a changed scalar, hidden when a rule accepted it.
func (e *engine) change(b, g uint32, eff *effect, by ruleRef) {
	if by != 0 {
		e.foundHidden(by, Changed, b, g, eff)
		return
	}
	e.found(Changed, b, g, eff, "")
}

// text compares two strings:
//
//  1. A map rule comes first: also equal texts may break what it has paired.
//  2. Different texts may be accepted by a rule, see acceptsTexts, or be documents
//     whose values are compared instead.
//  3. Equal documents are opened too, for the visits of rules inside them.
func (e *engine) text(b, g uint32, st int32, eff *effect) {
	same := e.b.nodes[b].hash == e.g.nodes[g].hash
	if same && !eff.strict() {
		return
	}
	if !same && !eff.strings {
		e.found(Changed, b, g, eff, "")
		return
	}
	bt, gt := string(e.b.stringText(b)), string(e.g.stringText(g))
	if eff.mapping != 0 && e.mapped(b, g, eff, [2]string{`"` + bt, `"` + gt}, same) {
		return
	}
	if same {
		if eff.embedded != 0 && e.embedded < maxEmbedded {
			var t tree
			e.open(&t, bt, st, eff) // for the visits of rules inside
		}
		return
	}
	by, why := e.rules.prog.acceptsTexts(eff, bt, gt, e.at)
	if by == 0 && eff.embedded != 0 && e.inside(b, g, st, eff, [2]string{bt, gt}) {
		return
	}
	if by == 0 && why != "" {
		e.found(Changed, b, g, eff, why)
		return
	}
	e.change(b, g, eff, by)
}

// mapped applies a map rule: blue's and green's values must stay partners for
// the whole case. It reports whether it has settled the pair.
func (e *engine) mapped(b, g uint32, eff *effect, values [2]string, same bool) bool {
	if e.hider != 0 {
		return false
	}
	was, ok := e.partners(eff, values[0], values[1])
	switch {
	case !ok:
		e.found(Changed, b, g, eff, was)
	case !same:
		e.change(b, g, eff, eff.mapping)
	}
	return true
}

// partners makes two values partners under the map rule of a place, as Bijections.pair does.
func (e *engine) partners(eff *effect, blue, green string) (was string, ok bool) {
	if e.seen == nil {
		e.seen = NewBijections()
	}
	return e.seen.pair(e.rules.prog.rules[eff.mapping-1].As, blue, green)
}
