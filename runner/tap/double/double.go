package double

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

const (
	workers    = 16
	waiting    = 64               // exchanges that wait for one worker
	patience   = 10 * time.Second // with the other side, for one request
	lastWords  = 12 * time.Second // for what waits when the run ends: longer than patience
	maxDecoded = 8 << 20
)

// MaxDropped is the share of requests that could have been compared and were
// dropped, above which a verdict is inconclusive.
const MaxDropped = 0.05

// DefaultLeast is how many pairs a pass needs where the caller does not say.
const DefaultLeast = 20

// Options say what passes and what is asked twice.
type Options struct {
	// Plan has the suites whose rules judge; New puts one suite in place of them.
	Plan *runner.Plan
	// Proxy is how clients are served; its services and observer are set by New.
	Proxy tap.Options
	// Answering is the side that clients get their answers from.
	Answering scenarios.Side
	// Services are those that no file names.
	Services []Service
	// Never are further routes that are never asked twice, next to those of the suites.
	Never []Route
	// Least is how many pairs a pass needs.
	Least int
	// Secret reports whether a value is a credential by its name or by itself.
	Secret func(name, value string) bool
	// Ready is called when clients are served.
	Ready func(address string)
}

// A Service is one service on both sides.
type Service struct{ Name, Blue, Green string }

// A Tap serves clients from one side and compares with the other.
type Tap struct {
	opts     Options
	separate bool // the sides share no state, so that sign-ins may go to both
	routes   *routes
	live     *runner.Live
	proxy    *tap.Proxy
	services map[string]runner.LiveService
	queues   [workers]chan *tap.Exchange
	// judging holds a token for each pair that is judged: at most half of the processors
	// judge, so that clients find a free one.
	judging chan struct{}
	account account

	mu      sync.Mutex
	ending  bool   // nothing is queued any more
	turn    uint32 // of the queues, where no order matters
	written writes
	broken  error    // what kept a pair from being judged
	sink    run.Sink // set by Walk

	hiding  sync.Mutex      // apart from mu: clients never wait for it
	secrets map[string]bool // credentials that the sink knows
	hidden  int             // bytes of secrets
}

// New looks at the plan and begins to listen.
func New(opts Options) (*Tap, error) {
	suites := opts.Plan.Suites
	t := &Tap{
		opts: opts, services: map[string]runner.LiveService{}, secrets: map[string]bool{}, written: writes{of: map[string][]string{}},
		judging:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		account:  account{clients: map[string]bool{}, routes: map[string]map[int]int{}},
		separate: opts.Plan.Env != nil && opts.Plan.Env.SeparateState, routes: readRoutes(opts.Plan, opts.Answering),
	}
	t.routes.never = append(t.routes.never, opts.Never...)
	one, err := mergeSuites(suites)
	if err != nil {
		return nil, err
	}
	for _, s := range opts.Services {
		if slices.ContainsFunc(one.Blue.Services, func(b scenarios.Service) bool { return b.Name == s.Name }) {
			return nil, hint.Errorf("give each service one address", "the service %s is listed twice", s.Name)
		}
		one.Blue.Services = append(one.Blue.Services, scenarios.Service{Name: s.Name, URL: s.Blue})
		one.Green.Services = append(one.Green.Services, scenarios.Service{Name: s.Name, URL: s.Green})
	}
	plan := opts.Plan
	plan.Suites, plan.Asks, plan.Whole, plan.World.MaxBody = []*scenarios.Suite{one}, nil, scenarios.Size{}, maxDecoded
	if t.live, err = runner.NewLive(plan, opts.Answering); err != nil {
		return nil, hint.Errorf("", "%w", err)
	}
	for _, s := range t.live.Services() {
		answering := s.Blue
		if opts.Answering == scenarios.Green {
			answering = s.Green
		}
		t.services[s.Name] = s
		opts.Proxy.Services = append(opts.Proxy.Services, tap.Service{Name: s.Name, URL: answering, Way: s.Way})
	}
	for i := range t.queues {
		t.queues[i] = make(chan *tap.Exchange, waiting)
	}
	opts.Proxy.Observe, opts.Proxy.KeepBody, opts.Proxy.KeepAll = t.observe, maxDecoded, 128<<20
	if t.proxy, err = tap.New(opts.Proxy); err != nil {
		t.live.Close()
	}
	return t, err
}

// Close gives back what New took, where Walk was not called.
func (t *Tap) Close() error {
	t.live.Close()
	return t.proxy.Close()
}

// Lines are what clients asked and what was not compared, for a reader.
func (t *Tap) Lines() []string { return append(t.account.lines(), t.proxy.Findings()...) }

// Walk serves clients until ctx ends, and ends the run with its verdict.
func (t *Tap) Walk(ctx context.Context, _ *runner.Plan, sink run.Sink, _ func(runner.Progress)) (*run.End, error) {
	t.sink = sink
	return t.live.Execute(ctx, sink, t.serve)
}

