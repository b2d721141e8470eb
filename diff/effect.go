package diff

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/path"
)

// A ruleRef is one more than an index into a program's rules; 0 is no rule.
type ruleRef int32

// An effect is what the rules at one place add up to: of each kind the rule
// with the most specific path, of equally specific ones the later.
type effect struct {
	// rules are all that match, for their visits.
	rules []int
	// The rules in force of the kinds that have a slot, see ruleKind.
	drop, ignore, match, mapping, number, null, empty, embedded, leak ruleRef
	// accepts are the rules in force that accept pairs of values, in the order in
	// which they are asked.
	accepts []ruleRef
	// allows are allow rules, in file order.
	allows []int
	// open are those rules that may let some values here change to anything, see lets.
	open []ruleRef
	// orderFree: the array's elements hash to the same whatever their order.
	orderFree bool
	// numbers and strings: a rule has the last word on values of that type, so
	// they hash to the constant of their type.
	numbers, strings bool
	// reading is that of the rule `number`, where there is one.
	reading NumberReading
	// anyNotation: a rule accepts numbers in whatever notation they are.
	anyNotation bool
}

// effectOf sums up rules that match one place. It runs once for each state of the
// automaton and each header, not for each value.
func (g *program) effectOf(rules []int) effect {
	e := effect{rules: rules}
	for _, i := range rules {
		switch k := g.rules[i].row; {
		case k == nil: // a path that Select looks for
		case k.slot != nil:
			if s := k.slot(&e); *s == 0 || g.beats(i, int(*s)-1) {
				*s = ruleRef(i + 1)
			}
		case k.number != nil || k.text != nil:
			e.accept(g, i)
		case k.several:
			e.allows = append(e.allows, i)
		}
	}
	if len(rules) > 0 {
		e.settle(g)
	}
	return e
}

// accept adds a rule that accepts values, in the place of a less specific one of
// its kind, unless the kind has several.
func (e *effect) accept(g *program, i int) {
	r := &g.rules[i]
	at := len(e.accepts)
	for j, other := range e.accepts {
		switch o := &g.rules[other-1]; {
		case o.row == r.row && !r.row.several:
			if g.beats(i, int(other)-1) {
				e.accepts[j] = ruleRef(i + 1)
			}
			return
		case o.order > r.order:
			at = min(at, j)
		}
	}
	e.accepts = slices.Insert(e.accepts, at, ruleRef(i+1))
}

// beats reports whether rule i wins over rule j where they conflict: the more
// specific path, then the later line.
func (g *program) beats(i, j int) bool {
	a, b := g.rules[i].specificity, g.rules[j].specificity
	return a > b || a == b && i > j
}

// settle resolves conflicts between kinds: a rule that hides a value whole
// yields to a more specific rule that says how to compare it, and the other
// way round. It then sums up what the rules in force are about.
func (e *effect) settle(g *program) {
	// Of drop and ignore one is in force, by the same order as two rules of a kind.
	if e.drop != 0 && e.ignore != 0 {
		if g.beats(int(e.drop)-1, int(e.ignore)-1) {
			e.ignore = 0
		} else {
			e.drop = 0
		}
	}
	for _, whole := range []*ruleRef{&e.drop, &e.ignore} {
		for _, i := range e.rules {
			if r := &g.rules[i]; *whole != 0 && r.row.instead && r.specificity > g.rules[*whole-1].specificity {
				*whole = 0
			}
		}
	}
	if e.match != 0 {
		as := g.rules[e.match-1].As
		e.orderFree = as == "set" || as == "multiset"
	}
	if e.number != 0 {
		e.reading = g.rules[e.number-1].reading
	}
	e.numbers, e.strings = e.mapping != 0, e.mapping != 0 || e.embedded != 0
	// What the rules in force are about decides how values hash (ruled) and whether
	// they count as compared (lets).
	inForce := e.accepts
	for _, i := range e.allows {
		inForce = append(inForce[:len(inForce):len(inForce)], ruleRef(i+1))
	}
	for _, ref := range inForce {
		r := &g.rules[ref-1]
		e.numbers = e.numbers || r.row.number != nil
		e.strings = e.strings || r.row.text != nil
		e.anyNotation = e.anyNotation || r.row.number != nil && r.Notation == anyNotation
		if r.row.lets != nil {
			e.open = append(e.open, ref)
		}
	}
}

// lets reports whether the rules let a scalar change to any other value of its
// type, or nearly so: it is then not compared, whatever the rule's name says.
//
//  1. A change that is allowed without a max, or with one of 100%.
//  2. A tolerance of at least the value itself; 0, whose every change is relative
//     to nothing, is compared.
//  3. A pattern, of a format or a rewrite, that takes any text.
func (e *effect) lets(g *program, t *tree, i uint32) bool {
	if t.nodes[i].typ >= ArrayType {
		return false
	}
	for _, ref := range e.open {
		if r := &g.rules[ref-1]; r.row.lets(r, t, i) {
			return true
		}
	}
	return false
}

