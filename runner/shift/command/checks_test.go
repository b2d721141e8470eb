package command

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A step counts as run only where the run ended with status 0: whatever else happens to the
// process is a failure, a doubt or no verdict at all.
func TestSuitesVerdict(t *testing.T) {
	for name, row := range map[string]struct {
		script string
		want   machine.Verdict
	}{
		"pass":             {"exit 0", machine.Pass},
		"fail":             {"exit 1", machine.Fail},
		"usage":            {"exit 2", 0},
		"broken":           {"exit 3", 0},
		"inconclusive":     {"exit 4", machine.Doubt},
		"other status":     {"exit 77", 0},
		"killed":           {"kill -9 $$", 0},
		"terminated":       {"kill -TERM $$", 0},
		"says pass, fails": {"echo verdict=pass exit=0; exit 1", machine.Fail},
		"does not end":     {"echo verdict=pass exit=0; sleep 60", 0},
		"passes too late":  {"trap '' TERM; sleep 60; exit 0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			self := filepath.Join(t.TempDir(), "self")
			if err := os.WriteFile(self, []byte("#!/bin/sh\n"+row.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Parallel() // after all files are written: one that a fork holds open cannot be started
			limit := 30 * time.Second
			if row.want == 0 {
				limit = time.Second
			}
			check := Suites(shiftfile.Run{Suites: []string{"s"}, Load: "none", Timeout: limit}, self, filepath.Dir(self), "", nil)
			if got, why := check(context.Background(), machine.Step{}); got != row.want {
				t.Errorf("%s: verdict %v (%s), want %v", row.script, got, why, row.want)
			}
		})
	}
}
