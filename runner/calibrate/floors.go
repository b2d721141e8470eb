package calibrate

import (
	"fmt"
	"io"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// printUnprovable prints which stages a run could not prove with the noise that was
// just measured, and reports whether there are any.
func printUnprovable(out io.Writer, plan *runner.Plan, known *run.Calibration) bool {
	run := *plan
	run.Options.Calibrate, run.Calibration = false, known
	// The plan is asked as a run would be: without the mark of a calibration, and with what is known
	// now.
	short := runner.Unprovable(&run, scenarios.Warning)
	for _, p := range short {
		fmt.Fprintf(out, "%s\n  hint: %s\n", text.Visible(p.String()), text.Visible(p.Hint))
	}
	return len(short) > 0
}

// printFloors prints the noise of a stage, and says whether it could be measured and
// whether a margin is below its noise floor.
func printFloors(out io.Writer, l *run.LoadResult) LoadResult {
	// A closed loop has users in place of a rate; what it achieved follows from the answers.
	at := fmt.Sprintf("at %.4g/s", l.Rate)
	if l.Users != nil {
		at = "with " + text.Count(l.Users.Count, "user")
	}
	fmt.Fprintf(out, "load %s %s per side, %.4g s measured\n", text.Visible(l.Name), at, l.Seconds)
	if len(l.Comparisons) == 0 {
		fmt.Fprintf(out, "  not measured: %s\n", text.Visible(l.Reason))
		return LoadResult{Unmeasured: true}
	}
	noisy := false
	for _, c := range l.Comparisons {
		floor, ok := perf.FloorOf(c, l.Seconds)
		if !ok {
			continue
		}
		fmt.Fprintf(out, "  %s\n", text.Visible(floor.String()))
		// Only gates decide a run. The noise of a guard is shown, and makes no margin doubtful.
		if c.Role == perf.Gate && (floor.Floor > c.Margin || floor.Refuses()) {
			noisy = true
		}
	}
	// Blocks of one side alone show blue without the load of the other on a bottleneck that both
	// share.
	if l.Alone[0] > 0 {
		fmt.Fprintf(out, "  blue alone %s: p50 %s\n", at, text.Seconds(l.Alone[0]))
	} else {
		fmt.Fprintln(out, "  blue alone was not measured: a longer duration has blocks for it")
	}
	if l.Verdict != run.Pass {
		fmt.Fprintf(out, "  %s: %s\n", l.Verdict, text.Visible(l.Reason))
		noisy = true
	}
	return LoadResult{Noisy: noisy}
}

// lookBare takes the steps of a case that was compared under the proposed rules:
// of which no value is compared any more, or less than the suite's minimum.
func (o *observations) lookBare(c *run.CaseResult, least float64) {
	for i := range c.Steps {
		step := &c.Steps[i]
		// Leaves is the number of values in both bodies. A body without values has nothing that rules
		// could leave out.
		if l := step.Coverage; step.Compared && l.Leaves > 0 && (l.Compared == 0 || float64(l.Compared) < least*float64(l.Leaves)) {
			o.bare[c.ID+"/"+step.Name] = fmt.Sprintf("%d of %s of %s/%s", l.Compared, text.Count(l.Leaves, "value"), c.ID, step.Name)
		}
	}
}
