package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// suites sums every suite up (SuiteEnd) and counts the required ones. Each suite gets its own
// verdict and reasons, advisory ones too. Only required suites are added to the sums that the
// rest of the verdict is made from; the totals in the run's end have all.
func (c *conclusion) suites() {
	t := c.in.Totals
	for i, suite := range c.in.Suites {
		u := &t.suites[i]
		end := run.SuiteEnd{Verdict: u.verdict, Counts: u.counts, Coverage: u.coverage, Reasons: slices.Clone(u.setup)}
		c.end.Counts.Merge(u.counts)
		c.end.Coverage = c.end.Coverage.Add(u.coverage)
		// Suites without a gate are required.
		required := GateOf(suite) == scenarios.Required
		judged := u.counts.Judged()
		if required {
			c.counts.Merge(u.counts)
			c.sums.merge(u)
			c.judged += judged
		}
		// A claim of the suite is one of the run only if the suite is required.
		claim := func(v run.Verdict, format string, args ...any) {
			text := fmt.Sprintf(format, args...)
			end.Verdict = end.Verdict.Worse(v)
			end.Reasons = append(end.Reasons, text)
			if required {
				c.claim(v, "suite %s: %s", suite.Name, text)
			}
		}
		c.flaky(suite, u, claim)
		c.coverage(suite, u, claim)
		// The load stages of the suite are judged by the time suites are summed up. A stage
		// that does not decide (weight) makes the suite no worse, but its reason is still
		// listed.
		for j := range c.in.Loads {
			l := &c.in.Loads[j]
			if l.Suite != i {
				continue
			}
			end.Verdict = end.Verdict.Worse(c.weight(l))
			if l.Verdict > run.Pass {
				end.Reasons = append(end.Reasons, fmt.Sprintf("load %s: %s", l.Name, l.Reason))
			}
		}
		end.Reasons = append(end.Reasons, c.summary(u)...)
		// No case and no load stage of it ended. That is normal where the run was stopped
		// before it.
		if end.Verdict == 0 {
			end.Verdict = run.Skip
			if c.in.Compared || c.in.Loaded {
				end.Reasons = append(end.Reasons, "not run")
			}
		}
		// Two reasons are enough for a warning: the report has all of them with the suite.
		if !required && end.Verdict > run.Pass {
			c.warn("advisory suite %s: %s: %s", suite.Name, end.Verdict, strings.Join(end.Reasons[:min(2, len(end.Reasons))], "; "))
		}
		c.end.Suites = append(c.end.Suites, end)
	}
}

// merge adds the cases of another suite. vacuous and silent are for the gates about coverage
// and about sides that answer.
func (u *suiteTotals) merge(o *suiteTotals) {
	u.differ += o.differ
	u.compared += o.compared
	u.unmet += o.unmet
	u.vacuous += o.vacuous
	for side := range o.silent {
		u.silent[side] += o.silent[side]
	}
}

// summary says in one line what a suite's cases came to. Each part has a line, and parts
// without a case are left out. A case may be in more than one.
func (c *conclusion) summary(u *suiteTotals) []string {
	var out []string
	n := u.counts
	for _, part := range []struct {
		count int
		text  string
	}{
		{u.differ, "cases differ"},
		{u.unmet, "cases failed an expectation"},
		{n.Broken, "cases could not be judged"},
		{n.Inconclusive, "cases are inconclusive"},
	} {
		if part.count > 0 {
			out = append(out, fmt.Sprintf("%d of %d %s", part.count, n.Cases, part.text))
		}
	}
	return out
}

// flaky: a share of cases that passed only on a retry is accepted where the
// suite says so; beyond it the suite is inconclusive. A setup or teardown that
// did counts like a case: every case leans on it.
func (c *conclusion) flaky(suite *scenarios.Suite, u *suiteTotals, claim func(run.Verdict, string, ...any)) {
	flaky, all, what := u.counts.Flaky, u.counts.Cases, "cases"
	// Setups and teardowns are only added where one was retried, so that the words of the
	// common sentence stay simple.
	if u.retried > 0 {
		flaky, all, what = flaky+u.retried, all+u.retried, "cases, setup and teardown included,"
	}
	if flaky == 0 {
		return
	}
	share := float64(flaky) / float64(max(all, 1))
	// A share that the suite accepts is not reported here; the count of flaky cases is.
	if share > suite.MaxFlaky {
		claim(run.Inconclusive, "flaky: %d of %d %s passed only after a retry (%s, accepted %s)", flaky, all, what, text.Percent(share),
			text.Percent(suite.MaxFlaky))
	}
}

// coverage is a gate: a suite that demands a minimum must reach it. The minimum is a share of mutants,
// from 0 to 1. A suite of which no case was judged has no coverage to speak of, and its cases
// say why.
func (c *conclusion) coverage(suite *scenarios.Suite, u *suiteTotals, claim func(run.Verdict, string, ...any)) {
	if suite.MinCoverage <= 0 || u.counts.Judged() == 0 {
		return
	}
	// No mutants at all are a share of 0: the suite demands proof, and there is none.
	share := 0.0
	if u.coverage.Mutants > 0 {
		share = float64(u.coverage.Killed) / float64(u.coverage.Mutants)
	}
	if share < suite.MinCoverage {
		claim(run.Inconclusive, "coverage %s is below its minimum of %s (%d of %d mutants found)", text.Percent(share),
			text.Percent(suite.MinCoverage), u.coverage.Killed, u.coverage.Mutants)
		c.minimum = append(c.minimum, suite.Name)
	}
}

