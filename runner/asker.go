package runner

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// An Asker sends safe GETs of suites outside of a run, through doors of the caller's choice,
// and holds each answer to what its step expects. It is safe for concurrent use.
//
//  1. Of each case the first GET is asked that reads, runs always, and can be made without
//     what setup or other steps capture; see probes.
//  2. Only steps of the sides' own url are asked, as the public name stands for that.
//  3. Expectations of latency do not count: a probe has no load verdict.
type Asker struct {
	e      *execution
	probes []*probe
}

// NewAsker prepares the requests of a plan. secret is given each value that must not be shown.
// A plan without a safe GET is an error.
func NewAsker(plan *Plan, secret func(name, value string)) (*Asker, error) {
	e, err := declared(plan, secret)
	if err != nil {
		return nil, err
	}
	a := &Asker{e: e}
	for _, s := range e.suites {
		for _, service := range s.green.Services {
			own, blue := s.green.Find(""), s.blue.Find(service.Name)
			if own == nil || blue == nil || services.Origin(service.Base) != services.Origin(own.Base) { // Rule 2
				continue
			}
			all := slices.Collect(s.probes(service.Name))
			a.probes = append(a.probes, slices.DeleteFunc(all, func(p *probe) bool { return !p.composes(blue) || !p.composes(service) })...)
		}
	}
	if len(a.probes) == 0 {
		e.pool.Close()
		return nil, errors.New("the suites have no safe GET of the sides' own url that can be asked on its own")
	}
	return a, nil
}

// DeclareSecrets reports each value of a plan that must not be shown: secrets of suites and env
// file, wherever their values come from. Nothing is sent.
func DeclareSecrets(plan *Plan, secret func(name, value string)) error {
	e, err := declared(plan, secret)
	if err == nil {
		e.pool.Close()
	}
	return err
}

// declared is an execution of a plan that has reported its secrets.
func declared(plan *Plan, secret func(name, value string)) (*execution, error) {
	e := newExecution(plan, secretsOnly(secret), nil)
	if err := e.ready(); err != nil {
		return nil, err
	}
	e.declare()
	e.declareVariables()
	return e, nil
}

// composes reports whether a probe's request can be made.
func (c *probe) composes(to *services.Service) bool {
	p := c.prober(to)
	_, err := p.walk.compose(context.Background(), p.step, p.scope())
	return err == nil
}

// scope is that of the probe's step on its side.
func (p *prober) scope() *scope {
	return p.walk.scope(newLane(straightLane(p.to.Side)), p.to.Side, p.step, "(probe)", p.walk.started)
}

// Size is how many requests an Asker has.
func (a *Asker) Size() int { return len(a.probes) }

// Close closes the connections.
func (a *Asker) Close() { a.e.pool.Close() }

// A Door is a way to a service: the public name as it resolves, or pinned to an address.
type Door struct {
	// Side is the side whose request is made, and whose expectations count.
	Side scenarios.Side
	// Base is the URL that takes the place of the side's; empty: the side's own.
	Base string
	// Resolve pins its host to an IP or IP:port; empty: the host is resolved for each
	// request, where Base is given, and otherwise reached as the suites say.
	Resolve string
}

// An Asked is the answer to one request of an Asker.
type Asked struct {
	// Name is the case and step that was asked.
	Name string
	// Remote is the address that answered; empty: none did.
	Remote string
	// Identity holds the headers of the answer that identities of the suite are read from.
	Identity string
	// Failed says why the answer is not as expected; empty: it is.
	Failed string
	// Void says that the failure is not the service's: this process was stopped while it waited.
	Void bool
	Took time.Duration
}

// stoppedFor is by how much an answer may outlast probeTimeout on a busy machine. A later one means that
// this process was stopped, or the machine slept, in the middle of it.
const stoppedFor = 2 * time.Second

