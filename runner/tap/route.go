package tap

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// servicePath begins the path of a request that names its service: addresses of a
// service that no client has asked by a host are rewritten to it, since no host is
// known that leads to the proxy and means that service.
const servicePath = "/.bgverify/"

// A target is a service and the hosts by which clients have asked for it.
type target struct {
	Service
	origin string // scheme://host:port, with the port always written
	base   string // path of the URL without a slash at its end

	mu   sync.Mutex
	host string // by which a client asked last
}

// newTarget is a service that no client has asked for yet.
func newTarget(s Service) *target {
	return &target{Service: s, origin: origin(s.URL.Scheme, s.URL.Host), base: strings.TrimRight(s.URL.EscapedPath(), "/")}
}

// origin writes scheme, host and port in one form.
func origin(scheme, host string) string {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err != nil {
		port := "80"
		if scheme == "https" {
			port = "443"
		}
		host += ":" + port
	}
	return scheme + "://" + host
}

// route finds the service that a request means, and its path there.
//
//  1. A path that begins with servicePath names it. inside is then true.
//  2. The host that the client asked (the Host field; without one, the name of the
//     TLS handshake) is the host of a service's URL.
//  3. The first label of that host is the name of a service: epg.stb.example.com.
//  4. Otherwise it is the first service.
func (p *Proxy) route(r *http.Request) (to *target, inside bool, path, raw string) {
	path, raw = r.URL.Path, r.URL.RawPath
	if rest, ok := strings.CutPrefix(path, servicePath); ok {
		name, below, _ := strings.Cut(rest, "/")
		for _, t := range p.targets {
			if t.key() == name {
				return t, true, "/" + below, strings.TrimPrefix(raw, servicePath+name)
			}
		}
	}
	asked := r.Host
	if asked == "" && r.TLS != nil {
		asked = r.TLS.ServerName
	}
	name := strings.ToLower(hostOnly(asked))
	to = p.named(name)
	to.mu.Lock()
	to.host = r.Host
	to.mu.Unlock()
	return to, false, path, raw
}

// named is the service that a host means, by rules 2 to 4 of route.
func (p *Proxy) named(host string) *target {
	for _, t := range p.targets {
		if strings.EqualFold(t.URL.Hostname(), host) && host != "" {
			return t
		}
	}
	label, _, _ := strings.Cut(host, ".")
	for _, t := range p.targets {
		if t.Name != "" && strings.EqualFold(t.Name, label) {
			return t
		}
	}
	return p.targets[0]
}

// key is the name of a service in a path.
func (t *target) key() string {
	if t.Name == "" {
		return "-"
	}
	return t.Name
}

// hostOnly is a host without its port and brackets.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// reached is the address by which the client of x reaches a service through the
// proxy, without a slash at its end.
func (p *Proxy) reached(x *Exchange, t *target) string {
	u := url.URL{Scheme: "http", Host: x.host}
	if p.secure {
		u.Scheme = "https"
	}
	if u.Host == "" { // HTTP/1.0 without a Host
		u.Host = p.Addr().String()
	}
	if t == x.target && !x.inside {
		return u.String()
	}
	t.mu.Lock()
	host := t.host
	t.mu.Unlock()
	if host != "" && p.named(strings.ToLower(hostOnly(host))) == t {
		u.Host = host
		return u.String()
	}
	return u.String() + servicePath + t.key()
}
