package perf

import (
	"math"
	"slices"

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

// waves is the number of cosine terms in the standard error, and leastForWaves
// the number of values from which they are used.
const (
	waves         = 8
	leastForWaves = 10
)

// An estimate is the mean of block values with a standard error that holds
// when neighbouring blocks resemble each other.
type estimate struct {
	m    int
	mean float64
	se   float64
	lag1 float64 // autocorrelation of neighbours
}

// estimateOf computes the mean of d and its standard error: the larger of the
// plain one, s/sqrt(m), and the one from the eight lowest frequencies,
//
//	Lambda_j = sqrt(2/m) * sum_i (d_i - mean) * cos(pi * j * (i - 1/2) / m)
//	SE_E     = sqrt(mean_j(Lambda_j^2) / m)
//
// which grows with slow noise that the plain one cannot see. Fewer than two
// values have an infinite standard error.
func estimateOf(d []float64) estimate {
	e := estimate{m: len(d), se: math.Inf(1)}
	if e.m == 0 {
		return e
	}
	sum := 0.0
	for _, v := range d {
		sum += v
	}
	m := float64(e.m)
	e.mean = sum / m
	if e.m < 2 {
		return e
	}
	squares, neighbours := 0.0, 0.0
	for i, v := range d {
		squares += (v - e.mean) * (v - e.mean)
		if i > 0 {
			neighbours += (v - e.mean) * (d[i-1] - e.mean)
		}
	}
	if squares > 0 {
		e.lag1 = neighbours / squares
	}
	e.se = math.Sqrt(squares/(m-1)) / math.Sqrt(m)
	if e.m >= leastForWaves {
		e.se = math.Max(e.se, wavesError(d, e.mean))
	}
	return e
}

func wavesError(d []float64, mean float64) float64 {
	m := float64(len(d))
	power := 0.0
	for j := 1; j <= waves; j++ {
		// cos(a(i+1/2)) for growing i by the recurrence of Chebyshev: two
		// cosines a wave instead of one a value.
		a := math.Pi * float64(j) / m
		twice := 2 * math.Cos(a)
		previous, current := math.Cos(a/2), math.Cos(a/2)
		sum := 0.0
		for _, v := range d {
			sum += (v - mean) * current
			previous, current = current, twice*current-previous
		}
		power += 2 / m * sum * sum
	}
	return math.Sqrt(power / waves / m)
}

// t is the quantile 1-level of Student's t for the estimate.
func (e estimate) t(level float64) float64 {
	return studentT(level, float64(e.m-1))
}

func studentT(level, freedom float64) float64 {
	if freedom < 1 {
		return math.Inf(1)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile(1 - level)
}

// lower and upper are the one-sided bounds at a level.
func (e estimate) lower(level float64) float64 { return e.bound(-1, level) }
func (e estimate) upper(level float64) float64 { return e.bound(+1, level) }

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

// need is the time, in seconds, that proves equality with 95 % power at this noise.
func (e estimate) need(seconds, alpha, delta float64) float64 {
	k := (e.t(alpha) + power) * e.se / delta
	return seconds * k * k
}

// mde is the smallest log ratio that a run with this noise finds with 95 % power.
func (e estimate) mde(alpha, delta float64, metrics int) float64 {
	return math.Max(delta+power*e.se, delta/2+(e.t(alpha/float64(metrics))+power)*e.se)
}

// floor is the smallest log margin that 95 % of equal pairs would pass.
func (e estimate) floor(alpha float64) float64 { return (e.t(alpha) + power) * e.se }

// most stands for "never" and "without bound" where a number must stay finite,
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
