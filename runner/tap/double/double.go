package double

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

const (
	workers    = 16
	waiting    = 64               // exchanges that wait for one worker
	patience   = 10 * time.Second // with the other side, for one request
	lastWords  = 5 * time.Second  // for what waits when the run ends
	maxDecoded = 8 << 20
	maxClients = 2000 // sessions that one worker remembers
)

// MaxDropped is the share of requests that could have been compared and were
// dropped, above which a verdict is inconclusive.
const MaxDropped = 0.05

// Options say what passes and what is asked twice.
type Options struct {
	// Proxy is how clients are served; its services and observer are set by New.
	Proxy tap.Options
	// Answering is the side that clients get their answers from.
	Answering scenarios.Side
	Services  []Service
	// Separate: the sides share no state, so that sign-ins may go to both.
	Separate bool
	// SignIns and Never are routes of the suites: see Named.
	SignIns, Never []Route
	// Least is how many pairs a pass needs.
	Least int
	// Secret reports whether a value is a credential by its name or by itself.
	Secret func(name, value string) bool
}

// A Service is one service on both sides.
type Service struct {
	Name        string // empty for the side's own URL
	Blue, Green *url.URL
}

type other struct {
	base *url.URL
	wire *wire.Transport
}

// A Tap serves clients from one side and compares with the other.
type Tap struct {
	opts    Options
	proxy   *tap.Proxy
	others  map[string]*other
	queues  [workers]chan *tap.Exchange
	account account

	mu     sync.Mutex
	ending bool // nothing is queued any more

	// Of the run; set by Walk before the first client is served.
	plan   *runner.Plan
	sink   run.Sink
	rules  *judge.StepRules
	step   *scenarios.Step
	totals *verdict.Totals
	ledger verdict.Ledger
	index  int
	broken error // the sink's first
	// together are the services whose two sides lead to one address.
	together []string
}

// New begins to listen.
func New(opts Options) (*Tap, error) {
	t := &Tap{opts: opts, others: map[string]*other{}, account: account{clients: map[string]bool{}, routes: map[string]map[int]int{}}}
	for _, s := range opts.Services {
		answering, base := s.Blue, s.Green
		if opts.Answering == scenarios.Green {
			answering, base = s.Green, s.Blue
		}
		if answering.Scheme == base.Scheme && answering.Host == base.Host && answering.Path == base.Path {
			return nil, hint.Errorf("give two addresses", "blue and green are the same address: %s", base)
		}
		client, err := wire.New(wire.Config{BaseURL: base.String(), Insecure: opts.Proxy.Insecure, Limits: wire.Limits{Body: maxDecoded, Total: patience}})
		if err != nil {
			return nil, fmt.Errorf("reach %s: %w", base, err)
		}
		t.others[s.Name] = &other{base, client}
		opts.Proxy.Services = append(opts.Proxy.Services, tap.Service{Name: s.Name, URL: answering})
	}
	for i := range t.queues {
		t.queues[i] = make(chan *tap.Exchange, waiting)
	}
	opts.Proxy.Observe, opts.Proxy.KeepBody, opts.Proxy.KeepAll = t.observe, maxDecoded, 128<<20
	var err error
	t.proxy, err = tap.New(opts.Proxy)
	return t, err
}

// URL is where clients are served.
func (t *Tap) URL() string { return t.proxy.URL() }

// Close gives back what New took, where Walk was not called.
func (t *Tap) Close() error { return t.proxy.Close() }

// Lines are what clients asked and what was not compared, for a reader.
func (t *Tap) Lines() []string { return append(t.account.lines(), t.proxy.Findings()...) }

// Walk serves clients until ctx ends, and ends the run with its verdict. The plan
// has one suite, whose rules judge; its cases are not walked.
func (t *Tap) Walk(ctx context.Context, plan *runner.Plan, sink run.Sink, _ func(runner.Progress)) (*run.End, error) {
	suite := plan.Suites[0]
	t.plan, t.sink, t.totals = plan, sink, verdict.NewTotals(1)
	t.step = &scenarios.Step{Pos: suite.Pos, Compare: true, Numbers: suite.Numbers, MinCompared: suite.MinCompared, Rules: rulesOf(plan.Env, suite)}
	var err error
	if t.rules, err = judge.NewStepRules(t.step, t.authorities(plan.World.Now())); err != nil {
		return nil, err
	}
	t.together = sharedPlaces(ctx, t.opts.Services)
	t.emit(run.Event{Begin: t.header(suite)})
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var group sync.WaitGroup
	for i := range t.queues {
		group.Go(func() { t.work(asking, t.queues[i]) })
	}
	served := t.proxy.Serve(ctx)
	t.mu.Lock()
	t.ending = true
	t.mu.Unlock()
	for i := range t.queues {
		close(t.queues[i])
	}
	timer := time.AfterFunc(lastWords, stop)
	group.Wait()
	timer.Stop()
	for _, o := range t.others {
		o.wire.Close()
	}
	end := t.conclude()
	if t.broken == nil {
		t.emit(run.Event{End: end})
	}
	if t.broken != nil {
		end.Verdict = end.Verdict.Worse(run.Broken)
		return end, t.broken
	}
	return end, served
}

