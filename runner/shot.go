package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// shoot makes a step's request for one lane and sends it, again where the step
// polls or retries.
func (w *walk) shoot(ctx context.Context, step *scenarios.Step, sc *scope, key string) *shot {
	if w.suite.run.replay != nil {
		s := w.replayed(step, sc, key)
		if s.err == nil {
			sc.lane.noteEffects(step, sc, s.x, false)
		}
		return s
	}
	sc.lane.misled = false
	out, err := w.compose(ctx, step, sc)
	if err == nil {
		err = needsHidden(sc.lane.hidden, out.request)
	}
	if err != nil {
		return &shot{err: err}
	}
	s := &shot{out: out, lacks: sc.lane.jar.Withheld(out.to.Logical(out.request.URL)), misled: sc.lane.misled}
	if step.Poll == nil {
		s.attempt(ctx, w, step, sc)
		return s
	}
	// Polling ends when the condition holds, when the next request would come too late, or
	// when nothing can be said. An answer that failed on the way is counted: see ill.
	begun := w.suite.run.now()
	for tries := 1; ; tries++ {
		if s.attempt(ctx, w, step, sc); s.err != nil {
			return s
		}
		ok, why, err := w.suite.judgedBy(step).Arrived(sc.side, s.answer, sc)
		switch {
		case err != nil:
			return &shot{err: fmt.Errorf("poll: %w", err)}
		case ok, s.x.Err != nil && s.x.Err.Class == wire.ClassCanceled:
			return s
		case w.suite.run.now().Sub(begun)+step.Poll.Every > step.Poll.UpTo:
			s.wait = fmt.Sprintf("poll: the condition does not hold after %s and %d requests: %s", step.Poll.UpTo, tries, why)
			return s
		case s.x.Err != nil, s.x.Status >= 500: // no waiting for business: the service failed
			s.ill++
		}
		if Sleep(ctx, step.Poll.Every) != nil {
			s.x.Err = &wire.Err{Class: wire.ClassCanceled, Detail: "the run was stopped while polling"}
			return s
		}
	}
}

// attempt sends the request, and again after a failure that the step retries.
// A request that leaves something behind is sent once, whatever happens.
func (s *shot) attempt(ctx context.Context, w *walk, step *scenarios.Step, sc *scope) {
	// A request that changes something is not cut off by a stop: its answer says what has to be taken
	// back.
	sending := ctx
	if !step.Repeatable() && ctx.Err() == nil { // it must not be cut in its middle
		whole, release := lasting(ctx, wholeGrace)
		defer release()
		sending = whole
	}
	for {
		if s.x, s.err = w.deliver(sending, s.out, func() { w.intend(step, sc) }); s.err != nil {
			return
		}
		s.answer = judge.NewAnswer(s.x)
		if see := w.suite.run.plan.World.Tampered; see != nil {
			s.tampered = see(s.x)
		}
		// Effects come before retries: a second sending of a compensated step has created a second
		// thing.
		sc.lane.noteEffects(step, sc, s.truth(), s.misled)
		if s.x.Err == nil {
			sc.lane.jar.Set(s.out.to.Logical(s.out.request.URL), s.x)
		}
		if step.Retry == nil || s.retried >= step.Retry.Max || !step.Repeatable() || !retryable(step.Retry, s.x) {
			return
		}
		if Sleep(ctx, step.Retry.Wait) != nil {
			return
		}
		s.retried++
	}
}

// wholeGrace is how long a request that leaves something behind may go on after
// its run was stopped: without its answer it is not known what to take back.
const wholeGrace = 5 * time.Second

// intend logs that an unsafe request is about to leave, so that a killed run
// knows what it may have done.
func (w *walk) intend(step *scenarios.Step, sc *scope) {
	if !step.Repeatable() && w.loaded == nil {
		w.suite.run.emit(run.Event{Intent: &run.Intent{Case: w.id, Step: sc.step, Side: sc.side.String(), Began: w.started}})
	}
}

