package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// conclude makes the verdict out of everything that was found.
//
//  1. The worst of the required parts decides: cases, load, identity, accounts.
//  2. An advisory suite is reported and never decides.
//  3. A run in which no required part was judged is broken.
//  4. A pass is what is left when something was judged and nothing else was found.
func (e *execution) conclude(o *outcome) *run.End {
	c := &conclusion{e: e, o: o, end: &run.End{Sides: e.sides(), Audit: o.audit, ElapsedMS: judge.Milliseconds(e.now().Sub(o.begun)), Reasons: []string{}}}
	c.stopped()
	c.beforehand()
	c.carry()
	c.suites()
	c.part = "differences"
	c.differences()
	c.part = "findings"
	c.findings()
	c.part = "load"
	c.load()
	c.part = "transport"
	c.transport()
	c.part = "evidence"
	c.required()
	c.accounts()
	c.evidence()
	c.leftovers()
	c.end.Gates = c.gates
	c.settle()
	return c.end
}

type conclusion struct {
	e      *execution
	o      *outcome
	end    *run.End
	claims []sentence
	part   string // what is speaking: each part's gravest claim comes before any part's second
	gates  []run.GateResult
	judged int // required cases and load stages with evidence
	// Of required suites.
	counts  run.Counts
	sums    suiteTotals // differ, compared, unmet and silent
	minimum []string    // suites' coverage minima that are not met
	spoken  map[partVerdict]bool
}

// partVerdict is a part of the run that has claimed a verdict.
type partVerdict struct {
	part    string
	verdict run.Verdict
}

// claim adds a reason of the verdict. Claims keep their order within a verdict,
// but that a reader of the first three hears of every part of the run that
// failed, load too, before hearing of one part twice.
func (c *conclusion) claim(v run.Verdict, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	key := partVerdict{c.part, v}
	later := c.part != "" && c.spoken[key]
	if c.spoken == nil {
		c.spoken = map[partVerdict]bool{}
	}
	c.spoken[key] = true
	if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.text == text }) {
		c.claims = append(c.claims, sentence{verdict: v, text: text, later: later})
	}
}

func (c *conclusion) gate(v run.Verdict, name, measured, limit string) *run.GateResult {
	c.gates = append(c.gates, run.GateResult{Name: name, Measured: measured, Limit: limit, Verdict: v})
	return &c.gates[len(c.gates)-1]
}

// stopped claims what ended the run early.
func (c *conclusion) stopped() {
	if err := c.e.failed(); err != nil {
		c.claim(run.Broken, "%v", err)
		return
	}
	v, reason := c.o.stopReason()
	if v == 0 {
		return
	}
	n := c.e.totals.counts().Cases
	c.claim(v, "%s after %d of %d cases", reason, n, c.e.planned().Cases)
	var signal interface{ SignalNumber() int }
	if asSignal(c.o.cause, &signal) {
		c.end.Signal = signal.SignalNumber()
	}
}

// beforehand claims what preflight and the identities found.
func (c *conclusion) beforehand() {
	for _, p := range c.o.setup {
		c.claim(run.Broken, "%s", p)
	}
	if p := c.o.preflight; p != nil {
		for _, same := range p.same {
			c.claim(run.Broken, "%s", same)
		}
		if p.stop != "" {
			c.claim(run.Broken, "%s", p.stop)
		}
		reachable := run.Pass
		for _, d := range p.down {
			v := run.Fail
			if p.stop != "" || d.side == scenarios.Blue || p.isDown(scenarios.Blue, d.name) {
				v = run.Broken
			}
			reachable = reachable.Worse(v)
			c.claim(v, "%s is unreachable: %s: %s", d.label, d.err.Class, d.err.Detail)
		}
		if p.checked > 0 {
			c.gate(reachable, "services reachable", fmt.Sprintf("%d of %d", p.checked-p.missing, p.checked), "all")
		}
	}
	c.identity()
	if c.e.plan.Done != nil && (c.o.before == nil || c.o.before.asked == 0) {
		c.end.Warnings = append(c.end.Warnings, "the run was resumed, and no identity shows that the sides are still what they were when it began")
	}
}

func (c *conclusion) identity() {
	r := c.o.before
	if r == nil || r.verdict == 0 && len(c.o.changed) == 0 {
		return
	}
	verdict := r.verdict.Worse(run.Pass)
	for _, reason := range r.reasons {
		c.claim(r.verdict, "%s", reason)
	}
	for _, reason := range c.o.changed {
		verdict = verdict.Worse(run.Broken)
		c.claim(run.Broken, "%s", reason)
	}
	measured := fmt.Sprintf("%d probes agree, before and after", r.asked)
	if verdict != run.Pass {
		measured = text.Cut(strings.Join(append(slices.Clone(r.reasons), c.o.changed...), "; "), 160)
	}
	c.gate(verdict, "identity", measured, "as declared, unchanged")
	c.end.Sides = *r.sides(c.end.Sides)
}

// uncovered claims the verdict of a required suite that no claim speaks of: a
// finding may be merged or cut away, its weight may not.
func (c *conclusion) uncovered() {
	for i, suite := range c.e.plan.Suites {
		v := c.e.totals.suites[i].verdict
		if gateOf(suite) != scenarios.Required || v <= run.Pass {
			continue
		}
		if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.verdict >= v }) {
			c.claim(v, "suite %s: %s", suite.Name, strings.Join(append(c.summary(&c.e.totals.suites[i]), "see its cases"), ", "))
		}
	}
}

// settle sorts the claims and gives the verdict.
func (c *conclusion) settle() {
	c.uncovered()
	verdict := run.Broken // Rule 3
	if c.judged > 0 {
		verdict = run.Pass // Rule 4
	} else if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.verdict >= run.Broken }) {
		c.claim(run.Broken, "nothing was judged: %s", c.whyNothing())
	}
	for _, s := range c.claims {
		verdict = verdict.Worse(s.verdict) // Rule 1
	}
	slices.SortStableFunc(c.claims, func(a, b sentence) int {
		return cmp.Or(int(b.verdict)-int(a.verdict), judge.Count(a.later)-judge.Count(b.later))
	})
	for _, s := range c.claims {
		c.end.Reasons = append(c.end.Reasons, s.text)
	}
	c.end.Verdict = verdict
}

// whyNothing says why no case and no load stage was judged.
func (c *conclusion) whyNothing() string {
	n := c.counts
	switch {
	case c.e.planned().Cases+c.e.planned().Loads == 0:
		return "the plan is empty"
	case n.Skip > 0 && n.Broken == 0:
		return fmt.Sprintf("all %d cases were skipped", n.Skip)
	case n.Cases == 0:
		return "no required suite came to a result"
	default:
		return fmt.Sprintf("of %d cases %d were skipped and %d are broken", n.Cases, n.Skip, n.Broken)
	}
}
