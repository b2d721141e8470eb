package runner

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/transport"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A probe is a step of a suite that reads, sent outside of its case to learn how a
// service is reached.
type probe struct {
	// suite is the one that has the step.
	suite *suiteRun
	// test is nil where the step is of setup.
	test *scenarios.Case
	// row is the first of the case's data.
	row scenarios.Row
	// step is the GET that is sent.
	step *scenarios.Step
}

// probeHeader marks the requests that no case accounts for, where steps are traced.
const probeHeader = "X-Bgverify-Probe"

// probeTimeout bounds one request of a probe.
const probeTimeout = 5 * time.Second

// A probed service is one whose two sides are asked how they are reached.
type probed struct {
	blue, green *services.Service
	suites      []*suiteRun
}

// askTransport asks both sides of each service how they are reached, and compares.
// It comes after the cases, so that no request warms green up before they see it.
//
//  1. Of each service the first safe GET is sent that can be made without what
//     setup or other steps capture, and that both sides answer with 2xx. A service
//     without a safe GET is not asked.
//  2. The requests are made like those of cases, but over connections of their
//     own, and only with safe methods.
//  3. They count as requests outside of cases, under the stage's max_rps.
func (e *execution) askTransport(ctx context.Context) []run.TransportFinding {
	services := e.probedServices()
	found := make([][]run.TransportFinding, len(services))
	var all sync.WaitGroup
	for i, p := range services {
		all.Go(func() {
			defer rescue(e.fail)
			found[i] = e.askService(ctx, p)
		})
	}
	all.Wait()
	return slices.Concat(found...)
}

// probedServices are the services that are two places, each once.
func (e *execution) probedServices() []*probed {
	var out []*probed
	for _, s := range e.suites {
		for _, g := range s.green.Services {
			b := s.blue.Find(g.Name)
			if b == nil || !g.Used || b.Down != nil || g.Down != nil || b.Shared || g.Shared || services.Origin(b.Base) == services.Origin(g.Base) {
				continue
			}
			i := slices.IndexFunc(out, func(p *probed) bool {
				return p.green.Name == g.Name && p.blue.Wire == b.Wire && p.green.Wire == g.Wire && p.green.Base.Path == g.Base.Path
			})
			if i < 0 {
				out = append(out, &probed{blue: b, green: g})
				i = len(out) - 1
			}
			out[i].suites = append(out[i].suites, s)
		}
	}
	return out
}

// askService asks one service and compares what its sides show.
func (e *execution) askService(ctx context.Context, p *probed) []run.TransportFinding {
	// A finding names all suites that use the service, since each of them is affected.
	var names []string
	for _, s := range p.suites {
		names = append(names, s.suite.Name)
	}
	slices.Sort(names)
	by, blue, green := p.facts(ctx)
	if blue == nil || green == nil || ctx.Err() != nil {
		return nil
	}
	found := transport.Compare(blue, green, e.now())
	// One answer may have changed between the requests of the sides; two in a row do not.
	if by.otherAnswer(blue, green) != nil {
		if b, g := by.ask(ctx, p.blue, p.green, true); b != nil && g != nil && ctx.Err() == nil {
			if f := by.otherAnswer(b, g); f != nil {
				found = append(found, *f)
			}
		}
	}
	for i := range found {
		found[i].Service, found[i].Suites = p.green.Name, names
	}
	return found
}

// mostTried is how many steps of a service are tried for one that both sides answer.
const mostTried = 3

// facts asks both sides by the first step that both answer with 2xx: an error says
// little of compression. Where none of the first is, the first is asked whole. by is the step.
func (p *probed) facts(ctx context.Context) (by *probe, blue, green *transport.Facts) {
	var first *probe
	tried := 0
	for c := range p.probes {
		b, g := c.ask(ctx, p.blue, p.green, false)
		if b == nil || g == nil { // Rule 1
			continue
		}
		if b.Fine() && g.Fine() {
			return c, b, g
		}
		first = cmp.Or(first, c)
		if tried++; tried == mostTried {
			break
		}
	}
	if first == nil {
		return nil, nil, nil
	}
	blue, green = first.ask(ctx, p.blue, p.green, true)
	return first, blue, green
}

