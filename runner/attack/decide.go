package attack

import (
	"context"
	"errors"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// watch writes and judges the records until a decision is final, this machine
// fails, or ctx ends.
func (a *attacker) watch(ctx context.Context, drained <-chan struct{}) (*perf.Decision, error) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	ended := false
	for {
		select {
		case <-ctx.Done():
			_, err := a.take(false)
			return a.stage.Interrupt(a.last), errors.Join(errInterrupted, context.Cause(ctx), err)
		case <-drained:
			ended = true
		case <-ticker.C:
		}
		decision, err := a.take(ended)
		if err != nil || a.broken() != "" {
			return nil, err
		}
		if decision == nil || !decision.Final {
			decision, err = a.tripped()
		}
		if err != nil || decision != nil && decision.Final {
			return decision, err
		}
		if ended {
			return a.stage.Finish(a.last), nil
		}
		a.show()
	}
}

// broken is why the attack cannot go on; empty while it can.
func (a *attacker) broken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fault
}

// take moves the arrivals to disk and into the stage. drained: no more will come.
func (a *attacker) take(drained bool) (*perf.Decision, error) {
	a.mu.Lock()
	arrivals, through := a.inbox, allTime
	a.inbox = nil
	if a.crowd != nil && !drained {
		through = a.through()
	}
	a.mu.Unlock()
	if len(arrivals) == 0 && a.crowd == nil {
		return nil, nil
	}
	records := make([]perf.Record, len(arrivals))
	for i, arrival := range arrivals {
		records[i] = arrival.record
		if a.crowd == nil && (len(a.plan.Cases) == 0 || arrival.record.Walk) {
			a.ledger.done(arrival.n)
		}
		a.stage.Add(arrival.record)
		side := 0
		if arrival.record.Green {
			side = 1
		}
		if arrival.record.Walk {
			continue
		}
		a.sides[side].add(arrival.record)
		a.warmUp.add(arrival.record)
	}
	if a.crowd == nil {
		through = a.ledger.through()
	}
	a.last = a.health()
	if err := a.rec.frame(records, through, a.last); err != nil {
		return nil, err
	}
	return a.stage.Through(through, a.last), nil
}

// health is what the generator says of itself, as the record file keeps it.
func (a *attacker) health() perf.Health {
	cpu, pause := a.gauge.Use()
	return quantiseHealth(perf.Health{CPU: cpu, GCPauseP99: pause, CapHit: int(a.fleet.peak.Load()) >= a.plan.MaxWorkers})
}

// now is the time since the schedule's start.
func (a *attacker) now() time.Duration {
	began := a.feed.began.Load()
	if began == nil {
		return 0
	}
	return time.Since(*began)
}

// tripped stops the attack when a side is going down.
func (a *attacker) tripped() (*perf.Decision, error) {
	now := a.now()
	var recent [2]perf.Burst
	any := false
	for side := range a.sides {
		a.sides[side].forget(now)
		recent[side].All, recent[side].Failed, recent[side].Tripped = a.sides[side].recent(now, a.plan.Breaker)
		any = any || recent[side].Tripped
	}
	if !any {
		return nil, nil
	}
	if err := a.rec.stop(recent); err != nil {
		return nil, err
	}
	return a.stage.Break(recent[0], recent[1], a.last), nil
}

// result is what the attack came to; d is nil where this machine is to blame.
func (a *attacker) result(d *perf.Decision) *result {
	r := &result{design: a.design}
	r.Requests = run.PerSide{Blue: a.sides[0].sent, Green: a.sides[1].sent}
	cpu, pause := a.gauge.Use()
	r.Generator.CPU, r.Generator.GCPauseP99MS = cpu, run.Milliseconds(pause)
	connections, remotes := a.fleet.connections()
	connected(&r.Generator, &connections)
	r.Generator.Identities = remotes
	if named := (run.PerSide{Blue: len(a.backEnds[0]), Green: len(a.backEnds[1])}); a.plan.Identity != "" && named != (run.PerSide{}) {
		r.Generator.Identities = named
	}
	r.Judging, r.WarmUp = a.inspect.report(), a.warmUp.result()
	if broken := a.broken(); broken != "" {
		r.Reason = "this machine: " + broken
	} else if d != nil {
		r.Decide(a.stage, d)
	}
	return r
}

// show reports the progress.
func (a *attacker) show() {
	now := a.now()
	p := Progress{
		Name: a.name, Phase: "measuring", Elapsed: now,
		Total: a.design.Length(),
		Blue:  a.sides[0].live(now), Green: a.sides[1].live(now),
	}
	switch {
	case now < a.design.WarmUp:
		p.Phase = "warm-up"
	case now > p.Total:
		p.Phase = "draining"
	}
	if at, ok := a.stage.NextLook(); ok && at > now {
		p.NextLook = at - now
	}
	for side := range a.sides {
		all, _, _ := a.sides[side].recent(now, Breaker{})
		p.Rate = max(p.Rate, float64(all)/breakerSpan.Seconds())
	}
	a.progress(p)
}
