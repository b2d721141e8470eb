package path

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A position is a place in a pattern: its index and how many segments matched. The index is in
// the upper 24 bits and the number of matched segments in the lower eight, which MaxSegments
// keeps free of overflow. Positions sort by pattern first, so equal sets have equal keys.
type position uint32

func pos(pattern, seg int) position      { return position(pattern<<8 | seg) }
func (p position) split() (pat, seg int) { return int(p >> 8), int(p & 0xff) }

// A State is the number of a set of positions. Different sets have different numbers, counted
// from 0 in the order in which they were met.
type State = int32

// Dead is the state in which no path matches, here or below. It is the empty set, which is why
// nothing can match below it.
const Dead State = 0

// A state is what is known of a set of positions.
// It is filled in as documents need it: a transition that no document has asked for costs
// nothing.
type state[E any] struct {
	// set has the positions, sorted, each once.
	set []position
	// eff is what the caller made of the paths that match here.
	eff     E
	members []State // with globs: by symbol; -1 not known yet
	element State   // -1 not known yet; meaningless when indexed
	indexed bool    // the transition depends on the element's index
}

// An Automaton follows a document from its root downwards and says at each value which
// paths of a Program match there. E is what the caller makes of the owners of those
// paths; it is made once for each state. An Automaton remembers the states that it has
// met, so that it belongs to one worker and gets faster with use.
//
// Start at Root. Member and Element give the state of a child from that of its parent.
type Automaton[E any] struct {
	// Root already matches where a path is $ alone.
	Root State // of the root value
	// prog is shared with other automata and not changed.
	prog *Program
	// effects turns the owners of matching paths into an E.
	effects func(owners []int) E
	// states are by number; the first is Dead.
	states []*state[E]
	ruled  []bool // states[i] has rules
	// others are the states of members of states[i] with a name that no path spells out; -1 not
	// known yet, and with globs always. bloom is the program's.
	others []State
	bloom  uint64
	table  []State // without globs: states[i]'s members by symbol, one row each; -1 not known yet
	// ids finds a state by its set, written as bytes.
	ids     map[string]State
	symbols []symbol         // with globs: classes of names
	classes map[string]int32 // name or class key -> symbol
	// buf and key are scratch memory, so that a step that leads to a known state allocates
	// nothing.
	buf []position
	key []byte
}

// A symbol is a class of names that all patterns treat alike. exact is the number of the name
// as the program spells it out, 0 for other names; globs has a bit for each glob of the program
// that matches the name.
type symbol struct {
	exact int
	globs uint64
}

// Both bounds are far above what rules of one suite need. Only documents with ever new names,
// or many globs, reach them.
// maxStates and maxNames bound what an Automaton remembers between documents.
const (
	maxStates = 1 << 12
	maxNames  = 1 << 12
)

// NewAutomaton runs a finished program. effects is called once for each state, with the owners
// of the paths that match in it; the slice is the callee's to keep. It is safe to make several
// of one program. An automaton itself is not safe for concurrent use.
func NewAutomaton[E any](g *Program, effects func(owners []int) E) *Automaton[E] {
	a := &Automaton[E]{prog: g, bloom: g.bloom, effects: effects, ids: map[string]State{}, classes: map[string]int32{}}
	// The first symbols are the exact names without any glob, so that without globs a name's
	// number is its symbol.
	for i := 0; i <= len(g.names); i++ {
		a.symbols = append(a.symbols, symbol{exact: i})
	}
	// The empty set comes first, which makes it Dead.
	a.others[a.intern(nil)] = Dead
	for i := range g.patterns {
		a.buf = append(a.buf, pos(i, 0))
	}
	a.Root = a.intern(a.buf)
	return a
}

// Crowded reports whether the automaton has grown past what is worth keeping. The owner then
// makes a new one from the same program: states are cheap to find again, and a document with
// millions of different names must not fill the memory.
func (a *Automaton[E]) Crowded() bool {
	return len(a.states) > maxStates || len(a.classes) > 2*maxNames
}

