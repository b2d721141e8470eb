package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// TestProgressFits: what a reader watches under load stands in 80 columns, no
// line wraps on any terminal, and one that is no terminal loses nothing.
func TestProgressFits(t *testing.T) {
	load := runner.Progress{Phase: runner.Loading, Load: &runner.LoadProgress{
		Name: "저녁 피크 \x1b[2J", Phase: "measuring", Elapsed: 125 * time.Second, Total: 900 * time.Second, NextLook: 25 * time.Second, Rate: 1000,
		Blue: attack.Live{Errors: 3, P50: 0.0546, P99: 1.2238}, Green: attack.Live{Errors: 1204, P50: 0.0665, P99: 2.2321},
	}}
	cases := runner.Progress{Phase: runner.Comparing, Done: 4400, Total: 10000, Elapsed: 20 * time.Second, Counts: run.Counts{Fail: 35}}
	for _, tt := range []struct {
		name    string
		now     runner.Progress
		columns int
		want    []string
	}{
		{"load at 80", load, 80, []string{"2m5s/15m0s", "p50 55|66", "p99 1224|2232 ms", "err 3|1204"}},
		{"load at 120", load, 120, []string{"p99 1224|2232 ms", "measuring", "1000/s"}},
		{"load at 30", load, 30, []string{"load ["}},
		{"cases at 80", cases, 80, []string{"4400/10000", "35 fail", "220/s", "eta 25s"}},
	} {
		got := fitting(progressParts(tt.now, true), tt.columns-1)
		if report.Fit(got, tt.columns-1) != got || strings.ContainsAny(got, "\x1b\n") {
			t.Errorf("%s: %q does not fit, or holds a control", tt.name, got)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", tt.name, got, want)
			}
		}
	}
	plain := strings.Join(progressParts(load, false), "  ")
	for _, want := range []string{"2m5s of at most 15m0s", "1000/s per side", "p50 54.6 ms | 66.5 ms", "errors 3 | 1204", "next look in 25s"} {
		if !strings.Contains(plain, want) {
			t.Errorf("a log line %q does not say %q", plain, want)
		}
	}
}
