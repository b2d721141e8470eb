package attack

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack/gauge"
	"github.com/bgverify/bgverify/runner/wire"
)

const (
	tick  = 100 * time.Millisecond // how often records are written, looked at and shown
	grace = time.Second            // for requests under way when the last word is spoken
)

// An attacker is one vegeta attack with its judgement. A request takes this way:
//
//  1. vegeta asks its pacer (pacer, crowd) when to go on, and has one of its workers do a
//     hit, which is to ask RoundTrip.
//  2. The worker fires the slot that is due: send for a request, walk for a whole case.
//     The request leaves through its side's carrier.
//  3. record makes a perf.Record of the exchange, at once. It waits for the inspector
//     where the answer is judged, and is in the inbox until the next tick.
//  4. take hands what is in the inbox to the judgement: stage, record file and live view.
type attacker struct {
	judgement
	plan     *Plan
	clock    clock
	carriers *carriers
	flight   atomic.Pointer[context.Context] // of every request that begins from now on
	vegeta   *vegeta.Attacker
	pacing   vegeta.Pacer
	hit      func() // what a worker of vegeta does for each tick of the pacer
	pacer    *pacer // of a stage at a rate; else nil
	crowd    *crowd // of a closed loop; else nil
	gauge    *gauge.Gauge
	ledger   ledger // of a stage at a rate
	inspect  *inspector
	member   *Member // nil: this machine alone fires the schedule
	inFlight atomic.Int64
	peak     atomic.Int64

	mu     sync.Mutex // guards what follows, and judgement.backEnds
	inbox  []arrival
	fault  string                   // why this machine is to blame
	flying map[uint64]time.Duration // of a closed loop: when requests under way were sent, by slot
}

// An arrival is a record on its way to the judgement. n is the place of its slot in the schedule.
type arrival struct {
	n      uint64
	record perf.Record
}

// A clock is the start of the time that the slots of an attack are in.
type clock struct{ began atomic.Pointer[time.Time] }

// start is the instant at which vegeta began, which a pacer is given as elapsed time.
func (c *clock) start(elapsed time.Duration) {
	if c.began.Load() == nil {
		began := time.Now().Add(-elapsed)
		c.began.Store(&began)
	}
}

// now is the time since the start; 0 before it.
func (c *clock) now() time.Duration {
	if began := c.began.Load(); began != nil {
		return time.Since(*began)
	}
	return 0
}

// runOnce attacks once: it fires the section, from this machine or from the fleet, and returns
// what its looks decided. A nil result with an error means that nothing can be said.
func runOnce(ctx context.Context, plan *Plan, section Section, rec *recorder, progress func(Progress)) (*result, error) {
	stage := perf.NewStage(section.Design)
	section.Design = stage.Design()
	if err := rec.section(section); err != nil {
		return nil, err
	}
	judgement := judgement{name: section.Name, design: section.Design, stage: stage, rec: rec, progress: progress}
	if plan.Fleet != nil {
		return runTogether(ctx, plan, section, judgement)
	}
	a, err := newAttacker(plan, judgement)
	if err != nil {
		return nil, err
	}
	defer a.close()
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	flying, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	a.fly(flying)
	defer a.paces(sending)()
	defer gauge.Quietly()()
	drained := a.launch()
	decision, err := a.watch(ctx, drained)
	stopSending()
	a.drain(drained, cut)
	if decision == nil && a.broken() == "" {
		return nil, err
	}
	return a.result(decision), err
}

// newAttacker makes an attack ready to be launched; its pacer is still missing.
func newAttacker(plan *Plan, j judgement) (*attacker, error) {
	a := &attacker{judgement: j, plan: plan, flying: map[uint64]time.Duration{}}
	var err error
	if a.carriers, err = newCarriers(plan); err != nil {
		return nil, err
	}
	a.warmUp.design = a.design
	a.inspect = newInspector(a)
	a.vegeta = vegeta.NewAttacker(
		vegeta.Client(&http.Client{Transport: a}),
		vegeta.MaxWorkers(uint64(plan.MaxWorkers)),
	)
	return a, nil
}

// launch sends what the pacer lets go until it ends. drained is closed when everything was
// answered and judged.
func (a *attacker) launch() (drained <-chan struct{}) {
	a.gauge = gauge.New()
	done := make(chan struct{})
	nowhere := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: "http://due.invalid/"})
	go func() {
		defer close(done)
		for res := range a.vegeta.Attack(nowhere, a.pacing, 0, "") {
			if res.Error != "" {
				a.blame("a request was lost: " + res.Error)
			}
		}
		a.inspect.finish()
	}()
	return done
}

// drain waits for what is under way when nothing more is sent: for a second, then it is cut.
func (a *attacker) drain(drained <-chan struct{}, cut func()) {
	a.vegeta.Stop()
	select {
	case <-drained:
	case <-time.After(grace):
		cut()
		<-drained
	}
}

// close ends what is still being inspected, then the connections.
func (a *attacker) close() {
	a.inspect.finish()
	a.carriers.close()
}

// fly sets the context that ends requests under way, of those that begin from now on.
func (a *attacker) fly(ctx context.Context) { a.flight.Store(&ctx) }

// began is the start of the schedule that a slot belongs to: of the whole one, or, on one
// of several generators, of the slot's slice.
func (a *attacker) began(sl slot) time.Time {
	if a.member != nil {
		return a.member.began(sl.pair)
	}
	return *a.clock.began.Load()
}

