package verdict

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// weight is what a load stage does to the verdict. A policy of warn accepts noise in the
// measurements, not what the answers, the warm-up and the connections showed. The policy comes
// from --on-inconclusive warn. Beyond is the worst verdict of everything except the
// measurements.
func (c *conclusion) weight(l *run.LoadResult) run.Verdict {
	if l.Verdict == run.Inconclusive && c.in.WarnOnly && l.Beyond() <= run.Pass {
		return run.Pass
	}
	return l.Verdict
}

// load claims and gates the load stages of required suites. Stages of advisory suites get a
// warning if they were skipped, and neither a claim nor a gate.
func (c *conclusion) load() {
	for i := range c.in.Loads {
		l := &c.in.Loads[i]
		if l.Verdict == run.Skip {
			c.warn("load %s was not run: %s", l.Name, l.Reason)
		}
		if GateOf(c.in.Suites[l.Suite]) == scenarios.Advisory {
			continue
		}
		switch {
		case l.Verdict == run.Skip:
		case c.weight(l) > run.Pass:
			c.claim(c.weight(l), "load %s: %s", l.Name, l.Reason)
		case l.Verdict == run.Inconclusive:
			c.warn("load %s is inconclusive and does not decide (on-inconclusive warn): %s", l.Name, l.Reason)
		}
		// Only a stage that gave a result counts as judged: one that was skipped or broken is
		// not evidence, and a run of nothing else must not pass.
		if w := c.weight(l); l.Verdict == run.Pass || w == run.Fail || w == run.Inconclusive {
			c.judged++
		}
		// The gates of this stage are those appended from here on.
		before := len(c.gates)
		c.loadGates(l)
		c.responseGates(l)
		c.resources(l)
		// A stage may fail for a reason that has no gate, such as a generator that could not
		// keep up. Without a gate as grave as its verdict, the table of gates would look better
		// than the run.
		if !slices.ContainsFunc(c.gates[before:], func(g run.GateResult) bool { return g.Verdict >= l.Verdict }) {
			c.gate(l.Verdict, "load "+l.Name, text.Cut(l.Reason, 160), "no worse").Load = l.Name
		}
	}
}

// loadGates has a line for each gate metric, and for each guard that fired. A gate metric
// decides in both directions. A guard that found no clear regression has shown nothing, and
// gets no line.
func (c *conclusion) loadGates(l *run.LoadResult) {
	for _, m := range l.Comparisons {
		// The outcome is what the comparison settled; it is only translated here.
		if m.Role == perf.Guard && m.Outcome != perf.Worse {
			continue
		}
		verdict := run.Inconclusive // also where the outcome is not set: not measured
		if m.Outcome == perf.NoWorse || m.Outcome == perf.Worse {
			verdict = run.OfOutcome(m.Outcome)
		}
		name := "load " + l.Name + " " + m.Metric.String()
		if m.Route != "" {
			name += " " + m.Route
		}
		// Changes are relative to blue, with the interval that holds the true change, and the
		// limit is the margin. Errors are absolute: rates of both sides, and the margin as a
		// rate.
		g := c.gate(verdict, name, fmt.Sprintf("%s [%s, %s]", change(m.Change), change(m.Low), change(m.High)), "+"+text.Percent(m.Margin))
		if m.Metric == perf.Errors {
			g.Measured = fmt.Sprintf("blue %s, green %s", text.Percent(m.Blue), text.Percent(m.Green))
			g.Limit = text.Percent(m.Margin)
		}
		// Without a block there is no interval to show.
		if m.Blocks == 0 {
			g.Measured = "not measured"
		}
		g.Reason, g.Load = m.Note, l.Name
	}
}

// change writes a relative change; past a hundredfold it says no more than that there is no
// bound. share is a ratio: 0.05 is five per cent more than blue.
func change(share float64) string {
	if share >= 100 {
		return "unbounded"
	}
	return fmt.Sprintf("%+.1f %%", share*100)
}

// resources claims and gates what the stage cost both sides. A guard that could not be measured
// weighs nothing; noise that does not decide (on-inconclusive warn) is a warning. Figures are
// CPU, memory and the like, of both sides, read while the stage ran. The verdict is that of all
// figures together.
func (c *conclusion) resources(l *run.LoadResult) {
	r := l.Resources
	if r == nil {
		return
	}
	v, compared := r.Verdict, 0
	// A figure that was too noisy or missing on one side is not counted as compared.
	for _, f := range r.Figures {
		compared += judge.Count(f.Verdict == run.Pass || f.Verdict == run.Fail)
	}
	measured := fmt.Sprintf("%d of %d figures compared", compared, len(r.Figures))
	if r.Reason != "" {
		measured += ": " + text.Cut(r.Reason, 160)
	}
	// A skip is not grave, yet a reader who sees the gate should know that nothing was
	// measured.
	switch {
	case v == run.Inconclusive && c.in.WarnOnly:
		v = run.Pass
		c.warn("load %s: resources are inconclusive and do not decide (on-inconclusive warn): %s", l.Name, r.Reason)
	case v > run.Pass:
		c.claim(v, "load %s: resources: %s", l.Name, r.Reason)
	case v == run.Skip:
		c.warn("load %s: resources were not compared: %s", l.Name, r.Reason)
	}
	c.gate(v, "load "+l.Name+" resources", measured, "no worse than blue").Load = l.Name
}

// responseGates has a row for the answers, the warm-up and the connections. The rows are there
// only where the stage looked at them: a stage may send load without judging answers, without a
// warm-up, or without counting connections.
func (c *conclusion) responseGates(l *run.LoadResult) {
	// A row's verdict is the worst finding of its kinds. Findings that no row has are claims of
	// the stage as a whole.
	verdict := func(kinds ...run.LoadFindingKind) run.Verdict {
		v := run.Pass
		for _, f := range l.Findings {
			if slices.Contains(kinds, f.Kind) {
				v = v.Worse(f.Verdict)
			}
		}
		return v
	}
	row := func(v run.Verdict, name, measured, limit string) {
		c.gate(v, "load "+l.Name+" "+name, measured, limit).Load = l.Name
	}
	if j := l.Judging; j != nil {
		pairs, judged, differ := j.Sum()
		v, measured := verdict(run.LoadDiffers, run.LoadDiffersOnce, run.LoadUnjudged), j.JudgedText()
		switch {
		// Without a pair that was compared, 100 % would be true and would mislead.
		case pairs == 0:
			row(run.Skip, "responses equal", "no pair was compared", "100 %")
		case differ > 0:
			row(v, "responses equal", fmt.Sprintf("%s (%d of %d differ, %s), %s", text.Percent(1-float64(differ)/float64(judged)),
				differ, judged, text.Count(len(j.Causes), "cause"), measured), "100 %")
		default:
			row(v, "responses equal", "100 %, "+measured, "100 %")
		}
	}
	if w := l.WarmUp; w != nil {
		row(verdict(run.LoadColdErrors), "warm-up", w.String(), "no errors of green's alone")
	}
	if g := &l.Generator; g.Connections != (run.PerSide{}) {
		row(verdict(run.LoadConnectionsDie, run.LoadConnectionsClose, run.LoadConnectionsSlow), "connections", g.ConnectionsText(),
			"as blue's")
	}
}
