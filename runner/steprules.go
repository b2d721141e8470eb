package runner

import (
	"fmt"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// StepRules are the rules of a step, compiled once for a run.
type StepRules struct {
	list []diff.Rule
	opts diff.Options
	full *diff.Rules
	// plain knows no authorities: for comparing a side with itself.
	plain *diff.Rules
	timed bool // a rule compares times

	mu   sync.Mutex // guards wide
	wide map[time.Duration]*StepRules
}

// NewStepRules compiles a step's rules. opts name the sides' authorities and
// the time by which rules expire; the step's mode is put in.
func NewStepRules(step *scenarios.Step, opts diff.Options) (*StepRules, error) {
	opts.Mode, opts.Numbers = step.Mode, step.Numbers
	return compileRules(step.Rules, opts)
}

func compileRules(list []diff.Rule, opts diff.Options) (*StepRules, error) {
	r := &StepRules{list: list, opts: opts}
	for i := range list {
		r.timed = r.timed || list[i].Do == diff.DoTime
	}
	var errs []diff.RuleError
	if r.full, errs = diff.Compile(list, opts); len(errs) > 0 {
		e := errs[0]
		return nil, fmt.Errorf("rule %s: %s: %s", list[e.Rule].Origin, e.Field, e.Msg)
	}
	opts.BlueAuthorities, opts.GreenAuthorities = nil, nil
	r.plain, _ = diff.Compile(list, opts) // the same rules: no other errors
	return r, nil
}

// Exchanges that lie less than nearby apart need no other rules; further apart
// they are widened in whole steps, so that few sets of rules are compiled.
const (
	nearby    = 100 * time.Millisecond
	wideStep  = 500 * time.Millisecond
	maxWidths = 256
)

// apart are the rules for two answers that were made at most gap apart: what
// compares times allows for as much more.
func (r *StepRules) apart(gap time.Duration) *StepRules {
	if r == nil || !r.timed || gap < nearby {
		return r
	}
	gap = (gap + wideStep - 1) / wideStep * wideStep
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.wide[gap]; w != nil {
		return w
	}
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
	if r.wide == nil || len(r.wide) >= maxWidths {
		r.wide = map[time.Duration]*StepRules{}
	}
	r.wide[gap] = w
	return w
}

// lag is the longest time that can lie between the instants at which two
// exchanges were answered: each somewhere between its start and its end.
func lag(a, b *wire.Exchange) time.Duration {
	if a == nil || b == nil || a.Started.IsZero() || b.Started.IsZero() {
		return 0
	}
	return max(b.Started.Add(b.Timing.Total).Sub(a.Started), a.Started.Add(a.Timing.Total).Sub(b.Started))
}
