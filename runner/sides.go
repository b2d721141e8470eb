package runner

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A service is one named base URL of one side, ready to be called.
type service struct {
	side    scenarios.Side
	name    string // "" is the side's own url
	base    *url.URL
	shared  bool
	headers []scenarios.Field // the side's, then the service's where names differ
	auth    *scenarios.Auth   // nil: none
	config  wire.Config
	wire    *wire.Transport
	local   bool // on loopback; see preflight
	used    bool // a step or an identity names it
	// down says why preflight could not reach the service; nothing is sent to it then.
	down *wire.Err
}

// label names the service in messages.
func (s *service) label() string {
	if s.name == "" {
		return s.side.String()
	}
	return s.side.String() + " service " + s.name
}

// A cluster is one side of a suite: its services by name.
type cluster struct {
	side     scenarios.Side
	config   *scenarios.SideConfig
	services []*service // the side's own first, then in file order
}

// service finds a service by name; "" is the side's own url.
func (c *cluster) service(name string) *service {
	for _, s := range c.services {
		if s.name == name {
			return s
		}
	}
	return nil
}

// at finds the service whose origin u has; the one with the longest base path
// that u lies below wins.
func (c *cluster) at(u *url.URL) *service {
	var found *service
	for _, s := range c.services {
		if origin(s.base) != origin(u) {
			continue
		}
		if found == nil || below(u, s.base) && len(s.base.Path) > len(found.base.Path) {
			found = s
		}
	}
	return found
}

// atText finds the service that an absolute URL leads to; nil: none.
func (c *cluster) atText(text string) *service {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return c.at(u)
}

func below(u, base *url.URL) bool {
	return strings.HasPrefix(u.Path+"/", strings.TrimSuffix(base.Path, "/")+"/")
}

// origin is scheme, host and port in one spelling.
func origin(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + places.Authority(u)
}

// transports keeps one wire.Transport for each side and configuration, so that
// the suites of a run share connections and the sides never do.
type transports struct {
	mu   sync.Mutex
	made map[transportKey]*wire.Transport
}

type transportKey struct {
	side   scenarios.Side
	config wire.Config
}

func (t *transports) get(side scenarios.Side, config wire.Config) (*wire.Transport, error) {
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

func (t *transports) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.made {
		w.Close()
	}
	t.made = nil
}

// newCluster makes a side of a suite ready. Certificates are below the world's root.
func newCluster(side scenarios.Side, config *scenarios.SideConfig, world *World, pool *transports) (*cluster, error) {
	c := &cluster{side: side, config: config}
	add := func(s scenarios.Service) error {
		made, err := newService(c, s, world, pool)
		if err != nil {
			return fmt.Errorf("%s: %w", side, err)
		}
		c.services = append(c.services, made)
		return nil
	}
	if config.URL != "" {
		if err := add(scenarios.Service{URL: config.URL}); err != nil {
			return nil, err
		}
	}
	for _, s := range config.Services {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func newService(c *cluster, s scenarios.Service, world *World, pool *transports) (*service, error) {
	base, err := serviceURL(c.config.URL, s.URL)
	if err != nil {
		return nil, ofService(s.Name, err)
	}
	out := &service{
		side: c.side, name: s.Name, base: base, shared: s.Shared, headers: overlay(c.config.Headers, s.Headers),
		auth: c.config.Auth,
	}
	if s.Auth != nil {
		out.auth = s.Auth
	}
	tls := c.config.TLS
	if s.TLS != nil {
		tls = *s.TLS
	}
	file := func(name string) string {
		if name == "" || filepath.IsAbs(name) || world.Root == "" {
			return name
		}
		return filepath.Join(world.Root, filepath.FromSlash(name))
	}
	out.config = wire.Config{
		BaseURL: base.Scheme + "://" + base.Host, Proxy: c.config.Proxy, HTTP: c.config.HTTP,
		CAFile: file(tls.CA), CertFile: file(tls.Cert), KeyFile: file(tls.Key), ServerName: tls.ServerName, Insecure: tls.Insecure, Guard: world.Guard,
	}
	if !s.Shared { // what is shared lives in one place: the side's pins are not its own
		out.config.Resolve, out.config.Host = c.config.Resolve, c.config.Host
	}
	if s.Resolve != "" {
		out.config.Resolve = s.Resolve
	}
	if s.Host != "" {
		out.config.Host = s.Host
	}
	if s.HTTP != "" {
		out.config.HTTP = s.HTTP
	}
	out.wire, err = pool.get(c.side, out.config)
	if err != nil {
		return nil, ofService(s.Name, err)
	}
	return out, nil
}

// ofService names the service in an error; the side's own url has no name.
func ofService(name string, err error) error {
	if name == "" {
		return err
	}
	return fmt.Errorf("service %q: %w", name, err)
}

// serviceURL is the base URL of a service: its own, or below the side's when it
// begins with a slash or is not written.
func serviceURL(side, own string) (*url.URL, error) {
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
	var out []scenarios.Field
	for _, f := range below {
		named := false
		for _, g := range above {
			named = named || strings.EqualFold(f.Name, g.Name)
		}
		if !named {
			out = append(out, f)
		}
	}
	return append(out, above...)
}

// join puts a rendered path with its query below a base URL. The path is already
// escaped and stays as it is. Without a path, as in ?limit=3, the base URL is sent
// as it is, without a slash at its end; a ? alone adds nothing.
func join(base *url.URL, rendered string) string {
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
