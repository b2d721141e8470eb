package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/cluster/alike"
	"github.com/bgverify/bgverify/runner/cluster/inventory"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/routes"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// The files of a run folder that keep what the clusters held.
const (
	BlueFile  = "clusters/blue.json"
	GreenFile = "clusters/green.json"
)

// A Keeper keeps what was read of the clusters, and replaces secrets in it. A nil field
// does nothing.
type Keeper struct {
	// File writes a file of the run folder.
	File func(name string, write func(io.Writer) error) error
	// Redact replaces secrets in a JSON text.
	Redact func([]byte) []byte
}

// Gates are what a run asks of the clusters: it implements runner.Clusters. It is safe for
// concurrent use once Before has returned.
type Gates struct {
	asked *stage.Clusters
	keep  Keeper
	// read gets the inventories and what is ready: from the clusters, or from a run folder.
	read func(ctx context.Context, progress func(*run.Ready)) (*run.Ready, *reading, error)
	// blueName and greenName are the names of the clusters, see alike.Options.
	blueName, greenName string
	table               *routes.Table // nil: no services are asked for, or they could not be read
	problem             string        // why the services could not be read
}

// A reading is both inventories. blue is nil where blue's cluster is not asked.
type reading struct{ blue, green *inventory.Inventory }

// Gates are the gates of a run on these clusters.
func (c *Clusters) Gates(keep Keeper) *Gates {
	g := &Gates{asked: c.asked, keep: keep, blueName: nameOf(c.asked.Blue), greenName: nameOf(c.asked.Green)}
	g.read = func(ctx context.Context, progress func(*run.Ready)) (*run.Ready, *reading, error) {
		var ready *run.Ready
		if c.asked.Ready != nil {
			if ready = c.Ready(ctx, progress); ready.Verdict != run.Pass {
				return ready, nil, nil
			}
		}
		r, err := c.inspect(ctx, keep.Redact)
		return ready, r, err
	}
	return g
}

// Replay are the gates of a run that is judged again: its inventories are read from its
// folder by open, and what was ready is as it was found.
func Replay(asked *stage.Clusters, earlier *run.Clusters, open func(name string) (io.ReadCloser, error), keep Keeper) *Gates {
	g := &Gates{asked: asked, keep: keep, blueName: nameOf(asked.Blue), greenName: nameOf(asked.Green)}
	g.read = func(context.Context, func(*run.Ready)) (*run.Ready, *reading, error) {
		var ready *run.Ready
		if earlier != nil {
			ready = earlier.Ready
		}
		if ready == nil && asked.Ready != nil {
			return &run.Ready{Verdict: run.Broken, Reasons: []string{"the run that is judged again did not ask whether green is ready"}}, nil, nil
		}
		r := &reading{}
		for name, into := range map[string]**inventory.Inventory{BlueFile: &r.blue, GreenFile: &r.green} {
			f, err := open(name)
			if err != nil {
				continue // below: what is missing where it is needed is an error
			}
			*into, err = inventory.Load(f)
			if err := errors.Join(err, f.Close()); err != nil {
				return ready, nil, err
			}
		}
		if r.green == nil || r.blue == nil && asked.Alike != nil {
			return ready, nil, errors.New("the run that is judged again kept no inventory of the clusters")
		}
		return ready, r, nil
	}
	return g
}

// nameOf is the name of a cluster as its context says it: the last part of an ARN of EKS.
func nameOf(a stage.ClusterAccess) string { return path.Base(a.Context) }

// Before waits until green is ready, then compares what both clusters hold and keeps the
// inventories. It is asked before the first request of a run; progress may be nil.
func (g *Gates) Before(ctx context.Context, progress func(*run.Ready)) *run.Clusters {
	ready, r, err := g.read(ctx, progress)
	out := &run.Clusters{Ready: ready}
	if err == nil && r != nil {
		err = g.store(r)
	}
	if a := g.asked.Alike; a != nil && (r != nil || err != nil) {
		if err != nil {
			out.Alike = &run.Alike{Verdict: run.Broken, Reasons: []string{err.Error()}}
		} else {
			out.Alike = alike.Compare(r.blue, r.green, a, alike.Options{BlueName: g.blueName, GreenName: g.greenName, Now: time.Now()})
		}
	}
	if s := g.asked.Services; s != nil {
		switch {
		case err != nil:
			g.problem = err.Error()
		case r == nil:
			g.problem = "green was not ready"
		default:
			g.table = routes.New(s.From, r.green.Routes)
			if unread := r.green.UnreadRoutes; len(unread) > 0 { // the services that were read are not all of them
				g.problem = unread[0]
			}
		}
	}
	return out
}

// store keeps the inventories in the run folder.
func (g *Gates) store(r *reading) error {
	if g.keep.File == nil {
		return nil
	}
	for _, side := range []struct {
		name string
		inv  *inventory.Inventory
	}{{BlueFile, r.blue}, {GreenFile, r.green}} {
		if side.inv == nil {
			continue
		}
		if err := g.keep.File(side.name, side.inv.Write); err != nil {
			return fmt.Errorf("keep the inventory of a cluster: %w", err)
		}
	}
	return nil
}

// Note books a request to green that was answered; see routes.Table.Note.
func (g *Gates) Note(method, url, host string) {
	if g.table != nil {
		g.table.Note(method, url, host)
	}
}

