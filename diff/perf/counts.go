package perf

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// signTest is the exact one-sided sign test: P(Bin(n, 1/2) >= x), the chance of
// at least x of n coins. With x pairs in which only green failed and n-x in which
// only blue did, it is McNemar's exact test. No evidence gives 1.
func signTest(x, n int) float64 {
	if x <= 0 || n <= 0 {
		return 1
	}
	return 1 - distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(x-1))
}

// fisherTest is the one-sided exact test that green's failures are as rare as
// blue's, for requests that are not paired: P(X >= green) with X hypergeometric
// in the failures of both.
func fisherTest(blueFailed, blueAll, greenFailed, greenAll int) float64 {
	failed := blueFailed + greenFailed
	if greenFailed == 0 || blueAll == 0 || greenAll == 0 {
		return 1
	}
	total := logChoose(blueAll+greenAll, failed)
	p := 0.0
	for x := greenFailed; x <= min(failed, greenAll); x++ {
		if failed-x <= blueAll {
			p += math.Exp(logChoose(greenAll, x) + logChoose(blueAll, failed-x) - total)
		}
	}
	return math.Min(p, 1)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// rateUpper is the Clopper-Pearson upper bound of a rate of x in n at confidence 1-level.
func rateUpper(x, n int, level float64) float64 {
	if x >= n {
		return 1
	}
	return mathext.InvRegIncBeta(float64(x+1), float64(n-x), 1-level)
}

// rateLower is the Clopper-Pearson lower bound of a rate of x in n at confidence 1-level.
func rateLower(x, n int, level float64) float64 {
	if x <= 0 || n <= 0 {
		return 0
	}
	return mathext.InvRegIncBeta(float64(x), float64(n-x+1), level)
}
