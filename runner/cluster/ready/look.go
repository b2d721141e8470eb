package ready

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/run"
)

// workloads judges what the namespaces hold. Gateways and routes have no objects where Gateway
// API is not installed.
func (l *look) workloads(ctx context.Context) ([]run.ReadyItem, error) {
	var items []run.ReadyItem
	var errs []error
	for _, namespace := range l.asked.Workloads.Namespaces {
		endpoints, err := l.endpoints(ctx, namespace)
		if err != nil {
			return items, err
		}
		runs, idle, failed := 0, 0, false
		for _, kind := range Kinds {
			r, ok, err := l.resource(ctx, l.Green, kind)
			if err != nil {
				return items, err
			}
			if !ok {
				if err := l.unserved(kind); err != nil {
					errs, failed = append(errs, err), true
				}
				continue
			}
			list, err := l.Green.List(ctx, kube.Query{Resource: r, Namespace: namespace})
			if err != nil {
				errs, failed = append(errs, err), true
			}
			for _, o := range list {
				state := Workload(r.Kind, o.JSON, endpoints)
				switch {
				case state.LeftOut || l.excepted(r.Kind, o.Name):
					continue
				case state.Idle:
					idle++
				default:
					runs++
				}
				state.Namespace, state.Name = o.Namespace, o.Name
				items = append(items, state.ReadyItem)
			}
		}
		switch { // Rule 2
		case runs > 0 || failed:
		case idle > 0:
			errs = append(errs, fmt.Errorf("nothing runs in namespace %s: it has no workload with a replica", namespace))
		default:
			errs = append(errs, fmt.Errorf("namespace %s has no workload", namespace))
		}
	}
	return items, errors.Join(errs...)
}

// excepted reports an object that the env file leaves out.
func (l *look) excepted(kind, name string) bool {
	return slices.ContainsFunc(l.asked.Workloads.Except, func(pattern string) bool {
		ok, _ := path.Match(pattern, kind+"/"+name)
		return ok
	})
}

// endpoints counts the ready endpoints of each Service of a namespace.
func (l *look) endpoints(ctx context.Context, namespace string) (map[string]int, error) {
	const kind = "EndpointSlice"
	out := map[string]int{}
	r, ok, err := l.resource(ctx, l.Green, kind)
	if err == nil && !ok {
		err = l.unserved(kind)
	}
	if err != nil {
		return nil, err
	}
	_, err = l.Green.List(ctx, kube.Query{Resource: r, Namespace: namespace, Keep: func(o kube.Object) (kube.Object, bool, error) {
		var slice struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Endpoints []struct {
				Conditions struct {
					Ready *bool `json:"ready"` // nil: true
				} `json:"conditions"`
			} `json:"endpoints"`
		}
		if err := json.Unmarshal(o.JSON, &slice); err != nil {
			return o, false, err
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				out[slice.Metadata.Labels["kubernetes.io/service-name"]]++
			}
		}
		return o, false, nil
	}, Again: func() { clear(out) }})
	return out, err
}

// unserved says whether a kind that green does not serve could be there all the same. Only
// Gateways are an add-on; all other kinds are part of every cluster.
func (l *look) unserved(kind string) error {
	_, group, addOn := strings.Cut(kind, ".")
	broken := slices.ContainsFunc(l.served[l.Green].Failed, func(gv string) bool { return strings.HasPrefix(gv, group+"/") })
	if addOn && !broken {
		return nil
	}
	return fmt.Errorf("%s: the API server does not say whether it serves the kind %s", l.Green.Name, kind)
}

// inCluster is what Argo CD calls the cluster that it runs in.
const inCluster = "https://kubernetes.default.svc"

// deployElsewhere is an error where the selected applications are not those of green: one that
// deploys to blue's API server, or, where Argo CD runs elsewhere, all of them to its own cluster. Which
// cluster a name means is known to Argo CD alone.
func (l *look) deployElsewhere(list []kube.Object) error {
	central, away := server(l.ArgoCD.Host) != server(l.Green.Host), 0
	for _, o := range list {
		var a struct {
			Spec struct {
				Destination struct{ Server, Name string } `json:"destination"`
			} `json:"spec"`
		}
		if err := json.Unmarshal(o.JSON, &a); err != nil {
			return fmt.Errorf("application %s cannot be read: %w", o.Name, err)
		}
		to := a.Spec.Destination
		if l.Blue != nil && to.Server != "" && server(to.Server) == server(l.Blue.Host) && server(l.Blue.Host) != server(l.Green.Host) {
			return fmt.Errorf("application %s/%s deploys to blue's cluster: narrow the selector to those of green", o.Namespace, o.Name)
		}
		if central && (server(to.Server) == inCluster || to.Name == "in-cluster") {
			away++
		}
	}
	if away > 0 && away == len(list) {
		return fmt.Errorf("no application deploys to green: all %d are of the cluster that Argo CD runs in", away)
	}
	return nil
}

// server is the address of an API server as it is compared.
func server(address string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(address), "/"), ":443")
}