// Services says which services the requests so far asked; nil: nobody wants to know.
func (g *Gates) Services() *run.ServiceCoverage {
	switch {
	case g.asked.Services == nil:
		return nil
	case g.table == nil:
		return &run.ServiceCoverage{From: g.asked.Services.From, Services: []run.ServiceAsked{}, Problem: g.problem}
	}
	out := g.table.Coverage()
	if g.problem != "" {
		out.Problem = g.problem
	}
	return out
}

// kinds are those that are compared, as the env file changes the built-in list.
func kinds(a *stage.ClusterAlike) []inventory.Kind {
	var out []inventory.Kind
	own := slices.ContainsFunc(a.Kinds, func(k string) bool { return !strings.HasPrefix(k, "+") })
	if !own {
		for _, k := range alike.Kinds {
			out = append(out, inventory.Kind{Name: k, Optional: true})
		}
	}
	for _, k := range a.Kinds {
		out = append(out, inventory.Kind{Name: strings.TrimPrefix(k, "+")})
	}
	if a.Secrets {
		out = append(out, inventory.Kind{Name: "Secret", Optional: true})
	}
	return out
}

// inspect reads both inventories at once.
func (c *Clusters) inspect(ctx context.Context, redact func([]byte) []byte) (*reading, error) {
	plan := &inventory.Plan{Key: make([]byte, 32), Redact: redact}
	if _, err := rand.Read(plan.Key); err != nil {
		return nil, err
	}
	if s := c.asked.Services; s != nil {
		plan.RouteKind, plan.RouteNamespaces = routeKinds[s.From], s.Namespaces
	}
	sides := []*kube.Cluster{c.green}
	if c.asked.Alike != nil {
		plan.Kinds, plan.Namespaces = kinds(c.asked.Alike), c.asked.Alike.Namespaces
		plan.Images = slices.ContainsFunc(plan.Kinds, func(k inventory.Kind) bool { return runsImages(k.Name) })
		sides = []*kube.Cluster{c.blue, c.green}
	}
	served, err := each(sides, func(cluster *kube.Cluster, _ int) (*kube.Served, error) { return cluster.Served(ctx) })
	if err != nil {
		return nil, err
	}
	resources, unread := make([][]kube.Resource, len(sides)), []string(nil)
	if len(sides) > 1 {
		var common []inventory.Common
		common, unread = inventory.Match(plan.Kinds, served[0], served[1])
		for _, found := range common {
			for i, r := range []*kube.Resource{found.Blue, found.Green} {
				if r != nil {
					resources[i] = append(resources[i], *r)
				}
			}
		}
	}
	found, err := each(sides, func(cluster *kube.Cluster, i int) (*inventory.Inventory, error) {
		p := *plan
		if i < len(sides)-1 {
			p.RouteKind = "" // services are green's
		}
		return inventory.Read(ctx, cluster, served[i], resources[i], &p)
	})
	if err != nil {
		return nil, err
	}
	r := &reading{green: found[len(found)-1]}
	r.green.Unread = append(unread, r.green.Unread...)
	if len(found) > 1 {
		r.blue = found[0]
		r.lookForEmpty(plan.Namespaces, slices.Concat(resources...))
	}
	for _, namespace := range plan.RouteNamespaces { // one that is misspelled is empty, too
		if len(r.green.Routes) > 0 && !has(r.green.Routes, namespace) {
			r.green.UnreadRoutes = append(r.green.UnreadRoutes, fmt.Sprintf("green: namespace %s has no %s", namespace, c.asked.Services.From))
		}
	}
	return r, nil
}

// runsImages reports a kind whose Pods run images.
func runsImages(kind string) bool {
	name, _, _ := strings.Cut(kind, ".")
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, name)
}

// has reports whether an object is in a namespace.
func has(objects []inventory.Object, namespace string) bool {
	return slices.ContainsFunc(objects, func(o inventory.Object) bool { return o.Namespace == namespace })
}

// lookForEmpty notes each namespace of which neither cluster has an object: one that is
// misspelled would be alike on both.
func (r *reading) lookForEmpty(namespaces []string, read []kube.Resource) {
	if len(r.blue.Unread)+len(r.green.Unread) > 0 || !slices.ContainsFunc(read, func(r kube.Resource) bool { return r.Namespaced }) {
		return
	}
	for _, namespace := range namespaces {
		if len(r.blue.Objects)+len(r.green.Objects) > 0 && !has(r.blue.Objects, namespace) && !has(r.green.Objects, namespace) {
			r.green.Unread = append(r.green.Unread, fmt.Sprintf("namespace %s has no object of the compared kinds on either cluster", namespace))
		}
	}
}

// routeKinds are the kinds that services are read from, with their groups.
var routeKinds = map[string]string{
	"VirtualService": "VirtualService.networking.istio.io", "HTTPRoute": "HTTPRoute.gateway.networking.k8s.io",
	"Ingress": "Ingress.networking.k8s.io", "Service": "Service",
}

// each asks all clusters at once; the results are in their order.
func each[T any](sides []*kube.Cluster, ask func(*kube.Cluster, int) (T, error)) ([]T, error) {
	out, errs := make([]T, len(sides)), make([]error, len(sides))
	var asked sync.WaitGroup
	for i, c := range sides {
		asked.Go(func() { out[i], errs[i] = ask(c, i) })
	}
	asked.Wait()
	return out, errors.Join(errs...)
}
