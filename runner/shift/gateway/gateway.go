// Package gateway gives weight to two backends of an HTTPRoute of the Gateway API or of a
// VirtualService of Istio.
//
// In comes the name of one route and of its two backends; out come JSON Patches, each one
// atomic. Every rule of the route that names both backends is walked, all in one patch. A
// patch tests that each entry still is the backend it is meant for, and, where it must not
// hide what somebody else wrote, that its weight is what was read.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A kind is what differs between the two kinds of route.
type kind struct {
	resource kube.Resource
	most     int
	// rules and backends are the names of the lists; unset is the weight of an entry that has none.
	rules, backends string
	unset           int
}

var (
	httpRoute = kind{
		kube.Resource{Group: "gateway.networking.k8s.io", Version: "v1", Name: "httproutes", Kind: "HTTPRoute", Namespaced: true},
		1_000_000, "rules", "backendRefs", 1,
	}
	virtualService = kind{
		kube.Resource{Group: "networking.istio.io", Version: "v1", Name: "virtualservices", Kind: "VirtualService", Namespaced: true},
		100, "http", "route", 0,
	}
)

// A Driver changes the weights of two backends of one route.
type Driver struct {
	kind   kind
	config shiftfile.Route
	// connect makes the connection at the first call, so that a driver can be made without a cluster.
	cluster atomic.Pointer[kube.Cluster]
	last    atomic.Pointer[route]
	// aims are the weights that were asked for, or else those that the first read found.
	aims atomic.Pointer[aims]
	// pause waits; a test has its own.
	pause func(ctx context.Context, d time.Duration) error
}

// NewHTTPRoute makes a driver of an HTTPRoute; nothing is sent.
func NewHTTPRoute(c shiftfile.Route) *Driver {
	return &Driver{kind: httpRoute, config: c, pause: pauseFor}
}

// NewVirtualService makes a driver of a VirtualService.
func NewVirtualService(c shiftfile.Route) *Driver {
	return &Driver{kind: virtualService, config: c, pause: pauseFor}
}

// Name says what is written to.
func (d *Driver) Name() string {
	return fmt.Sprintf("%s %s/%s", d.kind.resource.Kind, d.config.Namespace, d.config.Name)
}

// Max is the largest weight of an entry.
func (d *Driver) Max() int { return d.kind.most }

// An entry is one backend of one rule.
type entry struct {
	path    string // JSON Pointer of the entry
	name    string
	nameAt  string // JSON Pointer of its name
	weight  int
	written bool // the weight is written, not the default
}

// A route are the rules that are walked.
type route struct {
	blue, green []entry // one of each for every walked rule
	// lonely are rules that name one of the two alone; thirds other backends with weight.
	lonely, thirds []string
	setting        machine.Setting
	object         kube.Object
}

// document is what is read of a route of either kind.
type document struct {
	Metadata struct {
		Annotations map[string]string
		Labels      map[string]string
	}
	Spec map[string]json.RawMessage
}

// backend is an entry of either kind.
type backend struct {
	Name        string
	Weight      *int
	Destination struct{ Host, Subset string }
}

// get reads the route.
func (d *Driver) get(ctx context.Context) (*route, error) {
	c := d.cluster.Load()
	if c == nil {
		var err error
		if c, err = kube.Connect(kube.Access{Name: "cluster", Context: d.config.Context, Kubeconfig: d.config.Kubeconfig, InCluster: d.config.InCluster}); err != nil {
			return nil, err
		}
		d.cluster.Store(c)
	}
	o, err := c.Get(ctx, d.kind.resource, d.config.Namespace, d.config.Name)
	if err != nil {
		return nil, err
	}
	r, err := d.parse(o)
	if err == nil {
		d.last.Store(r)
	}
	return r, err
}

// parse finds the entries of both backends.
func (d *Driver) parse(o kube.Object) (*route, error) {
	var doc document
	if err := json.Unmarshal(o.JSON, &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Name(), err)
	}
	var rules []map[string]json.RawMessage
	if err := json.Unmarshal(doc.Spec[d.kind.rules], &rules); err != nil {
		return nil, fmt.Errorf("%s has no %s: %w", d.Name(), d.kind.rules, err)
	}
	r := &route{object: o, setting: machine.Setting{}}
	for name, value := range doc.Spec {
		if name != d.kind.rules {
			r.setting[name] = compact(value)
		}
	}
	for i, rule := range rules {
		d.describe(r, i, rule)
		if len(rule[d.kind.backends]) == 0 {
			continue // a redirect
		}
		var list []backend
		if err := json.Unmarshal(rule[d.kind.backends], &list); err != nil {
			return nil, fmt.Errorf("%s: rule %d: %w", d.Name(), i, err)
		}
		d.rule(r, i, list)
	}
	if len(r.blue) == 0 {
		return nil, fmt.Errorf("%s has no rule with both backends %s and %s", d.Name(), d.config.Blue, d.config.Green)
	}
	if _, err := r.weights(); err != nil {
		r.setting["weights"] = err.Error()
	}
	return r, nil
}