// differences claims in one sentence how many cases differ and by what, then the
// causes, most frequent first. Those that the sentence names come after all other
// reasons: the first three on a page are not the same one twice.
func (c *conclusion) differences() {
	t := c.in.Totals
	// The list has causes of advisory suites too, as the report shows them all. It is sorted by
	// how often each occurs.
	c.end.Causes = t.causes.List()
	c.caseGates()
	// Without a differing case of a required suite there is nothing to claim, except that a
	// setup or teardown may differ: it is not counted among the cases.
	if c.sums.differ == 0 && !c.setupDiffers() {
		return
	}
	named := map[int]bool{} // ids of causes
	if c.sums.differ > 0 && len(c.end.Causes) > 0 {
		spreads := cause.Spreads(c.end.Causes)
		c.claim(run.Fail, "%d of %d cases differ: %s", c.sums.differ, c.sums.compared, spreadText(spreads))
		for _, s := range spreads[:min(spreadsNamed, len(spreads))] {
			for _, cause := range s.Causes {
				named[cause.ID] = true
			}
		}
	}
	// Ten causes are listed one by one; the first sentence has the sum.
	const shown = 10
	for i, cause := range c.end.Causes {
		if i == shown {
			c.claim(run.Fail, "and %s more", text.Count(len(c.end.Causes)-shown, "cause"))
			break
		}
		// Paths of a body begin with $ and need no word before them. Those of headers and the
		// status do.
		place := cause.Path
		if cause.Where.String() != "body" {
			place = strings.TrimSpace(cause.Where.String() + " " + cause.Path)
		}
		sentence := fmt.Sprintf("%s %s", place, cause.Kind)
		// The text of the edit often begins with the kind. It is then not written a second
		// time.
		switch detail, repeats := strings.CutPrefix(cause.Edit, cause.Kind.String()); {
		case repeats: // of what is wrong with a body
			sentence += text.Cut(detail, 120)
		case cause.Edit != "":
			sentence += ", " + text.Cut(cause.Edit, 120)
		}
		// Causes that the sentence has named already get the last rank; see claim.
		c.repeats = named[cause.ID]
		c.claim(run.Fail, "%s: %s in %s (%s)", sentence, text.Count(cause.Count, "difference"), cause.Seen(),
			strings.Join(cause.Examples, ", "))
	}
	c.repeats = false
}

// spreadsNamed is how many spreads the sentence about all differences names.
const spreadsNamed = 4

// spreadText names what the causes come down to, the gravest first. gravest means in the order
// of cause.Spreads.
func spreadText(spreads []cause.Spread) string {
	var parts []string
	for i := range spreads[:min(spreadsNamed, len(spreads))] {
		parts = append(parts, text.Cut(spreads[i].String(), 120))
	}
	text := strings.Join(parts, "; ")
	if n := len(spreads) - spreadsNamed; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}

// caseGates ask whether both sides answered, answered alike, and as expected. A
// gate counts only cases that have evidence for it, and none is not all.
func (c *conclusion) caseGates() {
	n, s := c.counts, &c.sums
	if n.Cases == 0 {
		return
	}
	// Green silent in more cases than blue is a failure of green. Otherwise blue is at least as
	// much at fault, and nothing can be judged.
	if blue, green := s.silent[scenarios.Blue], s.silent[scenarios.Green]; blue+green > 0 {
		verdict := run.Broken
		if green > blue {
			verdict = run.Fail
		}
		c.gate(verdict, "both sides answer", fmt.Sprintf("blue not in %s, green not in %s", text.Count(blue, "case"),
			text.Count(green, "case")), "all requests")
	}
	// Cases compared are the whole of the share, not cases judged: a case of expectations alone
	// has no answers that could be equal.
	switch {
	case s.compared == 0:
		c.gate(run.Skip, "responses equal", "nothing was compared", "100 %")
	case s.differ == 0:
		c.gate(run.Pass, "responses equal", fmt.Sprintf("100 %% (%d of %d equal)", s.compared, s.compared), "100 %")
	default:
		share := text.Percent(1 - float64(s.differ)/float64(s.compared))
		c.gate(run.Fail, "responses equal", fmt.Sprintf("%s (%d of %d differ, %s)", share, s.differ, s.compared,
			text.Count(len(c.end.Causes), "cause")), "100 %")
	}
	// A required case that failed for another reason is not counted as one that met its
	// expectations.
	switch {
	case s.unmet > 0:
		c.gate(run.Fail, "expectations met", fmt.Sprintf("%d of %s failed an expectation", s.unmet, text.Count(n.Cases, "case")),
			"0 allowed")
	case n.Judged() > 0:
		c.gate(run.Pass, "expectations met", text.Count(n.Judged(), "case"), "all, on both sides")
	}
}

