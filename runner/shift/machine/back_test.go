package machine

import (
	"strings"
	"testing"
	"time"
)

var (
	started = Weights{100, 0}
	fifth   = Weights{95, 5}
	plain   = Plan{
		Steps: []Step{{Name: "5%", Target: fifth}, {Name: "50%", Target: Weights{50, 50}}}, Hold: 5 * time.Minute, MaxHold: 10 * time.Minute, Settle: time.Second,
		WriteTimeout: time.Minute, EffectTimeout: time.Minute, RollbackTimeout: 10 * time.Minute, PauseTimeout: time.Hour, ReadEvery: 5 * time.Second,
	}
)

// A script feeds a machine by hand: each answer goes to the last action of its kind.
type script struct {
	t       *testing.T
	m       Machine
	now     time.Duration
	last    map[ActionKind]Action
	actions []Action
}

// begin is a walk with a plan that holds its first step.
func begin(t *testing.T, plan Plan) *script {
	s := &script{t: t, m: New(plan, 0), last: map[ActionKind]Action{}}
	s.feed(Event{Kind: Begin})
	s.read(started)
	s.wrote("", false)
	s.read(started) // the trial
	s.read(started)
	s.wrote("", false)
	s.read(fifth)
	s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID})
	s.pass(time.Second)
	s.in(Holding)
	return s
}

func (s *script) feed(e Event) {
	e.At = s.now
	s.m, s.actions = s.m.Next(e)
	for _, a := range s.actions {
		s.last[a.Kind] = a
	}
}

func (s *script) read(w Weights) { s.feed(Event{Kind: Read, ID: s.last[DoRead].ID, Weights: w}) }
func (s *script) wrote(failed string, refused bool) {
	s.feed(Event{Kind: Wrote, ID: s.last[DoWrite].ID, Failed: failed, Refused: refused})
}
func (s *script) pass(d time.Duration) { s.now += d; s.feed(Event{Kind: Tick}) }

func (s *script) in(p Phase) {
	s.t.Helper()
	if s.m.Phase() != p {
		s.t.Fatalf("%s (%s), want %s", s.m.Phase(), s.m.Reason(), p)
	}
}

func (s *script) ended(o Outcome, why string) {
	s.t.Helper()
	if s.m.Outcome() != o || !strings.Contains(s.m.Reason(), why) {
		s.t.Fatalf("%s, %s (%s), want %s with %q", s.m.Phase(), s.m.Outcome(), s.m.Reason(), o, why)
	}
}

// back answers a rollback whose writes work until it is over.
func (s *script) back() {
	s.wrote("", false)
	for range 10 {
		if s.m.Phase() == Ended {
			return
		}
		s.read(started)
		s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID})
		s.pass(confirmAfter)
	}
}

// Weights that somebody else changed and put back are those of the walk again: a rollback writes.
func TestDriftThatEnds(t *testing.T) {
	s := begin(t, plain)
	s.pass(5 * time.Second)
	s.read(Weights{60, 40})
	s.read(Weights{60, 40})
	s.in(Paused)
	s.pass(5 * time.Second)
	s.read(fifth)
	s.feed(Event{Kind: Signal, Signal: 15, Why: "stopped"})
	if s.last[DoWrite].Compare {
		t.Error("the rollback compares with weights that are gone")
	}
	s.back()
	s.ended(RolledBack, "stopped")
}

// After drift, half of the walk's own write is not somebody else's: the rollback goes on from it. What
// only somebody else can have written ends it.
func TestDriftAndHalfAWrite(t *testing.T) {
	for _, row := range []struct {
		seen  Weights
		ended bool
	}{{Weights{100, 40}, false}, {Weights{60, 0}, false}, {fifth, false}, {Weights{7, 93}, true}} {
		s := begin(t, plain)
		s.pass(5 * time.Second)
		s.read(Weights{60, 40})
		s.read(Weights{60, 40})
		s.feed(Event{Kind: AskRollback, Why: "asked"})
		s.wrote("no answer", false)
		s.read(row.seen)
		if row.ended {
			s.ended(NotHeld, "somebody else changed the weights again")
			continue
		}
		s.in(RollingBack)
		s.pass(time.Second)
		if a := s.last[DoWrite]; a.From != row.seen || !a.Compare {
			t.Errorf("after %s the rollback writes from %s", row.seen, a.From)
		}
		s.back()
		s.ended(RolledBack, "asked")
	}
}

