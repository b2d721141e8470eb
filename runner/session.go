package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A session is what a suite's setup left: one lane of each kind, from which
// every case starts with a copy. It is made when the first case needs it, and
// made again when it grows old or a step's answer says that it is over.
type session struct {
	// mu is held through setup: whoever needs the session waits for it.
	mu sync.Mutex
	// lanes are what setup left, one of each kind that the suite's cases walk.
	lanes map[LaneKind]*lane
	// generation is the number of the setup that made the session, from 1; see suiteRun.partID.
	generation int
	// born is when setup began.
	born time.Time
	// unusable says why no case can build on it.
	unusable string
	// barred is what kept a step of setup from being sent.
	barred run.Bar
	// verdict is that of cases which cannot be walked: Skip or Broken.
	verdict run.Verdict
	// apart is how far apart in time the exchanges of setup were, by lane.
	apart map[LaneKind]time.Duration
	// offset is how many requests a crossing lane sent in setup.
	offset int
	// left: teardown has run.
	left bool
	// passed: a setup of this run has passed.
	passed bool
	// old are sessions that were replaced and have something to take back.
	old []oldSession
}

// An oldSession is one that a later setup replaced while something that it created
// was still there. Cases may go on using it, so it is taken back at the end.
type oldSession struct {
	generation int
	lanes      map[LaneKind]*lane
}

// setAside keeps the session's lanes if they have something to take back; c.mu is held.
func (c *session) setAside() {
	for _, l := range c.lanes {
		if slices.ContainsFunc(l.effects, func(e *effect) bool { return !e.undone }) {
			c.old = append(c.old, oldSession{c.generation, c.lanes})
			return
		}
	}
}

// takeBackOld takes back what sessions that c replaced have created; c.mu is held.
func (s *suiteRun) takeBackOld(ctx context.Context, c *session) {
	for _, old := range c.old {
		w := s.teardown(old.generation, old.lanes)
		w.end("its session was replaced by a newer one")
		for _, step := range s.suite.Teardown {
			if sides := w.owes(step); len(sides) > 0 {
				w.takeBack(ctx, step, step.Name, sides)
			}
		}
		all := slices.Concat(s.suite.Setup, s.suite.Teardown)
		w.takeBackRest(ctx, all)
		w.result.Created = w.created(all)
		if len(w.result.Steps) == 0 {
			s.run.totals.AddCreated(w.result.Created)
			continue
		}
		s.run.record(s, w.finish())
	}
	c.old = nil
}

// teardown is the walk that ends a session.
func (s *suiteRun) teardown(generation int, lanes map[LaneKind]*lane) *walk {
	w := newWalk(s, s.partID("(teardown)", generation), s.run.now())
	w.born, w.lanes = generation, lanes
	w.result.Kind, w.result.At, w.result.Index = "teardown", s.suite.Pos.String(), s.cases.last
	return w
}

// partID names setup or teardown; a repeated one carries its number.
func (s *suiteRun) partID(part string, generation int) string {
	id := s.suite.Name
	if part != "" {
		id += "/" + part
	}
	if generation > 1 {
		id = fmt.Sprintf("%s~%d", id, generation)
	}
	return id
}

// setupNumber is the number in the id of a setup.
func setupNumber(id string) int {
	_, digits, _ := strings.Cut(id, "/(setup)~")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1
	}
	return n
}

