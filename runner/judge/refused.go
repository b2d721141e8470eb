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
	failed := func(s run.StepResult) bool { return s.Verdict == run.Fail }
	if !slices.ContainsFunc(r.Steps, failed) ||
		slices.ContainsFunc(r.Steps, func(s run.StepResult) bool { return failed(s) && !alikeUnmet(s.Expectations) }) {
		return r
	}
	Break(r, "both sides refuse setup alike: look at its address, user, password and other values")
	return r
}

// Break turns a result that failed into a broken one, its steps included, and puts the reason in
// front of those that it has.
func Break(r *run.CaseResult, reason string) {
	r.Verdict = run.Broken
	r.Reasons = slices.Insert(r.Reasons, 0, reason)
	for i := range r.Steps {
		if r.Steps[i].Verdict == run.Fail {
			r.Steps[i].Verdict = run.Broken
		}
	}
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
