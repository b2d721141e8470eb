package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
)

// An Aspect is one thing that a run can prove of green, and that a stage or a gate
// can require.
type Aspect string

// The aspects. Those of Required are what `require:` and `gate --require` take.
const (
	AspectCompare  Aspect = "compare"  // answers were compared with blue's
	AspectLoad     Aspect = "load"     // the load stages were measured
	AspectWrites   Aspect = "writes"   // steps with side effects were sent
	AspectIdentity Aspect = "identity" // blue and green were shown to be two places
	AspectCases    Aspect = "cases"    // every case was judged
	AspectRows     Aspect = "rows"     // every data row was used
	AspectSteps    Aspect = "steps"    // no step was switched off from outside in every case
)

// Required are the aspects that can be required, in the order they are named.
var Required = []Aspect{AspectCompare, AspectLoad, AspectWrites, AspectIdentity}

// A Source says who left something out of a run.
type Source string

// The sources. What a person typed for this run may pass it; what a file or the
// environment leaves out in every run, unseen, does not.
const (
	ByFlag        Source = "flag"        // of the command line
	ByEnvironment Source = "environment" // a BGVERIFY_ variable
	ByFile        Source = "file"        // a mark in a scenario file
	ByStage       Source = "stage"       // the env file: limits without the part in its require list
)

// A Narrowing is one thing that made a run smaller than its suites.
type Narrowing struct {
	By   Source `json:"by"`
	Name string `json:"name"`         // --tag, BGVERIFY_TAG, only: true
	At   string `json:"at,omitempty"` // file:line:col of a mark
	// Loads and Cases say what it leaves out.
	Loads bool `json:"loads,omitempty"`
	Cases bool `json:"cases,omitempty"`
}

// A LeftOut is something that the suites hold, or a run owes, and that this run
// did not do.
type LeftOut struct {
	What Aspect `json:"what"`
	By   Source `json:"by"`
	Name string `json:"name,omitempty"` // what left it out, such as --no-load
	Load string `json:"load,omitempty"` // the stage, where it is one of several
	Step string `json:"step,omitempty"` // the first of the steps that were switched off, with its case
	// Count of Of cases, rows or load stages; 0 where they are not counted.
	Count int `json:"count,omitempty"`
	Of    int `json:"of,omitempty"`
}

// String says what is missing, in the words of audit.verified_without.
func (l LeftOut) String() string {
	switch {
	case l.Load != "":
		return "load " + l.Load
	case l.What == AspectCases && l.Of == 0:
		return fmt.Sprintf("%s (skipped or quarantined)", plural(l.Count, "case"))
	case l.What == AspectCases:
		return fmt.Sprintf("%d of %d cases", l.Count, l.Of)
	case l.What == AspectSteps:
		return fmt.Sprintf("%s with when (first %s)", plural(l.Count, "step"), l.Step)
	case l.What == AspectRows:
		return plural(l.Count, "data row")
	case l.What == AspectLoad && l.Of > 0:
		return fmt.Sprintf("%d of %d load stages", l.Count, l.Of)
	}
	return string(l.What)
}

// leftOut books what was left out. What a file or the environment left out makes
// the run inconclusive; an identity that is missing is for require and gate to ask.
func (c *conclusion) leftOut(l LeftOut) {
	if slices.Contains(c.end.LeftOut, l) {
		return
	}
	c.end.LeftOut = append(c.end.LeftOut, l)
	if text := l.String(); !slices.Contains(c.end.Audit.VerifiedWithout, text) {
		c.end.Audit.VerifiedWithout = append(c.end.Audit.VerifiedWithout, text)
	}
	if l.What == AspectIdentity || l.Name == "" || l.By != ByFile && l.By != ByEnvironment {
		return
	}
	c.claim(Inconclusive, "%s leaves out %s: only the command line may make a run smaller", l.Name, l)
	c.gate(Inconclusive, "nothing left out", l.String()+" left out by "+l.Name, "nothing by a file or the environment")
}

// narrowing finds what left cases or load stages out: what a file or the
// environment did comes before what was typed.
func (c *conclusion) narrowing(cases bool) (by Source, name string) {
	for _, typed := range []bool{false, true} {
		for _, n := range c.e.plan.Narrowed {
			if (n.By == ByFlag) != typed || cases && !n.Cases || !cases && !n.Loads {
				continue
			}
			if name = n.Name; n.At != "" {
				name += " at " + n.At
			}
			return n.By, name
		}
	}
	return ByFlag, ""
}

// required books what was left out, and claims what the stage requires and the run
// did not show.
func (c *conclusion) required() {
	c.leftCases()
	for _, l := range c.e.totals.switches.leftOut() {
		c.leftOut(l)
	}
	c.leftLoads()
	if c.sums.compared == 0 {
		by, name := c.narrowing(true)
		c.leftOut(LeftOut{What: AspectCompare, By: by, Name: name})
		if c.counts.judged() > 0 {
			c.claim(Inconclusive, "nothing was compared: no step of the required suites holds an answer of green against one of blue")
		}
	}
	c.leftWrites()
	c.leftIdentity()
	env := c.e.plan.Env
	if env == nil {
		return
	}
	if rows := c.rowsLeft(); rows > 0 {
		c.leftOut(LeftOut{What: AspectRows, By: ByStage, Name: "limits: {data}", Count: rows})
	}
	for _, part := range env.Require {
		if missing := c.lacks(Aspect(part)); missing != "" {
			c.claim(Inconclusive, "the stage requires %s, and %s", part, missing)
			c.gate(Inconclusive, "required: "+part, missing, "shown")
		}
	}
}

