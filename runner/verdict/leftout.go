package verdict

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// leftOut books what was left out. What a file or the environment left out makes
// the run inconclusive; an identity that is missing is for require and gate to ask.
func (c *conclusion) leftOut(l run.LeftOut) {
	if slices.Contains(c.end.LeftOut, l) {
		return
	}
	c.end.LeftOut = append(c.end.LeftOut, l)
	if text := l.String(); !slices.Contains(c.end.Audit.VerifiedWithout, text) {
		c.end.Audit.VerifiedWithout = append(c.end.Audit.VerifiedWithout, text)
	}
	if l.What == run.AspectIdentity || l.Name == "" || l.By != run.ByFile && l.By != run.ByEnvironment {
		return
	}
	c.claim(run.Inconclusive, "%s leaves out %s: only the command line may make a run smaller", l.Name, l)
	c.gate(run.Inconclusive, "nothing left out", l.String()+" left out by "+l.Name, "nothing by a file or the environment")
}

// narrowing finds what left cases or load stages out: what a file or the
// environment did comes before what was typed.
func (c *conclusion) narrowing(cases bool) (by run.Source, name string) {
	for _, typed := range []bool{false, true} {
		for _, n := range c.in.Narrowed {
			if (n.By == run.ByFlag) != typed || cases && !n.Cases || !cases && !n.Loads {
				continue
			}
			if name = n.Name; n.At != "" {
				name += " at " + n.At
			}
			return n.By, name
		}
	}
	return run.ByFlag, ""
}

// required books what was left out, and claims what the stage requires and the run
// did not show.
func (c *conclusion) required() {
	c.leftCases()
	for _, l := range c.in.Totals.switches.leftOut() {
		c.leftOut(l)
	}
	c.leftLoads()
	if c.sums.compared == 0 {
		by, name := c.narrowing(true)
		c.leftOut(run.LeftOut{What: run.AspectCompare, By: by, Name: name})
		if c.counts.Judged() > 0 {
			c.claim(run.Inconclusive, "nothing was compared: no step of the required suites holds an answer of green against one of blue")
		}
	}
	c.leftWrites()
	c.leftIdentity()
	env := c.in.Env
	if env == nil {
		return
	}
	if rows := c.rowsLeft(); rows > 0 {
		c.leftOut(run.LeftOut{What: run.AspectRows, By: run.ByStage, Name: "limits: {data}", Count: rows})
	}
	for _, part := range env.Require {
		if missing := c.lacks(run.Aspect(part)); missing != "" {
			c.claim(run.Inconclusive, "the stage requires %s, and %s", part, missing)
			c.gate(run.Inconclusive, "required: "+part, missing, "shown")
		}
	}
}

// leftCases books the cases that were not chosen, and those that were not judged.
func (c *conclusion) leftCases() {
	if p := c.in.Planned; p.Partial() && p.Cases > 0 {
		by, name := c.narrowing(true)
		c.leftOut(run.LeftOut{What: run.AspectCases, By: by, Name: name, Count: p.OfCases - p.Cases, Of: p.OfCases})
	}
	if n := c.counts.Skip - c.in.Totals.withheld; n > 0 && c.counts.Judged() > 0 {
		c.leftOut(run.LeftOut{What: run.AspectCases, By: run.ByFile, Count: n})
	}
}

// leftLoads books the load stages that were not chosen or not allowed, and those
// whose inconclusive result does not decide.
func (c *conclusion) leftLoads() {
	p, ran, of := c.in.Planned, 0, c.in.Planned.OfLoads
	for _, suite := range c.in.Suites {
		of = max(of, len(suite.Loads))
	}
	for i := range c.in.Loads {
		ran += judge.Count(c.in.Loads[i].Verdict != run.Skip)
	}
	by, name := c.narrowing(false)
	switch {
	case of > 0 && len(c.in.Loads) == 0:
		c.leftOut(run.LeftOut{What: run.AspectLoad, By: by, Name: name})
	case p.Loads < of:
		c.leftOut(run.LeftOut{What: run.AspectLoad, By: by, Name: name, Count: of - p.Loads, Of: of})
	}
	for i := range c.in.Loads {
		l := &c.in.Loads[i]
		switch {
		case l.Verdict == run.Skip:
			left := c.byStage(run.AspectLoad)
			if ran > 0 {
				left.Load = l.Name
			}
			c.leftOut(left)
			if !c.settled(run.AspectLoad) && GateOf(c.in.Suites[l.Suite]) == scenarios.Required {
				c.claim(run.Inconclusive, "load %s was not run: %s", l.Name, l.Reason)
			}
		case l.Verdict == run.Inconclusive && c.weight(l) == run.Pass:
			c.leftOut(run.LeftOut{What: run.AspectLoad, By: run.ByFlag, Name: "--on-inconclusive warn", Load: l.Name})
		}
	}
}

// settled reports whether the stage says which aspects it requires, and leaves
// this one out.
func (c *conclusion) settled(what run.Aspect) bool { return LeavesOut(c.in.Env, what) }

// byStage is an aspect that the stage does not allow; named where its list of what
// it requires says that this is meant.
func (c *conclusion) byStage(what run.Aspect) run.LeftOut {
	l := run.LeftOut{What: what, By: run.ByStage}
	if c.settled(what) {
		l.Name = "require: [" + strings.Join(c.in.Env.Require, ", ") + "]"
	}
	return l
}

// LeavesOut reports whether a stage names what it requires without an aspect.
func LeavesOut(env *scenarios.Env, what run.Aspect) bool {
	return env != nil && len(env.Require) > 0 && !slices.Contains(env.Require, string(what))
}

// leftWrites books the steps with side effects that were not chosen, or not allowed.
func (c *conclusion) leftWrites() {
	if c.in.Asks.Write() && !c.writes() {
		by, name := c.narrowing(true)
		c.leftOut(run.LeftOut{What: run.AspectWrites, By: by, Name: name})
	}
	if c.in.Totals.withheld == 0 {
		return
	}
	c.leftOut(c.byStage(run.AspectWrites))
	if !c.settled(run.AspectWrites) {
		c.claim(run.Inconclusive, "%s not run: %s", text.Count(c.in.Totals.withheld, "case"), run.BarWrites)
	}
}

// leftIdentity books that nothing showed blue and green to be two places.
func (c *conclusion) leftIdentity() {
	if c.in.AllowSame || !c.in.Compared && !c.in.Loaded {
		return
	}
	if !c.apart() {
		c.leftOut(run.LeftOut{What: run.AspectIdentity, By: run.ByFile})
	}
}

// lacks says what is missing of an aspect that is required; empty: nothing.
func (c *conclusion) lacks(what run.Aspect) string {
	left := func(l run.LeftOut) bool { return l.What == what }
	switch {
	case what == run.AspectIdentity && slices.ContainsFunc(c.end.LeftOut, left):
		return "nothing showed that blue and green are two places: " + run.IdentityHint
	case slices.ContainsFunc(c.end.LeftOut, left):
		return "it did not run"
	case what == run.AspectLoad && len(c.in.Loads) == 0:
		return "it did not run"
	case what == run.AspectWrites && !c.writes():
		return "no case that was run has a step with side effects"
	}
	return ""
}

// writes reports whether a case that was chosen has a step with side effects.
func (c *conclusion) writes() bool { return c.in.Cases && c.in.Writes }

// GateOf is the gate of a suite; a suite that writes none is required.
func GateOf(s *scenarios.Suite) scenarios.Gate {
	if s.Gate == scenarios.Advisory {
		return scenarios.Advisory
	}
	return scenarios.Required
}
