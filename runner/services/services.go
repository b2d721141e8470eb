// Package services holds the services of both sides of a suite as they are called: base URLs,
// headers and credentials with those of the side filled in, and one transport for each side
// and configuration. It says which service a URL leads to and in which words a service is
// named. It sends nothing: wire does, over the transports that a Pool keeps.
package services

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Service is one named base URL of one side, ready to be called. What is found out about
// it before the first case is kept in Local, Used and Down.
type Service struct {
	Side    scenarios.Side
	Name    string // "" is the side's own url
	Base    *url.URL
	Shared  bool              // both sides ask this one place
	Headers []scenarios.Field // the side's, then the service's where names differ
	Auth    *scenarios.Auth   // nil: none
	Config  wire.Config
	Wire    *wire.Transport
	Local   bool // on loopback: load and writes are free there
	Used    bool // a step or an identity names it
	// Down says why preflight could not reach the service; nothing is sent to it then.
	Down *wire.Err
}

// Label names the service in messages.
func (s *Service) Label() string {
	if s.Name == "" {
		return s.Side.String()
	}
	return s.Side.String() + " service " + s.Name
}

// A Side is one side of a suite: its services by name.
type Side struct {
	Side     scenarios.Side
	Config   *scenarios.SideConfig
	Services []*Service // the side's own first, then in file order
}

// Find finds a service by name; nil: the side has no such service. "" is the side's own url.
func (c *Side) Find(name string) *Service {
	for _, s := range c.Services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// At finds the service whose origin u has; the one with the longest base path
// that u is below wins.
func (c *Side) At(u *url.URL) *Service {
	var found *Service
	for _, s := range c.Services {
		if Origin(s.Base) != Origin(u) {
			continue
		}
		if found == nil || below(u, s.Base) && len(s.Base.Path) > len(found.Base.Path) {
			found = s
		}
	}
	return found
}

// AtText finds the service that an absolute URL leads to; nil: none.
func (c *Side) AtText(text string) *Service {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return c.At(u)
}

// below reports whether a URL's path is that of a base URL or is under it.
func below(u, base *url.URL) bool {
	return strings.HasPrefix(u.Path+"/", strings.TrimSuffix(base.Path, "/")+"/")
}

// Origin is scheme, host and port in one spelling.
func Origin(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + places.Authority(u)
}

// A Pool makes and keeps one wire.Transport for each side and configuration, so that
// the suites of a run share connections and the sides never do.
type Pool struct {
	Root  string      // folder that certificates are below; empty: the working folder
	Guard *wire.Guard // says where requests may go; nil: anywhere
	// MaxBody is how many bytes of a decoded body are read; 0: the default of wire.Limits.
	MaxBody int64

	mu   sync.Mutex
	made map[transportKey]*wire.Transport
}

type transportKey struct {
	side   scenarios.Side
	config wire.Config
}

// Get is the transport of a side and configuration.
func (t *Pool) Get(side scenarios.Side, config wire.Config) (*wire.Transport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := transportKey{side, config}
	if w := t.made[key]; w != nil {
		return w, nil
	}
	w, err := wire.New(config)
	if err != nil {
		return nil, err
	}
	if t.made == nil {
		t.made = map[transportKey]*wire.Transport{}
	}
	t.made[key] = w
	return w, nil
}

// Close closes the connections of all transports.
func (t *Pool) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.made {
		w.Close()
	}
	t.made = nil
}

// New makes a side of a suite ready. It connects to nothing; the error is that of an address
// or a certificate.
func New(side scenarios.Side, config *scenarios.SideConfig, pool *Pool) (*Side, error) {
	c := &Side{Side: side, Config: config}
	all := config.Services
	if config.URL != "" {
		all = slices.Insert(slices.Clone(all), 0, scenarios.Service{URL: config.URL})
	}
	for _, s := range all {
		made, err := newService(c, s, pool)
		switch {
		case err != nil && s.Name != "": // the side's own url has no name
			return nil, fmt.Errorf("%s: service %q: %w", side, s.Name, err)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", side, err)
		}
		c.Services = append(c.Services, made)
	}
	return c, nil
}

