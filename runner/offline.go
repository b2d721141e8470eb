package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Rejudge walks the plan again with the exchanges that an earlier run kept
// instead of sending anything: the suites may have other rules and expectations
// since. Judge and everything around it are the ones of Execute.
//
//  1. A step that the earlier run did not send is broken where it would now be
//     needed: nothing can be said about an answer that was not asked for.
//  2. What is no matter of rules stays as it was found: load stages, identities,
//     reachability, and an end that came too early.
//  3. What passed only after a retry then is flaky now: the answers kept are the
//     last ones.
//  4. A rule, expectation or condition that needs more of a hidden value than the
//     archive kept (equality, type, formats) could not be compared: broken.
//  5. A case starts from what its own setup left, where the run had several: a session was
//     renewed, or the shards of a plan were merged.
//  6. A condition of polling is held against the last answer that was kept.
func Rejudge(ctx context.Context, plan *Plan, from *run.Run, sink run.Sink, progress func(Progress)) (*run.End, error) {
	e := newExecution(plan, sink, progress)
	e.replay = from.Pair
	e.earlier = from
	var err error
	if e.past, err = pastOf(from); err != nil {
		return nil, err
	}
	return e.execute(ctx)
}

// A past is what an earlier run knows of a case, setup or teardown.
type past struct {
	flaky   bool // it passed only after a retry (rule 3)
	session int  // number of the setup whose session the case had; see run.CaseResult
}

// pastOf is what a run knows beyond its exchanges, by id. What passed at once after the first
// setup is left out.
func pastOf(from *run.Run) (map[string]past, error) {
	known := map[string]past{}
	if from.Cases == nil {
		return known, nil
	}
	for r, err := range from.Cases {
		if err != nil {
			return nil, fmt.Errorf("read the run that is judged again: %w", err)
		}
		if of := (past{r.Flaky, r.Session}); of != (past{}) {
			known[r.ID] = of
		}
	}
	return known, nil
}

// judgeAgain does what judge does, without sending.
func (e *execution) judgeAgain(ctx context.Context, o *outcome) {
	planned := e.planned()
	if !e.askClusters(ctx, o) {
		return
	}
	e.board.update(func(p *Progress) { p.Phase, p.Total = Comparing, planned.Cases })
	if e.plan.Options.Part != OnlyLoad {
		o.Compared = true
		if e.live != nil {
			e.live.serveAll(o)
			return
		}
		e.compareAll(ctx, nil)
	}
	if e.plan.Options.Part == OnlyCompare || ctx.Err() != nil {
		return
	}
	for _, l := range e.earlier.Loads { // Rule 2
		if l.Suite >= 0 && l.Suite < len(e.plan.Suites) {
			o.Loads = append(o.Loads, l)
			e.emit(run.Event{Load: &l})
			e.keepExamples(&l)
		}
	}
	o.Loaded = len(o.Loads) == planned.Loads
}

// keepExamples copies the exchanges that a load stage's findings rest on.
func (e *execution) keepExamples(l *run.LoadResult) {
	if l.Judging == nil {
		return
	}
	for i := range l.Judging.Examples {
		key := l.Judging.Examples[i].Exchange
		switch pair, err := e.replay(key); {
		case err != nil:
			e.fail(fmt.Errorf("read the exchange %s: %w", key, err))
		case pair != nil:
			pair.Key = key
			e.emit(run.Event{Pair: pair})
		}
	}
}

// replayed is a shot of the exchange that an earlier run kept.
func (w *walk) replayed(step *scenarios.Step, sc *scope, key string) *shot {
	pair, err := w.suite.run.replay(key)
	var x *wire.Exchange
	if err == nil && pair != nil {
		x = pick(sc.side, pair.Blue, pair.Green)
	}
	if x == nil {
		detail := "the run that is judged again did not send it"
		if err != nil {
			detail = err.Error()
		}
		x = &wire.Exchange{Method: step.Request.Method, Err: &wire.Err{Class: wire.ClassRequest, Detail: detail}}
	}
	// The suite may have been changed since: a service that it no longer has is only a name here.
	to := pick(sc.side, w.suite.blue, w.suite.green).Find(step.Service)
	if to == nil {
		to = &services.Service{Side: sc.side, Name: step.Service}
	}
	s := &shot{out: &outgoing{to: to}, x: x, answer: judge.NewAnswer(x), lacks: sc.lane.jar.Withheld(x.URL)}
	sc.lane.jar.Set(x.URL, x)
	if pair != nil {
		s.answer.Hidden = pair.Hidden
	}
	if step.Poll != nil {
		switch ok, why, err := w.suite.judgedBy(step).Arrived(sc.side, s.answer, sc); {
		case err != nil:
			return &shot{err: fmt.Errorf("poll: %w", err)}
		case !ok:
			s.wait = "poll: the condition does not hold for the last answer that was kept: " + why
		}
	}
	return s
}

