package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A lane is one walk through a case: what was captured on the way and the
// cookies that were set. It belongs to one goroutine at a time.
type lane struct {
	// kind says which sides the lane asks.
	kind LaneKind
	// captures are by name; the last one of a name counts.
	captures map[string]scenarios.Value
	// jar holds the cookies that answers set.
	jar *wire.Jar
	// digests are the challenges that the lane answers. A copy has none: the counts
	// that go with a nonce would be used twice.
	digests map[digestKey]*wire.Digest
	// hidden are values that the archive kept from answers which the lane captured from.
	hidden judge.HiddenValues
	// effects are what its own requests left, in order; a copy begins without.
	effects []*effect
	// truth are the values of captures that a proxy hid or changed (selftest); misled
	// says that a request was made with one that it changed.
	truth  map[string]scenarios.Value
	misled bool
}

// newLane is a lane on which nothing has happened.
func newLane(kind LaneKind) *lane {
	return &lane{kind: kind, captures: map[string]scenarios.Value{}, jar: wire.NewJar(), digests: map[digestKey]*wire.Digest{}}
}

// clone copies a lane: what a case starts from is what setup left.
func (l *lane) clone() *lane {
	return &lane{
		kind: l.kind, captures: maps.Clone(l.captures), jar: l.jar.Clone(), digests: map[digestKey]*wire.Digest{},
		hidden: slices.Clip(l.hidden), truth: maps.Clone(l.truth),
	}
}

// renew puts what a repeated setup captured over what the lane holds.
func (l *lane) renew(from *lane) {
	maps.Copy(l.captures, from.captures)
	l.truth = maps.Clone(from.truth)
	l.jar = from.jar.Clone()
}

// crossing reports whether the lane changes sides.
func (k LaneKind) crossing() bool { return k == LaneCrossBlue || k == LaneCrossGreen }

// laneNames are the lanes as reports name them.
var laneNames = [...]string{LaneBlue: "blue", LaneGreen: "green", LaneCrossBlue: "B-G-B-G", LaneCrossGreen: "G-B-G-B"}

// String names the lane as reports do.
func (k LaneKind) String() string {
	if k == 0 || int(k) >= len(laneNames) {
		return "unknown lane"
	}
	return laneNames[k]
}

// across makes a crossing lane's jar take green's hosts for blue's: a box keeps
// its cookies when the name it calls begins to lead to the other side.
func (l *lane) across(s *suiteRun) {
	for _, g := range s.green.Services {
		if b := s.blue.Find(g.Name); b != nil {
			l.jar.Alias(g.LogicalHost(), b.LogicalHost())
		}
	}
}

// LaneKind says how a lane walks.
type LaneKind uint8

// The lanes. Zero is invalid.
const (
	LaneBlue       LaneKind = iota + 1 // every step on blue
	LaneGreen                          // every step on green
	LaneCrossBlue                      // B-G-B-G
	LaneCrossGreen                     // G-B-G-B
)

// SideOf says which side the step at index i of this lane goes to.
func (k LaneKind) SideOf(i int) scenarios.Side {
	switch {
	case k == LaneBlue, k == LaneCrossBlue && i%2 == 0, k == LaneCrossGreen && i%2 == 1:
		return scenarios.Blue
	default:
		return scenarios.Green
	}
}

// cross walks the crossing lanes B-G-B-G and G-B-G-B: each request goes to the
// other side than the one before, with the captures and cookies of the lane. It
// answers what happens to a session at the moment of the cut-over.
//
//  1. A crossing exchange is compared with the straight lane's exchange of the
//     same step on the other side, so that the rules always see a blue answer
//     next to a green one, and it must meet its side's expectations.
//  2. The crossing lanes are walked when the straight lanes came to their end:
//     what fails there is the same finding.
func (w *walk) cross(ctx context.Context, steps []*scenarios.Step, prefix string) {
	for _, kind := range []LaneKind{LaneCrossBlue, LaneCrossGreen} {
		if w.lanes[kind] == nil {
			continue
		}
		if w.ended != "" {
			w.result.Steps = append(w.result.Steps, run.StepResult{
				Name: prefix + "crossover", Lane: kind.String(), At: w.result.At,
				Verdict: run.Skip, Reasons: []string{"the straight lanes ended: " + w.ended},
			})
			continue
		}
		w.crossLane(ctx, kind, steps, prefix)
	}
}

