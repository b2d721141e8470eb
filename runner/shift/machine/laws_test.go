package machine

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A world performs a machine's actions on a mechanism that fails in every way that drivers do, in
// virtual time.
type world struct {
	t    *rapid.T
	plan Plan
	m    Machine
	now  time.Duration
	tick time.Duration
	have Weights
	// pending are answers on their way.
	pending []pending
	ended   *Action
	log     []string
	// healthy switches all faults off; lies allows reads that are wrong; meddler somebody else who writes.
	healthy, lies, meddler bool
	meddled                bool
	begun                  Weights
}

type pending struct {
	due    time.Duration
	e      Event
	write  *Action // lands when it is due
	half   bool
	killed bool
}

func (w *world) say(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%8s ", w.now)+fmt.Sprintf(format, args...))
}

func (w *world) fatalf(format string, args ...any) {
	for _, line := range w.log {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

func (w *world) chance(percent int, what string) bool {
	return rapid.IntRange(1, 100).Draw(w.t, what) <= percent
}

// feed gives the machine an event and performs what it asks for.
func (w *world) feed(e Event) {
	e.At = w.now
	before := w.m
	next, actions := w.m.Next(e)
	w.say("event %d id %d %v %q: %s -> %s", e.Kind, e.ID, e.Weights, e.Failed+e.Why, before.Phase(), next.Phase())
	w.m = next
	w.law(before, e, actions)
	for i := range actions {
		w.perform(&actions[i])
	}
}

// law holds a turn to the rules of the package comment.
func (w *world) law(before Machine, e Event, actions []Action) {
	if before.phase == Ended && len(actions) > 0 {
		w.fatalf("an ended walk acts: %v", actions)
	}
	if r, ok := before.Recorded(); ok { // Rule 1
		if now, _ := w.m.Recorded(); now != r {
			w.fatalf("the record changed from %v to %v", r, now)
		}
	}
	var back bool
	for _, a := range actions {
		if a.Kind != DoWrite {
			continue
		}
		back = back || a.Back
		switch {
		case a.Weights.Empty():
			w.fatalf("a write of %v", a.Weights) // Rule 2
		case a.Back && a.Weights != w.m.recorded:
			w.fatalf("a rollback writes %v, recorded are %v", a.Weights, w.m.recorded)
		case !a.Back && (!a.Compare || a.From != w.m.known || before.drift):
			w.fatalf("a write forward from %v, known are %v", a.From, w.m.known) // Rule 3
		}
	}
	stay := e.Kind == Signal && e.Signal != 0 && w.plan.StayOnSignal
	if (e.Kind == Signal || e.Kind == AskRollback) && before.touched && before.phase != RollingBack && before.phase != Ended && !stay && !back {
		w.fatalf("a signal in phase %s sends no write", before.phase) // Rule 4
	}
}

func (w *world) perform(a *Action) {
	switch a.Kind {
	case DoTick:
		w.tick = a.Until
	case DoEnd:
		w.ended = a
		w.say("end %s: %s", a.Outcome, a.Why)
	case DoCancel:
		w.cancel()
	case DoRead:
		w.pending = append(w.pending, pending{due: w.now + w.delay(), e: Event{Kind: Read, ID: a.ID}})
	case DoWrite:
		w.write(a)
	case DoAwait:
		w.pending = append(w.pending, pending{due: w.now + w.delay(), e: Event{Kind: InEffect, ID: a.ID, Failed: w.failure("await")}})
	case DoGate, DoConfirm, DoRun, DoAskBlue:
		e := Event{Kind: Checked, ID: a.ID, Verdict: Pass}
		if !w.healthy {
			e.Verdict = rapid.SampledFrom([]Verdict{Pass, Pass, Pass, Fail, Doubt, 0}).Draw(w.t, "verdict")
		}
		w.pending = append(w.pending, pending{due: w.now + w.delay(), e: e})
	case DoProbe:
		w.pending = append(w.pending, pending{due: w.now + time.Second, e: Event{Kind: Enough}})
	}
}

func (w *world) delay() time.Duration {
	if w.healthy {
		return 20 * time.Millisecond
	}
	return time.Duration(rapid.SampledFrom([]int{1, 20, 300, 3000, 30000}).Draw(w.t, "delay")) * time.Millisecond
}

func (w *world) failure(what string) string {
	if !w.healthy && w.chance(15, what) {
		return "unreachable"
	}
	return ""
}

// write sends a write on its way: it is refused, lost, done and not answered, half done, late.
func (w *world) write(a *Action) {
	p := pending{due: w.now + w.delay(), e: Event{Kind: Wrote, ID: a.ID}, write: a}
	if !w.healthy {
		switch rapid.IntRange(0, 9).Draw(w.t, "write") {
		case 0:
			p.write, p.e.Failed, p.e.Refused = nil, "refused", true
		case 1:
			p.write, p.e.Failed = nil, "unreachable"
		case 2:
			p.e.Failed = "no answer"
		case 3:
			p.half, p.e.Failed = true, "half done"
		case 4:
			p.due += time.Hour
		}
	}
	w.pending = append(w.pending, p)
}

// cancel cuts short what is under way: a write may land all the same, before it is answered.
func (w *world) cancel() {
	for i := range w.pending {
		p := &w.pending[i]
		if p.e.Kind != Wrote || p.killed {
			continue
		}
		p.killed = true
		p.e.Failed = "cancelled"
		p.due = min(p.due, w.now+w.delay())
		if !w.healthy && w.chance(50, "lost") {
			p.write = nil
		}
	}
}

// land applies a write.
func (w *world) land(p *pending) {
	a := p.write
	if a == nil {
		return
	}
	if a.Compare && a.From != w.have {
		p.e.Failed, p.e.Refused = "changed meanwhile", true
		return
	}
	order := []func(){func() { w.have.Blue = a.Weights.Blue }, func() { w.have.Green = a.Weights.Green }}
	if !BlueFirst(a.From, a.Weights) {
		order[0], order[1] = order[1], order[0]
	}
	for i, set := range order {
		if i == 1 && p.half {
			break
		}
		set()
		if w.have.Empty() {
			w.fatalf("both sides are at 0 in the middle of a write of %v", a.Weights) // Rule 2
		}
	}
	w.say("landed: %v", w.have)
}

// advance moves to the next thing that happens.
func (w *world) advance() bool {
	next, at := w.tick, -1
	if next <= w.now {
		next = w.now + time.Hour
	}
	for i := range w.pending {
		if w.pending[i].due < next {
			next, at = w.pending[i].due, i
		}
	}
	w.now = max(w.now, next)
	if at < 0 {
		w.feed(Event{Kind: Tick})
		return true
	}
	p := w.pending[at]
	w.pending = append(w.pending[:at:at], w.pending[at+1:]...)
	if p.e.Kind == Wrote {
		w.land(&p)
	}
	if p.e.Kind == Read {
		p.e.Weights, p.e.Failed = w.have, w.failure("read")
		if w.lies && !w.healthy && w.chance(10, "lie") {
			p.e.Weights = rapid.SampledFrom([]Weights{w.begun, {50, 50}, {99, 1}}).Draw(w.t, "lie")
		}
	}
	w.feed(p.e)
	return w.ended == nil
}

func newWorld(t *rapid.T) *world {
	begun := rapid.SampledFrom([]Weights{{100, 0}, {255, 0}, {1, 0}, {7, 3}}).Draw(t, "begun")
	w := &world{t: t, have: begun, begun: begun, plan: Plan{
		Steps: []Step{{Name: "1%", Target: Weights{99, 1}}, {Name: "50%", Target: Weights{50, 50}, Confirm: true}, {Name: "100%", Target: Weights{0, 100}}},
		Hold:  time.Minute, MaxHold: 5 * time.Minute, Settle: 5 * time.Second, WriteTimeout: time.Minute, EffectTimeout: time.Minute,
		RollbackTimeout: 10 * time.Minute, PauseTimeout: time.Hour, ReadEvery: 5 * time.Second,
		Gate: rapid.Bool().Draw(t, "gate"), Probe: rapid.Bool().Draw(t, "probe"), Run: rapid.Bool().Draw(t, "run"),
		PauseOnFail: rapid.IntRange(0, 4).Draw(t, "pause") == 0, StayOnSignal: rapid.IntRange(0, 4).Draw(t, "stay") == 0,
	}}
	w.m = New(w.plan, 0)
	return w
}

// A walk over a healthy mechanism whose checks pass reaches the last step, and every law
// holds on the way.
func TestHealthyWalkIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.healthy = true
		w.feed(Event{Kind: Begin})
		for i := 0; i < 2000 && w.advance(); i++ {
		}
		if w.ended == nil || w.ended.Outcome != Done || w.have != (Weights{0, 100}) {
			w.fatalf("ended %+v with %v", w.ended, w.have)
		}
	})
}

