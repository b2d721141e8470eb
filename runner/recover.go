package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// recoverCase takes back what a case created in an execution that was killed,
// before the case is walked again.
//
//  1. The lanes are brought to where they were: the archived answers of its pairs
//     are captured from, in the order in which they came.
//     Generated values and times are those of the case that was stopped, so that a
//     request which repeats them meets what that case created.
//  2. What was created and not taken back is taken back one side at a time. Nothing
//     is compared, and nothing of it weighs on the verdict.
//  3. A request that needs a value which the archive hid is not sent. It is listed
//     as left behind, like one whose answer never came.
func (s *suiteRun) recoverCase(ctx context.Context, j job) {
	left := s.run.plan.Unfinished[j.result().ID]
	if left == nil || s.run.replay != nil {
		return
	}
	w := j.walk(s.run.now())
	id := w.id
	w.id += run.RecoveredSuffix
	w.declare()
	if v, _ := s.enterSession(ctx, w); v != 0 {
		for _, kind := range s.kinds() {
			w.lanes[kind] = newLane(kind)
		}
	}
	w.recover(ctx, left, id, j.test.Steps, j.test.Cleanup)
}

// recoverSetup takes back what setups of a killed execution created.
func (s *suiteRun) recoverSetup(ctx context.Context) {
	var ids []string
	for id := range s.run.plan.Unfinished {
		if rest, ok := strings.CutPrefix(id, s.suite.Name+"/(setup)"); ok && (rest == "" || rest[0] == '~') {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		w := newWalk(s, id+run.RecoveredSuffix, s.run.now())
		w.result.At, w.result.Index = s.suite.Pos.String(), s.cases.first
		w.born = setupNumber(id)
		for _, kind := range s.kinds() {
			w.lanes[kind] = newLane(kind)
		}
		left := *s.run.plan.Unfinished[id]
		if back := s.run.plan.Unfinished[teardownOf(id)]; back != nil { // it was stopped in its teardown
			left.Keys = slices.Concat(left.Keys, back.Keys)
		}
		w.recover(ctx, &left, id, s.suite.Setup, s.suite.Teardown)
	}
}

// teardownOf is the id of the teardown that belongs to a setup's.
func teardownOf(setup string) string { return strings.Replace(setup, "/(setup)", "/(teardown)", 1) }

// recover is recoverCase for the steps of a case, or of setup and teardown.
func (w *walk) recover(ctx context.Context, left *run.Unfinished, id string, forward, back []*scenarios.Step) {
	prefix := w.backPrefix()
	w.result.Kind, w.result.ID, w.result.Name = "recovery", w.id, w.id
	began := w.started
	if w.drawn = id; !left.Began.IsZero() {
		w.started = left.Began
	}
	w.relive(left, id, forward, back)
	// A request that had left and was not answered may have been carried out.
	for _, in := range left.Unanswered {
		if step := stepNamed(in.Step, forward, ""); step != nil && step.SideEffects == scenarios.Compensated && len(step.Compensates) == 0 {
			side := scenarios.Blue
			if in.Side == scenarios.Green.String() {
				side = scenarios.Green
			}
			l := w.lanes[straightLane(side)]
			l.effects = append(l.effects, &effect{
				step: step, name: in.Step, side: side, unsure: true,
				why: "the run was killed before its answer came",
			})
		}
	}
	w.end("an earlier execution was stopped before its end")
	for _, step := range slices.Concat(forward, back) {
		name := step.Name
		if slices.Contains(back, step) {
			name = prefix + name
		}
		for _, side := range w.owes(step) {
			w.takeBack(ctx, step, name+" on "+side.String(), []scenarios.Side{side})
		}
	}
	// Crossing lanes, and what the steps could not name: as at the end of every walk.
	all := slices.Concat(forward, back)
	w.takeBackRest(ctx, all)
	w.result.Created = w.created(all)
	if len(w.result.Steps) == 0 && (w.result.Created == nil || w.result.Created.Open() == 0) {
		return
	}
	for i := range w.result.Steps { // Rule 2
		s := &w.result.Steps[i]
		s.Verdict, s.Expectations, s.Differences, s.DifferencesTotal = run.Skip, nil, nil, 0
	}
	// The result has the time of this execution, although values were generated for that of the first.
	w.started = began
	r := w.finish()
	r.Verdict, r.Flaky, r.NotSent, r.Coverage = run.Skip, false, nil, run.Coverage{}
	w.suite.run.record(w.suite, r)
}

// relive is rule 1 of recoverCase.
func (w *walk) relive(left *run.Unfinished, id string, forward, back []*scenarios.Step) {
	if w.suite.run.plan.Earlier == nil {
		return
	}
	// Requests of each crossing lane so far: they say which side the next one asked.
	crossed := map[LaneKind]int{}
	for _, key := range left.Keys {
		rest := strings.TrimPrefix(key, id+"/")
		name, kind := stepOfKey(strings.TrimPrefix(rest, teardownOf(id)+"/"))
		step := stepNamed(name, forward, "")
		if step == nil {
			step = stepNamed(name, back, w.backPrefix())
		}
		pair, err := w.suite.run.plan.Earlier(key)
		if step == nil || err != nil || pair == nil {
			continue
		}
		if kind != 0 {
			side := kind.SideOf(w.offset[kind] + crossed[kind])
			crossed[kind]++
			w.reliveOne(kind, side, step, name, pair)
			continue
		}
		w.reliveOne(LaneBlue, scenarios.Blue, step, name, pair)
		w.reliveOne(LaneGreen, scenarios.Green, step, name, pair)
	}
}

// reliveOne brings a lane to where an archived answer left it.
func (w *walk) reliveOne(kind LaneKind, side scenarios.Side, step *scenarios.Step, name string, pair *run.Pair) {
	x, l := pick(side, pair.Blue, pair.Green), w.lanes[kind]
	to := pick(side, w.suite.blue, w.suite.green).Find(step.Service)
	if x == nil || l == nil || to == nil {
		return
	}
	s := &shot{out: &outgoing{to: to}, x: x, answer: judge.NewAnswer(x)}
	s.answer.Hidden = pair.Hidden
	if x.Err == nil {
		l.jar.Set(to.Logical(x.URL), x)
	}
	l.noteEffects(step, w.scope(l, side, step, name, time.Time{}), x, false)
	w.captureAll(step, l, s)
	l.hidden = append(l.hidden, pair.Hidden...)
}

// stepOfKey takes a pair's key, without its case, apart; kind is 0 for blue and
// green next to each other.
func stepOfKey(rest string) (step string, kind LaneKind) {
	for _, k := range []LaneKind{LaneCrossBlue, LaneCrossGreen} {
		if name, ok := strings.CutSuffix(rest, "/"+k.String()); ok {
			return name, k
		}
	}
	return rest, 0
}

// stepNamed finds a step by the name that its pairs have, whatever the round.
func stepNamed(name string, list []*scenarios.Step, prefix string) *scenarios.Step {
	for step, named := range rounds(list, prefix) {
		if named == name {
			return step
		}
	}
	return nil
}

// needsHidden says why a request cannot be sent: it holds a text that stands for a
// value which the archive did not keep.
func needsHidden(hidden judge.HiddenValues, request *wire.Request) error {
	if len(hidden) == 0 {
		return nil
	}
	texts := []string{request.URL, string(request.Body)}
	for _, h := range request.Headers {
		texts = append(texts, h.Value)
	}
	if slices.ContainsFunc(texts, hidden.In) {
		return fmt.Errorf("the request needs a value that the archive hid")
	}
	return nil
}

// created sums the effects of a walk's lanes up; nil when there were none.
// undoing are the steps that take something back.
func (w *walk) created(undoing []*scenarios.Step) *run.Created {
	out := &run.Created{}
	for _, kind := range []LaneKind{LaneBlue, LaneGreen, LaneCrossBlue, LaneCrossGreen} {
		l := w.lanes[kind]
		if l == nil {
			continue
		}
		for _, e := range l.effects {
			out.Made.Count(e.side)
			if e.undone {
				out.TakenBack.Count(e.side)
				continue
			}
			if len(out.Left) < run.MaxLeft {
				out.Left = append(out.Left, w.leftover(e, l, undoing))
			}
		}
	}
	if out.Made == (run.PerSide{}) {
		return nil
	}
	return out
}

// leftover describes an effect that was not taken back.
func (w *walk) leftover(e *effect, l *lane, undoing []*scenarios.Step) run.Leftover {
	out := run.Leftover{Case: w.id, Step: e.name, Side: e.side.String(), Unsure: e.unsure, Why: e.why}
	// What a reader can send by hand to take it back.
	i := slices.IndexFunc(undoing, func(s *scenarios.Step) bool { return slices.Contains(s.Compensates, e.step) })
	if i < 0 {
		if out.Why == "" {
			out.Why = "no step of the case takes it back"
		}
		return out
	}
	step := undoing[i]
	if out.Why == "" {
		out.Why = fmt.Sprintf("step %q was not sent", step.Name)
	}
	sc := w.scope(l, e.side, step, step.Name, w.suite.run.now())
	sc.loose, sc.truthful, sc.values = w.suite.captureNames(), true, e.values
	if request, err := w.compose(context.Background(), step, sc); err == nil {
		out.Undo = request.request.Method + " " + unescapeLoose(request.request.URL, sc.loose)
	} else if step.Request.URL != nil {
		out.Undo = step.Request.Method + " " + step.Request.URL.Text
	}
	return out
}
