package calibrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// LoadOptions say how the noise of load stages is measured.
type LoadOptions struct {
	// Plan has the suites; its Calibration is what was known before.
	Plan *runner.Plan
	// Lock keeps other load off this host until unlock is called.
	Lock    func(*runner.Plan) (unlock func(), err error)
	Execute Executor
	// Keep stores the calibration; stages of it are new.
	Keep func(known *run.Calibration, stages int) error
	// Out takes the figures, Log the names of stages that are not kept.
	Out, Log io.Writer
}

// A LoadResult is what Load found; the worst of its stages decides.
type LoadResult struct {
	// Unmeasured: a stage gave no figures at all.
	Unmeasured bool
	// Noisy: a margin is below what the noise allows, or a stage is in doubt.
	Noisy bool
	// Interrupted: a signal ended the measurement; what was measured is kept.
	Interrupted bool
}

// Load runs the load stages with blue on both sides, prints the noise of each and
// keeps it. Its error is one of Lock, Execute or Keep, or a hint.Error if no suite
// has a stage.
func Load(ctx context.Context, o LoadOptions) (LoadResult, error) {
	plan := o.Plan
	// Blue against blue, over the whole duration: no look ends the stage early.
	oneOnBothSides(plan, scenarios.Blue)
	plan.Options.Calibrate = true
	known := plan.Calibration
	if known == nil {
		known = &run.Calibration{}
	}
	plan.Calibration = nil // measured without what was known
	if !slices.ContainsFunc(plan.Suites, func(s *scenarios.Suite) bool { return len(s.Loads) > 0 }) {
		return LoadResult{}, hint.Errorf("load: of a suite", "none of the suites has a load stage")
	}
	// Two loads at once would measure each other.
	unlock, err := o.Lock(plan)
	if err != nil {
		return LoadResult{}, err
	}
	defer unlock()
	end, loads, err := o.Execute(ctx, plan, nil)
	if err != nil {
		return LoadResult{}, err
	}

	// Print every stage; keep those whose figures are sound.
	// The worst stage decides; the others are printed and kept all the same.
	var result LoadResult
	kept := 0
	for i := range loads {
		l := &loads[i]
		// A stage that is in doubt is printed too, but not kept: later runs would be judged by it.
		result.worse(printFloors(o.Out, l))
		if stage, ok := l.Calibrated(plan.Suites[l.Suite].Name, plan.World.Now()); ok && l.Verdict != run.Interrupted {
			known.Put(stage)
			kept++
		} else if len(l.Comparisons) > 0 {
			fmt.Fprintf(o.Log, "load %s is not kept: its figures are in doubt\n", text.Visible(l.Name))
		}
	}
	if kept > 0 {
		if err := o.Keep(known, kept); err != nil {
			return result, err
		}
	}
	// What was kept is kept; a stage that was cut short is not among it.
	switch {
	case end.Verdict == run.Interrupted:
		result.Interrupted = true
		return result, nil
	// Nothing was measured although stages were planned: preflight or an identity ended the run.
	case len(loads) == 0:
		return result, fmt.Errorf("no load stage was run: %s", text.Visible(strings.Join(end.Reasons, "; ")))
	}
	// The new figures may show that a run of these stages could not prove its margins.
	if kept > 0 {
		result.Noisy = printUnprovable(o.Out, plan, known) || result.Noisy
	}
	return result, nil
}

// worse adds what another stage showed.
func (r *LoadResult) worse(o LoadResult) {
	r.Unmeasured, r.Noisy = r.Unmeasured || o.Unmeasured, r.Noisy || o.Noisy
}
