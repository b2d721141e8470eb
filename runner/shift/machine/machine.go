package machine

import (
	"fmt"
	"slices"
	"time"
)

// A Machine is the state of one walk. It is a value: Next returns the following one.
type Machine struct {
	plan  Plan
	phase Phase
	// step is the step being walked to or held.
	step int
	// recorded is what a rollback restores; hasRecorded says that it is known.
	recorded    Weights
	hasRecorded bool
	// known are the weights that the walk last read back; sent are those of the write under
	// way. touched is set from the first write of the walk on.
	known, sent Weights
	touched     bool
	// wait is the ID of the action whose answer is awaited, look that of a read that only
	// watches; next is the last ID given.
	wait, look, next int
	// flying are the writes that have not been answered, abandoned ones among them.
	flying []int
	// until is when the phase's own time is over, tick what was last asked for.
	until, tick time.Duration
	// began is when the phase began, tries how often it was tried, and pausedUntil when the
	// time of the present pause is over; 0: not paused.
	began, pausedUntil time.Duration
	tries              int
	// odd counts reads in a row that showed other weights than the watched ones, and same
	// those of a rollback that showed the recorded ones; needed is how many of these it takes.
	odd, same, needed int
	// set is true where the weights of the step are those that are known; finishing where
	// only the last look is missing.
	set, finishing bool
	// refused is set where the write under way was answered by a refusal.
	refused bool
	// enough is set when the probe has enough answers of green in this step; short is what is missing
	// although it has.
	enough bool
	short  string
	// reason is why the walk pauses, rolls back or ended, and failing what blue is asked for.
	reason, failing string
	// askAfter is when blue may be asked again while the walk is paused because it failed too.
	askAfter time.Duration
	// from is the phase to go on with after a pause; resuming is set while the weights are read for it.
	from     Phase
	resuming bool
	// drift is set after somebody else changed the weights, to drifted. Rule 6.
	drift   bool
	drifted Weights
	// setting is what the walk found at its start, once surveyed is set; changed says how the last read
	// differs from it. Rule 11.
	setting  Setting
	surveyed bool
	changed  string
	// lost says that another walk has the lease; empty: none has. Rule 12.
	lost string
	// late is set where a write may still land although nobody waits for it any more: that of an
	// earlier process, one that was answered by no more than a failure, or one that was answered and not seen.
	late bool
	// blind is set while the watching reads fail; recovering while the weights are read that
	// decide whether a killed walk is rolled back. Rule 9.
	blind, recovering bool
	// leaving is why the walk ends, weights held, as soon as the write under way is read back.
	leaving string
	// signal is the number of the signal that ended the walk.
	signal  int
	outcome Outcome
}

// Progress is how far an earlier process came, as its record tells.
type Progress struct {
	// Recorded is the first record, which is kept; Setting is that of the same time, nil: not known.
	Recorded Weights
	Setting  Setting
	// Step is the step that was being walked to or held; Known are the weights that were last
	// read back, and Set says that they are those of Step.
	Step  int
	Known Weights
	Set   bool
	// Touched says that something was written.
	Touched bool
}

// New starts a walk at a step, whose index is 0 unless earlier ones are skipped on purpose.
func New(plan Plan, step int) Machine { return Machine{plan: plan, phase: Opening, step: step} }

// Continued starts a walk where an earlier process left it. The first event decides: Begin
// goes on, AskRollback rolls back.
func Continued(plan Plan, p Progress) Machine {
	m := New(plan, min(p.Step, len(plan.Steps)-1))
	m.recorded, m.hasRecorded, m.known, m.set, m.touched = p.Recorded, true, p.Known, p.Set, p.Touched
	m.late = true // its record does not say which of its writes may still land
	m.setting, m.surveyed = p.Setting, p.Setting != nil
	return m
}

// Reopened is the machine after a panic of what performs its actions: nothing is waited
// for any more, and what was sent may still land.
func (m Machine) Reopened() Machine {
	m.phase, m.wait, m.look, m.flying, m.late = Opening, 0, 0, nil, true
	return m
}

// Touched reports whether a write has left that may have changed the weights.
func (m Machine) Touched() bool { return m.touched }

// Late reports whether a write of an earlier process may still land.
func (m Machine) Late() bool { return m.late }

// Phase is where the walk is.
func (m Machine) Phase() Phase { return m.phase }

