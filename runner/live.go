package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Live run judges the requests of clients while they are made, in place of the cases of
// suites. One side answers the clients; the caller serves them, asks the other side through
// Ask, and hands each pair to Judge. Everything around the pairs is that of Execute.
//
//  1. Clusters, reachability and identities are asked before the first client is served,
//     and identities once more after the last. Nobody is served where a run would send nothing.
//  2. Requests to both sides get the headers and the authentication that files declare for
//     the side, where the client did not send that header itself.
//  3. Each pair is one case of one step in the plan's only suite.
//  4. The end of the context ends the serving; the verdict is then made as that of a run
//     that came to its end.
type Live struct {
	e         *execution
	s         *suiteRun
	answering scenarios.Side
	pairs     atomic.Int64 // that were looked at; those with evidence are also judged
	judged    atomic.Int64
	ways      []*passing
	serve     func() (Served, error) // set by Execute
	served    Served
	rules     map[*diff.Rule]bool // of judged steps; guarded by e.mu
}

// Served is what serving clients came to, apart from the pairs.
type Served struct {
	// Doubts say why the pairs are too little for a pass; each makes the run inconclusive.
	Doubts []string
	// Warnings are for the report.
	Warnings []string
}

// liveGrace is how long the work goes on after the last client: requests that wait, and
// the identities.
const liveGrace = 20 * time.Second

// NewLive prepares a run of a plan with one suite, whose cases are not walked. Authentication
// that signs whole requests is an error on the answering side: bodies pass unread there.
func NewLive(plan *Plan, answering scenarios.Side) (*Live, error) {
	l := &Live{e: newExecution(plan, nil, nil), answering: answering, rules: map[*diff.Rule]bool{}}
	l.e.live = l
	if err := l.e.ready(); err != nil {
		return nil, err
	}
	l.s = l.e.suites[0]
	for _, to := range pick(answering, l.s.blue, l.s.green).Services {
		if a := to.Auth; a != nil {
			switch a.Kind {
			case scenarios.AuthHMAC, scenarios.AuthDigest, scenarios.AuthAWS:
				l.Close()
				return nil, fmt.Errorf("%s: %s signs whole requests, and those of clients pass unread: auth %s cannot be added",
					a.Pos, to.Label(), a.Kind)
			}
		}
		l.ways = append(l.ways, &passing{l, to, to.Wire.Passing()})
	}
	return l, nil
}

// Close ends a run that was not executed.
func (l *Live) Close() { l.e.pool.Close() }

// A LiveService is a service of both sides.
type LiveService struct {
	Name        string // empty for the sides' own URL
	Blue, Green *url.URL
	// Shared: both sides use the same one, so that comparing its answers shows nothing.
	Shared bool
	// Way leads to the answering side.
	Way http.RoundTripper
}

// Services are those of both sides, the sides' own URL first.
func (l *Live) Services() []LiveService {
	var out []LiveService
	for _, way := range l.ways {
		blue, green := l.s.blue.Find(way.to.Name), l.s.green.Find(way.to.Name)
		if blue == nil || green == nil {
			continue
		}
		out = append(out, LiveService{Name: way.to.Name, Blue: blue.Base, Green: green.Base, Shared: blue.Shared || green.Shared, Way: way})
	}
	return out
}

// Execute runs the plan into the sink: serve is called once both sides were looked at, and
// returns when the last client was served.
func (l *Live) Execute(ctx context.Context, sink run.Sink, serve func(context.Context) (Served, error)) (*run.End, error) {
	l.e.sink = sink
	l.serve = func() (Served, error) { return serve(ctx) }
	work, release := lasting(ctx, liveGrace)
	defer release()
	defer func() {
		for _, way := range l.ways {
			way.http.CloseIdleConnections()
		}
	}()
	return l.e.execute(work)
}

// serveAll takes the place of the walks through cases.
func (l *Live) serveAll(o *outcome) {
	var err error
	if l.served, err = l.serve(); err != nil {
		o.Setup = append(o.Setup, err.Error())
	}
}

// planned counts what was judged: clients decide what that is.
func (l *Live) planned() run.Planned {
	n := int(l.judged.Load())
	return run.Planned{Cases: n, OfCases: n}
}

// A LivePair is what both sides answered to one request of a client.
type LivePair struct {
	// Step holds the rules that judge; Route is the name of the case.
	Step        *scenarios.Step
	Route       string
	Blue, Green *wire.Exchange
	// Client is what the client got, where that is neither Blue nor Green.
	Client *wire.Exchange
	Took   time.Duration
	// Sent counts the requests of Ask.
	Sent run.PerSide
}

