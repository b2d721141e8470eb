package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
)

// A Case is a whole case that a stage walks: the requests of its steps one after
// the other, on both sides of a pair at the same time. vegeta paces the walks as it
// paces single requests; a walk keeps its worker until it ends.
type Case struct {
	Name   string
	Weight int           // default 1
	Rows   int           // of its data, dealt one after the other; 0: it has none
	Routes []int         // indices into Plan.Routes: of every request of a whole walk, by its place
	Pauses time.Duration // that a walk makes by itself
	// Walk walks the case once on one side. It is called by many goroutines at once. When
	// ctx ends, it sends nothing more than what takes back what it created.
	Walk func(context.Context, *Walk)
}

// WalkJudge compares what both walks of a pair came to at one place. It is called
// by several goroutines at once, for one pair of walks by one at a time.
type WalkJudge interface {
	// ComparePair compares two answers, or an answer and a step that the other side
	// left out. shared belongs to the pair of walks.
	ComparePair(at Moment, pair uint32, blue, green *Half, shared *Shared)
}

// A Half is what a walk came to at one place.
type Half struct {
	Exchange *wire.Exchange // nil: the step was left out, because its condition does not hold
	Evidence any            // the caller's own
}

// Shared is what the comparisons of one pair of walks keep for each other.
type Shared struct{ State any }

// A Walk is one walk through a case on one side.
type Walk struct {
	Pair   uint32
	Twin   uint64 // the same for the two walks that are compared, and for no others of the attack
	Green  bool
	Solo   bool
	Row    int       // of the case's data, from 0
	Moment Moment    //
	At     time.Time // when the two of them were due: the same on both sides

	a      *attacker
	sl     slot
	of     *Case
	begun  bool          // its first request was sent
	lag    time.Duration // of its first request
	rested time.Duration // in blocks of a closed loop that load the other side alone
	free   time.Time     // when it had rested last
	failed bool
	cut    bool // by ourselves, after the last word
}

// A Sent is one request of a walk, judged.
type Sent struct {
	Place    int // in the walk, an index into Case.Routes
	Exchange *wire.Exchange
	Ready    time.Time // when it could be sent
	Unmet    *Unmet    // what the answer does not meet; nil: nothing
	Compare  bool      // it is compared with the other side's
	Evidence any       // see Half
}

// walk walks the case of a slot and makes its records.
func (a *attacker) walk(ctx context.Context, sl slot) {
	w := &Walk{
		Pair: sl.pair, Twin: sl.twin, Green: sl.green, Solo: sl.solo, Row: sl.row, Moment: a.moment(sl),
		At: a.began(sl).Add(sl.since), a: a, sl: sl, of: &a.plan.Cases[sl.route],
	}
	if a.crowd != nil { // a request that was not recorded is not waited for
		defer a.lands(sl.n)
	}
	func() {
		defer func() {
			if r := recover(); r != nil {
				a.blame(fmt.Sprintf("walking case %s failed: %v", w.of.Name, r))
			}
		}()
		w.of.Walk(ctx, w)
	}()
	if w.cut || ctx.Err() != nil {
		return
	}
	r := perf.Record{
		Pair: sl.pair, Green: sl.green, Solo: sl.solo, Walk: true, Route: uint8(len(a.plan.Routes) + sl.route),
		Scheduled: sl.at, Lag: w.lag, Latency: time.Since(a.began(sl)) - sl.at,
	}
	if a.crowd != nil { // it ends before anything later is looked at, and without the time in which its side rested
		end := a.flies(sl.n)
		r.Scheduled = sl.at + w.rested
		r.Latency = end - r.Scheduled
	}
	switch {
	case !w.begun:
		r.Failure = perf.Client
		a.blame(fmt.Sprintf("a walk of case %s sent nothing", w.of.Name))
	case w.failed:
		r.Failure = perf.BadStatus
	}
	a.post(arrival{sl.n, quantise(r)})
}

// Do sends a request of the walk over a connection of its side's service. It is not
// recorded until Done says what came of it.
func (w *Walk) Do(ctx context.Context, service string, r *wire.Request) *wire.Exchange {
	c := w.a.carriers.sides[w.sl.side()][service]
	if c == nil {
		return &wire.Exchange{
			Method: r.Method, URL: r.URL, Sent: r.Headers, Body: r.Body, Started: time.Now(),
			Err: &wire.Err{Class: wire.ClassRequest, Detail: fmt.Sprintf("no service %q", service)},
		}
	}
	if w.a.crowd != nil {
		w.rest(ctx)
		w.a.flies(w.sl.n)
	}
	return c.loader(w.a.userOf(w.sl)).Do(ctx, r)
}

// rest waits while the other side alone is loaded (rule 5 of crowd).
func (w *Walk) rest(ctx context.Context) {
	for {
		now := w.a.clock.now()
		until, rest := rests(&w.a.design, w.Green, now)
		if !rest || ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(until - now)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		w.rested += w.a.clock.now() - now
		w.free = time.Now()
	}
}

