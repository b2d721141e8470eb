package runner

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// A policy of warn accepts what noise leaves open, and no finding about the answers,
// the warm-up or the connections.
func TestWarnCoversNoiseAlone(t *testing.T) {
	c := &conclusion{in: &inputs{demand: demand{WarnOnly: true}}}
	for _, kind := range []run.LoadFindingKind{run.LoadDiffersOnce, run.LoadUnjudged, run.LoadColdErrors, run.LoadConnectionsSlow} {
		l := &run.LoadResult{Verdict: run.Inconclusive, Findings: []run.LoadFinding{{Kind: kind, Verdict: run.Inconclusive}}}
		if got := c.weight(l); got != run.Inconclusive {
			t.Errorf("%s weighs %s", kind, got)
		}
	}
	for _, l := range []*run.LoadResult{{Verdict: run.Inconclusive}, {Verdict: run.Inconclusive, Findings: []run.LoadFinding{{Kind: run.LoadColdErrors, Verdict: run.Pass}}}} {
		if got := c.weight(l); got != run.Pass {
			t.Errorf("noise weighs %s", got)
		}
	}
	if got := c.weight(&run.LoadResult{Verdict: run.Fail}); got != run.Fail {
		t.Errorf("a failure weighs %s", got)
	}
}

// The buckets of a histogram hold what is in them, to a sixteenth.
func TestHistogramBuckets(t *testing.T) {
	for us := 1.0; us < 1e9; us *= 1.37 {
		start := bucketStart(bucketOf(us / 1000))
		if start > us/1000*1.0001 || start < us/1000*0.9-0.001 {
			t.Errorf("%v ms is in the bucket from %v ms", us/1000, start)
		}
	}
}

// An identity with two values shows two places; one that is the same does not.
func TestTwoPlacesByIdentity(t *testing.T) {
	for _, row := range []struct {
		name        string
		blue, green string
		want        bool
	}{{"two builds", "one", "two", true}, {"one build", "one", "one", false}, {"none", "", "", false}} {
		c := &conclusion{in: &inputs{}, end: &run.End{}}
		c.end.Sides.Blue.SetIdentity("build", row.blue)
		c.end.Sides.Green.SetIdentity("build", row.green)
		if got := c.apart(); got != row.want {
			t.Errorf("%s: two places %t, want %t", row.name, got, row.want)
		}
	}
}
