package runner

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// What is set on the result of a skipped step is set in the case.
func TestSkipReturnsWhatItRecorded(t *testing.T) {
	w := &walk{result: &run.CaseResult{}}
	w.skip(&scenarios.Step{}, "first", "not run").Lane = "blue to green"
	if got := w.result.Steps[0].Lane; got != "blue to green" {
		t.Errorf("the case holds lane %q", got)
	}
}
