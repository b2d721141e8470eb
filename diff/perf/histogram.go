package perf

import (
	"math"
	"time"
)

// Lags counts how late requests left, in bins that grow by 1 %, from 1 µs to about 2.5 hours:
// quantiles are right within 1 % at a fixed size. It serves a generator's check of itself,
// never a verdict on a service. The zero value is empty.
type Lags struct {
	n    int
	bins [2304]uint32
}

// binGrowth is the ratio of the ends of a bin: quantiles are exact to 1 %.
const binGrowth = 1.01

// logGrowth is its logarithm.
var logGrowth = math.Log(binGrowth)

// Add counts a request by its lag; those up to a microsecond share the first bin.
func (l *Lags) Add(lag time.Duration) {
	bin := 0
	if lag > time.Microsecond {
		bin = min(1+int(math.Log(float64(lag)/1e3)/logGrowth), len(l.bins)-1)
	}
	l.bins[bin]++
	l.n++
}

// Quantile is the upper edge of the bin that holds the quantile; 0 when empty.
func (l *Lags) Quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(l.n))), 0
	for bin, n := range l.bins {
		if seen += int(n); n > 0 && seen >= rank {
			return time.Duration(1e3 * math.Pow(binGrowth, float64(bin)))
		}
	}
	return 0
}
