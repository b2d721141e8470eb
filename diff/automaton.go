package diff

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A position is a place in a pattern: its index and how many segments matched.
type position uint32

func pos(pattern, seg int) position      { return position(pattern<<8 | seg) }
func (p position) split() (pat, seg int) { return int(p >> 8), int(p & 0xff) }

// A state is a set of positions. State 0 is the empty set: no rule applies
// here or below.
type state struct {
	set     []position
	eff     effect
	members []int32 // with globs: by symbol; -1 not known yet
	element int32   // -1 not known yet; meaningless when indexed
	indexed bool    // the transition depends on the element's index
}

// An automaton runs a program and remembers the states it meets. It belongs to
// one worker.
type automaton struct {
	prog    *program
	root    int32 // the state before the first segment
	states  []*state
	ruled   []bool  // states[i] has rules
	table   []int32 // without globs: states[i]'s members by symbol, one row each; -1 not known yet
	ids     map[string]int32
	symbols []symbol         // with globs: classes of names
	classes map[string]int32 // name or class key -> symbol
	buf     []position
	key     []byte
}

// A symbol is a class of names that all patterns treat alike.
type symbol struct {
	exact int
	globs uint64
}

const (
	deadState int32 = 0
	// maxStates bounds what an automaton remembers between comparisons.
	maxStates = 1 << 12
	maxNames  = 1 << 12
)

func newAutomaton(g *program) *automaton {
	a := &automaton{prog: g, ids: map[string]int32{}, classes: map[string]int32{}}
	for i := 0; i <= len(g.names); i++ {
		a.symbols = append(a.symbols, symbol{exact: i})
	}
	a.intern(nil)
	for i := range g.patterns {
		a.buf = append(a.buf, pos(i, 0))
	}
	a.root = a.intern(a.buf)
	return a
}

// crowded reports whether the automaton has grown past what is worth keeping.
func (a *automaton) crowded() bool { return len(a.states) > maxStates || len(a.classes) > 2*maxNames }

func (a *automaton) effects(st int32) *effect { return &a.states[st].eff }

func (a *automaton) intern(set []position) int32 {
	a.key = a.key[:0]
	for _, p := range set {
		a.key = binary.LittleEndian.AppendUint32(a.key, uint32(p))
	}
	if id, ok := a.ids[string(a.key)]; ok {
		return id
	}
	s := &state{set: slices.Clone(set), element: -1}
	var rules []int
	for _, p := range set {
		pat, seg := p.split()
		segs := a.prog.patterns[pat].segs
		if seg == len(segs) {
			rules = append(rules, a.prog.owner[pat])
			continue
		}
		for _, sel := range segs[seg].sels {
			s.indexed = s.indexed || sel.kind == selIndex || sel.kind == selSlice || sel.kind == selFilter
		}
	}
	s.eff = a.prog.effectOf(rules)
	id := int32(len(a.states))
	a.states = append(a.states, s)
	a.ruled = append(a.ruled, len(rules) > 0)
	for range len(a.prog.names) + 1 {
		a.table = append(a.table, -1)
	}
	a.ids[string(a.key)] = id
	return id
}

// step collects the positions that follow set for a child that matches says.
func (a *automaton) step(set []position, matches func(*selector) bool) int32 {
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
	slices.Sort(a.buf)
	a.buf = slices.Compact(a.buf)
	return a.intern(a.buf)
}

// member is the state of a member of that name below st.
func (a *automaton) member(st int32, hash uint64, name []byte) int32 {
	if st == deadState {
		return deadState
	}
	sym := 0
	if a.prog.bloom&(1<<(hash>>58)) != 0 {
		sym = a.prog.symbol(hash, name)
	}
	row := int(st) * (len(a.prog.names) + 1)
	if len(a.prog.globs) == 0 {
		if next := a.table[row+sym]; next >= 0 {
			return next
		}
		next := a.memberStep(st, sym)
		a.table[row+sym] = next
		return next
	}
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

// memberStep computes the state of members of a class of names.
func (a *automaton) memberStep(st int32, sym int) int32 {
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

// class is the symbol of a name when globs may match it.
func (a *automaton) class(exact int, name []byte) int {
	if id, ok := a.classes["n"+string(name)]; ok {
		return int(id)
	}
	c := symbol{exact: exact}
	for i, g := range a.prog.globs {
		if globMatch(g, string(name)) {
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

// globMatch reports whether name fits a pattern whose * stand for any text.
func globMatch(glob, name string) bool {
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
	return len(name) >= len(last) && strings.HasSuffix(name, last)
}

// element is the state of the element at index, as far as the parser can know.
func (a *automaton) element(st int32, index int) int32 {
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

// elementOf is the exact state of element c at index of an array of n elements.
func (a *automaton) elementOf(st int32, t *tree, c uint32, index, n int) int32 {
	s := a.states[st]
	if !s.indexed {
		return a.element(st, index)
	}
	return a.step(s.set, func(sel *selector) bool {
		switch sel.kind {
		case selWild:
			return true
		case selFilter:
			return sel.keeps(t, c)
		case selIndex:
			return sel.index == index || sel.index < 0 && sel.index+n == index
		case selSlice:
			return sel.inSlice(index, n)
		}
		return false
	})
}
