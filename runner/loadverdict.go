package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/attack"
)

// judging sums up what was found in the stage's answers. pairs are counted by route.
func (f *loadFindings) judging(p *attack.Judging) *LoadJudging {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &LoadJudging{Routes: f.routes, CPUSeconds: p.CPU.Seconds(), Examples: f.examples}
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
		out.Unmet = append(out.Unmet, LoadUnmet{Side: sideOfLoad(u.Green).String(), Route: f.routes[u.Route].Name, What: u.What, Got: u.Got, Count: u.Count})
	}
	slices.SortStableFunc(out.Unmet, func(a, b LoadUnmet) int { return cmp.Compare(b.Count, a.Count) })
	for _, c := range f.causes.List() {
		blocks := 1
		if p := f.places[c.Place()]; p != nil {
			blocks = len(p.moments)
		}
		out.Causes = append(out.Causes, LoadCause{c, blocks})
	}
	for _, name := range f.order {
		if route, ok := strings.CutPrefix(name, lengthPlace); ok {
			p := f.places[name]
			c := cause.Cause{ID: len(out.Causes), Kind: diff.Changed, Where: diff.InBody, Path: "$", Edit: "other length, route " + route, Count: p.pairs, Cases: p.pairs}
			out.Causes = append(out.Causes, LoadCause{c, len(p.moments)})
		}
	}
	return out
}

// lengthPlace begins the place of lengths that differ.
const lengthPlace = "length "

// findings judges what was found: see LoadFindingKind. The place that differs in
// most pairs stands for the others.
func (f *loadFindings) findings(j *LoadJudging) []LoadFinding {
	f.mu.Lock()
	defer f.mu.Unlock()
	judged := 0
	for i := range j.Routes {
		judged += j.Routes[i].Judged
	}
	var out []LoadFinding
	for _, kind := range []LoadFindingKind{LoadDiffers, LoadDiffersOnce} {
		var worst *LoadFinding
		others, header := 0, false
		for _, name := range f.order {
			p := f.places[name]
			if (len(p.moments) >= manyBlocks) != (kind == LoadDiffers) {
				continue
			}
			if worst != nil {
				others++
			}
			// What a body says tells more than a header that goes with it.
			if worst == nil || p.header == header && p.pairs > worst.Count || header && !p.header {
				header = p.header
				worst = &LoadFinding{Kind: kind, Verdict: Fail, Place: name, Example: p.example, Count: p.pairs, Of: judged}
			}
		}
		if worst == nil {
			continue
		}
		if kind == LoadDiffersOnce {
			worst.Verdict = Inconclusive
		}
		if others > 0 {
			worst.Example += fmt.Sprintf("; and %s more", plural(others, "place"))
		}
		out = append(out, *worst)
	}
	for _, r := range j.Routes {
		if r.Pairs > 0 && float64(r.Judged) < leastJudged*float64(r.Pairs) {
			out = append(out, LoadFinding{Kind: LoadUnjudged, Verdict: Inconclusive, Route: r.Name, Count: r.Judged, Of: r.Pairs})
		}
	}
	return out
}

// judge adds to the stage what its records do not show, and keeps the examples.
func (r *LoadResult) judge(p *attack.Report, found *loadFindings) {
	r.Judging = found.judging(&p.Judging)
	w := p.WarmUp
	if w.Requests != (attack.PerSide{}) {
		r.WarmUp = &LoadWarmUp{Requests: PerSide(w.Requests), Errors: PerSide(w.Errors), Only: PerSide(w.Only), P50: w.P50, Level: w.Level}
		r.Findings = append(r.Findings, warmUpFindings(&w)...)
	}
	r.Findings = append(r.Findings, connectionFindings(p.Generator.Connections, p.Requests)...)
	r.Findings = append(found.findings(r.Judging), r.Findings...)
	r.decide()
}

// decide joins the verdict of the records and that of the findings.
func (r *LoadResult) decide() {
	own := r.Verdict
	if own == Interrupted {
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
	case own > Pass:
		r.Warnings = append(r.Warnings, "the measurements alone are "+own.String()+": "+r.Reason)
	}
	if r.Verdict > Pass {
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

// String is the expectation as one clause.
func (u LoadUnmet) String() string {
	return fmt.Sprintf("%s: %s of %s did not meet an expectation: expected %s, got %s", u.Side, plural(u.Count, "answer"), u.Route, u.What, u.Got)
}

// responseGates has a row for the answers, the warm-up and the connections.
func (c *conclusion) responseGates(l *LoadResult) {
	verdict := func(kinds ...LoadFindingKind) Verdict {
		v := Pass
		for _, f := range l.Findings {
			if slices.Contains(kinds, f.Kind) {
				v = v.Worse(f.Verdict)
			}
		}
		return v
	}
	row := func(v Verdict, name, measured, limit string) {
		c.gate(v, "load "+l.Name+" "+name, measured, limit).Load = l.Name
	}
	if j := l.Judging; j != nil {
		pairs, judged, differ := j.Sum()
		v, measured := verdict(LoadDiffers, LoadDiffersOnce, LoadUnjudged), j.measured()
		switch {
		case pairs == 0:
			row(Skip, "responses equal", "no pair was compared", "100 %")
		case differ > 0:
			row(v, "responses equal", fmt.Sprintf("%s (%d of %d differ, %s), %s", percent(1-float64(differ)/float64(judged)), differ, judged, plural(len(j.Causes), "cause"), measured), "100 %")
		default:
			row(v, "responses equal", "100 %, "+measured, "100 %")
		}
	}
	if w := l.WarmUp; w != nil {
		row(verdict(LoadColdErrors), "warm-up", w.String(), "no errors of green's alone")
	}
	if g := &l.Generator; g.Connections != (PerSide{}) {
		row(verdict(LoadConnectionsDie, LoadConnectionsClose, LoadConnectionsSlow), "connections", g.connections(), "as blue's")
	}
}

// Sum adds up the routes.
func (j *LoadJudging) Sum() (pairs, judged, differ int) {
	for _, r := range j.Routes {
		pairs, judged, differ = pairs+r.Pairs, judged+r.Judged, differ+r.Differ
	}
	return pairs, judged, differ
}

// measured says how many pairs were judged.
func (j *LoadJudging) measured() string {
	pairs, judged, _ := j.Sum()
	return fmt.Sprintf("judged %d of %s", judged, plural(pairs, "pair"))
}

// String shows both sides' warm-up.
func (w *LoadWarmUp) String() string {
	text := fmt.Sprintf("errors: blue %d of %d, green %d of %d", w.Errors.Blue, w.Requests.Blue, w.Errors.Green, w.Requests.Green)
	if w.P50[0] > 0 && w.P50[1] > 0 {
		text += fmt.Sprintf("; p50 x%.2f", w.P50[1]/w.P50[0])
	}
	return text
}

// connections shows both sides' connections.
func (g *Generator) connections() string {
	text := fmt.Sprintf("opened %d and %d, died when reused %d and %d", g.Connections.Blue, g.Connections.Green, g.Died.Blue, g.Died.Green)
	if g.FirstMS != [2]float64{} {
		text += fmt.Sprintf(", first answer after %.1f and %.1f ms", g.FirstMS[0], g.FirstMS[1])
	}
	return text
}
