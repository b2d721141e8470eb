package perf

import (
	"math"
	"time"
)

// A histogram counts durations in bins that grow by 1 %, from 1 µs to about
// 2.5 hours: quantiles are right within 1 % at a fixed size. It serves the
// generator's check of itself, never a verdict on a service.
type histogram struct {
	n    int
	bins [2304]uint32
}

// binGrowth is the ratio of the ends of a bin: quantiles are exact to 1 %.
const binGrowth = 1.01

// logGrowth is its logarithm.
var logGrowth = math.Log(binGrowth)

// add counts a duration; those up to a microsecond share the first bin.
func (h *histogram) add(d time.Duration) {
	bin := 0
	if d > time.Microsecond {
		bin = min(1+int(math.Log(float64(d)/1e3)/logGrowth), len(h.bins)-1)
	}
	h.bins[bin]++
	h.n++
}

// quantile returns the upper edge of the bin that holds the quantile; 0 when empty.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(h.n))), 0
	for bin, n := range h.bins {
		if seen += int(n); n > 0 && seen >= rank {
			return time.Duration(1e3 * math.Pow(binGrowth, float64(bin)))
		}
	}
	return 0
}

// Lags counts how late requests left, in bins of 1 %, for the figures of one of several
// generators. The zero value is empty.
type Lags struct{ h histogram }

// Add counts a request.
func (l *Lags) Add(lag time.Duration) { l.h.add(lag) }

// Quantile is the upper edge of the bin that holds the quantile; 0 when empty.
func (l *Lags) Quantile(q float64) time.Duration { return l.h.quantile(q) }
