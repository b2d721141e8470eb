package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// Run loads both sides by the plan and judges them. Every request becomes a
// record in records, as soon as it is answered. progress may be nil; it is called
// from one goroutine, about ten times a second.
//
// The error is not nil when the plan cannot be sent, when records cannot be
// written, or when ctx ends first; in the last case the report holds what was
// measured until then.
func Run(ctx context.Context, plan Plan, records io.Writer, progress func(Progress)) (*Report, error) {
	plan, warnings, err := plan.withDefaults()
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	rec := &recorder{w: records}
	report := &Report{}
	for _, design := range plan.designs() {
		name := plan.Name
		if len(plan.Rates) > 1 {
			name = fmt.Sprintf("%s at %g/s", plan.Name, design.Rate)
		}
		result, err := runStep(ctx, &plan, name, design, rec, progress)
		if result != nil {
			report.join(&plan, result)
		}
		if err != nil {
			report.Warnings = append(warnings, report.Warnings...)
			return report, err
		}
		if report.done(result) {
			break
		}
	}
	report.Warnings = append(warnings, report.Warnings...)
	return report, nil
}

// runStep attacks once and, when the plan says so and it is worthwhile, once more:
// each attack spends half of alpha then.
func runStep(ctx context.Context, plan *Plan, name string, design perf.Design, rec *recorder, progress func(Progress)) (*result, error) {
	if !plan.Retry {
		return runOnce(ctx, plan, plan.section(name, design), rec, progress)
	}
	design.Alpha /= 2
	first, err := runOnce(ctx, plan, plan.section(name, design), rec, progress)
	if err != nil || first.Outcome == 0 || !worthwhile(first.Cause) {
		return first, err
	}
	design.Duration = again(first)
	design.Seed = perf.Mix(design.Seed, 1<<32)
	section := plan.section(name+", again", design)
	section.Again = true
	second, err := runOnce(ctx, plan, section, rec, progress)
	if second != nil {
		second.after(first)
	}
	return second, err
}

// after takes in what an attack that was made again has to tell of the one before.
func (r *result) after(first *result) {
	r.sum(&first.Report)
	r.Warnings = append(r.Warnings, fmt.Sprintf("first attack inconclusive: %s", first.Reason))
}

// sum adds what is summed over attacks.
func (r *Report) sum(other *Report) {
	r.Requests.Add(other.Requests)
	r.WarmUp = r.WarmUp.Worse(other.WarmUp)
	switch {
	case r.Judging == nil:
		r.Judging = other.Judging
	case other.Judging != nil:
		r.Judging.Join(other.Judging)
	}
}

// section is what the record file says of an attack.
func (p *Plan) section(name string, design perf.Design) Section {
	return Section{Name: name, Design: design, Rates: len(p.Rates)}
}

// worthwhile says whether fresh data may settle what the first attack left open:
// more time settles noise, and a machine that was busy may not be so again. What
// blue, the rate or the environment is to blame for would only be seen once more.
func worthwhile(c perf.Cause) bool { return c == perf.Underpowered || c == perf.Generator }

// again is the duration of a second attack: what the first one found necessary,
// at most twice its own duration.
func again(first *result) time.Duration {
	need := 0.0
	for _, c := range first.Comparisons {
		if c.Role == perf.Gate {
			need = max(need, c.NeedS)
		}
	}
	limit := 2 * first.design.Duration
	if need >= limit.Seconds() {
		return limit
	}
	return max(time.Duration(need*1e9), first.design.Duration)
}

// A result is one attack, judged.
type result struct {
	Report
	design perf.Design
}

// Decide takes from a stage and its decision what a report shows.
func (r *Report) Decide(stage *perf.Stage, d *perf.Decision) {
	design := stage.Design()
	r.Outcome, r.Cause, r.Reason, r.Advice = d.Outcome, d.Cause, d.Reason, d.Advice
	r.Rate, r.PerWalk, r.Seconds, r.Blocks, r.Dropped = design.Rate, design.PerWalk, d.Seconds, d.Blocks, d.Dropped
	r.Comparisons, r.Alone, r.Series = d.Comparisons, d.Alone, stage.Series()
	r.Errors = run.PerSide{Blue: d.Errors[0], Green: d.Errors[1]}
	r.Generator.Achieved, r.Generator.LatenessP99MS = d.Achieved, run.Milliseconds(d.LatenessP99)
	r.Warnings = append(append(r.Warnings, design.Warnings()...), d.Notes...)
	for _, route := range design.Routes {
		r.Routes = append(r.Routes, route.Name)
	}
	r.loop(&design.Users)
}

// loop says what the users of a closed loop offered and achieved. Their rate is what blue
// made of it: of walks, where there are any, as these are compared last.
func (r *Report) loop(users *perf.Users) {
	if users.Count == 0 {
		return
	}
	r.Users = &run.LoadUsers{
		Count: users.Count, RampS: users.Ramp.Seconds(), ThinkS: [2]float64{users.Think.Least.Seconds(), users.Think.Most.Seconds()},
		Offered: users.Offers(),
	}
	for _, c := range r.Comparisons {
		switch c.Metric {
		case perf.RequestRate:
			r.Rate, r.Users.Requests = c.Blue, [2]float64{c.Blue, c.Green}
		case perf.WalkRate:
			r.Rate, r.Users.Walks = c.Blue, [2]float64{c.Blue, c.Green}
		}
	}
}

// join takes a step's result into the report: the gravest step speaks for the
// ladder, the last one among equals.
func (r *Report) join(plan *Plan, step *result) {
	r.sum(&step.Report)
	r.Warnings, r.Fleet = append(r.Warnings, step.Warnings...), step.Fleet
	if step.Outcome == 0 {
		r.Outcome, r.Cause, r.Reason, r.Advice, r.Generator = 0, "", step.Reason, "", step.Generator
		return
	}
	if len(plan.Rates) > 1 {
		r.Steps = append(r.Steps, Step{Rate: step.design.Rate, Outcome: step.Outcome, Reason: step.Reason})
		step.Reason = fmt.Sprintf("at %g/s: %s", step.design.Rate, step.Reason)
	}
	if step.Outcome < r.Outcome {
		return
	}
	sums := *r
	*r = step.Report
	r.Requests, r.WarmUp, r.Judging, r.Warnings, r.Steps = sums.Requests, sums.WarmUp, sums.Judging, sums.Warnings, sums.Steps
}

// done says whether a ladder ends here: a higher rate can only be worse.
func (r *Report) done(step *result) bool {
	switch step.Cause {
	case perf.Baseline, perf.Overload, perf.Generator:
		return true
	}
	return step.Outcome == 0 || step.Outcome == perf.Worse
}

// errInterrupted is joined to the context's error when an attack ends early.
var errInterrupted = errors.New("load interrupted")
