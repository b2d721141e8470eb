package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// An execution is one run of a plan.
type execution struct {
	// plan is what is run. It is read by all goroutines and changed by none.
	plan *Plan
	// sink takes what happens, in order; see emit.
	sink run.Sink
	// suites are those of the plan, in its order.
	suites []*suiteRun
	// extra are suites that the selection dropped and that load steps need.
	extra []*suiteRun
	// walked are the cases that load stages walk whole, by id; those of the last stage that has them.
	walked map[string]*walkedCase
	// owed takes what these walks create, for the coordinator; nil: this is not a worker.
	owed *findings.Ledger
	// pool holds the connections; it is closed when the execution ends.
	pool services.Pool
	// tokens are those of OAuth2, shared by all cases.
	tokens tokens
	// ledger counts every request that was planned, sent and answered.
	ledger verdict.Ledger
	// places are the addresses that answered, by service and side.
	places places.Seen
	// totals sum up the results that were recorded.
	totals *verdict.Totals
	// pace holds requests back under the stage's cap.
	pace pace
	// board shows progress.
	board *board
	// cases is how many are planned.
	cases int
	// control counts the pairs of cases with many rows, and those of them that the
	// negative control was made on; see controlShare.
	control struct{ of, made atomic.Int64 }
	// stop ends the context of everything that is sent, with the reason.
	stop context.CancelCauseFunc
	// lasting outlives the run's context by takeBackGrace.
	lasting context.Context

	// mu guards the rest.
	mu sync.Mutex
	// secrets are the values that the sink was given, by name and value.
	secrets map[string]bool
	// failure is an error of the sink: nothing after it counts.
	failure error
	// ahead: fail-fast has ended the starting of cases.
	ahead bool
	// remote treats loopback as any other network (tests).
	remote bool
	// replay answers requests from an earlier run instead of the network; nil: none.
	replay func(key string) (*run.Pair, error)
	// earlier is the run that replay reads from.
	earlier *run.Run
	// live takes pairs that clients bring; nil: cases are walked.
	live *Live
	// shards are merged instead of sending; none: this is not a merge.
	shards []Shard
	// placed: every shard has shown the sides to be two places.
	placed bool
	// past is what earlier knows of a case, by its id.
	past map[string]past
}

// now is the plan's clock.
func (e *execution) now() time.Time { return e.plan.World.Now() }

// secret makes a value unreadable in everything written from now on.
func (e *execution) secret(name, value string) {
	e.mu.Lock()
	known := e.secrets[name+"\x00"+value]
	if !known {
		if e.secrets == nil {
			e.secrets = map[string]bool{}
		}
		e.secrets[name+"\x00"+value] = true
	}
	e.mu.Unlock()
	if !known {
		e.sink.Secret(name, value)
	}
}

// emit hands an event over; the first error of the sink ends the run.
func (e *execution) emit(event run.Event) {
	if event.Pair != nil {
		e.noteAsked(event.Pair)
	}
	if err := e.sink.Emit(event); err != nil {
		e.fail(fmt.Errorf("keep the run's events: %w", err))
	}
}

// fail ends the run: nothing more is sent, and the verdict is at least broken. The first error
// is the one that is reported.
func (e *execution) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure == nil {
		e.failure = err
		e.stop(err)
	}
}

// failed is the error that fail was called with; nil: none.
func (e *execution) failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

// send is the only way out: it counts a request, waits for its turn under the
// stage's cap, and books what came back.
func (e *execution) send(ctx context.Context, to *services.Service, request *wire.Request, in *sentCount) *wire.Exchange {
	// The ledger counts a request three times: when it is asked for, when it leaves and when its
	// answer is booked. Accounts that do not agree make the run broken.
	e.ledger.Schedule(to.Side)
	sent := false
	x := &wire.Exchange{Method: request.Method, URL: request.URL, Sent: request.Headers, Body: request.Body, Started: e.now()}
	switch err := e.pace.wait(ctx, to, e.now); {
	case err != nil:
		x.Err = &wire.Err{Class: wire.ClassCanceled, Detail: "the run was stopped"}
	case to.Down != nil:
		x.Err = &wire.Err{Class: to.Down.Class, Detail: to.Down.Detail + " (found before the run; not tried again)"}
	default:
		sent = true
		in.add(to.Side)
		e.ledger.Send(to.Side)
		x = to.Wire.Do(ctx, request)
	}
	e.ledger.Receive(to.Side, x, sent)
	// Which addresses answered shows whether blue and green are two places.
	if !to.Shared {
		e.places.AddAnswer(to.Name, to.Side, x)
	}
	return x
}

