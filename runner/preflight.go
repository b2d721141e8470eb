package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// preflight looks at every service that the plan uses:
//
//  1. Both sides must be reachable. A service that is not fails or breaks its
//     own steps; when none of blue's is, or none at all, nothing is sent.
//  2. The two sides of a service must be two places, unless it is shared. The
//     same address in another spelling, or the same IP address and port with the
//     same host name, is one place. The same IP address and port with another
//     host name is an ingress that both share: an identity that must differ has
//     to tell them apart.
//  3. Load and writes are free only where every service is on loopback.
func (e *execution) preflight(ctx context.Context) *verdict.PreflightReport {
	report := &verdict.PreflightReport{}
	found := e.lookAll(ctx, true)
	sides := map[scenarios.Side]int{}
	// Rule 3 concerns every service, whether a step uses it or not: an answer may lead there.
	for _, s := range e.suites {
		s.loopback = true
		for _, svc := range s.services() {
			a := found[svc]
			svc.Local = a.Loopback() && !e.remote
			s.loopback = s.loopback && svc.Local
			if !svc.Used {
				continue
			}
			report.Checked++
			if a.Err == nil {
				sides[svc.Side]++
				continue
			}
			svc.Down = a.Err
			report.Missing++
			down := verdict.DownService{Side: svc.Side, Name: svc.Name, Label: svc.Place(), Err: a.Err}
			same := func(d verdict.DownService) bool { return d.Side == down.Side && d.Label == down.Label }
			if !slices.ContainsFunc(report.Down, same) {
				report.Down = append(report.Down, down)
			}
		}
		if !e.plan.Options.AllowSame {
			report.Same = append(report.Same, s.sameness(found)...) // Rule 2
		}
	}
	switch {
	case len(report.Same) > 0:
		report.Stop = report.Same[0]
	case sides[scenarios.Blue] == 0: // Rule 1
		report.Stop = "blue is unreachable: " + report.DownText(scenarios.Blue)
	}
	return report
}