// otherAnswer finds that green does not answer a request for a coding, or with another status or
// content than blue, although both answer alike without one: cases ask for no coding, and boxes do. The rules
// are the step's. Nothing is found where blue itself answers in
// another way when it is asked for the coding. nil: there is nothing of the kind.
func (c *probe) otherAnswer(blue, green *transport.Facts) *run.TransportFinding {
	rules, err := c.suite.stepRules(c.step)
	if err != nil || !c.step.Compare {
		return nil
	}
	for i := range min(len(blue.Gets), len(green.Gets)) {
		b, g := blue.Gets[i], green.Gets[i]
		if b.Err != nil {
			return nil
		}
		shown := ""
		if g.Err != nil {
			shown = fmt.Sprintf("does not: %s: %s", g.Err.Class, g.Err.Detail)
		} else {
			shown = otherContent(b, g, rules)
		}
		switch {
		case shown == "":
		case i == 0: // the cases report it
			return nil
		case otherContent(blue.Gets[0], b, rules) != "":
		default:
			return &run.TransportFinding{
				Fact: run.FactCompression, Verdict: run.Fail, Weight: run.Fail,
				Blue: "answers a request for " + transport.Codings[i-1], Green: shown,
			}
		}
	}
	return nil
}

// otherContent is how the status or the body of green's answer differs from blue's under the
// rules; empty: they do not. Headers are left out: transport.Compare reports those of compression.
func otherContent(blue, green *wire.Exchange, rules *judge.StepRules) string {
	b, g := judge.NewAnswer(blue).Message(), judge.NewAnswer(green).Message()
	b.Headers, g.Headers = nil, nil
	r := diff.CompareMessages(b, g, rules.Apart(judge.Lag(blue, green)).Full, nil)
	switch {
	case r.Equal():
		return ""
	case blue.Status != green.Status:
		return fmt.Sprintf("with %d", green.Status)
	}
	return fmt.Sprintf("with something else: %s %s", r.Differences[0].Path, r.Differences[0].Kind)
}

// probes yields the safe GETs of the service, suite by suite.
func (p *probed) probes(yield func(*probe) bool) {
	for _, s := range p.suites {
		for c := range s.probes(p.green.Name) {
			if !yield(c) {
				return
			}
		}
	}
}

// probes yields the safe GETs of a service: of the cases, then of setup.
func (s *suiteRun) probes(service string) iter.Seq[*probe] {
	fits := func(step *scenarios.Step) bool {
		return step.Service == service && step.Request.Method == "GET" && step.Request.Body == nil && !step.HasEffects() &&
			step.SideEffects != scenarios.Unreviewed && !step.Conditional() && len(step.Sides) == 0 &&
			step.Request.URL != nil && strings.HasPrefix(step.Request.URL.Text, "/")
	}
	return func(yield func(*probe) bool) {
		for _, c := range s.suite.Cases {
			// Later steps lean on the first.
			i := slices.IndexFunc(c.Steps, fits)
			if c.Skip == "" && i >= 0 && !yield(&probe{suite: s, test: c, row: s.firstRow(c), step: c.Steps[i]}) {
				return
			}
		}
		for _, step := range s.suite.Setup {
			if fits(step) && !yield(&probe{suite: s, step: step}) {
				return
			}
		}
	}
}

// A prober sends a probe's requests to one side.
type prober struct {
	*probe
	// walk gives the request its variables and counts what was sent.
	walk *walk
	// to is the service with the probe's own transport.
	to *services.Service
}

