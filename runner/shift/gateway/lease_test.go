package gateway

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// leaseOf is the lease of a walk on another machine. While it waits for another holder, meanwhile happens.
func leaseOf(t *testing.T, config, holder string, meanwhile func()) *lease {
	t.Helper()
	d := NewHTTPRoute(routeOf(config))
	if _, err := d.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := d.newLease(holder)
	times := 0
	l.now = func() time.Time { times++; return time.Unix(int64(len(holder)*1000+times), 0) } // clocks disagree
	l.wait = func(context.Context, time.Duration) error {
		if meanwhile != nil {
			meanwhile()
		}
		return nil
	}
	return l
}

func quietly(string, ...any) {}

// Of two walks of one route, whatever machine they are on, one has the lease; one that was killed loses it
// only when it does not renew it, and one that goes on gets it back at once.
func TestLease(t *testing.T) {
	_, config := server(t, httpRouteText)
	first := leaseOf(t, config, "walk-1", nil)
	if err := first.take(t.Context(), quietly); err != nil {
		t.Fatal(err)
	}
	renew := func() {
		have, err := first.read(t.Context())
		if err == nil {
			err = first.write(t.Context(), have)
		}
		if err != nil {
			t.Error(err)
		}
	}
	var locked *shift.LockedError
	if err := leaseOf(t, config, "walk-2", renew).take(t.Context(), quietly); !errors.As(err, &locked) || !strings.Contains(err.Error(), "walk-1") {
		t.Errorf("a second walk while the first one renews its lease: %v", err)
	}
	if err := leaseOf(t, config, "walk-1", func() { t.Error("the walk that has it waits") }).take(t.Context(), quietly); err != nil {
		t.Errorf("the same walk again: %v", err)
	}
	second := leaseOf(t, config, "walk-2", nil)
	if err := second.take(t.Context(), quietly); err != nil {
		t.Errorf("after the first one was killed: %v", err)
	}
	if have, err := first.read(t.Context()); err != nil || have.HolderIdentity != "walk-2" {
		t.Errorf("%+v, %v", have, err)
	}
}

// Two walks that take a lease at the same moment do not both have it.
func TestLeaseRace(t *testing.T) {
	for name, begun := range map[string]bool{"no lease yet": false, "one that was left": true} {
		_, config := server(t, httpRouteText)
		if begun {
			if err := leaseOf(t, config, "killed", nil).take(t.Context(), quietly); err != nil {
				t.Fatal(err)
			}
		}
		a, b := leaseOf(t, config, "walk-1", nil), leaseOf(t, config, "walk-2", nil)
		have, err := a.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.write(t.Context(), have); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := a.write(t.Context(), have); err == nil {
			t.Errorf("%s: both have taken it", name)
		}
	}
}

// A walk keeps its lease, reports that another one has it, and gives its own back at the end.
func TestKeepLease(t *testing.T) {
	_, config := server(t, httpRouteText)
	l := leaseOf(t, config, "walk-1", nil)
	if err := l.take(t.Context(), quietly); err != nil {
		t.Fatal(err)
	}
	keep := func(rounds int) (reported []string) {
		l.wait = func(context.Context, time.Duration) error {
			if rounds--; rounds < 0 {
				return context.Canceled
			}
			return nil
		}
		l.Keep(t.Context(), func(why string) { reported = append(reported, why) })
		return reported // empty where it was renewed
	}
	before, err := l.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if reported := keep(2); !slices.Equal(reported, []string{"", ""}) {
		t.Errorf("reported: %q", reported)
	}
	after, err := l.read(t.Context())
	if err != nil || after.HolderIdentity != "" || after.RenewTime == before.RenewTime {
		t.Errorf("at the end: %+v, %v; before: %+v", after, err, before)
	}
	if err := leaseOf(t, config, "walk-2", func() { t.Error("a lease that nobody holds is waited for") }).take(t.Context(), quietly); err != nil {
		t.Errorf("after it was given back: %v", err)
	}
	if lost := keep(2); len(lost) != 2 || !strings.Contains(lost[0], "walk-2") {
		t.Errorf("another walk has it: %q", lost)
	}
	if have, err := l.read(t.Context()); err != nil || have.HolderIdentity != "walk-2" {
		t.Errorf("the lease of another walk was given back: %+v, %v", have, err)
	}
}

