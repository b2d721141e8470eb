package runner

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// sameness finds the services whose two sides are one place (rule 2). Services
// of different names are held against each other as well: green's auth must not
// be blue's api.
func (s *suiteRun) sameness(found map[*service]*address) []string {
	var out []string
	for _, b := range s.blue.services {
		for _, g := range s.green.services {
			if b.shared || g.shared {
				continue
			}
			if text := s.onePlace(b, g, overlap(points(b, found), points(g, found))); text != "" {
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
		return fmt.Sprintf("%s are the same place: %s and %s both lead to %s as host %q", where, b.base.Redacted(), g.base.Redacted(), common, hosts[0])
	case b.name == g.name && !s.toldApart(b.name):
		return fmt.Sprintf("%s share %s as hosts %q and %q: add an identity that must differ to tell them apart", where, common, hosts[0], hosts[1])
	}
	return ""
}

// spelled is a service's scheme and authority with all names of this machine made one.
func spelled(s *service) string {
	host, port, err := net.SplitHostPort(authority(s.base))
	if err != nil {
		return authority(s.base)
	}
	return s.base.Scheme + "://" + localName(host) + ":" + port
}

// localName makes the names of this machine's loopback one.
func localName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || ip == netip.IPv6Loopback() || ip.IsUnspecified() {
			return "localhost"
		}
		return ip.String()
	}
	if host == "localhost" {
		return "localhost"
	}
	return host
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
	return localName(host)
}

// points are a service's addresses, those of this machine made one.
func points(s *service, found map[*service]*address) []string {
	a := found[s]
	if a == nil {
		return nil
	}
	var out []string
	for _, p := range a.points {
		out = append(out, net.JoinHostPort(localName(p.Addr().String()), strconv.Itoa(int(p.Port()))))
	}
	return out
}

func overlap(a, b []string) string {
	for _, p := range a {
		if slices.Contains(b, p) {
			return p
		}
	}
	return ""
}

// toldApart reports whether an identity of the service must differ.
func (s *suiteRun) toldApart(name string) bool {
	return slices.ContainsFunc(s.suite.Identity, func(id scenarios.Identity) bool { return id.Service == name && id.Must == "differ" })
}

// Two addresses may lead to one cluster: two names of one ingress, two IP addresses
// of one load balancer. A run without an identity compares green with green then,
// and passes. Blue and green are shown to be two places by any of:
//
//  1. an identity whose values differ
//  2. certificates: those that a service showed as blue are not those it showed as green
//  3. different IP addresses, together with a value that a rule of the suite explains
//     and that was one and the same in all answers of blue, another in all of green.
//     A request id or a clock differs between any two answers, and shows nothing;
//     nor does a side's own address sent back to it.
type whereabouts struct {
	mu       sync.Mutex
	services map[string]*answerers // by service
	values   map[string]*steady    // by where and path
}

// answerers is where the two sides of a service answered from.
type answerers struct{ blue, green seenAt }

type seenAt struct{ hosts, certificates []string }

// steady is a value that a rule explains, as long as each side keeps to its own.
type steady struct {
	blue, green string
	pairs       int
	broken      bool
}

// Bounds of what is remembered: more than that tells nothing new.
const (
	maxAnswerers = 64
	maxSteady    = 500
	leastPairs   = 2
)

// answered remembers where an answer came from.
func (p *whereabouts) answered(to *service, x *wire.Exchange) {
	if x == nil || x.Err != nil || to.shared {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.services == nil {
		p.services = map[string]*answerers{}
	}
	of := p.services[to.name]
	if of == nil {
		of = &answerers{}
		p.services[to.name] = of
	}
	at := pick(to.side, &of.blue, &of.green)
	note := func(list *[]string, text string) {
		if text != "" && len(*list) < maxAnswerers && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	if x.Remote.IsValid() {
		note(&at.hosts, x.Remote.Addr().Unmap().String())
	}
	note(&at.certificates, x.Certificate)
}

// explained remembers the values of a step that rules explain.
func (p *whereabouts) explained(s *suiteRun, step *run.StepResult) {
	if step.Lane != "" || !step.Compared {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range step.Ignored {
		d := &step.Ignored[i]
		if d.Kind != diff.Changed || d.Rule == "" || d.Blue.Cut || d.Green.Cut || s.reflected(d.Blue.JSON) || s.reflected(d.Green.JSON) {
			continue
		}
		key := d.Where.String() + " " + d.Path
		v := p.values[key]
		switch {
		case v != nil:
			v.broken = v.broken || v.blue != d.Blue.JSON || v.green != d.Green.JSON
			v.pairs++
		case len(p.values) < maxSteady:
			if p.values == nil {
				p.values = map[string]*steady{}
			}
			p.values[key] = &steady{blue: d.Blue.JSON, green: d.Green.JSON, pairs: 1}
		}
	}
}

// reflected reports whether a value holds an address of a side: a server sends back
// the name that it was asked by.
func (s *suiteRun) reflected(text string) bool {
	for _, c := range []*cluster{s.blue, s.green} {
		for _, svc := range c.services {
			if host := hostName(svc); host != "" && strings.Contains(strings.ToLower(text), host) || strings.Contains(text, svc.base.Hostname()) {
				return true
			}
		}
	}
	return false
}

// disjoint reports whether both lists hold something and nothing in common.
func disjoint(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// apart reports whether addresses or certificates showed that blue and green are
// two places (rules 2 and 3).
func (p *whereabouts) apart() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	addresses := false
	for _, of := range p.services {
		if disjoint(of.blue.certificates, of.green.certificates) { // Rule 2
			return true
		}
		addresses = addresses || disjoint(of.blue.hosts, of.green.hosts)
	}
	if !addresses {
		return false
	}
	for _, v := range p.values { // Rule 3
		if !v.broken && v.pairs >= leastPairs && v.blue != v.green {
			return true
		}
	}
	return false
}
