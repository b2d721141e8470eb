package source

import (
	"fmt"
	"slices"
	"sort"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// GateRows are the run's gates as tables show them: those first that keep a pass from being
// given, and the routes of a load stage that are worse in one row with the worst change: the
// stage's own table lists them. The gates of the run are not changed. Placeholders in names are
// shortened.
func GateRows(s *Run) []run.GateResult {
	var out []run.GateResult
	folded := map[string]bool{}
	for _, g := range gravestFirst(s.End.Gates) {
		row, ok := s.foldedRow(&g)
		if !ok {
			g.Name = words.Placeholder.ReplaceAllString(g.Name, "{…}")
			out = append(out, g)
			continue
		}
		// The first gate of the stage becomes the row of all, and the others are left out.
		if !folded[g.Load] {
			folded[g.Load] = true
			out = append(out, row)
		}
	}
	return out
}

// foldedRow is the row that a failed gate of a load stage's route is shown in, together with
// those of the stage's other routes; not ok for every other gate, which has a row to itself.
func (s *Run) foldedRow(g *run.GateResult) (row run.GateResult, ok bool) {
	l := s.stage(g.Load)
	if l == nil || g.Verdict != run.Fail || !routed(g, l) {
		return row, false
	}
	return routesRow(l)
}

// stage is the load stage of a name. It is nil for an empty name and for one that the run does
// not have.
func (s *Run) stage(name string) *run.LoadResult {
	for i := range s.Result.Loads {
		if name != "" && s.Result.Loads[i].Name == name {
			return &s.Result.Loads[i]
		}
	}
	return nil
}

// routed reports whether a gate of a load stage is about one of its routes. Gates have no field
// for their route, so their names are compared.
func routed(g *run.GateResult, l *run.LoadResult) bool {
	return slices.ContainsFunc(l.Comparisons, func(c perf.Comparison) bool {
		return c.Route != "" && g.Name == "load "+l.Name+" "+string(c.Metric)+" "+c.Route
	})
}

// routesRow is one row for the figures of single routes that are worse; there is none for less
// than two of them. The worst is the one that is furthest above its margin.
func routesRow(l *run.LoadResult) (run.GateResult, bool) {
	var worst *perf.Comparison
	worse, all := 0, 0
	for i := range l.Comparisons {
		c := &l.Comparisons[i]
		if c.Route == "" {
			continue
		}
		all++
		if c.Outcome != perf.Worse {
			continue
		}
		worse++
		// Routes may have different margins, so that the largest change may be allowed.
		if worst == nil || c.Change-c.Margin > worst.Change-worst.Margin {
			worst = c
		}
	}
	// One route is shown by its own gate.
	if worse < 2 {
		return run.GateResult{}, false
	}
	return run.GateResult{
		Name: "load " + l.Name + " by route", Load: l.Name, Verdict: run.Fail, Limit: "+" + words.Bound(worst, worst.Margin),
		Measured: fmt.Sprintf("%d of %d worse, up to %s", worse, all, words.Delta(worst, worst.Change)),
	}, true
}

// gravestFirst is the gates with those first that keep a pass from being given. It is a copy;
// gates of one verdict keep their order.
func gravestFirst(gates []run.GateResult) []run.GateResult {
	// The verdicts are ordered by how grave they are.
	out := append([]run.GateResult(nil), gates...)
	sort.SliceStable(out, func(i, k int) bool { return out[i].Verdict > out[k].Verdict })
	return out
}