// Step is the index of the step being walked to or held.
func (m Machine) Step() int { return m.step }

// Recorded are the weights that a rollback restores, once they are known.
func (m Machine) Recorded() (Weights, bool) { return m.recorded, m.hasRecorded }

// Known are the weights that the walk last read back.
func (m Machine) Known() Weights { return m.known }

// Outcome is how the walk ended; zero while it goes on.
func (m Machine) Outcome() Outcome { return m.outcome }

// Reason is why the walk is paused, rolls back or ended.
func (m Machine) Reason() string { return m.reason }

// Next takes an event and returns the machine after it, with what is to be done.
func (m Machine) Next(e Event) (Machine, []Action) {
	t := &turn{Machine: m, at: e.At}
	if e.Kind == Wrote || e.Kind == Unrecorded {
		t.landed(e)
	}
	t.overslept()
	t.survey(e)
	switch {
	case t.phase == Ended:
	case e.Kind == Signal, e.Kind == AskRollback, e.Kind == Unrecorded:
		t.interrupt(e)
	case e.Kind == Budget:
		t.budget(e)
	case e.Kind == Rival:
		t.rival(e)
	case e.Kind == Enough:
		t.enough, t.short = e.Why == "", e.Why
		t.held()
	case e.Kind == AskResume:
		t.resume()
	case e.Kind == Tick:
		t.passed()
	case e.Kind == Begin, e.Kind == Recover:
		if t.phase == Opening && t.wait == 0 {
			t.recovering = e.Kind == Recover && t.touched
			t.ask(DoRead)
			t.await(t.plan.WriteTimeout)
		}
	case e.ID != 0 && e.ID == t.look:
		t.look = 0
		t.looked(e)
	case e.ID == 0 || e.ID != t.wait:
		// An answer that nobody waits for any more.
	default:
		t.wait = 0
		t.answer(e)
	}
	return t.Machine, t.actions
}

// A turn is one call of Next.
type turn struct {
	Machine
	at      time.Duration
	actions []Action
}

func (t *turn) do(a Action) { t.actions = append(t.actions, a) }

// ask gives an action an ID and waits for its answer.
func (t *turn) ask(kind ActionKind) {
	t.next++
	t.wait = t.next
	t.do(Action{Kind: kind, ID: t.next, Step: t.step})
}

// enter begins a phase.
func (t *turn) enter(p Phase) {
	t.phase, t.began, t.tries, t.wait, t.until = p, t.at, 0, 0, 0
	t.same, t.refused, t.resuming = 0, false, false
	if p != Paused && p != AskingBlue {
		t.pausedUntil = 0
	}
}

// await bounds the phase and asks for a tick at its end.
func (t *turn) await(d time.Duration) {
	t.until = t.at + d
	t.tickAt(t.until)
}

func (t *turn) tickAt(at time.Duration) {
	t.tick = at
	t.do(Action{Kind: DoTick, Until: at})
}

// answer takes what the awaited action came to.
func (t *turn) answer(e Event) {
	switch t.phase {
	case Opening:
		t.opened(e)
	case Trying:
		t.tried(e)
	case Gating, Confirming:
		t.evidence(e)
	case Comparing:
		t.compared(e)
	case Writing:
		t.wrote(e)
	case TakingEffect:
		if e.Failed != "" {
			t.fail("the weights did not take effect: " + e.Failed)
			return
		}
		t.enter(Settling)
		t.until = t.at + t.plan.Settle + e.TTL
		t.nextLook()
	case Running:
		t.ran(e)
	case AskingBlue:
		t.askedBlue(e)
	case Paused:
		t.comeBack(e)
	case RollingBack:
		t.returned(e)
	}
}

// takeEffect waits until the mechanism reports the weights as in effect.
func (t *turn) takeEffect() {
	if t.leaving != "" {
		t.end(Held, t.leaving)
		return
	}
	t.enter(TakingEffect)
	t.ask(DoAwait)
	t.await(t.plan.EffectTimeout)
}

// compare reads the weights before they are written. Rule 3.
func (t *turn) compare() {
	t.enter(Comparing)
	t.ask(DoRead)
	t.await(t.plan.WriteTimeout)
}

