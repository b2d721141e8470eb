package machine

import (
	"strings"
	"testing"
	"time"
)

var (
	alone   = Setting{"TTL of blue": "60", "address of green": "192.0.2.2"}
	crowded = Setting{"TTL of blue": "60", "address of green": "192.0.2.2", `record A "third"`: "weight 10"}
)

// readWith answers a read with a setting.
func (s *script) readWith(w Weights, setting Setting) {
	s.feed(Event{Kind: Read, ID: s.last[DoRead].ID, Weights: w, Setting: setting})
}

// opened is a walk at its first read.
func opened(t *testing.T, plan Plan) *script {
	s := &script{t: t, m: New(plan, 0), last: map[ActionKind]Action{}}
	s.feed(Event{Kind: Begin})
	s.readWith(started, alone)
	return s
}

// What else decides where traffic goes may not change while a walk goes on: whenever that is read, the walk
// goes no further, says what it is, and does not go on until it is undone. A rollback is written all the same.
func TestSettingChanges(t *testing.T) {
	const third = `record A "third" is new (weight 10)`
	s := opened(t, plain)
	if got := s.last[DoRecord].Setting; got.changes(alone) != "" || len(got) != len(alone) {
		t.Errorf("recorded %v", got)
	}
	s.wrote("", false)
	s.readWith(started, crowded) // the trial
	s.ended(Untouched, third)

	s = opened(t, plain)
	s.wrote("", false)
	s.readWith(started, alone)
	s.readWith(started, crowded) // before the write
	s.ended(Untouched, third)

	writing := func() *script {
		s := opened(t, plain)
		s.wrote("", false)
		s.readWith(started, alone)
		s.readWith(started, alone)
		s.wrote("", false)
		return s
	}
	s = writing()
	s.readWith(fifth, crowded) // after the write
	s.in(Paused)
	s.feed(Event{Kind: AskResume})
	s.readWith(fifth, crowded)
	s.in(Paused)
	s.feed(Event{Kind: AskResume})
	s.readWith(fifth, alone)
	s.in(TakingEffect)

	holding := func() *script {
		s := writing()
		s.readWith(fifth, alone)
		s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID})
		s.pass(time.Second)
		s.in(Holding)
		return s
	}
	s = holding()
	s.pass(5 * time.Second)
	s.readWith(fifth, crowded)
	s.in(Holding) // one odd read is looked at again
	s.readWith(fifth, alone)
	s.pass(5 * time.Second)
	s.readWith(fifth, crowded)
	s.readWith(fifth, crowded)
	s.in(Paused)
	if !strings.Contains(s.m.Reason(), third) {
		t.Errorf("paused because %s", s.m.Reason())
	}
	s.feed(Event{Kind: AskRollback, Why: "asked"})
	if a := s.last[DoWrite]; !a.Back || a.Compare {
		t.Errorf("the rollback writes %+v", a)
	}
	s.wrote("", false)
	for range 10 {
		if s.m.Phase() == Ended {
			break
		}
		s.readWith(started, crowded)
		s.feed(Event{Kind: InEffect, ID: s.last[DoAwait].ID})
		s.pass(confirmAfter)
	}
	s.ended(RolledBack, "asked")
}

// A walk that is continued compares with what it began with, and not with what is there now.
func TestSettingOfARecord(t *testing.T) {
	p := Progress{Recorded: started, Setting: alone, Known: fifth, Set: true, Touched: true}
	for name, row := range map[string]struct {
		p    Progress
		have Weights
		now  Setting
		want Phase
	}{
		"the same":         {p, fifth, alone, TakingEffect},
		"another":          {p, fifth, crowded, Paused},
		"gone":             {p, fifth, Setting{}, Paused},
		"as was wanted":    {Progress{Recorded: started, Setting: alone, Known: started, Touched: true}, fifth, crowded, Paused},
		"an older record":  {Progress{Recorded: started, Known: fifth, Set: true, Touched: true}, fifth, crowded, TakingEffect},
		"no setting known": {Progress{Recorded: started, Known: fifth, Set: true, Touched: true}, fifth, nil, TakingEffect},
	} {
		s := &script{t: t, m: Continued(plain, row.p), last: map[ActionKind]Action{}}
		s.feed(Event{Kind: Begin})
		s.readWith(row.have, row.now)
		if s.m.Phase() != row.want {
			t.Errorf("%s: %s (%s), want %s", name, s.m.Phase(), s.m.Reason(), row.want)
		}
	}
}

// A walk whose lease another one has goes no further, unless it is on its way back or in a write, whose end the
// next report finds.
func TestRival(t *testing.T) {
	rival := func(s *script) { s.feed(Event{Kind: Rival, Why: "another walk has the lease"}) }
	s := begin(t, plain)
	rival(s)
	s.in(Paused)
	s.feed(Event{Kind: AskRollback, Why: "asked"})
	rival(s)
	s.in(RollingBack)
	s.back()
	s.ended(RolledBack, "asked")

	s = opened(t, plain)
	s.wrote("", false)
	s.readWith(started, alone)
	s.in(Comparing)
	rival(s)
	s.ended(Untouched, "another walk has the lease")

	s = opened(t, plain)
	s.wrote("", false)
	s.readWith(started, alone)
	s.readWith(started, alone)
	rival(s)
	s.in(Writing)
	s.wrote("", false)
	s.readWith(fifth, alone)
	rival(s)
	s.in(Paused)
	s.feed(Event{Kind: AskResume}) // the other one may write at any moment
	s.readWith(fifth, alone)
	s.in(Paused)
	s.feed(Event{Kind: Rival}) // it is over
	s.feed(Event{Kind: AskResume})
	s.readWith(fifth, alone)
	s.in(Settling)
}

// Changes are named, by name, and not all of many.
func TestChanges(t *testing.T) {
	was := Setting{"a": "1", "b": "2", "c": strings.Repeat("x", 200), "d": "4"}
	for _, row := range []struct {
		now  Setting
		want string
	}{
		{Setting{"a": "1", "b": "2", "c": was["c"], "d": "4"}, ""},
		{Setting{"a": "9", "b": "2", "c": was["c"], "e": "5"}, "a is now 9, it was 1; d is gone; e is new (5)"},
		{Setting{"a": "1", "b": "2", "c": "y", "d": "4"}, "c is now y, it was " + strings.Repeat("x", mostValue) + "…"},
		{nil, "a is gone; b is gone; c is gone; and 1 more"},
	} {
		if got := was.changes(row.now); got != row.want {
			t.Errorf("%v: %q, want %q", row.now, got, row.want)
		}
	}
}