// Effects is what NewAutomaton's effects made of the paths that match in a state. The pointer
// is good until the automaton is dropped. The caller must not change what it points to.
func (a *Automaton[E]) Effects(st State) *E { return &a.states[st].eff }

// Ruled reports whether a path matches in a state. It is asked for every value of a document,
// hence its own slice.
func (a *Automaton[E]) Ruled(st State) bool { return a.ruled[st] }

// intern returns the state of a set of positions, and makes it if it is new. The set has to be
// sorted and without repeats; it is copied.
func (a *Automaton[E]) intern(set []position) State {
	a.key = a.key[:0]
	for _, p := range set {
		a.key = binary.LittleEndian.AppendUint32(a.key, uint32(p))
	}
	if id, ok := a.ids[string(a.key)]; ok {
		return id
	}
	s := &state[E]{set: slices.Clone(set), element: -1}
	// A position after the last segment is a path that matches here; any other one waits for
	// children and may depend on their index.
	var owners []int
	for _, p := range set {
		pat, seg := p.split()
		segs := a.prog.patterns[pat].segs
		if seg == len(segs) {
			owners = append(owners, a.prog.owner[pat])
			continue
		}
		for _, sel := range segs[seg].sels {
			s.indexed = s.indexed || sel.kind == selIndex || sel.kind == selSlice || sel.kind == selFilter
		}
	}
	s.eff = a.effects(owners)
	id := State(len(a.states))
	a.states = append(a.states, s)
	a.ruled = append(a.ruled, len(owners) > 0)
	a.others = append(a.others, -1)
	for range len(a.prog.names) + 1 {
		a.table = append(a.table, -1)
	}
	a.ids[string(a.key)] = id
	return id
}

// step is the state after set for a child that the selectors choose for which matches reports
// true. A position of a deep segment stays, as the segment may match further down as well, and
// one whose selector matches also moves on by one. Paths that have matched completely end here.
func (a *Automaton[E]) step(set []position, matches func(*selector) bool) State {
	a.buf = a.buf[:0]
	for _, p := range set {
		pat, seg := p.split()
		segs := a.prog.patterns[pat].segs
		if seg == len(segs) {
			continue
		}
		if segs[seg].deep {
			a.buf = append(a.buf, p)
		}
		for i := range segs[seg].sels {
			if matches(&segs[seg].sels[i]) {
				a.buf = append(a.buf, p+1)
				break
			}
		}
	}
	// Two ways may lead to the same position. A set has it once.
	slices.Sort(a.buf)
	a.buf = slices.Compact(a.buf)
	return a.intern(a.buf)
}

// Other is the state of a member below st whose name no path spells out, by the hash of its name:
// most names of a document. It is -1 where the name may be one of a path, or the state is not
// known yet; Member then says it. The bloom filter of 64 bits answers without a search.
func (a *Automaton[E]) Other(st State, hash uint64) State {
	if a.bloom>>(hash>>58)&1 == 0 {
		return a.others[st]
	}
	return -1
}

// Member is the state of a member of that name below st. hash is the name's, by the function
// that Program.Finish was given. Without globs one look into the table gives the state.
func (a *Automaton[E]) Member(st State, hash uint64, name []byte) State {
	if st == Dead {
		return Dead
	}
	sym := 0
	if a.bloom>>(hash>>58)&1 != 0 { // equal top bits are not enough
		sym = a.prog.symbol(hash, name)
	}
	if len(a.prog.globs) == 0 {
		next := &a.table[int(st)*(len(a.prog.names)+1)+sym]
		if *next < 0 {
			known := a.memberStep(st, sym) // which may move the table
			next = &a.table[int(st)*(len(a.prog.names)+1)+sym]
			*next = known
		}
		if sym == 0 {
			a.others[st] = *next
		}
		return *next
	}
	// With globs the class of a name takes the place of its number.
	s := a.states[st]
	sym = a.class(sym, name)
	if sym < len(s.members) && s.members[sym] >= 0 {
		return s.members[sym]
	}
	next := a.memberStep(st, sym)
	for len(s.members) <= sym {
		s.members = append(s.members, -1)
	}
	s.members[sym] = next
	return next
}

