package attack

import (
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

const (
	// liveSpan is the time that progress shows figures of, and breakerSpan that of the circuit
	// breaker.
	liveSpan       = 5 * time.Second
	breakerSpan    = time.Second
	leastOfBreaker = 20 // requests
	// The breaker looks at p99 from this many answers on; fewer have no p99.
	leastOfBreakerP99    = 100
	defaultBreakerErrors = 0.5
)

// A seen is an answered request, for the live view and the breaker.
type seen struct {
	end     time.Duration // since the schedule's start
	latency time.Duration
	failed  bool
}

// A window holds one side's answers of the last seconds.
type window struct {
	answers []seen
	sent    int
	errors  int
	shown   Live
	next    time.Duration // when shown is computed again
}

// add takes in a request that has ended.
func (w *window) add(r perf.Record) {
	w.sent++
	failed := r.Failure != perf.Succeeded
	if failed {
		w.errors++
	}
	w.answers = append(w.answers, seen{r.Scheduled + r.Latency, r.Latency, failed})
}

// forget drops what ended before the live span, but keeps what the breaker needs.
func (w *window) forget(now time.Duration) {
	keep := 0
	for keep < len(w.answers)-leastOfBreakerP99 && w.answers[keep].end < now-liveSpan {
		keep++
	}
	w.answers = slices.Delete(w.answers, 0, keep)
}

// liveEvery is how often the percentiles that are shown are computed.
const liveEvery = 500 * time.Millisecond

// live is the side as it is shown.
func (w *window) live(now time.Duration) Live {
	if now >= w.next {
		w.shown, w.next = w.compute(now), now+liveEvery
	}
	w.shown.Sent, w.shown.Errors = w.sent, w.errors
	return w.shown
}

// compute is what progress shows: figures of the answers of the last liveSpan.
func (w *window) compute(now time.Duration) (l Live) {
	var latencies []time.Duration
	for _, a := range w.answers {
		if a.end >= now-liveSpan && !a.failed {
			latencies = append(latencies, a.latency)
		}
	}
	if n := len(latencies); n > 0 {
		slices.Sort(latencies)
		l.P50, l.P99 = latencies[n/2].Seconds(), latencies[n*99/100].Seconds()
	}
	return l
}

// recent counts the answers and failures within the breaker's span, or the last
// 20 answers where the span holds fewer, and says whether the limits are passed.
func (w *window) recent(now time.Duration, limits Breaker) (b perf.Burst) {
	var latencies []time.Duration
	for _, a := range slices.Backward(w.answers) {
		if a.end < now-breakerSpan && b.All >= leastOfBreaker {
			break
		}
		b.All++
		if a.failed {
			b.Failed++
		}
		if limits.P99 > 0 {
			latencies = append(latencies, a.latency)
		}
	}
	if b.All >= leastOfBreaker {
		b.Tripped = float64(b.Failed) >= limits.Errors*float64(b.All)
	}
	if !b.Tripped && limits.P99 > 0 && b.All >= leastOfBreakerP99 {
		slices.Sort(latencies)
		b.Tripped = latencies[b.All*99/100] > limits.P99
	}
	return b
}
