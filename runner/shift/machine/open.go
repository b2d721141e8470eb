package machine

import "fmt"

// opened takes the weights at the start.
func (t *turn) opened(e Event) {
	target := t.plan.Steps[t.step].Target
	switch {
	case t.recovering:
		t.recovered(e)
	case e.Failed != "" && t.touched:
		t.pause("the weights cannot be read: "+e.Failed, Opening)
	case e.Failed != "":
		t.end(Untouched, "the weights cannot be read: "+e.Failed)
	case !t.hasRecorded && !t.plan.Start.Empty() && e.Weights != t.plan.Start:
		t.end(Untouched, fmt.Sprintf("the weights changed from %s to %s while the walk began", t.plan.Start, e.Weights))
	case !t.hasRecorded:
		t.recorded, t.hasRecorded, t.known = e.Weights, true, e.Weights
		t.do(Action{Kind: DoRecord, Weights: e.Weights, Setting: t.setting})
		t.try()
	case e.Weights == t.known && t.changed != "":
		t.pause(t.strange(), Opening)
	case e.Weights == t.known:
		t.continues()
	case e.Weights == target && t.touched: // the earlier process wrote them and was killed
		t.known, t.set = target, true
		t.do(Action{Kind: DoSet, Step: t.step, Weights: t.known})
		if t.changed != "" {
			t.pause(t.strange(), Opening)
			return
		}
		t.continues()
	case e.Weights.Between(t.known, target) && t.touched:
		t.fail(fmt.Sprintf("a write was half applied: %s, wanted %s", e.Weights, target))
	default:
		t.drifts(e.Weights, Opening)
	}
}

// try writes the weights that are there, so that a missing right to write is found before
// anything changes. Until they are read back this counts as a write: a kill may cut it short.
func (t *turn) try() {
	t.enter(Trying)
	t.sent, t.touched = t.recorded, true
	t.send(t.sent, t.known, true)
	t.await(t.plan.WriteTimeout)
}

// tried takes the answer of that write, then what was read back.
func (t *turn) tried(e Event) {
	if e.Kind == Wrote {
		t.reason, t.refused = e.Failed, e.Refused
		t.ask(DoRead)
		return
	}
	switch {
	case e.Failed != "":
		t.tries++
		t.retryAt(e.Failed)
	case e.Weights != t.known && t.refused:
		t.touched = false
		t.end(Untouched, fmt.Sprintf("the weights changed to %s before the walk wrote any", e.Weights))
	case e.Weights != t.known:
		t.goBack(fmt.Sprintf("a write of the present weights, %s, made them %s", t.known, e.Weights))
	case t.reason != "":
		t.touched = false
		t.end(Untouched, fmt.Sprintf("the present weights (%s), written as a trial: %s", t.known, t.reason))
	case t.changed != "":
		t.touched = false
		t.end(Untouched, t.strange())
	default:
		t.touched = false
		t.do(Action{Kind: DoTried, Step: t.step, Weights: t.known})
		t.before()
	}
}

// continues goes on where the walk was: at a step whose weights are set, the hold begins anew.
func (t *turn) continues() {
	if !t.set {
		t.before()
		return
	}
	t.takeEffect()
}

// recovered takes the weights that a killed walk has left. Weights that only somebody else
// can have written are not overwritten without being asked for. Rule 9.
func (t *turn) recovered(e Event) {
	const why = "the walk was not brought to an end"
	switch {
	case e.Failed != "" && t.at < t.until:
		t.tries++
		t.retryAt(e.Failed)
	case e.Failed != "":
		t.goBack(why + "; the weights cannot be read: " + e.Failed)
	case t.ours(e.Weights):
		t.goBack(why)
	default:
		t.end(Held, fmt.Sprintf("%s, and somebody else has changed the weights since: they are %s, recorded are %s", why, e.Weights, t.recorded))
	}
}

// before begins a step with its gate.
func (t *turn) before() {
	if !t.plan.Gate {
		t.confirm()
		return
	}
	t.enter(Gating)
	t.ask(DoGate)
	t.until = t.at + t.plan.EffectTimeout
	t.nextLook()
}

func (t *turn) confirm() {
	if !t.plan.Steps[t.step].Confirm {
		t.compare()
		return
	}
	t.enter(Confirming)
	t.ask(DoConfirm)
	t.boundCheck()
}

// evidence takes the answer of a gate or a confirmation: what does not hold pauses (Rule 8).
func (t *turn) evidence(e Event) {
	gate := t.phase == Gating
	switch {
	case e.Verdict == Pass && gate:
		t.confirm()
	case e.Verdict == Pass:
		t.compare()
	case !t.touched:
		t.end(Held, e.Why)
	default:
		t.pause(e.Why, t.phase)
	}
}
