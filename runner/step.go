package runner

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A shot is what sending a step to one side came to.
type shot struct {
	// out is the request as it was composed.
	out *outgoing
	// x is the last exchange, after retries and polling.
	x *wire.Exchange
	// answer is x as it is judged.
	answer *judge.Answer
	// retried counts the resends before x.
	retried int
	// ill counts the polls before x that failed or answered 5xx.
	ill int
	// wait says why polling ended without its condition.
	wait string
	// lacks are cookies that the lane's jar did not give to the request.
	lacks []wire.Withheld
	// misled: the request was made with what a broken answer gave.
	misled bool
	// tampered is what a proxy did to x; nil: nothing.
	tampered *Tampered
	// err says why the request could not be made: nothing was sent.
	err error
}

// exchange is what came back; nil for a side that was not asked.
func (s *shot) exchange() *wire.Exchange {
	if s == nil {
		return nil
	}
	return s.x
}

// given is the answer to judge; nil for a side that was not asked.
func (s *shot) given() *judge.Answer {
	if s == nil {
		return nil
	}
	return s.answer
}

// step sends one step to both sides, judges the pair and captures from it.
func (w *walk) step(ctx context.Context, step *scenarios.Step, name string) *run.StepResult {
	if bar := w.guard(step); bar != "" {
		w.guarded, w.barred = bar.String(), bar
		r := unsent(step, name, run.Skip, bar.String())
		r.Barred = bar
		return r
	}
	now := w.suite.run.now()
	if r := w.when(step, name, now); r != nil {
		return r
	}
	// Rules and expectations before the request: what cannot be judged is not sent.
	rules, err := w.suite.stepRules(step)
	var checks [3]*judge.Checks
	if err == nil {
		checks, err = w.checks(step, name, now)
	}
	if err != nil {
		return brokenStep(step, name, err)
	}
	delete(w.last, LaneBlue) // when has been asked: a large answer need not wait for the next
	delete(w.last, LaneGreen)
	shots, first := w.fire(ctx, step, name, now)
	if err := errorOf(shots); err != nil {
		return brokenStep(step, name, err)
	}
	// An answer that says that the session is over is replaced by that of a new session.
	notes, flaky := w.refresh(ctx, step, name, now, shots)
	blue, green := shots[scenarios.Blue], shots[scenarios.Green]
	// Captures before the judgement, since what they did not find is part of it.
	shareBody(blue.exchange(), green.exchange())
	captured := w.captures(step, blue, green)
	key := run.PairKey(w.id, name, "")
	w.suite.run.emit(run.Event{Pair: &run.Pair{Key: key, Blue: blue.exchange(), Green: green.exchange()}})
	apart := w.trackApart(LaneBlue, blue.exchange(), green.exchange())
	// From here on nothing is sent for the judgement itself: judge.Judge sees what came and what the
	// file says.
	j := judgeTrial(&judge.Trial{
		Step: step, Name: name, Key: key, Rules: rules, Blue: blue.given(), Green: green.given(),
		BlueChecks: checks[scenarios.Blue], GreenChecks: checks[scenarios.Green],
		BlueWait: blue.waited(), GreenWait: green.waited(), Shared: w.shared(step), Seen: w.bijections(LaneBlue),
		Apart: apart, Hidden: append(blue.hidden(), green.hidden()...),
		Control: w.control(key), Captured: captured,
	})
	w.seen[LaneBlue] = j.Seen
	r := &j.Step
	r.First, r.Planted = first, planted(rules, blue, green)
	r.Notes = append(r.Notes, notes...)
	r.Flaky = flaky || w.retriedNote(r, blue, green)
	cookiesOf(r, blue, green)
	// A pair that differs is kept whole for as long as its cause is looked for: proposed rules are
	// tried on it.
	if r.DifferencesTotal > 0 {
		r.Pair = sample(blue, green, rules, apart)
	}
	w.addJudgement(j)
	w.confirm(ctx, step, name, rules, r)
	w.keepPair(name, &run.Pair{Blue: blue.exchange(), Green: green.exchange(), Hidden: append(blue.hidden(), green.hidden()...)})
	w.remember(LaneBlue, blue)
	w.remember(LaneGreen, green)
	return r
}

// errorOf is why the request of a side could not be made, blue's first; nil: both could.
func errorOf(shots [3]*shot) error {
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if s := shots[side]; s != nil && s.err != nil {
			return fmt.Errorf("%s: %w", side, s.err)
		}
	}
	return nil
}

// sample is a pair as its cause is looked for, under the rules that it was compared with.
func sample(blue, green *shot, rules *judge.StepRules, apart time.Duration) *cause.Sample {
	return &cause.Sample{
		Blue: blue.answer.Message(), Green: green.answer.Message(),
		Rules: rules.Apart(max(apart, judge.Lag(blue.x, green.x))).Full,
	}
}