// newService joins what the side says of all its services with what one says of itself.
func newService(c *Side, s scenarios.Service, pool *Pool) (*Service, error) {
	base, err := BaseURL(c.Config.URL, s.URL)
	if err != nil {
		return nil, err
	}
	out := &Service{
		Side: c.Side, Name: s.Name, Base: base, Shared: s.Shared, Headers: overlay(c.Config.Headers, s.Headers),
		Auth: cmp.Or(s.Auth, c.Config.Auth),
	}
	tls := c.Config.TLS
	if s.TLS != nil {
		tls = *s.TLS
	}
	file := func(name string) string {
		if name == "" || filepath.IsAbs(name) || pool.Root == "" {
			return name
		}
		return filepath.Join(pool.Root, filepath.FromSlash(name))
	}
	out.Config = wire.Config{
		BaseURL: base.Scheme + "://" + base.Host, Resolve: s.Resolve, Host: s.Host, Proxy: c.Config.Proxy, HTTP: cmp.Or(s.HTTP, c.Config.HTTP),
		CAFile: file(tls.CA), CertFile: file(tls.Cert), KeyFile: file(tls.Key), ServerName: tls.ServerName, Insecure: tls.Insecure,
		Guard:  pool.Guard,
		Limits: wire.Limits{Body: pool.MaxBody},
	}
	if !s.Shared { // what is shared lives in one place: the side's pins are not its own
		out.Config.Resolve, out.Config.Host = cmp.Or(s.Resolve, c.Config.Resolve), cmp.Or(s.Host, c.Config.Host)
	}
	out.Wire, err = pool.Get(c.Side, out.Config)
	return out, err
}

// BaseURL is the base URL of a service: its own, or below the side's when it
// begins with a slash or is not written.
func BaseURL(side, own string) (*url.URL, error) {
	text := own
	if own == "" || strings.HasPrefix(own, "/") {
		text = strings.TrimSuffix(side, "/") + own
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("url %q is not http or https", text)
	case u.Host == "":
		return nil, fmt.Errorf("url %q names no host", text)
	}
	return u, nil
}

// overlay is the fields of below without those that above names, then above.
func overlay(below, above []scenarios.Field) []scenarios.Field {
	hidden := func(f scenarios.Field) bool {
		return slices.ContainsFunc(above, func(g scenarios.Field) bool { return strings.EqualFold(f.Name, g.Name) })
	}
	return append(slices.DeleteFunc(slices.Clone(below), hidden), above...)
}

// Join puts a rendered path with its query below a base URL. The path is already
// escaped and stays as it is. Without a path, as in ?limit=3, the base URL is sent
// as it is, without a slash at its end; a ? alone adds nothing.
func Join(base *url.URL, rendered string) string {
	target, query, hasQuery := strings.Cut(rendered, "?")
	prefix := strings.TrimSuffix(base.EscapedPath(), "/")
	if target == "" {
		target, hasQuery = prefix, query != ""
		if target == "" {
			target = "/"
		}
	} else {
		target = prefix + "/" + strings.TrimPrefix(target, "/")
	}
	out := base.Scheme + "://" + base.Host + target
	if hasQuery {
		out += "?" + query
	}
	return out
}

// Logical is a URL under the host name that the service is asked as: cookies
// belong to the name, not to the address behind it.
func (s *Service) Logical(address string) string {
	if s.Config.Host == "" {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = s.Config.Host
	return u.String()
}

// LogicalHost is the host of the service under that name.
func (s *Service) LogicalHost() string {
	u, err := url.Parse(s.Logical(s.Base.String()))
	if err != nil {
		return s.Base.Hostname()
	}
	return u.Hostname()
}

// Moved is a URL of one service on its namesake of the other side.
func Moved(address string, from, to *Service) string {
	prefix := strings.TrimSuffix(from.Base.String(), "/")
	rest, ok := strings.CutPrefix(address, prefix)
	if !ok {
		return address
	}
	return strings.TrimSuffix(to.Base.String(), "/") + rest
}

// Place names a service with its address.
func (s *Service) Place() string { return s.Label() + " at " + Origin(s.Base) }

// Target is the service as package places finds it.
func (s *Service) Target() places.Target {
	return places.Target{Base: s.Base, Resolve: s.Config.Resolve, Proxy: s.Config.Proxy}
}

// Spelled is a service's scheme and authority with all names of this machine made one.
func Spelled(s *Service) string {
	host, port, err := net.SplitHostPort(places.Authority(s.Base))
	if err != nil {
		return places.Authority(s.Base)
	}
	return s.Base.Scheme + "://" + places.LocalName(host) + ":" + port
}

// HostName is the host that the service is asked as.
func HostName(s *Service) string {
	host := s.Base.Hostname()
	if s.Config.Host != "" {
		host = s.Config.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	}
	return places.LocalName(host)
}

// Authorities names a side's services as they would show in an answer. What is
// shared is not a secret.
func Authorities(of, other *Side) []string {
	var out []string
	for _, s := range of.Services {
		if !s.Shared && other.At(s.Base) == nil {
			out = append(out, strings.ToLower(s.Base.Host))
			if s.Config.Host != "" && !strings.EqualFold(s.Config.Host, s.Base.Host) {
				out = append(out, strings.ToLower(s.Config.Host))
			}
		}
	}
	return out
}
