// Package routes knows which hosts and paths lead to which services of a cluster, and
// which of them were asked.
//
// In come the objects of one kind (VirtualService, HTTPRoute, Ingress or Service) as an
// inventory has them; [New] makes a [Table] of them. [Table.Note] books an answered
// request, and [Table.Coverage] says which services and routes nobody asked. The package
// is pure, and its memory depends on the number of routes alone.
package routes

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/runner/cluster/inventory"
	"github.com/bgverify/bgverify/runner/run"
)

// A Table is the routes of a cluster. It is safe for concurrent use.
type Table struct {
	from string
	// Unread are objects that could not be read, in words.
	unread []string

	mu     sync.Mutex // guards the counts of routes
	routes []*route
}

// A route is one host and path that leads to services.
type route struct {
	host     string // may begin with *.; empty: any host
	exact    string // the path; one of three
	prefix   string
	elements bool // the prefix ends where an element of the path does
	narrow   bool // it asks for headers or a query too, which are not known here
	regex    *regexp.Regexp
	method   *regexp.Regexp // that it is for; nil: any
	order    int            // of an Istio object, whose first match wins; 0 elsewhere
	services []service
	asked    int
}

// A service is where a route leads.
type service struct{ namespace, name string }

// New makes the table of objects of one kind.
func New(from string, objects []inventory.Object) *Table {
	t := &Table{from: from}
	for i := range objects {
		o := &objects[i]
		read := map[string]func(*inventory.Object) ([]*route, error){
			"VirtualService": virtualService, "HTTPRoute": httpRoute, "Ingress": ingress, "Service": serviceRoutes,
		}[from]
		list, err := read(o)
		if err != nil {
			t.unread = append(t.unread, fmt.Sprintf("%s cannot be read: %v", o.Title(), err))
		}
		t.routes = append(t.routes, list...)
	}
	return t
}

// Note books an answered request to a URL; host is the Host header where it is not the
// URL's. The most specific route that matches is asked, as the gateway chooses it.
func (t *Table) Note(method, rawURL, host string) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return
	}
	host, _, _ = strings.Cut(strings.ToLower(cmp.Or(host, u.Host)), ":")
	path := cmp.Or(u.Path, "/")
	t.mu.Lock()
	defer t.mu.Unlock()
	var best *route
	for _, r := range t.routes {
		if (r.method == nil || r.method.MatchString(method)) && r.matches(host, path) && (best == nil || r.before(best)) {
			best = r
		}
	}
	if best != nil {
		best.asked++
	}
}

// matches reports whether a host and a path are those of a route.
func (r *route) matches(host, path string) bool {
	switch {
	case r.host == "" || r.host == "*" || r.host == host:
	case strings.HasPrefix(r.host, "*.") && strings.HasSuffix(host, r.host[1:]):
	default:
		return false
	}
	switch {
	case r.regex != nil:
		return r.regex.MatchString(path)
	case r.exact != "":
		return path == r.exact
	case r.elements:
		return strings.HasPrefix(path+"/", strings.TrimSuffix(r.prefix, "/")+"/")
	}
	return strings.HasPrefix(path, r.prefix)
}

// before reports whether a route is chosen before another that matches too: the more
// specific host, one that asks for the path alone, in one VirtualService the one that is
// written first, else an exact path, then the longest prefix, then one that names a method.
func (r *route) before(o *route) bool {
	specific := func(r *route) int {
		if r.host == "" || strings.HasPrefix(r.host, "*") {
			return len(r.host)
		}
		return 1000 + len(r.host)
	}
	if a, b := specific(r), specific(o); a != b {
		return a > b
	}
	if r.narrow != o.narrow {
		return o.narrow
	}
	if r.order != 0 && o.order != 0 {
		return r.order < o.order
	}
	weight := func(r *route) int {
		if r.exact != "" {
			return 1 << 20
		}
		return len(r.prefix)
	}
	if a, b := weight(r), weight(o); a != b {
		return a > b
	}
	return r.method != nil && o.method == nil
}

// String is the route for people: api.example/v1/epg*, with POST before it where it is for that alone.
func (r *route) String() string {
	path := r.prefix + "*"
	switch {
	case r.regex != nil:
		path = " ~ " + r.regex.String()
	case r.exact != "":
		path = r.exact
	}
	method := ""
	if r.method != nil {
		method = strings.Trim(r.method.String(), "^$") + " "
	}
	return method + cmp.Or(r.host, "*") + path
}

// Coverage says which services and routes were asked, those that nobody asked first.
// A service is asked where at least one of its routes is.
func (t *Table) Coverage() *run.ServiceCoverage {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &run.ServiceCoverage{From: t.from, Services: []run.ServiceAsked{}}
	byName := map[service]*run.ServiceAsked{}
	for _, r := range t.routes {
		for _, s := range r.services {
			a := lazy.Entry(byName, s, run.ServiceAsked{Name: s.name, Namespace: s.namespace})
			a.Asked += r.asked
			i := slices.IndexFunc(a.Routes, func(have run.RouteAsked) bool { return have.Route == r.String() })
			if i < 0 {
				a.Routes = append(a.Routes, run.RouteAsked{Route: r.String(), Asked: r.asked})
			} else {
				a.Routes[i].Asked += r.asked
			}
		}
	}
	for _, a := range byName {
		slices.SortFunc(a.Routes, func(x, y run.RouteAsked) int { return cmp.Compare(x.Route, y.Route) })
		out.Services = append(out.Services, *a)
		if out.Of++; a.Asked > 0 {
			out.Asked++
		}
	}
	slices.SortFunc(out.Services, func(a, b run.ServiceAsked) int {
		return cmp.Or(cmp.Compare(min(a.Asked, 1), min(b.Asked, 1)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	switch {
	case len(t.unread) > 0:
		out.Problem = t.unread[0]
	case out.Of == 0:
		out.Problem = fmt.Sprintf("no %s leads to a service", t.from)
	}
	return out
}

// An Entry is one service with the address that leads to it from outside: a host, and the
// shortest path below it that is the service's alone.
type Entry struct{ Namespace, Name, Host, Path string }

// Entries are the services that have a host and a path, by namespace and name: of several
// routes to a service the one with the shortest prefix. Hosts with a * are no addresses.
func (t *Table) Entries() []Entry {
	best := map[service]Entry{}
	for _, r := range t.routes {
		if r.host == "" || strings.Contains(r.host, "*") || r.regex != nil {
			continue
		}
		path := cmp.Or(r.exact, r.prefix)
		for _, s := range r.services {
			if old, ok := best[s]; !ok || len(path) < len(old.Path) {
				best[s] = Entry{s.namespace, s.name, r.host, path}
			}
		}
	}
	var out []Entry
	for _, e := range best {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}