// A rollback is over when the mechanism says so, and says so itself where it never does.
func TestRollbackTakesEffect(t *testing.T) {
	s := begin(t, plain)
	s.feed(Event{Kind: AskRollback, Why: "asked"})
	s.wrote("", false)
	s.read(started)
	s.pass(confirmAfter)
	s.read(started)
	s.in(RollingBack)
	s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID, Failed: "throttled"})
	s.pass(time.Second)
	s.read(started)
	writes := s.last[DoWrite].ID
	for s.m.Phase() != Ended {
		s.now = s.last[DoTick].Until
		s.feed(Event{Kind: Tick})
	}
	s.ended(NotHeld, "does not say that they are in effect")
	if s.last[DoWrite].ID != writes {
		t.Error("weights that hold are written again, which begins the change anew")
	}

	s = begin(t, plain)
	s.feed(Event{Kind: AskRollback, Why: "asked"})
	s.wrote("", false)
	s.read(started)
	s.pass(confirmAfter)
	s.read(started)
	s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID, TTL: time.Minute})
	s.ended(RolledBack, "asked")
}

// Time in which the process was stopped is neither a hold nor an end of trying.
func TestStoppedProcess(t *testing.T) {
	s := begin(t, plain)
	s.pass(5 * time.Second)
	s.read(fifth)
	s.pass(time.Hour) // stopped
	s.in(Holding)
	s.read(fifth)
	for range 70 {
		if s.m.Phase() != Holding {
			break
		}
		s.pass(5 * time.Second)
		s.read(fifth)
	}
	if held := s.now - time.Hour; s.m.Phase() == Holding || held < 5*time.Minute-asleep {
		t.Errorf("%s after %s", s.m.Phase(), held)
	}

	// Nor is it the end of a wait: for the mechanism, and for blue.
	s = &script{t: t, m: New(plain, 0), last: map[ActionKind]Action{}}
	s.feed(Event{Kind: Begin})
	s.read(started)
	s.wrote("", false)
	s.read(started)
	s.read(started)
	s.wrote("", false)
	s.read(fifth)
	s.in(TakingEffect)
	s.pass(time.Hour) // stopped
	s.in(TakingEffect)
	if at := s.last[DoTick].Until; at <= s.now {
		t.Errorf("the next tick is asked for at %s, and it is %s", at, s.now)
	}
	s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID})
	s.in(Settling)
	s.feed(Event{Kind: Budget, Why: "green fails"})
	s.in(AskingBlue)
	s.pass(time.Hour) // stopped
	s.in(AskingBlue)
	s.pass(askBlueAgain)
	s.in(RollingBack)

	s = begin(t, plain)
	s.feed(Event{Kind: AskRollback, Why: "asked"})
	s.wrote("unreachable", false)
	s.read(fifth)
	s.pass(time.Hour) // stopped
	s.in(RollingBack)
	s.back()
	s.ended(RolledBack, "asked")
}

// A signal that is to leave the weights does not cut a write in two.
func TestStayInAWrite(t *testing.T) {
	stay := plain
	stay.StayOnSignal = true
	at := func() *script {
		s := begin(t, stay)
		for s.m.Phase() == Holding {
			s.pass(5 * time.Second)
			s.read(fifth)
		}
		s.in(Writing)
		s.feed(Event{Kind: Signal, Signal: 15, Why: "stopped"})
		s.in(Writing)
		return s
	}
	s := at()
	s.wrote("", false)
	s.read(Weights{50, 50})
	s.ended(Held, "stopped")
	s = at()
	s.wrote("no answer", false)
	s.read(Weights{50, 5})
	s.in(RollingBack)
	s = at()
	s.wrote("", false)
	s.read(Weights{1, 2})
	s.ended(Held, "the mechanism or somebody else")
}

