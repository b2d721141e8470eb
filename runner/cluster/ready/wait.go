package ready

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// A Waiter is what a wait needs of its surroundings.
type Waiter struct {
	// Green is the cluster under judgement, and ArgoCD the one that Argo CD runs in. Blue is nil
	// where it is not known: an application that deploys there is not one of green's.
	Blue, Green, ArgoCD *kube.Cluster
	// Now and Sleep are the clock; Sleep returns the error of a context that ends.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Progress is called after each look; nil: nobody listens.
	Progress func(*run.Ready)
}

// every is the pause between two looks at the cluster. A watch would see changes sooner
// and miss none between two looks, but it expires, breaks off and is cut by proxies,
// each time with a list anew; what is judged here changes over seconds and minutes.
const every = 2 * time.Second

// Wait looks at the cluster until everything is ready. Its rules:
//
//  1. All of it must be ready in one look, and in every look for as long as the longest
//     settle says. An object that fails in between begins the time anew.
//  2. A selection without an object is never ready, nor one with fewer applications than
//     expected, nor a namespace in which nothing runs.
//  3. A kind that the user has no right to list, and refused credentials, end the wait at
//     once. Everything else that cannot be read is waited for: a cluster that is being
//     built may not serve it yet.
//  4. At the timeout the state says of every object what it waits for.
func (w *Waiter) Wait(ctx context.Context, asked *stage.ClusterReady) *run.Ready {
	l := &look{Waiter: w, asked: asked, begun: w.Now(), served: map[*kube.Cluster]*kube.Served{}}
	var since time.Time // all of it is ready since then; zero: it is not
	for {
		state := l.look(ctx)
		now := w.Now()
		state.WaitedS, state.TimeoutS, state.SettleS = now.Sub(l.begun).Seconds(), asked.Timeout.Seconds(), l.settle().Seconds()
		switch {
		case ctx.Err() != nil:
			state.Verdict, state.Reasons = run.Interrupted, []string{"the wait was stopped: " + context.Cause(ctx).Error()}
			return state
		case l.fatal != nil: // Rule 3
			return state
		case state.Verdict != run.Pass:
			since = time.Time{}
		case since.IsZero():
			since = now
		}
		if state.Verdict == run.Pass && now.Sub(since) >= l.settle() { // Rule 1
			return state
		}
		if w.Progress != nil {
			w.Progress(state)
		}
		if now.Sub(l.begun) >= asked.Timeout { // Rule 4
			if state.Verdict == run.Pass {
				state.Verdict = run.Broken
				state.Reasons = []string{fmt.Sprintf("everything is ready since %s, which is less than settle (%s) at the timeout",
					now.Sub(since).Round(time.Second), l.settle())}
			}
			return state
		}
		if err := w.Sleep(ctx, every); err != nil {
			continue // the next look finds the context ended
		}
	}
}

// A look is the state of a wait from one look at the cluster to the next.
type look struct {
	*Waiter
	asked  *stage.ClusterReady
	begun  time.Time
	before map[string]time.Time // see Asked.Before; nil until applications were listed
	served map[*kube.Cluster]*kube.Served
	looks  int
	fatal  error
}

// renewEvery is after how many looks the cluster is asked again what it serves: a kind
// may be installed while it is waited for.
const renewEvery = 10

// settle is how long everything must stay ready.
func (l *look) settle() time.Duration {
	var d time.Duration
	if a := l.asked.Applications; a != nil {
		d = a.Settle
	}
	if w := l.asked.Workloads; w != nil {
		d = max(d, w.Settle)
	}
	return d
}

// look lists everything once and judges it.
func (l *look) look(ctx context.Context) *run.Ready {
	if l.fatal = nil; l.looks%renewEvery == 0 {
		clear(l.served)
	}
	l.looks++
	var items []run.ReadyItem
	var unread []string
	counts := map[string]*run.ReadyCount{}
	if l.asked.Applications != nil {
		list, missing, err := l.applications(ctx)
		items = append(items, list...)
		counts["Application"] = &run.ReadyCount{Name: "Application", Missing: missing}
		unread = append(unread, l.failed(err)...)
	}
	if l.asked.Workloads != nil {
		list, err := l.workloads(ctx)
		items = append(items, list...)
		unread = append(unread, l.failed(err)...)
	}
	return conclude(items, unread, counts)
}

// failed is an error as reasons, and ends the wait where waiting would not help.
func (l *look) failed(err error) []string {
	if err == nil {
		return nil
	}
	var e *kube.Error
	if errors.As(err, &e) && (e.Reason == kube.Forbidden || e.Reason == kube.Unauthorized) {
		l.fatal = err
	}
	reasons := strings.Split(err.Error(), "\n") // of errors.Join
	if e != nil && e.Hint() != "" {
		reasons[len(reasons)-1] += " (" + e.Hint() + ")"
	}
	return reasons
}

// resource finds a kind on a cluster; ok is false where it is not served.
func (l *look) resource(ctx context.Context, c *kube.Cluster, kind string) (r kube.Resource, ok bool, err error) {
	s := l.served[c]
	if s == nil {
		if s, err = c.Served(ctx); err != nil {
			return r, false, err
		}
		l.served[c] = s
	}
	r, ok = s.Find(kind)
	return r, ok, nil
}

const (
	applicationKind   = "Application.argoproj.io"
	refreshAnnotation = "argocd.argoproj.io/refresh"
)