// enterSession gives a walk its lanes. The reason is not empty when setup left nothing
// to build on, and the verdict is then that of the case.
func (s *suiteRun) enterSession(ctx context.Context, w *walk) (run.Verdict, string) {
	c := s.sessionOf(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	// Setup runs when it has not run, after a teardown, and when the session has grown old.
	// A judgement of kept answers never repeats setup by the clock: the run that asked did, and its
	// sessions have numbers.
	old := s.run.replay == nil && s.suite.Session != nil && s.suite.Session.TTL > 0 && c.lanes != nil &&
		s.run.now().Sub(c.born) >= s.suite.Session.TTL
	if c.lanes == nil || c.left || old {
		s.setup(ctx, c)
	}
	w.startFrom(c)
	if c.unusable != "" {
		w.barred = c.barred
		return c.verdict, c.unusable
	}
	c.handTo(w)
	return 0, ""
}

// sessionOf is the session that a walk starts from: the suite's, or where an earlier run is
// judged again that of the setup which the case had then.
func (s *suiteRun) sessionOf(w *walk) *session {
	number := s.run.past[w.id].session
	if number <= 1 {
		return &s.session
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.later == nil {
		s.later = map[int]*session{}
	}
	c := s.later[number]
	if c == nil {
		// The later setups of a merged run are the first ones of their shards.
		c = &session{generation: number - 1, passed: len(s.run.earlier.Header.Shards) == 0}
		s.later[number] = c
	}
	return c
}

// startFrom notes whose captures and cookies a walk has.
func (w *walk) startFrom(c *session) {
	w.born = c.generation
	if w.test != nil && c.generation > 1 && len(w.suite.suite.Setup) > 0 {
		w.result.Session = c.generation
	}
}

// sessions are the suite's session and the later ones of an earlier run, by their numbers.
func (s *suiteRun) sessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*session{&s.session}
	for _, number := range slices.Sorted(maps.Keys(s.later)) {
		all = append(all, s.later[number])
	}
	return all
}

// handTo copies the session's lanes into a walk; c.mu is held.
func (c *session) handTo(w *walk) {
	for kind, l := range c.lanes {
		if kind.crossing() && (w.test == nil || !w.test.Crossover) {
			continue
		}
		w.lanes[kind] = l.clone()
		w.offset[kind] = c.offset
		w.apart[kind] = c.apart[kind]
	}
}

// setup runs the suite's setup for a session, on every lane it needs; c.mu is held.
func (s *suiteRun) setup(ctx context.Context, c *session) {
	if !c.left {
		c.setAside()
	}
	c.generation++
	c.born, c.left = s.run.now(), false
	w := newWalk(s, s.partID("(setup)", c.generation), c.born)
	w.born = c.generation
	w.result.Kind, w.result.At = "setup", s.suite.Pos.String()
	for _, kind := range s.kinds() {
		w.lanes[kind] = newLane(kind)
		if kind.crossing() {
			w.lanes[kind].across(s)
		}
	}
	// Crossing lanes walk a setup that may be repeated themselves; what must not be sent twice
	// they take over from the straight lanes.
	if len(s.suite.Setup) > 0 {
		w.straight(ctx, s.suite.Setup, "")
		if slices.ContainsFunc(s.suite.Setup, func(step *scenarios.Step) bool { return !step.Repeatable() }) {
			// Setup created something: the crossing lanes carry on with the session of their first
			// side.
			w.inherit()
		} else {
			w.cross(ctx, s.suite.Setup, "")
		}
		w.result.Index = s.cases.first
		s.run.record(s, judge.BreakRefused(c.repeated(w.finish())))
	}
	// Cases of the session begin with what the setup left in each lane.
	c.lanes, c.apart, c.unusable, c.verdict = w.lanes, w.apart, "", 0
	c.barred = w.barred
	c.offset = max(w.offset[LaneCrossBlue], w.offset[LaneCrossGreen])
	switch {
	case w.guarded != "":
		c.unusable, c.verdict = "setup was not run: "+w.guarded, run.Skip
	case w.ended != "":
		c.unusable, c.verdict = "setup failed: "+w.ended, run.Broken
	}
}

// inherit gives the crossing lanes what the straight lane of their first side
// holds. A setup that leaves something behind is walked once a side: a second
// sign-up with the same data is a conflict, and with other data its answers could not
// be compared.
func (w *walk) inherit() {
	for kind, from := range map[LaneKind]LaneKind{LaneCrossBlue: LaneBlue, LaneCrossGreen: LaneGreen} {
		if w.lanes[kind] == nil {
			continue
		}
		l := w.lanes[from].clone()
		l.kind = kind
		l.across(w.suite)
		w.lanes[kind] = l
		w.offset[kind] = 1 // the next request goes to the other side
	}
}

// repeated turns a setup that fails after it has passed before into a broken one:
// what changed is not green but that setup was walked a second time. c.mu is held.
func (c *session) repeated(r *run.CaseResult) *run.CaseResult {
	if r.Verdict == run.Fail && c.passed {
		judge.Break(r, "setup passed before in this run and fails when it is walked again; its requests may need values that are new "+
			"each time ({{$uuid}})")
	}
	c.passed = c.passed || r.Verdict == run.Pass
	return r
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
	// Of several cases that notice the end at once, the first repeats setup and the others take what
	// it left.
	if c.generation == w.born {
		s.run.tokens.forget()
		s.setup(ctx, c)
	}
	if c.unusable != "" {
		return c.unusable
	}
	w.startFrom(c)
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
	// Which sides say that the session is over, of those that were asked.
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
	if !step.Repeatable() {
		return []string{fmt.Sprintf("answered %d, and is not sent again: it leaves something behind", status)}, false
	}
	if reason := w.suite.renew(ctx, w); reason != "" {
		return []string{"the session could not be renewed: " + reason}, false
	}
	for _, side := range over {
		kind := straightLane(side)
		again := w.shoot(ctx, step, w.scope(w.lanes[kind], side, step, name, now), run.PairKey(w.id, name, ""))
		if again.err == nil {
			*shots[side] = *again
		}
		notes = append(notes, fmt.Sprintf("%s answered %d: the session was renewed and the step sent again", side, status))
	}
	return notes, len(over) < askedSides
}

// endSession runs the suite's teardown: after its last case, and after its load when
// that made its own session. Who enters later begins a new session. Where an
// earlier execution was killed between its last case and its teardown, setup runs
// again first: the teardown is judged like any other part, and may differ.
func (s *suiteRun) endSession(ctx context.Context) {
	for _, c := range s.sessions() {
		s.end(ctx, c)
	}
}

// end runs the teardown of one session.
func (s *suiteRun) end(ctx context.Context, c *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A run that continues another one owes the teardown of a setup that ran then: the session is
	// set up again to have what the teardown needs.
	if c == &s.session && c.lanes == nil && s.owesTeardown && len(s.suite.Teardown) > 0 && ctx.Err() == nil {
		s.owesTeardown = false
		s.setup(ctx, c)
	}
	if c.lanes == nil || c.left {
		return
	}
	c.left = true
	s.takeBackOld(ctx, c)
	// Without a teardown what the setup created stays, and is listed.
	if len(s.suite.Teardown) == 0 {
		w := newWalk(s, s.suite.Name+"/(setup)", s.run.now())
		w.lanes = c.lanes
		s.run.totals.AddCreated(w.created(s.suite.Setup))
		return
	}
	w := s.teardown(c.generation, c.lanes)
	w.ended, w.barred = c.unusable, c.barred
	for kind := range c.lanes {
		w.offset[kind], w.apart[kind] = c.offset, c.apart[kind]
	}
	w.walkBack(ctx, s.suite.Setup, s.suite.Teardown)
	w.result.Created = w.created(slices.Concat(s.suite.Setup, s.suite.Teardown))
	s.run.record(s, w.finish())
}

// excuse takes the weight from what could not even be sent because an earlier
// part ended too soon: a sign-out without a sign-in is not a finding.
func (w *walk) excuse(reason string) {
	for i := range w.result.Steps {
		s := &w.result.Steps[i]
		if s.Verdict == run.Broken && s.Blue == nil && s.Green == nil {
			s.Verdict, s.Barred, s.Reasons = run.Skip, w.barred, append([]string{reason}, s.Reasons...)
		}
	}
}
