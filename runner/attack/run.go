package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
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
	if err != nil || first.decision == nil || !worthwhile(first.decision.Cause) {
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
	r.requests.Blue += first.requests.Blue
	r.requests.Green += first.requests.Green
	r.warmUp = r.warmUp.worse(first.warmUp)
	r.judging.join(first.judging)
	r.warnings = append(r.warnings, fmt.Sprintf("first attack inconclusive: %s", first.decision.Reason))
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
	for _, c := range first.decision.Comparisons {
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
	design    perf.Design
	decision  *perf.Decision // nil when broken
	broken    string
	requests  PerSide // warm-up included
	generator Generator
	series    *perf.Series
	warnings  []string
	judging   Judging
	warmUp    WarmUp
	generated []Generated // of a fleet
	voids     []Void
}

// decided takes from the decision what a result tells in other places.
func (r *result) decided() {
	d := r.decision
	r.generator.Achieved, r.generator.LatenessP50, r.generator.LatenessP99 = d.Achieved, d.LatenessP50, d.LatenessP99
	r.warnings = append(append(r.warnings, r.design.Warnings()...), d.Notes...)
}

// join takes a step's result into the report: the gravest step speaks for the
// ladder, the last one among equals.
func (r *Report) join(plan *Plan, step *result) {
	r.Requests.Blue += step.requests.Blue
	r.Requests.Green += step.requests.Green
	r.Warnings = append(r.Warnings, step.warnings...)
	r.Generators, r.Voids = step.generated, step.voids
	r.WarmUp = r.WarmUp.worse(step.warmUp)
	r.Judging.join(step.judging)
	if step.broken != "" {
		r.Outcome, r.Broken, r.Reason = 0, step.broken, step.broken
		r.Generator = step.generator
		return
	}
	d := step.decision
	if len(plan.Rates) > 1 {
		r.Steps = append(r.Steps, Step{Rate: step.design.Rate, Outcome: d.Outcome, Reason: d.Reason})
	}
	for _, route := range step.design.Routes {
		if len(r.Routes) < len(step.design.Routes) {
			r.Routes = append(r.Routes, route.Name)
		}
	}
	r.PerWalk, r.Users = step.design.PerWalk, step.design.Users
	if d.Outcome < r.Outcome {
		return
	}
	r.Outcome, r.Cause, r.Reason, r.Advice = d.Outcome, d.Cause, d.Reason, d.Advice
	if len(plan.Rates) > 1 {
		r.Reason = fmt.Sprintf("at %g/s: %s", step.design.Rate, d.Reason)
	}
	r.Rate, r.Seconds, r.Blocks, r.Dropped = step.design.Rate, d.Seconds, d.Blocks, d.Dropped
	r.Comparisons, r.Alone, r.Series, r.Generator = d.Comparisons, d.Alone, step.series, step.generator
	r.Errors = PerSide{d.Errors[0], d.Errors[1]}
	for i := range d.Comparisons { // the last is of walks where there are any
		if r.Users.Count > 0 && d.Comparisons[i].Metric.IsRate() {
			r.Rate = d.Comparisons[i].Blue
		}
	}
}

// join adds what was judged in another attack.
func (j *Judging) join(other Judging) {
	if j.Pairs == nil {
		j.Pairs = make([]int, len(other.Pairs))
	}
	for i, n := range other.Pairs {
		j.Pairs[i] += n
	}
	for _, u := range other.Unmet {
		same := func(own UnmetCount) bool { return own.Green == u.Green && own.Route == u.Route && own.What == u.What }
		if i := slices.IndexFunc(j.Unmet, same); i >= 0 {
			j.Unmet[i].Count += u.Count
		} else {
			j.Unmet = append(j.Unmet, u)
		}
	}
	j.CPU += other.CPU
}

// done says whether a ladder ends here: a higher rate can only be worse.
func (r *Report) done(step *result) bool {
	if step.broken != "" {
		return true
	}
	switch step.decision.Cause {
	case perf.Baseline, perf.Overload, perf.Generator:
		return true
	}
	return step.decision.Outcome == perf.Worse
}

// errInterrupted is joined to the context's error when an attack ends early.
var errInterrupted = errors.New("load interrupted")
