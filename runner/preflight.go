package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// An address is where a service lives on the network, as preflight found it.
type address struct {
	points []netip.AddrPort
	err    *wire.Err // why it cannot be reached; nil: it can
}

// Figures of the probe: a service that does not answer the dial within the
// timeout, in none of the attempts, is down for the whole run.
const (
	dialTimeout  = 5 * time.Second
	dialAttempts = 3
	dialPause    = 150 * time.Millisecond
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
				svc.local = allLoopback(a.points) && !e.remote
				s.loopback = s.loopback && svc.local
				if !svc.used {
					continue
				}
				report.Checked++
				if a.err == nil {
					sides[c.side]++
					continue
				}
				svc.down = a.err
				report.Missing++
				if !slices.ContainsFunc(report.Down, func(d verdict.DownService) bool { return d.Side == svc.side && d.Label == svc.place() }) {
					report.Down = append(report.Down, verdict.DownService{Side: svc.side, Name: svc.name, Label: svc.place(), Err: a.err})
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

// lookAll finds out where all services live, each place once, all at once.
func (e *execution) lookAll(ctx context.Context) map[*service]*address {
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
	out := map[*service]*address{}
	for _, group := range byKey {
		all.Go(func() {
			a := look(ctx, group[0], slices.ContainsFunc(group, func(s *service) bool { return s.used }))
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

// look resolves a service's host and, where a step needs it, dials it.
func look(ctx context.Context, s *service, used bool) *address {
	a := &address{}
	target := authority(s.base)
	if s.config.Proxy != "" {
		u, err := url.Parse(s.config.Proxy)
		if err != nil {
			a.err = &wire.Err{Class: wire.ClassRequest, Detail: "proxy: " + err.Error()}
			return a
		}
		target = authority(u)
	}
	points, err := resolve(ctx, target, s.config.Resolve)
	if err != nil {
		a.err = &wire.Err{Class: wire.ClassDNS, Detail: err.Error()}
		return a
	}
	if s.config.Proxy == "" {
		a.points = points
	}
	for i := 0; used && i < dialAttempts; i++ {
		if a.err = dial(ctx, points); a.err == nil || a.err.Class == wire.ClassTimeout {
			return a
		}
		if i+1 < dialAttempts && sleep(ctx, dialPause) != nil {
			return a
		}
	}
	return a
}

// resolve turns host:port into addresses; pinned (IP or IP:port) replaces them.
func resolve(ctx context.Context, target, pinned string) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	if pinned != "" {
		if p, err := netip.ParseAddrPort(pinned); err == nil {
			return []netip.AddrPort{canonical(p)}, nil
		}
		ip, err := netip.ParseAddr(pinned)
		if err != nil {
			return nil, fmt.Errorf("resolve %q is not an address", pinned)
		}
		return []netip.AddrPort{canonical(netip.AddrPortFrom(ip, uint16(port)))}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{canonical(netip.AddrPortFrom(ip, uint16(port)))}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	out := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		out[i] = canonical(netip.AddrPortFrom(ip, uint16(port)))
	}
	return out, nil
}

// canonical gives an address one spelling: IPv4 in IPv6 is IPv4.
func canonical(p netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}

// dial opens and closes a connection to the first address that takes one.
func dial(ctx context.Context, points []netip.AddrPort) *wire.Err {
	dialer := net.Dialer{Timeout: dialTimeout}
	var last *wire.Err
	for _, p := range points {
		conn, err := dialer.DialContext(ctx, "tcp", p.String())
		if err == nil {
			_ = conn.Close()
			return nil
		}
		last = &wire.Err{Class: dialClass(ctx, err), Detail: err.Error()}
	}
	if last == nil {
		last = &wire.Err{Class: wire.ClassDNS, Detail: "the host has no address"}
	}
	return last
}

func dialClass(ctx context.Context, err error) wire.Class {
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		return wire.ClassCanceled
	case errors.As(err, &timeout) && timeout.Timeout():
		return wire.ClassTimeout
	case strings.Contains(err.Error(), "refused"):
		return wire.ClassRefused
	case strings.Contains(err.Error(), "too many open files"):
		return wire.ClassDescriptors
	default:
		return wire.ClassConnect
	}
}

func allLoopback(points []netip.AddrPort) bool {
	for _, p := range points {
		if !p.Addr().IsLoopback() {
			return false
		}
	}
	return len(points) > 0
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
