package attack

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// A remote attack is fired by a fleet and judged here: the records of a block come from
// several machines, and when all are there it is judged as one of this machine would be.
//
//  1. Slices come in order. The records of a whole one are judged, written with their
//     worker, and looked at when it is a block.
//  2. A void block is left out: see perf.Stage.Void. A void piece of the warm-up is not
//     measured, as is no other.
//  3. The health of the generator is that of the worst worker.
type remote struct {
	judgement
	firing Firing
	plan   *Plan

	began  time.Time // the first slice settled: only for the progress
	until  time.Duration
	voids  []run.LoadVoid
	latest map[int]Summary // by worker
	apart  map[int]bool    // workers that reached one side alone in a slice
	lags   map[int]*perf.Lags
	fired  int // blocks
}

// maxVoids bounds the void slices that are named.
const maxVoids = 200

// runTogether has a fleet fire an attack and judges it.
func runTogether(ctx context.Context, plan *Plan, section Section, j judgement) (*result, error) {
	r := &remote{judgement: j, plan: plan, latest: map[int]Summary{}, apart: map[int]bool{}, lags: map[int]*perf.Lags{}}
	r.warmUp.design = r.design
	var err error
	if r.firing, err = plan.Fleet.Begin(ctx, Order{Section: section, Dealt: plan.rowsDealt}); err != nil {
		return nil, fmt.Errorf("make the workers ready: %w", err)
	}
	decision, err := r.watch(ctx)
	workers := r.firing.End()
	r.deal()
	if decision == nil {
		return nil, err
	}
	return r.result(decision, workers), err
}

// watch judges slices until a decision is final, the breaker trips or ctx ends.
func (r *remote) watch(ctx context.Context) (*perf.Decision, error) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	r.began = time.Now()
	for {
		var decision *perf.Decision
		var err error
		select {
		case <-ctx.Done():
			return r.stage.Interrupt(r.health), errors.Join(errInterrupted, context.Cause(ctx))
		case f, ok := <-r.firing.Slices():
			if !ok && ctx.Err() == nil {
				return r.finish()
			}
			if ok {
				decision, err = r.take(&f)
			}
		case <-ticker.C:
			r.show()
		}
		if err == nil && (decision == nil || !decision.Final) {
			decision, err = r.trip(r.recent())
		}
		if err != nil || decision != nil && decision.Final {
			return decision, err
		}
	}
}

// finish is the last word when no more slices come.
func (r *remote) finish() (*perf.Decision, error) {
	if err := r.rec.frame(nil, allTime, r.health); err != nil {
		return nil, err
	}
	d := r.stage.Finish(r.health)
	if d.Outcome == perf.Inconclusive && d.Cause == perf.Generator && len(r.voids) > 0 {
		d.Reason += fmt.Sprintf("; %d slices were void, the last one because %s", len(r.voids), r.voids[len(r.voids)-1].Why)
	}
	return d, nil
}

// take judges a slice (rules 1 and 2).
func (r *remote) take(f *Fired) (*perf.Decision, error) {
	r.until = f.Until
	if f.Block >= 0 {
		r.fired++
	}
	for _, s := range f.Shares {
		apart := slices.Contains(f.Apart, s.Worker)
		if r.plan.Found != nil && len(s.Findings) > 0 {
			r.plan.Found(s.Worker, s.Findings, !apart)
		}
		if apart { // what its connections did says as little of the side as its answers
			r.apart[s.Worker] = true
		}
		if s.Missed == "" {
			r.latest[s.Worker] = s.Sum
		}
		for side, names := range s.Sum.BackEnds {
			for _, name := range names {
				r.backEnds.add(side, name)
			}
		}
	}
	r.health = r.worst()
	if f.Void != "" {
		return nil, r.leaveOut(f)
	}
	var records []perf.Record
	for _, s := range f.Shares {
		for _, record := range s.Records {
			record = quantise(record)
			record.Worker = uint8(s.Worker)
			r.lag(record)
			records = append(records, record)
		}
	}
	return r.judge(records, f.Until)
}

// lag counts how late a worker sent in the blocks.
func (r *remote) lag(record perf.Record) {
	if r.design.BlockOf(r.design.PairStart(record.Pair)) < 0 || record.Walk {
		return
	}
	l := r.lags[int(record.Worker)]
	if l == nil {
		l = &perf.Lags{}
		r.lags[int(record.Worker)] = l
	}
	l.Add(record.Lag)
}

