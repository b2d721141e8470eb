package machine

import (
	"fmt"
	"slices"
	"time"
)

// passed takes a tick.
func (t *turn) passed() {
	if t.at < t.tick {
		return // of an earlier wish
	}
	switch t.phase {
	case Opening, Trying, Comparing, Writing, TakingEffect, AskingBlue:
		if t.wait != 0 && t.at < t.until { // Rule 10 has moved the end of the wait
			t.tickAt(t.until)
			return
		}
	}
	switch t.phase {
	case Opening:
		switch {
		case t.wait == 0:
			t.ask(DoRead)
			t.tickAt(t.until)
		case t.at >= t.until:
			t.wait = 0
			t.opened(Event{Failed: "no answer within " + t.plan.WriteTimeout.String()})
		}
	case Trying:
		switch {
		case t.at >= t.until:
			t.goBack("the present weights, written as a trial, could not be read back: " + orText(t.reason, "no answer"))
		case t.wait == 0:
			t.ask(DoRead)
			t.tickAt(t.until)
		}
	case Comparing:
		t.again(DoRead, "the weights could not be read before the write: ")
	case Writing:
		t.rewrite()
	case TakingEffect:
		t.fail("the weights did not take effect within " + t.plan.EffectTimeout.String())
	case Settling, Holding, Running, Gating, Confirming:
		t.watch()
	case AskingBlue:
		// Nobody says how blue is: green failed, and that is what is known.
		t.fail(t.failing)
	case Paused:
		t.pauseTick()
	case RollingBack:
		t.retryBack()
	}
}

// again repeats a read of a phase until its time is over.
func (t *turn) again(kind ActionKind, what string) {
	if t.at >= t.until {
		t.fail(what + orText(t.reason, "no answer"))
		return
	}
	if t.wait == 0 {
		t.ask(kind)
		t.tickAt(t.until)
	}
}

// rewrite repeats a write forward that was not seen to be done.
func (t *turn) rewrite() {
	switch {
	case t.at >= t.until:
		t.fail("the weights could not be written: " + orText(t.reason, "no answer"))
	case t.wait == 0 && t.inFlight():
		t.tickAt(t.until)
	case t.wait == 0:
		t.late = true // the one before was not seen: the mechanism may do it in its own time
		t.send(t.sent, t.known, true)
		t.tickAt(t.until)
	}
}

// budget takes a spent budget of the probe; a doubt says that blue fails in the same way, which pauses.
func (t *turn) budget(e Event) {
	switch {
	case t.phase == RollingBack || t.phase == AskingBlue || t.phase == Opening || t.phase == Trying || !t.touched:
	case t.phase == Paused && (t.plan.PauseOnFail || e.Verdict == Doubt): // it waits for a person already
	case t.phase == Paused && t.at < t.askAfter: // a probe reports more often than blue must be asked
	case e.Verdict == Doubt && t.phase != Writing && t.phase != Comparing:
		t.pause(e.Why, Settling)
	case e.Verdict == Doubt: // in the middle of a write: the next report finds it again
	default:
		t.suspect(e.Why)
	}
}

// suspect asks blue before a failure of green counts. Rule 7.
func (t *turn) suspect(why string) {
	t.do(Action{Kind: DoCancel})
	if t.phase == Writing { // what was sent is not known to be set
		t.fail(why)
		return
	}
	t.enter(AskingBlue)
	t.failing = why
	t.ask(DoAskBlue)
	t.await(askBlue)
}

// askBlue bounds the question to blue: nothing keeps a rollback waiting for long. askBlueAgain is the
// time between two of them while both sides fail.
const (
	askBlue      = 5 * time.Second
	askBlueAgain = 10 * time.Second
)

func (t *turn) askedBlue(e Event) {
	if e.Verdict == Fail {
		t.askAfter = t.at + askBlueAgain
		t.pause(fmt.Sprintf("%s; blue fails as well: %s", t.failing, e.Why), Settling)
		return
	}
	t.fail(t.failing)
}

// fail ends the way forward: it rolls back, or pauses where the plan says so.
func (t *turn) fail(why string) {
	switch {
	case !t.touched:
		t.end(Untouched, why)
	case t.plan.PauseOnFail:
		t.pause(why, Comparing)
	default:
		t.goBack(why)
	}
}

// interrupt takes a signal, a wish to roll back, or a record that cannot be written. Rule 4.
func (t *turn) interrupt(e Event) {
	if e.Kind == Signal && e.Signal != 0 && t.signal == 0 {
		t.signal = e.Signal
	}
	switch {
	case t.phase == RollingBack:
	case !t.touched || !t.hasRecorded:
		t.do(Action{Kind: DoCancel})
		t.end(Untouched, e.Why)
	case e.Kind == Signal && e.Signal != 0 && t.plan.StayOnSignal && t.phase == Writing:
		t.leaving = e.Why // half of a write must not be what stays
	case e.Kind == Signal && e.Signal != 0 && t.plan.StayOnSignal && t.phase != Trying:
		t.do(Action{Kind: DoCancel})
		t.end(Held, e.Why)
	default:
		t.goBack(e.Why)
	}
}