// Ask sends a client's request to a side once more. sent has to reach Judge or Drop.
func (l *Live) Ask(ctx context.Context, side scenarios.Side, service string, request *wire.Request) (x *wire.Exchange, sent run.PerSide) {
	out := &outgoing{to: pick(side, l.s.blue, l.s.green).Find(service), request: request}
	w := newWalk(l.s, l.s.suite.Name+"/(clients)", l.e.now())
	err := w.present(ctx, out)
	if err == nil {
		x, err = w.deliver(ctx, out, nil)
	}
	if err != nil {
		x = &wire.Exchange{Method: request.Method, URL: request.URL, Err: &wire.Err{Class: wire.ClassRequest, Detail: err.Error()}}
	}
	return x, w.sent.perSide()
}

// present adds the side's headers and authentication to a request (rule 2).
func (w *walk) present(ctx context.Context, out *outgoing) error {
	get := &scenarios.Step{Request: scenarios.Request{Method: out.request.Method}}
	sc := w.scope(newLane(straightLane(out.to.Side)), out.to.Side, nil, "(clients)", w.started)
	if err := out.addDeclared(sc, out.has); err != nil {
		return err
	}
	if err := w.authorize(ctx, out, out.to.Auth, get, sc); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

// Drop books requests whose pair is not judged.
func (l *Live) Drop(sent run.PerSide) { l.e.ledger.AddOutside(sent) }

// Judge judges a pair and books it as a case, but not one of which the rules leave nothing to
// compare: that shows nothing. compared says that both sides gave an answer to compare.
func (l *Live) Judge(p *LivePair) (booked, compared bool, err error) {
	// Numbers are given to all pairs, so that those of which nothing is left to compare leave gaps and
	// no two have one id.
	number := int(l.pairs.Add(1))
	id := fmt.Sprintf("%s/%d", l.s.suite.Name, number)
	pair := &run.Pair{Key: run.PairKey(id, p.Route, ""), Blue: p.Blue, Green: p.Green}
	j, err := l.judge(p.Step, p.Route, pair)
	if err != nil || j == nil {
		l.Drop(p.Sent)
		return false, false, err
	}
	got := p.Client
	if got == nil {
		got = pick(l.answering, p.Blue, p.Green)
	}
	sent := l.bookAnswering(got, p.Sent)
	r := &run.CaseResult{Index: number - 1, ID: id, Name: p.Route, ElapsedMS: run.Milliseconds(p.Took), Requests: sent}
	l.book(r, p.Step, pair, j)
	return true, j.Step.Compared, nil
}

// judge judges a pair; nil: the rules leave nothing of it to compare.
func (l *Live) judge(step *scenarios.Step, name string, pair *run.Pair) (*judge.Judgement, error) {
	rules, err := l.s.stepRules(step)
	if err != nil {
		return nil, err
	}
	j := judgeTrial(&judge.Trial{
		Step: step, Name: name, Key: pair.Key, Rules: rules, Blue: judge.NewAnswer(pair.Blue), Green: judge.NewAnswer(pair.Green),
		Control: judge.Control{Seed: l.e.plan.Options.Seed, Mutants: 2}, Hidden: pair.Hidden,
	})
	if j.Step.Vacuous && j.Step.Verdict == run.Inconclusive {
		return nil, nil
	}
	return j, nil
}

// book completes a result with its judgement and records it.
func (l *Live) book(r *run.CaseResult, step *scenarios.Step, pair *run.Pair, j *judge.Judgement) {
	l.noteRules(step)
	l.judged.Add(1)
	r.At, r.Verdict, r.Reasons = step.Pos.String(), j.Step.Verdict, j.Step.Reasons
	r.Coverage, r.Steps = j.Step.Coverage, []run.StepResult{j.Step}
	for _, v := range j.Rules {
		r.Rules = append(r.Rules, run.RuleVisits{At: v.Origin, Visits: v.Visits, Hits: v.Hits})
	}
	l.e.emit(run.Event{Pair: pair})
	l.e.record(l.s, r)
}

// A StepOf finds the step under which an archived pair is judged again.
type StepOf func(*run.Pair) (*scenarios.Step, error)

// Rejudge judges the pairs of an earlier live run again and sends nothing. A pass needs least
// pairs of which the rules leave something to compare.
func (l *Live) Rejudge(ctx context.Context, from *run.Run, sink run.Sink, least int, stepOf StepOf) (*run.End, error) {
	l.e.sink, l.e.earlier, l.e.replay = sink, from, from.Pair
	l.serve = func() (Served, error) {
		for was, err := range from.Cases {
			if err == nil {
				err = l.judgeAgain(was, stepOf)
			}
			if err != nil || ctx.Err() != nil {
				return Served{}, err
			}
		}
		if n := int(l.judged.Load()); n < least {
			return Served{Doubts: []string{fmt.Sprintf("the rules leave %s to compare, and a pass needs %d", text.Count(n, "pair"), least)}}, nil
		}
		return Served{}, nil
	}
	return l.e.execute(ctx)
}

// judgeAgain judges one pair of the earlier run.
func (l *Live) judgeAgain(was *run.CaseResult, stepOf StepOf) error {
	if len(was.Steps) == 0 {
		return fmt.Errorf("case %s of the earlier run has no pair", was.ID)
	}
	key := was.Steps[0].Exchange
	pair, err := l.e.replay(key)
	if err == nil && (pair == nil || pair.Blue == nil || pair.Green == nil) {
		err = errors.New("it is not in the run folder")
	}
	if err != nil {
		return fmt.Errorf("read the exchange %s: %w", key, err)
	}
	pair.Key = key
	step, err := stepOf(pair)
	if err != nil {
		return err
	}
	j, err := l.judge(step, was.Name, pair)
	if err != nil || j == nil {
		return err
	}
	l.book(&run.CaseResult{Index: was.Index, ID: was.ID, Name: was.Name, ElapsedMS: was.ElapsedMS}, step, pair, j)
	return nil
}

// bookAnswering books the request that a client sent through the proxy.
func (l *Live) bookAnswering(x *wire.Exchange, sent run.PerSide) run.PerSide {
	l.e.ledger.Schedule(l.answering)
	l.e.ledger.Send(l.answering)
	l.e.ledger.Receive(l.answering, x, true)
	sent.Count(l.answering)
	return sent
}

// noteRules remembers the rules that judged, so that the report can name them.
func (l *Live) noteRules(step *scenarios.Step) {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	for i := range step.Rules {
		l.rules[&step.Rules[i]] = true
	}
}

// ruleList is what noteRules remembered; the caller is the only goroutine left.
func (l *Live) ruleList() []diff.Rule {
	out := make([]diff.Rule, 0, len(l.rules))
	for r := range l.rules {
		out = append(out, *r)
	}
	return out
}

// A passing carries requests of clients to the answering side.
type passing struct {
	l    *Live
	to   *services.Service
	http *http.Transport
}

// RoundTrip passes a request with what files declare for the side, and remembers where the
// answer came from.
func (p *passing) RoundTrip(r *http.Request) (*http.Response, error) {
	var remote netip.AddrPort
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		remote, _ = netip.ParseAddrPort(i.Conn.RemoteAddr().String())
	}})
	r = r.WithContext(ctx)
	if len(p.to.Headers) > 0 || p.to.Auth != nil {
		if err := p.add(r); err != nil {
			return nil, err
		}
	}
	if p.to.Config.Host != "" {
		r.Host = p.to.Config.Host
	}
	res, err := p.http.RoundTrip(r)
	if err == nil && !p.to.Shared {
		p.l.e.places.AddAnswer(p.to.Name, p.to.Side, &wire.Exchange{Remote: remote, Certificate: wire.Fingerprint(res.TLS)})
	}
	return res, err
}

// add is rule 2 of Live for a request that is passed.
func (p *passing) add(r *http.Request) error {
	out := &outgoing{to: p.to, request: &wire.Request{Method: r.Method, URL: r.URL.String()}}
	for name, values := range r.Header {
		for _, v := range values {
			out.add(name, v)
		}
	}
	own := len(out.request.Headers)
	if err := newWalk(p.l.s, p.l.s.suite.Name+"/(clients)", p.l.e.now()).present(r.Context(), out); err != nil {
		return err
	}
	r.Header = r.Header.Clone()
	for _, f := range out.request.Headers[own:] {
		r.Header.Add(f.Name, f.Value)
	}
	if out.request.URL == r.URL.String() {
		return nil
	}
	u, err := url.Parse(out.request.URL)
	r.URL = u
	return err
}
