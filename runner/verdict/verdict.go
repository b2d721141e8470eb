package verdict

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

// Conclude makes the verdict out of everything that was found.
//
//  1. The worst of the required parts decides: cases, load, identity, accounts.
//  2. An advisory suite is reported and never decides.
//  3. A run in which no required part was judged is broken.
//  4. A pass is what is left when something was judged and nothing else was found.
func Conclude(in *Inputs) *run.End {
	c := &conclusion{in: in, end: &run.End{
		Sides: in.Sides, Audit: in.Audit, ElapsedMS: judge.Milliseconds(in.Elapsed),
		Reasons: []string{},
	}}
	c.stopped()
	c.beforehand()
	c.carry()
	c.part = "clusters"
	c.clusters()
	c.part = ""
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
	in     *Inputs
	end    *run.End
	claims []sentence
	part   string // what is speaking: each part's gravest claim comes before any part's second
	// repeats says that what is claimed is in a sentence that was claimed before.
	repeats bool
	gates   []run.GateResult
	judged  int // required cases and load stages with evidence
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
// failed, load too, before hearing of one part twice; a claim that repeats another
// comes last.
func (c *conclusion) claim(v run.Verdict, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	key := partVerdict{c.part, v}
	rank := rankFirst
	switch {
	case c.repeats:
		rank = rankRepeats
	case c.part != "" && c.spoken[key]:
		rank = rankLater
	}
	if c.spoken == nil {
		c.spoken = map[partVerdict]bool{}
	}
	c.spoken[key] = true
	if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.text == text }) {
		c.claims = append(c.claims, sentence{verdict: v, text: text, rank: rank})
	}
}

func (c *conclusion) gate(v run.Verdict, name, measured, limit string) *run.GateResult {
	c.gates = append(c.gates, run.GateResult{Name: name, Measured: measured, Limit: limit, Verdict: v})
	return &c.gates[len(c.gates)-1]
}

// stopped claims what ended the run early.
func (c *conclusion) stopped() {
	if err := c.in.Failure; err != nil {
		c.claim(run.Broken, "%v", err)
		return
	}
	if c.in.Stop.Verdict == 0 {
		return
	}
	c.claim(c.in.Stop.Verdict, "%s after %d of %d cases", c.in.Stop.Reason, c.in.Totals.Counts().Cases, c.in.Planned.Cases)
	c.end.Signal = c.in.Stop.Signal
}

// beforehand claims what preflight and the identities found.
func (c *conclusion) beforehand() {
	for _, p := range c.in.Setup {
		c.claim(run.Broken, "%s", p)
	}
	if p := c.in.Reached; p != nil {
		for _, same := range p.Same {
			c.claim(run.Broken, "%s", same)
		}
		if p.Stop != "" {
			c.claim(run.Broken, "%s", p.Stop)
		}
		reachable := run.Pass
		for _, d := range p.Down {
			v := run.Fail
			if p.Stop != "" || d.Side == scenarios.Blue || p.isDown(scenarios.Blue, d.Name) {
				v = run.Broken
			}
			reachable = reachable.Worse(v)
			c.claim(v, "%s is unreachable: %s: %s", d.Label, d.Err.Class, d.Err.Detail)
		}
		if p.Checked > 0 {
			c.gate(reachable, "services reachable", fmt.Sprintf("%d of %d", p.Checked-p.Missing, p.Checked), "all")
		}
	}
	c.identity()
	if c.in.Resumed && (c.in.Identity == nil || c.in.Identity.Asked == 0) {
		c.end.Warnings = append(c.end.Warnings,
			"the run was resumed, and no identity shows that the sides are still what they were when it began")
	}
}

func (c *conclusion) identity() {
	r := c.in.Identity
	if r == nil || r.Verdict == 0 && len(c.in.Changed) == 0 {
		return
	}
	verdict := r.Verdict.Worse(run.Pass)
	for _, reason := range r.reasons {
		c.claim(r.Verdict, "%s", reason)
	}
	for _, reason := range c.in.Changed {
		verdict = verdict.Worse(run.Broken)
		c.claim(run.Broken, "%s", reason)
	}
	measured := fmt.Sprintf("%d probes agree, before and after", r.Asked)
	if verdict != run.Pass {
		measured = text.Cut(strings.Join(append(slices.Clone(r.reasons), c.in.Changed...), "; "), 160)
	}
	c.gate(verdict, "identity", measured, "as declared, unchanged")
	c.end.Sides = *r.Sides(c.end.Sides)
}

// uncovered claims the verdict of a required suite that no claim speaks of: a
// finding may be merged or cut away, its weight may not.
func (c *conclusion) uncovered() {
	for i, suite := range c.in.Suites {
		v := c.in.Totals.suites[i].verdict
		if GateOf(suite) != scenarios.Required || v <= run.Pass {
			continue
		}
		if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.verdict >= v }) {
			c.claim(v, "suite %s: %s", suite.Name, strings.Join(append(c.summary(&c.in.Totals.suites[i]), "see its cases"), ", "))
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
		return cmp.Or(int(b.verdict)-int(a.verdict), a.rank-b.rank)
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
	case c.in.Planned.Cases+c.in.Planned.Loads == 0:
		return "the plan is empty"
	case n.Skip > 0 && n.Broken == 0:
		return fmt.Sprintf("all %d cases were skipped", n.Skip)
	case n.Cases == 0:
		return "no required suite came to a result"
	default:
		return fmt.Sprintf("of %d cases %d were skipped and %d are broken", n.Cases, n.Skip, n.Broken)
	}
}

// apart reports whether anything showed that blue and green are two places.
func (c *conclusion) apart() bool {
	if from := c.in.Earlier; from != nil { // judged again: nothing was asked anew
		return identitiesDiffer(&from.End.Sides) ||
			from.Header.Asks != nil && !slices.ContainsFunc(from.End.LeftOut,
				func(l run.LeftOut) bool { return l.What == run.AspectIdentity })
	}
	if identitiesDiffer(&c.end.Sides) { // Rule 1
		return true
	}
	return c.in.TwoPlaces // Rules 2 and 3
}

// identitiesDiffer reports whether an identity has two values.
func identitiesDiffer(sides *run.Sides) bool {
	for name, blue := range sides.Blue.Identity {
		if green, ok := sides.Green.Identity[name]; ok && green != blue {
			return true
		}
	}
	return false
}

// carriedGates are those whose evidence a re-judgement cannot renew.
var carriedGates = []string{"services reachable", "identity", "same protocol"}

// carry keeps what the earlier run found beside its cases (rule 2).
func (c *conclusion) carry() {
	from := c.in.Earlier
	if from == nil {
		return
	}
	end := &from.End
	c.end.Sides, c.end.Audit = end.Sides, end.Audit
	for _, g := range end.Gates {
		if !slices.Contains(carriedGates, g.Name) {
			continue
		}
		c.gates = append(c.gates, g)
		if g.Verdict > run.Pass {
			c.claim(g.Verdict, "the run that is judged again: %s: %s", g.Name, g.Measured)
		}
	}
	if end.Verdict == 0 || end.Verdict >= run.Interrupted {
		c.claim(run.Interrupted.Worse(end.Verdict), "the run that is judged again did not come to its end")
	}
}
