package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// takeBackGrace is how long a run that was stopped goes on taking back what its
// cases created: a second signal ends it at once.
const takeBackGrace = 15 * time.Second

// An effect is something that a compensated step left on a side, or may have left.
type effect struct {
	// step created it.
	step *scenarios.Step
	// name is that of the step, with its round.
	name string
	// side is where it was created: a crossing lane creates on both.
	side scenarios.Side
	// values are what the step captured from the answer: they tell what it created
	// from what other steps and rounds did.
	values map[string]scenarios.Value
	// unsure: there was no answer, or a 5xx. The step may have been carried out.
	unsure bool
	// undone: a compensating step was answered as having taken it back.
	undone bool
	// asked: a compensating request that means this effect has been answered.
	asked bool
	// owed: it was open when its walk ended.
	owed bool
	// why it could not be taken back so far
	why string
}

// meantBy reports whether a compensating request is about this effect: of the
// values that its step captured, those which the request uses are still the lane's.
func (e *effect) meantBy(step *scenarios.Step, sc *scope) bool {
	for _, c := range e.step.Captures {
		if !step.Uses(c.Name) {
			continue
		}
		own, known := e.values[c.Name]
		if now, ok := sc.sources().Captures[c.Name]; !known || !ok || now.JSON != own.JSON {
			return false
		}
	}
	return true
}

// keepValue gives the last effect of a step the value that its answer was captured
// for; the true one where a proxy changed the answer.
func (l *lane) keepValue(step *scenarios.Step, name string) {
	for _, e := range slices.Backward(l.effects) {
		if e.step != step {
			continue
		}
		v, ok := l.truth[name]
		if !ok {
			v, ok = l.captures[name]
		}
		if ok {
			if e.values == nil {
				e.values = map[string]scenarios.Value{}
			}
			e.values[name] = v
		}
		return
	}
}

// noteEffects books what a request of a step created on its lane, or took back.
//
//  1. A compensated step that was accepted (below 400) left something. One that was
//     refused (4xx), or that never left this machine, did not. Without an answer,
//     and after a 5xx, it is not known: it counts as left.
//  2. A compensating step takes back what the steps it names left, where its request
//     has the values that were captured then and is answered 2xx. A redirect takes nothing
//     back, and neither does a 404: what was just created should be found. It only
//     settles what may never have been created. On the other side, which a crossing
//     lane may ask, 2xx counts too: the two sides share their data then.
//  3. A request that was made with what a broken answer gave takes nothing back: it
//     may have asked for something else.
func (l *lane) noteEffects(step *scenarios.Step, sc *scope, x *wire.Exchange, misled bool) {
	if step.SideEffects == scenarios.Compensated && len(step.Compensates) == 0 { // Rule 1
		if left, unsure := mayHaveCreated(x); left {
			l.effects = append(l.effects, &effect{step: step, name: sc.step, side: sc.side, unsure: unsure})
		}
	}
	// The values tell which of several effects of one step a request is about, see meantBy.
	for _, e := range l.effects { // Rule 2
		if misled { // Rule 3
			break
		}
		if e.undone || !slices.Contains(step.Compensates, e.step) || !e.meantBy(step, sc) {
			continue
		}
		// Only a clear yes takes something back: redirects are not followed.
		accepted := x.Err == nil && x.Status < 300
		// Under selftest another case may have been given the true answer: see World.Tampered.
		never := x.Err == nil && (x.Status == 404 || x.Status == 410) && (e.unsure || sc.walk.suite.run.plan.World.Tampered != nil)
		e.asked = e.asked || e.side == sc.side
		switch {
		case accepted, never && e.side == sc.side:
			e.undone = true
		case e.side == sc.side && x.Err != nil:
			e.why = fmt.Sprintf("%s: %s", x.Err.Class, x.Err.Detail)
		case e.side == sc.side:
			e.why = fmt.Sprintf("step %q was answered %d", sc.step, x.Status)
		}
	}
}

// mayHaveCreated is rule 1 of noteEffects.
func mayHaveCreated(x *wire.Exchange) (left, unsure bool) {
	if x.Err == nil {
		return x.Status < 400 || x.Status >= 500, x.Status >= 500
	}
	switch x.Err.Class {
	case wire.ClassDNS, wire.ClassRefused, wire.ClassConnect, wire.ClassTLS, wire.ClassDescriptors, wire.ClassRequest:
		return false, false
	case wire.ClassCanceled:
		return x.Attempts > 0, true
	default:
		return true, true
	}
}

