package diff

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/path"
)

// Compare compares two JSON bodies. A nil *Rules means no rules and the
// default options. Its rules:
//
//  1. Both bodies are read by the JSON grammar, strictly: UTF-8 without a byte
//     order mark, no lone surrogates, nothing after the value, no name twice.
//     A body that breaks it is an Invalid (DuplicateKey, Limit) difference,
//     also when both sides send the same bytes: nothing was compared.
//  2. Values are equal when they have the same type and the same value: objects
//     whatever the order of their members, arrays element by element, strings
//     by their characters, numbers by their exact decimal value, of any size
//     (and by their notation, see Options.Numbers).
//     null, absent, "", [] and {} are five different things.
//  3. Elements of arrays are paired as their match rule says; without one by a
//     guessed key, else by an alignment that keeps their order.
//  4. What differs is reported once, at the place it happened, in an order that
//     depends on the bodies alone.
//  5. A rule never adds a difference, but for `map`, `number: lexeme`, `number: type` and the
//     ones that change how arrays are paired.
//  6. Result.Leaves accounts for every leaf of blue's body exactly once.
func Compare(blue, green []byte, rules *Rules) Result {
	w := rules.begin(nil)
	defer w.release()
	w.compare(source{text: blue}, source{text: green})
	return w.engine.result()
}

// compare reads two JSON bodies, one of them when they are the same bytes, and
// compares what was read.
func (w *worker) compare(blue, green source) {
	clear(w.blueVisits)
	clear(w.parser.visits)
	b := w.read(&w.b, blue)
	w.blueVisits, w.parser.visits = w.parser.visits, w.blueVisits
	g := b
	if !bytes.Equal(blue.text, green.text) {
		g = w.read(&w.g, green)
	}
	w.engine.addVisits(w.blueVisits, w.parser.visits)
	w.engine.run(b, g)
}

// A source is a JSON text to be compared, and the Value of it where it has been read
// before: the zero Value where it has not.
type source struct {
	// text is the body as it came.
	text []byte
	// read is the body as it was read before; the zero Value: it was not.
	read Value
}

// read reads a text under the worker's rules into t, or returns the tree of the source's
// Value where that is the same. Rules that have paths mark the values that they reach
// while the text is read: under these it is read again, in one pass with the marks.
func (w *worker) read(t *tree, from source) *tree {
	switch {
	case w.auto != nil:
		w.parser.parse(t, from.text, w.auto.Root)
	case from.read.t != nil && w.knows(from.read.t, from.text):
		return from.read.t
	default:
		w.parser.parse(t, from.text, deadState)
	}
	return t
}

// knows reports whether a tree is what the worker's parser would make of the text: it is
// of this very text, was read under the same limits, and has no name twice.
func (w *worker) knows(t *tree, text []byte) bool {
	lim := t.lim
	lim.duplicates = w.parser.lim.duplicates
	return len(text) > 0 && len(text) == len(t.src) && &text[0] == &t.src[0] && lim == w.parser.lim && t.nDups == 0
}

// workPerNode bounds what alignment may cost.
const workPerNode = 50

// begin resets the engine for a comparison under rules and keeps its memory.
func (e *engine) begin(r *Rules, auto *automaton, seen *Bijections) {
	e.rules, e.auto, e.seen, e.at = r, auto, seen, [2]time.Time{}
	e.met = nil
	e.leaves, e.notes, e.hider, e.quiet, e.embedded, e.pointer = Leaves{}, nil, 0, 0, 0, 0
	e.path, e.idx, e.ops, e.hashes, e.frames = e.path[:0], e.idx[:0], e.ops[:0], e.hashes[:0], e.frames[:0]
	e.out.reset(&r.opts)
	for _, count := range []*[]int{&e.hits, &e.charged, &e.visits, &e.most[0], &e.most[1]} {
		*count = slices.Grow((*count)[:0], len(r.prog.rules))[:len(r.prog.rules)]
		clear(*count)
	}
}

// run compares two trees that have been read, or reports why one was not.
func (e *engine) run(b, g *tree) {
	e.b, e.g = b, g
	if b.err == nil {
		e.leaves.Seen = b.leaves
	}
	if b.err != nil || g.err != nil {
		e.leaves.Absent = e.leaves.Seen
		e.unreadable(b, "blue")
		e.unreadable(g, "green")
		return
	}
	e.work = 1000 + workPerNode*(len(b.nodes)+len(g.nodes))
	st := deadState
	if e.auto != nil {
		st = e.auto.Root
		if e.rules.prog.Maybe() {
			e.exactVisits()
		}
	}
	e.present(0, 0, st)
	e.leaks()
}

