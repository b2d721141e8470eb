package runner

import (
	"context"
	"fmt"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Rejudge walks the plan again with the exchanges that an earlier run kept
// instead of sending anything: the suites may have other rules and expectations
// since. Judge and everything around it are the ones of Execute.
//
//  1. A step that the earlier run did not send is broken where it would now be
//     needed: nothing can be said about an answer that nobody asked for.
//  2. What is no matter of rules stays as it was found: load stages, identities,
//     reachability, and an end that came too early.
//  3. What passed only after a retry then is flaky now: the answers kept are the
//     last ones.
//  4. A rule, expectation or condition that needs more of a hidden value than the
//     archive kept (equality, type, formats) could not be compared: broken.
//  5. A condition of polling is held against the last answer that was kept.
func Rejudge(ctx context.Context, plan *Plan, from *run.Run, sink run.Sink, progress func(Progress)) (*run.End, error) {
	e := newExecution(plan, sink, progress)
	e.replay = from.Pair
	e.earlier = from
	var err error
	if e.flaky, err = flakyOf(from); err != nil {
		return nil, err
	}
	return e.execute(ctx)
}

// flakyOf are the ids of what passed only after a retry (rule 3).
func flakyOf(from *run.Run) (map[string]bool, error) {
	ids := map[string]bool{}
	if from.Cases == nil {
		return ids, nil
	}
	for r, err := range from.Cases {
		if err != nil {
			return nil, fmt.Errorf("read the run that is judged again: %w", err)
		}
		if r.Flaky {
			ids[r.ID] = true
		}
	}
	return ids, nil
}

// judgeAgain does what judge does, without sending.
func (e *execution) judgeAgain(ctx context.Context, o *outcome) {
	planned := e.planned()
	e.board.update(func(p *Progress) { p.Phase, p.Total = Comparing, planned.Cases })
	if e.plan.Options.Part != OnlyLoad {
		o.compared = true
		e.compareAll(ctx, nil)
	}
	if e.plan.Options.Part == OnlyCompare || ctx.Err() != nil {
		return
	}
	for _, l := range e.earlier.Loads { // Rule 2
		if l.Suite >= 0 && l.Suite < len(e.plan.Suites) {
			o.loads = append(o.loads, l)
			e.emit(run.Event{Load: &l})
			e.keepExamples(&l)
		}
	}
	o.loaded = len(o.loads) == planned.Loads
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
	to := pick(sc.side, w.suite.blue, w.suite.green).service(step.Service)
	if to == nil {
		to = &service{side: sc.side, name: step.Service}
	}
	s := &shot{out: &outgoing{to: to}, x: x, answer: judge.NewAnswer(x), lacks: sc.lane.jar.Withheld(x.URL)}
	sc.lane.jar.Set(x.URL, x)
	if pair != nil {
		s.answer.Hidden = pair.Hidden
	}
	if step.Poll != nil {
		switch ok, why, err := judge.Holds(&step.Poll.Until, sc.side, s.answer, sc); {
		case err != nil:
			return &shot{err: fmt.Errorf("poll: %w", err)}
		case !ok:
			s.wait = "poll: the condition does not hold for the last answer that was kept: " + why
		}
	}
	return s
}
