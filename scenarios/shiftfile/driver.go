package shiftfile

import (
	"path/filepath"
	"strings"
	"time"
)

// A Driver is the mechanism that gives weight: exactly one of its fields is set.
type Driver struct {
	Exec    *Exec    `json:",omitempty"`
	HAProxy *HAProxy `json:",omitempty"`
	Route53 *Route53 `json:",omitempty"`
	// HTTPRoute is of the Gateway API, VirtualService of Istio.
	HTTPRoute      *Route `json:",omitempty"`
	VirtualService *Route `json:",omitempty"`
}

// A Route53 driver gives weight to two weighted records.
type Route53 struct {
	// Record is their name; Blue and Green are set identifiers.
	Zone, Record, Type, Blue, Green string
}

// A Route driver gives weight to two backends of one route of a cluster.
type Route struct {
	Context, Kubeconfig string
	InCluster           bool
	Namespace, Name     string
	// Blue and Green are backends: services, or hosts of Istio with or without a subset.
	Blue, Green string
}

// An Exec gives weight by two commands, which run in the folder of the file.
type Exec struct {
	Get, Set string
	// Max is the largest weight.
	Max int
	// Timeout bounds one command.
	Timeout time.Duration
}

// An HAProxy gives weight to two servers of a backend.
type HAProxy struct {
	// Socket is unix:///path or tcp://host:port.
	Socket, Backend, Blue, Green string
}

// Moves are keys of the thing whose weights a driver gives, in a form that does not depend on what
// else the file says: two walks with a key in common must not run at once. A route's cluster is
// known by how it is reached alone. Commands do not say what they move: for these the name of the walk
// is a key as well, and the folder that they run in counts.
func (d Driver) Moves(name, dir string) []string {
	key := func(parts ...string) []string { return []string{strings.Join(parts, "\n")} }
	route := func(kind string, r *Route) []string {
		where := r.Context + "\n" + r.Kubeconfig
		if r.InCluster {
			where = "in cluster"
		}
		return key(kind, where, r.Namespace, r.Name)
	}
	switch {
	case d.HAProxy != nil:
		return key("haproxy", d.HAProxy.Socket, d.HAProxy.Backend)
	case d.Route53 != nil:
		zone := strings.TrimPrefix(d.Route53.Zone, "/hostedzone/")
		return key("route53", zone, strings.ToLower(strings.TrimSuffix(d.Route53.Record, ".")), d.Route53.Type)
	case d.HTTPRoute != nil:
		return route("httproute", d.HTTPRoute)
	case d.VirtualService != nil:
		return route("virtualservice", d.VirtualService)
	case d.Exec != nil:
		return append(key("exec", filepath.Clean(dir), d.Exec.Get, d.Exec.Set), key("name", name)...)
	}
	return key("name", name) // a file that cannot be read whole
}
