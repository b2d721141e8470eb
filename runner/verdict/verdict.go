package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Conclude makes the verdict out of everything that was found. The result depends on the inputs
// alone: no clock is read, and nothing depends on the order in which cases ended. Conclude has
// to be called once, after the last result was added.
//
//  1. The worst of the required parts decides: cases, load, identity, accounts.
//  2. An advisory suite is reported and never decides.
//  3. A run in which no required part was judged is broken.
//  4. A pass is what is left when something was judged and nothing else was found.
func Conclude(in *Inputs) *run.End {
	// The reasons are never nil, so that run.json has a list there and not null.
	c := &conclusion{in: in, end: &run.End{
		Sides: in.Sides, Audit: in.Audit, ElapsedMS: run.Milliseconds(in.Elapsed),
		Reasons: []string{},
	}}
	// Things that make everything else worthless come first: how the run ended, what could not
	// be reached or identified, and what an earlier run passes on.
	c.stopped()
	c.beforehand()
	c.carry()
	c.carryShards()
	c.part = "clusters"
	c.clusters()
	c.part = ""
	// Suites come before the parts that read their sums: differences, findings and gates.
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
	// Evidence comes last, because it looks at what the other parts have booked.
	c.required()
	c.accounts()
	c.evidence()
	c.leftovers()
	c.graverShards()
	c.end.Gates = c.gates
	c.settle()
	return c.end
}

// A conclusion is the work in progress of one call of Conclude. Each part adds claims and
// gates; settle makes the verdict from the claims alone. Gates are for the reader: they never
// decide.
type conclusion struct {
	in *Inputs
	// end is the result, filled in by the parts.
	end *run.End
	// claims are the reasons so far, each text once.
	claims []sentence
	part   string // what is speaking: each part's gravest claim comes before any part's second
	// repeats says that what is claimed is in a sentence that was claimed before.
	repeats bool
	// gates are the rows of the report's table, in the order in which they were added.
	gates  []run.GateResult
	judged int // required cases and load stages with evidence
	// counts are those of the cases. Of required suites.
	counts  run.Counts
	sums    suiteTotals // differ, compared, unmet and silent
	minimum []string    // suites' coverage minima that are not met
	// spoken are the parts that have already claimed something with a verdict; see claim.
	spoken map[partVerdict]bool
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
// A text that was claimed before is not added again, and keeps the verdict that it had.
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

// gate adds a row of the report: what was measured and what was asked for, both as text. The
// result may be filled in further until the next gate is added, which may move the rows.
func (c *conclusion) gate(v run.Verdict, name, measured, limit string) *run.GateResult {
	c.gates = append(c.gates, run.GateResult{Name: name, Measured: measured, Limit: limit, Verdict: v})
	return &c.gates[len(c.gates)-1]
}

// warn adds a warning: it weighs nothing, and the report lists it.
func (c *conclusion) warn(format string, args ...any) {
	c.end.Warnings = append(c.end.Warnings, fmt.Sprintf(format, args...))
}

// stopped claims what ended the run early. A failure of the archive comes before a stop: after
// it nothing that was found is kept, so what stopped the run does not matter.
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
// A setup that failed means that nothing was sent. Both sides in one place, and a reason not to
// send at all, are broken for the same reason: no answer would say anything about green.
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
		// Green alone unreachable is what the run is there to find, a failure. If blue is
		// unreachable as well, or nothing is sent, there is nothing to compare it with.
		for _, d := range p.Down {
			v := run.Fail
			if p.Stop != "" || d.Side == scenarios.Blue || p.isDown(scenarios.Blue, d.Name) {
				v = run.Broken
			}
			reachable = reachable.Worse(v)
			// Why nothing was sent lists all services of blue already.
			if p.Stop != "" && d.Side == scenarios.Blue && len(p.Same) == 0 {
				continue
			}
			c.claim(v, "%s is unreachable: %s: %s", d.Label, d.Err.Class, d.Err.Detail)
		}
		if p.Checked > 0 {
			c.gate(reachable, "services reachable", fmt.Sprintf("%d of %d", p.Checked-p.Missing, p.Checked), "all")
		}
	}
	c.identity()
	// The cases of the first execution and those of this one could then be of different builds.
	if c.in.Resumed && (c.in.Identity == nil || c.in.Identity.Asked == 0) {
		c.warn("the run was resumed, and no identity shows that the sides are still what they were when it began")
	}
}