// openOn are the effects of a lane that a step takes back and nothing has yet, those on blue
// first.
func (l *lane) openOn(step *scenarios.Step) []*effect {
	out := slices.DeleteFunc(slices.Clone(l.effects), func(e *effect) bool { return e.undone || !slices.Contains(step.Compensates, e.step) })
	slices.SortStableFunc(out, func(a, b *effect) int { return cmp.Compare(a.side, b.side) })
	return out
}

// end stops a walk: the steps that follow are not sent, apart from those that take
// back what is open now.
func (w *walk) end(because string) {
	w.ended = because
	for _, l := range w.lanes {
		for _, e := range l.effects {
			e.owed = e.owed || !e.undone
		}
	}
}

// owes are the sides on which a step of a walk that has ended is sent all the
// same: those that got what it takes back.
func (w *walk) owes(step *scenarios.Step) []scenarios.Side {
	return w.sidesWith(step, func(e *effect) bool { return e.owed })
}

// gotOne are the sides on which a compensating step has something to take back.
func (w *walk) gotOne(step *scenarios.Step) []scenarios.Side {
	return w.sidesWith(step, func(*effect) bool { return true })
}

// sidesWith are the sides that a step is sent to and whose straight lane has an effect of the
// given kind that the step takes back.
func (w *walk) sidesWith(step *scenarios.Step, fits func(*effect) bool) []scenarios.Side {
	var out []scenarios.Side
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		l := w.lanes[straightLane(side)]
		if l != nil && step.SentTo(side) && slices.ContainsFunc(l.effects,
			func(e *effect) bool { return fits(e) && slices.Contains(step.Compensates, e.step) }) {
			out = append(out, side)
		}
	}
	return out
}

// takeBack sends a compensating step to the sides that need it, after its walk
// has ended or was stopped.
func (w *walk) takeBack(ctx context.Context, step *scenarios.Step, name string, sides []scenarios.Side) {
	if len(sides) == 1 {
		step = forSide(step, sides[0])
	}
	r := w.step(w.suite.run.late(ctx), step, name)
	if r.Verdict == run.Broken && r.Blue == nil && r.Green == nil {
		for _, side := range sides {
			for _, e := range w.lanes[straightLane(side)].openOn(step) {
				e.why = firstReason(r)
			}
		}
		r.Verdict, r.NotSent = run.Skip, true
	}
	w.result.Steps = append(w.result.Steps, *r)
}

// forSide is a step for one side alone: there is nothing to compare it with.
func forSide(step *scenarios.Step, side scenarios.Side) *scenarios.Step {
	one := *step
	one.Sides, one.Compare = []scenarios.Side{side}, false
	return &one
}

// late is the context of what is sent after a run was stopped.
func (e *execution) late(ctx context.Context) context.Context {
	if ctx.Err() != nil && e.lasting != nil {
		return e.lasting
	}
	return ctx
}

