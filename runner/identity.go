package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A sampled is what one side answered to an identity's samples.
type sampled struct {
	// values are distinct, the most frequent first.
	values []string
	// counts are the answers by value.
	counts map[string]int
	// failed says why the first sample without a value has none; empty: all have one.
	failed string
	// proto is the HTTP version of the first answer.
	proto string
}

// probeWidth is how many samples are under way at once.
const probeWidth = 8

// identify asks every identity of both sides, each sample over a connection of
// its own:
//
//  1. A side that cannot say what it is cannot be judged: broken. A value that holds nothing
//     (null, an empty text, list or object) says nothing.
//  2. All samples of a side agree. Green that is two things at once is half
//     deployed: fail. Blue that is: broken.
//  3. must: same and must: differ hold between the sides, and a side shows the
//     value it is expected to show: else the wrong thing is tested, broken, and
//     nothing more is sent.
//  4. The green build that the run has to expect is shown by one of
//     green's identities.
func (e *execution) identify(ctx context.Context) *verdict.IdentityReport {
	r := &verdict.IdentityReport{Values: map[string][2]string{}}
	// Suites share identities of the env file; each is asked once.
	done := map[string]bool{}
	built := false
	for _, s := range e.suites {
		for i := range s.suite.Identity {
			id := &s.suite.Identity[i]
			key := identityKey(s, id)
			if done[key] {
				continue
			}
			done[key] = true
			built = e.identifyOne(ctx, s, id, r) || built
		}
	}
	if want := e.plan.Options.GreenBuild; want != "" && !built && ctx.Err() == nil { // Rule 4
		r.Add(run.Broken, "green is not the build %q: %s", want, r.GreenText())
		r.Stop = true
	}
	if r.Asked > 0 && r.Verdict == 0 {
		r.Verdict = run.Pass
	}
	return r
}

// identityKey tells identities apart. Several suites may name the same one; it is asked once.
func identityKey(s *suiteRun, id *scenarios.Identity) string {
	var places []string
	for _, c := range []*services.Side{s.blue, s.green} {
		if svc := c.Find(id.Service); svc != nil {
			places = append(places, services.Origin(svc.Base)+svc.Base.Path)
		}
	}
	text := func(t *scenarios.Template) string {
		if t == nil {
			return ""
		}
		return t.Text
	}
	return strings.Join(append(places, id.Path, id.At, id.Header, id.Must, text(id.Blue), text(id.Green)), "\x00")
}

// identityName is how reports name an identity.
func identityName(id *scenarios.Identity) string {
	parts := []string{id.Service, id.Path, cmp.Or(id.Header, id.At)}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// identifyOne asks one identity and reports whether green showed the expected build.
func (e *execution) identifyOne(ctx context.Context, s *suiteRun, id *scenarios.Identity, r *verdict.IdentityReport) bool {
	// Requests of identities belong to no case: the ledger counts them apart.
	w := newWalk(s, s.suite.Name+"/(identity)", e.now())
	defer func() {
		e.ledger.AddOutside(w.sent.perSide())
	}()
	r.Asked++
	name := identityName(id)
	var got [2]*sampled
	onBoth(func(side scenarios.Side) {
		got[judge.Count(side == scenarios.Green)] = w.sample(ctx, id, w.scope(newLane(straightLane(side)), side, nil, "(identity)", w.started))
	})
	if ctx.Err() != nil {
		return false
	}
	var values [2]string
	for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		g := got[i]
		switch {
		case g.failed != "": // Rule 1
			r.Add(run.Broken, "identity %s: %s cannot say what it is: %s", name, side, g.failed)
		case len(g.values) > 1: // Rule 2
			verdict := pick(side, run.Broken, run.Fail)
			r.Add(verdict, "identity %s: %s is not one thing: %s", name, side, g.mixture())
		}
		if len(g.values) > 0 {
			values[i] = g.values[0]
		}
		r.Protocol[i] = g.proto
	}
	r.Values[name] = values
	// Without a value of both sides there is nothing to hold against each other.
	if got[0].failed != "" || got[1].failed != "" {
		return false
	}
	e.holdIdentity(id, name, got, w, r)
	return slices.Contains(got[1].values, e.plan.Options.GreenBuild)
}

