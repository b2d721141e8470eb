package routes

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/cluster/inventory"
)

// localService is the service that a host of Istio or Kubernetes names in a namespace:
// epg, epg.stb, epg.stb.svc.cluster.local.
func localService(host, namespace string) service {
	parts := strings.Split(host, ".")
	switch {
	case len(parts) == 1:
		return service{namespace, host}
	case len(parts) == 2 || parts[2] == "svc":
		return service{parts[1], parts[0]}
	}
	return service{"", host} // outside the cluster
}

// hostsOr are hosts, or any host where there are none.
func hostsOr(hosts []string) []string {
	if len(hosts) == 0 {
		return []string{""}
	}
	return hosts
}

// A stringMatch is how Istio matches a path.
type stringMatch struct {
	Exact  string `json:"exact"`
	Prefix string `json:"prefix"`
	Regex  string `json:"regex"`
}

// methodPattern is a pattern of methods; nil: any. A pattern that is empty takes every method.
func (m *stringMatch) methodPattern() (*regexp.Regexp, error) {
	switch {
	case m == nil || *m == stringMatch{}:
		return nil, nil
	case m.Regex != "":
		return regexp.Compile("^(?:" + m.Regex + ")$")
	case m.Exact != "":
		return regexp.MustCompile("^" + regexp.QuoteMeta(m.Exact) + "$"), nil
	}
	return regexp.MustCompile("^" + regexp.QuoteMeta(m.Prefix)), nil
}

// alsoAsked is what a match asks for besides a path and a method.
type alsoAsked struct {
	Headers         json.RawMessage `json:"headers"`
	WithoutHeaders  json.RawMessage `json:"withoutHeaders"`
	Authority       json.RawMessage `json:"authority"`
	Scheme          json.RawMessage `json:"scheme"`
	Port            int             `json:"port"`
	QueryParams     json.RawMessage `json:"queryParams"`
	SourceLabels    json.RawMessage `json:"sourceLabels"`
	SourceNamespace string          `json:"sourceNamespace"`
}

// some reports whether a match asks for more than a path and a method.
func (a *alsoAsked) some() bool {
	return len(a.Headers)+len(a.WithoutHeaders)+len(a.Authority)+len(a.Scheme)+a.Port+len(a.QueryParams)+len(a.SourceLabels)+len(a.SourceNamespace) > 0
}

