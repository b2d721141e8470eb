package main

import (
	"fmt"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// printUnprovable prints which stages a run could not prove with the noise that was
// just measured, and returns status 4 when there are any.
func printUnprovable(out stdio, plan *runner.Plan, known *runner.Calibration) int {
	run := *plan
	run.Options.Calibrate, run.Calibration = false, known
	short := runner.Unprovable(&run, scenarios.Warning)
	for _, p := range short {
		fmt.Fprintf(out.out, "%s\n  hint: %s\n", plainText(p.String()), plainText(p.Hint))
	}
	if len(short) > 0 {
		return statusUnknown
	}
	return statusOK
}

// printFloors prints the noise of a stage and returns its status: 3 nothing was
// measured, 4 a margin lies below its noise floor.
func printFloors(out stdio, l *runner.LoadResult) int {
	fmt.Fprintf(out.out, "load %s at %.4g/s per side, %.4g s measured\n", plainText(l.Name), l.Rate, l.Seconds)
	if len(l.Comparisons) == 0 {
		fmt.Fprintf(out.out, "  not measured: %s\n", plainText(l.Reason))
		return statusBroken
	}
	status := statusOK
	for _, c := range l.Comparisons {
		floor, ok := perf.FloorOf(c, l.Seconds)
		if !ok {
			continue
		}
		fmt.Fprintf(out.out, "  %s\n", plainText(floor.String()))
		if c.Role == perf.Gate && (floor.Floor > c.Margin || floor.Refuses()) {
			status = statusUnknown
		}
	}
	if l.Alone[0] > 0 {
		fmt.Fprintf(out.out, "  blue alone at %.4g/s: p50 %s\n", l.Rate, perf.Seconds(l.Alone[0]))
	} else {
		fmt.Fprintln(out.out, "  blue alone was not measured: a longer duration has blocks for it")
	}
	if l.Verdict != runner.Pass {
		fmt.Fprintf(out.out, "  %s: %s\n", l.Verdict, plainText(l.Reason))
		status = statusUnknown
	}
	return status
}

// lookBare takes the steps of a case that was compared under the proposed rules:
// of which no value is compared any more, or less than the suite's minimum.
func (o *observations) lookBare(c *runner.CaseResult, least float64) {
	for i := range c.Steps {
		step := &c.Steps[i]
		if l := step.Coverage; step.Compared && l.Leaves > 0 && (l.Compared == 0 || float64(l.Compared) < least*float64(l.Leaves)) {
			o.bare[c.ID+"/"+step.Name] = fmt.Sprintf("%d of %s of %s/%s", l.Compared, count(l.Leaves, "value"), c.ID, step.Name)
		}
	}
}
