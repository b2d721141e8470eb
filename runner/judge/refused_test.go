package judge

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// Two refusals alike say nothing of green. A green that refuses more, or otherwise, is a
// failure, and so is a setup that differs and meets its expectations.
func TestBreakRefused(t *testing.T) {
	unmet := func(side, got string) run.Expectation {
		return run.Expectation{Side: side, What: "status 2xx", Got: got}
	}
	for _, row := range []struct {
		name    string
		checked []run.Expectation
		want    run.Verdict
	}{
		{"both refuse alike", []run.Expectation{unmet("blue", "401"), unmet("green", "401")}, run.Broken},
		{"green refuses", []run.Expectation{{Side: "blue", What: "status 2xx", OK: true}, unmet("green", "401")}, run.Fail},
		{"they refuse otherwise", []run.Expectation{unmet("blue", "401"), unmet("green", "500")}, run.Fail},
		{"none refuses, they differ", []run.Expectation{{Side: "blue", OK: true}, {Side: "green", OK: true}}, run.Fail},
	} {
		r := &run.CaseResult{Verdict: run.Fail, Steps: []run.StepResult{{Verdict: run.Pass}, {Verdict: run.Fail, Expectations: row.checked}}}
		if got := BreakRefused(r); got.Verdict != row.want || got.Steps[1].Verdict != row.want {
			t.Errorf("%s: %s, want %s", row.name, got.Verdict, row.want)
		}
	}
	two := &run.CaseResult{Verdict: run.Fail, Steps: []run.StepResult{
		{Verdict: run.Fail}, {Verdict: run.Fail, Expectations: []run.Expectation{unmet("blue", "401"), unmet("green", "401")}},
	}}
	if got := BreakRefused(two); got.Verdict != run.Fail {
		t.Errorf("a step that differs before the refusal: %s, want fail", got.Verdict)
	}
}
