package archive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// ParseAspects reads words that name parts of run.Required; the error says which one does not.
func ParseAspects(words []string) ([]run.Aspect, error) {
	var out []run.Aspect
	for _, word := range words {
		what := run.Aspect(strings.TrimSpace(word))
		if !slices.Contains(run.Required, what) {
			return nil, hint.Errorf("compare, load, writes or identity", "unknown part %q", text.Cut(word, 60))
		}
		out = append(out, what)
	}
	return out, nil
}

// leftOut is what a run left out. A run of a version that did not record it says so
// in audit.verified_without alone.
func leftOut(r *run.Run) []run.LeftOut {
	if r.End.LeftOut != nil || r.Header.Asks != nil {
		return r.End.LeftOut
	}
	var out []run.LeftOut
	for _, word := range r.End.Audit.VerifiedWithout {
		if what := run.Aspect(word); slices.Contains(run.Required, what) {
			out = append(out, run.LeftOut{What: what})
		}
	}
	if len(r.End.Sides.Green.Identity) == 0 {
		out = append(out, run.LeftOut{What: run.AspectIdentity})
	}
	return out
}

// absent says what keeps the gate shut of what the run left out, or did not show.
func (g Gate) absent(r *run.Run) []string {
	var out []string
	if r.Header.Clients && !g.Partial {
		out = append(out, fmt.Sprintf("the run judged %s that clients made through bgverify tap, and no case of a suite (a run of the suites, "+
			"or --partial)",
			text.Count(r.End.Counts.Cases, "request")))
	}
	if p := r.Header.Planned; p.Partial() && !g.Partial {
		out = append(out, fmt.Sprintf("the run judged %d of %d cases: it passes for those alone (a run of all cases, or --partial)",
			p.Cases, p.OfCases))
	}
	left := leftOut(r)
	for _, l := range left {
		if l.What == run.AspectSteps && l.By == run.ByFlag && !g.Partial {
			out = append(out, fmt.Sprintf("%s switched off %s (a run without it, or --partial)", l.Name, l))
		}
	}
	for _, what := range run.Required {
		missing := slices.ContainsFunc(left, func(l run.LeftOut) bool { return l.What == what })
		switch {
		case missing && slices.Contains(g.Require, what):
			out = append(out, fmt.Sprintf("%s is required, and the run was verified without it", what))
		case missing && !slices.Contains(g.Without, what) && !(g.Partial && chosen(left, what)):
			reason := fmt.Sprintf("the run was verified without %s (--without %s accepts that)", what, what)
			if what == run.AspectIdentity {
				reason = "nothing showed that blue and green are two places (add identity to the suite or the env file; --without identity accepts " +
					"that)"
			}
			out = append(out, reason)
		case !missing && slices.Contains(g.Require, what) && !didAny(r, what):
			out = append(out, fmt.Sprintf("%s is required, and the suites hold none", what))
		}
	}
	return out
}

// chosen reports whether writes or comparison are missing for no other reason than
// that cases were chosen: to accept such a run is to accept that.
func chosen(left []run.LeftOut, what run.Aspect) bool {
	return (what == run.AspectWrites || what == run.AspectCompare) &&
		!slices.ContainsFunc(left, func(l run.LeftOut) bool { return l.What == what && l.By != run.ByFlag })
}

// weightOf is what a load stage does to the verdict: nothing if it is inconclusive
// and the run was made with --on-inconclusive warn.
func weightOf(r *run.Run, l *run.LoadResult) run.Verdict {
	warned := func(o run.LeftOut) bool {
		return o.What == run.AspectLoad && o.Load == l.Name && o.By == run.ByFlag
	}
	if l.Verdict == run.Inconclusive && slices.ContainsFunc(r.End.LeftOut, warned) {
		return run.Pass
	}
	return l.Verdict
}

// didAny reports whether a run that left an aspect out nowhere did it anywhere.
func didAny(r *run.Run, what run.Aspect) bool {
	switch what {
	case run.AspectLoad:
		return len(r.Loads) > 0
	case run.AspectWrites:
		return r.Header.Asks.Write()
	default:
		return true
	}
}

// weaker lists what a run checks less than the one of --no-weaker.
func (g Gate) weaker(r *run.Run) []string {
	if g.Stronger == nil {
		return nil
	}
	was := g.Stronger
	if was.Header.Asks == nil || r.Header.Asks == nil {
		return []string{fmt.Sprintf("cannot compare with run %s: one of the two does not record what its suites check", was.Header.ID)}
	}
	found := run.FindWeaker(was.Header.Asks, r.Header.Asks)
	for _, l := range leftOut(r) {
		before := func(o run.LeftOut) bool { return o.What == l.What && o.Count >= l.Count }
		accepted := slices.Contains(g.Without, l.What) || g.Partial && slices.Contains([]run.Aspect{
			run.AspectCases, run.AspectCompare,
			run.AspectSteps,
		}, l.What)
		if !accepted && !slices.ContainsFunc(leftOut(was), before) {
			found = append(found, run.Weaker{Kind: run.NotRun, What: strings.TrimSpace(l.String())})
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
