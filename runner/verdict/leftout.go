package verdict

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// leftOut books what was left out. What a file or the environment left out makes the run
// inconclusive; an identity that is missing is for require and gate to ask. By is what left it
// out: the command line, a file, the environment, or the stage.
func (c *conclusion) leftOut(l run.LeftOut) {
	// The same part may be left out for many steps; it is reported once.
	if slices.Contains(c.end.LeftOut, l) {
		return
	}
	c.end.LeftOut = append(c.end.LeftOut, l)
	// The audit has the text, as run.json and reports show it. The typed value is what decides.
	if text := l.String(); !slices.Contains(c.end.Audit.VerifiedWithout, text) {
		c.end.Audit.VerifiedWithout = append(c.end.Audit.VerifiedWithout, text)
	}
	// Someone who types a narrower run knows that it is narrower, and the stage's limits are
	// reviewed with the stage. A file or an environment variable narrows runs of people who do
	// not know of it.
	if l.What == run.AspectIdentity || l.Name == "" || l.By != run.ByFile && l.By != run.ByEnvironment {
		return
	}
	c.claim(run.Inconclusive, "%s leaves out %s: only the command line may make a run smaller", l.Name, l)
	c.gate(run.Inconclusive, "nothing left out", l.String()+" left out by "+l.Name, "nothing by a file or the environment")
}

// narrowing finds what left cases or load stages out: what a file or the environment did comes
// before what was typed. cases selects what was left out: cases, or load stages. At is the
// place in the file, where there is one. Without any narrowing the source is the command line
// without a name.
func (c *conclusion) narrowing(cases bool) (by run.Source, name string) {
	// The first pass looks for what was not typed, the second for what was.
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
	// The order is that of the report: cases, steps, load, comparison, writes, identity, rows.
	c.leftCases()
	for _, l := range c.in.Totals.switches.leftOut() {
		c.leftOut(l)
	}
	c.leftLoads()
	// A run may walk cases that compare nothing. Expectations of green alone can all hold while
	// green differs from blue, so such a run does not pass.
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
	// The stage's requirements come last: they are answered from all that was booked above.
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
	// Cases that were withheld because they write are booked by leftWrites under their own
	// aspect.
	if n := c.counts.Skip - c.in.Totals.withheld; n > 0 && c.counts.Judged() > 0 {
		c.leftOut(run.LeftOut{What: run.AspectCases, By: run.ByFile, Count: n})
	}
}

// leftLoads books the load stages that were not chosen or not allowed, and those
// whose inconclusive result does not decide.
func (c *conclusion) leftLoads() {
	// Older runs do not say how many load stages their suites have. The suites themselves then
	// do.
	p, ran, of := c.in.Planned, 0, c.in.Planned.OfLoads
	for _, suite := range c.in.Suites {
		of = max(of, len(suite.Loads))
	}
	// Stages that were skipped do not count as run: with none left, load as a whole is left
	// out.
	for i := range c.in.Loads {
		ran += judge.Count(c.in.Loads[i].Verdict != run.Skip)
	}
	by, name := c.narrowing(false)
	switch {
	case of > 0 && len(c.in.Loads) == 0:
		// Of several stages, some were not chosen.
		c.leftOut(run.LeftOut{What: run.AspectLoad, By: by, Name: name})
	case p.Loads < of:
		c.leftOut(run.LeftOut{What: run.AspectLoad, By: by, Name: name, Count: of - p.Loads, Of: of})
	}
	for i := range c.in.Loads {
		l := &c.in.Loads[i]
		switch {
		// The stage did not allow it. If other load ran, the entry names this one alone.
		case l.Verdict == run.Skip:
			left := c.byStage(run.AspectLoad)
			if ran > 0 {
				left.Load = l.Name
			}
			c.leftOut(left)
			// A stage without load in its list of requirements says that a run without load is
			// complete there; any other one did not decide it.
			if !c.settled(run.AspectLoad) && GateOf(c.in.Suites[l.Suite]) == scenarios.Required {
				c.claim(run.Inconclusive, "load %s was not run: %s", l.Name, l.Reason)
			}
		// The measurements were too noisy and the command line accepts that, so this load did
		// not prove anything.
		case l.Verdict == run.Inconclusive && c.weight(l) == run.Pass:
			c.leftOut(run.LeftOut{What: run.AspectLoad, By: run.ByFlag, Name: "--on-inconclusive warn", Load: l.Name})
		}
	}
}

// settled reports whether the stage says which aspects it requires, and leaves this one out. A
// stage without a list of requirements says nothing of any aspect, and settles none.
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

// LeavesOut reports whether a stage names what it requires without an aspect. Someone who
// writes the list has thought of each aspect; someone who writes none has not.
func LeavesOut(env *scenarios.Env, what run.Aspect) bool {
	return env != nil && len(env.Require) > 0 && !slices.Contains(env.Require, string(what))
}

// leftWrites books the steps with side effects that were not chosen, or not allowed.
// Steps with side effects were in the suites, and the choice on the command line has none of
// them.
func (c *conclusion) leftWrites() {
	if c.in.Asks.Write() && !c.writes() {
		by, name := c.narrowing(true)
		c.leftOut(run.LeftOut{What: run.AspectWrites, By: by, Name: name})
	}
	// Others were chosen, and the stage did not allow their cases to be walked.
	if c.in.Totals.withheld == 0 {
		return
	}
	c.leftOut(c.byStage(run.AspectWrites))
	if !c.settled(run.AspectWrites) {
		c.claim(run.Inconclusive, "%s not run: %s", text.Count(c.in.Totals.withheld, "case"), run.BarWrites)
	}
}

// leftIdentity books that nothing showed blue and green to be two places. Blue against blue
// gives a run without a single difference, so that this has to be known. With --allow-same it
// is what was asked for, and a run that sent nothing has nothing to doubt.
func (c *conclusion) leftIdentity() {
	if c.in.AllowSame || !c.in.Compared && !c.in.Loaded {
		return
	}
	if !c.apart() {
		c.leftOut(run.LeftOut{What: run.AspectIdentity, By: run.ByFile})
	}
}

// lacks says what is missing of an aspect that is required; empty: nothing. The answer is for a
// sentence: "the stage requires load, and it did not run".
func (c *conclusion) lacks(what run.Aspect) string {
	left := func(l run.LeftOut) bool { return l.What == what }
	switch {
	case what == run.AspectIdentity && slices.ContainsFunc(c.end.LeftOut, left):
		return "nothing showed that blue and green are two places: " + run.IdentityHint
	case slices.ContainsFunc(c.end.LeftOut, left):
		return "it did not run"
	// Nothing was booked for load where the suites have none. The stage requires it all the
	// same.
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