// rule adds the entries of one rule.
func (d *Driver) rule(r *route, i int, list []backend) {
	var blue, green *entry
	for j, b := range list {
		e := entry{path: fmt.Sprintf("/spec/%s/%d/%s/%d", d.kind.rules, i, d.kind.backends, j), name: b.Name, weight: d.kind.unset}
		e.nameAt = e.path + "/name"
		if b.Destination.Host != "" {
			e.name, e.nameAt = b.Destination.Host, e.path+"/destination/host"
		}
		if e.written = b.Weight != nil; e.written {
			e.weight = *b.Weight
		}
		switch side := d.side(&b); {
		case side == "blue":
			blue = &e
		case side == "green":
			green = &e
		case e.weight > 0:
			r.thirds = append(r.thirds, fmt.Sprintf("%s of weight %d in rule %d", e.name, e.weight, i))
		}
	}
	switch {
	case blue != nil && green != nil:
		r.blue, r.green = append(r.blue, *blue), append(r.green, *green)
	case blue != nil || green != nil:
		r.lonely = append(r.lonely, fmt.Sprintf("rule %d", i))
	}
}

// weights are those of the first rule; the others must have the same.
func (r *route) weights() (machine.Weights, error) {
	first := machine.Weights{Blue: r.blue[0].weight, Green: r.green[0].weight}
	for i := range r.blue {
		if w := (machine.Weights{Blue: r.blue[i].weight, Green: r.green[i].weight}); w != first {
			return first, fmt.Errorf("the rules disagree: %s and %s", first, w)
		}
	}
	return first, nil
}

// Read returns the weights, and what else the route says.
func (d *Driver) Read(ctx context.Context) (machine.Weights, machine.Setting, error) {
	r, err := d.get(ctx)
	if err != nil {
		return machine.Weights{}, nil, err
	}
	return d.shown(r), r.setting, nil
}

// aims are the weights that the last write asked for, and those that were asked for before.
type aims struct{ now, before machine.Weights }

// aim notes what a write asks for, whether it succeeds or not.
func (d *Driver) aim(to machine.Weights) {
	a := d.aims.Load()
	switch {
	case a == nil:
		d.aims.Store(&aims{to, to})
	case a.now != to: // not a repetition
		d.aims.Store(&aims{to, a.now})
	}
}

// shown are the weights of a route. Where its rules disagree, those of a rule are shown that has not what was
// asked for: no walk goes on, and no rollback is over, while one of the rules is elsewhere. Weights that the walk
// never asked for come first, as somebody else made them.
func (d *Driver) shown(r *route) machine.Weights {
	first, err := r.weights()
	if err == nil {
		d.aims.CompareAndSwap(nil, &aims{first, first})
		return first
	}
	a := d.aims.Load()
	if a == nil {
		a = &aims{first, first}
	}
	var old machine.Weights
	for i := range r.blue {
		switch w := (machine.Weights{Blue: r.blue[i].weight, Green: r.green[i].weight}); w {
		case a.now:
		case a.before:
			old = w
		default:
			return w
		}
	}
	return old
}

// Write patches every walked rule at once.
func (d *Driver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	r, err := d.get(ctx)
	if err != nil {
		return err
	}
	have := d.shown(r)
	if ctx.Err() == nil { // one that was given up must not replace the aim of the rollback after it
		d.aim(to)
	}
	if compare && have != from {
		return shift.Refused(fmt.Errorf("the weights are %s, not %s", have, from))
	}
	if _, err := d.cluster.Load().Patch(ctx, d.kind.resource, d.config.Namespace, d.config.Name, r.ops(to, compare)); err != nil {
		if kube.Is(err, refusals...) {
			return shift.Refused(err)
		}
		return err
	}
	return nil
}

// refusals are the answers to a patch that a repetition does not change. A conflict is not
// one of them: others wrote the object at the same moment, and the patch tests what they changed.
var refusals = []kube.Reason{kube.Forbidden, kube.Unauthorized, kube.NotFound, kube.Invalid, kube.Refused}