// serve passes requests and judges pairs until ctx ends.
func (t *Tap) serve(ctx context.Context) (runner.Served, error) {
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var group sync.WaitGroup
	for i := range t.queues {
		group.Go(func() { t.work(asking, t.queues[i]) })
	}
	if t.opts.Ready != nil {
		t.opts.Ready(t.proxy.URL())
	}
	err := t.proxy.Serve(ctx)
	t.mu.Lock()
	t.ending = true
	t.mu.Unlock()
	for i := range t.queues {
		close(t.queues[i])
	}
	timer := time.AfterFunc(lastWords, stop)
	group.Wait()
	timer.Stop()
	if err == nil {
		err = t.broken
	}
	return runner.Served{Doubts: t.doubts(), Warnings: t.proxy.Findings()}, err
}

// doubts is rule 3 of the package.
func (t *Tap) doubts() []string {
	a := &t.account
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	if a.compared < t.opts.Least {
		out = append(out, fmt.Sprintf("%s with an answer that is not an error, and a pass needs %d",
			text.Count(a.compared, "compared pair"), t.opts.Least))
	}
	if share := float64(a.skipped[dropped]) / float64(max(a.skipped[dropped]+a.asked, 1)); share > MaxDropped {
		out = append(out, fmt.Sprintf("%.0f %% of the requests that could be compared were dropped, and a pass allows %.0f %%",
			100*share, 100*MaxDropped))
	}
	return out
}

// observe queues what may be asked twice. It never waits.
func (t *Tap) observe(x *tap.Exchange) {
	t.account.see(x.Client, routeName(x.Service.Name, x.Request.Method, x.Request.URL.Path), x.Answer.Status)
	if why := t.refuses(x); why != 0 {
		t.account.skip(why)
		x.Release()
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn++
	queue := t.turn % workers
	if t.separate { // a client's requests stay in order: what they learn belongs to it
		h := fnv.New32a()
		_, _ = h.Write([]byte(x.Client))
		queue = h.Sum32() % workers
	}
	if !t.ending {
		select {
		case t.queues[queue] <- x:
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
		return slices.ContainsFunc(routes, func(r Route) bool { return r.matches(method, x.Service.URL, path) })
	}
	signIn := t.signsIn(x)
	mayAsk := signIn || is(t.routes.reads) && !is(t.routes.acting)
	status, failed := x.Answer.Status, t.greenFailed(x) != nil
	switch {
	case x.Upgraded, !failed && (status == 0 || x.Err != nil):
		return notAnswered
	case t.services[x.Service.Name].Shared:
		return sharedService
	case is(t.routes.never), !mayAsk && !unsafe(method) && mayAct(path):
		return actingGet
	case !mayAsk && (unsafe(method) || x.Request.Body.Size > 0):
		t.noteWrite(x)
		return unsafeMethod
	case t.separate && t.wrote(x):
		return written
	case status == http.StatusPreconditionFailed:
		return conditional
	case !failed && !whole(x):
		return notWhole
	case t.opts.Answering == scenarios.Blue && status >= 500:
		return blueFailed
	case !signIn && !t.separate && len(t.credentials(x)) > 0:
		return withSession
	}
	return 0
}

// signsIn reports whether a request is a sign-in that both sides get.
func (t *Tap) signsIn(x *tap.Exchange) bool {
	return t.separate && slices.ContainsFunc(t.routes.signIns, func(r Route) bool {
		return r.matches(x.Request.Method, x.Service.URL, x.Request.URL.Path)
	})
}

// greenFailed is why green, where it answers the clients, gave no answer or broke one off (rule 5
// of the package); nil: it did not, the client went away first, or this machine is to blame.
func (t *Tap) greenFailed(x *tap.Exchange) *wire.Err {
	if t.opts.Answering != scenarios.Green || !x.Request.Body.Whole {
		return nil
	}
	err := x.Err
	if err == nil {
		err = x.Answer.Body.Err
	}
	failed := wire.Classify(err)
	if errors.Is(err, tap.ErrCoding) {
		failed = &wire.Err{Class: wire.ClassDecode, Detail: err.Error()}
	}
	if failed == nil || failed.Class == wire.ClassCanceled || failed.Class == wire.ClassDescriptors {
		return nil
	}
	return failed
}

// whole reports whether both bodies of an exchange were kept to their end.
func whole(x *tap.Exchange) bool {
	request, answer := &x.Request.Body, &x.Answer.Body
	if request.Size > 0 && !request.Kept || answer.Size > 0 && !answer.Kept {
		return false
	}
	return answer.Whole || x.Request.Method == http.MethodHead || bodiless(x.Answer.Status) || x.Answer.Header.Get("Content-Length") == "0"
}

// bodiless reports whether answers of a status never have a body, so that none is missing.
func bodiless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}