// sharedPlaces names the services whose two URLs lead to one address and port. A tap asks no
// identity, so nothing could show that two clusters are there: blue may be compared with
// itself under another name.
func sharedPlaces(ctx context.Context, services []Service) []string {
	var out []string
	for _, s := range services {
		blue := places.Look(ctx, places.Target{Base: s.Blue}, false)
		if point := blue.Common(places.Look(ctx, places.Target{Base: s.Green}, false)); point != "" {
			out = append(out, fmt.Sprintf("%s and %s both lead to %s", s.Blue.Host, s.Green.Host, point))
		}
	}
	return out
}

// rulesOf are the rules of the env file and of the suite.
func rulesOf(env *scenarios.Env, suite *scenarios.Suite) []diff.Rule {
	var out []diff.Rule
	if env != nil {
		out = append(out, env.Rules...)
	}
	return append(out, suite.Rules...)
}

func (t *Tap) authorities(now time.Time) diff.Options {
	opts := diff.Options{Now: now}
	for _, s := range t.opts.Services {
		if s.Blue.Host != s.Green.Host {
			opts.BlueAuthorities, opts.GreenAuthorities = append(opts.BlueAuthorities, s.Blue.Host), append(opts.GreenAuthorities, s.Green.Host)
		}
	}
	return opts
}

func (t *Tap) header(suite *scenarios.Suite) *run.Header {
	return &run.Header{
		Schema: runner.SchemaVersion, ID: t.plan.ID, Tool: t.plan.Tool, Started: t.plan.Started, Seed: t.plan.Options.Seed, Sides: t.sides(), Audit: t.plan.Audit,
		Flags: t.plan.Flags, Verb: "tap", Env: t.plan.Machine, Paths: t.plan.Paths,
		Suites: []run.SuiteHead{{Name: suite.Name, File: suite.Pos.File, Gate: verdict.GateOf(suite).String(), Number: suite.Numbers.String()}},
	}
}

func (t *Tap) sides() run.Sides {
	out := run.Sides{Blue: run.SideHead{Insecure: t.opts.Proxy.Insecure}, Green: run.SideHead{Insecure: t.opts.Proxy.Insecure}}
	for _, s := range t.opts.Services {
		for _, side := range []struct {
			head *run.SideHead
			url  *url.URL
		}{{&out.Blue, s.Blue}, {&out.Green, s.Green}} {
			if s.Name == "" {
				side.head.URL = side.url.String()
				continue
			}
			if side.head.Services == nil {
				side.head.Services = map[string]string{}
			}
			side.head.Services[s.Name] = side.url.String()
		}
	}
	return out
}

func (t *Tap) emit(e run.Event) {
	if err := t.sink.Emit(e); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.broken == nil {
			t.broken = fmt.Errorf("keep the run's events: %w", err)
		}
	}
}

// observe queues what may be asked twice. It never waits.
func (t *Tap) observe(x *tap.Exchange) {
	t.account.see(x.Client, routeName(x.Service.Name, x.Request.Method, x.Request.URL.Path), x.Answer.Status)
	if why := t.refuses(x); why != 0 {
		t.account.skip(why)
		x.Release()
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(x.Client))
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ending {
		select {
		case t.queues[h.Sum32()%workers] <- x: // a client's requests stay in order
			return
		default:
		}
	}
	t.account.skip(dropped)
	x.Release()
}

// refuses says why a request is not asked twice; 0: it may be.
func (t *Tap) refuses(x *tap.Exchange) skip {
	method, path := x.Request.Method, x.Request.URL.Path
	is := func(routes []Route) bool {
		return slices.ContainsFunc(routes, func(r Route) bool { return r.matches(method, path) })
	}
	signIn := t.opts.Separate && is(t.opts.SignIns)
	switch {
	case x.Answer.Status == 0 || x.Err != nil || x.Upgraded:
		return notAnswered
	case is(t.opts.Never), !signIn && !unsafe(method) && mayAct(path):
		return actingGet
	case !signIn && (unsafe(method) || x.Request.Body.Size > 0):
		return unsafeMethod
	case !x.Request.Body.Kept && x.Request.Body.Size > 0, !x.Answer.Body.Kept && x.Answer.Body.Size > 0, !x.Answer.Body.Whole && method != http.MethodHead && !bodiless(x.Answer.Status) && x.Answer.Header.Get("Content-Length") != "0":
		return notWhole
	case t.opts.Answering == scenarios.Blue && x.Answer.Status >= 500:
		return blueFailed
	case !signIn && !t.opts.Separate && len(t.credentials(x)) > 0:
		return withSession
	}
	return 0
}

func bodiless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// work asks and judges what comes, one after the other.
func (t *Tap) work(ctx context.Context, queue chan *tap.Exchange) {
	sessions := map[string]*session{}
	for x := range queue {
		s := sessions[x.Client]
		if s == nil {
			if len(sessions) >= maxClients {
				clear(sessions) // their next sign-ins are learned again
			}
			s = &session{other: map[string]string{}}
			sessions[x.Client] = s
		}
		t.judge(ctx, x, s)
		x.Release()
	}
}