// Whatever happens, the laws hold in each turn, and what the end says is true of the mechanism. Where
// the mechanism heals after a signal, and nobody else writes, the rollback holds.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.meddler = rapid.IntRange(0, 3).Draw(t, "meddler") == 0
		w.feed(Event{Kind: Begin})
		turns := rapid.IntRange(1, 150).Draw(t, "turns")
		for i := 0; i < turns && w.ended == nil; i++ {
			switch rapid.IntRange(0, 29).Draw(t, "happens") {
			case 0:
				w.feed(Event{Kind: Budget, Why: "answers failed"})
			case 1:
				w.feed(Event{Kind: AskResume})
			case 2:
				w.feed(Event{Kind: Tick})
			case 5:
				w.feed(Event{Kind: Budget, Verdict: Doubt, Why: "both fail"})
			case 3:
				if w.meddler {
					w.have = rapid.SampledFrom([]Weights{{10, 90}, w.begun, {0, 100}}).Draw(t, "meddled")
					w.meddled = true
					w.say("somebody else: %v", w.have)
				}
			case 4:
				w.now += time.Duration(rapid.IntRange(0, 100).Draw(t, "jump")) * time.Second
			default:
				w.advance()
			}
		}
		if w.ended == nil && rapid.Bool().Draw(t, "stop") {
			w.feed(Event{Kind: AskRollback, Why: "asked"})
		} else if w.ended == nil {
			w.feed(Event{Kind: Signal, Signal: 15, Why: "stopped"})
		}
		w.healthy = true
		for i := 0; i < 3000 && w.ended == nil; i++ {
			w.advance()
		}
		if w.ended == nil {
			w.fatalf("the walk never ends: %s", w.m.Phase())
		}
		recorded, _ := w.m.Recorded()
		switch w.ended.Outcome {
		case RolledBack:
			if w.have != recorded && !w.meddled {
				w.fatalf("rolled back, and the weights are %v, recorded %v", w.have, recorded)
			}
		case Done:
			if w.have != (Weights{0, 100}) && !w.meddled {
				w.fatalf("done, and the weights are %v", w.have)
			}
		case Untouched:
			if w.have != w.begun && !w.meddled {
				w.fatalf("untouched, and the weights are %v", w.have)
			}
		case NotHeld:
			// Only faults until the end of the time, or somebody else, excuse it.
			if !w.meddled && w.have == recorded && len(w.pending) == 0 && w.now < time.Minute {
				w.fatalf("given up early")
			}
		}
	})
}

