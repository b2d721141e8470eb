package archive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner"
)

// leftOut is what a run left out. A run of a version that did not record it says so
// in audit.verified_without alone.
func leftOut(run *runner.Run) []runner.LeftOut {
	if run.End.LeftOut != nil || run.Header.Asks != nil {
		return run.End.LeftOut
	}
	var out []runner.LeftOut
	for _, word := range run.End.Audit.VerifiedWithout {
		if what := runner.Aspect(word); slices.Contains(runner.Required, what) {
			out = append(out, runner.LeftOut{What: what})
		}
	}
	if len(run.End.Sides.Green.Identity) == 0 {
		out = append(out, runner.LeftOut{What: runner.AspectIdentity})
	}
	return out
}

// absent says what keeps the gate shut of what the run left out, or did not show.
func (g Gate) absent(run *runner.Run) []string {
	var out []string
	if p := run.Header.Planned; p.Partial() && !g.Partial {
		out = append(out, fmt.Sprintf("the run judged %d of %d cases: it passes for those alone (a run of all cases, or --partial)", p.Cases, p.OfCases))
	}
	left := leftOut(run)
	for _, l := range left {
		if l.What == runner.AspectSteps && l.By == runner.ByFlag && !g.Partial {
			out = append(out, fmt.Sprintf("%s switched off %s (a run without it, or --partial)", l.Name, l))
		}
	}
	for _, what := range runner.Required {
		missing := slices.ContainsFunc(left, func(l runner.LeftOut) bool { return l.What == what })
		switch {
		case missing && slices.Contains(g.Require, what):
			out = append(out, fmt.Sprintf("%s is required, and the run was verified without it", what))
		case missing && !slices.Contains(g.Without, what) && !(g.Partial && chosen(left, what)):
			text := fmt.Sprintf("the run was verified without %s (--without %s accepts that)", what, what)
			if what == runner.AspectIdentity {
				text = "nothing showed that blue and green are two places (add identity to the suite or the env file; --without identity accepts that)"
			}
			out = append(out, text)
		case !missing && slices.Contains(g.Require, what) && !didAny(run, what):
			out = append(out, fmt.Sprintf("%s is required, and the suites hold none", what))
		}
	}
	return out
}

// chosen reports whether writes or comparison are missing for no other reason than
// that cases were chosen: to accept such a run is to accept that.
func chosen(left []runner.LeftOut, what runner.Aspect) bool {
	return (what == runner.AspectWrites || what == runner.AspectCompare) &&
		!slices.ContainsFunc(left, func(l runner.LeftOut) bool { return l.What == what && l.By != runner.ByFlag })
}

// weightOf is what a load stage does to the verdict: nothing if it is inconclusive
// and the run was made with --on-inconclusive warn.
func weightOf(run *runner.Run, l *runner.LoadResult) runner.Verdict {
	warned := func(o runner.LeftOut) bool {
		return o.What == runner.AspectLoad && o.Load == l.Name && o.By == runner.ByFlag
	}
	if l.Verdict == runner.Inconclusive && slices.ContainsFunc(run.End.LeftOut, warned) {
		return runner.Pass
	}
	return l.Verdict
}

// didAny reports whether a run that left an aspect out nowhere did it anywhere.
func didAny(run *runner.Run, what runner.Aspect) bool {
	switch what {
	case runner.AspectLoad:
		return len(run.Loads) > 0
	case runner.AspectWrites:
		return run.Header.Asks.Write()
	default:
		return true
	}
}

// weaker lists what a run checks less than the one of --no-weaker.
func (g Gate) weaker(run *runner.Run) []string {
	if g.Stronger == nil {
		return nil
	}
	was := g.Stronger
	if was.Header.Asks == nil || run.Header.Asks == nil {
		return []string{fmt.Sprintf("cannot compare with run %s: one of the two does not record what its suites check", was.Header.ID)}
	}
	found := runner.FindWeaker(was.Header.Asks, run.Header.Asks)
	for _, l := range leftOut(run) {
		before := func(o runner.LeftOut) bool { return o.What == l.What && o.Count >= l.Count }
		accepted := slices.Contains(g.Without, l.What) || g.Partial && slices.Contains([]runner.Aspect{runner.AspectCases, runner.AspectCompare, runner.AspectSteps}, l.What)
		if !accepted && !slices.ContainsFunc(leftOut(was), before) {
			found = append(found, runner.Weaker{Kind: runner.NotRun, What: strings.TrimSpace(l.String())})
		}
	}
	if len(found) == 0 {
		return nil
	}
	out := make([]string, len(found))
	for i, w := range found {
		out[i] = fmt.Sprintf("weaker than run %s: %s", was.Header.ID, w)
	}
	return out
}
