package diff

import (
	"math"
	"strconv"
)

// A ruleRef is one more than an index into a program's rules; 0 is no rule.
type ruleRef int32

// An effect is what the rules at one place add up to: of each verb the rule
// with the most specific path, of equally specific ones the later.
type effect struct {
	rules []int // all that match, for their visits
	drop, ignore, match, tolerance, time, format, mapping,
	number, text, null, empty, embedded, leak ruleRef
	rewrites []int // in file order
	allows   []int
	// orderFree: the array's elements hash to the same whatever their order.
	orderFree bool
	// numbers and strings: a rule has the last word on values of that type, so
	// they hash to the constant of their type.
	numbers, strings bool
	reading          NumberReading // of the rule `number`, where there is one
	// open: some values here may change to anything, see lets.
	open bool
}

func (g *program) effectOf(rules []int) effect {
	var e effect
	e.rules = rules
	if len(rules) == 0 {
		return e
	}
	slot := map[Do]*ruleRef{
		DoDrop: &e.drop, DoIgnore: &e.ignore, DoMatch: &e.match, DoTolerance: &e.tolerance, DoTime: &e.time,
		DoFormat: &e.format, DoMap: &e.mapping, DoNumber: &e.number, DoString: &e.text, DoNull: &e.null,
		DoEmpty: &e.empty, DoEmbedded: &e.embedded, DoLeak: &e.leak,
	}
	for _, i := range rules {
		switch do := g.rules[i].Do; do {
		case DoRewrite:
			e.rewrites = append(e.rewrites, i)
		case DoAllow:
			e.allows = append(e.allows, i)
		default:
			if s := slot[do]; s != nil && (*s == 0 || g.beats(i, int(*s)-1)) {
				*s = ruleRef(i + 1)
			}
		}
	}
	e.settle(g)
	return e
}

// beats reports whether rule i wins over rule j where they conflict: the more
// specific path, then the later line.
func (g *program) beats(i, j int) bool {
	a, b := g.rules[i].specificity, g.rules[j].specificity
	return a > b || a == b && i > j
}

// settle resolves conflicts between verbs: a rule that hides a value whole
// yields to a more specific rule that says how to compare it, and the other
// way round.
func (e *effect) settle(g *program) {
	if e.drop != 0 && e.ignore != 0 {
		if g.beats(int(e.drop)-1, int(e.ignore)-1) {
			e.ignore = 0
		} else {
			e.drop = 0
		}
	}
	for _, whole := range []*ruleRef{&e.drop, &e.ignore} {
		for _, r := range []ruleRef{e.tolerance, e.time, e.format, e.mapping, e.embedded} {
			if *whole != 0 && r != 0 && g.rules[r-1].specificity > g.rules[*whole-1].specificity {
				*whole = 0
			}
		}
	}
	if e.match != 0 {
		switch g.rules[e.match-1].As {
		case "set", "multiset":
			e.orderFree = true
		}
	}
	e.open = e.tolerance != 0
	for _, i := range e.allows {
		e.open = e.open || g.rules[i].kind == Changed
	}
	for _, i := range e.rewrites {
		e.open = e.open || g.rules[i].anything
	}
	e.open = e.open || e.format != 0 && g.rules[e.format-1].anything
	e.numbers = e.tolerance != 0 || e.time != 0 || e.mapping != 0
	if e.number != 0 {
		e.reading = g.rules[e.number-1].reading
	}
	e.strings = e.time != 0 || e.format != 0 || e.mapping != 0 || e.text != 0 || e.embedded != 0 || len(e.rewrites) > 0
}

// lets reports whether the rules let a scalar change to any other value of its
// type, or nearly so: it is then not compared, whatever the rule's name says.
//
//  1. A change that is allowed without a max, or with one of 100%.
//  2. A tolerance of at least the value itself; 0, whose every change is relative
//     to nothing, is compared.
//  3. A pattern, of a format or a rewrite, that takes any text.
func (e *effect) lets(g *program, t *tree, i uint32) bool {
	if !e.open || t.nodes[i].typ >= ArrayType {
		return false
	}
	for _, a := range e.allows {
		if r := &g.rules[a]; r.kind == Changed && (r.Max == (Bound{}) || r.Max.Share >= 1) { // Rule 1
			return true
		}
	}
	switch t.nodes[i].typ {
	case NumberType:
		return e.tolerance != 0 && g.rules[e.tolerance-1].covers(floatOf(t.text(i))) // Rule 2
	case StringType: // Rule 3
		any := e.format != 0 && g.rules[e.format-1].anything
		for _, r := range e.rewrites {
			any = any || g.rules[r].anything
		}
		return any
	}
	return false
}

// covers reports whether a tolerance is at least as wide as a value.
func (r *compiledRule) covers(v float64) bool {
	return v != 0 && (r.Rel != nil && *r.Rel >= 1 || r.Abs != nil && *r.Abs >= math.Abs(v))
}

// ruled is what a value under this effect adds to its parent's ruled hash.
func (e *effect) ruled(t *tree, i uint32) uint64 {
	n := &t.nodes[i]
	switch {
	case e.drop != 0:
		return hashDrop
	case e.absent(t, i):
		return 0
	case e.ignore != 0:
		return hashType[n.typ]
	case n.typ == NumberType && e.numbers, n.typ == StringType && e.strings:
		return hashType[n.typ]
	case n.typ == NumberType && e.number != 0:
		return t.numberHash(i, e.reading)
	}
	return t.ruledHash(i)
}

// absent reports whether a rule makes this value count as absent.
func (e *effect) absent(t *tree, i uint32) bool {
	n := &t.nodes[i]
	if e.null != 0 && n.typ == NullType {
		return true
	}
	if e.empty == 0 {
		return false
	}
	switch n.typ {
	case StringType:
		return t.src[n.start+1] == '"'
	case ArrayType, ObjectType:
		return n.next == i+1
	}
	return false
}

// absence is the rule that makes a value count as absent.
func (e *effect) absence(typ ValueType) ruleRef {
	if typ == NullType {
		return e.null
	}
	return e.empty
}

// floatOf reads a JSON number as the float64 nearest to it.
func floatOf(text []byte) float64 {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}
