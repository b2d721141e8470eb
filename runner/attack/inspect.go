package attack

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// How much an inspector keeps of what it has not judged yet.
const (
	maxKept   = 16 << 20 // bytes of all answers
	KeepBody  = 64 << 10 // of one, unless it is chosen to be compared whole
	easyFill  = 0.5      // of maxKept: below it every pair is judged
	largeOf   = 4        // one pair in as many of those with larger bodies is kept whole while there is room
	maxKnown  = 4096     // kinds of answers remembered for a route and side
	maxUnmets = 100      // different expectations that are named
)

// An inspector has the answers of an attack judged next to it.
//
//  1. An answer of an accepted status is kept when it ends, and handed to
//     the workers: first alone, then with its partner.
//  2. What waits for the workers takes at most maxKept bytes. From half of that on
//     pairs are left out, by a choice that follows from the seed: the fuller, the more.
//  3. Never left out while there is room at all: what the schedule chose
//     (slot.whole), and an answer of a kind that its side has not given before.
//  4. A record waits until its answer is judged: an answer that is not what the
//     case expects is a failure of its side.
type inspector struct {
	routes  []Route
	moment  func(slot) Moment
	seed    uint64
	post    func(arrival) // what is judged, or was left out
	blame   func(string)
	judges  bool // any route is judged
	kept    atomic.Int64
	workers sync.WaitGroup

	mu      sync.Mutex // guards what follows
	wake    *sync.Cond // jobs or closed
	jobs    []job
	pushed  uint64              // jobs so far
	doing   map[uint64]struct{} // jobs that were begun
	closed  bool
	waiting map[uint64]*awaited   // by place in the schedule: records and checks that wait for each other
	known   [2][]map[uint64]bool  // by side and route: kinds of answers
	unmet   map[unmetKey]*unmetOf //
	pairs   []int                 // by route: answered on both sides
	twins   map[uint64]*twins     // by twin: slots of which one or both are under way
	busy    time.Duration
}

// A job is one answer to check, or a pair to compare.
type job struct {
	check       *kept
	blue, green *waiting
	slot        slot // of the pair: either of the two
	route       int
	twins       *twins
	number      uint64 // from 1
}

// An awaited record and its check wait for each other.
type awaited struct {
	record *arrival
	judged bool
	unmet  bool
}

// An unmetKey names one kind of failure: what was expected of a route's answers on one side.
type unmetKey struct {
	green bool
	route int
	what  string
}

// An unmetOf is how often a kind of failure occurred, and what the answer had in place of what
// was expected.
type unmetOf struct {
	got   string
	count int
	order int
}

// newInspector makes the inspector of an attack.
func newInspector(a *attacker) *inspector {
	in := &inspector{
		routes: a.plan.Routes, moment: a.moment, seed: a.design.Seed, post: a.post, blame: a.blame,
		twins: map[uint64]*twins{}, waiting: map[uint64]*awaited{}, unmet: map[unmetKey]*unmetOf{},
		pairs: make([]int, len(a.plan.Routes)), doing: map[uint64]struct{}{},
	}
	in.wake = sync.NewCond(&in.mu)
	for side := range in.known {
		in.known[side] = make([]map[uint64]bool, len(in.routes))
		for i := range in.known[side] {
			in.known[side][i] = map[uint64]bool{}
		}
	}
	if in.judges = slices.ContainsFunc(in.routes, func(r Route) bool { return r.Judge != nil || r.Walks != nil }); in.judges {
		for range max(1, min(4, runtime.GOMAXPROCS(0)/2)) {
			in.workers.Go(in.work)
		}
	}
	return in
}

// moment is the slice of time that a slot belongs to.
func (a *attacker) moment(sl slot) Moment {
	since := sl.since - a.design.WarmUp
	return Moment{Attack: a.name, Block: int(math.Floor(float64(since) / float64(a.design.Block())))}
}

// fill is how much of the room is taken.
func (in *inspector) fill() float64 { return float64(in.kept.Load()) / maxKept }

// keeps is the choice of rule 2, the same for both answers of a pair.
func (in *inspector) keeps(sl slot) bool {
	over := (in.fill() - easyFill) / (1 - easyFill)
	return over <= 0 || unit(in.seed, sl.twin) > over
}

// unit is a number in [0, 1) that follows from the seed.
func unit(seed, n uint64) float64 { return float64(perf.Mix(^seed, n)>>11) / (1 << 53) }

// arrive takes an answer that has come to its end.
func (in *inspector) arrive(k *kept) {
	defer k.release()
	in.mu.Lock()
	defer in.mu.Unlock()
	must := in.fresh(k.slot, k.slot.route, kindOf(&k.Answer)) || k.slot.whole
	if must || in.keeps(k.slot) {
		in.waiting[k.slot.n] = &awaited{}
		in.push(job{check: k.hold()})
	}
	if in.routes[k.slot.route].Compare && !k.slot.solo {
		in.meet(k.slot, k.slot.route, 0, &waiting{answer: k.hold(), green: k.slot.green, must: must})
	}
}

