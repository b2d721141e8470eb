// Package gauge measures what this process itself costs while it generates load: CPU
// time and the pauses of its garbage collector. It knows nothing of requests.
package gauge

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	pauseMetric = "/sched/pauses/total/gc:seconds"
	leastPauses = 100 // fewer have no 99th percentile
	gcPercent   = 400 // while a load runs
)

// Quietly makes the garbage collector run less often until the returned function
// is called: what a load keeps is small, and each collection walks the stacks of
// hundreds of waiting goroutines and delays requests. A setting of the user's own
// that is higher, or off, stays.
func Quietly() (restore func()) {
	before := debug.SetGCPercent(gcPercent)
	if before < 0 || before > gcPercent {
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

// A Gauge measures what this process has cost since New made it.
type Gauge struct {
	began  time.Time
	cpu    time.Duration
	pauses []uint64
	sample []metrics.Sample
}

// New begins to measure.
func New() *Gauge {
	g := &Gauge{began: time.Now(), cpu: processCPU(), sample: []metrics.Sample{{Name: pauseMetric}}}
	if h := g.read(); h != nil {
		g.pauses = append(g.pauses, h.Counts...)
	}
	return g
}

// read is the histogram of all pauses since the process began; nil where this version of Go has
// no such metric, so that a figure is missing rather than wrong.
func (g *Gauge) read() *metrics.Float64Histogram {
	metrics.Read(g.sample)
	if g.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return g.sample[0].Value.Float64Histogram()
}

// Use is the share of GOMAXPROCS used since the gauge was made, and the 99th
// percentile of the garbage collector's pauses (0 with fewer than 100).
func (g *Gauge) Use() (cpu float64, pause time.Duration) {
	elapsed := time.Since(g.began)
	if elapsed > 0 {
		cpu = float64(processCPU()-g.cpu) / float64(elapsed) / float64(runtime.GOMAXPROCS(0))
	}
	h := g.read()
	if h == nil || len(h.Counts) != len(g.pauses) {
		return cpu, 0
	}
	var total uint64
	for i, n := range h.Counts {
		total += n - g.pauses[i]
	}
	if total < leastPauses {
		return cpu, 0
	}
	rank, seen := total-total/100, uint64(0)
	for i, n := range h.Counts {
		if seen += n - g.pauses[i]; seen >= rank {
			if upper := h.Buckets[i+1]; !math.IsInf(upper, 0) {
				return cpu, time.Duration(upper * 1e9)
			}
			return cpu, time.Duration(h.Buckets[i] * 1e9)
		}
	}
	return cpu, 0
}