// Done records a request of the walk; see attacker.record. Latency of the walk's first request
// counts from its scheduled time, as that of a single request does. An answer that is not
// what the case expects is a failure of its side, and so is one that never came.
func (w *Walk) Done(s *Sent) {
	x, route := s.Exchange, w.of.Routes[s.Place]
	began := w.a.began(w.sl)
	ready := w.sl.at
	if w.begun {
		ready = s.Ready.Sub(began)
	}
	r, ok := w.a.record(w.sl, route, max(ready, w.free.Sub(began)), x)
	if !ok {
		w.cut = true
		return
	}
	r.Step = uint16(s.Place)
	if r.Failure == perf.Succeeded && s.Unmet != nil {
		r.Failure = perf.BadStatus
	}
	if !w.begun {
		w.begun, w.lag = true, r.Lag
	}
	w.failed = w.failed || r.Failure != perf.Succeeded
	if name := w.a.plan.Identity; name != "" {
		if i := slices.IndexFunc(x.Headers, func(f wire.Field) bool { return strings.EqualFold(f.Name, name) }); i >= 0 {
			w.a.met(w.sl.side(), x.Headers[i].Value)
		}
	}
	w.a.inspect.book(w, s, route)
	w.a.post(arrival{w.sl.n, r})
}

// Failed records that the walk cannot go on at a place, because an answer before did
// not give what the next request needs.
func (w *Walk) Failed(place int, unmet Unmet) {
	if w.a.crowd != nil {
		w.a.flies(w.sl.n)
	}
	now := time.Now()
	w.Done(&Sent{Place: place, Exchange: &wire.Exchange{Started: now}, Ready: now, Unmet: &unmet})
}

// LeftOut notes a step whose condition does not hold on this side.
func (w *Walk) LeftOut(place int, compare bool, evidence any) {
	if compare {
		w.a.inspect.meetHalf(w.sl, w.of.Routes[place], place, &Half{Evidence: evidence})
	}
}

// perWalk is the mean number of requests of a walk.
func (p *Plan) perWalk() float64 {
	return p.meanOfWalks(func(c *Case) float64 { return float64(len(c.Routes)) })
}

// meanOfWalks is the mean of a figure of cases over all walks: by their weights.
func (p *Plan) meanOfWalks(figure func(*Case) float64) float64 {
	sum, weights := 0.0, 0
	for i := range p.Cases {
		weight := max(p.Cases[i].Weight, 1)
		sum += float64(weight) * figure(&p.Cases[i])
		weights += weight
	}
	return sum / float64(max(weights, 1))
}

// designWalks fills in what a design says of whole walks: the routes of requests,
// and after them one for the walks of each case.
func (p *Plan) designWalks(d *perf.Design) {
	d.PerWalk = p.perWalk()
	shares := make([]float64, len(p.Routes)+len(p.Cases))
	weights := 0
	for i, c := range p.Cases {
		weight := max(c.Weight, 1)
		weights += weight
		d.Settle = max(d.Settle, c.Pauses)
		for _, route := range c.Routes {
			shares[route] += float64(weight)
		}
		shares[len(p.Routes)+i] = float64(weight)
	}
	for i, share := range shares {
		name := ""
		if i < len(p.Routes) {
			name = p.Routes[i].Name
		} else {
			name = "whole walk of " + p.Cases[i-len(p.Routes)].Name
		}
		d.Routes = append(d.Routes, perf.Route{Name: name, Share: share / float64(weights) / d.PerWalk})
	}
}

// checkCases refuses cases that cannot be walked under load.
func (p *Plan) checkCases() error {
	for _, c := range p.Cases {
		if len(c.Routes) == 0 || len(c.Routes) > maxPlaces {
			return fmt.Errorf("case %s: %d requests, at least 1 and at most %d", c.Name, len(c.Routes), maxPlaces)
		}
		if c.Walk == nil {
			return errors.New("a case without a way to walk it")
		}
	}
	return nil
}

// maxPlaces is how many requests a walk may have: a record keeps their place in 16 bits.
const maxPlaces = 1 << 16

// schedule is the order of the plan's slots.
func (p *Plan) schedule(d perf.Design) *schedule {
	s := newSchedule(d, p.Routes, p.Cases...)
	for i := range p.rowsDealt {
		s.shown[i].dealt = p.rowsDealt[i]
	}
	return s
}

// dealt remembers the rows that an attack has dealt: the next one of the plan, at a
// higher rate or made again, goes on after them.
func (p *Plan) dealt(s *schedule) {
	if !s.walks {
		return
	}
	p.rowsDealt = make([]int, len(s.shown))
	for i := range s.shown {
		p.rowsDealt[i] = s.shown[i].dealt
	}
}