// prober makes a probe ready for one side; to replaces the step's service.
func (c *probe) prober(to *services.Service) *prober {
	w := newWalk(c.suite, c.suite.suite.Name+"/(transport)", c.suite.run.now())
	w.setRow(c.test, c.row)
	w.declare()
	return &prober{probe: c, walk: w, to: to}
}

// end books what was sent.
func (p *prober) end() {
	n := p.walk.sent.perSide()
	p.suite.run.ledger.AddOutside(n)
}

// send sends the probe with another method, or with a header unless its value is empty; nil: the
// request cannot be made.
func (p *prober) send(ctx context.Context, method, header, value string) *wire.Exchange {
	sc := p.walk.scope(newLane(straightLane(p.to.Side)), p.to.Side, p.step, "(transport)", p.walk.started)
	out, err := p.walk.compose(ctx, p.step, sc)
	if err != nil || out.to.Name != p.to.Name {
		return nil
	}
	out.to, out.request.Method, out.request.Timeout = p.to, method, probeTimeout
	if value != "" {
		out.set(header, value)
	}
	if p.step.Trace {
		out.set(probeHeader, "transport")
	}
	x, err := p.walk.deliver(ctx, out, nil)
	if err != nil {
		return nil
	}
	return x
}

// ask asks both sides at once; nil where the request cannot be made. Unless whole, a
// side that does not answer with 2xx is asked no more.
func (c *probe) ask(ctx context.Context, blue, green *services.Service, whole bool) (b, g *transport.Facts) {
	var out [3]*transport.Facts
	onBoth(func(side scenarios.Side) {
		defer rescue(func(error) { out[side] = nil }) // the step's case reports it
		out[side] = c.askSide(ctx, pick(side, blue, green), whole)
	})
	return out[scenarios.Blue], out[scenarios.Green]
}

// onBoth does something for both sides at once.
func onBoth(work func(side scenarios.Side)) {
	var both sync.WaitGroup
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		both.Go(func() { work(side) })
	}
	both.Wait()
}

// askSide sends the requests of one side.
func (c *probe) askSide(ctx context.Context, s *services.Service, whole bool) *transport.Facts {
	f := &transport.Facts{Host: services.HostName(s), Declared: s.Config.HTTP != "", Tunnel: s.Config.Proxy != ""}
	// One connection of its own: what the service closes, keeps or compresses is seen on it.
	// The service keeps its settings, but not its connections: those of cases are busy with other
	// requests.
	config := s.Config
	if config.HTTP == "" {
		config.HTTP = "1.1"
	}
	config.Limits.Connections = 1
	own, err := wire.New(config)
	if err != nil {
		return nil
	}
	defer own.Close()
	to := *s
	to.Wire = own
	p := c.prober(&to)
	defer p.end()
	for _, coding := range slices.Insert(slices.Clone(transport.Codings), 0, "") {
		x := p.send(ctx, "GET", "Accept-Encoding", coding)
		if x == nil || ctx.Err() != nil {
			return nil
		}
		if f.Gets = append(f.Gets, x); x.Err != nil && x.Err.Class != wire.ClassDecode {
			break
		}
		if !whole && !f.Fine() {
			return f
		}
	}
	if f.Gets[0].Err == nil {
		f.Head, f.Options = p.send(ctx, "HEAD", "", ""), p.send(ctx, "OPTIONS", "", "")
		if tag, ok := wire.Header(f.Gets[0].Headers, "ETag"); ok {
			f.Known, f.Unknown = p.send(ctx, "GET", "If-None-Match", tag), p.send(ctx, "GET", "If-None-Match", `"bgverify"`)
		}
	}
	if s.Base.Scheme == "https" && s.Config.Proxy == "" {
		f.Hellos = c.suite.run.shakeHands(ctx, &to)
	}
	return f
}

