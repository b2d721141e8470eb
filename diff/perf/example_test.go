package perf_test

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// A stage takes the records of a load as they come and says what they come to. Here 50
// pairs a second are answered in about 10 ms by blue, and in a third more by green.
func ExampleStage() {
	stage := perf.NewStage(perf.Design{
		Rate: 50, Duration: 2 * time.Minute, WarmUp: 5 * time.Second, Timeout: 30 * time.Second,
		Routes: []perf.Route{{Name: "GET /channels", Share: 1}}, Seed: 1,
	})
	design := stage.Design()
	var decision *perf.Decision
	for pair := uint32(0); decision == nil || !decision.Final; pair++ {
		at := design.PairStart(pair)
		if decision = stage.Through(at, perf.Health{}); decision != nil && decision.Final {
			break
		}
		latency := 9*time.Millisecond + time.Duration(perf.Mix(design.Seed, uint64(pair))%2_000_000)
		stage.Add(perf.Record{Pair: pair, Scheduled: at, Latency: latency, Status: 200})
		stage.Add(perf.Record{Pair: pair, Scheduled: at, Latency: latency * 4 / 3, Status: 200, Green: true})
	}
	fmt.Printf("%s after %g s: %s\n", decision.Outcome, decision.Seconds, decision.Reason)
	for _, c := range decision.Comparisons {
		if c.Metric == perf.P50 {
			fmt.Println(c)
		}
	}
	// Output:
	// worse after 30 s: green is worse: p50 +33.3 % (13.3 ms against blue's 10.0 ms; at least +33.3 %, margin 5 %); p95 +33.3 % (14.5 ms against blue's 10.9 ms; at least +33.3 %, margin 10 %)
	// p50  blue 10.0 ms  green 13.3 ms  +33.3 % [+33.3 %, +33.3 %]  margin 5 %  15 blocks (0 dropped)  MDE 5 %  worse
}
