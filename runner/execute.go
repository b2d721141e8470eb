package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/asks"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// Execute walks the plan and emits what happens into the sink. The End carries
// the verdict, also of a run that was broken or interrupted; the error is not
// nil only when the sink could not keep the events, and the verdict is then at
// least Broken. progress may be nil.
//
// What it does, in order:
//
//  1. Begin is emitted before anything is sent.
//  2. The clusters that the sides run on are asked, where the env file names them. Where
//     green is not ready nothing is sent.
//  3. Preflight: the services are reachable, the sides are two places, and they
//     are what they should be.
//  4. Cases in parallel under the limit, then requests that ask how both sides are
//     reached, then the load stages.
//  5. The identities once more, the accounts, and the verdict.
func Execute(ctx context.Context, plan *Plan, sink run.Sink, progress func(Progress)) (*run.End, error) {
	return newExecution(plan, sink, progress).execute(ctx)
}

// SchemaVersion is the version of the header and of what follows it.
const SchemaVersion = 1

// ready makes the suites of an execution ready. Where one cannot be, the error names all reasons
// and the connections are closed.
func (e *execution) ready() error {
	problems := e.build()
	if len(problems) == 0 {
		return nil
	}
	e.pool.Close()
	return errors.New(strings.Join(problems, "; "))
}

// newExecution makes an execution of a plan that has not begun. Execute, Rejudge, Merge and the
// functions that send nothing (Refused, Unprovable, DryRun) all start from it.
func newExecution(plan *Plan, sink run.Sink, progress func(Progress)) *execution {
	e := &execution{plan: plan, sink: sink, totals: verdict.NewTotals(len(plan.Suites)), walked: map[string]*walkedCase{}}
	// What suites are called over is the same for all of them, so it is the pool's.
	e.pool.Root, e.pool.Guard, e.pool.MaxBody = plan.World.Root, plan.World.Guard, plan.World.MaxBody
	e.board = &board{listen: progress, now: plan.World.Now, started: plan.World.Now()}
	if plan.Env != nil && plan.Env.Limits.MaxRPS > 0 {
		e.pace.gap = time.Duration(float64(time.Second) / plan.Env.Limits.MaxRPS)
		e.pace.next = map[string]time.Time{}
	}
	return e
}

// execute is Execute for a run, a judgement of kept exchanges, and a merge: they differ in where
// results come from, and share everything before and after. The End is made even when the sink
// failed: an exit status must follow from a verdict, never from a missing file.
func (e *execution) execute(outer context.Context) (*run.End, error) {
	defer e.pool.Close()
	ctx, stop := context.WithCancelCause(outer)
	defer stop(errDone)
	e.stop = stop
	var release context.CancelFunc
	e.lasting, release = lasting(ctx, takeBackGrace)
	defer release()
	// The limit ends the same context as a failure of the sink; the cause says which of them it was.
	if d := e.plan.Options.Timeout; d > 0 {
		timer := time.AfterFunc(d, func() { stop(errTimeout) })
		defer timer.Stop()
	}
	// Secrets come before the first event: the sink hides only what it knows.
	o := &outcome{begun: e.now(), audit: e.plan.Audit}
	e.declare()
	e.emit(run.Event{Begin: e.header(o.begun)})
	if e.suites == nil {
		o.Setup = e.build()
	}
	if len(o.Setup) == 0 {
		e.declareVariables()
		switch {
		case e.shards != nil:
			e.mergeShards(ctx, o)
		case e.replay != nil:
			e.judgeAgain(ctx, o)
		default:
			e.judge(ctx, o)
		}
	}
	// Why the run ended: a limit or the sink ends the inner context, a signal the outer one.
	o.cause = context.Cause(ctx)
	if o.cause == nil {
		o.cause = outer.Err()
	}
	e.board.update(func(p *Progress) { p.Phase = Finishing })
	e.endClusters(o)
	end := verdict.Conclude(e.inputs(o))
	// A sink that could not keep an event has no use for the End either.
	if failure := e.failed(); failure != nil {
		return end, failure
	}
	if err := e.sink.Emit(run.Event{End: end}); err != nil {
		end.Verdict = end.Verdict.Worse(run.Broken)
		end.Reasons = append(end.Reasons, err.Error())
		return end, fmt.Errorf("keep the run's events: %w", err)
	}
	return end, nil
}

// An outcome is what the parts of a run came to, before the verdict.
type outcome struct {
	verdict.Outcomes
	// begun is when the execution began, whatever the header says of a continued run.
	begun time.Time
	// audit is the plan's, with what was found out since.
	audit run.Audit
	// cause is why the run ended early; nil: it did not.
	cause error
}