// shakeHands finds out which TLS versions and whether HTTP/2 a service accepts. A
// refusal is asked for twice: one may be a hiccup.
func (e *execution) shakeHands(ctx context.Context, s *services.Service) *transport.Hellos {
	h := &transport.Hellos{Versions: map[uint16]bool{}}
	// Each handshake is a connection, and waits for its turn like a request.
	shake := func(hello wire.Hello) *wire.Handshake {
		for range 2 {
			if e.pace.wait(ctx, s, e.now) != nil {
				return nil
			}
			if got, err := s.Wire.Handshake(ctx, hello); err == nil {
				return got
			}
		}
		return nil
	}
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		if got := shake(wire.Hello{Min: v, Max: v}); got != nil {
			h.Versions[v], h.Shown = true, got
		}
	}
	// HTTP/2 is offered on its own, since ALPN lets a server choose the older protocol.
	got := shake(wire.Hello{Min: tls.VersionTLS12, Max: tls.VersionTLS13, Protocols: []string{"h2"}})
	h.HTTP2 = got != nil && got.Protocol == "h2"
	return h
}

// time sends the probe once more to both sides as cases do, and books how long
// the answers took.
func (c *probe) time(ctx context.Context, into *[3]verdict.Histogram) {
	blue, green := c.suite.blue.Find(c.step.Service), c.suite.green.Find(c.step.Service)
	if blue == nil || green == nil {
		return
	}
	onBoth(func(side scenarios.Side) {
		defer rescue(func(error) {}) // the step's case reports it
		p := c.prober(pick(side, blue, green))
		defer p.end()
		if x := p.send(ctx, "GET", "", ""); x != nil && x.Err == nil {
			into[side].Add(run.Milliseconds(x.Timing.Total))
		}
	})
}

// Time outside load. Single requests are no measure of load, but a green that
// needs seconds where blue needs milliseconds must not pass in silence.
const (
	slowFactor = 3
	slowByMS   = 200
	slowRounds = 3 // that the safe requests are asked again
	slowSteps  = 8 // that are asked again, at most
)

// slower reports whether green's median is far above blue's, in ms.
func slower(blue, green float64) bool {
	return green >= slowFactor*blue && green-blue >= slowByMS
}

// findSlow looks for a service of which green is much slower than blue in the
// median of the exchanges of cases, and still is when its safe requests are asked
// again. A run with a load verdict has better evidence and needs none of it.
func (e *execution) findSlow(ctx context.Context, loads []run.LoadResult) *run.TransportFinding {
	if slices.ContainsFunc(loads, func(l run.LoadResult) bool {
		return l.Verdict == run.Pass || l.Verdict == run.Fail || l.Verdict == run.Inconclusive
	}) {
		return nil
	}
	// What the cases saw raises the suspicion; asking again confirms it.
	seen := e.totals.Services()
	for _, p := range seen {
		first := [2]float64{p.Times[scenarios.Blue].Median(), p.Times[scenarios.Green].Median()}
		if !slower(first[0], first[1]) {
			continue
		}
		var again [3]verdict.Histogram
		for _, probe := range e.probesOf(p, slowSteps) {
			for range slowRounds {
				probe.time(ctx, &again)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		blue, green := &again[scenarios.Blue], &again[scenarios.Green]
		if blue.Count > 0 && green.Count > 0 && !slower(blue.Median(), green.Median()) {
			continue
		}
		sentence := func(ms float64) string {
			return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond).String()
		}
		asked := ""
		if n := min(blue.Count, green.Count); n > 0 {
			asked = fmt.Sprintf(", and %s when asked %s more", sentence(green.Median()), text.Count(n, "time"))
		}
		return &run.TransportFinding{
			Fact: run.FactTime, Service: p.Service, Suites: p.Suites, Verdict: run.Inconclusive, Weight: run.Inconclusive,
			Blue:  "takes " + sentence(first[0]) + " in the median",
			Green: sentence(first[1]) + asked + "; a load stage would measure it",
		}
	}
	return nil
}
