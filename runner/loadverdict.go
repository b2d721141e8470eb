package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/cause"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// judging sums up what was found in the stage's answers. pairs are counted by route.
func (f *loadFindings) judging(p *attack.Judging) *run.LoadJudging {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &run.LoadJudging{Routes: f.routes, CPUSeconds: p.CPU.Seconds(), Examples: f.examples}
	for i, n := range p.Pairs {
		r, l := &f.routes[i], &f.large[i]
		r.Pairs = n
		if l.other > 0 || l.same < leastEvidence { // lengths are no evidence here
			continue
		}
		r.Judged += l.equal + l.differ
		r.ByLength = l.equal + l.differ
		r.Differ += l.differ
		if l.differ > 0 {
			f.places[lengthPlace+r.Name] = &loadPlace{moments: l.moments, pairs: l.differ, example: r.Name + " body length changed"}
			f.order = append(f.order, lengthPlace+r.Name)
		}
	}
	for _, u := range p.Unmet {
		out.Unmet = append(out.Unmet, run.LoadUnmet{Side: sideOfLoad(u.Green).String(), Route: f.routes[u.Route].Name, What: u.What, Got: u.Got, Count: u.Count})
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
			c := cause.Cause{ID: len(out.Causes), Kind: diff.Changed, Where: diff.InBody, Path: "$", Edit: "other length, route " + route, Count: p.pairs, Cases: p.pairs}
			out.Causes = append(out.Causes, run.LoadCause{Cause: c, Blocks: len(p.moments)})
		}
	}
	return out
}

// lengthPlace begins the place of lengths that differ.
const lengthPlace = "length "

// findings judges what was found: see LoadFindingKind. The place that differs in
// most pairs stands for the others.
func (f *loadFindings) findings(j *run.LoadJudging) []run.LoadFinding {
	f.mu.Lock()
	defer f.mu.Unlock()
	judged := 0
	for i := range j.Routes {
		judged += j.Routes[i].Judged
	}
	var out []run.LoadFinding
	for _, kind := range []run.LoadFindingKind{run.LoadDiffers, run.LoadDiffersOnce} {
		var worst *run.LoadFinding
		others, header := 0, false
		for _, name := range f.order {
			p := f.places[name]
			if (len(p.moments) >= manyBlocks) != (kind == run.LoadDiffers) {
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

// judgeBeyond adds to the stage what its records do not show, and keeps the examples.
func judgeBeyond(r *run.LoadResult, p *attack.Report, found *loadFindings) {
	r.Judging = found.judging(&p.Judging)
	w := p.WarmUp
	if w.Requests != (attack.PerSide{}) {
		r.WarmUp = &run.LoadWarmUp{Requests: run.PerSide(w.Requests), Errors: run.PerSide(w.Errors), Only: run.PerSide(w.Only), P50: w.P50, Level: w.Level}
		r.Findings = append(r.Findings, warmUpFindings(&w)...)
	}
	r.Findings = append(r.Findings, connectionFindings(p.Generator.Connections, p.Requests)...)
	r.Findings = append(found.findings(r.Judging), r.Findings...)
	decide(r)
}

// decide joins the verdict of the records and that of the findings.
func decide(r *run.LoadResult) {
	own := r.Verdict
	if own == run.Interrupted {
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
	coldLevel     = 0.01 // of the warm-up's test
	manyBlocks    = 2    // that make a difference a failure
	maxLoadPairs  = 50   // examples kept of a stage: at most 100 exchanges
	examplesEach  = 3    // of one place or expectation
	shownOfPair   = 5    // differences that an example lists
	leastEvidence = 5    // equal pairs whose lengths are equal make a length evidence
)

// warmUpFindings judges the warm-up.
func warmUpFindings(w *attack.WarmUp) []run.LoadFinding {
	if w.Level > coldLevel {
		return nil
	}
	return []run.LoadFinding{{
		Kind: run.LoadColdErrors, Verdict: run.Fail, Blue: float64(w.Errors.Blue), OfBlue: w.Requests.Blue,
		Green: float64(w.Errors.Green), OfGreen: w.Requests.Green,
	}}
}

// connectionFindings compares what both sides' connections did.
func connectionFindings(c [2]attack.Connections, requests attack.PerSide) []run.LoadFinding {
	var out []run.LoadFinding
	blue, green := c[0], c[1]
	if attack.Dies(blue, green) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsDie, Verdict: run.Fail,
			Blue: float64(blue.Died), OfBlue: blue.Reused, Green: float64(green.Died), OfGreen: green.Reused,
		})
	} else if attack.Closes(blue, green, requests) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsClose, Verdict: run.Fail,
			Blue: float64(blue.Opened), OfBlue: requests.Blue, Green: float64(green.Opened), OfGreen: requests.Green,
		})
	}
	if attack.OpensSlowly(blue, green) {
		out = append(out, run.LoadFinding{Kind: run.LoadConnectionsSlow, Verdict: run.Fail, Blue: blue.First.Seconds(), Green: green.First.Seconds()})
	}
	return out
}
