package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

// Clusters are asked about what the sides run on. runner/cluster implements it; this
// package knows no Kubernetes.
type Clusters interface {
	// Before is asked once, before the first request: is green ready, and do both
	// clusters hold the same. progress is called while green is waited for.
	Before(ctx context.Context, progress func(*run.Ready)) *run.Clusters
	// Note books a request of a case that green answered: its URL, and its Host header.
	Note(url, host string)
	// Services says which services the noted requests asked; nil: nobody wants to know.
	Services() *run.ServiceCoverage
}

// A Meter measures what both sides needed while a load stage ran. runner/cluster/resources
// implements it.
type Meter interface {
	// Measure compares both sides over a time in which each got so many requests.
	Measure(ctx context.Context, from, to time.Time, requests float64) *run.Resources
}

// measure adds what both sides needed to a stage that was measured.
func (e *execution) measure(ctx context.Context, r *run.LoadResult, end time.Time) {
	if e.plan.Meter == nil || r.Seconds <= 0 || ctx.Err() != nil {
		return
	}
	requests := r.Rate * r.Seconds * max(r.PerWalk, 1)
	from := end.Add(-time.Duration(r.Seconds * float64(time.Second)))
	r.Resources = e.plan.Meter.Measure(ctx, from, end, requests)
}

// askClusters asks the clusters before the first request, and reports whether the run
// goes on: not where green is not ready.
func (e *execution) askClusters(ctx context.Context, o *outcome) bool {
	if e.plan.Clusters == nil {
		return true
	}
	e.board.update(func(p *Progress) { p.Phase = Waiting })
	o.clusters = e.plan.Clusters.Before(ctx, func(r *run.Ready) { e.board.update(func(p *Progress) { p.Ready = r }) })
	r := o.clusters.Ready
	return (r == nil || r.Verdict == run.Pass) && ctx.Err() == nil
}

// noteAsked books the request of a pair to green for the coverage of services.
func (e *execution) noteAsked(pair *run.Pair) {
	if e.plan.Clusters == nil || pair.Green == nil || pair.Green.Err != nil {
		return
	}
	host := ""
	for _, f := range pair.Green.Sent {
		if f.Name == "Host" {
			host = f.Value
		}
	}
	e.plan.Clusters.Note(pair.Green.URL, host)
}

// noteDone books the requests of a case that an earlier execution of the run judged.
func (e *execution) noteDone(r *run.CaseResult) error {
	if e.plan.Clusters == nil || e.plan.Earlier == nil {
		return nil
	}
	for i := range r.Steps {
		key := r.Steps[i].Exchange
		if key == "" {
			continue
		}
		pair, err := e.plan.Earlier(key)
		if err != nil {
			return fmt.Errorf("read what the earlier run asked: %w", err)
		}
		if pair != nil {
			e.noteAsked(pair)
		}
	}
	return nil
}

// endClusters completes what was found of the clusters by what the cases asked.
func (e *execution) endClusters(o *outcome) {
	if o.clusters == nil {
		return
	}
	if o.clusters.Services = e.plan.Clusters.Services(); o.clusters.Services != nil && e.plan.Env != nil {
		o.clusters.Services.Required = e.plan.Env.Shares.Services
	}
}