// memberStep computes the state of members of a class of names. It is the slow way, taken once
// for each state and symbol.
func (a *Automaton[E]) memberStep(st State, sym int) State {
	c := a.symbols[sym]
	return a.step(a.states[st].set, func(sel *selector) bool {
		switch sel.kind {
		case selWild:
			return true
		case selName:
			return a.prog.names[sel.name] == c.exact
		case selGlob:
			return c.globs&(1<<slices.Index(a.prog.globs, sel.name)) != 0
		}
		return false
	})
}

// The class of a name is remembered while there is room for it. Names of more than 256 bytes
// are matched anew each time, so that they do not fill the memory.
// class is the symbol of a name when globs may match it.
func (a *Automaton[E]) class(exact int, name []byte) int {
	if id, ok := a.classes["n"+string(name)]; ok {
		return int(id)
	}
	c := symbol{exact: exact}
	for i, g := range a.prog.globs {
		if GlobMatch(g, string(name)) {
			c.globs |= 1 << i
		}
	}
	id := slices.Index(a.symbols, c)
	if id < 0 {
		id = len(a.symbols)
		a.symbols = append(a.symbols, c)
	}
	if len(a.classes) < maxNames && len(name) <= 256 {
		a.classes["n"+string(name)] = int32(id)
	}
	return id
}

// GlobMatch reports whether name matches a glob: text in which each * is any text. A glob
// without * has to be equal. Parts between two * are taken at the first place where they fit,
// which is enough since only their order matters.
func GlobMatch(glob, name string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	// The end must not overlap with what the other parts have used.
	return len(name) >= len(last) && strings.HasSuffix(name, last)
}

// Element is the state of the element at index, as far as a reader can know that has not read
// the array to its end; see Program.Maybe. Selectors that need the length or the members count
// as matching. The result is then a superset of the exact state, and ElementOf settles it.
func (a *Automaton[E]) Element(st State, index int) State {
	s := a.states[st]
	if !s.indexed && s.element >= 0 {
		return s.element
	}
	next := a.step(s.set, func(sel *selector) bool {
		switch sel.kind {
		case selWild, selFilter:
			return true
		case selIndex:
			return sel.index < 0 || sel.index == index
		// maxIndex replaces a length that is not known yet: a slice from the front does
		// not need it.
		case selSlice:
			return sel.needsLength() || sel.inSlice(index, maxIndex)
		}
		return false
	})
	if !s.indexed {
		s.element = next
	}
	return next
}

// Indexed reports whether the state of an element depends on its index, the length of its
// array, or its members. Where it is false, all elements of an array share one state, and the
// caller needs to ask once.
func (a *Automaton[E]) Indexed(st State) bool { return a.states[st].indexed }

// ElementOf is the exact state of the element at index of an array of n elements. keeps reports
// whether a filter's terms all hold for the element. It is called with the length of the array,
// so everything is known. The state is that of Element wherever no selector depends on more
// than the child itself.
func (a *Automaton[E]) ElementOf(st State, index, n int, keeps func([]Term) bool) State {
	s := a.states[st]
	if !s.indexed {
		return a.Element(st, index)
	}
	return a.step(s.set, func(sel *selector) bool {
		switch sel.kind {
		case selWild:
			return true
		case selFilter:
			return keeps(sel.terms)
		case selIndex:
			return sel.index == index || sel.index < 0 && sel.index+n == index
		case selSlice:
			return sel.inSlice(index, n)
		}
		return false
	})
}