// A rollback of a mechanism that works holds within seconds, from every phase.
func TestRollbackHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.plan.StayOnSignal = false
		w.m = New(w.plan, 0)
		w.feed(Event{Kind: Begin})
		turns := rapid.IntRange(1, 120).Draw(t, "turns")
		for i := 0; i < turns && w.ended == nil; i++ {
			w.advance()
		}
		if w.ended != nil {
			return
		}
		touched := w.m.touched
		w.healthy = true
		for i := range w.pending {
			w.pending[i].due = min(w.pending[i].due, w.now+5*time.Second) // what was sent is answered
		}
		began := w.now
		w.feed(Event{Kind: Signal, Signal: 15, Why: "stopped"})
		for i := 0; i < 3000 && w.ended == nil; i++ {
			w.advance()
		}
		if want := map[bool]Outcome{true: RolledBack, false: Untouched}[touched]; w.ended == nil || w.ended.Outcome != want || w.have != w.begun {
			w.fatalf("ended %+v with %v, want %s", w.ended, w.have, want)
		}
		if took := w.now - began; took > time.Minute {
			w.fatalf("the rollback took %s", took)
		}
	})
}

// A read that shows the wrong weights now and then never makes a rollback that does not
// happen look like one that did, unless it repeats its lie.
func TestLyingReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.lies = true
		w.feed(Event{Kind: Begin})
		for i := 0; i < 400 && w.ended == nil; i++ {
			if i == 60 {
				w.feed(Event{Kind: Signal, Signal: 1, Why: "hung up"})
				continue
			}
			w.advance()
		}
	})
}