// lookAll finds out where all services live, each place once, all at once. With ask those that
// are used are also connected to; without it names are resolved and nothing is sent.
func (e *execution) lookAll(ctx context.Context, ask bool) map[*services.Service]*places.Address {
	byKey := map[string][]*services.Service{}
	for _, s := range e.suites {
		used := s.used()
		for _, svc := range s.services() {
			// A place is an origin with what replaces its address: a pin or a proxy.
			key := svc.Side.String() + " " + services.Origin(svc.Base) + " " + svc.Config.Resolve + " " + svc.Config.Proxy
			byKey[key] = append(byKey[key], svc)
			svc.Used = used[svc.Name] || e.live != nil
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	out := map[*services.Service]*places.Address{}
	for _, group := range byKey {
		all.Go(func() {
			a := places.Look(ctx, group[0].Target(), ask && slices.ContainsFunc(group, func(s *services.Service) bool { return s.Used }))
			mu.Lock()
			defer mu.Unlock()
			for _, svc := range group {
				out[svc] = a
			}
		})
	}
	all.Wait()
	return out
}

// used are the names of the services that the suite's steps and identities name.
// Others can be reached by absolute URLs: where they live counts, that they are
// up does not.
func (s *suiteRun) used() map[string]bool {
	names := map[string]bool{}
	verdict.EachStep(s.suite, func(step *scenarios.Step) { names[step.Service] = true })
	for _, l := range s.suite.Loads { // cases that the selection dropped
		for _, part := range l.Steps {
			if part.Target == nil || part.Home == nil || part.Home.Name != s.suite.Name {
				continue
			}
			for _, step := range part.Target.Steps {
				names[step.Service] = true
			}
		}
	}
	for _, id := range s.suite.Identity {
		names[id.Service] = true
	}
	return names
}

// mayWrite reports whether a step may leave something behind: on loopback always,
// elsewhere where the stage or a flag says so. A step whose URL an answer gives
// may reach any of the services, so all of them must be on loopback.
func (s *suiteRun) mayWrite(step *scenarios.Step) bool {
	plan := s.run.plan
	if plan.Options.AllowWrites || plan.Env != nil && plan.Env.Limits.Writes || s.run.replay != nil || s.loopback {
		return true
	}
	if url := step.Request.URL; url == nil || !strings.HasPrefix(url.Text, "/") {
		return false
	}
	blue, green := s.blue.Find(step.Service), s.green.Find(step.Service)
	return blue != nil && green != nil && blue.Local && green.Local
}

// mayLoad is the same for load.
func (s *suiteRun) mayLoad() bool {
	plan := s.run.plan
	return s.loopback || plan.Options.AllowLoad || plan.Env != nil && plan.Env.Limits.Load
}

// sameness finds the services whose two sides are one place (rule 2). Services
// of different names are held against each other as well: green's auth must not
// be blue's api.
func (s *suiteRun) sameness(found map[*services.Service]*places.Address) []string {
	var out []string
	for _, b := range s.blue.Services {
		for _, g := range s.green.Services {
			if b.Shared || g.Shared {
				continue
			}
			if text := s.onePlace(b, g, found[b].Common(found[g])); text != "" {
				out = append(out, "suite "+s.suite.Name+": "+text)
			}
		}
	}
	return out
}

// onePlace says in which sense two services are one place; empty: they are two.
// common is an address that both have.
func (s *suiteRun) onePlace(b, g *services.Service, common string) string {
	// The cases go from the surest sign to the weakest.
	where := b.Label() + " and " + g.Label()
	hosts := [2]string{services.HostName(b), services.HostName(g)}
	samePath := strings.TrimSuffix(b.Base.Path, "/") == strings.TrimSuffix(g.Base.Path, "/")
	switch {
	case samePath && services.Spelled(b) == services.Spelled(g) && b.Config.Resolve == g.Config.Resolve && b.Config.Host == g.Config.Host:
		return fmt.Sprintf("%s are the same address %s", where, b.Base.Redacted())
	case common == "":
		return ""
	case samePath && hosts[0] == hosts[1]:
		return fmt.Sprintf("%s are the same place: %s and %s both lead to %s as host %q", where, b.Base.Redacted(), g.Base.Redacted(),
			common, hosts[0])
	case b.Name == g.Name && !s.toldApart(b.Name):
		return fmt.Sprintf("%s share %s as hosts %q and %q: add an identity that must differ to tell them apart", where, common,
			hosts[0], hosts[1])
	}
	return ""
}

// toldApart reports whether an identity of the service must differ.
func (s *suiteRun) toldApart(name string) bool {
	return slices.ContainsFunc(s.suite.Identity, func(id scenarios.Identity) bool { return id.Service == name && id.Must == "differ" })
}

// reflected reports whether a value holds an address of a side: a server sends back
// the name that it was asked by.
func (s *suiteRun) reflected(text string) bool {
	return slices.ContainsFunc(s.services(), func(svc *services.Service) bool {
		host := services.HostName(svc)
		return host != "" && strings.Contains(strings.ToLower(text), host) || strings.Contains(text, svc.Base.Hostname())
	})
}

// askClusters asks the clusters before the first request, and reports whether the run
// goes on: not where green is not ready.
func (e *execution) askClusters(ctx context.Context, o *outcome) bool {
	if e.plan.Clusters == nil {
		return true
	}
	e.board.update(func(p *Progress) { p.Phase = Waiting })
	o.Clusters = e.plan.Clusters.Before(ctx, func(r *run.Ready) { e.board.update(func(p *Progress) { p.Ready = r }) })
	r := o.Clusters.Ready
	return (r == nil || r.Verdict == run.Pass) && ctx.Err() == nil
}

// noteAsked books the request of a pair to green for the coverage of services.
func (e *execution) noteAsked(pair *run.Pair) {
	if e.plan.Clusters == nil || pair.Green == nil || pair.Green.Err != nil {
		return
	}
	host, _ := wire.Header(pair.Green.Sent, "Host")
	e.plan.Clusters.Note(pair.Green.Method, pair.Green.URL, host)
}

// noteDone books the requests of a case that an earlier execution of the run judged.
func (e *execution) noteDone(r *run.CaseResult) error {
	if e.plan.Clusters == nil || e.plan.Earlier == nil {
		return nil
	}
	for i := range r.Steps {
		key := r.Steps[i].Exchange
		if key == "" {
			continue
		}
		pair, err := e.plan.Earlier(key)
		if err != nil {
			return fmt.Errorf("read what the earlier run asked: %w", err)
		}
		if pair != nil {
			e.noteAsked(pair)
		}
	}
	return nil
}

// endClusters completes what was found of the clusters by what the cases asked.
func (e *execution) endClusters(o *outcome) {
	if o.Clusters == nil {
		return
	}
	if o.Clusters.Services = e.plan.Clusters.Services(); o.Clusters.Services != nil && e.plan.Env != nil {
		o.Clusters.Services.Required = e.plan.Env.Shares.Services
	}
}

// sides says where the sides are: of all suites, the first that names a thing.
func (e *execution) sides() run.Sides {
	var out run.Sides
	for _, suite := range e.plan.Suites {
		out.Blue.Add(headOf(&suite.Blue))
		out.Green.Add(headOf(&suite.Green))
	}
	return out
}

// headOf is what a suite says of a side.
func headOf(c *scenarios.SideConfig) *run.SideHead {
	h := &run.SideHead{URL: c.URL, Insecure: c.TLS.Insecure}
	if len(c.Services) > 0 {
		h.Services = map[string]string{}
	}
	for _, s := range c.Services {
		h.Services[s.Name] = s.URL
		if u, err := services.BaseURL(c.URL, s.URL); err == nil {
			h.Services[s.Name] = u.String()
		}
		h.Insecure = h.Insecure || s.TLS != nil && s.TLS.Insecure
	}
	return h
}