// shareBody lets two equal bodies be one: bodies are never changed, and large ones
// need not be held twice while they are judged.
func shareBody(blue, green *wire.Exchange) {
	if blue != nil && green != nil && bytes.Equal(blue.Answer, green.Answer) {
		green.Answer = blue.Answer
	}
}

// hidden are the values that an archive kept from the answer.
func (s *shot) hidden() judge.HiddenValues {
	if s == nil || s.answer == nil {
		return nil
	}
	return slices.Clip(s.answer.Hidden)
}

// waited is why polling ended without its condition; empty also for a side that was not asked.
func (s *shot) waited() string {
	if s == nil {
		return ""
	}
	return s.wait
}

// remember keeps an answer for the conditions of the next step, and what an archive hid of it.
func (w *walk) remember(kind LaneKind, s *shot) {
	if s != nil && s.answer != nil {
		w.last[kind] = s.answer
		w.lanes[kind].hidden = append(w.lanes[kind].hidden, s.hidden()...)
	}
}

// bijections are what map rules have paired on a lane so far.
func (w *walk) bijections(kind LaneKind) *diff.Bijections {
	if w.seen[kind] == nil {
		w.seen[kind] = diff.NewBijections()
	}
	return w.seen[kind]
}

// control says how the pair is held against itself: what is sampled depends on
// the seed and the pair alone.
func (w *walk) control(key string) judge.Control {
	o := &w.suite.run.plan.Options
	c := judge.Control{Seed: o.Seed}
	// Rows of one case go through the same rules, so that a sample of them is enough.
	share := controlShare(w.rows())
	drawn := random.Chance(share, o.Seed, "control", key)
	if drawn {
		c.Mutants = o.mutants()
	}
	if share < 1 && o.mutants() > 0 {
		w.suite.run.control.of.Add(1)
		if drawn {
			w.suite.run.control.made.Add(1)
		}
	}
	return c
}

// rows is the number of rows of the walk's case.
func (w *walk) rows() int {
	if w.test == nil {
		return 1
	}
	return w.test.Count()
}

// brokenStep is the result of a step that could not be judged.
func brokenStep(step *scenarios.Step, name string, err error) *run.StepResult {
	return unsent(step, name, run.Broken, err.Error())
}

// unsent is the result of a step that gave nothing to judge, with the reason.
func unsent(step *scenarios.Step, name string, v run.Verdict, reason string) *run.StepResult {
	return &run.StepResult{Name: name, At: step.Pos.String(), Verdict: v, Reasons: []string{reason}}
}

// shared reports whether both sides ask one service for a step.
func (w *walk) shared(step *scenarios.Step) bool { return w.suite.sharedService(step) }

// sharedService reports whether both sides ask one service for a step.
func (s *suiteRun) sharedService(step *scenarios.Step) bool {
	if s.green == nil { // no addresses yet: see Unprovable
		return false
	}
	to := s.green.Find(step.Service)
	return to != nil && to.Shared
}

// guard says what keeps a step from being sent at all; empty: nothing.
func (w *walk) guard(step *scenarios.Step) run.Bar {
	if step.SideEffects == scenarios.Unreviewed {
		return run.BarUnreviewed
	}
	if step.HasEffects() && !w.suite.mayWrite(step) {
		return run.BarWrites
	}
	return ""
}

// straightLane is the lane of a side.
func straightLane(side scenarios.Side) LaneKind {
	return pick(side, LaneBlue, LaneGreen)
}

// when evaluates a step's conditions on both sides. A nil result lets it run.
// Sides that disagree behave differently: that is a failure.
func (w *walk) when(step *scenarios.Step, name string, now time.Time) *run.StepResult {
	if !step.Conditional() {
		return nil
	}
	var yes []bool
	off := &run.SwitchedOff{}
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if !step.SentTo(side) {
			continue
		}
		sc := w.scope(w.lanes[straightLane(side)], side, step, name, now)
		sc.reads = &run.SwitchedOff{}
		ok, err := w.condition(step, sc)
		if err != nil {
			return brokenStep(step, name, fmt.Errorf("%s: when: %w", side, err))
		}
		off.Merge(sc.reads)
		yes = append(yes, ok)
	}
	// Both sides agree, or their difference is the finding.
	switch {
	case !slices.Contains(yes, false):
		return nil
	case slices.Contains(yes, true):
		return unsent(step, name, run.Fail, holdsOn(yes[0]))
	default:
		r := unsent(step, name, run.Skip, "when does not hold")
		r.ByWhen = off
		return r
	}
}