// build makes the suites ready; what cannot be is said.
func (e *execution) build() []string {
	var problems []string
	for i, suite := range e.plan.Suites {
		s, err := newSuiteRun(e, i, suite)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		e.suites = append(e.suites, s)
	}
	e.layOutPlan()
	planned := e.planned()
	e.cases = planned.Cases
	if len(problems) == 0 && planned.Cases+planned.Loads == 0 && e.live == nil {
		problems = append(problems, "nothing to run: the plan has no case and no load stage")
	}
	return problems
}

// judge does everything that is sent.
func (e *execution) judge(ctx context.Context, o *outcome) {
	planned := e.planned()
	if !e.askClusters(ctx, o) {
		return
	}
	e.board.update(func(p *Progress) { p.Phase, p.Total = Preflight, planned.Cases })
	o.Reached = e.preflight(ctx)
	if o.Reached.Stop != "" || ctx.Err() != nil {
		return
	}
	o.Identity = e.identify(ctx)
	if o.Identity.Stop || ctx.Err() != nil {
		return
	}
	// A run that goes on has cases of its first execution. If the sides are others now, no case can be
	// judged next to those.
	if o.Changed = o.Identity.Since(e.plan.Before); len(o.Changed) > 0 {
		return
	}
	if o.Identity.Asked > 0 {
		e.emit(run.Event{Sides: o.Identity.Sides(e.sides())})
	}
	if e.live != nil {
		o.Compared = true
		e.live.serveAll(o)
		e.identifyAgain(ctx, o)
		return
	}
	// Whoever continues a run first counts what the earlier execution brought to an end.
	done, err := e.resume()
	if err != nil {
		o.Setup = append(o.Setup, err.Error())
		return
	}
	if e.plan.Options.Part != OnlyLoad {
		e.board.update(func(p *Progress) { p.Phase = Comparing })
		o.Compared = true
		for _, s := range e.suites {
			s.recoverSetup(ctx)
		}
		e.compareAll(ctx, done)
		e.endSessions(ctx)
	}
	if ctx.Err() == nil && !e.halted() {
		o.Transport = e.askTransport(ctx) // not before the cases: they see a cold green
	}
	if e.plan.Options.Part != OnlyCompare && ctx.Err() == nil && !e.halted() {
		o.Loaded = true
		o.Loads = e.loadAll(ctx)
	}
	if o.Compared && ctx.Err() == nil {
		o.Slow = e.findSlow(ctx, o.Loads)
	}
	e.identifyAgain(ctx, o)
}

// identifyAgain asks the identities once more at the end: both sides must still be what they
// were, as a deployment in the middle of a run spoils it.
func (e *execution) identifyAgain(ctx context.Context, o *outcome) {
	if o.Identity.Asked == 0 || ctx.Err() != nil {
		return
	}
	after := e.identify(ctx)
	if ctx.Err() == nil {
		o.Changed = append(o.Identity.Changed(after), after.News(o.Identity)...)
	}
}

// endSessions ends the sessions of a run that was stopped before the last case of
// their suite.
func (e *execution) endSessions(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	for _, s := range e.suites {
		s.endSession(ctx)
	}
}

// resume counts the results of an earlier execution and says which places of the
// plan they fill.
func (e *execution) resume() (map[int]bool, error) {
	done := map[int]bool{}
	if e.plan.Done == nil {
		return done, nil
	}
	// Both are by suite: whether it sent anything, and whether its teardown has a result.
	begun, left := map[int]bool{}, map[int]bool{}
	for r, err := range e.plan.Done {
		if err != nil {
			return nil, fmt.Errorf("read what the earlier run did: %w", err)
		}
		if r.Suite < 0 || r.Suite >= len(e.suites) {
			return nil, fmt.Errorf("the earlier run's case %s belongs to suite %d of %d: the plan is another one", r.ID, r.Suite,
				len(e.suites))
		}
		// Setups and teardowns have no place of their own: a suite that began anything owes a
		// teardown until it has one.
		if r.Kind == "" {
			done[r.Index] = true
		}
		begun[r.Suite] = begun[r.Suite] || r.Requests != run.PerSide{}
		left[r.Suite] = left[r.Suite] || r.Kind == "teardown"
		if r.Kind == "setup" { // the next one is another: cases name the one that they had
			c := &e.suites[r.Suite].session
			c.generation = max(c.generation, setupNumber(r.ID))
		}
		e.totals.Add(e.suites[r.Suite].facts(), r)
		if err := e.noteDone(r); err != nil {
			return nil, err
		}
	}
	for i, suite := range e.suites {
		suite.owesTeardown = begun[i] && !left[i]
	}
	return done, nil
}

// planned counts what the run sets out to do.
func (e *execution) planned() run.Planned {
	if e.live != nil {
		return e.live.planned()
	}
	p := run.Planned{OfCases: e.plan.Whole.Cases, OfLoads: e.plan.Whole.Loads}
	for _, suite := range e.plan.Suites {
		cases, loads := e.plan.Options.Part.of(suite)
		p.Cases, p.Loads = p.Cases+cases, p.Loads+loads
	}
	return p
}