// virtualService reads the HTTP routes of a VirtualService, for its hosts.
func virtualService(o *inventory.Object) ([]*route, error) {
	var vs struct {
		Spec struct {
			Hosts []string `json:"hosts"`
			HTTP  []struct {
				Match []struct {
					URI    *stringMatch `json:"uri"`
					Method *stringMatch `json:"method"`
					alsoAsked
				} `json:"match"`
				Route []struct {
					Weight      int `json:"weight"`
					Destination struct {
						Host string `json:"host"`
					} `json:"destination"`
				} `json:"route"`
			} `json:"http"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(o.JSON, &vs); err != nil {
		return nil, err
	}
	var out []*route
	order := 0
	for _, h := range vs.Spec.HTTP {
		var services []service
		for _, r := range h.Route {
			if r.Weight == 0 && len(h.Route) > 1 {
				continue // no request goes there
			}
			if s := localService(r.Destination.Host, o.Namespace); !slices.Contains(services, s) {
				services = append(services, s)
			}
		}
		matches := []route{}
		for _, m := range h.Match {
			at := stringMatch{Prefix: "/"}
			if m.URI != nil {
				at = *m.URI
			}
			match := route{exact: at.Exact, prefix: at.Prefix, narrow: m.some()}
			var err error
			if match.method, err = m.Method.methodPattern(); err != nil {
				return out, err
			}
			if at.Regex != "" {
				if match.regex, err = regexp.Compile("^(?:" + at.Regex + ")$"); err != nil {
					return out, err
				}
			}
			matches = append(matches, match)
		}
		if len(h.Match) == 0 {
			matches = append(matches, route{prefix: "/"})
		}
		order++
		for _, host := range hostsOr(vs.Spec.Hosts) {
			for _, m := range matches {
				r := m
				r.host, r.order, r.services = strings.ToLower(host), order, services
				out = append(out, &r)
			}
		}
	}
	return out, nil
}

// httpRoute reads the rules of an HTTPRoute of Gateway API.
func httpRoute(o *inventory.Object) ([]*route, error) {
	var hr struct {
		Spec struct {
			Hostnames []string `json:"hostnames"`
			Rules     []struct {
				Matches []struct {
					Path *struct {
						Type  string `json:"type"`
						Value string `json:"value"`
					} `json:"path"`
					Method string `json:"method"`
					alsoAsked
				} `json:"matches"`
				BackendRefs []struct {
					Name      string `json:"name"`
					Namespace string `json:"namespace"`
					Weight    *int   `json:"weight"` // nil: 1
				} `json:"backendRefs"`
			} `json:"rules"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(o.JSON, &hr); err != nil {
		return nil, err
	}
	var out []*route
	for _, rule := range hr.Spec.Rules {
		var services []service
		for _, b := range rule.BackendRefs {
			if b.Weight == nil || *b.Weight > 0 {
				services = append(services, service{cmp.Or(b.Namespace, o.Namespace), b.Name})
			}
		}
		paths := []route{}
		for _, m := range rule.Matches {
			switch {
			case m.Path == nil:
				paths = append(paths, route{prefix: "/"})
			case m.Path.Type == "Exact":
				paths = append(paths, route{exact: m.Path.Value})
			case m.Path.Type == "RegularExpression":
				re, err := regexp.Compile("^(?:" + m.Path.Value + ")$")
				if err != nil {
					return out, err
				}
				paths = append(paths, route{regex: re})
			default:
				paths = append(paths, route{prefix: m.Path.Value, elements: true})
			}
			last := &paths[len(paths)-1]
			last.method, _ = (&stringMatch{Exact: m.Method}).methodPattern() // an exact one always compiles
			last.narrow = m.some()
		}
		if len(rule.Matches) == 0 {
			paths = append(paths, route{prefix: "/"})
		}
		for _, host := range hostsOr(hr.Spec.Hostnames) {
			for _, p := range paths {
				r := p
				r.host, r.services = strings.ToLower(host), services
				out = append(out, &r)
			}
		}
	}
	return out, nil
}

// ingress reads the rules and the default of an Ingress.
func ingress(o *inventory.Object) ([]*route, error) {
	type backend struct {
		Service struct {
			Name string `json:"name"`
		} `json:"service"`
	}
	var in struct {
		Spec struct {
			DefaultBackend *backend `json:"defaultBackend"`
			Rules          []struct {
				Host string `json:"host"`
				HTTP struct {
					Paths []struct {
						Path     string  `json:"path"`
						PathType string  `json:"pathType"`
						Backend  backend `json:"backend"`
					} `json:"paths"`
				} `json:"http"`
			} `json:"rules"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(o.JSON, &in); err != nil {
		return nil, err
	}
	var out []*route
	if b := in.Spec.DefaultBackend; b != nil && b.Service.Name != "" {
		out = append(out, &route{prefix: "/", services: []service{{o.Namespace, b.Service.Name}}})
	}
	for _, rule := range in.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			r := &route{host: strings.ToLower(rule.Host), services: []service{{o.Namespace, p.Backend.Service.Name}}}
			if p.PathType == "Exact" {
				r.exact = p.Path
			} else {
				r.prefix, r.elements = cmp.Or(strings.TrimSuffix(p.Path, "*"), "/"), p.PathType == "Prefix"
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// serviceRoutes are the names that a Service has inside its cluster.
func serviceRoutes(o *inventory.Object) ([]*route, error) {
	of := []service{{o.Namespace, o.Name}}
	var out []*route
	var base strings.Builder
	base.WriteString(o.Name)
	for _, suffix := range []string{"", "." + o.Namespace, ".svc", ".cluster.local"} {
		base.WriteString(suffix)
		out = append(out, &route{host: base.String(), prefix: "/", services: of})
	}
	return out, nil
}
