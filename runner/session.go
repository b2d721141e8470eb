package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/scenarios"
)

// A session is what a suite's setup left: one lane of each kind, from which
// every case starts with a copy. It is made when the first case needs it, and
// made again when it grows old or a step's answer says that it is over.
type session struct {
	mu         sync.Mutex // held through setup: whoever needs the session waits for it
	lanes      map[LaneKind]*lane
	generation int // how often setup ran; 0: never
	born       time.Time
	unusable   string  // why no case can build on it
	verdict    Verdict // of cases that cannot: Skip or Broken
	apart      map[LaneKind]time.Duration
	offset     int  // requests that a crossing lane sent in setup
	left       bool // teardown has run
}

// enter gives a walk its lanes. The reason is not empty when setup left nothing
// to build on, and the verdict is then that of the case.
func (s *suiteRun) enter(ctx context.Context, w *walk) (Verdict, string) {
	c := &s.session
	c.mu.Lock()
	defer c.mu.Unlock()
	old := s.run.replay == nil && s.suite.Session != nil && s.suite.Session.TTL > 0 && c.generation > 0 && s.run.now().Sub(c.born) >= s.suite.Session.TTL
	if c.generation == 0 || c.left || old {
		s.setup(ctx)
	}
	if c.unusable != "" {
		return c.verdict, c.unusable
	}
	s.hand(w)
	return 0, ""
}

// hand copies the session's lanes into a walk; c.mu is held.
func (s *suiteRun) hand(w *walk) {
	c := &s.session
	w.born = c.generation
	for kind, l := range c.lanes {
		crossing := kind == LaneCrossBlue || kind == LaneCrossGreen
		if crossing && (w.test == nil || !w.test.Crossover) {
			continue
		}
		w.lanes[kind] = l.clone()
		w.offset[kind] = c.offset
		w.apart[kind] = c.apart[kind]
	}
}

// setup runs the suite's setup on every lane it needs; c.mu is held.
func (s *suiteRun) setup(ctx context.Context) {
	c := &s.session
	c.generation++
	c.born, c.left = s.run.now(), false
	id := s.suite.Name + "/(setup)"
	if c.generation > 1 {
		id = fmt.Sprintf("%s~%d", id, c.generation)
	}
	w := newWalk(s, id, c.born)
	w.strict = false
	w.result.Kind, w.result.At = "setup", s.suite.Pos.String()
	for _, kind := range s.kinds() {
		w.lanes[kind] = newLane(kind)
		if w.lanes[kind].crossing() {
			w.lanes[kind].across(s)
		}
	}
	if len(s.suite.Setup) > 0 {
		w.straight(ctx, s.suite.Setup, "")
		w.cross(ctx, s.suite.Setup, "")
		w.result.Index = s.cases.first
		s.run.record(s, w.finish())
	}
	c.lanes, c.apart, c.unusable, c.verdict = w.lanes, w.apart, "", 0
	c.offset = max(w.offset[LaneCrossBlue], w.offset[LaneCrossGreen])
	switch {
	case w.guarded != "":
		c.unusable, c.verdict = "setup was not run: "+w.guarded, Skip
	case w.ended != "":
		c.unusable, c.verdict = "setup failed: "+w.ended, Broken
	}
}

// kinds are the lanes that the suite's cases walk.
func (s *suiteRun) kinds() []LaneKind {
	crossover := slices.ContainsFunc(s.suite.Cases, func(c *scenarios.Case) bool { return c.Crossover })
	if crossover {
		return []LaneKind{LaneBlue, LaneGreen, LaneCrossBlue, LaneCrossGreen}
	}
	return []LaneKind{LaneBlue, LaneGreen}
}

// renew repeats setup because an answer said that the session is over, unless
// somebody else has done so since the walk began, and moves the walk's lanes on.
func (s *suiteRun) renew(ctx context.Context, w *walk) string {
	c := &s.session
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == w.born {
		s.run.tokens.forget()
		s.setup(ctx)
	}
	if c.unusable != "" {
		return c.unusable
	}
	w.born = c.generation
	for kind, l := range w.lanes {
		l.renew(c.lanes[kind])
		w.apart[kind] = max(w.apart[kind], c.apart[kind])
	}
	return ""
}

// refresh answers session: refresh_on. The sides whose answer said that the
// session is over are asked again in a new one, unless the step leaves something
// behind: such a request is sent once, whatever happens. When only one side said so the
// step is flaky: the sides' sessions do not live equally long.
func (w *walk) refresh(ctx context.Context, step *scenarios.Step, name string, now time.Time, shots [3]*shot) (notes []string, flaky bool) {
	session := w.suite.suite.Session
	if session == nil || len(session.RefreshOn) == 0 || w.test == nil || w.suite.run.replay != nil {
		return nil, false
	}
	var over []scenarios.Side
	askedSides := 0
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		s := shots[side]
		if s == nil {
			continue
		}
		askedSides++
		if s.answer.Err == nil && slices.Contains(session.RefreshOn, s.x.Status) {
			over = append(over, side)
		}
	}
	if len(over) == 0 {
		return nil, false
	}
	status := shots[over[0]].x.Status
	if !repeatable(step) {
		return []string{fmt.Sprintf("answered %d, and is not sent again: it leaves something behind", status)}, false
	}
	if reason := w.suite.renew(ctx, w); reason != "" {
		return []string{"the session could not be renewed: " + reason}, false
	}
	for _, side := range over {
		kind := straightLane(side)
		again := w.shoot(ctx, step, w.scope(w.lanes[kind], side, step, name, now), PairKey(w.id, name, ""))
		if again.err == nil {
			*shots[side] = *again
		}
		notes = append(notes, fmt.Sprintf("%s answered %d: the session was renewed and the step sent again", side, status))
	}
	return notes, len(over) < askedSides
}

// leave runs the suite's teardown: after its last case, and after its load when
// that made a session of its own. Who enters later begins a new session. Where an
// earlier execution was killed between its last case and its teardown, setup runs
// again first: the teardown is judged like any other part, and may differ.
func (s *suiteRun) leave(ctx context.Context) {
	c := &s.session
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == 0 && s.owesTeardown && len(s.suite.Teardown) > 0 {
		s.owesTeardown = false
		s.setup(ctx)
	}
	if c.generation == 0 || c.left {
		return
	}
	c.left = true
	if len(s.suite.Teardown) == 0 {
		return
	}
	id := s.suite.Name + "/(teardown)"
	if c.generation > 1 {
		id = fmt.Sprintf("%s~%d", id, c.generation)
	}
	w := newWalk(s, id, s.run.now())
	w.strict = false
	w.result.Kind, w.result.At, w.result.Index = "teardown", s.suite.Pos.String(), s.cases.last
	w.lanes = c.lanes
	for kind := range c.lanes {
		w.offset[kind], w.apart[kind] = c.offset, c.apart[kind]
	}
	w.straight(ctx, s.suite.Teardown, "")
	w.cross(ctx, s.suite.Teardown, "")
	if c.unusable != "" {
		w.excuse(c.unusable)
	}
	s.run.record(s, w.finish())
}

// excuse takes the weight from what could not even be sent because an earlier
// part ended too soon: a sign-out without a sign-in is not a finding.
func (w *walk) excuse(reason string) {
	for i := range w.result.Steps {
		s := &w.result.Steps[i]
		if s.Verdict == Broken && s.Blue == nil && s.Green == nil {
			s.Verdict, s.Reasons = Skip, append([]string{reason}, s.Reasons...)
		}
	}
}