// paces prepares what lets the hits of vegeta go: the schedule, or the users of a closed
// loop. done is called when the attack is over.
func (a *attacker) paces(ctx context.Context) (done func()) {
	if a.design.Users.Count > 0 {
		a.crowd = newCrowd(ctx, a.design, a.plan, &a.clock)
		a.crowd.skip = a.inspect.forget
		a.pacing, a.hit = a.crowd, func() { a.crowd.live(a.fire) }
		return func() { a.plan.walked = a.crowd.walked() }
	}
	a.ledger.schedule = a.plan.schedule(a.design)
	a.follow(newPacer(ctx, &a.clock, a.plan.schedule(a.design), a.plan.MaxWorkers))
	return func() {
		a.pacer.sleeper.Close()
		a.plan.dealt(a.pacer.schedule)
	}
}

// follow makes a pacer let the hits go.
func (a *attacker) follow(p *pacer) {
	a.pacer, a.pacing, a.hit = p, p, func() { a.fire(<-p.slots) }
}

// RoundTrip is one hit of vegeta: its worker fires what is due. vegeta's own request is sent
// nowhere, and its answer is empty: a request of a schedule, with its label, would have to
// be taken apart again here, and copied at each step on the way.
func (a *attacker) RoundTrip(req *http.Request) (*http.Response, error) {
	a.hit()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

// fire sends what a slot stands for, and records it. It counts the slots under way, and the
// most there were at once.
func (a *attacker) fire(sl slot) {
	n := a.inFlight.Add(1)
	defer a.inFlight.Add(-1)
	for peak := a.peak.Load(); n > peak && !a.peak.CompareAndSwap(peak, n); peak = a.peak.Load() {
	}
	if ctx := *a.flight.Load(); len(a.plan.Cases) > 0 {
		a.walk(ctx, sl)
	} else {
		a.send(ctx, sl)
	}
	a.inspect.ended(sl)
}

// send sends the request of a slot. Its answer is kept for the inspector where the route has
// a judge and the status is accepted.
func (a *attacker) send(ctx context.Context, sl slot) {
	route := &a.plan.Routes[sl.route]
	if a.crowd != nil {
		a.flies(sl.n)
	}
	var answer *kept
	carrier, request := a.carriers.of(sl)
	x := carrier.loader(a.userOf(sl)).Send(ctx, request, func(resp *http.Response) io.Writer {
		if name := a.plan.Identity; name != "" {
			a.met(sl.side(), resp.Header.Get(name))
		}
		if route.Judge == nil || !Accepts(route.Expect[sl.side()], resp.StatusCode) {
			return io.Discard
		}
		answer = a.inspect.look(sl, resp)
		return answer
	})
	switch {
	case answer == nil:
	case x.Err != nil:
		answer.release()
	default:
		answer.end(x)
	}
	a.deliver(sl, x)
}

// deliver hands on the record of a single request. A status that is not accepted is a failure.
func (a *attacker) deliver(sl slot, x *wire.Exchange) {
	r, ok := a.record(sl, sl.route, sl.at, x)
	if !ok {
		return
	}
	if r.Failure == perf.Succeeded && !Accepts(a.plan.Routes[sl.route].Expect[sl.side()], x.Status) {
		r.Failure = perf.BadStatus
	}
	a.inspect.deliver(arrival{sl.n, r})
}

// record is what is recorded of an exchange that could be sent at ready. ok is false where
// we cut it off ourselves, after the last word.
//
//  1. Latency counts from ready: of a slot's first request from its scheduled time.
//  2. In a closed loop nothing was scheduled: latency counts from when the request was sent,
//     and how long its user waited for this machine before is its lag.
//  3. What this machine is to blame for is never a failure of a side: it ends the stage.
func (a *attacker) record(sl slot, route int, ready time.Duration, x *wire.Exchange) (r perf.Record, ok bool) {
	sent := x.Started.Sub(a.began(sl))
	r = perf.Record{
		Pair: sl.pair, Green: sl.green, Solo: sl.solo, Route: uint8(route), Status: uint16(x.Status),
		Scheduled: ready, Lag: sent - ready, Latency: sent + x.Timing.Total - ready,
	}
	if a.crowd != nil { // Rule 2
		r.Scheduled, r.Latency = sent, x.Timing.Total
	}
	if x.Err != nil {
		r.Status = 0
		switch x.Err.Class {
		case wire.ClassCanceled:
			return r, false
		case wire.ClassDescriptors, wire.ClassRequest: // Rule 3
			r.Failure = perf.Client
			a.blame(string(x.Err.Class) + ": " + x.Err.Detail)
		case wire.ClassTimeout:
			r.Failure = perf.TimedOut
		default:
			r.Failure = perf.Transport
		}
	}
	return quantise(r), true
}

// post hands a record on to be written and judged.
func (a *attacker) post(r arrival) {
	if a.member != nil {
		a.member.take(r)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inbox = append(a.inbox, r)
	delete(a.flying, r.n)
}

// userOf is the number of the user of a slot; -1 in a stage at a rate.
func (a *attacker) userOf(sl slot) int {
	if a.crowd == nil {
		return -1
	}
	return a.crowd.userOf(sl)
}

// flies notes that a request of a slot of a closed loop is about to be sent. What is sent
// from now on is sent at the instant that it returns, or later.
func (a *attacker) flies(n uint64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.now()
	a.flying[n] = now
	return now
}

// lands ends what flies began, for a slot of which nothing more is recorded.
func (a *attacker) lands(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flying, n)
}

// through is the time before which every request of a closed loop is answered; a.mu is held.
func (a *attacker) through() time.Duration {
	through := a.clock.now()
	for _, sent := range a.flying {
		through = min(through, sent)
	}
	if through >= a.design.Length() {
		return allTime
	}
	return through
}

// met notes the name of a back end.
func (a *attacker) met(side int, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.backEnds.add(side, name)
}

// blame notes a fault of this machine; the first one stays.
func (a *attacker) blame(fault string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == "" {
		a.fault = fault
	}
}
