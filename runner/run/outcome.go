package run

import "github.com/bgverify/bgverify/diff/perf"

// OfOutcome is the verdict that the outcome of a load comparison comes to; an
// outcome that is not set could not be judged.
func OfOutcome(o perf.Outcome) Verdict {
	switch o {
	case perf.NoWorse:
		return Pass
	case perf.Worse:
		return Fail
	case perf.Inconclusive:
		return Inconclusive
	}
	return Broken
}
