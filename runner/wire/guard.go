package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode"
)

// A Guard holds a transport to the hosts that it may reach, whatever a request says.
// It looks at the address that is dialled: at a pinned address where the config has
// one (Config.Resolve), else at the host name that this machine looks up itself, and at
// every address that comes of it. A proxy is dialled too and must be allowed as well as
// the origin behind it.
//
//  1. Without patterns only addresses on loopback are dialled.
//  2. A pattern is a host name or an address with * for any part, without a port, or a
//     network such as 10.2.0.0/16. One pattern must match the name or the address.
//  3. A refusal is a failure of this machine, never of the side: see [ClassRequest].
type Guard struct{ patterns []string }

// NewGuard makes a guard of patterns. Its error says which pattern cannot be read.
func NewGuard(patterns []string) (*Guard, error) {
	g := &Guard{}
	for _, p := range patterns {
		p = strings.ToLower(strings.Trim(strings.TrimSuffix(p, "."), "[]"))
		if strings.Contains(p, "/") {
			if _, err := netip.ParsePrefix(p); err != nil {
				return nil, fmt.Errorf("%q is not a network such as 10.2.0.0/16", p)
			}
		} else if _, err := path.Match(p, "x"); err != nil || p == "" {
			return nil, fmt.Errorf("%q is not a host name, an address or a pattern of them", p)
		}
		g.patterns = append(g.patterns, p)
	}
	return g, nil
}

// errGuarded marks an address that the guard did not let be dialled.
var errGuarded = errors.New("is not allowed")

// Allows reports whether a host name or an address may be dialled.
func (g *Guard) Allows(host string) bool {
	if g == nil {
		return true
	}
	host = strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	addr, err := netip.ParseAddr(host)
	isAddr := err == nil
	if isAddr {
		addr = addr.Unmap()
		host = addr.WithZone("").String()
	}
	if len(g.patterns) == 0 {
		return isAddr && addr.IsLoopback()
	}
	for _, p := range g.patterns {
		if network, err := netip.ParsePrefix(p); err == nil {
			if isAddr && network.Contains(addr) {
				return true
			}
			continue
		}
		if ok, _ := path.Match(p, host); ok {
			return true
		}
	}
	return false
}

// MayAllow reports whether a host may be dialled as far as that is known before it is
// looked up: a name that no pattern matches may still lead to an address that one does.
func (g *Guard) MayAllow(host string) bool {
	if g.Allows(host) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && (len(g.patterns) == 0 || slices.ContainsFunc(g.patterns,
		func(p string) bool { return !strings.ContainsFunc(p, unicode.IsLetter) }))
}

// DialledHost is the name or the address that the connections of a config go to.
func (c *Config) DialledHost() string {
	at := c.Resolve
	if c.Proxy != "" {
		at = c.Proxy
	} else if at == "" {
		at = c.BaseURL
	}
	if u, err := url.Parse(at); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return hostOnly(at)
}

// dialer checks what is dialled: addr is a name or an address with its port.
func (g *Guard) dialer(addr string) *net.Dialer {
	d := &net.Dialer{}
	if g == nil {
		return d
	}
	named := g.Allows(hostOnly(addr))
	d.Control = func(_, address string, _ syscall.RawConn) error {
		if named || g.Allows(hostOnly(address)) {
			return nil
		}
		if address == addr {
			return fmt.Errorf("%s %w", address, errGuarded)
		}
		return fmt.Errorf("%s (%s) %w", addr, address, errGuarded)
	}
	return d
}