// setupOf is a walk whose lease waits by pause.
func setupOf(t *testing.T, config string, pause func(ctx context.Context, d time.Duration) error) *shift.Setup {
	d := NewHTTPRoute(routeOf(config))
	d.pause = pause
	return &shift.Setup{
		Shift: &shiftfile.File{
			Name: "api", OnFail: "rollback", Steps: []float64{0.05, 1}, Hold: shiftfile.Hold{Min: time.Hour, Max: time.Hour},
			Driver: shiftfile.Driver{HTTPRoute: &d.config},
		},
		Driver: d, Root: t.TempDir(), Tool: "test", RollbackTimeout: 30 * time.Second, PauseTimeout: time.Minute, Outside: shift.Outside{Now: time.Now},
	}
}

// What makes a route unfit while a walk waits for its lease is found before the walk begins, and the lease is free.
func TestUnfitWhileItWaits(t *testing.T) {
	s, config := server(t, httpRouteText)
	if err := leaseOf(t, config, "killed", nil).take(t.Context(), quietly); err != nil {
		t.Fatal(err)
	}
	third := strings.Replace(httpRouteText, `[{"name":"svc-blue","weight":100},`, `[{"name":"svc-red","weight":7},{"name":"svc-blue","weight":100},`, 1)
	setup := setupOf(t, config, func(ctx context.Context, _ time.Duration) error {
		s.Put(third)
		return ctx.Err()
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	setup.Tell = func(l shift.Line) error {
		if strings.HasPrefix(l.Text, "set") { // it does walk
			stop()
		}
		return nil
	}
	if r, _, err := setup.Begin(ctx); err == nil || !strings.Contains(err.Error(), "third backend") {
		t.Errorf("%+v, %v", r, err)
	}
	if have, err := leaseOf(t, config, "looker", nil).read(t.Context()); err != nil || have.HolderIdentity != "" {
		t.Errorf("the lease: %+v, %v", have, err)
	}
}

// Walks whose records are on two machines do not walk one route at once; the second one writes nothing.
func TestTwoMachines(t *testing.T) {
	s, config := server(t, httpRouteText)
	setup := func(pause func(ctx context.Context, d time.Duration) error) *shift.Setup {
		return setupOf(t, config, pause)
	}
	first := setup(func(ctx context.Context, _ time.Duration) error { return pauseFor(ctx, time.Millisecond) })
	holding := make(chan struct{})
	first.Tell = func(l shift.Line) error {
		if strings.HasPrefix(l.Text, "set") {
			close(holding)
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan *shift.Result, 1)
	go func() {
		result, _, err := first.Begin(ctx)
		if err != nil {
			t.Error(err)
		}
		ended <- result
	}()
	<-holding
	s.Put(httpRouteText) // so that nothing but the lease is in the way
	looker := leaseOf(t, config, "looker", nil)
	second := setup(func(ctx context.Context, _ time.Duration) error {
		begun, err := looker.read(ctx)
		for now := begun; err == nil && now.RenewTime == begun.RenewTime; now, err = looker.read(ctx) {
		}
		return err
	})
	patches := func() (n int) {
		for _, p := range s.Patches() {
			n += strings.Count(p, "backendRefs")
		}
		return n
	}
	before := patches()
	_, _, err := second.Begin(t.Context())
	var locked *shift.LockedError
	if !errors.As(err, &locked) || patches() != before {
		t.Errorf("the second walk: %v after %d more patches", err, patches()-before)
	}
	if left, _ := os.ReadDir(second.Root); slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.IsDir() }) {
		t.Errorf("the second walk leaves %v", left)
	}
	stop()
	if r := <-ended; r == nil || r.Outcome != machine.RolledBack {
		t.Errorf("the first walk: %+v", r)
	}
}

// Without the right to leases no walk begins, and the right that is missing is named.
func TestLeaseForbidden(t *testing.T) {
	for _, verb := range []string{"get", "create"} {
		s, config := server(t, httpRouteText)
		s.Forbid(verb, "leases.coordination.k8s.io")
		_, err := NewHTTPRoute(routeOf(config)).Lease(t.Context(), "walk-1", t.Errorf)
		var mistake *hint.Error
		if !errors.As(err, &mistake) || !strings.Contains(mistake.Hint, "leases.coordination.k8s.io in namespace stb") {
			t.Errorf("%s: %v", verb, err)
		}
	}
}
