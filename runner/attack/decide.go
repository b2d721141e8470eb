package attack

import (
	"context"
	"errors"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// A judgement is what becomes of the records of an attack, whether this machine fires it or
// a fleet: they are counted, written and judged, in this order.
type judgement struct {
	name     string
	design   perf.Design
	stage    *perf.Stage
	rec      *recorder
	progress func(Progress)
	health   perf.Health // as last written
	sides    [2]window
	warmUp   warmUp
	backEnds backEnds
}

// judge takes in records, after which the schedule is complete up to through.
func (j *judgement) judge(records []perf.Record, through time.Duration) (*perf.Decision, error) {
	for _, r := range records {
		j.stage.Add(r)
		if !r.Walk {
			j.sides[sideOf(r.Green)].add(r)
			j.warmUp.add(r)
		}
	}
	if err := j.rec.frame(records, through, j.health); err != nil {
		return nil, err
	}
	return j.stage.Through(through, j.health), nil
}

// trip ends the attack where the last requests of a side say that it is going down.
func (j *judgement) trip(recent [2]perf.Burst) (*perf.Decision, error) {
	if !recent[0].Tripped && !recent[1].Tripped {
		return nil, nil
	}
	if err := j.rec.stop(recent); err != nil {
		return nil, err
	}
	return j.stage.Break(recent[0], recent[1], j.health), nil
}

// now is the state of the attack at an instant of its schedule.
func (j *judgement) now(at time.Duration, recent [2]perf.Burst) Progress {
	p := Progress{
		Name: j.name, Phase: "measuring", Elapsed: at, Total: j.design.Length(), Blue: j.sides[0].live(at), Green: j.sides[1].live(at),
		Rate: float64(max(recent[0].All, recent[1].All)) / breakerSpan.Seconds(),
	}
	if at < j.design.WarmUp {
		p.Phase = "warm-up"
	}
	if look, ok := j.stage.NextLook(); ok && look > at {
		p.NextLook = look - at
	}
	return p
}

// begun is a result with what the records say of the requests. Figures of the generator are
// the caller's.
func (j *judgement) begun() *result {
	r := &result{design: j.design}
	r.Requests = run.PerSide{Blue: j.sides[0].sent, Green: j.sides[1].sent}
	r.WarmUp = j.warmUp.result()
	r.Generator.CPU, r.Generator.GCPauseP99MS = j.health.CPU, run.Milliseconds(j.health.GCPauseP99)
	return r
}

// backEnds are the names that the back ends of both sides gave themselves.
type backEnds [2]map[string]struct{}

// maxBackEnds bounds the names that are remembered.
const maxBackEnds = 4096

// add remembers a name of a back end; an empty one is none.
func (b *backEnds) add(side int, name string) {
	if b[side] == nil {
		b[side] = map[string]struct{}{}
	}
	if name != "" && len(b[side]) < maxBackEnds {
		b[side][name] = struct{}{}
	}
}

// identities are how many back ends answered: by their names, or else by their addresses.
func (b *backEnds) identities(remotes run.PerSide) run.PerSide {
	if named := (run.PerSide{Blue: len(b[0]), Green: len(b[1])}); named != (run.PerSide{}) {
		return named
	}
	return remotes
}

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
			return a.stage.Interrupt(a.health), errors.Join(errInterrupted, context.Cause(ctx), err)
		case <-drained:
			ended = true
		case <-ticker.C:
		}
		decision, err := a.take(ended)
		if err != nil || a.broken() != "" {
			return nil, err
		}
		if decision == nil || !decision.Final {
			decision, err = a.trip(a.recent(a.clock.now(), a.plan.Breaker))
		}
		if err != nil || decision != nil && decision.Final {
			return decision, err
		}
		if ended {
			return a.stage.Finish(a.health), nil
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
	}
	if a.crowd == nil {
		through = a.ledger.through()
	}
	a.health = a.measure()
	return a.judge(records, through)
}

// measure is what the generator says of itself, as the record file keeps it.
func (a *attacker) measure() perf.Health {
	cpu, pause := a.gauge.Use()
	return quantiseHealth(perf.Health{CPU: cpu, GCPauseP99: pause, CapHit: int(a.peak.Load()) >= a.plan.MaxWorkers})
}

// recent is both sides' last second, and whether it passes the limits.
func (a *attacker) recent(now time.Duration, limits Breaker) (recent [2]perf.Burst) {
	for side := range a.sides {
		a.sides[side].forget(now)
		recent[side] = a.sides[side].recent(now, limits)
	}
	return recent
}

// result is what the attack came to; d is nil where this machine is to blame.
func (a *attacker) result(d *perf.Decision) *result {
	r := a.begun()
	cpu, pause := a.gauge.Use()
	r.Generator.CPU, r.Generator.GCPauseP99MS = cpu, run.Milliseconds(pause)
	connections, remotes := a.carriers.connections()
	connected(&r.Generator, &connections)
	r.Generator.Identities = a.backEnds.identities(remotes)
	r.Judging = a.inspect.report()
	if broken := a.broken(); broken != "" {
		r.Reason = "this machine: " + broken
	} else if d != nil {
		r.Decide(a.stage, d)
	}
	return r
}

// show reports the progress.
func (a *attacker) show() {
	now := a.clock.now()
	p := a.now(now, a.recent(now, Breaker{}))
	if now > p.Total {
		p.Phase = "draining"
	}
	a.progress(p)
}
