package perf

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestRareRoute holds a slow route that few requests take against the busy one
// beside it: 6 of 60 requests a second, so that no single block speaks for it.
func TestRareRoute(t *testing.T) {
	for _, test := range []struct {
		name string
		rare float64 // green's seconds on the rare route, where blue needs 0.020
		want Outcome
		why  string
	}{
		{"twice as slow", 0.040, Worse, "an aggregate must not hide it"},
		{"the same", 0.020, NoWorse, "a guard can only fail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			design := Design{
				Rate: 60, Duration: 60 * time.Second, Seed: 7,
				Routes:  []Route{{"busy", 0.9}, {"rare", 0.1}},
				Margins: Margins{P50: Margin{Rel: 0.2}, P95: Margin{Rel: 0.5}},
			}
			got := judgeRoutes(t, design, test.rare)
			if got.Outcome != test.want {
				t.Errorf("outcome %v (%s), want %v: %s", got.Outcome, got.Reason, test.want, test.why)
			}
			if test.want == Worse && !strings.Contains(got.Reason, "rare") {
				t.Errorf("the reason does not name the route: %s", got.Reason)
			}
		})
	}
}

// judgeRoutes feeds a stage with lognormal latencies around 40 ms on the busy
// route, and 20 ms on blue's rare one.
func judgeRoutes(t *testing.T, design Design, greenRare float64) *Decision {
	t.Helper()
	s := NewStage(design)
	rng := rand.New(rand.NewPCG(1, 2))
	d := s.Design()
	var last *Decision
	for pair := uint32(0); d.PairStart(pair) < d.WarmUp+d.Duration; pair++ {
		route, base := uint8(0), [2]float64{0.040, 0.040}
		if rng.Float64() < d.Routes[1].Share {
			route, base = 1, [2]float64{0.020, greenRare}
		}
		for side, seconds := range base {
			noise := 1 + 0.1*rng.NormFloat64()
			s.Add(Record{
				Pair: pair, Green: side == green, Route: route, Status: 200,
				Scheduled: d.PairStart(pair), Latency: time.Duration(seconds * noise * float64(time.Second)),
			})
		}
		if decision := s.Through(d.PairStart(pair), Health{}); decision != nil {
			last = decision
			if decision.Final {
				return decision
			}
		}
	}
	if last == nil {
		t.Fatal("no look was due")
	}
	return last
}

func TestUnguardedRoutesAreNamed(t *testing.T) {
	design := Design{Rate: 20, Duration: 30 * time.Second, Routes: []Route{{"busy", 0.99}, {"rare", 0.01}}}
	if got := strings.Join(design.Warnings(), "; "); !strings.Contains(got, "route rare is not watched on its own") {
		t.Errorf("warnings %q do not name the route", got)
	}
	design.Routes = []Route{{"busy", 0.98}, {"rare", 0.01}, {"rarer", 0.01}}
	if got := design.Warnings(); len(got) != 2 || !strings.HasPrefix(got[1], "2 of 3 routes are not watched on their own: rare, the first of them, has 0.4 requests") {
		t.Errorf("warnings %q are not one line that counts the routes", got)
	}
}
