package machine

import (
	"fmt"
	"time"
)

// asleep is by how much a tick may be late on a busy machine. A later one means that this process
// was stopped: that time counts for nothing, as nobody watched, and nobody tried.
const asleep = 10 * time.Second

// overslept moves the ends of all waits by the time in which this process did not run. Each then
// has a moment left: what is awaited may have come meanwhile, and is handed over after this event.
func (t *turn) overslept() {
	gap := t.at - t.tick
	if t.tick == 0 || gap <= asleep || t.phase == Ended {
		return
	}
	t.tick, t.began = t.at, t.began+gap
	if t.until > 0 {
		t.until = max(t.until+gap, t.at+asleep)
	}
	if t.pausedUntil > 0 {
		t.pausedUntil += gap
	}
	t.note("this process was stopped for " + gap.Round(time.Second).String() + ": that time does not count")
}

// note records a remark, and shows it.
func (t *turn) note(why string) {
	t.do(Action{Kind: DoNote, Step: t.step, Weights: t.known, Why: why})
}

// nextLook asks for the tick at which the weights are read next, or the phase ends.
func (t *turn) nextLook() {
	next := t.at + t.plan.ReadEvery
	if t.phase == Settling || t.until > t.at {
		next = min(next, max(t.until, t.at))
	}
	t.tickAt(next)
}

// boundCheck bounds a check that the weights are watched next to.
func (t *turn) boundCheck() {
	if t.plan.CheckTimeout > 0 {
		t.until = t.at + t.plan.CheckTimeout
	}
	t.nextLook()
}

// watch is a tick of a phase in which the weights must not change.
func (t *turn) watch() {
	switch {
	case t.phase == Settling && t.at >= t.until:
		t.enter(Holding)
		t.enough, t.short = false, ""
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
			after := (t.at - t.began).Round(time.Second).String()
			t.pause(orText(t.short, "the probe has too few answers of green after "+after), Settling)
			return
		}
	case t.phase == Gating && t.at >= t.until:
		t.pause("the gate: no answer within "+t.plan.EffectTimeout.String(), Gating)
		return
	case t.phase == Confirming && t.until > 0 && t.at >= t.until:
		t.pause("the confirmation: no answer within "+t.plan.CheckTimeout.String(), Confirming)
		return
	case t.phase == Running && t.until > 0 && t.at >= t.until:
		t.suspect("the run: no answer within " + t.plan.CheckTimeout.String())
		return
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
	case Settling, Holding, Running, Gating, Confirming, Paused:
	default:
		return
	}
	if blind := e.Failed != ""; blind != t.blind {
		if t.blind = blind; blind {
			t.note("the weights cannot be read: " + e.Failed)
		} else {
			t.note("the weights can be read again")
		}
	}
	if t.phase == Paused {
		if e.Failed == "" { // weights that came back to those of the walk are not drift any more
			t.drift, t.drifted = e.Weights != t.known, e.Weights
		}
		return
	}
	switch {
	case e.Failed != "":
	case e.Weights == t.known && t.changed == "":
		t.odd = 0
	case t.odd > 0 && e.Weights == t.known:
		t.pause(t.strange(), t.afterPause())
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
	switch {
	case !t.touched:
		t.end(Untouched, why)
		return
	case t.leaving != "":
		t.end(Held, t.leaving+"; "+why)
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
	t.note("paused: " + why)
	t.nextLook()
}

// rival takes a report that another walk has the lease, or that this one has it again. It is repeated, so that one
// in the middle of a write can be passed over.
func (t *turn) rival(e Event) {
	if t.lost = e.Why; t.lost == "" {
		return
	}
	switch t.phase {
	case Opening, Trying, Writing, Paused, RollingBack:
	case Comparing, Gating, Confirming:
		t.pause(e.Why, Comparing)
	default:
		t.pause(e.Why, Settling)
	}
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
	case t.lost != "":
		t.note("not resumed: " + t.lost)
	case e.Failed != "":
		t.note("not resumed: the weights cannot be read: " + e.Failed)
	case e.Weights != t.known:
		t.drift, t.drifted = true, e.Weights
		t.do(Action{Kind: DoNote, Step: t.step, Weights: e.Weights, Why: fmt.Sprintf("not resumed: the weights are %s; set them to %s first, or roll back", e.Weights, t.known)})
	case t.changed != "":
		t.note("not resumed: " + t.strange() + "; set it back first, or roll back")
	default:
		t.drift = false
		t.goOn()
	}
	t.resuming = false
}

// goOn continues where the pause began.
func (t *turn) goOn() {
	t.note("resumed")
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