func (t *turn) compared(e Event) {
	switch {
	case e.Failed != "":
		t.tries++
		t.retryAt(e.Failed)
	case e.Weights != t.known:
		t.drifts(e.Weights, Comparing)
	case t.changed != "":
		t.pause(t.strange(), Comparing)
	case t.lost != "": // it was reported in the middle of a write
		t.pause(t.lost, Comparing)
	case t.finishing:
		t.end(Done, "")
	default:
		t.write()
	}
}

// retryAt waits before the phase's action is repeated.
func (t *turn) retryAt(why string) {
	t.reason = why
	t.tickAt(min(t.at+backoff(t.tries), max(t.until, t.at)))
}

// backoff grows from 200 ms to 5 s.
func backoff(tries int) time.Duration {
	return min(200*time.Millisecond<<min(max(tries-1, 0), 10), 5*time.Second)
}

// write sends the weights of the step, from those that are known.
func (t *turn) write() {
	t.enter(Writing)
	t.sent, t.touched, t.set = t.plan.Steps[t.step].Target, true, false
	t.send(t.sent, t.known, true)
	t.await(t.plan.WriteTimeout)
}

// send writes weights and counts the write as on its way.
func (t *turn) send(to, from Weights, compare bool) {
	t.next++
	t.wait = t.next
	t.flying = append(slices.Clip(t.flying), t.next)
	t.do(Action{Kind: DoWrite, ID: t.next, Weights: to, From: from, Compare: compare, Back: t.phase == RollingBack, Step: t.step})
}

// landed notes that a write was answered. One that was answered by a failure that is not a
// refusal may still do its work. Rule 5.
func (t *turn) landed(e Event) {
	if !slices.Contains(t.flying, e.ID) {
		return
	}
	t.flying = slices.DeleteFunc(slices.Clone(t.flying), func(f int) bool { return f == e.ID })
	t.late = t.late || t.phase != RollingBack && e.Failed != "" && !e.Refused
}

// inFlight reports whether a write may still reach the mechanism.
func (t *turn) inFlight() bool { return len(t.flying) > 0 }

// wrote takes the answer of a write and reads it back, then what was read. The read
// decides: a write that failed may have done its work, and one that did not fail may not.
func (t *turn) wrote(e Event) {
	if e.Kind == Wrote {
		t.reason = e.Failed
		t.refused = e.Refused // one read, no second write
		t.ask(DoRead)
		return
	}
	switch {
	case e.Failed != "":
		t.tries++
		t.retryAt("read back: " + e.Failed)
	case e.Weights == t.sent:
		t.known, t.set, t.reason = t.sent, true, ""
		t.do(Action{Kind: DoSet, Step: t.step, Weights: t.known})
		if t.changed != "" {
			t.pause(t.strange(), Opening)
			return
		}
		t.takeEffect()
	case e.Weights == t.known && t.refused:
		t.fail("the write was refused: " + t.reason)
	case e.Weights == t.known:
		t.tries++
		t.retryAt(orText(t.reason, "the mechanism kept "+t.known.String()))
	case e.Weights.Between(t.known, t.sent):
		t.fail(fmt.Sprintf("a write was half applied: %s, wanted %s", e.Weights, t.sent))
	default:
		t.drift, t.drifted = true, e.Weights
		t.pause(fmt.Sprintf("%s was written, and the weights are %s: the mechanism or somebody else made them so", t.sent, e.Weights), Comparing)
	}
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// held goes on with the hold: to the run at its end when it was long enough and the
// probe has seen enough.
func (t *turn) held() {
	if t.phase != Holding || t.at < t.until || t.plan.Probe && !t.enough {
		return
	}
	t.do(Action{Kind: DoNote, Step: t.step, Weights: t.known, Why: "held"})
	if t.plan.Run {
		t.enter(Running)
		t.ask(DoRun)
		t.boundCheck()
		return
	}
	t.stepDone()
}

// stepDone goes to the next step, or ends the walk.
func (t *turn) stepDone() {
	if t.step+1 < len(t.plan.Steps) {
		t.step++
		t.set = false
		t.before()
		return
	}
	t.finishing = true
	t.compare()
}

// ran takes the run at the end of a hold.
func (t *turn) ran(e Event) {
	switch e.Verdict {
	case Pass:
		t.stepDone()
	case Doubt:
		t.pause(e.Why, Running)
	default: // green failed, or the run could not be carried out: both leave traffic on what nobody has seen work
		t.suspect(e.Why)
	}
}
