package findings

import (
	"testing"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// Connections that are slow on green alone fail a stage, but not where this machine was late:
// they may have waited for it.
func TestSlowConnections(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first [2]float64 // milliseconds
		slow  int
		cause perf.Cause
		want  run.Verdict
	}{
		{"alike", [2]float64{10, 12}, 0, "", run.Pass},
		{"slow", [2]float64{10, 400}, 9, "", run.Fail},
		{"one of many", [2]float64{10, 400}, 1, "", run.Pass},
		{"slow, too few blocks", [2]float64{10, 400}, 9, perf.Underpowered, run.Fail},
		{"slow, and the machine late", [2]float64{10, 400}, 9, perf.Generator, run.Inconclusive},
	} {
		r := &run.LoadResult{Verdict: run.Pass, Cause: tt.cause, Judging: &run.LoadJudging{}}
		if tt.cause != "" {
			r.Verdict = run.Inconclusive
		}
		own := r.Verdict
		r.Generator.FirstMS, r.Generator.Slow = tt.first, tt.slow
		r.Findings = connectionFindings(r)
		decide(r)
		if want := own.Worse(tt.want); r.Verdict != want {
			t.Errorf("%s: %v (%s), want %v", tt.name, r.Verdict, r.Reason, want)
		}
	}
}
