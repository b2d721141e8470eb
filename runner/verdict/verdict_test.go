package verdict

import (
	"slices"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A policy of warn accepts what noise leaves open, and no finding about the answers,
// the warm-up or the connections.
func TestWarnCoversNoiseAlone(t *testing.T) {
	c := &conclusion{in: &Inputs{Demand: Demand{WarnOnly: true}}}
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
		c := &conclusion{in: &Inputs{}, end: &run.End{}}
		c.end.Sides.Blue.SetIdentity("build", row.blue)
		c.end.Sides.Green.SetIdentity("build", row.green)
		if got := c.apart(); got != row.want {
			t.Errorf("%s: two places %t, want %t", row.name, got, row.want)
		}
	}
}

// Steps that one name switches off are summed, and the first in the order of the plan
// is named.
func TestSwitchedOffSums(t *testing.T) {
	s := &switches{}
	off := &run.SwitchedOff{Environment: []string{"env.A"}}
	s.add(&run.CaseResult{Index: 2, ID: "s/two", Steps: []run.StepResult{{Name: "v", At: "s:1:1", ByWhen: off, Verdict: run.Skip}}})
	s.add(&run.CaseResult{Index: 1, ID: "s/one", Steps: []run.StepResult{
		{Name: "z", At: "s:9:1", ByWhen: off, Verdict: run.Skip},
		{Name: "y", At: "s:5:1", ByWhen: off, Verdict: run.Skip},
		{Name: "x", At: "s:3:1", ByWhen: &run.SwitchedOff{Stage: []string{"b"}}, Verdict: run.Skip},
	}})
	want := []run.LeftOut{
		{What: run.AspectSteps, By: run.ByEnvironment, Name: "env.A", Count: 3, Step: "z of s/one"},
		{What: run.AspectSteps, By: run.ByStage, Name: "vars: {b} of the env file", Count: 1, Step: "x of s/one"},
	}
	if got := s.leftOut(); !slices.Equal(got, want) || s.off != 4 {
		t.Errorf("%d off, left out %+v", s.off, got)
	}
}

// A suite whose sides answered over two versions of HTTP does not pass, unless it declares one
// of them or is advisory.
func TestTwoProtocols(t *testing.T) {
	for _, row := range []struct {
		name        string
		blue, green string
		declared    bool
		gate        scenarios.Gate
		want        run.Verdict
	}{
		{"one protocol", "HTTP/2.0", "HTTP/2.0", false, scenarios.Required, run.Pass},
		{"green answers over another one", "HTTP/2.0", "HTTP/1.1", false, scenarios.Required, run.Inconclusive},
		{"a side declares its own", "HTTP/2.0", "HTTP/1.1", true, scenarios.Required, run.Pass},
		{"an advisory suite", "HTTP/2.0", "HTTP/1.1", false, scenarios.Advisory, run.Pass},
		{"green did not answer", "HTTP/2.0", "", false, scenarios.Required, run.Pass},
	} {
		t.Run(row.name, func(t *testing.T) {
			suite := &scenarios.Suite{Name: "s", Gate: row.gate}
			in := &Inputs{Totals: NewTotals(1), Ledger: &Ledger{}}
			in.Suites = []*scenarios.Suite{suite}
			nowhere := func(*run.StepResult) (at Place, service string, ok bool) { return }
			in.Totals.Add(&SuiteOf{Suite: suite, ProtocolDeclared: row.declared, PlaceOf: nowhere}, &run.CaseResult{
				ID: "s/one", Verdict: run.Pass,
				Steps: []run.StepResult{{Blue: &run.SideResult{Protocol: row.blue}, Green: &run.SideResult{Protocol: row.green}}},
			})
			end := Conclude(in)
			if got := worstOf(end, "same protocol"); got != row.want {
				t.Errorf("gate %v, want %v: %+v", got, row.want, end.Gates)
			}
			if row.want > run.Pass && end.Verdict < row.want {
				t.Errorf("the verdict is %v, lighter than its gate", end.Verdict)
			}
		})
	}
}