// setupDiffers reports whether a required suite's setup or teardown differs. Its differences
// are causes like those of cases, but no case is counted as differing.
func (c *conclusion) setupDiffers() bool {
	for i, suite := range c.in.Suites {
		if GateOf(suite) == scenarios.Required && c.in.Totals.suites[i].verdict == run.Fail {
			return true
		}
	}
	return false
}

// findings claims what cases found in addition to differences.
func (c *conclusion) findings() {
	const shown = 20
	// Findings of required suites alone, gravest first. Those beyond the shown ones are
	// counted, and one claim for each verdict among them keeps their weight.
	list := c.in.Totals.sentences(false)
	for i, s := range list {
		if i == shown {
			c.claim(s.verdict, "and %s more", text.Count(len(list)-shown, "finding"))
			for _, rest := range list[i:] {
				c.claim(rest.verdict, "and more %s findings, see the cases", rest.verdict)
			}
			break
		}
		c.claim(s.verdict, "%s", s.text)
	}
	// Findings beyond the bound of the totals have no sentence; their number and verdict were
	// kept.
	for v, n := range c.in.Totals.overflow {
		c.claim(v, "and %s in single cases, see there", text.Count(n, "finding"))
	}
	// The last gate compares how many cases were judged with how many there are. Skipped cases
	// are left out of its demand, since they have a reason in the files.
	n := c.counts
	if n.Cases == 0 {
		return
	}
	verdict, measured := run.Pass, fmt.Sprintf("%d of %d", n.Judged(), n.Cases)
	switch {
	case n.Broken > 0:
		verdict = run.Broken
		measured += fmt.Sprintf(", %d broken", n.Broken)
	case n.Inconclusive > 0:
		verdict = run.Inconclusive
		measured += fmt.Sprintf(", %d inconclusive", n.Inconclusive)
	// A case that is not reviewed is inconclusive and not skipped: someone has to look at
	// it.
	case c.in.Totals.unreviewed > 0:
		verdict = run.Inconclusive
	}
	if open := c.in.Totals.unreviewed; open > 0 {
		c.claim(run.Inconclusive, "%s not run: a write is marked side_effects: unreviewed", text.Count(open, "case"))
		measured += fmt.Sprintf(", %d not reviewed", open)
	}
	if n.Skip > 0 {
		measured += fmt.Sprintf(", %d skipped", n.Skip)
	}
	if off := c.in.Totals.switches.off; off > 0 {
		measured += fmt.Sprintf(", %s switched off by when", text.Count(off, "step"))
	}
	measured += c.unsent()
	c.gate(verdict, "cases judged", measured, "all that are not skipped")
}

// unsent says how many steps were not sent because their cases ended early. Such steps are
// neither judged nor skipped, and appear in two gates, so that a run that looks complete shows
// what it did not ask.
func (c *conclusion) unsent() string {
	n := c.in.Totals.unsent
	if n.Steps == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %s not sent", text.Count(n.Steps, "step"), text.Count(n.Of, "case"))
}

// leftovers gates what the run created, and warns of what it could not take back. A leftover
// says nothing about green, so it does not decide. Created things are those that steps with an
// undo made on the sides. Without any, there is no gate.
func (c *conclusion) leftovers() {
	made := c.in.Totals.created
	if made.Made == (run.PerSide{}) {
		return
	}
	c.end.Created = &made
	verdict := run.Pass
	if open := made.Open(); open > 0 {
		// Skip marks the gate as open without weight. The first leftover is named with the
		// request that would take it back.
		verdict = run.Skip
		first := made.Left[0]
		text := fmt.Sprintf("%s left behind, first: %s of %s on %s (%s)", text.Count(open, "created thing"), first.Step, first.Case,
			first.Side, first.Why)
		if first.Undo != "" {
			text += "; to take it back: " + first.Undo
		}
		c.end.Warnings = append(c.end.Warnings, text)
	}
	measured := fmt.Sprintf("blue %d of %d, green %d of %d", made.TakenBack.Blue, made.Made.Blue, made.TakenBack.Green, made.Made.Green)
	c.gate(verdict, "created things taken back", measured, "all")
}

// rowsLeft counts the rows that the stage's limits left out, and names their cases. Rows are
// counted in all suites, advisory ones too: the stage limited them all.
func (c *conclusion) rowsLeft() int {
	rows := 0
	for _, suite := range c.in.Suites {
		for _, test := range suite.Cases {
			if d := test.Data; d != nil && d.Left > 0 {
				rows += d.Left
				c.warn("case %s: %s of %s left out by limits: {data: %d} of the stage", test.ID, text.Count(d.Left, "row"), rowSource(d),
					c.in.Env.Limits.Rows)
			}
		}
	}
	return rows
}

// rowSource names where rows come from. A file is named without its folders. Rows that are
// written in the suite have no file.
func rowSource(d *scenarios.Data) string {
	if d.File == "" {
		return "its data"
	}
	return judge.FileName(d.File)
}
