package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/shift"
)

// A Lease of Kubernetes in the namespace of the route says which walk moves it.
//
//  1. It is taken where there is none, where nobody holds it, and where its holder is the walk itself: one that
//     was killed goes on.
//  2. Another holder's is taken only after it was not renewed for its whole duration, as seen from here: clocks
//     of two machines need not agree.
//  3. Each change tests what was read, so that of two that take it at once one is refused.
//  4. The holder renews it, and gives it back at the end by removing its name.
var leaseKind = kube.Resource{Group: "coordination.k8s.io", Version: "v1", Name: "leases", Kind: "Lease", Namespaced: true}

const (
	leaseFor   = 30 * time.Second
	renewEvery = 8 * time.Second
	// microTime is how Kubernetes writes the times of a Lease.
	microTime = "2006-01-02T15:04:05.000000Z"
)

// A lease is that of one route and one walk.
type lease struct {
	cluster         *kube.Cluster
	namespace, name string
	holder          string
	now             func() time.Time
	// wait returns after a time, or with the error of ctx.
	wait func(ctx context.Context, d time.Duration) error
}

// A leaseSpec is what is read and written of a Lease.
type leaseSpec struct {
	HolderIdentity       string `json:"holderIdentity"`
	LeaseDurationSeconds int    `json:"leaseDurationSeconds"`
	AcquireTime          string `json:"acquireTime,omitempty"`
	RenewTime            string `json:"renewTime"`
}

// Lease takes the lease of the route. Its connection is that of the route's last read.
func (d *Driver) Lease(ctx context.Context, holder string, say func(format string, args ...any)) (shift.Lease, error) {
	if _, err := d.get(ctx); err != nil {
		return nil, err
	}
	l := d.newLease(holder)
	err := l.take(ctx, say)
	if kube.Is(err, kube.Forbidden) {
		return nil, hint.Errorf("grant get, create and patch on leases.coordination.k8s.io in namespace "+l.namespace+" to this user",
			"two walks of %s at once are kept apart by a Lease: %w", d.Name(), err)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (d *Driver) newLease(holder string) *lease {
	return &lease{
		cluster: d.cluster.Load(), namespace: d.config.Namespace, name: "bgverify-shift-" + d.kind.resource.Name + "-" + d.config.Name,
		holder: holder, now: time.Now, wait: d.pause,
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// read is the Lease as it is; nil: there is none.
func (l *lease) read(ctx context.Context) (*leaseSpec, error) {
	o, err := l.cluster.Get(ctx, leaseKind, l.namespace, l.name)
	if kube.Is(err, kube.NotFound) {
		return nil, nil //nolint:nilnil // the absence of a Lease is an answer
	}
	if err != nil {
		return nil, err
	}
	var doc struct{ Spec leaseSpec }
	if err := json.Unmarshal(o.JSON, &doc); err != nil {
		return nil, fmt.Errorf("read lease %s: %w", l.name, err)
	}
	return &doc.Spec, nil
}

// takes bounds how often a Lease is tried that changes each time.
const takes = 5

// take takes the Lease. Rules 1 and 2.
func (l *lease) take(ctx context.Context, say func(format string, args ...any)) error {
	var last error
	for range takes {
		have, err := l.read(ctx)
		if err != nil {
			return err
		}
		if have != nil && have.HolderIdentity != "" && have.HolderIdentity != l.holder {
			say("walk %s has the lease %s: waiting %s for a sign that it goes on", have.HolderIdentity, l.name, leaseFor)
			if err := l.wait(ctx, leaseFor); err != nil {
				return err
			}
			now, err := l.read(ctx)
			if err != nil {
				return err
			}
			if now != nil && now.HolderIdentity != "" && (now.HolderIdentity != have.HolderIdentity || now.RenewTime != have.RenewTime) {
				return &shift.LockedError{Name: "the route", Holder: fmt.Sprintf("walk %s, by lease %s in namespace %s", now.HolderIdentity, l.name, l.namespace)}
			}
			have = now
		}
		if last = l.write(ctx, have); last == nil {
			return nil
		}
		if !kube.Is(last, kube.Conflict, kube.Invalid, kube.Refused) {
			return last
		}
	}
	return fmt.Errorf("lease %s changes all the time: %w", l.name, last)
}

// write creates the Lease, or takes over what was read of it. Rule 3.
func (l *lease) write(ctx context.Context, have *leaseSpec) error {
	now := l.now().UTC().Format(microTime)
	mine := leaseSpec{HolderIdentity: l.holder, LeaseDurationSeconds: int(leaseFor / time.Second), AcquireTime: now, RenewTime: now}
	if have == nil {
		body, err := json.Marshal(map[string]any{
			"apiVersion": leaseKind.APIVersion(), "kind": leaseKind.Kind,
			"metadata": map[string]string{"name": l.name, "namespace": l.namespace}, "spec": mine,
		})
		if err != nil {
			return err
		}
		_, err = l.cluster.Create(ctx, leaseKind, l.namespace, l.name, body)
		return err
	}
	return l.patch(ctx, have, mine)
}

// patch replaces a Lease that still is what was read.
func (l *lease) patch(ctx context.Context, have *leaseSpec, next leaseSpec) error {
	var ops []kube.Op
	if have.HolderIdentity != "" {
		ops = append(ops, kube.Op{Op: "test", Path: "/spec/holderIdentity", Value: have.HolderIdentity})
	}
	if have.RenewTime != "" {
		ops = append(ops, kube.Op{Op: "test", Path: "/spec/renewTime", Value: have.RenewTime})
	}
	_, err := l.cluster.Patch(ctx, leaseKind, l.namespace, l.name, append(ops, kube.Op{Op: "add", Path: "/spec", Value: next}))
	return err
}

// Keep renews the Lease. Where the server cannot be reached nothing is reported: nobody can be seen to have it,
// and no weights can be written either. Rule 4.
func (l *lease) Keep(ctx context.Context, report func(why string)) {
	for l.wait(ctx, renewEvery) == nil {
		have, err := l.read(ctx)
		switch {
		case err != nil:
		case have != nil && have.HolderIdentity != "" && have.HolderIdentity != l.holder:
			report(fmt.Sprintf("another walk, %s, has taken the lease %s", have.HolderIdentity, l.name))
		case l.write(ctx, have) == nil: // else the next look finds who was faster
			report("")
		}
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), giveBack)
	defer done()
	if have, err := l.read(last); err == nil && have != nil && have.HolderIdentity == l.holder {
		next := *have
		next.HolderIdentity = ""
		_ = l.patch(last, have, next) // one that is not given back ends by itself
	}
}

// giveBack bounds the end: the weights are settled by then.
const giveBack = time.Second
