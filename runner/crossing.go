package runner

import (
	"context"
	"fmt"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// cross walks the crossing lanes B-G-B-G and G-B-G-B: each request goes to the
// other side than the one before, with the captures and cookies of the lane. It
// answers what happens to a session at the moment of the cut-over.
//
//  1. A crossing exchange is compared with the straight lane's exchange of the
//     same step on the other side, so that the rules always see a blue answer
//     beside a green one, and it must meet its side's expectations.
//  2. The crossing lanes are walked when the straight lanes came to their end:
//     what fails there is the same finding.
func (w *walk) cross(ctx context.Context, steps []*scenarios.Step, prefix string) {
	for _, kind := range []LaneKind{LaneCrossBlue, LaneCrossGreen} {
		if w.lanes[kind] == nil {
			continue
		}
		if w.ended != "" {
			w.result.Steps = append(w.result.Steps, run.StepResult{Name: prefix + "crossover", Lane: kind.String(), At: w.result.At, Verdict: run.Skip, Reasons: []string{"the straight lanes ended: " + w.ended}})
			continue
		}
		w.crossLane(ctx, kind, steps, prefix)
	}
}

func (w *walk) crossLane(ctx context.Context, kind LaneKind, steps []*scenarios.Step, prefix string) {
	ended := ""
	for _, step := range steps {
		for round := range max(step.Repeat, 1) {
			name := stepName(prefix, step, round)
			pair := w.pairs[name]
			if pair == nil || pair.Blue == nil || pair.Green == nil {
				continue // skipped by the straight lanes, or for one side alone
			}
			if ended != "" {
				w.skip(step, name, ended).Lane = kind.String()
				continue
			}
			if sleep(ctx, step.Pause) != nil {
				w.stopped()
				return
			}
			side := kind.SideOf(w.offset[kind])
			w.offset[kind]++
			r := w.crossStep(ctx, kind, side, step, name, pair)
			r.Lane = kind.String()
			w.result.Steps = append(w.result.Steps, *r)
			if r.Verdict >= run.Broken && !step.Continue && !r.OnlyDiffers {
				ended = fmt.Sprintf("step %q: %s", name, firstReason(r))
			}
		}
	}
	if ended != "" && w.ended == "" && w.test == nil {
		w.ended = ended + " (" + kind.String() + ")"
	}
}

// crossStep sends one step of a crossing lane and judges it.
func (w *walk) crossStep(ctx context.Context, kind LaneKind, side scenarios.Side, step *scenarios.Step, name string, straight *run.Pair) *run.StepResult {
	now := w.suite.run.now()
	l := w.lanes[kind]
	sc := w.scope(l, side, step, name, now)
	if conditional(step) {
		ok, err := w.condition(step, kind, sc)
		if err != nil {
			return w.brokenStep(step, name, fmt.Errorf("when: %w", err))
		}
		if !ok {
			return &run.StepResult{Name: name, At: step.Pos.String(), Verdict: run.Fail, Reasons: []string{"when does not hold on this lane, and holds on the straight ones"}}
		}
	}
	rules, err := w.suite.stepRules(step)
	if err != nil {
		return w.brokenStep(step, name, err)
	}
	checks, err := judge.NewChecks(expectOf(step, side), sc)
	if err != nil {
		return w.brokenStep(step, name, fmt.Errorf("expect: %w", err))
	}
	key := run.PairKey(w.id, name, kind.String())
	s := w.shoot(ctx, step, sc, key)
	if s.err != nil {
		return w.brokenStep(step, name, s.err)
	}
	found := &captured{}
	for i := range step.Captures {
		w.capture(&step.Captures[i], l, s, found)
		l.keepValue(step, step.Captures[i].Name)
	}
	seen := crossSeen(kind, side)
	pair := &run.Pair{Key: key, Blue: straight.Blue, Green: straight.Green}
	t := &judge.Trial{
		Step: step, Name: name, Lane: kind.String(), Key: key, Rules: rules, Shared: w.shared(step),
		Seen: w.bijections(seen), Hidden: append(s.hidden(), straight.Hidden...), Captured: found.checks,
	}
	if side == scenarios.Blue {
		pair.Blue = s.x
		t.Blue, t.Green, t.BlueChecks, t.BlueWait = s.answer, judge.NewAnswer(straight.Green), checks, s.wait
	} else {
		pair.Green = s.x
		t.Blue, t.Green, t.GreenChecks, t.GreenWait = judge.NewAnswer(straight.Blue), s.answer, checks, s.wait
	}
	t.Apart = w.spread(kind, pair.Blue, pair.Green)
	w.suite.run.emit(run.Event{Pair: pair})
	j := judgeTrial(t)
	w.seen[seen] = j.Seen
	r := &j.Step
	r.Planted = planted(rules, s)
	r.Flaky = w.retriedNote(r, s)
	cookiesOf(r, s)
	w.remember(kind, s)
	carried := fmt.Sprintf("asked on %s with what the lane carries", side)
	r.Notes = append(r.Notes, carried)
	w.book(j)
	r.Coverage = run.Coverage{} // the straight pair's counts stand for the step
	return r
}

// crossSeen is the key of a crossing lane's bijections. They are kept apart by the
// side it asked: blue's ids are paired with green's, whichever of the two the lane
// brought.
func crossSeen(kind LaneKind, side scenarios.Side) LaneKind {
	if side == scenarios.Green {
		kind += LaneCrossGreen // not a lane, only another key
	}
	return kind
}