// identity claims what the sides answered when they were asked what they are, before the cases
// and after them. It is skipped where no suite declares an identity. A change between the two
// probes is broken: it is not known which build a case was about.
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
	if r.Asked == 1 {
		measured = "1 probe, the same before and after"
	}
	if verdict != run.Pass {
		measured = wrongIdentity(append(slices.Clone(r.reasons), c.in.Changed...))
	}
	c.gate(verdict, "identity", measured, "as declared, unchanged")
	// The report has what the sides are, even where nothing is wrong with it.
	c.end.Sides = *r.Sides(c.end.Sides)
}

// wrongIdentity is what the gate shows of an identity that is not as declared: the beginning
// of the first reason. The reasons of the verdict have the rest.
func wrongIdentity(reasons []string) string {
	const shown = 50
	measured := text.Cut(strings.TrimPrefix(reasons[0], "identity "), shown)
	if n := len(reasons) - 1; n > 0 {
		measured += fmt.Sprintf(" and %d more", n)
	}
	return measured
}

// uncovered claims the verdict of a required suite that no claim speaks of: a finding may be
// merged or cut away, its weight may not. A claim as grave as the suite's verdict is enough,
// whichever part made it: the run's verdict is then at least as grave.
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

// settle sorts the claims and gives the verdict. Rule 2 needs no code here: parts claim nothing
// for an advisory suite.
func (c *conclusion) settle() {
	c.uncovered()
	verdict := run.Broken                     // Rule 3
	if c.judged > 0 || len(c.in.Doubts) > 0 { // a doubt is a claim, and no pass
		verdict = run.Pass // Rule 4
		// A claim that is broken or worse already says why nothing was judged.
	} else if !slices.ContainsFunc(c.claims, func(s sentence) bool { return s.verdict >= run.Broken }) {
		c.claim(run.Broken, "nothing was judged: %s", c.whyNothing())
	}
	for _, s := range c.claims {
		verdict = verdict.Worse(s.verdict) // Rule 1
	}
	// The sort is stable, so claims of one verdict and rank stay in the order of the parts.
	slices.SortStableFunc(c.claims, func(a, b sentence) int {
		return cmp.Or(int(b.verdict)-int(a.verdict), a.rank-b.rank)
	})
	for _, s := range c.claims {
		c.end.Reasons = append(c.end.Reasons, s.text)
	}
	c.end.Verdict = verdict
}

// whyNothing says why no case and no load stage was judged. The text completes the reason
// "nothing was judged".
func (c *conclusion) whyNothing() string {
	n := c.counts
	switch {
	case c.in.Planned.Cases+c.in.Planned.Loads == 0:
		return "the plan is empty"
	case n.Skip > 0 && n.Broken == 0:
		return fmt.Sprintf("every case was skipped (%d)", n.Skip)
	case n.Cases == 0:
		return "no required suite came to a result"
	default:
		return fmt.Sprintf("of %d cases %d were skipped and %d are broken", n.Cases, n.Skip, n.Broken)
	}
}

// apart reports whether anything showed that blue and green are two places. Three things show
// it: an identity with two values (rule 1), certificates, or addresses together with values
// (rules 2 and 3, settled while the run was set up).
func (c *conclusion) apart() bool {
	// Older runs have no record of what was asked, so that for them only the identities count.
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

// identitiesDiffer reports whether an identity has two values. A name that only one side has is
// not a difference: the other did not answer.
func identitiesDiffer(sides *run.Sides) bool {
	for name, blue := range sides.Blue.Identity {
		if green, ok := sides.Green.Identity[name]; ok && green != blue {
			return true
		}
	}
	return false
}

// carriedGates are those whose evidence a re-judgement cannot renew. The requests that they
// rest on are not in the archive's cases.
var carriedGates = []string{"services reachable", "identity", "same protocol", enoughPairs}

// carry keeps what the earlier run found outside its cases (rule 2). Gates are kept by name,
// with their verdict, and claimed where they weigh. The audit and the sides are those of the
// run that sent the requests.
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
	// What is missing from an unfinished run cannot be found by judging it again.
	if end.Verdict == 0 || end.Verdict >= run.Interrupted {
		c.claim(run.Interrupted.Worse(end.Verdict), "the run that is judged again did not come to its end")
	}
}
