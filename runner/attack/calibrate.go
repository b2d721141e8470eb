package attack

import (
	"context"
	"io"

	"github.com/bgverify/bgverify/diff/perf"
)

// A Calibration is a load of blue against blue: what the environment does by
// itself. Its report is judged like any other, at the end of the duration.
type Calibration struct {
	Report *Report
	Floors []perf.NoiseFloor
}

// Calibrate loads blue twice at once, over separate connections, for the whole
// duration, and says which margins and durations this environment allows. What
// the plan says of green is not used. A ladder is calibrated at its first rate.
func Calibrate(ctx context.Context, plan Plan, records io.Writer, progress func(Progress)) (*Calibration, error) {
	plan.Green = plan.Blue
	routes := make([]Route, len(plan.Routes))
	for i, r := range plan.Routes {
		r.Green = r.Blue
		routes[i] = r
	}
	plan.Routes, plan.Retry, plan.oneLook = routes, false, true
	if len(plan.Rates) > 0 {
		plan.Rate, plan.Rates = plan.Rates[0], nil
	}
	c := &Calibration{}
	plan.atEnd = func(s *perf.Stage) { c.Floors = s.NoiseFloors() }
	var err error
	c.Report, err = Run(ctx, plan, records, progress)
	return c, err
}