// goBack begins the rollback: its first write leaves in this very turn. Rule 4.
func (t *turn) goBack(why string) {
	t.do(Action{Kind: DoCancel})
	from := t.known
	if t.phase == Writing {
		from = t.sent
	}
	// What was written and not seen yet may land after the rollback's own write, whatever was answered.
	abandoned := t.inFlight() || t.late || t.phase == Writing || t.phase == Trying
	t.enter(RollingBack)
	t.reason, t.needed = why, confirms
	if abandoned {
		t.needed = confirmsAbandoned
	}
	if t.drift {
		from = t.drifted
	}
	t.send(t.recorded, from, t.drift)
	t.do(Action{Kind: DoNote, Step: t.step, Weights: t.recorded, Why: "rolling back: " + why})
	t.until = t.at + t.plan.RollbackTimeout
	t.tickAt(min(t.until, t.at+attempt))
}

// attempt is how long one write or read of a rollback is waited for before the next one
// is sent. confirmAfter is the time between the reads of Rule 5, of which it takes
// confirms, and more where a write forward was cut short: it may land late. effectAgain is how long the question
// whether the weights are in effect is waited for.
const (
	attempt           = 10 * time.Second
	confirmAfter      = time.Second
	confirms          = 2
	confirmsAbandoned = 5
	effectAgain       = time.Minute
)

// returned takes an answer of a rollback.
func (t *turn) returned(e Event) {
	switch {
	case e.Kind == Wrote:
		// Read back whatever the answer says.
		t.ask(DoRead)
		t.tickAt(min(t.until, t.at+attempt))
	case e.Kind == InEffect && e.Failed == "":
		if e.TTL > 0 {
			t.note(fmt.Sprintf("the recorded weights are in effect; clients may keep what they knew for %s", e.TTL))
		}
		if t.changed != "" { // the weights are back, and may not mean what they did
			t.note("the recorded weights hold, but " + t.strange())
		}
		t.end(RolledBack, t.reason)
	case e.Kind == InEffect:
		t.backLater()
	case e.Failed != "":
		t.same = 0
		t.backLater()
	case e.Weights == t.recorded && t.inFlight(): // a write may still land
		t.same = 0
		t.tickAt(min(t.until, t.at+confirmAfter))
	case e.Weights == t.recorded:
		if t.same++; t.same >= t.needed {
			t.known = e.Weights
			t.askEffect()
			return
		}
		t.tickAt(min(t.until, t.at+confirmAfter))
	case t.drift && e.Weights != t.drifted && !t.ours(e.Weights): // Rule 6
		t.end(NotHeld, fmt.Sprintf("%s; somebody else changed the weights again, to %s", t.reason, e.Weights))
	default:
		t.drifted = e.Weights // also half of our own write
		t.same = 0
		t.backLater()
	}
}

// askEffect waits for the mechanism to report a rollback as in effect. A question that gets no answer is asked
// again, and nothing is written for it: that would begin the change anew.
func (t *turn) askEffect() {
	t.ask(DoAwait)
	t.tickAt(min(t.until, t.at+effectAgain))
}

// ours reports whether writes of this walk can have left weights behind, half applied
// ones among them.
func (t *turn) ours(w Weights) bool {
	written := []Weights{t.recorded, t.known, t.plan.Steps[t.step].Target}
	if t.drift {
		written = append(written, t.drifted)
	}
	return slices.ContainsFunc(written, func(o Weights) bool { return o.Blue == w.Blue }) &&
		slices.ContainsFunc(written, func(o Weights) bool { return o.Green == w.Green })
}

// backLater waits before the next try of a rollback.
func (t *turn) backLater() {
	t.tries++
	t.tickAt(min(t.until, t.at+backoff(t.tries)))
}

// retryBack is a tick of a rollback: a second look, the next try, or the end of its time.
func (t *turn) retryBack() {
	switch {
	case t.at >= t.until && t.same >= t.needed:
		t.end(NotHeld, t.reason+"; the recorded weights were read back, and the mechanism does not say that they are in effect")
	case t.at >= t.until:
		t.end(NotHeld, t.reason)
	case t.wait != 0 && t.same >= t.needed:
		t.askEffect()
	case t.wait == 0 && (t.same > 0 || t.tries == 0):
		t.ask(DoRead)
		t.tickAt(min(t.until, t.at+attempt))
	default:
		t.same = 0
		t.tries = max(t.tries, 1)
		from := t.known
		if t.drift {
			from = t.drifted
		}
		t.send(t.recorded, from, t.drift)
		t.tickAt(min(t.until, t.at+attempt))
	}
}

// end ends the walk.
func (t *turn) end(o Outcome, why string) {
	t.do(Action{Kind: DoCancel})
	t.enter(Ended)
	t.outcome, t.reason = o, why
	t.do(Action{Kind: DoEnd, Outcome: o, Why: why, Signal: t.signal, Weights: t.known, Step: t.step})
}
