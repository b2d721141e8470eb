package machine

import (
	"fmt"
	"time"
)

// passed takes a tick.
func (t *turn) passed() {
	if t.at < t.tick {
		return // of an earlier wish
	}
	switch t.phase {
	case Opening:
		if t.wait != 0 && t.at >= t.until {
			t.wait = 0
			t.opened(Event{Failed: "no answer within " + t.plan.WriteTimeout.String()})
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
		t.send(t.sent, t.known, true)
		t.tickAt(t.until)
	}
}

// nextLook asks for the tick at which the weights are read next, or the phase ends.
func (t *turn) nextLook() {
	next := t.at + t.plan.ReadEvery
	if t.phase == Settling || t.until > t.at {
		next = min(next, max(t.until, t.at))
	}
	t.tickAt(next)
}

// watch is a tick of a phase in which the weights must not change.
func (t *turn) watch() {
	switch {
	case t.phase == Settling && t.at >= t.until:
		t.enter(Holding)
		t.enough = false
		t.until = t.at + t.plan.Hold
		if t.plan.Probe {
			t.do(Action{Kind: DoProbe, Step: t.step})
		}
		if t.held(); t.phase != Holding {
			return
		}
	case t.phase == Holding:
		if t.held(); t.phase != Holding {
			return
		}
		if t.at >= t.began+max(t.plan.MaxHold, t.plan.Hold) {
			t.pause("the probe has too few answers of green after "+(t.at-t.began).Round(time.Second).String(), Settling)
			return
		}
	}
	if t.look == 0 {
		t.askLook()
	}
	t.nextLook()
}

// askLook reads the weights next to what is awaited.
func (t *turn) askLook() {
	t.next++
	t.look = t.next
	t.do(Action{Kind: DoRead, ID: t.next, Step: t.step})
}

// looked takes the weights of a watching read. One odd read is looked at again, as
// mechanisms of several servers answer from different ones.
func (t *turn) looked(e Event) {
	switch t.phase {
	case Settling, Holding, Running, Gating, Confirming:
	case Paused:
		if e.Failed == "" && e.Weights != t.known {
			t.drift, t.drifted = true, e.Weights
		}
		return
	default:
		return
	}
	switch {
	case e.Failed != "":
	case e.Weights == t.known:
		t.odd = 0
	case t.odd > 0 && !t.touched:
		t.end(Untouched, fmt.Sprintf("the weights changed to %s before the walk wrote any", e.Weights))
	case t.odd > 0:
		t.drifts(e.Weights, t.afterPause())
	default:
		t.odd++
		t.askLook()
	}
}

// afterPause is the phase to go on with where the present one is cut short.
func (t *turn) afterPause() Phase {
	if t.phase == Gating || t.phase == Confirming {
		return Comparing
	}
	return Settling
}

// drifts pauses because somebody else wrote. Rules 3 and 6.
func (t *turn) drifts(seen Weights, back Phase) {
	t.drift, t.drifted = true, seen
	t.pause(fmt.Sprintf("somebody else changed the weights: they are %s, the walk had set %s", seen, t.known), back)
}

// pause waits for a person. from is the phase to go on with. A walk that has written
// nothing ends instead: there is nothing to hold.
func (t *turn) pause(why string, from Phase) {
	if !t.touched {
		t.end(Untouched, why)
		return
	}
	t.do(Action{Kind: DoCancel})
	until := t.pausedUntil
	t.enter(Paused)
	if until == 0 {
		until = t.at + t.plan.PauseTimeout
	}
	t.until, t.pausedUntil, t.odd = until, until, 0
	t.reason, t.from = why, from
	t.do(Action{Kind: DoNote, Step: t.step, Weights: t.known, Why: "paused: " + why})
	t.nextLook()
}

// pauseTick reads the weights while the walk is paused, so that a rollback compares with
// what is there, and ends a pause that nobody answered.
func (t *turn) pauseTick() {
	if t.at >= t.until {
		t.end(Held, t.reason)
		return
	}
	if t.look == 0 {
		t.askLook()
	}
	t.nextLook()
}

// resume begins to go on after a pause, with a look at the weights.
func (t *turn) resume() {
	if t.phase == Paused {
		t.resuming = true
		t.ask(DoRead)
	}
}

// comeBack takes the weights that decide whether a paused walk goes on.
func (t *turn) comeBack(e Event) {
	switch {
	case !t.resuming:
	case e.Failed != "":
		t.do(Action{Kind: DoNote, Step: t.step, Weights: t.known, Why: "not resumed: the weights cannot be read: " + e.Failed})
	case e.Weights != t.known:
		t.drift, t.drifted = true, e.Weights
		t.do(Action{Kind: DoNote, Step: t.step, Weights: e.Weights, Why: fmt.Sprintf("not resumed: the weights are %s; set them to %s first, or roll back", e.Weights, t.known)})
	default:
		t.drift = false
		t.goOn()
	}
	t.resuming = false
}

// goOn continues where the pause began.
func (t *turn) goOn() {
	t.do(Action{Kind: DoNote, Step: t.step, Weights: t.known, Why: "resumed"})
	switch {
	case t.finishing:
		t.compare()
	case t.from == Settling:
		t.enter(Settling)
		t.until = t.at + t.plan.Settle
		t.nextLook()
	default:
		t.continues()
	}
}

// budget takes a spent budget of the probe; a doubt says that blue fails in the same way, which pauses.
func (t *turn) budget(e Event) {
	switch {
	case t.phase == RollingBack || t.phase == AskingBlue || t.phase == Opening || !t.touched:
	case t.phase == Paused && (t.plan.PauseOnFail || e.Verdict == Doubt): // it waits for a person already
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

// askBlue bounds the question to blue: nothing keeps a rollback waiting for long.
const askBlue = 5 * time.Second

func (t *turn) askedBlue(e Event) {
	if e.Verdict == Fail {
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
	case e.Kind == Signal && e.Signal != 0 && t.plan.StayOnSignal:
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
	abandoned := t.inFlight() || t.late
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
// confirms, and more where a write forward was cut short: it may land late.
const (
	attempt           = 10 * time.Second
	confirmAfter      = time.Second
	confirms          = 2
	confirmsAbandoned = 5
)

// returned takes an answer of a rollback.
func (t *turn) returned(e Event) {
	switch {
	case e.Kind == Wrote:
		// Read back whatever the answer says.
		t.ask(DoRead)
		t.tickAt(min(t.until, t.at+attempt))
	case e.Failed != "":
		t.same = 0
		t.backLater()
	case e.Weights == t.recorded && t.inFlight(): // a write may still land
		t.same = 0
		t.tickAt(min(t.until, t.at+confirmAfter))
	case e.Weights == t.recorded:
		if t.same++; t.same >= t.needed {
			t.known = e.Weights
			t.end(RolledBack, t.reason)
			return
		}
		t.tickAt(min(t.until, t.at+confirmAfter))
	case t.drift && e.Weights != t.drifted: // Rule 6
		t.end(NotHeld, fmt.Sprintf("%s; somebody else changed the weights again, to %s", t.reason, e.Weights))
	default:
		t.same = 0
		t.backLater()
	}
}

// backLater waits before the next try of a rollback.
func (t *turn) backLater() {
	t.tries++
	t.tickAt(min(t.until, t.at+backoff(t.tries)))
}

// retryBack is a tick of a rollback: a second look, the next try, or the end of its time.
func (t *turn) retryBack() {
	switch {
	case t.at >= t.until:
		t.end(NotHeld, t.reason)
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
