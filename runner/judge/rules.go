package judge

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// StepRules are the rules of a step, compiled once for a run. It is never changed after it was
// made, so that all walks share it.
type StepRules struct {
	// list and opts are what it was made from, for Apart to compile again.
	list []diff.Rule
	opts diff.Options
	// Full compares blue with green; it knows the names by which the sides call themselves.
	Full *diff.Rules
	// plain knows no authorities: for comparing a side with itself.
	Plain *diff.Rules
	timed bool // a rule compares times
}

// NewStepRules compiles a step's rules. opts name the sides' authorities and the time by which
// rules expire; the step's mode is put in. A mistake in a rule is an error here only if it was
// not found on loading.
func NewStepRules(step *scenarios.Step, opts diff.Options) (*StepRules, error) {
	opts.Mode, opts.Numbers = step.Mode, step.Numbers
	return compileRules(step.Rules, opts)
}

// compileRules compiles a list twice, with and without the names of the sides. The error is the
// first mistake of a rule, which loading the file should have found.
func compileRules(list []diff.Rule, opts diff.Options) (*StepRules, error) {
	r := &StepRules{list: list, opts: opts}
	for i := range list {
		r.timed = r.timed || list[i].Do == diff.DoTime
	}
	var errs []diff.RuleError
	if r.Full, errs = diff.Compile(list, opts); len(errs) > 0 {
		e := errs[0]
		return nil, fmt.Errorf("rule %s: %s: %s", list[e.Rule].Origin, e.Field, e.Msg)
	}
	opts.BlueAuthorities, opts.GreenAuthorities = nil, nil
	r.Plain, _ = diff.Compile(list, opts) // the same rules: no other errors
	return r, nil
}

// Whole steps keep the rules of pairs alike that were nearly equally far apart, so that a
// reader of a report can compare them.
// Exchanges less than nearby apart need no other rules. Beyond that, rules allow
// more in whole steps of wideStep.
const (
	nearby   = 100 * time.Millisecond
	wideStep = 500 * time.Millisecond
)

// Apart returns the rules for two answers that were made at most gap apart: rules that compare
// times allow that much more. They are compiled anew each time, which takes far less than the
// gap itself; a cache would need a lock. A nil list stays nil. Only rules of kind time change.
func (r *StepRules) Apart(gap time.Duration) *StepRules {
	if r == nil || !r.timed || gap < nearby {
		return r
	}
	gap = (gap + wideStep - 1) / wideStep * wideStep
	list := make([]diff.Rule, len(r.list))
	copy(list, r.list)
	for i := range list {
		if list[i].Do == diff.DoTime {
			list[i].Within += gap
		}
	}
	w, err := compileRules(list, r.opts)
	if err != nil { // the same rules but for one duration
		return r
	}
	return w
}

// Lag is the longest time that can lie between the instants at which two exchanges were
// answered: each somewhere between its start and its end. Without a start time, as in an
// exchange that failed early, it is 0. The result is the larger of the spans from the start of
// one to the end of the other.
func Lag(a, b *wire.Exchange) time.Duration {
	if a == nil || b == nil || a.Started.IsZero() || b.Started.IsZero() {
		return 0
	}
	return max(b.Started.Add(b.Timing.Total).Sub(a.Started), a.Started.Add(a.Timing.Total).Sub(b.Started))
}