// retryable reports whether a retry names what happened. connect names every
// way in which no connection came about.
func retryable(r *scenarios.Retry, x *wire.Exchange) bool {
	if x.Err == nil {
		return slices.Contains(r.Statuses, x.Status)
	}
	if slices.Contains(r.Failures, string(x.Err.Class)) {
		return true
	}
	switch x.Err.Class {
	case wire.ClassDNS, wire.ClassRefused, wire.ClassConnect, wire.ClassTLS:
		return slices.Contains(r.Failures, string(wire.ClassConnect))
	default:
		return false
	}
}

// A captured is what one capture of a step came to on one lane.
type captured struct {
	of    *judge.Capture
	value scenarios.Value
	ok    bool // there is a value
	// checks is what it counts as in the step's result: one expectation, or none where the side
	// was not asked or gave no answer.
	checks []run.Expectation
}

// captures reads a step's captures from both sides' answers into their lanes, before the pair is
// judged.
func (w *walk) captures(step *scenarios.Step, blue, green *shot) []run.Expectation {
	var out []run.Expectation
	onBlue, onGreen := w.captureAll(step, w.lanes[LaneBlue], blue), w.captureAll(step, w.lanes[LaneGreen], green)
	for i, b := range onBlue {
		g := &onGreen[i]
		out = slices.Concat(out, b.checks, g.checks)
		if b.of.Same && b.ok && g.ok {
			out = append(out, captureCheck("both", b.of, "is the same on both sides", judge.SameValue(b.value, g.value),
				text.Cut(b.value.JSON, run.MaxGot)+" and "+text.Cut(g.value.JSON, run.MaxGot)))
		}
	}
	return out
}

// captureAll reads the captures of a step from one answer into its lane, in their order.
func (w *walk) captureAll(step *scenarios.Step, l *lane, s *shot) []captured {
	var out []captured
	for _, c := range w.suite.judgedBy(step).Captures {
		out = append(out, w.capture(c, l, s))
		w.captureTruth(c, l, s)
		l.keepValue(step, c.Name)
	}
	return out
}

// capture reads one value into a lane. A failed exchange is not asked: its own
// failure says enough.
func (w *walk) capture(c *judge.Capture, l *lane, s *shot) captured {
	out := captured{of: c}
	if s == nil || s.answer == nil || s.answer.Err != nil {
		return out
	}
	v, err := c.Find(s.answer)
	side := s.out.to.Side.String()
	if err != nil {
		check := captureCheck(side, c, "finds a value", false, err.Error())
		if c.Regex != "" && s.answer.Hidden.In(c.Source(s.answer)) {
			check.Got, check.Failure = run.NotKept, run.ValueHidden
		}
		out.checks = []run.Expectation{check}
		return out
	}
	l.captures[c.Name] = v
	w.declareValue(c.Name, v, w.tellSecret)
	out.value, out.ok = v, true
	out.checks = []run.Expectation{captureCheck(side, c, "finds a value", true, text.Cut(v.JSON, run.MaxGot))}
	return out
}

// declareValue makes a value unreadable where its name is a secret of the suite.
func (w *walk) declareValue(name string, v scenarios.Value, secret func(name, value string)) {
	if slices.Contains(w.suite.suite.Secrets, name) && v.Text != "" {
		secret(name, v.Text)
	}
}

// captureCheck is what a capture came to as an expectation of its step.
func captureCheck(side string, of *judge.Capture, what string, ok bool, got string) run.Expectation {
	return run.Expectation{Side: side, What: "capture " + of.Name + " " + what, OK: ok, Got: got, At: judge.PosText(of.Pos)}
}

// Tampered is an answer that a proxy broke on purpose.
type Tampered struct {
	What string         // was done to it, for people
	True *wire.Exchange // as the service gave it
}