// holdsOn is the finding that a condition holds on one side alone.
func holdsOn(blue bool) string {
	if blue {
		return "when holds on blue and not on green"
	}
	return "when holds on green and not on blue"
}

// condition evaluates when for the lane of a scope. What does not hold leaves in the scope what
// it read, and nothing of the parts that hold.
func (w *walk) condition(step *scenarios.Step, sc *scope) (bool, error) {
	if step.WhenVar != nil {
		v, err := step.WhenVar.Expand(sc)
		if err != nil {
			return false, err
		}
		if v.Text == "" || v.Text == "false" || v.Text == "0" || v.JSON == "null" {
			return false, nil
		}
	}
	by := w.suite.judgedBy(step)
	for i := range step.WhenVars {
		sc.forget()
		if ok, err := by.WhenVariable(i, sc, sc.lane.hidden); !ok || err != nil {
			return false, err
		}
	}
	if step.When != nil {
		sc.forget()
	}
	return by.When(sc.side, w.last[sc.lane.kind], sc)
}

// checks expands the expectations of both sides.
func (w *walk) checks(step *scenarios.Step, name string, now time.Time) (out [3]*judge.Checks, err error) {
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if !step.SentTo(side) {
			continue
		}
		kind := straightLane(side)
		if out[side], err = w.suite.judgedBy(step).Checks(side, w.scope(w.lanes[kind], side, step, name, now)); err != nil {
			return out, fmt.Errorf("%s: expect: %w", side, err)
		}
	}
	return out, nil
}

// fire sends a step to the sides it asks for: both at once, the one that leaves
// first chosen by the seed, or one after the other in the case's order.
func (w *walk) fire(ctx context.Context, step *scenarios.Step, name string, now time.Time) (shots [3]*shot, first string) {
	order := scenarios.Together
	if w.test != nil {
		order = w.test.Order
	}
	// Which side leaves first follows from the seed, so that neither has the advantage and a
	// repeated run does the same.
	sides := []scenarios.Side{scenarios.Blue, scenarios.Green}
	if order == scenarios.GreenThenBlue || order == scenarios.Together && random.Chance(0.5, w.suite.run.plan.Options.Seed, "order",
		w.id, name) {
		slices.Reverse(sides)
	}
	sides = slices.DeleteFunc(sides, func(s scenarios.Side) bool { return !step.SentTo(s) })
	// A panic of one side is that side's error: the other may still be under way.
	one := func(side scenarios.Side) {
		defer rescue(func(err error) { shots[side] = &shot{err: err} })
		kind := straightLane(side)
		shots[side] = w.shoot(ctx, step, w.scope(w.lanes[kind], side, step, name, now), run.PairKey(w.id, name, ""))
	}
	if len(sides) == 0 {
		return shots, ""
	}
	if order != scenarios.Together {
		for _, s := range sides {
			one(s)
		}
		return shots, sides[0].String()
	}
	var both sync.WaitGroup
	for _, s := range sides[:len(sides)-1] {
		both.Go(func() { one(s) })
	}
	one(sides[len(sides)-1])
	both.Wait()
	return shots, sides[0].String()
}

// cookiesOf explains a failed step by the cookies that its requests lacked: as a
// reason where a side asks who is there (401, 403, a redirect), else as a note. A
// cookie that the step wrote itself was sent.
func cookiesOf(r *run.StepResult, shots ...*shot) {
	if r.Verdict != run.Fail {
		return
	}
	for _, s := range shots {
		if s == nil || s.x == nil || s.x.Err != nil {
			continue
		}
		for _, c := range s.lacks {
			if slices.ContainsFunc(s.x.Sent, func(f wire.Field) bool {
				return strings.EqualFold(f.Name, "Cookie") && strings.Contains("; "+f.Value, "; "+c.Name+"=")
			}) {
				continue
			}
			// A status that asks who is there is explained by the cookie; any other is only perhaps.
			text := fmt.Sprintf("%s: the cookie %s was not sent: %s", s.out.to.Side, c.Name, c.Why)
			if status := s.x.Status; status == 401 || status == 403 || status >= 300 && status <= 399 {
				r.Reasons = append(r.Reasons, text)
				continue
			}
			r.Notes = append(r.Notes, text)
		}
	}
}

// retriedNote notes resends and failed polls. It reports whether they make the step flaky: one
// that failed anyway is no more than failed.
func (w *walk) retriedNote(r *run.StepResult, shots ...*shot) bool {
	flaky := false
	for _, s := range shots {
		if s != nil && s.retried > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s answered after %s", s.out.to.Side, text.Count(s.retried, "resend")))
			flaky = true
		}
		if s != nil && s.ill > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s failed %s while it was polled", s.out.to.Side, text.Count(s.ill, "time")))
			flaky = true
		}
	}
	return flaky && r.Verdict <= run.Pass
}
