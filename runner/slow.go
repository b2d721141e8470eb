package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// Time outside load. Single requests are no measure of load, but a green that
// needs seconds where blue needs milliseconds must not pass in silence.
const (
	slowFactor = 3
	slowByMS   = 200
	slowRounds = 3 // that the safe requests are asked again
	slowSteps  = 8 // that are asked again, at most
)

// slower reports whether green's median is far above blue's, in ms.
func slower(blue, green float64) bool {
	return green >= slowFactor*blue && green-blue >= slowByMS
}

// findSlow looks for a service of which green is much slower than blue in the
// median of the exchanges of cases, and still is when its safe requests are asked
// again. A run with a load verdict has better evidence and needs none of it.
func (e *execution) findSlow(ctx context.Context, loads []run.LoadResult) *run.TransportFinding {
	if slices.ContainsFunc(loads, func(l run.LoadResult) bool {
		return l.Verdict == run.Pass || l.Verdict == run.Fail || l.Verdict == run.Inconclusive
	}) {
		return nil
	}
	seen := e.totals.Services()
	for _, p := range seen {
		first := [2]float64{p.Times[scenarios.Blue].Median(), p.Times[scenarios.Green].Median()}
		if !slower(first[0], first[1]) {
			continue
		}
		var again [3]verdict.Histogram
		for _, probe := range e.probesOf(p, slowSteps) {
			for range slowRounds {
				probe.time(ctx, &again)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		blue, green := &again[scenarios.Blue], &again[scenarios.Green]
		if blue.Count > 0 && green.Count > 0 && !slower(blue.Median(), green.Median()) {
			continue
		}
		sentence := func(ms float64) string {
			return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond).String()
		}
		asked := ""
		if n := min(blue.Count, green.Count); n > 0 {
			asked = fmt.Sprintf(", and %s when asked %s more", sentence(green.Median()), text.Count(n, "time"))
		}
		return &run.TransportFinding{
			Fact: run.FactTime, Service: p.Service, Suites: p.Suites, Verdict: run.Inconclusive, Weight: run.Inconclusive,
			Blue:  "takes " + sentence(first[0]) + " in the median",
			Green: sentence(first[1]) + asked + "; a load stage would measure it",
		}
	}
	return nil
}