// planted describes the faults in the answers of a step.
func planted(rules *judge.StepRules, shots ...*shot) []run.PlantedFault {
	var out []run.PlantedFault
	for _, s := range shots {
		if s == nil || s.tampered == nil || s.answer == nil {
			continue
		}
		f := run.PlantedFault{What: s.tampered.What}
		// Without rules no difference means that nothing can notice the fault. Where rules hide
		// it, the report names them.
		// Broken on purpose: is what the case saw, was what the service sent.
		is, was := s.answer.Message(), judge.NewAnswer(s.tampered.True).Message()
		if bare := diff.CompareMessages(was, is, nil, nil); bare.Equal() {
			f.Invisible = true
		} else if under := diff.CompareMessages(was, is, rules.Apart(judge.Lag(s.x, s.x)).Full, nil); under.Equal() {
			f.Rules = hiddenBy(under.Rules)
		}
		out = append(out, f)
	}
	return out
}

// hiddenBy names the rules that removed a difference.
func hiddenBy(rules []diff.RuleCount) []string {
	var out []string
	for _, r := range rules {
		if r.Hits > 0 {
			out = append(out, r.Origin)
		}
	}
	if len(out) == 0 {
		return []string{"a rule or mode that leaves it out"}
	}
	return out
}

// truth is the answer as the service gave it.
func (s *shot) truth() *wire.Exchange {
	if s.tampered != nil {
		return s.tampered.True
	}
	return s.x
}

// captureTruth keeps what a capture would have found in the true answer, where the
// broken one has something else: what was created can then be taken back.
func (w *walk) captureTruth(c *judge.Capture, l *lane, s *shot) {
	delete(l.truth, c.Name)
	if s == nil || s.tampered == nil {
		return
	}
	v, err := c.Find(judge.NewAnswer(s.tampered.True))
	if err != nil || judge.SameValue(v, l.captures[c.Name]) {
		return
	}
	if l.truth == nil {
		l.truth = map[string]scenarios.Value{}
	}
	l.truth[c.Name] = v
	w.declareValue(c.Name, v, w.suite.run.secret)
}

// confirm fires a pair that differs again: blue, blue, green, as often as the
// case says. It tells a difference that is always there from one that comes and
// goes, and from a blue that disagrees with itself. It labels; a failure stays one.
func (w *walk) confirm(ctx context.Context, step *scenarios.Step, name string, rules *judge.StepRules, r *run.StepResult) {
	if w.test == nil || w.test.Confirm == 0 || r.DifferencesTotal == 0 || !step.Repeatable() || w.suite.run.replay != nil {
		return
	}
	differs, unstable, rounds := 1, 0, 1
	for i := range w.test.Confirm {
		now := w.suite.run.now()
		key := run.PairKey(w.id, fmt.Sprintf("%s!%d", name, i+1), "")
		again := func(side scenarios.Side) *judge.Answer {
			kind := straightLane(side)
			// A copy of the lane: a confirmation leaves no trace in the walk.
			s := w.shoot(ctx, step, w.scope(w.lanes[kind].clone(), side, step, name, now), key)
			if s.err != nil || s.x.Err != nil {
				return nil
			}
			return s.answer
		}
		// Blue twice, so that a blue that is never twice the same is told from a green that differs.
		first, second, green := again(scenarios.Blue), again(scenarios.Blue), again(scenarios.Green)
		if first == nil || second == nil || green == nil {
			continue
		}
		rounds++
		self := diff.CompareMessages(first.Message(), second.Message(), rules.Apart(judge.Lag(first.Exchange, second.Exchange)).Plain, nil)
		if !self.Equal() {
			unstable++
		}
		other := diff.CompareMessages(second.Message(), green.Message(), rules.Apart(judge.Lag(second.Exchange, green.Exchange)).Full, nil)
		if !other.Equal() {
			differs++
		}
	}
	note := fmt.Sprintf("confirm: green differs in %d/%d", differs, rounds)
	if unstable > 0 {
		note += fmt.Sprintf("; blue disagrees with itself in %d/%d", unstable, rounds-1)
	}
	r.Notes = append(r.Notes, note)
}
