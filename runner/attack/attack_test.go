package attack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
)

// A service is a loopback back end whose behaviour a test sets.
type service struct {
	base     time.Duration
	factor   float64
	errors   float64
	requests atomic.Int64
	handle   http.HandlerFunc // instead of the above
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)
	if s.handle != nil {
		s.handle(w, r)
		return
	}
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	time.Sleep(time.Duration(float64(s.base) * max(s.factor, 1) * (1 + 0.1*rng.Float64())))
	if rng.Float64() < s.errors {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, `{"ok":true}`)
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// quick is a plan with blocks of 200 ms, so that a stage lasts seconds.
func quick(blue, green string) Plan {
	return Plan{
		Name:   "test",
		Routes: []Route{{Name: "GET /", Blue: []Request{{Method: "GET", URL: blue}}, Green: []Request{{Method: "GET", URL: green}}}},
		Blue:   Side{map[string]wire.Config{"": {BaseURL: blue}}},
		Green:  Side{map[string]wire.Config{"": {BaseURL: green}}},
		Rate:   200, Duration: 6 * time.Second, Timeout: 2 * time.Second, Seed: 1, unit: 200 * time.Millisecond,
	}
}

func attack(t *testing.T, plan Plan) *Report {
	t.Helper()
	report, err := Run(context.Background(), plan, io.Discard, nil)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	t.Logf("%v: %s", report.Outcome, report.Reason)
	for _, c := range report.Comparisons {
		t.Log(c)
	}
	t.Logf("generator %+v", report.Generator)
	return report
}

func TestEqualSidesAreNoWorse(t *testing.T) {
	blue, green := &service{base: 20 * time.Millisecond}, &service{base: 20 * time.Millisecond}
	report := attack(t, quick(start(t, blue), start(t, green)))
	if report.Outcome == perf.Worse {
		t.Errorf("equal sides: %v (%s)", report.Outcome, report.Reason)
	}
	if b, g := blue.requests.Load(), green.requests.Load(); b != int64(report.Requests.Blue) || g != int64(report.Requests.Green) {
		t.Errorf("servers saw %d and %d requests, the report says %+v", b, g, report.Requests)
	}
}

func TestSlowGreenIsWorse(t *testing.T) {
	report := attack(t, quick(start(t, &service{base: 20 * time.Millisecond}), start(t, &service{base: 20 * time.Millisecond, factor: 1.3})))
	if report.Outcome != perf.Worse {
		t.Errorf("green 30 %% slower: %v (%s)", report.Outcome, report.Reason)
	}
}

// TestRealTime takes minutes and is asked for by BGVERIFY_LOAD_E2E=1.
func TestRealTime(t *testing.T) {
	if os.Getenv("BGVERIFY_LOAD_E2E") == "" {
		t.Skip("set BGVERIFY_LOAD_E2E=1 to run it")
	}
	for _, c := range []struct {
		name  string
		green *service
		want  perf.Outcome
	}{
		{"equal", &service{}, perf.NoWorse},
		{"slow=20%", &service{factor: 1.2}, perf.Worse},
		{"errors=1%", &service{errors: 0.01}, perf.Worse},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.green.base = 20 * time.Millisecond
			plan := quick(start(t, &service{base: 20 * time.Millisecond}), start(t, c.green))
			plan.Rate, plan.Duration, plan.unit = 50, 60*time.Second, 0
			var file bytes.Buffer
			began := time.Now()
			report, err := Run(context.Background(), plan, &file, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s in %.1f s, %d bytes", report.Reason, time.Since(began).Seconds(), file.Len())
			for _, c := range report.Comparisons {
				t.Log(c)
			}
			t.Logf("generator %+v warnings %q", report.Generator, report.Warnings)
			if report.Outcome != c.want {
				t.Errorf("got %v, want %v", report.Outcome, c.want)
			}
		})
	}
}