// leftCases books the cases that were not chosen, and those that were not judged.
func (c *conclusion) leftCases() {
	if p := c.e.planned(); p.Partial() && p.Cases > 0 {
		by, name := c.narrowing(true)
		c.leftOut(LeftOut{What: AspectCases, By: by, Name: name, Count: p.OfCases - p.Cases, Of: p.OfCases})
	}
	if n := c.counts.Skip - c.e.totals.withheld; n > 0 && c.counts.judged() > 0 {
		c.leftOut(LeftOut{What: AspectCases, By: ByFile, Count: n})
	}
}

// leftLoads books the load stages that were not chosen or not allowed, and those
// whose inconclusive result does not decide.
func (c *conclusion) leftLoads() {
	p, ran, of := c.e.planned(), 0, c.e.planned().OfLoads
	for _, suite := range c.e.plan.Suites {
		of = max(of, len(suite.Loads))
	}
	for i := range c.o.loads {
		ran += count(c.o.loads[i].Verdict != Skip)
	}
	by, name := c.narrowing(false)
	switch {
	case of > 0 && len(c.o.loads) == 0:
		c.leftOut(LeftOut{What: AspectLoad, By: by, Name: name})
	case p.Loads < of:
		c.leftOut(LeftOut{What: AspectLoad, By: by, Name: name, Count: of - p.Loads, Of: of})
	}
	for i := range c.o.loads {
		l := &c.o.loads[i]
		switch {
		case l.Verdict == Skip:
			left := c.byStage(AspectLoad)
			if ran > 0 {
				left.Load = l.Name
			}
			c.leftOut(left)
			if !c.settled(AspectLoad) && gateOf(c.e.plan.Suites[l.Suite]) == scenarios.Required {
				c.claim(Inconclusive, "load %s was not run: %s", l.Name, l.Reason)
			}
		case l.Verdict == Inconclusive && c.weight(l) == Pass:
			c.leftOut(LeftOut{What: AspectLoad, By: ByFlag, Name: "--on-inconclusive warn", Load: l.Name})
		}
	}
}

// settled reports whether the stage says which aspects it requires, and leaves
// this one out.
func (c *conclusion) settled(what Aspect) bool { return leavesOut(c.e.plan.Env, what) }

// byStage is an aspect that the stage does not allow; named where its list of what
// it requires says that this is meant.
func (c *conclusion) byStage(what Aspect) LeftOut {
	l := LeftOut{What: what, By: ByStage}
	if c.settled(what) {
		l.Name = "require: [" + strings.Join(c.e.plan.Env.Require, ", ") + "]"
	}
	return l
}

// leavesOut reports whether a stage names what it requires without an aspect.
func leavesOut(env *scenarios.Env, what Aspect) bool {
	return env != nil && len(env.Require) > 0 && !slices.Contains(env.Require, string(what))
}

// leftWrites books the steps with side effects that were not chosen, or not allowed.
func (c *conclusion) leftWrites() {
	if c.e.plan.Asks.Write() && !c.writes() {
		by, name := c.narrowing(true)
		c.leftOut(LeftOut{What: AspectWrites, By: by, Name: name})
	}
	if c.e.totals.withheld == 0 {
		return
	}
	c.leftOut(c.byStage(AspectWrites))
	if !c.settled(AspectWrites) {
		c.claim(Inconclusive, "%s not run: %s", plural(c.e.totals.withheld, "case"), writesWithheld)
	}
}

// leftIdentity books that nothing showed blue and green to be two places.
func (c *conclusion) leftIdentity() {
	if c.e.plan.Options.AllowSame || !c.o.compared && !c.o.loaded {
		return
	}
	if !c.apart() {
		c.leftOut(LeftOut{What: AspectIdentity, By: ByFile})
	}
}

// lacks says what is missing of an aspect that is required; empty: nothing.
func (c *conclusion) lacks(what Aspect) string {
	left := func(l LeftOut) bool { return l.What == what }
	switch {
	case what == AspectIdentity && slices.ContainsFunc(c.end.LeftOut, left):
		return "nothing showed that blue and green are two places: " + IdentityHint
	case slices.ContainsFunc(c.end.LeftOut, left):
		return "it did not run"
	case what == AspectLoad && len(c.o.loads) == 0:
		return "it did not run"
	case what == AspectWrites && !c.writes():
		return "no case that was run has a step with side effects"
	}
	return ""
}

// writes reports whether a case that was chosen has a step with side effects.
func (c *conclusion) writes() bool {
	return c.e.plan.Options.Part != OnlyLoad && slices.ContainsFunc(c.e.plan.Suites, suiteWrites)
}

// IdentityHint says how to show that the sides are two places.
const IdentityHint = "add identity to the suite or the env file"