// applications judges the applications; missing is how many there have to be more.
func (l *look) applications(ctx context.Context) (items []run.ReadyItem, missing int, err error) {
	asked := l.asked.Applications
	least := max(asked.AtLeast, asked.Exactly)
	r, ok, err := l.resource(ctx, l.ArgoCD, applicationKind)
	if err != nil {
		return nil, least, err
	}
	if !ok {
		return nil, least, fmt.Errorf("%s: the cluster does not serve applications of Argo CD", l.ArgoCD.Name)
	}
	list, err := l.ArgoCD.List(ctx, kube.Query{Resource: r, Namespace: asked.Namespace, Selector: asked.Selector})
	if err != nil {
		return nil, least, err
	}
	if l.before == nil {
		if err := l.begin(ctx, r, list); err != nil {
			return nil, least, err
		}
	}
	if err := l.deployElsewhere(list); err != nil {
		return nil, least, err
	}
	for _, o := range list {
		item := Application(o.JSON, &Asked{Revision: asked.Revision, Suspended: asked.Suspended, Before: l.before})
		item.Namespace, item.Name = o.Namespace, o.Name
		items = append(items, item)
	}
	if n := asked.Exactly; n > 0 && len(items) > n {
		err = fmt.Errorf("%d applications match, and exactly %d are expected", len(items), n)
	}
	return items, max(least-len(items), 0), err
}

// begin notes when Argo CD had compared each application, and asks it to compare all of
// them now where that is allowed.
func (l *look) begin(ctx context.Context, r kube.Resource, list []kube.Object) error {
	before := map[string]time.Time{}
	for _, o := range list {
		before[o.Namespace+"/"+o.Name] = reconciledAt(o.JSON)
		if l.asked.Applications.Refresh {
			if err := l.ArgoCD.Annotate(ctx, r, o, refreshAnnotation, "normal"); err != nil {
				return err
			}
		}
	}
	l.before = before
	return nil
}

// mostWaiting is how many objects a reason of the verdict names.
const mostWaiting = 3

// conclude sums one look up.
func conclude(items []run.ReadyItem, unread []string, counts map[string]*run.ReadyCount) *run.Ready {
	state := &run.Ready{Verdict: run.Pass, Reasons: unread}
	waves := map[int]*run.ReadyCount{}
	for _, item := range items {
		in := []*run.ReadyCount{lazy.Entry(counts, item.Kind, run.ReadyCount{Name: item.Kind})}
		if item.Kind == "Application" {
			in = append(in, lazy.Entry(waves, item.Wave, run.ReadyCount{Name: fmt.Sprint(item.Wave)}))
		}
		for _, c := range in {
			c.Of++
			if item.Ready {
				c.Ready++
			}
		}
		if !item.Ready {
			state.Waiting = append(state.Waiting, item)
		}
	}
	slices.SortStableFunc(state.Waiting, func(a, b run.ReadyItem) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name))
	})
	state.Kinds = kindCounts(counts)
	state.Waves = waveCounts(waves)
	state.Reasons = append(state.Reasons, missing(state.Kinds)...)
	state.Reasons = append(state.Reasons, waiting(state)...)
	if len(items) == 0 && len(state.Reasons) == 0 { // Rule 2
		state.Reasons = []string{"nothing was found that could be ready"}
	}
	if len(state.Reasons) > 0 {
		state.Verdict = run.Broken
	}
	return state
}

// kindCounts are the counts in the order of their kinds: applications first.
func kindCounts(counts map[string]*run.ReadyCount) []run.ReadyCount {
	var out []run.ReadyCount
	for _, c := range counts {
		out = append(out, *c)
	}
	rank := func(name string) int {
		return slices.IndexFunc(Kinds, func(k string) bool { return k == name || strings.HasPrefix(k, name+".") })
	}
	slices.SortFunc(out, func(a, b run.ReadyCount) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	return out
}

// waveCounts are the counts by wave, where there is more than one.
func waveCounts(waves map[int]*run.ReadyCount) []run.ReadyCount {
	if len(waves) < 2 {
		return nil
	}
	var out []run.ReadyCount
	for _, n := range slices.Sorted(maps.Keys(waves)) {
		out = append(out, *waves[n])
	}
	return out
}

// missing says which kinds have fewer objects than expected.
func missing(kinds []run.ReadyCount) []string {
	var out []string
	for _, k := range kinds {
		if k.Missing > 0 {
			out = append(out, fmt.Sprintf("%s match, and at least %d are expected", text.Count(k.Of, strings.ToLower(k.Name)), k.Of+k.Missing))
		}
	}
	return out
}

// waiting names the first objects that are not ready, and the first wave that waits.
func waiting(state *run.Ready) []string {
	var out []string
	for _, item := range state.Waiting[:min(mostWaiting, len(state.Waiting))] {
		out = append(out, fmt.Sprintf("%s: %s", item.Title(), strings.Join(item.Reasons, "; ")))
	}
	if more := len(state.Waiting) - mostWaiting; more > 0 {
		out = append(out, fmt.Sprintf("and %d more are not ready", more))
	}
	for _, wave := range state.Waves {
		if wave.Ready < wave.Of {
			return append(out, fmt.Sprintf("wave %s is the first that waits: %d of %d are ready", wave.Name, wave.Ready, wave.Of))
		}
	}
	return out
}
