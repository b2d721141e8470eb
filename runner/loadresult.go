package runner

import (
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// Thresholds of findings.
const (
	coldLevel     = 0.01 // of the warm-up's test
	manyBlocks    = 2    // that make a difference a failure
	maxLoadPairs  = 50   // examples kept of a stage: at most 100 exchanges
	examplesEach  = 3    // of one place or expectation
	shownOfPair   = 5    // differences that an example lists
	leastEvidence = 5    // equal pairs whose lengths are equal make a length evidence
)

// warmUpFindings judges the warm-up.
func warmUpFindings(w *attack.WarmUp) []run.LoadFinding {
	if w.Level > coldLevel {
		return nil
	}
	return []run.LoadFinding{{
		Kind: run.LoadColdErrors, Verdict: run.Fail, Blue: float64(w.Errors.Blue), OfBlue: w.Requests.Blue,
		Green: float64(w.Errors.Green), OfGreen: w.Requests.Green,
	}}
}

// connectionFindings compares what both sides' connections did.
func connectionFindings(c [2]attack.Connections, requests attack.PerSide) []run.LoadFinding {
	var out []run.LoadFinding
	blue, green := c[0], c[1]
	if attack.Dies(blue, green) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsDie, Verdict: run.Fail,
			Blue: float64(blue.Died), OfBlue: blue.Reused, Green: float64(green.Died), OfGreen: green.Reused,
		})
	} else if attack.Closes(blue, green, requests) {
		out = append(out, run.LoadFinding{
			Kind: run.LoadConnectionsClose, Verdict: run.Fail,
			Blue: float64(blue.Opened), OfBlue: requests.Blue, Green: float64(green.Opened), OfGreen: requests.Green,
		})
	}
	if attack.OpensSlowly(blue, green) {
		out = append(out, run.LoadFinding{Kind: run.LoadConnectionsSlow, Verdict: run.Fail, Blue: blue.First.Seconds(), Green: green.First.Seconds()})
	}
	return out
}