// letsChange is rule 1 of lets.
func (r *compiledRule) letsChange(*tree, uint32) bool {
	return r.kind == Changed && (r.Max == (Bound{}) || r.Max.Share >= 1)
}

// letsNumber is rule 2 of lets.
func (r *compiledRule) letsNumber(t *tree, i uint32) bool {
	if t.nodes[i].typ != NumberType {
		return false
	}
	v := floatOf(t.text(i))
	return v != 0 && (r.Rel != nil && *r.Rel >= 1 || r.Abs != nil && *r.Abs >= math.Abs(v))
}

// letsText is rule 3 of lets.
func (r *compiledRule) letsText(t *tree, i uint32) bool {
	return r.anything && t.nodes[i].typ == StringType
}

// ruled is what a value under this effect adds to its parent's ruled hash.
func (e *effect) ruled(t *tree, i uint32) uint64 {
	n := &t.nodes[i]
	switch { // the same order as in engine.pair
	case e.drop != 0:
		return hashDrop
	case e.absent(t, i):
		return 0
	case n.typ == NumberType && (e.ignore != 0 || e.numbers):
		if e.twoTypes(t.typed) {
			return typedHash(hashType[n.typ], t.text(i))
		}
		return hashType[n.typ]
	case e.ignore != 0, n.typ == StringType && e.strings:
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

// A Pattern is a compiled path of a rule; package path says what paths are.
type Pattern = path.Pattern

// ParsePath parses a path; every error is a *path.Error.
func ParsePath(text string) (*Pattern, error) { return path.Parse(text) }

// A program is the rules of a list with the paths of those that have one. It is
// immutable; an automaton runs it, one per worker.
type program struct {
	path.Program
	rules []compiledRule
}

// An automaton says at each value what the rules there add up to.
type automaton = path.Automaton[effect]

// deadState is the state in which no rule applies, here or below.
const deadState = path.Dead

// newAutomaton makes a worker's automaton, whose states carry the effects of the rules that match
// in them.
func newAutomaton(g *program) *automaton { return path.NewAutomaton(&g.Program, g.effectOf) }

// below calls f for the children of node i that are not hidden, in their order, with the place of
// each among them and the state of the rules at it. st is the state at node i.
func below[E any](a *path.Automaton[E], st path.State, t *tree, i uint32, f func(c uint32, index int, st path.State)) {
	kids := t.children(i, nil)
	for index, c := range kids {
		if t.nodes[i].typ == ObjectType {
			f(c, index, memberOf(a, st, t, c))
		} else {
			f(c, index, elementOf(a, st, Value{t, c}, index, len(kids)))
		}
	}
}

// memberOf is the state of member c of t, where st is that of its object.
func memberOf[E any](a *path.Automaton[E], st path.State, t *tree, c uint32) path.State {
	if st == deadState {
		return deadState
	}
	name := t.keyText(c)
	return a.Member(st, hashBytes(name), name)
}

// elementOf is the state of element v, at index of an array of n elements whose state is st.
func elementOf[E any](a *path.Automaton[E], st path.State, v Value, index, n int) path.State {
	if st == deadState {
		return deadState
	}
	if !a.Indexed(st) {
		return a.Element(st, index)
	}
	return a.ElementOf(st, index, n, func(terms []path.Term) bool { return v.t.keeps(v.i, terms) })
}

// keeps reports whether a filter's terms all hold for node c.
func (t *tree) keeps(c uint32, terms []path.Term) bool {
	for _, term := range terms {
		m := t.member(c, term.Name)
		if m == 0 || !t.equals(m, term.Literal) {
			return false
		}
	}
	return true
}

// equals reports whether node m has the value of a scalar's JSON text.
func (t *tree) equals(m uint32, scalar string) bool {
	typ := t.nodes[m].typ
	if typ != typeOfByte(scalar[0]) {
		return false
	}
	switch typ {
	case NumberType:
		return literal.SameNumber(t.text(m), []byte(scalar))
	case StringType:
		return string(t.stringText(m)) == literal.Unquote([]byte(scalar))
	default:
		return string(t.text(m)) == scalar
	}
}

// With is the rules with more of them after those that are there. now is the day on
// which the dates of rules are checked where the options of r know none. r is nil where
// there are no rules yet.
func (r *Rules) With(more []Rule, now time.Time) (*Rules, []RuleError) {
	if r == nil {
		return Compile(more, Options{Now: now})
	}
	opts := r.opts
	if opts.Now.IsZero() {
		opts.Now = now
	}
	return Compile(append(r.list(), more...), opts)
}

// list is the rules as they were given.
func (r *Rules) list() []Rule {
	rules := make([]Rule, len(r.prog.rules))
	for i := range r.prog.rules {
		rules[i] = r.prog.rules[i].Rule
	}
	return rules
}