// crossLane walks one crossing lane through steps that the straight lanes have walked. The lane
// of a suite's setup or teardown that ends early ends the walk: there is no case to blame.
func (w *walk) crossLane(ctx context.Context, kind LaneKind, steps []*scenarios.Step, prefix string) {
	ended := ""
	for step, name := range rounds(steps, prefix) {
		pair := w.pairs[name]
		if pair == nil || pair.Blue == nil || pair.Green == nil {
			continue // skipped by the straight lanes, or for one side alone
		}
		if ended != "" {
			w.skip(step, name, ended).Lane = kind.String()
			continue
		}
		if Sleep(ctx, step.Pause) != nil {
			w.stopped()
			return
		}
		// The side follows from the number of requests that were sent, not of steps: a step that
		// was left out must not put two requests in a row on one side.
		side := kind.SideOf(w.offset[kind])
		w.offset[kind]++
		r := w.crossStep(ctx, w.scope(w.lanes[kind], side, step, name, w.suite.run.now()), step, pair)
		r.Lane = kind.String()
		w.result.Steps = append(w.result.Steps, *r)
		if r.Verdict >= run.Broken && !step.Continue && !r.OnlyDiffers {
			ended = fmt.Sprintf("step %q: %s", name, firstReason(r))
		}
	}
	if ended != "" && w.ended == "" && w.test == nil {
		w.ended = ended + " (" + kind.String() + ")"
	}
}

// crossStep sends one step of a crossing lane to the side of a scope, and judges it. straight are
// the exchanges of the straight lanes.
func (w *walk) crossStep(ctx context.Context, sc *scope, step *scenarios.Step, straight *run.Pair) *run.StepResult {
	kind, side, name := sc.lane.kind, sc.side, sc.step
	if r := w.crossWhen(step, sc); r != nil {
		return r
	}
	rules, err := w.suite.stepRules(step)
	if err != nil {
		return brokenStep(step, name, err)
	}
	checks, err := w.suite.judgedBy(step).Checks(side, sc)
	if err != nil {
		return brokenStep(step, name, fmt.Errorf("expect: %w", err))
	}
	key := run.PairKey(w.id, name, kind.String())
	s := w.shoot(ctx, step, sc, key)
	if s.err != nil {
		return brokenStep(step, name, s.err)
	}
	var found []run.Expectation
	for _, c := range w.captureAll(step, sc.lane, s) {
		found = append(found, c.checks...)
	}
	// The other half of the pair is the straight lane's exchange of the other side (rule 1).
	// What maps have paired on this lane belongs to the side that was asked.
	seen := crossSeen(kind, side)
	pair := &run.Pair{Key: key, Blue: straight.Blue, Green: straight.Green}
	// Control is left out: the negative control was made on the straight pair.
	t := &judge.Trial{
		Step: step, Name: name, Lane: kind.String(), Key: key, Rules: rules, Shared: w.shared(step),
		Seen: w.bijections(seen), Hidden: append(s.hidden(), straight.Hidden...), Captured: found,
	}
	if side == scenarios.Blue {
		pair.Blue = s.x
		t.Blue, t.Green, t.BlueChecks, t.BlueWait = s.answer, judge.NewAnswer(straight.Green), checks, s.wait
	} else {
		pair.Green = s.x
		t.Blue, t.Green, t.GreenChecks, t.GreenWait = judge.NewAnswer(straight.Blue), s.answer, checks, s.wait
	}
	t.Apart = w.trackApart(kind, pair.Blue, pair.Green)
	w.suite.run.emit(run.Event{Pair: pair})
	j := judgeTrial(t)
	w.seen[seen] = j.Seen
	r := &j.Step
	r.Planted = planted(rules, s)
	r.Flaky = w.retriedNote(r, s)
	cookiesOf(r, s)
	w.remember(kind, s)
	r.Notes = append(r.Notes, fmt.Sprintf("asked on %s with what the lane carries", side))
	w.addJudgement(j)
	r.Coverage = run.Coverage{} // the straight pair's counts stand for the step
	return r
}

// crossWhen is the result of a step whose condition does not hold on a crossing lane, where it
// held on the straight ones; nil: the step is sent.
func (w *walk) crossWhen(step *scenarios.Step, sc *scope) *run.StepResult {
	if !step.Conditional() {
		return nil
	}
	switch ok, err := w.condition(step, sc); {
	case err != nil:
		return brokenStep(step, sc.step, fmt.Errorf("when: %w", err))
	case !ok:
		return unsent(step, sc.step, run.Fail, "when does not hold on this lane, and holds on the straight ones")
	}
	return nil
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

// pick is blue's or green's.
func pick[T any](side scenarios.Side, blue, green T) T {
	if side == scenarios.Green {
		return green
	}
	return blue
}

// firstReason is why a step ended as it did, in one sentence.
func firstReason(r *run.StepResult) string {
	if len(r.Reasons) == 0 {
		return r.Verdict.String()
	}
	return r.Reasons[0]
}