// judge asks the other side and judges the pair.
func (t *Tap) judge(ctx context.Context, x *tap.Exchange, s *session) {
	credentials := t.credentials(x)
	for _, c := range credentials {
		if _, known := s.carry(c); !known && !unsafe(x.Request.Method) {
			t.account.skip(withSession)
			return
		}
		t.sink.Secret("credential", c)
	}
	mine, err := answered(x)
	if err != nil {
		t.account.skip(notWhole)
		return
	}
	if ctx.Err() != nil {
		t.account.skip(dropped)
		return
	}
	theirs := t.ask(ctx, x, func(text string) string { out, _ := s.carry(text); return out })
	blue, green := mine, theirs
	if t.opts.Answering == scenarios.Green {
		blue, green = theirs, mine
	}
	switch {
	case theirs.Err != nil && theirs.Err.Class == wire.ClassCanceled:
		t.account.skip(dropped)
		return
	case blue.Err != nil || blue.Status >= 500:
		t.account.skip(blueFailed)
		return
	}
	if t.opts.Separate && theirs.Err == nil {
		s.learn(mine, theirs)
	}
	t.book(x, blue, green)
}

// book judges a pair and emits it as a case of one step.
func (t *Tap) book(x *tap.Exchange, blue, green *wire.Exchange) {
	t.mu.Lock()
	index := t.index
	t.index++
	t.mu.Unlock()
	route := routeName(x.Service.Name, x.Request.Method, x.Request.URL.Path)
	suite := t.plan.Suites[0]
	id := fmt.Sprintf("%s/%d", suite.Name, index+1)
	key := run.PairKey(id, route, "")
	j := judge.Judge(&judge.Trial{
		Step: t.step, Name: route, Key: key, Rules: t.rules, Blue: judge.NewAnswer(blue), Green: judge.NewAnswer(green),
		Control: judge.Control{Seed: t.plan.Options.Seed, Mutants: 2},
	})
	each := run.PerSide{Blue: 1, Green: 1}
	r := &run.CaseResult{
		Index: index, ID: id, Name: route, At: t.step.Pos.String(), Verdict: j.Step.Verdict, Reasons: j.Step.Reasons, ElapsedMS: run.Milliseconds(x.Ended.Sub(x.Began)),
		Coverage: j.Step.Coverage, Requests: each, Steps: []run.StepResult{j.Step},
	}
	for _, v := range j.Rules {
		r.Rules = append(r.Rules, run.RuleVisits{At: v.Origin, Visits: v.Visits, Hits: v.Hits})
	}
	for _, side := range []struct {
		side scenarios.Side
		x    *wire.Exchange
	}{{scenarios.Blue, blue}, {scenarios.Green, green}} {
		t.ledger.Schedule(side.side)
		t.ledger.Send(side.side)
		t.ledger.Receive(side.side, side.x, true)
	}
	t.ledger.AddCase(each)
	t.totals.Add(&verdict.SuiteOf{Suite: suite, ProtocolDeclared: true, PlaceOf: func(*run.StepResult) (verdict.Place, string, bool) { return verdict.Place{}, "", false }}, r)
	t.account.mu.Lock()
	if j.Step.Compared {
		t.account.compared++
	}
	t.account.mu.Unlock()
	t.emit(run.Event{Pair: &run.Pair{Key: key, Blue: blue, Green: green}})
	t.emit(run.Event{Case: r})
}

// conclude makes the verdict: that of the pairs, and rule 3.
func (t *Tap) conclude() *run.End {
	planned := run.Planned{Cases: t.index, OfCases: t.index}
	end := verdict.Conclude(&verdict.Inputs{
		Demand:   verdict.Demand{Suites: t.plan.Suites, Env: t.plan.Env, Planned: planned, Cases: true},
		Outcomes: verdict.Outcomes{Compared: true},
		Totals:   t.totals, Ledger: &t.ledger, Sides: t.sides(), Audit: t.plan.Audit, Elapsed: t.plan.World.Now().Sub(t.plan.Started), Failure: t.broken,
	})
	a := &t.account
	a.mu.Lock()
	compared, lost := a.compared, a.skipped[dropped]
	a.mu.Unlock()
	few := func(format string, args ...any) {
		end.Verdict = end.Verdict.Worse(run.Inconclusive)
		end.Reasons = append(end.Reasons, fmt.Sprintf(format, args...))
	}
	if t.index == 0 && t.broken == nil {
		end.Verdict, end.Reasons = run.Inconclusive, nil // nothing was judged, and nothing is broken
	}
	for _, shared := range t.together {
		few("nothing showed that blue and green are two places: %s", shared)
	}
	if compared < t.opts.Least {
		few("%d pairs were compared, and a pass needs %d", compared, t.opts.Least)
	}
	if share := float64(lost) / float64(max(lost+compared, 1)); share > MaxDropped {
		few("%.0f %% of the requests that could be compared were dropped, and a pass allows %.0f %%", 100*share, 100*MaxDropped)
	}
	end.Warnings = append(end.Warnings, t.proxy.Findings()...)
	return end
}