// Whatever the weights are, one side at a time is never both at 0.
func TestBlueFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := func(name string) Weights {
			return Weights{rapid.IntRange(0, 3).Draw(t, name), rapid.IntRange(0, 3).Draw(t, name)}
		}
		from, to, have := pair("from"), pair("to"), pair("have")
		if to.Empty() {
			return
		}
		mid := Weights{have.Blue, to.Green}
		if BlueFirst(from, to) {
			mid = Weights{to.Blue, have.Green}
		}
		if mid.Empty() {
			t.Fatalf("from %v (in truth %v) to %v by %v", from, have, to, mid)
		}
	})
}

// A walk that a kill interrupted goes on, or back, from what the record says.
func TestContinued(t *testing.T) {
	plan := Plan{Steps: []Step{{Name: "1%", Target: Weights{99, 1}}, {Name: "100%", Target: Weights{0, 100}}}, WriteTimeout: time.Minute, RollbackTimeout: time.Minute, PauseTimeout: time.Hour, EffectTimeout: time.Minute, ReadEvery: time.Second}
	first := Weights{100, 0}
	for name, row := range map[string]struct {
		p     Progress
		have  Weights
		phase Phase
	}{
		"the write was lost":      {Progress{Recorded: first, Known: first, Touched: true}, first, Comparing},
		"the write was done":      {Progress{Recorded: first, Known: first, Touched: true}, Weights{99, 1}, TakingEffect},
		"it was held":             {Progress{Recorded: first, Known: Weights{99, 1}, Set: true, Touched: true}, Weights{99, 1}, TakingEffect},
		"half of it was done":     {Progress{Recorded: first, Known: first, Touched: true}, Weights{100, 1}, RollingBack},
		"somebody else was there": {Progress{Recorded: first, Known: first, Touched: true}, Weights{42, 58}, Paused},
	} {
		m := Continued(plan, row.p)
		m, actions := m.Next(Event{Kind: Begin})
		m, _ = m.Next(Event{Kind: Read, ID: actions[0].ID, Weights: row.have})
		if m.Phase() != row.phase {
			t.Errorf("%s: %s, want %s", name, m.Phase(), row.phase)
		}
		back, actions := Continued(plan, row.p).Next(Event{Kind: AskRollback, Why: "asked"})
		if back.Phase() != RollingBack || actions[1].Kind != DoWrite || actions[1].Weights != first {
			t.Errorf("%s: rollback does %v", name, actions)
		}
	}
}