// holdIdentity is rule 3.
func (e *execution) holdIdentity(id *scenarios.Identity, name string, got [2]*sampled, w *walk, r *verdict.IdentityReport) {
	wrong := func(format string, args ...any) {
		r.Add(run.Broken, "identity "+name+": "+format, args...)
		r.Stop = true
	}
	// One common value is enough: it shows that requests to both sides can reach the same thing.
	common := slices.ContainsFunc(got[0].values, func(v string) bool { return slices.Contains(got[1].values, v) })
	switch {
	case id.Must == "same" && !common:
		wrong("must be the same, but blue is %q and green is %q", got[0].values[0], got[1].values[0])
	case id.Must == "differ" && common && !e.plan.Options.AllowSame:
		wrong("must differ, but both sides are %q", got[0].values[0])
	}
	for i, want := range []*scenarios.Template{id.Blue, id.Green} {
		if want == nil {
			continue
		}
		side := []scenarios.Side{scenarios.Blue, scenarios.Green}[i]
		text, err := w.scope(newLane(straightLane(side)), side, nil, "(identity)", w.started).expand(want)
		if err != nil {
			r.Add(run.Broken, "identity %s: %v", name, err)
			continue
		}
		if !slices.Contains(got[i].values, text) {
			wrong("%s must be %q, but is %q", side, text, got[i].values[0])
		}
	}
}

// mixture says how often a side gave each of its values, the first four of them.
func (g *sampled) mixture() string {
	var out []string
	for _, v := range g.values[:min(len(g.values), 4)] {
		out = append(out, fmt.Sprintf("%d of its answers say %q", g.counts[v], v))
	}
	return strings.Join(out, ", ")
}

// sample asks one side as often as the identity says.
func (w *walk) sample(ctx context.Context, id *scenarios.Identity, sc *scope) *sampled {
	n := max(id.Samples, 1)
	answers := make([]string, n)
	failures := make([]string, n)
	protos := make([]string, n)
	// Samples are taken at the same time, at most probeWidth: one after the other they would all
	// go to the back end that answers fastest.
	gate := make(chan struct{}, probeWidth)
	var all sync.WaitGroup
	for i := range n {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			defer rescue(func(err error) { failures[i] = err.Error() })
			answers[i], protos[i], failures[i] = w.probe(ctx, id, sc)
		})
	}
	all.Wait()
	g := &sampled{counts: map[string]int{}, proto: protos[0]}
	for i, v := range answers {
		if failures[i] != "" {
			g.failed = cmp.Or(g.failed, failures[i])
			continue
		}
		if g.counts[v] == 0 {
			g.values = append(g.values, v)
		}
		g.counts[v]++
	}
	// The value of most samples first.
	slices.SortStableFunc(g.values, func(a, b string) int { return g.counts[b] - g.counts[a] })
	return g
}

// probe asks once, over a fresh connection.
func (w *walk) probe(ctx context.Context, id *scenarios.Identity, sc *scope) (value, proto, failure string) {
	to, target, err := w.target(id.Service, id.Path, sc)
	if err != nil {
		return "", "", err.Error()
	}
	out := &outgoing{to: to, request: &wire.Request{Method: "GET", URL: target, Fresh: true}}
	if err := out.addDeclared(sc, out.has); err != nil {
		return "", "", err.Error()
	}
	// The request is made like that of a step without effects, so that authentication and the
	// headers of the run are added in one place.
	get := &scenarios.Step{Request: scenarios.Request{Method: "GET"}}
	own := *sc
	own.lane = newLane(sc.lane.kind) // probes run side by side
	if err := w.authorize(ctx, out, to.Auth, get, &own); err != nil {
		return "", "", "auth: " + err.Error()
	}
	w.mark(out, get, &own)
	x, err := w.deliver(ctx, out, nil)
	if err != nil {
		return "", "", err.Error()
	}
	if x.Err != nil {
		return "", "", fmt.Sprintf("%s: %s", x.Err.Class, x.Err.Detail)
	}
	a := judge.NewAnswer(x)
	if x.Status < 200 || x.Status > 299 {
		return "", x.Proto, fmt.Sprintf("it answers %d", x.Status)
	}
	v := scenarios.Value{Text: string(x.Answer)}
	if id.Header != "" || id.At != "" {
		if v, err = judge.NewCapture(&scenarios.Capture{Name: "identity", At: id.At, Header: id.Header}).Find(a); err != nil {
			return "", x.Proto, err.Error()
		}
	}
	if value = identityText(v); value == "" {
		return "", x.Proto, "the value is empty: " + cmp.Or(v.JSON, strconv.Quote(v.Text))
	}
	return value, x.Proto, ""
}

// identityText is an identity as it is compared: a list or an object of JSON in one form,
// whatever the order of its members; "" for a value that holds nothing.
func identityText(v scenarios.Value) string {
	if !strings.HasPrefix(v.JSON, "[") && !strings.HasPrefix(v.JSON, "{") {
		return strings.TrimSpace(v.Text)
	}
	d := json.NewDecoder(strings.NewReader(v.JSON))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return v.JSON
	}
	switch text, err := json.Marshal(tree); {
	case err != nil:
		return v.JSON
	case len(text) > len("[]"):
		return string(text)
	}
	return ""
}
