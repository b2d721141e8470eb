package route53

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A whole walk through the SDK, with changes that stay PENDING, throttling, a TTL of 0 and records of
// health checks: a green that fails at 25 % is rolled back, and the walk ends when that is INSYNC.
func TestWalkAndRollback(t *testing.T) {
	blue, green := weighted("set-blue", 255), weighted("set-green", 0)
	blue.TTL, green.TTL = new(int64(0)), new(int64(0))
	f := newFake(t, blue, green)
	throttled := 0
	f.fail = func(call string) (int, string) {
		if call == "change" {
			f.pending = 2
			if throttled++; throttled == 3 {
				return http.StatusBadRequest, "PriorRequestNotComplete"
			}
		}
		return 0, ""
	}
	s := &shift.Setup{
		Shift:  &shiftfile.File{Name: "api", Steps: []float64{0.01, 0.05, 0.25, 0.5, 1}, Hold: shiftfile.Hold{}, OnFail: "rollback", Run: &shiftfile.Run{}},
		Driver: newDriver(t), Root: t.TempDir(), Tool: "test", RollbackTimeout: time.Minute, PauseTimeout: time.Minute, Outside: shift.Outside{Now: time.Now},
		Checks: shift.Checks{Run: func(_ context.Context, step machine.Step) (machine.Verdict, string) {
			if step.Name == "25%" {
				return machine.Fail, "green fails"
			}
			return machine.Pass, ""
		}},
	}
	r, folder, err := s.Begin(t.Context())
	if err != nil || r.Outcome != machine.RolledBack || r.Weights != (machine.Weights{Blue: 255}) {
		t.Fatalf("%+v, %v", r, err)
	}
	h, err := shift.ReadHistory(folder)
	if err != nil || h.Outcome != machine.RolledBack || h.Progress.Recorded != r.Weights {
		t.Errorf("the record: %+v, %v", h, err)
	}
	last := len(f.calls) - 1 - slices.Index(reversed(f.calls), "change")
	if f.pending != 0 || !slices.Contains(f.calls[last:], "get change") {
		t.Errorf("the rollback ended before it was INSYNC: %v", f.calls[last:])
	}
	for _, one := range f.records {
		if one.HealthCheckID != "hc-"+one.SetIdentifier || *one.TTL != 0 {
			t.Errorf("the walk changed more than weights: %+v", one)
		}
	}
	if slices.ContainsFunc(f.batches, func(b []string) bool { return len(b) != 2 && len(b) != 4 }) {
		t.Errorf("a batch without both records: %v", f.batches)
	}
}

func reversed(calls []string) []string {
	out := slices.Clone(calls)
	slices.Reverse(out)
	return out
}
