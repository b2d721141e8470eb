package attack

import (
	"fmt"
	"io"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// Rejudge reads a record file back and takes every decision again, exactly as it
// was taken while the load ran; margins, unless nil, changes what is no worse.
// A file that was cut off yields what its whole frames say, and an error.
//
// What the answers held is not in the records, nor is what this machine was to
// blame for: a stage that Run called broken is interrupted here.
func Rejudge(records io.Reader, margins func(perf.Margins) perf.Margins) (*Report, error) {
	j := &rejudging{margins: margins}
	err := readRecords(records, reader{section: j.section, stop: j.stop, frame: j.frame, void: j.void})
	j.finish()
	return j.report(), err
}

// A rejudging is a record file on its way to a report: attacks one after the
// other, of which one that was made again replaces the one before.
type rejudging struct {
	margins func(perf.Margins) perf.Margins
	steps   []*result
	rates   int // planned
	// of the section that is being read
	stage    *perf.Stage
	again    bool
	health   perf.Health
	decision *perf.Decision
	complete bool
	requests run.PerSide
	voids    []run.LoadVoid
}

// section begins a part of the file: earlier parts are finished, and the new one is judged under
// the margins of the caller, where there are some.
func (j *rejudging) section(s Section) error {
	j.finish()
	if j.margins != nil {
		s.Design.Margins = j.margins(s.Design.Margins)
	}
	*j = rejudging{margins: j.margins, steps: j.steps, rates: max(j.rates, s.Rates), stage: perf.NewStage(s.Design), again: s.Again}
	return nil
}

// stop repeats the decision of the circuit breaker.
func (j *rejudging) stop(s Stop) error {
	if j.stage != nil && j.decision == nil {
		j.decision = j.stage.Break(s.Blue, s.Green, j.health)
	}
	return nil
}

// void repeats that a block of a fleet was not judged.
func (j *rejudging) void(v run.LoadVoid) error {
	if j.stage == nil || v.Block < 0 {
		return fmt.Errorf("%w: a void block before a section", errRecords)
	}
	if j.decision == nil {
		voidBlock(j.stage, v)
		j.voids = append(j.voids, v)
	}
	return nil
}

// frame gives records to the stage, as they were given when they were measured; looks are taken at
// the same moments.
func (j *rejudging) frame(batch []perf.Record, through time.Duration, h perf.Health) error {
	if j.stage == nil {
		return fmt.Errorf("%w: records before a section", errRecords)
	}
	j.health, j.complete = h, through == allTime
	for _, r := range batch {
		j.stage.Add(r)
		if !r.Walk {
			j.requests.CountOne(r.Green)
		}
	}
	if d := j.stage.Through(through, h); d != nil && d.Final && j.decision == nil {
		j.decision = d
	}
	return nil
}

// finish takes the last decision of a section.
func (j *rejudging) finish() {
	switch {
	case j.stage == nil:
		return
	case j.decision == nil && j.complete:
		j.decision = j.stage.Finish(j.health)
	case j.decision == nil: // the attack was stopped from outside
		j.decision = j.stage.Interrupt(j.health)
	}
	r := &result{design: j.stage.Design()}
	r.Requests = j.requests
	r.Generator.CPU, r.Generator.GCPauseP99MS = j.health.CPU, run.Milliseconds(j.health.GCPauseP99)
	if len(j.voids) > 0 {
		r.Fleet = &run.LoadFleet{Voids: j.voids}
	}
	r.Decide(j.stage, j.decision)
	if n := len(j.steps); j.again && n > 0 {
		r.after(j.steps[n-1])
		j.steps = j.steps[:n-1]
	}
	j.steps = append(j.steps, r)
	j.stage = nil
}

// report joins the steps as Run does.
func (j *rejudging) report() *Report {
	plan := &Plan{Rates: make([]float64, max(j.rates, len(j.steps)))}
	report := &Report{}
	for _, step := range j.steps {
		report.join(plan, step)
	}
	return report
}
