package diff

import (
	"time"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/path"
)

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

func newAutomaton(g *program) *automaton { return path.NewAutomaton(&g.Program, g.effectOf) }

// elementOf is the state of element c of t, at index of an array of n elements.
func elementOf[E any](a *path.Automaton[E], st path.State, t *tree, c uint32, index, n int) path.State {
	if !a.Indexed(st) {
		return a.Element(st, index)
	}
	return a.ElementOf(st, index, n, func(terms []path.Term) bool { return t.keeps(c, terms) })
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
