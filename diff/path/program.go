package path

import (
	"cmp"
	"slices"
)

// A Program is the paths of a list of rules as one automaton. It is built with Add and Finish
// and is immutable from then on: what is learned while running is in an Automaton, of which
// each worker has one. Running it takes one step for each value, however many rules there are.
type Program struct {
	// patterns are in the order in which they were added, and owner has the number that the
	// caller gave with each.
	patterns []*Pattern
	owner    []int // patterns[i] belongs to the rule owner[i]
	// names numbers the names that paths spell out, from 1: 0 is any other name.
	names  map[string]int
	byHash []nameSlot // open addressing over names
	// A bit that is not set proves that no name has such a hash.
	bloom uint64 // one bit per name, by the top of its hash
	// globs are the different globs, each once.
	globs []string
	maybe bool
}

// A nameSlot is one name of the table by which symbols are found; sym is 0 in an empty slot.
type nameSlot struct {
	hash uint64
	name string
	sym  int
}

// MaxGlobs bounds the different globs of one Program. The classes of names keep one bit for
// each of them in a word of 64 bits.
const MaxGlobs = 64

// Empty reports whether no path was added. An empty program needs no automaton: nothing can
// match.
func (g *Program) Empty() bool { return len(g.patterns) == 0 }

// Globs is the number of different globs in the paths; Finish needs at most MaxGlobs.
func (g *Program) Globs() int { return len(g.globs) }

// Maybe reports whether a filter or an index from the end needs the whole array, which a reader
// that has not reached its end does not know. Automaton.Element then takes the selector as
// matching, and Automaton.ElementOf decides. It is false for most programs, and readers can
// then decide at each element at once.
func (g *Program) Maybe() bool { return g.maybe }

// Add adds a path. owner is the number by which the caller knows the path's rule. It must not
// be called after Finish. Several paths may have the same owner.
func (g *Program) Add(p *Pattern, owner int) {
	g.patterns = append(g.patterns, p)
	g.owner = append(g.owner, owner)
	for _, s := range p.segs {
		for i := range s.sels {
			g.note(&s.sels[i])
		}
	}
}

// note keeps what the program has to know of one selector.
func (g *Program) note(sel *selector) {
	switch sel.kind {
	case selName:
		if g.names == nil {
			g.names = map[string]int{}
		}
		g.names[sel.name] = cmp.Or(g.names[sel.name], len(g.names)+1)
	case selGlob:
		if !slices.Contains(g.globs, sel.name) {
			g.globs = append(g.globs, sel.name)
		}
	case selFilter:
		g.maybe = true
	case selIndex:
		g.maybe = g.maybe || sel.index < 0
	case selSlice:
		g.maybe = g.maybe || sel.needsLength()
	}
}

// Finish makes the program ready. hash is the hash of members' names that Automaton.Member is
// given; its top six bits have to be well mixed. It is called once, by the one goroutine that
// built the program. The hash must be the same function for the life of the program, and is not
// kept.
func (g *Program) Finish(hash func(name []byte) uint64) {
	// A quarter of the table is used at most, so that a search for an unknown name ends soon.
	size := 8
	for size < 4*len(g.names) {
		size *= 2
	}
	g.byHash = make([]nameSlot, size)
	for name, sym := range g.names {
		h := hash([]byte(name))
		g.bloom |= 1 << (h >> 58)
		i := int(h) & (size - 1)
		for g.byHash[i].sym != 0 {
			i = (i + 1) & (size - 1)
		}
		g.byHash[i] = nameSlot{h, name, sym}
	}
}

// symbol is the number of an exact name; 0 for names that no rule spells out. A search ends at
// the first empty slot, of which there always is one.
func (g *Program) symbol(hash uint64, name []byte) int {
	mask := len(g.byHash) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := &g.byHash[i]
		if s.sym == 0 {
			return 0
		}
		if s.hash == hash && s.name == string(name) {
			return s.sym
		}
	}
}
