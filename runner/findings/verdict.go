package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// judging adds what was found in the stage's answers to what the attack counted of them.
func (f *Set) judging(counted *run.LoadJudging) *run.LoadJudging {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := *counted
	out.Routes, out.Examples = f.routes, f.examples
	for i := range counted.Routes {
		r, l := &f.routes[i], &f.lengths[i]
		r.Pairs = counted.Routes[i].Pairs
		if l.other > 0 || l.same < leastEvidence { // lengths are no evidence here
			continue
		}
		r.Judged += l.equal + l.differ
		r.ByLength = l.equal + l.differ
		r.Differ += l.differ
		if l.differ > 0 {
			f.places[lengthPlace+r.Name] = &place{moments: l.moments, pairs: l.differ, example: r.Name + " body length changed"}
			f.order = append(f.order, lengthPlace+r.Name)
		}
	}
	slices.SortStableFunc(out.Unmet, func(a, b run.LoadUnmet) int { return cmp.Compare(b.Count, a.Count) })
	for _, c := range f.causes.List() {
		blocks := 1
		if p := f.places[c.Place()]; p != nil {
			blocks = len(p.moments)
		}
		out.Causes = append(out.Causes, run.LoadCause{Cause: c, Blocks: blocks})
	}
	for _, name := range f.order {
		if route, ok := strings.CutPrefix(name, lengthPlace); ok {
			p := f.places[name]
			c := cause.Cause{
				ID: len(out.Causes), Kind: diff.Changed, Where: diff.InBody, Path: "$", Edit: "other length, route " + route,
				Count: p.pairs, Cases: p.pairs,
			}
			out.Causes = append(out.Causes, run.LoadCause{Cause: c, Blocks: len(p.moments)})
		}
	}
	return &out
}

// lengthPlace begins the place of lengths that differ.
const lengthPlace = "length "

// findings judges what was found: see run.LoadFindingKind. The place that differs in most
// pairs is named, and how many others there are.
func (f *Set) findings(j *run.LoadJudging) []run.LoadFinding {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, judged, _ := j.Sum()
	var out []run.LoadFinding
	for _, kind := range []run.LoadFindingKind{run.LoadDiffers, run.LoadDiffersOnce} {
		var worst *run.LoadFinding
		others, header := 0, false
		for _, name := range f.order {
			p := f.places[name]
			if (len(p.moments) >= ManyBlocks) != (kind == run.LoadDiffers) {
				continue
			}
			if worst != nil {
				others++
			}
			// What a body says tells more than a header that goes with it.
			if worst == nil || p.header == header && p.pairs > worst.Count || header && !p.header {
				header = p.header
				worst = &run.LoadFinding{Kind: kind, Verdict: run.Fail, Place: name, Example: p.example, Count: p.pairs, Of: judged}
			}
		}
		if worst == nil {
			continue
		}
		if kind == run.LoadDiffersOnce {
			worst.Verdict = run.Inconclusive
		}
		if others > 0 {
			worst.Example += fmt.Sprintf("; and %s more", text.Count(others, "place"))
		}
		out = append(out, *worst)
	}
	for _, r := range j.Routes {
		if r.Pairs > 0 && float64(r.Judged) < run.LeastJudged*float64(r.Pairs) {
			out = append(out, run.LoadFinding{Kind: run.LoadUnjudged, Verdict: run.Inconclusive, Route: r.Name, Count: r.Judged, Of: r.Pairs})
		}
	}
	return out
}

// Judge adds to a measured stage what its records do not show: what answers held, how the
// warm-up went, and what connections did. The stage's verdict becomes the graver one. The
// pairs of the examples are returned, to be kept.
func (f *Set) Judge(r *run.LoadResult) []*run.Pair {
	r.Judging = f.judging(r.Judging)
	r.Findings = slices.Concat(f.findings(r.Judging), warmUpFindings(r.WarmUp), connectionFindings(r))
	decide(r)
	return f.pairs
}

// decide joins the verdict of the records and that of the findings.
//
//  1. The graver verdict is the stage's, and its reasons are those of the findings that have
//     it, after the reason of the records where they have it too.
//  2. What is less grave becomes a warning. Of expectations that were not met the two with
//     the most answers are among the reasons of a stage that did not pass.
//  3. A stage that was interrupted has no verdict to change.
func decide(r *run.LoadResult) {
	own := r.Verdict
	if own == run.Interrupted { // Rule 3
		return
	}
	r.Verdict = own.Worse(r.Beyond())
	var reasons []string
	for _, f := range r.Findings {
		if f.Verdict == r.Verdict {
			reasons = append(reasons, f.String())
		} else {
			r.Warnings = append(r.Warnings, f.String())
		}
	}
	switch {
	case own >= r.Verdict:
		reasons = slices.Insert(reasons, 0, r.Reason)
	case own > run.Pass:
		r.Warnings = append(r.Warnings, "the measurements alone are "+own.String()+": "+r.Reason)
	}
	if r.Verdict > run.Pass {
		for i, u := range r.Judging.Unmet[:min(2, len(r.Judging.Unmet))] {
			reasons = slices.Insert(reasons, min(i+1, len(reasons)), u.String())
		}
	} else {
		for _, u := range r.Judging.Unmet {
			r.Warnings = append(r.Warnings, u.String())
		}
	}
	r.Reason = strings.Join(reasons, "; ")
	if own < r.Verdict {
		r.Cause = ""
	}
}

// Thresholds of findings.
const (
	// ManyBlocks is the number of blocks in which a difference must be seen to fail the stage:
	// a value that changes once, between two requests, is seen in one block alone.
	ManyBlocks    = 2
	coldLevel     = 0.01 // of the warm-up's test
	leastEvidence = 5    // equal pairs whose lengths are equal make a length evidence
)

// warmUpFindings judges the warm-up.
func warmUpFindings(w *run.LoadWarmUp) []run.LoadFinding {
	if w == nil || w.Level > coldLevel {
		return nil
	}
	return []run.LoadFinding{{
		Kind: run.LoadColdErrors, Verdict: run.Fail, Blue: float64(w.Errors.Blue), OfBlue: w.Requests.Blue,
		Green: float64(w.Errors.Green), OfGreen: w.Requests.Green,
	}}
}

// connectionFindings compares what both sides' connections did. Most connections are opened in
// a few moments. Where this machine was late, those of one side may have waited for it: slow
// ones then show only that the stage cannot pass.
func connectionFindings(r *run.LoadResult) []run.LoadFinding {
	g, requests := &r.Generator, r.Requests
	var out []run.LoadFinding
	if attack.Dies(g) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsDie, Verdict: run.Fail,
			Blue: float64(g.Died.Blue), OfBlue: g.Reused.Blue, Green: float64(g.Died.Green), OfGreen: g.Reused.Green,
		})
	} else if attack.Closes(g, requests) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsClose, Verdict: run.Fail,
			Blue: float64(g.Closed.Blue), OfBlue: requests.Blue, Green: float64(g.Closed.Green), OfGreen: requests.Green,
		})
	}
	if attack.OpensSlowly(g) {
		verdict := run.Fail
		if r.Cause == perf.Generator {
			verdict = run.Inconclusive
		}
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsSlow, Verdict: verdict, Blue: g.FirstMS[0] / 1000, Green: g.FirstMS[1] / 1000,
		})
	}
	return out
}