// Ask sends request number n (modulo Size) through a door, over its own connection.
func (a *Asker) Ask(ctx context.Context, n int, door Door) Asked {
	c := a.probes[n%len(a.probes)]
	out := Asked{Name: c.suite.suite.Name + "/" + c.step.Name}
	if c.test != nil {
		out.Name = c.test.ID
	}
	x, sc, err := c.askThrough(ctx, door)
	if err != nil {
		out.Failed = err.Error()
		return out
	}
	out.Took = x.Timing.Total
	// A request that lasted longer than its limit was stopped with this process.
	out.Void = x.Err != nil && out.Took > probeTimeout+stoppedFor
	if x.Remote.IsValid() {
		out.Remote = x.Remote.String()
	}
	out.Identity = identityHeaders(c.suite.suite, x)
	out.Failed = unexpected(c.step, door.Side, x, sc)
	return out
}

// askThrough sends the request of a run to the address of a door, over a connection that nothing
// else has used: one that is kept would stay with the side it was opened to.
func (c *probe) askThrough(ctx context.Context, door Door) (*wire.Exchange, *scope, error) {
	to, err := c.through(door)
	if err != nil {
		return nil, nil, err
	}
	if to.Wire != nil && door.Base != "" {
		defer to.Wire.Close()
	}
	p := c.prober(to)
	sc := p.scope()
	request, err := p.walk.compose(ctx, p.step, sc)
	if err != nil {
		return nil, nil, err
	}
	request.request.URL = services.Moved(request.request.URL, request.to, to)
	request.to, request.request.Fresh, request.request.Timeout = to, true, probeTimeout
	if p.step.Trace {
		request.set(probeHeader, "traffic")
	}
	x, err := p.walk.deliver(ctx, request, nil)
	return x, sc, err
}

// through is the step's service as a door leads to it.
func (c *probe) through(door Door) (*services.Service, error) {
	cluster := pick(door.Side, c.suite.blue, c.suite.green)
	to := *cluster.Find(c.step.Service)
	if door.Base == "" {
		return &to, nil
	}
	public, err := url.Parse(door.Base)
	if err != nil {
		return nil, err
	}
	// Only scheme and host are the door's. The path below which a side lives is the same for both.
	base := *to.Base
	base.Scheme, base.Host = public.Scheme, public.Host
	to.Base = &base
	to.Config.BaseURL, to.Config.Resolve, to.Config.Host = base.Scheme+"://"+base.Host, door.Resolve, ""
	to.Config.ServerName = ""
	to.Config.Limits.Connections = 1
	to.Wire, err = wire.New(to.Config)
	return &to, err
}

// unexpected says what of an answer is not as its step expects; empty: nothing.
func unexpected(step *scenarios.Step, side scenarios.Side, x *wire.Exchange, sc *scope) string {
	if x.Err != nil {
		return x.Err.Error()
	}
	checks, err := judge.NewChecks(step.ExpectOf(side), sc)
	if err != nil {
		return fmt.Sprintf("expect: %v", err)
	}
	if u := firstUnmet(checks.WithoutLatency().Check(side, judge.NewAnswer(x), nil)); u != nil { // Rule 3
		return text.Cut(u.What+": "+u.Got, 200)
	}
	return ""
}

// identityHeaders joins the values of the headers that a suite's identities are read from.
func identityHeaders(s *scenarios.Suite, x *wire.Exchange) string {
	var out []string
	for _, id := range s.Identity {
		if id.Header == "" {
			continue
		}
		if value, ok := wire.Header(x.Headers, id.Header); ok && !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return strings.Join(out, ", ")
}

// probesOf are the first probes of a service that cases have asked.
func (e *execution) probesOf(p *verdict.PlaceTotals, most int) []*probe {
	var out []*probe
	for _, s := range e.suites {
		if !slices.Contains(p.Suites, s.suite.Name) {
			continue
		}
		for c := range s.probes(p.Service) {
			if len(out) == most {
				return out
			}
			out = append(out, c)
		}
	}
	return out
}

// firstRow is the first row of a case's data.
func (s *suiteRun) firstRow(c *scenarios.Case) scenarios.Row {
	if c.Data != nil {
		for j := range s.rows(c, 0) {
			return j.row
		}
	}
	return scenarios.Row{}
}