// errTimeout and errDone are the causes for which sending ends early.
var (
	errTimeout = errors.New("the run reached its time limit")
	errDone    = errors.New("the run is over")
)

// pace holds the requests to one host under the stage's max_rps, off loopback
// and on it alike.
type pace struct {
	// mu guards next.
	mu sync.Mutex
	// gap is the least time between two requests to a host; 0: there is no cap.
	gap time.Duration
	// next is when the next request to a host may leave.
	next map[string]time.Time
}

// wait waits for the turn of a request to a service's host. Requests take their turns in the
// order in which they ask, at equal distances.
func (p *pace) wait(ctx context.Context, to *services.Service, now func() time.Time) error {
	if p.gap == 0 {
		return ctx.Err()
	}
	host := places.Authority(to.Base)
	p.mu.Lock()
	at, t := now(), p.next[host]
	if t.Before(at) {
		t = at
	}
	p.next[host] = t.Add(p.gap)
	p.mu.Unlock()
	return Sleep(ctx, t.Sub(at))
}

// Sleep waits, or returns early with the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// A suiteRun is one suite of a run: its sides, its rules and its session.
type suiteRun struct {
	// run is the execution that the suite belongs to.
	run *execution
	// index is the suite's place in the plan, by which results name it.
	index int
	// suite is what the file says.
	suite *scenarios.Suite
	// blue and green are the services of both sides.
	blue, green *services.Side
	// loopback: every service of both sides is there; see preflight.
	loopback bool
	// session is what setup left; see enterSession.
	session session
	// later are those of an earlier run that is judged again, by the setup's number; guarded by
	// mu.
	later map[int]*session
	// owesTeardown: an earlier execution sent something for the suite and was
	// killed before its teardown was judged (resume).
	owesTeardown bool
	// cases are those that are not done, with their rows.
	cases pending

	// mu guards rules and later.
	mu sync.Mutex
	// rules are compiled rules by the list that they come from.
	rules map[ruleList]*judge.StepRules
	// compiled is what the steps are judged by; see judgedBy.
	compiled func() map[*scenarios.Step]*judge.Compiled
	// captures are the names that steps capture; see captureNames.
	captures map[string]bool
}

// newSuiteRun makes a suite's sides ready.
func newSuiteRun(e *execution, index int, suite *scenarios.Suite) (*suiteRun, error) {
	s := &suiteRun{run: e, index: index, suite: suite, rules: map[ruleList]*judge.StepRules{}}
	s.compiled = sync.OnceValue(s.compile)
	var err error
	if s.blue, err = services.New(scenarios.Blue, &suite.Blue, &e.pool); err != nil {
		return nil, fmt.Errorf("suite %s: %w", suite.Name, err)
	}
	if s.green, err = services.New(scenarios.Green, &suite.Green, &e.pool); err != nil {
		return nil, fmt.Errorf("suite %s: %w", suite.Name, err)
	}
	return s, nil
}

// compile prepares all steps of the suite.
func (s *suiteRun) compile() map[*scenarios.Step]*judge.Compiled {
	out := map[*scenarios.Step]*judge.Compiled{}
	c := judge.NewCompiler()
	verdict.EachStep(s.suite, func(step *scenarios.Step) { out[step] = c.Compile(step) })
	return out
}

// judgedBy is what a step is judged by, compiled when the first of the suite is asked for.
func (s *suiteRun) judgedBy(step *scenarios.Step) *judge.Compiled {
	if c := s.compiled()[step]; c != nil {
		return c
	}
	return judge.NewCompiler().Compile(step) // of a case that is not of this run
}

