package runner

import (
	"context"
	"fmt"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// confirm fires a pair that differs again: blue, blue, green, as often as the
// case says. It tells a difference that is always there from one that comes and
// goes, and from a blue that disagrees with itself. It labels; a failure stays one.
func (w *walk) confirm(ctx context.Context, step *scenarios.Step, name string, rules *judge.StepRules, r *run.StepResult) {
	if w.test == nil || w.test.Confirm == 0 || r.DifferencesTotal == 0 || !repeatable(step) || w.suite.run.replay != nil {
		return
	}
	differs, unstable, rounds := 1, 0, 1
	for i := range w.test.Confirm {
		now := w.suite.run.now()
		key := run.PairKey(w.id, fmt.Sprintf("%s!%d", name, i+1), "")
		again := func(side scenarios.Side) *judge.Answer {
			kind := straightLane(side)
			// A copy of the lane: a confirmation leaves no trace in the walk.
			s := w.shoot(ctx, step, w.scope(w.lanes[kind].clone(), side, step, name, now), key)
			if s.err != nil || s.x.Err != nil {
				return nil
			}
			return s.answer
		}
		first, second, green := again(scenarios.Blue), again(scenarios.Blue), again(scenarios.Green)
		if first == nil || second == nil || green == nil {
			continue
		}
		rounds++
		self := diff.CompareMessages(first.Message(), second.Message(), rules.Apart(judge.Lag(first.Exchange, second.Exchange)).Plain, nil)
		if !self.Equal() {
			unstable++
		}
		other := diff.CompareMessages(second.Message(), green.Message(), rules.Apart(judge.Lag(second.Exchange, green.Exchange)).Full, nil)
		if !other.Equal() {
			differs++
		}
	}
	note := fmt.Sprintf("confirm: green differs in %d/%d", differs, rounds)
	if unstable > 0 {
		note += fmt.Sprintf("; blue disagrees with itself in %d/%d", unstable, rounds-1)
	}
	r.Notes = append(r.Notes, note)
}
