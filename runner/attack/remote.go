package attack

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
	stage    *perf.Stage
	rec      *recorder
	progress func(Progress)
	name     string
	design   perf.Design
	firing   Firing
	plan     *Plan

	began    time.Time // the first slice settled: only for the progress
	until    time.Duration
	health   perf.Health
	warmUp   warmUp
	sides    [2]window
	voids    []run.LoadVoid
	latest   map[int]Summary // by worker
	apart    map[int]bool    // workers that reached one side alone in a slice
	lags     map[int]*perf.Lags
	backEnds [2]map[string]struct{}
	fired    int // blocks
}

// maxVoids bounds the void slices that are named.
const maxVoids = 200

// runTogether has a fleet fire an attack and judges it.
func runTogether(ctx context.Context, plan *Plan, section Section, r *remote) (*result, error) {
	r.plan, r.name, r.design = plan, section.Name, section.Design
	r.warmUp.design = r.design
	r.latest, r.apart, r.lags, r.backEnds = map[int]Summary{}, map[int]bool{}, map[int]*perf.Lags{}, [2]map[string]struct{}{{}, {}}
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
			decision, err = r.tripped()
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
				r.backEnds[side][name] = struct{}{}
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
			records = append(records, record)
		}
	}
	for _, record := range records {
		r.stage.Add(record)
		r.lag(record)
		if record.Walk {
			continue
		}
		side := 0
		if record.Green {
			side = 1
		}
		r.sides[side].add(record)
		r.warmUp.add(record)
	}
	if err := r.rec.frame(records, f.Until, r.health); err != nil {
		return nil, err
	}
	return r.stage.Through(f.Until, r.health), nil
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

// tripped stops the attack when a side is going down, as seen by all workers together.
func (r *remote) tripped() (*perf.Decision, error) {
	bursts, any := r.firing.Bursts(), false
	for side := range bursts {
		b := &bursts[side]
		b.Tripped = b.All >= leastOfBreaker && (b.Tripped || float64(b.Failed) >= r.plan.Breaker.Errors*float64(b.All))
		any = any || b.Tripped
	}
	if !any {
		return nil, nil
	}
	if err := r.rec.stop(bursts); err != nil {
		return nil, err
	}
	return r.stage.Break(bursts[0], bursts[1], r.health), nil
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
	out := &result{design: r.design}
	out.Requests, out.WarmUp = run.PerSide{Blue: r.sides[0].sent, Green: r.sides[1].sent}, r.warmUp.result()
	g := &out.Generator
	g.CPU, g.GCPauseP99MS = r.health.CPU, run.Milliseconds(r.health.GCPauseP99)
	out.Judging = &run.LoadJudging{}
	var connections [2]Connections
	for i := range workers {
		w := &workers[i]
		s := r.latest[w.Number]
		if l := r.lags[w.Number]; l != nil {
			w.LatenessP99MS = run.Milliseconds(l.Quantile(0.99))
		}
		w.CPU, w.GCPauseP99MS = s.Health.CPU, run.Milliseconds(s.Health.GCPauseP99)
		out.Judging.Join(&s.Judging)
		g.Identities.Blue, g.Identities.Green = max(g.Identities.Blue, s.Remotes.Blue), max(g.Identities.Green, s.Remotes.Green)
		for side := range connections {
			if !r.apart[w.Number] {
				connections[side].add(&s.Connections[side])
			}
		}
	}
	if named := (run.PerSide{Blue: len(r.backEnds[0]), Green: len(r.backEnds[1])}); named != (run.PerSide{}) {
		g.Identities = named
	}
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
	text := ""
	for i, why := range order {
		switch {
		case i == 3:
			return text + fmt.Sprintf("; and %d other reasons", len(order)-i)
		case i > 0:
			text += "; "
		}
		text += why
	}
	return text
}

// show reports the progress.
func (r *remote) show() {
	now := time.Since(r.began)
	p := Progress{
		Name: r.name, Phase: "measuring", Elapsed: min(now, r.design.Length()), Total: r.design.Length(),
		Blue: r.sides[0].live(r.until), Green: r.sides[1].live(r.until),
	}
	if r.until < r.design.WarmUp {
		p.Phase = "warm-up"
	}
	if r.stage.Scheduled() <= r.fired {
		p.Phase = "draining"
	}
	if at, ok := r.stage.NextLook(); ok && at > r.until {
		p.NextLook = at - r.until
	}
	for _, b := range r.firing.Bursts() {
		p.Rate = max(p.Rate, float64(b.All)/breakerSpan.Seconds())
	}
	p.Workers = r.firing.Workers()
	r.progress(p)
}