// A ruleList is what a step's rules are compiled from. Steps without rules of
// their own share the list of their suite, and so what it was compiled to, with
// the memory that comparisons under it have taken.
type ruleList struct {
	// first is the first rule of the list; nil: there are no rules.
	first *diff.Rule
	// n is the number of rules.
	n int
	// mode is the step's.
	mode diff.Mode
	// numbers is the suite's reading, the same for all of its steps.
	numbers diff.NumberReading
}

// stepRules compiles a list of rules once.
func (s *suiteRun) stepRules(step *scenarios.Step) (*judge.StepRules, error) {
	key := ruleList{n: len(step.Rules), mode: step.Mode, numbers: step.Numbers}
	if key.n > 0 {
		key.first = &step.Rules[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rules[key]; r != nil {
		return r, nil
	}
	r, err := judge.NewStepRules(step, diff.Options{
		BlueAuthorities: services.Authorities(s.blue, s.green), GreenAuthorities: services.Authorities(s.green, s.blue), Now: s.run.now(),
	})
	if err == nil {
		s.rules[key] = r
	}
	return r, err
}

// facts are what totals need to know of the suite.
func (s *suiteRun) facts() *verdict.SuiteOf {
	of := &verdict.SuiteOf{Index: s.index, Suite: s.suite, ProtocolDeclared: s.protocolDeclared(), PlaceOf: s.placeOf}
	if s.run.live != nil { // connections of clients say nothing of how a run would reach the sides
		of.PlaceOf = func(*run.StepResult) (verdict.Place, string, bool) { return verdict.Place{}, "", false }
	}
	return of
}

// protocolDeclared reports whether the suite says with which HTTP version a side is called.
func (s *suiteRun) protocolDeclared() bool {
	return slices.ContainsFunc(s.services(), func(svc *services.Service) bool { return svc.Config.HTTP != "" })
}

// services are those of both sides, blue's first.
func (s *suiteRun) services() []*services.Service {
	return slices.Concat(s.blue.Services, s.green.Services)
}

// placeOf is where a step's two requests went, where that is two places.
func (s *suiteRun) placeOf(step *run.StepResult) (verdict.Place, string, bool) {
	blue, green := s.blue.AtText(step.Blue.URL), s.green.AtText(step.Green.URL)
	if blue == nil || green == nil || green.Shared {
		return verdict.Place{}, "", false
	}
	return verdict.Place{Blue: blue.Base.String(), Green: green.Base.String()}, green.Name, true
}

// sentCount counts the requests of one walk; both sides count at once.
type sentCount struct{ blue, green atomic.Int64 }

// add counts one request to a side.
func (c *sentCount) add(side scenarios.Side) {
	if side == scenarios.Green {
		c.green.Add(1)
		return
	}
	c.blue.Add(1)
}

// perSide is what was counted so far.
func (c *sentCount) perSide() run.PerSide {
	return run.PerSide{Blue: int(c.blue.Load()), Green: int(c.green.Load())}
}

// Judging a pair takes a few times the memory of its bodies. Pairs of large ones
// are judged one after the other, so that the memory of the process does not grow
// with the number of cases that run at once.
var oneLarge sync.Mutex

// largePair is the size from which a pair is judged on its own.
const largePair = 4 << 20 // bytes of both bodies

// judgeTrial calls Judge, for one pair of large bodies at a time.
func judgeTrial(t *judge.Trial) *judge.Judgement {
	if answerSize(t.Blue)+answerSize(t.Green) > largePair {
		t.Blue.Forget() // what captures read: it is not held while others are judged
		t.Green.Forget()
		oneLarge.Lock()
		defer oneLarge.Unlock()
	}
	j := judge.Judge(t)
	// What was read of the bodies is given back: a pair that differs is sent again, and
	// its answers are kept until the next step.
	t.Blue.Forget()
	t.Green.Forget()
	return j
}

// answerSize is the length of an answer's body; 0 for a side that was not asked.
func answerSize(x *judge.Answer) int {
	if x == nil {
		return 0
	}
	return len(x.Answer)
}
