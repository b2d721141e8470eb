package attack

import (
	"context"
	"net/http"
	"sync"
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

// An attacker is one vegeta attack with its judgement.
type attacker struct {
	plan     *Plan
	name     string
	stage    *perf.Stage
	design   perf.Design
	fleet    *fleet
	pacer    *pacer // of a stage at a rate; else nil
	feed     *feed
	pacing   vegeta.Pacer
	crowd    *crowd // of a closed loop; else nil
	vegeta   *vegeta.Attacker
	rec      *recorder
	progress func(Progress)
	headers  [2][][]http.Header
	gauge    *gauge.Gauge
	ledger   ledger // of a stage at a rate
	inspect  *inspector
	warmUp   warmUp
	last     perf.Health // as last written
	sides    [2]window
	member   *Member // nil: this machine alone fires the schedule

	mu       sync.Mutex // guards what follows
	inbox    []arrival
	backEnds [2]map[string]struct{}
	fault    string                   // guarded by mu: why this machine is to blame
	flying   map[uint64]time.Duration // of a closed loop: when requests under way were sent, by slot
}

// An arrival is a request's result on its way from the receiving goroutine.
type arrival struct {
	n      uint64
	record perf.Record
}

// runOnce attacks once: it fires the section, from this machine or from the fleet, and returns
// what its looks decided. A nil result with an error means that nothing can be said.
func runOnce(ctx context.Context, plan *Plan, section Section, rec *recorder, progress func(Progress)) (*result, error) {
	stage := perf.NewStage(section.Design)
	section.Design = stage.Design()
	if err := rec.section(section); err != nil {
		return nil, err
	}
	if plan.Fleet != nil {
		return runTogether(ctx, plan, section, &remote{stage: stage, rec: rec, progress: progress})
	}
	a, err := newAttacker(plan, section.Name, section.Design)
	if err != nil {
		return nil, err
	}
	defer a.close()
	a.stage, a.rec, a.progress = stage, rec, progress

	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	flying, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	a.fleet.fly(flying)
	paced := a.paces(sending)
	defer paced()
	defer gauge.Quietly()()
	drained := a.fire()
	decision, err := a.watch(ctx, drained)
	stopSending()
	a.vegeta.Stop()
	select {
	case <-drained:
	case <-time.After(grace):
		cut()
		<-drained
	}
	if decision == nil && a.broken() == "" {
		return nil, err
	}
	return a.result(decision), err
}

// newAttacker makes an attack ready to be fired; its pacer is still missing.
func newAttacker(plan *Plan, name string, design perf.Design) (*attacker, error) {
	a := &attacker{plan: plan, name: name, design: design, headers: headers(plan.Routes), flying: map[uint64]time.Duration{}}
	var err error
	if a.fleet, err = newFleet(plan); err != nil {
		return nil, err
	}
	a.warmUp.design = a.design
	a.inspect = newInspector(a)
	a.fleet.inspect = a.inspect
	a.backEnds = [2]map[string]struct{}{{}, {}}
	if len(plan.Cases) > 0 {
		a.fleet.walk = a.walk
	}
	a.vegeta = vegeta.NewAttacker(
		vegeta.Client(&http.Client{
			Transport:     a.fleet,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		vegeta.MaxWorkers(uint64(plan.MaxWorkers)),
		vegeta.MaxBody(0), // read to the end, not kept
	)
	return a, nil
}

// fire sends what the pacer yields until it ends. drained is closed when everything was
// answered and judged.
func (a *attacker) fire() (drained <-chan struct{}) {
	a.gauge = gauge.New()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for res := range a.vegeta.Attack(a.target, a.pacing, 0, "") {
			a.receive(res)
		}
		a.inspect.finish()
	}()
	return done
}

// close ends what is still being inspected, then the connections.
func (a *attacker) close() {
	a.inspect.finish()
	a.fleet.close()
}

// began is the start of the schedule that a slot belongs to: of the whole one, or, on one
// of several generators, of the slot's slice.
func (a *attacker) began(sl slot) time.Time {
	if a.member != nil {
		return a.member.began(sl.pair)
	}
	return *a.feed.began.Load()
}

// paces prepares what lets the hits of vegeta go: the schedule, or the users of a closed
// loop. done is called when the attack is over.
func (a *attacker) paces(ctx context.Context) (done func()) {
	if a.design.Users.Count > 0 {
		a.crowd = newCrowd(ctx, a.design, a.plan, a.inspect.forget)
		a.pacing, a.feed, a.fleet.user = a.crowd, &a.crowd.feed, a.crowd.userOf
		return func() { a.plan.walked = a.crowd.walked() }
	}
	a.ledger.schedule = a.plan.schedule(a.design)
	a.follow(newPacer(ctx, a.plan.schedule(a.design), a.plan.MaxWorkers))
	return func() {
		a.pacer.sleeper.Close()
		a.plan.dealt(a.pacer.schedule)
	}
}

// follow makes a pacer let the hits go.
func (a *attacker) follow(p *pacer) {
	a.pacer, a.pacing, a.feed = p, p, &p.feed
}

// target is the vegeta.Targeter: it turns the next slot into a request. Calls
// are concurrent, so the place in the schedule travels in the label.
func (a *attacker) target(t *vegeta.Target) error {
	if t == nil {
		return vegeta.ErrNilTarget
	}
	sl := <-a.feed.slots
	if a.crowd != nil && len(a.plan.Cases) == 0 {
		a.flies(sl.n)
	}
	if len(a.plan.Cases) > 0 {
		t.Method, t.URL = http.MethodGet, string(sl.label([]byte(walkURL)))
		return nil
	}
	request := a.plan.Routes[sl.route].request(sl)
	t.Method, t.Body, t.Header = request.Method, request.Body, a.headers[sl.side()][sl.route][sl.row]
	t.URL = string(sl.label(append([]byte(withoutFragment(request.URL)), '#')))
	return nil
}

// headers prepares the header fields of every request of both sides, by route and
// row. vegeta copies them for each request.
func headers(routes []Route) (both [2][][]http.Header) {
	for side := range both {
		for _, route := range routes {
			var rows []http.Header
			for _, request := range [2][]Request{route.Blue, route.Green}[side] {
				h := http.Header{}
				for _, f := range request.Headers {
					h.Add(f.Name, f.Value)
				}
				if _, declared := h["User-Agent"]; !declared { // as wire would, for each request
					h["User-Agent"] = []string{wire.UserAgent}
				}
				rows = append(rows, h)
			}
			both[side] = append(both[side], rows)
		}
	}
	return both
}

// receive turns vegeta's result into a record. It does nothing more, because the
// workers wait for it.
func (a *attacker) receive(res *vegeta.Result) {
	sl, ok := slotOf(afterFragment(res.URL))
	if !ok {
		a.blame("a request was lost: " + res.Error)
		return
	}
	if len(a.plan.Cases) > 0 { // its records are made where it is walked
		if res.Error != "" {
			a.blame("a walk was lost: " + res.Error)
		}
		return
	}
	defer a.ended(sl)
	sent := res.Timestamp.Sub(a.began(sl))
	r := perf.Record{
		Pair: sl.pair, Green: sl.green, Solo: sl.solo, Route: uint8(sl.route),
		Scheduled: sl.at, Lag: sent - sl.at, Latency: sent + res.Latency - sl.at, Status: res.Code,
	}
	if a.crowd != nil { // nothing was scheduled
		r.Scheduled, r.Latency = sent, res.Latency
	}
	class, detail, failed := classOf(res.Error)
	failed = failed && res.Code == 0 // with a code, the text is the server's own status line
	switch {
	case failed && class == wire.ClassCanceled:
		return // cut by ourselves after the last word
	case failed && (class == wire.ClassDescriptors || class == wire.ClassRequest):
		r.Failure = perf.Client
		a.blame(string(class) + ": " + detail)
	case failed && class == wire.ClassTimeout:
		r.Failure = perf.TimedOut
	case failed:
		r.Failure = perf.Transport
	case res.Code == 0:
		r.Failure = perf.Client
		a.blame(res.Error)
	case !Accepts(a.plan.Routes[sl.route].Expect[sl.side()], int(res.Code)):
		r.Failure = perf.BadStatus
	}
	if name := a.plan.Identity; name != "" {
		a.met(sl.side(), res.Headers.Get(name))
	}
	a.inspect.deliver(arrival{sl.n, quantise(r)}, sl)
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

// flies notes that a request of a slot of a closed loop is about to be sent. What is sent
// from now on is sent at the instant that it returns, or later.
func (a *attacker) flies(n uint64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.flying[n] = now
	return now
}

// ended lets the user of a slot begin its next walk.
func (a *attacker) ended(sl slot) {
	if a.crowd == nil {
		return
	}
	if len(a.plan.Cases) > 0 { // a request that was not recorded is not waited for
		a.mu.Lock()
		delete(a.flying, sl.n)
		a.mu.Unlock()
	}
	a.crowd.ended(sl)
}

// through is the time before which every request of a closed loop is answered; a.mu is held.
func (a *attacker) through() time.Duration {
	through := a.now()
	for _, sent := range a.flying {
		through = min(through, sent)
	}
	if through >= a.design.Length() {
		return allTime
	}
	return through
}

// met notes the name of a back end.
func (a *attacker) met(side int, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id != "" && len(a.backEnds[side]) < maxBackEnds {
		a.backEnds[side][id] = struct{}{}
	}
}

// maxBackEnds bounds the names that are remembered.
const maxBackEnds = 4096

// blame notes a fault of this machine; the first one stays.
func (a *attacker) blame(fault string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == "" {
		a.fault = fault
	}
}

// afterFragment is the label in a URL's fragment; empty: there is none. The fragment never leaves
// this machine, which is why the label is there.
func afterFragment(url string) string {
	for i := len(url) - 1; i >= 0; i-- {
		if url[i] == '#' {
			return url[i+1:]
		}
	}
	return ""
}