// lasting is a context that outlives its parent by a grace: requests that must not
// be cut in their middle come to their end.
func lasting(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// walkBack walks the steps of cleanup or teardown.
//
//  1. After a walk that came to its end they go to both sides and are compared. A
//     step that takes back what only one side got goes to that side.
//  2. After one that ended early, a step that takes something back goes to the
//     sides that got it, and the others as in rule 1. What cannot be made because a
//     step before it did not happen is excused.
//  3. After a stop only what was created is taken back, within takeBackGrace.
//  4. What a crossing lane created on a side and its own steps did not take back
//     there is taken back on that side.
//  5. What the steps could not name, because a later round or step captured another
//     value, or a broken answer hid it, is taken back with the values it was created with.
//  6. Green must take back what blue takes back.
func (w *walk) walkBack(ctx context.Context, forward, back []*scenarios.Step) {
	prefix := w.backPrefix()
	// How the walk ended decides what is walked back, so it is set aside first.
	ended, begin := w.ended, len(w.result.Steps)
	switch {
	case ctx.Err() != nil: // Rule 3
		w.end("the run was stopped")
		w.stopped()
		w.straight(ctx, back, prefix)
	case w.guarded != "":
		w.end(w.guarded)
		w.straight(ctx, back, prefix)
	default: // Rules 1 and 2
		w.ended = ""
		w.backwards(ctx, back, prefix, ended != "")
		if ended == "" {
			w.cross(ctx, back, prefix)
		}
	}
	w.takeBackRest(ctx, slices.Concat(forward, back)) // Rules 4 and 5
	w.holdTakenBack()                                 // Rule 6
	switch {
	case ended != "" && w.test == nil:
		w.excuse(ended)
	case ended != "", w.lostACrossing(begin):
		w.excuse("an earlier step did not happen")
	}
	if ended != "" {
		w.ended = ended
	}
}

// backPrefix tells the steps of a case's cleanup from others of their names; a teardown has none.
func (w *walk) backPrefix() string {
	if w.test == nil {
		return ""
	}
	return "cleanup: "
}

// backwards is rules 1 and 2 of walkBack on the straight lanes.
func (w *walk) backwards(ctx context.Context, back []*scenarios.Step, prefix string, early bool) {
	for _, step := range back {
		sides := w.gotOne(step)
		switch {
		case len(step.Compensates) == 0, len(sides) == 2, len(sides) == 0 && !early:
			w.straight(ctx, []*scenarios.Step{step}, prefix)
		case len(sides) == 1:
			w.straight(ctx, []*scenarios.Step{forSide(step, sides[0])}, prefix)
		default:
			w.skip(step, prefix+step.Name, "there is nothing to take back")
		}
	}
}

// takeBackRest is rules 4 and 5 of walkBack: what is still open on a lane is taken back one by
// one. On a straight lane that is what no request of its steps was about; what one was about
// and did not take back stays.
func (w *walk) takeBackRest(ctx context.Context, steps []*scenarios.Step) {
	for _, kind := range []LaneKind{LaneCrossBlue, LaneCrossGreen, LaneBlue, LaneGreen} {
		if w.lanes[kind] == nil {
			continue
		}
		for _, step := range steps {
			w.takeBackOpen(ctx, kind, step)
		}
	}
}

// takeBackOpen is takeBackRest for one step of a lane.
func (w *walk) takeBackOpen(ctx context.Context, kind LaneKind, step *scenarios.Step) {
	l := w.lanes[kind]
	for _, e := range l.openOn(step) {
		if kind.crossing() || w.unnamed(l, step, e) {
			w.takeBackOne(w.suite.run.late(ctx), kind, step, e)
		}
	}
}

// unnamed is rule 5 of walkBack for one effect: no request was about it, and the lane no longer
// has the values that tell it from others.
func (w *walk) unnamed(l *lane, step *scenarios.Step, e *effect) bool {
	sc := w.scope(l, e.side, step, step.Name, w.suite.run.now())
	return !e.asked && (w.suite.run.plan.World.Tampered != nil || !e.meantBy(step, sc))
}

// holdTakenBack is rule 6 of walkBack: a green that does not take back what it
// created is a finding, whatever its step expects.
func (w *walk) holdTakenBack() {
	blue, green := w.lanes[LaneBlue], w.lanes[LaneGreen]
	if blue == nil || green == nil {
		return
	}
	for _, e := range green.effects {
		if e.undone || !e.asked {
			continue
		}
		// The same step and round on blue: what blue took back green has to take back too.
		i := slices.IndexFunc(blue.effects, func(b *effect) bool { return b.name == e.name && b.step == e.step })
		if i < 0 || !blue.effects[i].undone {
			continue
		}
		w.result.Steps = append(w.result.Steps, run.StepResult{
			Name: "take back " + e.name, At: e.step.Pos.String(), Verdict: run.Fail,
			Reasons: []string{fmt.Sprintf("green does not take back what step %q created, and blue does: %s", e.name, e.why)},
		})
	}
}

// takeBackOne sends one compensating step of a lane to the side that an effect is on, with the
// values that it was created with, unless it was taken back meanwhile. It is not compared: the
// straight lanes have judged the step.
func (w *walk) takeBackOne(ctx context.Context, kind LaneKind, step *scenarios.Step, e *effect) {
	if e.undone {
		return
	}
	l, side := w.lanes[kind], e.side
	name := "take back " + e.name + " on " + side.String() + ": " + step.Name
	key := run.PairKey(w.id, name, kind.String())
	r := run.StepResult{Name: name, Lane: kind.String(), At: step.Pos.String(), Exchange: key, Verdict: run.Pass}
	sc := w.scope(l, side, step, name, w.suite.run.now())
	sc.truthful, sc.values = true, e.values
	s := w.shoot(ctx, step, sc, key)
	switch {
	case s.err != nil:
		r.Verdict, r.Reasons, r.Exchange, r.NotSent = run.Skip, []string{s.err.Error()}, "", true
		e.why = s.err.Error()
	case !e.undone:
		r.Verdict, r.Reasons = run.Skip, []string{e.why}
	}
	if s.err == nil {
		pair := &run.Pair{Key: key}
		if side == scenarios.Blue {
			pair.Blue, r.Blue = s.x, judge.SideResult(s.x)
		} else {
			pair.Green, r.Green = s.x, judge.SideResult(s.x)
		}
		if w.loaded == nil && !w.unlogged {
			w.suite.run.emit(run.Event{Pair: pair})
		}
	}
	w.result.Steps = append(w.result.Steps, r)
}