// Weights that cannot be read while a step is held are reported, once.
func TestUnreadableHold(t *testing.T) {
	s := begin(t, plain)
	notes := 0
	for i := range 6 {
		s.pass(5 * time.Second)
		if i < 4 {
			s.feed(Event{Kind: Read, ID: s.last[DoRead].ID, Failed: "connection refused"})
		} else {
			s.read(fifth)
		}
		for _, a := range s.actions {
			if a.Kind == DoNote {
				notes++
			}
		}
	}
	if notes != 2 || s.m.Phase() != Holding {
		t.Errorf("%d notes, %s", notes, s.m.Phase())
	}
}

// The weights are written as they are before anything changes: who may not do that, or changes
// them by it, goes no further.
func TestTrial(t *testing.T) {
	at := func() *script {
		s := &script{t: t, m: New(plain, 0), last: map[ActionKind]Action{}}
		s.feed(Event{Kind: Begin})
		s.read(started)
		s.in(Trying)
		if a := s.last[DoWrite]; a.Weights != started || !a.Compare {
			t.Errorf("the trial writes %v", a)
		}
		return s
	}
	s := at()
	s.wrote("no right", true)
	s.read(started)
	s.ended(Untouched, "no right")
	s = at()
	s.wrote("changed", true)
	s.read(fifth)
	s.ended(Untouched, "the weights changed")
	s = at()
	s.wrote("", false)
	s.read(Weights{0, 100})
	s.in(RollingBack)
	s.back()
	s.ended(RolledBack, "made them")
	s = at()
	trial := s.last[DoWrite].ID
	s.feed(Event{Kind: Signal, Signal: 15, Why: "stopped"})
	s.feed(Event{Kind: Wrote, ID: trial, Failed: "cut short"})
	s.back()
	s.ended(RolledBack, "stopped")

	seen := plain
	seen.Start = fifth
	s = &script{t: t, m: New(seen, 0), last: map[ActionKind]Action{}}
	s.feed(Event{Kind: Begin})
	s.read(started)
	s.ended(Untouched, "while the walk began")
}

// A killed walk is rolled back from whatever it can have left, and not from what somebody else
// has written since.
func TestRecover(t *testing.T) {
	for name, row := range map[string]struct {
		have Weights
		back bool
	}{
		"as recorded": {started, true}, "the step": {Weights{50, 50}, true}, "the step before": {fifth, true}, "half of the step": {Weights{50, 5}, true},
		"half of the way back": {Weights{100, 50}, true}, "somebody else": {Weights{0, 100}, false}, "both at 0": {Weights{}, false},
	} {
		s := &script{t: t, m: Continued(plain, Progress{Recorded: started, Step: 1, Known: fifth, Touched: true}), last: map[ActionKind]Action{}}
		s.feed(Event{Kind: Recover})
		s.feed(Event{Kind: Read, ID: s.last[DoRead].ID, Failed: "unreachable"})
		s.pass(time.Second)
		s.read(row.have)
		if !row.back {
			s.ended(Held, "somebody else has changed the weights since")
			continue
		}
		s.in(RollingBack)
		s.back()
		if s.m.Outcome() != RolledBack {
			t.Errorf("%s: %s", name, s.m.Outcome())
		}
	}
}

// While both sides fail blue is asked now and then, not at each report; once it recovers, green's
// failures roll back.
func TestBothFail(t *testing.T) {
	s := begin(t, plain)
	asked := 0
	report := func(blue Verdict) {
		s.feed(Event{Kind: Budget, Why: "green fails"})
		if s.m.Phase() == AskingBlue {
			asked++
			s.feed(Event{Kind: Checked, ID: s.last[DoAskBlue].ID, Verdict: blue, Why: "status 500"})
		}
	}
	for range 60 { // half a minute
		report(Fail)
		s.in(Paused)
		s.now += 500 * time.Millisecond
	}
	if asked != 3 {
		t.Errorf("blue was asked %d times in 30 seconds", asked)
	}
	s.now += askBlueAgain
	report(Pass)
	s.in(RollingBack)
	s.back()
	s.ended(RolledBack, "green fails")
}