// A Preview is one request as a run would send it. What only an answer can give
// (a capture) appears as its placeholder: {{token}}.
type Preview struct {
	// Case is the id, or the suite with (setup) or (teardown).
	Case string `json:"case"`
	// Step is the step with its round.
	Step string `json:"step"`
	// Side is blue or green.
	Side   string `json:"side"`
	Method string `json:"method"`
	// URL is absolute, below the side's base URL.
	URL string `json:"url"`
	// Headers are in the order in which they would be sent.
	Headers []NameValue `json:"headers"`
	// Body is text as it would be sent.
	Body string `json:"body,omitempty"`
}

// A NameValue is one header field of a preview.
type NameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// DryRun renders every request of the plan in its order and sends nothing. A
// request that cannot be rendered is an error, and the rest goes on. Credentials
// are made known to secret before they are yielded.
func DryRun(plan *Plan, secret func(name, value string)) iter.Seq2[*Preview, error] {
	return func(yield func(*Preview, error) bool) {
		e, err := declared(plan, secret)
		if err != nil {
			yield(nil, err)
			return
		}
		defer e.pool.Close()
		for _, s := range e.suites {
			if !s.preview(yield) {
				return
			}
		}
	}
}

// secretsOnly is the Sink of a dry run: it keeps no event.
type secretsOnly func(name, value string)

// Secret tells a value that must not be shown.
func (s secretsOnly) Secret(name, value string) { s(name, value) }

// Emit keeps no event.
func (s secretsOnly) Emit(run.Event) error { return nil }

// LoadFile is never asked for: nothing is sent.
func (s secretsOnly) LoadFile(string) (run.RecordWriter, error) {
	return nil, errors.New("a dry run keeps no records")
}

// preview renders setup, cases with their rows, and teardown.
func (s *suiteRun) preview(yield func(*Preview, error) bool) bool {
	w := newWalk(s, s.suite.Name+"/(setup)", s.run.board.started)
	if !w.preview(s.suite.Setup, "", yield) {
		return false
	}
	for _, c := range s.suite.Cases {
		for j := range s.rows(c, 0) {
			if j.err != nil {
				return yield(nil, j.err)
			}
			w := j.walk(s.run.board.started)
			w.declare()
			if c.Skip == "" && (!w.preview(c.Steps, "", yield) || !w.preview(c.Cleanup, "cleanup: ", yield)) {
				return false
			}
		}
	}
	w = newWalk(s, s.suite.Name+"/(teardown)", s.run.board.started)
	return w.preview(s.suite.Teardown, "", yield)
}

// preview renders the requests of steps to both sides, every round of them. It is false when
// the reader has seen enough.
func (w *walk) preview(steps []*scenarios.Step, prefix string, yield func(*Preview, error) bool) bool {
	for step, name := range rounds(steps, prefix) {
		for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
			if step.SentTo(side) && !yield(w.previewOne(step, name, side)) {
				return false
			}
		}
	}
	return true
}

// previewOne renders one request. Signatures are not made: they would be those of another
// moment.
func (w *walk) previewOne(step *scenarios.Step, name string, side scenarios.Side) (*Preview, error) {
	sc := w.scope(newLane(straightLane(side)), side, step, name, w.started)
	// What a step captures is not known before it is sent; its placeholder is shown in its place.
	sc.loose = w.suite.captureNames()
	out, err := w.compose(context.Background(), step, sc)
	if err != nil {
		return nil, fmt.Errorf("%s: step %q: %s: %w", w.id, name, side, err)
	}
	p := &Preview{
		Case: w.id, Step: name, Side: side.String(), Method: out.request.Method, URL: out.request.URL,
		Body: string(out.request.Body),
	}
	for _, f := range out.request.Headers {
		p.Headers = append(p.Headers, NameValue(f))
	}
	p.URL = unescapeLoose(p.URL, sc.loose)
	return p, nil
}

// unescapeLoose shows the placeholders that only an answer can give as they are
// written: a path or query escapes their braces.
func unescapeLoose(address string, loose map[string]bool) string {
	for capture := range loose {
		for _, escaped := range []string{"%7B%7B" + capture + "%7D%7D", "%7b%7b" + capture + "%7d%7d"} {
			address = strings.ReplaceAll(address, escaped, "{{"+capture+"}}")
		}
	}
	return address
}

// captureNames are the names that the suite's steps capture.
func (s *suiteRun) captureNames() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.captures == nil {
		s.captures = map[string]bool{}
		verdict.EachStep(s.suite, func(step *scenarios.Step) {
			for _, c := range step.Captures {
				s.captures[c.Name] = true
			}
		})
	}
	return s.captures
}