// unreadable reports why a side could not be compared.
func (e *engine) unreadable(t *tree, side string) {
	if t.err == nil {
		return
	}
	if t.err.Kind != DuplicateKey {
		e.unusable(t, side, t.err, "$")
		return
	}
	for i, d := range t.dups {
		e.unusable(t, side, t.repeated(i), t.pathTo(d.node))
	}
	e.out.total += t.nDups - len(t.dups)
}

// excerptBefore is how much of a broken body is shown before the break.
const excerptBefore = 32

// unusable records a body that cannot be compared: a difference of the gravest
// severity that no rule hides, with the text before the byte that breaks it.
func (e *engine) unusable(t *tree, side string, err *SyntaxError, path string) {
	list := e.out.counted("", StatusClass)
	if list == nil {
		return
	}
	lo := max(0, min(err.Offset, len(t.src))-excerptBefore)
	hi := min(len(t.src), lo+e.out.excerpt/2)
	shown := excerptOf(string(t.src[lo:hi]))
	shown.Size = len(t.src)
	d := Difference{Kind: err.Kind, Severity: StatusClass, Where: InBody, Path: path, Offset: err.Offset, Fault: err.Msg}
	d.Note = fmt.Sprintf("%s, byte %d: %s", side, err.Offset, err.Msg)
	if side == "blue" {
		d.Blue = shown
	} else {
		d.Green = shown
	}
	*list = append(*list, pending{d: d})
}

// pathTo is the normalized path of a node.
func (t *tree) pathTo(target uint32) string {
	b := []byte{'$'}
	for at := uint32(0); at != target; {
		index, c := 0, at+1
		for t.nodes[c].next <= target {
			c = t.nodes[c].next
			index++
		}
		if t.nodes[c].flags&flagMember != 0 {
			b = path.AppendName(b, t.keyText(c))
		} else {
			b = fmt.Appendf(b, "[%d]", index)
		}
		at = c
	}
	return string(b)
}

// addVisits counts a rule's places: on the side that has more of them.
func (e *engine) addVisits(blue, green []uint32) {
	if e.auto == nil || e.rules.prog.Maybe() && e.embedded == 0 {
		return
	}
	for side, v := range [2][]uint32{blue, green} {
		for st, n := range v {
			if n > 0 {
				e.countRules(side, path.State(st), int(n))
			}
		}
	}
	e.addMost()
}

// exactVisits counts visits by walking both trees, for programs whose parse
// only knows what may match.
func (e *engine) exactVisits() {
	for side, t := range [2]*tree{e.b, e.g} {
		e.walk(t, 0, e.auto.Root, func(_ uint32, st int32) { e.countRules(side, st, 1) })
	}
	e.addMost()
}

// countRules adds n places in a state to those that its rules match on a side.
func (e *engine) countRules(side int, st path.State, n int) {
	for _, r := range e.effects(st).rules {
		e.most[side][r] += n
	}
}

// addMost takes the places of the side that has more of them into the visits, and begins anew.
func (e *engine) addMost() {
	for r := range e.visits {
		e.visits[r] += max(e.most[0][r], e.most[1][r])
	}
	clear(e.most[0])
	clear(e.most[1])
}

// walk calls f for every node below and at i that rules may reach.
func (e *engine) walk(t *tree, i uint32, st int32, f func(uint32, int32)) {
	if st == deadState {
		return
	}
	f(i, st)
	below(e.auto, st, t, i, func(c uint32, _ int, st int32) { e.walk(t, c, st, f) })
}

// result sums up the comparison; the engine's memory is not part of it.
func (e *engine) result() Result {
	res := Result{Total: e.out.total, HiddenTotal: e.out.hiddenTotal, Leaves: e.leaves, Notes: e.notes, Forms: e.met, Severity: Identical}
	res.Differences, res.Hidden = e.out.finish()
	switch {
	case res.Total > 0:
		res.Severity = e.out.worst
	case res.HiddenTotal > 0:
		res.Severity = Ignored
	}
	if rules := e.rules.prog.rules; len(rules) > 0 {
		res.Rules = make([]RuleCount, len(rules))
		for i := range rules {
			res.Rules[i] = RuleCount{Origin: rules[i].Origin, Visits: e.visits[i], Hits: e.hits[i]}
		}
	}
	return res
}

// Validate reads a body as Compare reads it under the default options; the
// error is a *SyntaxError.
func Validate(body []byte) error {
	w := (*Rules)(nil).begin(nil)
	defer w.release()
	if w.parser.parse(&w.b, body, deadState); w.b.err != nil {
		return w.b.err
	}
	return nil
}
