package attack

import (
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// The tests of this file attack at the real pace, for minutes. They are asked for
// with BGVERIFY_LOAD_E2E=1.
func asked(t *testing.T) {
	t.Helper()
	if os.Getenv("BGVERIFY_LOAD_E2E") == "" {
		t.Skip("takes minutes: set BGVERIFY_LOAD_E2E=1 to run it")
	}
}

func TestRealTime(t *testing.T) {
	asked(t)
	for _, c := range []struct {
		name     string
		rate     float64
		duration time.Duration
		green    *service
		check    func(*Report) string
	}{
		{"equal at 100/s", 100, 120 * time.Second, &service{}, notOutcome(perf.Worse)},
		{"equal at 50/s", 50, time.Minute, &service{}, notOutcome(perf.Worse)},
		{"slower by 20 %", 50, time.Minute, &service{factor: 1.2}, outcome(perf.Worse, "p50")},
		{"slower by 30 %", 100, time.Minute, &service{factor: 1.3}, outcome(perf.Worse, "p50")},
		{"1 % errors", 50, time.Minute, &service{errors: 0.01}, outcome(perf.Worse, "errors")},
		{"0.3 s of stall every 10 s", 100, 120 * time.Second, &service{stallEvery: 10 * time.Second, stallLen: 300 * time.Millisecond}, notOutcome(perf.NoWorse)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.green.base = 20 * time.Millisecond
			plan := quick(start(t, &service{base: 20 * time.Millisecond}), start(t, c.green))
			plan.Rate, plan.Duration, plan.WarmUp, plan.Timeout, plan.unit = c.rate, c.duration, 0, 5*time.Second, 0
			began := time.Now()
			expect(t, plan, c.check)
			t.Logf("took %.0f s", time.Since(began).Seconds())
		})
	}
}

// Two sides on one bottleneck, in a run long enough for its solo blocks, do not pass.
func TestSharedBottleneck(t *testing.T) {
	asked(t)
	// Some 3 ms a request, now more, now less: a third busy with one side, two
	// thirds with both, when requests begin to queue.
	var one sync.Mutex
	shared := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		if r.Context().Err() == nil { // the client still waits
			time.Sleep(time.Duration(rand.ExpFloat64() * float64(2*time.Millisecond)))
		}
	})
	plan := quick(start(t, shared), start(t, shared))
	plan.Rate, plan.Duration = 110, 40*time.Second
	expect(t, plan, outcome(perf.Inconclusive, "interference"))
}