// leaveOut is rule 2.
func (r *remote) leaveOut(f *Fired) error {
	v := run.LoadVoid{Block: f.Block, Why: f.Void, Side: f.Side}
	if len(r.voids) < maxVoids {
		r.voids = append(r.voids, v)
	}
	if f.Block < 0 {
		return nil
	}
	if err := r.rec.void(v); err != nil {
		return err
	}
	voidBlock(r.stage, v)
	r.firing.Extend(r.stage.Scheduled())
	return nil
}

// voidBlock leaves the next block of a stage out.
func voidBlock(stage *perf.Stage, v run.LoadVoid) {
	if v.Side != "" {
		stage.VoidApart(v.Why)
		return
	}
	stage.Void()
}

// worst is rule 3.
func (r *remote) worst() perf.Health {
	var h perf.Health
	for _, s := range r.latest {
		h.CPU, h.GCPauseP99, h.CapHit = math.Max(h.CPU, s.Health.CPU), max(h.GCPauseP99, s.Health.GCPauseP99), h.CapHit || s.Health.CapHit
	}
	return quantiseHealth(h)
}

// recent is the last second as all workers together see it.
func (r *remote) recent() [2]perf.Burst {
	bursts := r.firing.Bursts()
	for side := range bursts {
		b := &bursts[side]
		b.Tripped = b.All >= leastOfBreaker && (b.Tripped || float64(b.Failed) >= r.plan.Breaker.Errors*float64(b.All))
	}
	return bursts
}

// deal remembers the rows that were dealt, for the attack after this one.
func (r *remote) deal() {
	s := r.plan.schedule(r.design)
	if !s.walks {
		return
	}
	s.end = r.until
	for {
		if _, ok := s.next(); !ok {
			r.plan.dealt(s)
			return
		}
	}
}

// result is what the attack came to. workers are the machines that fired it, as the fleet
// knows them; their figures of sending come from their own summaries.
func (r *remote) result(d *perf.Decision, workers []run.LoadWorker) *result {
	out := r.begun()
	g := &out.Generator
	out.Judging = &run.LoadJudging{}
	var connections [2]Connections
	var remotes run.PerSide
	for i := range workers {
		w := &workers[i]
		s := r.latest[w.Number]
		if l := r.lags[w.Number]; l != nil {
			w.LatenessP99MS = run.Milliseconds(l.Quantile(0.99))
		}
		w.CPU, w.GCPauseP99MS = s.Health.CPU, run.Milliseconds(s.Health.GCPauseP99)
		out.Judging.Join(&s.Judging)
		remotes.Blue, remotes.Green = max(remotes.Blue, s.Remotes.Blue), max(remotes.Green, s.Remotes.Green)
		for side := range connections {
			if !r.apart[w.Number] {
				connections[side].add(&s.Connections[side])
			}
		}
	}
	g.Identities = r.backEnds.identities(remotes)
	for side := range connections {
		connections[side].divide()
	}
	connected(g, &connections)
	if len(workers) > 0 {
		out.Fleet = &run.LoadFleet{Workers: workers, Voids: r.voids}
	}
	out.Decide(r.stage, d)
	if n := len(r.voids); n > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d of %d slices were void and are not judged: %s", n, r.slices(), r.whyVoid()))
	}
	return out
}

// slices is how many slices were settled, the warm-up's included.
func (r *remote) slices() int { return sliceAt(r.design, r.design.WarmUp) + r.fired }

// whyVoid names the reasons, the most frequent first.
func (r *remote) whyVoid() string {
	count := map[string]int{}
	var order []string
	for _, v := range r.voids {
		if count[v.Why]++; count[v.Why] == 1 {
			order = append(order, v.Why)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return count[b] - count[a] })
	if more := len(order) - 3; more > 0 {
		order = append(order[:3], fmt.Sprintf("and %d other reasons", more))
	}
	return strings.Join(order, "; ")
}

// show reports the progress. What is shown of the sides ends with the last slice that came.
func (r *remote) show() {
	p := r.now(r.until, r.firing.Bursts())
	p.Elapsed, p.Workers = min(time.Since(r.began), p.Total), r.firing.Workers()
	if r.stage.Scheduled() <= r.fired {
		p.Phase = "draining"
	}
	r.progress(p)
}