// push queues a job. The caller holds the lock.
func (in *inspector) push(j job) {
	in.pushed++
	j.number = in.pushed
	in.jobs = append(in.jobs, j)
	in.wake.Signal()
}

// fresh reports whether the side has not given this kind of answer before.
func (in *inspector) fresh(sl slot, route int, kind uint64) bool {
	side := in.known[sl.side()][route]
	if side[kind] || len(side) >= maxKnown {
		return false
	}
	side[kind] = true
	return true
}

// deliver takes the record of a request, and hands it on once its answer is judged.
func (in *inspector) deliver(r arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.waiting[r.n]
	switch {
	case w == nil:
		in.post(r)
	case w.judged:
		in.settle(r, w)
	default:
		w.record = &r
	}
}

// settle hands on a record whose answer is judged.
func (in *inspector) settle(r arrival, w *awaited) {
	delete(in.waiting, r.n)
	if w.unmet && r.record.Failure == perf.Succeeded {
		r.record.Failure = perf.BadStatus
	}
	in.post(r)
}

// work judges until the inspector is closed and nothing is left.
func (in *inspector) work() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		for len(in.jobs) == 0 && !in.closed {
			in.wake.Wait()
		}
		if len(in.jobs) == 0 {
			return
		}
		j := in.jobs[0]
		in.jobs[0] = job{}
		if in.jobs = in.jobs[1:]; len(in.jobs) == 0 {
			in.jobs = nil
		}
		in.doing[j.number] = struct{}{}
		in.mu.Unlock()
		began := time.Now()
		unmet := in.do(j)
		took := time.Since(began)
		in.mu.Lock()
		delete(in.doing, j.number)
		in.busy += took
		if j.check != nil {
			in.checked(j.check.slot, unmet)
		}
		in.release(j)
	}
}

// release gives the bodies of a job back.
func (in *inspector) release(j job) {
	if j.check != nil {
		j.check.release()
		return
	}
	in.letGo(j.blue)
	in.letGo(j.green)
}

// do judges. A judge that panics is a fault of this program, never of a side.
func (in *inspector) do(j job) (unmet *Unmet) {
	defer func() {
		if r := recover(); r != nil {
			in.blame(fmt.Sprintf("judging an answer failed: %v", r))
		}
	}()
	if k := j.check; k != nil {
		return in.routes[k.slot.route].Judge.Check(k.slot.row, k.slot.green, &k.Answer)
	}
	if route := &in.routes[j.route]; j.blue.answer != nil {
		route.Judge.Compare(in.moment(j.slot), j.slot.row, &j.blue.answer.Answer, &j.green.answer.Answer)
	} else {
		j.twins.mu.Lock()
		defer j.twins.mu.Unlock()
		route.Walks.ComparePair(in.moment(j.slot), j.slot.pair, j.blue.half, j.green.half, &j.twins.shared)
	}
	return nil
}

// checked books what a check found.
func (in *inspector) checked(sl slot, unmet *Unmet) {
	if unmet != nil {
		in.count(sl.green, sl.route, unmet)
	}
	w := in.waiting[sl.n]
	w.judged, w.unmet = true, unmet != nil
	if w.record != nil {
		in.settle(*w.record, w)
	}
}

// count counts an expectation that was not met; in.mu is held.
func (in *inspector) count(green bool, route int, unmet *Unmet) {
	key := unmetKey{green, route, unmet.What}
	if len(in.unmet) >= maxUnmets && in.unmet[key] == nil {
		key.what = "other expectations"
	}
	if in.unmet[key] == nil {
		in.unmet[key] = &unmetOf{got: unmet.Got, order: len(in.unmet)}
	}
	in.unmet[key].count++
}

// mark is the number of the newest job, for judged.
func (in *inspector) mark() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.pushed
}

// judged reports whether all jobs up to a number are done.
func (in *inspector) judged(number uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.jobs) > 0 && in.jobs[0].number <= number {
		return false
	}
	for n := range in.doing {
		if n <= number {
			return false
		}
	}
	return true
}

// finish judges what is left. No answer may arrive after it.
func (in *inspector) finish() {
	in.mu.Lock()
	in.closed = true
	in.wake.Broadcast()
	in.mu.Unlock()
	in.workers.Wait()
}

// report sums up what was judged; call it after finish. Of each route it counts the pairs
// that were answered with an accepted status on both sides, where the route is compared.
func (in *inspector) report() *run.LoadJudging {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := &run.LoadJudging{CPUSeconds: in.busy.Seconds(), Unmet: make([]run.LoadUnmet, len(in.unmet))}
	for i, n := range in.pairs {
		out.Routes = append(out.Routes, run.RouteJudging{Name: in.routes[i].Name, Pairs: n})
	}
	for key, u := range in.unmet {
		out.Unmet[u.order] = run.LoadUnmet{
			Side: sideNames[sideOf(key.green)], Route: in.routes[key.route].Name, What: key.what, Got: u.got,
			Count: u.count,
		}
	}
	return out
}