// ops is the patch that gives every walked rule its weights.
func (r *route) ops(to machine.Weights, compare bool) []kube.Op {
	var ops []kube.Op
	add := func(e entry, weight int) {
		ops = append(ops, kube.Op{Op: "test", Path: e.nameAt, Value: e.name})
		if compare && e.written {
			ops = append(ops, kube.Op{Op: "test", Path: e.path + "/weight", Value: e.weight})
		}
		ops = append(ops, kube.Op{Op: "add", Path: e.path + "/weight", Value: weight})
	}
	for i := range r.blue {
		add(r.blue[i], to.Blue)
		add(r.green[i], to.Green)
	}
	return ops
}

// Await returns at once: gateways follow within seconds, which settle of the shift file covers.
func (d *Driver) Await(context.Context) (time.Duration, error) { return 0, nil }

// Check refuses a route whose shares would not be what they say, or that Argo CD would put back.
func (d *Driver) Check(ctx context.Context) error {
	r, err := d.get(ctx)
	var unreadable *kube.Error
	switch {
	case errors.As(err, &unreadable):
		return fmt.Errorf("%w (%s)", err, unreadable.Hint())
	case err != nil:
		return hint.Errorf("blue and green are the names of backends", "%w", err)
	case len(r.thirds) > 0:
		return hint.Errorf("give it weight 0, or remove it", "%s has a third backend, %s", d.Name(), strings.Join(r.thirds, ", "))
	case len(r.lonely) > 0:
		return hint.Errorf("name both backends there, the second with weight 0", "%s of %s names only one of the two: its traffic would not move", strings.Join(r.lonely, ", "), d.Name())
	}
	if _, err := r.weights(); err != nil {
		return hint.Errorf("give every rule the same weights", "%s: %w", d.Name(), err)
	}
	return d.healed(ctx, r)
}

// application is what is read of an Application of Argo CD.
type application struct {
	Spec struct {
		SyncPolicy        struct{ Automated *struct{ SelfHeal bool } }
		IgnoreDifferences []struct{ Kind, Name string }
	}
}

// healed refuses a route that Argo CD owns, heals by itself, and does not ignore the weights of.
// An application that cannot be read refuses nothing: if it heals, the walk notices.
func (d *Driver) healed(ctx context.Context, r *route) error {
	var doc document
	if err := json.Unmarshal(r.object.JSON, &doc); err != nil {
		return err
	}
	app, _, ok := strings.Cut(doc.Metadata.Annotations["argocd.argoproj.io/tracking-id"], ":")
	if !ok {
		return nil
	}
	namespace, name, ok := strings.Cut(app, "_")
	if !ok {
		namespace, name = "argocd", app
	}
	o, err := d.cluster.Load().Get(ctx, kube.Resource{Group: "argoproj.io", Version: "v1alpha1", Name: "applications", Kind: "Application", Namespaced: true}, namespace, name)
	var a application
	if err != nil || json.Unmarshal(o.JSON, &a) != nil || a.Spec.SyncPolicy.Automated == nil || !a.Spec.SyncPolicy.Automated.SelfHeal {
		return nil
	}
	for _, ignored := range a.Spec.IgnoreDifferences {
		if ignored.Kind == d.kind.resource.Kind && (ignored.Name == "" || ignored.Name == d.config.Name) {
			return nil
		}
	}
	return hint.Errorf("add ignoreDifferences for its weights, with RespectIgnoreDifferences=true",
		"Argo CD heals %s by itself (application %s/%s): it would write its own weights again", d.Name(), namespace, name)
}

// ByHand is the command of kubectl that sets the weights.
func (d *Driver) ByHand(to machine.Weights) []string {
	r := d.last.Load()
	where := fmt.Sprintf("-n %s %s.%s %s", d.config.Namespace, d.kind.resource.Name, d.kind.resource.Group, d.config.Name)
	if d.config.Context != "" {
		where = "--context " + d.config.Context + " " + where
	}
	if r == nil {
		return []string{fmt.Sprintf("kubectl edit %s   # weight of %s: %d, of %s: %d", where, d.config.Blue, to.Blue, d.config.Green, to.Green)}
	}
	text, err := json.Marshal(r.ops(to, false))
	if err != nil {
		return []string{err.Error()}
	}
	return []string{fmt.Sprintf("kubectl patch %s --type json -p '%s'", where, text)}
}
