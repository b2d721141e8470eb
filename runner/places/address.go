// Package places knows where services are on the network: it resolves and dials addresses,
// brings their spellings to one, and remembers where the answers of both sides came from, so
// that a run can say whether blue and green are two places. Of HTTP it knows nothing.
package places

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/wire"
)

// An Address is where a service is on the network.
type Address struct {
	// Points are empty for a service that is reached through a proxy, which alone knows.
	Points []netip.AddrPort
	Err    *wire.Err // why it cannot be reached; nil: it can
}

// Figures of a dial: a service that does not answer the dial within the
// timeout, in none of the attempts, is down for the whole run.
const (
	dialTimeout  = 5 * time.Second
	dialAttempts = 3
	dialPause    = 150 * time.Millisecond
)

// A Target is a service as it is to be found.
type Target struct {
	Base    *url.URL
	Resolve string // IP or IP:port in place of what the name resolves to
	Proxy   string // URL; empty: none
}

// Look resolves a service's host, or its proxy's, and dials it where asked to.
func Look(ctx context.Context, s Target, dialled bool) *Address {
	a := &Address{}
	target := Authority(s.Base)
	if s.Proxy != "" {
		u, err := url.Parse(s.Proxy)
		if err != nil {
			a.Err = &wire.Err{Class: wire.ClassRequest, Detail: "proxy: " + err.Error()}
			return a
		}
		target = Authority(u)
	}
	points, err := resolve(ctx, target, s.Resolve)
	if err != nil {
		a.Err = &wire.Err{Class: wire.ClassDNS, Detail: err.Error()}
		return a
	}
	if s.Proxy == "" {
		a.Points = points
	}
	for i := 0; dialled && i < dialAttempts; i++ {
		if a.Err = dial(ctx, points); a.Err == nil || a.Err.Class == wire.ClassTimeout {
			return a
		}
		if i+1 == dialAttempts {
			break
		}
		select {
		case <-ctx.Done():
			return a
		case <-time.After(dialPause):
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
	if p, err := netip.ParseAddrPort(pinned); err == nil {
		return []netip.AddrPort{canonical(p)}, nil
	}
	if ip, err := netip.ParseAddr(cmp.Or(pinned, host)); err == nil {
		return []netip.AddrPort{canonical(netip.AddrPortFrom(ip, uint16(port)))}, nil
	}
	if pinned != "" {
		return nil, fmt.Errorf("resolve %q is not an address", pinned)
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

// dialClass is the class of a dial's failure.
func dialClass(ctx context.Context, err error) wire.Class {
	failure, ok := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return wire.ClassCanceled
	case ok && failure.Timeout():
		return wire.ClassTimeout
	case strings.Contains(err.Error(), "refused"):
		return wire.ClassRefused
	case strings.Contains(err.Error(), "too many open files"):
		return wire.ClassDescriptors
	default:
		return wire.ClassConnect
	}
}

// Loopback reports whether all of the address is on this machine.
func (a *Address) Loopback() bool {
	return len(a.Points) > 0 && !slices.ContainsFunc(a.Points, func(p netip.AddrPort) bool { return !p.Addr().IsLoopback() })
}

// Common is a point that two addresses have in common, those of this machine taken for one;
// "" where they have none.
func (a *Address) Common(b *Address) string {
	others := b.spelled()
	for _, p := range a.spelled() {
		if slices.Contains(others, p) {
			return p
		}
	}
	return ""
}

// spelled are the points, those of this machine in one spelling.
func (a *Address) spelled() []string {
	var out []string
	if a != nil {
		for _, p := range a.Points {
			out = append(out, net.JoinHostPort(LocalName(p.Addr().String()), strconv.Itoa(int(p.Port()))))
		}
	}
	return out
}

// Authority is host:port in one spelling: lower case, no trailing dot, the port
// of the scheme where none is written.
func Authority(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	port := u.Port()
	if port == "" {
		port = "80"
		if strings.EqualFold(u.Scheme, "https") {
			port = "443"
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// LocalName is a host in one spelling: the names of this machine's loopback are localhost.
func LocalName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || ip == netip.IPv6Loopback() || ip.IsUnspecified() {
			return "localhost"
		}
		return ip.String()
	}
	return host
}
