package runner

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/verdict"
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
	found := e.lookAll(ctx)
	sides := map[scenarios.Side]int{}
	for _, s := range e.suites {
		s.loopback = true
		for _, c := range []*cluster{s.blue, s.green} {
			for _, svc := range c.services {
				a := found[svc]
				if a == nil {
					continue
				}
				svc.local = a.Loopback() && !e.remote
				s.loopback = s.loopback && svc.local
				if !svc.used {
					continue
				}
				report.Checked++
				if a.Err == nil {
					sides[c.side]++
					continue
				}
				svc.down = a.Err
				report.Missing++
				if !slices.ContainsFunc(report.Down, func(d verdict.DownService) bool {
					return d.Side == svc.side &&
						d.Label == svc.place()
				}) {
					report.Down = append(report.Down, verdict.DownService{Side: svc.side, Name: svc.name, Label: svc.place(), Err: a.Err})
				}
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

// place names a service with its address.
func (s *service) place() string { return s.label() + " at " + origin(s.base) }

// target is the service as package places finds it.
func (s *service) target() places.Target {
	return places.Target{Base: s.base, Resolve: s.config.Resolve, Proxy: s.config.Proxy}
}

// lookAll finds out where all services live, each place once, all at once.
func (e *execution) lookAll(ctx context.Context) map[*service]*places.Address {
	byKey := map[string][]*service{}
	for _, s := range e.suites {
		used := s.used()
		for _, c := range []*cluster{s.blue, s.green} {
			for _, svc := range c.services {
				key := svc.side.String() + " " + origin(svc.base) + " " + svc.config.Resolve + " " + svc.config.Proxy
				byKey[key] = append(byKey[key], svc)
				svc.used = used[svc.name]
			}
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	out := map[*service]*places.Address{}
	for _, group := range byKey {
		all.Go(func() {
			a := places.Look(ctx, group[0].target(), slices.ContainsFunc(group, func(s *service) bool { return s.used }))
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
	add := func(steps []*scenarios.Step) {
		for _, step := range steps {
			names[step.Service] = true
		}
	}
	add(s.suite.Setup)
	add(s.suite.Teardown)
	for _, c := range s.suite.Cases {
		add(c.Steps)
		add(c.Cleanup)
	}
	for _, l := range s.suite.Loads {
		for _, step := range l.Steps {
			if step.Target != nil && step.Home != nil && step.Home.Name == s.suite.Name {
				add(step.Target.Steps)
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
	blue, green := s.blue.service(step.Service), s.green.service(step.Service)
	return blue != nil && green != nil && blue.local && green.local
}

// mayLoad is the same for load.
func (s *suiteRun) mayLoad() bool {
	plan := s.run.plan
	return s.loopback || plan.Options.AllowLoad || plan.Env != nil && plan.Env.Limits.Load
}

// sameness finds the services whose two sides are one place (rule 2). Services
// of different names are held against each other as well: green's auth must not
// be blue's api.
func (s *suiteRun) sameness(found map[*service]*places.Address) []string {
	var out []string
	for _, b := range s.blue.services {
		for _, g := range s.green.services {
			if b.shared || g.shared {
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
func (s *suiteRun) onePlace(b, g *service, common string) string {
	where := b.label() + " and " + g.label()
	hosts := [2]string{hostName(b), hostName(g)}
	samePath := strings.TrimSuffix(b.base.Path, "/") == strings.TrimSuffix(g.base.Path, "/")
	switch {
	case samePath && spelled(b) == spelled(g) && b.config.Resolve == g.config.Resolve && b.config.Host == g.config.Host:
		return fmt.Sprintf("%s are the same address %s", where, b.base.Redacted())
	case common == "":
		return ""
	case samePath && hosts[0] == hosts[1]:
		return fmt.Sprintf("%s are the same place: %s and %s both lead to %s as host %q", where, b.base.Redacted(), g.base.Redacted(),
			common, hosts[0])
	case b.name == g.name && !s.toldApart(b.name):
		return fmt.Sprintf("%s share %s as hosts %q and %q: add an identity that must differ to tell them apart", where, common,
			hosts[0], hosts[1])
	}
	return ""
}

// spelled is a service's scheme and authority with all names of this machine made one.
func spelled(s *service) string {
	host, port, err := net.SplitHostPort(places.Authority(s.base))
	if err != nil {
		return places.Authority(s.base)
	}
	return s.base.Scheme + "://" + places.LocalName(host) + ":" + port
}

// hostName is the host that the service is asked as.
func hostName(s *service) string {
	host := s.base.Hostname()
	if s.config.Host != "" {
		host = s.config.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	}
	return places.LocalName(host)
}

// toldApart reports whether an identity of the service must differ.
func (s *suiteRun) toldApart(name string) bool {
	return slices.ContainsFunc(s.suite.Identity, func(id scenarios.Identity) bool { return id.Service == name && id.Must == "differ" })
}

// reflected reports whether a value holds an address of a side: a server sends back
// the name that it was asked by.
func (s *suiteRun) reflected(text string) bool {
	for _, c := range []*cluster{s.blue, s.green} {
		for _, svc := range c.services {
			if host := hostName(svc); host != "" && strings.Contains(strings.ToLower(text), host) || strings.Contains(text,
				svc.base.Hostname()) {
				return true
			}
		}
	}
	return false
}