// header is the first event.
func (e *execution) header(begun time.Time) *run.Header {
	if !e.plan.Started.IsZero() {
		begun = e.plan.Started
	}
	// Everything that a reader needs to repeat the run, and nothing that is only known later.
	h := &run.Header{
		Schema: SchemaVersion, ID: e.plan.ID, Tool: e.plan.Tool, Started: begun, Seed: e.plan.Options.Seed, Parent: e.plan.Parent,
		Answered: e.plan.Answered,
		Planned:  e.planned(), Audit: e.plan.Audit, Flags: e.plan.Flags, Verb: e.plan.Verb, Stage: e.plan.Stage,
		Clients: e.live != nil, Env: e.plan.Machine, Sides: e.sides(), Added: addedHeaders, Narrowed: e.plan.Narrowed,
		Paths: e.plan.Paths, Asks: e.plan.Asks, Weaker: e.plan.Weaker, Shards: e.plan.Shards,
	}
	for _, suite := range e.plan.Suites {
		head := run.SuiteHead{
			Name: suite.Name, File: suite.Pos.File, Service: suite.Service, Owner: suite.Owner, Wave: suite.Wave,
			Gate: verdict.GateOf(suite).String(), Number: suite.Numbers.String(),
		}
		head.Cases, head.Loads = e.plan.Options.Part.of(suite)
		h.Suites = append(h.Suites, head)
	}
	return h
}

// declare makes secrets that are known from the start unreadable: those of the
// environment and of flags. Variables follow when their suites are ready.
func (e *execution) declare() {
	for _, suite := range e.plan.Suites {
		for _, name := range suite.Secrets {
			e.declareSecret(name)
		}
	}
}

// declareSecret is declare for one name.
func (e *execution) declareSecret(name string) {
	if e.plan.World.Getenv != nil {
		if v, _ := e.plan.World.Getenv(name); v != "" {
			e.secret(name, v)
		}
	}
	for _, v := range e.plan.Vars {
		if v.Name == name && v.Value != "" {
			e.secret(name, v.Value)
			e.secret(name, v.Typed().Text)
		}
	}
}

// declareVariables makes the values of secret variables unreadable, on both sides.
func (e *execution) declareVariables() {
	for _, s := range e.suites {
		w := newWalk(s, s.suite.Name+"/(setup)", e.now())
		for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
			sc := w.scope(newLane(straightLane(side)), side, nil, "", w.started)
			for _, name := range s.suite.Secrets {
				v, _, _ := sc.Lookup(name) // without a value it is empty, and not a secret
				w.declareValue(name, v, e.secret)
			}
		}
	}
}

// stopReason says why a run ended early; empty when it did not.
func (o *outcome) stopReason() (run.Verdict, string) {
	// The causes of this package are no interruption from outside.
	switch {
	case o.cause == nil, errors.Is(o.cause, errDone):
		return 0, ""
	case errors.Is(o.cause, errTimeout):
		return run.Broken, errTimeout.Error()
	default:
		return run.Interrupted, "the run was stopped: " + o.cause.Error()
	}
}

// inputs gathers what the verdict is made from.
func (e *execution) inputs(o *outcome) *verdict.Inputs {
	plan := e.plan
	in := &verdict.Inputs{
		Demand: verdict.Demand{
			Suites: plan.Suites, Env: plan.Env, Planned: e.planned(), Narrowed: plan.Narrowed, Asks: plan.Asks,
			Cases: plan.Options.Part != OnlyLoad, WarnOnly: plan.Options.OnInconclusive == Warn, AllowSame: plan.Options.AllowSame,
			Resumed: plan.Done != nil, Writes: slices.ContainsFunc(plan.Suites, asks.Writes),
		},
		Outcomes: o.Outcomes, Totals: e.totals, Ledger: &e.ledger, Sides: e.sides(), Audit: o.audit, Elapsed: e.now().Sub(o.begun),
		Earlier: e.earlier, Shards: e.shardRuns(), Failure: e.failed(), Halted: e.halted(),
	}
	in.TwoPlaces = e.places.Apart() || e.placed
	in.Controlled = verdict.Controlled{Of: e.control.of.Load(), Made: e.control.made.Load()}
	if e.live != nil {
		in.Live, in.Rules, in.Doubts, in.Notes = true, e.live.ruleList(), e.live.served.Doubts, e.live.served.Warnings
	}
	in.Stop.Verdict, in.Stop.Reason = o.stopReason()
	// The command wraps its signals in an error that knows their number.
	var signal interface{ SignalNumber() int }
	if in.Stop.Verdict != 0 && errors.As(o.cause, &signal) {
		in.Stop.Signal = signal.SignalNumber()
	}
	return in
}
