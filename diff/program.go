package diff

import "slices"

// A program is the paths of all rules as one automaton. It is immutable: what
// is learned while running lives in an automaton, one per worker.
type program struct {
	rules    []compiledRule
	patterns []*Pattern // of body rules
	owner    []int      // patterns[i] belongs to rules[owner[i]]
	names    map[string]int
	byHash   []nameSlot // open addressing over names
	bloom    uint64     // one bit per name, by the top of its hash
	globs    []string
	// maybe: a filter or an index from the end needs the whole array, which the
	// parser has not seen yet. It then takes the selector as matching, and the
	// comparison decides.
	maybe bool
}

type nameSlot struct {
	hash uint64
	name string
	sym  int
}

// maxGlobs bounds the globs of one rule list.
const maxGlobs = 64

func (g *program) addPattern(p *Pattern, owner int) {
	g.patterns = append(g.patterns, p)
	g.owner = append(g.owner, owner)
	for _, s := range p.segs {
		for _, sel := range s.sels {
			switch sel.kind {
			case selName:
				if _, ok := g.names[sel.name]; !ok {
					if g.names == nil {
						g.names = map[string]int{}
					}
					g.names[sel.name] = len(g.names) + 1
				}
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
	}
}

func (g *program) finish() {
	size := 8
	for size < 4*len(g.names) {
		size *= 2
	}
	g.byHash = make([]nameSlot, size)
	for name, sym := range g.names {
		h := hashBytes([]byte(name))
		g.bloom |= 1 << (h >> 58)
		i := int(h) & (size - 1)
		for g.byHash[i].sym != 0 {
			i = (i + 1) & (size - 1)
		}
		g.byHash[i] = nameSlot{h, name, sym}
	}
}

// symbol is the number of an exact name; 0 for names that no rule spells out.
func (g *program) symbol(hash uint64, name []byte) int {
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
