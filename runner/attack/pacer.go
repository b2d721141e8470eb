package attack

import (
	"context"
	"time"

	"github.com/bgverify/bgverify/runner/attack/sleep"
)

// patience bounds a single sleep, so that a stopped attack ends soon.
const patience = 50 * time.Millisecond

// A pacer is a vegeta.Pacer on the exact schedule. vegeta's own rounds the
// interval down to whole nanoseconds and sleeps on the runtime's timer, which
// rounds up to a millisecond.
type pacer struct {
	ctx      context.Context
	clock    *clock
	slots    chan slot // due, not yet taken by a worker of vegeta
	schedule *schedule
	next     func() (sl slot, due time.Time, ok bool) // waits for a slot that is not known yet
	sleeper  sleep.Sleeper
}

// newPacer makes the pacer of an open schedule. Up to preciseRate it waits with a precise timer;
// above that requests are so close that the plain one is as good and takes less CPU.
func newPacer(ctx context.Context, c *clock, s *schedule, workers int) *pacer {
	p := &pacer{ctx: ctx, clock: c, slots: make(chan slot, workers+16), schedule: s, sleeper: sleep.Plain()}
	p.next = func() (slot, time.Time, bool) {
		sl, ok := s.next()
		return sl, c.began.Load().Add(sl.at), ok
	}
	if 2*s.design.Rate <= preciseRate {
		p.sleeper = sleep.Precise()
	}
	return p
}

// preciseRate is the rate of both sides up to which each request is woken for by
// itself. Above it the wake-ups cost more than a lateness of half a millisecond.
const preciseRate = 1000

// Pace waits for the next slot itself and puts it out for a worker. It is called
// by one goroutine.
func (p *pacer) Pace(elapsed time.Duration, _ uint64) (time.Duration, bool) {
	p.clock.start(elapsed)
	next, due, ok := p.next()
	if !ok {
		return 0, true
	}
	for {
		wait := time.Until(due)
		if p.ctx.Err() != nil {
			return 0, true
		}
		if wait <= 0 {
			break
		}
		if wait > patience {
			time.Sleep(patience - time.Millisecond)
			continue
		}
		p.sleeper.Until(due)
	}
	p.slots <- next // never blocks: a worker takes one for each tick
	return 0, false
}

// Rate is the rate of both sides together.
func (p *pacer) Rate(time.Duration) float64 { return 2 * p.schedule.design.Rate }
