package judge

import (
	"slices"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// BreakRefused turns a setup that failed an expectation on both sides alike, such as a sign-in with
// a wrong password, into a broken one: what it was given is wrong, no case could be judged,
// and how two refusals differ proves nothing of green. Where green fails more than blue does,
// the setup fails.
func BreakRefused(r *run.CaseResult) *run.CaseResult {
	if r.Verdict != run.Fail {
		return r
	}
	refusals := 0
	for i := range r.Steps {
		if r.Steps[i].Verdict != run.Fail {
			continue
		}
		if !alikeUnmet(r.Steps[i].Expectations) {
			return r
		}
		refusals++
	}
	if refusals == 0 {
		return r
	}
	r.Verdict = run.Broken
	r.Reasons = slices.Insert(r.Reasons, 0, "both sides refuse setup alike: look at its address, user, password and other values")
	for i := range r.Steps {
		if r.Steps[i].Verdict == run.Fail {
			r.Steps[i].Verdict = run.Broken
		}
	}
	return r
}

// alikeUnmet reports whether blue and green failed the same expectations, at least one, with
// the same findings.
func alikeUnmet(checked []run.Expectation) bool {
	unmet := map[string][]string{}
	for _, e := range checked {
		if !e.OK {
			unmet[e.Side] = append(unmet[e.Side], e.What+" "+e.Got)
		}
	}
	blue, green := unmet[scenarios.Blue.String()], unmet[scenarios.Green.String()]
	return len(blue) > 0 && slices.Equal(blue, green)
}
