package perf

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// quantile returns the type-7 quantile of sorted values: linear between the two
// order statistics around (n-1)q. It panics on an empty slice.
func quantile(sorted []float64, q float64) float64 {
	h := q * float64(len(sorted)-1)
	i := int(h)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

// median returns the median of values without changing their order; NaN when empty.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return quantile(sorted, 0.5)
}

// The constants of the standard error, see seriesEstimate.
const (
	correlationDoubt = 0.25 // standard errors added to the autocorrelation that was seen
	maxCorrelation   = 0.95 // assumed of a series too short to know better
	leastCorrelation = 8    // neighbours from which an autocorrelation is computed
	leastIndependent = 3    // values that any series counts for
	leastDegrees     = 2
)

// An estimate is a mean with its standard error and the degrees of freedom of
// Student's t that belong to it.
type estimate struct {
	m       int // values
	mean    float64
	se      float64 // infinite with fewer than two values
	degrees float64
	lag1    float64 // autocorrelation of neighbours, corrected for its bias
}

// plainEstimate is the mean of independent values: s/sqrt(m) with m-1 degrees.
func plainEstimate(d []float64) estimate {
	e := estimate{m: len(d), se: math.Inf(1)}
	if e.m == 0 {
		return e
	}
	e.mean = stat.Mean(d, nil)
	if e.m > 1 {
		e.se, e.degrees = stat.StdDev(d, nil)/math.Sqrt(float64(e.m)), float64(e.m-1)
	}
	return e
}

// seriesEstimate is the mean of values in the order of time, with a standard
// error for values that resemble their neighbours. at holds each value's
// position; values whose positions do not follow each other (something between
// them was dropped) do not enter the autocorrelation.
//
//	r  = lag-1 autocorrelation of d
//	r' = clamp((m r + 1) / (m - 4), -1, 1)
//	u  = clamp(r' + 0.25 sqrt((1 - r'^2) / m), 0, 0.95);  0.95 below m = 8
//	f  = (1 + u) / (1 - u)
//	m' = max(3, m / f)     SE = s / sqrt(m')     degrees = max(2, m' - 1)
//
// m values with the autocorrelations u, u^2, u^3, ... have the information of m/f
// independent ones (M. S. Bartlett, "On the theoretical specification and sampling
// properties of autocorrelated time-series", JRSS Suppl. 8, 1946). The sample's r
// is too small by about (1 + 4r)/m (M. G. Kendall, "Note on bias in the estimation
// of autocorrelation", Biometrika 41, 1954), which r' undoes; u adds a quarter of
// its standard error, as too small an inflation costs a wrong verdict and too
// large a one only time. The degrees shrink with the information.
//
// The alternative is the equal-weighted cosine estimator with B = 0.4 m^(2/3)
// terms and B degrees (E. Lazarus, D. J. Lewis, J. H. Stock and M. W. Watson, "HAR
// inference: recommendations for practice", JBES 36, 2018). It holds its level
// better at high autocorrelations, but its intervals are 1.9 times as wide at 30
// blocks, where most stages end; see docs/adr/0008-load-interval.md.
func seriesEstimate(d []float64, at []int) estimate {
	e := plainEstimate(d)
	if e.m < 2 {
		return e
	}
	products, squares, pairs := 0.0, 0.0, 0
	for i, v := range d {
		squares += (v - e.mean) * (v - e.mean)
		if i > 0 && at[i] == at[i-1]+1 {
			products += (v - e.mean) * (d[i-1] - e.mean)
			pairs++
		}
	}
	if squares == 0 {
		e.se = 0
		return e
	}
	m := float64(e.m)
	u := maxCorrelation
	if known := pairs + 1; known >= leastCorrelation {
		k := float64(known)
		r := products / squares * (m - 1) / float64(pairs)
		e.lag1 = min(max((k*r+1)/(k-4), -1), 1)
		doubt := correlationDoubt * math.Sqrt((1-e.lag1*e.lag1)/k)
		u = min(max(e.lag1+doubt, 0), maxCorrelation)
	}
	independent := math.Max(leastIndependent, m*(1-u)/(1+u))
	e.se = math.Sqrt(squares/(m-1)) / math.Sqrt(independent)
	e.degrees = math.Max(leastDegrees, independent-1)
	return e
}

// t is the quantile 1-level of Student's t for the estimate.
func (e estimate) t(level float64) float64 { return studentT(level, e.degrees) }

// studentT is the upper quantile of Student's t at a one-sided level. Below one degree of freedom
// it is infinite: nothing can be said.
func studentT(level, freedom float64) float64 {
	if freedom < 1 {
		return math.Inf(1)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile(1 - level)
}

// lower and upper are the one-sided bounds at a level.
func (e estimate) lower(level float64) float64 { return e.bound(-1, level) }

// upper is the one-sided upper bound at a level.
func (e estimate) upper(level float64) float64 { return e.bound(+1, level) }

// bound is the bound on one side; infinite from fewer than two values, and the mean itself where
// all values are equal.
func (e estimate) bound(sign, level float64) float64 {
	switch {
	case e.m < 2:
		return math.Inf(int(sign))
	case e.se == 0:
		return e.mean
	}
	return e.mean + sign*e.t(level)*e.se
}

// power is the quantile 0.95 of the normal distribution: the power of the
// figures "need", "MDE" and "floor".
const power = 1.645

// The levels of the figures "need" and "floor", which look ahead to a stage's
// last look, and of the bound that a worse metric must have above its margin, as
// shares of alpha.
const (
	lastShare  = 0.4
	worseShare = 1.5
)

// need is the time, in seconds, after which the upper bound at a level proves
// equality with 95 % power at this noise.
func (e estimate) need(seconds, level, delta float64) float64 {
	k := (e.t(level) + power) * e.se / delta
	return seconds * k * k
}

// worse says whether the value exceeds its margin beyond doubt: its lower bound at
// level exceeds half the margin, and its lower bound at worseShare of alpha the
// whole margin. Either is reduced by a known bias.
func (e estimate) worse(level, alpha, delta, bias float64) bool {
	return e.lower(level)-bias > delta/2 && e.lower(worseShare*alpha)-bias > delta
}

// mde is the smallest log ratio that a run with this noise finds to be worse with
// 95 % power.
func (e estimate) mde(alpha, delta float64, metrics int) float64 {
	return math.Max(delta+(e.t(worseShare*alpha)+power)*e.se, delta/2+(e.t(alpha/float64(metrics))+power)*e.se)
}

// floor is the smallest log margin that 95 % of equal pairs would pass.
func (e estimate) floor(level float64) float64 { return (e.t(level) + power) * e.se }

// most means "never" and "without bound" where a number must stay finite,
// as JSON has no infinity.
const most = 1e9

// finite keeps a figure within what JSON can carry.
func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case v > most:
		return most
	case v < -most:
		return -most
	}
	return v
}
