package runner

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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
