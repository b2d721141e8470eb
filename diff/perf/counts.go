package perf

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// The counts of these tests are whole, or what remains of whole ones after they
// were divided by the factor of bursts: the formulas hold between whole numbers
// too.

// signTest is the exact one-sided sign test: P(Bin(n, 1/2) >= x), the chance of
// at least x of n coins. With x pairs in which only green failed and n-x in which
// only blue did, it is McNemar's exact test (Q. McNemar, Psychometrika 12, 1947).
// No evidence gives 1.
func signTest(x, n float64) float64 {
	if x <= 0 || n <= 0 {
		return 1
	}
	return mathext.RegIncBeta(x, n-x+1, 0.5)
}

// fisherTest is the one-sided exact test that green's failures are as rare as
// blue's, for requests that are not paired: P(X >= green) with X hypergeometric
// in the failures of both. Counts are rounded in favour of equality.
func fisherTest(blueFailed, blueAll, greenFailed, greenAll float64) float64 {
	bluesFailures, greensFailures := int(math.Ceil(blueFailed)), int(greenFailed)
	blues, greens := int(blueAll), int(greenAll)
	failed := bluesFailures + greensFailures
	if greensFailures == 0 || blues == 0 || greens == 0 {
		return 1
	}
	total := logChoose(blues+greens, failed)
	p := 0.0
	for x := greensFailures; x <= min(failed, greens); x++ {
		if failed-x <= blues {
			p += math.Exp(logChoose(greens, x) + logChoose(blues, failed-x) - total)
		}
	}
	return math.Min(p, 1)
}

// logChoose is the logarithm of the binomial coefficient n over k: the coefficient itself
// overflows.
func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// rateUpper is the upper bound of a rate of x in n at confidence 1-level (C. J.
// Clopper and E. S. Pearson, Biometrika 26, 1934).
func rateUpper(x, n, level float64) float64 {
	if x >= n {
		return 1
	}
	return mathext.InvRegIncBeta(x+1, n-x, 1-level)
}

// rateLower is the Clopper-Pearson lower bound of a rate of x in n at confidence 1-level.
func rateLower(x, n, level float64) float64 {
	if x <= 0 || n <= 0 {
		return 0
	}
	return mathext.InvRegIncBeta(x, n-x+1, level)
}
