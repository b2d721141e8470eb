package attack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack/gauge"
)

// A Member fires this machine's shares of an attack that several generators fire. It
// judges the answers as an attack of one machine does, and leaves the judgement of the
// records to the coordinator.
//
//  1. Share k of n of a slice are its pairs i with i mod n = k; in an interleaved stage i
//     counts within the half of a block, so that twins stay on one machine.
//  2. A share is complete when every request of it was answered and judged. One that was
//     halted or cut is missed.
type Member struct {
	a       *attacker
	emit    func(*Share)
	breaker Breaker
	found   func() []byte
	line    *line
	drained <-chan struct{}
	quiet   func()
	stop    context.CancelFunc
	done    sync.WaitGroup
	over    chan struct{}

	mu   sync.Mutex // guards what follows
	open map[int]*openShare
	base time.Time // of the newest slice
	cut  context.CancelFunc
	told [2]int // back ends that were reported
	lags perf.Lags
}

// An openShare waits for its answers.
type openShare struct {
	Share
	base  time.Time // the schedule's start as this slice has it
	whole bool      // all of its slots were yielded
	left  int       // requests, or walks, without an answer
	mark  uint64    // of the inspector, when the last one was answered; 0: not yet
}

// Join makes ready to fire shares of an attack. emit takes them, from one goroutine; found
// returns what the plan's judges have found since it was called last, and may be nil.
func Join(ctx context.Context, plan Plan, o Order, emit func(*Share), found func() []byte) (*Member, error) {
	limit := plan.MaxRPS
	plan, _, err := plan.withDefaults()
	if err != nil {
		return nil, err
	}
	design := o.Section.Design
	if !slices.ContainsFunc(plan.Rates, func(rate float64) bool { return design.Rate <= rate+1e-9 }) {
		return nil, fmt.Errorf("the rate of %g/s is above what the plan allows (max_rps %g/s)", design.Rate, limit)
	}
	if err := plan.reach(ctx); err != nil {
		return nil, err
	}
	plan.Connections = (plan.Connections + o.Workers - 1) / max(o.Workers, 1)
	plan.rowsDealt = o.Dealt
	a, err := newAttacker(&plan, judgement{name: o.Section.Name, design: design})
	if err != nil {
		return nil, err
	}
	m := &Member{
		a: a, emit: emit, found: found, breaker: plan.Breaker, open: map[int]*openShare{}, over: make(chan struct{}),
		quiet: gauge.Quietly(),
	}
	a.member = m
	var sending context.Context
	sending, m.stop = context.WithCancel(ctx)
	m.takeOff()
	schedule := plan.schedule(design)
	schedule.end = allTime // how many blocks are fired is the coordinator's to say
	a.follow(newPacer(sending, &a.clock, schedule, plan.MaxWorkers))
	m.line = &line{ctx: sending, schedule: schedule, wake: make(chan struct{}, 1), given: m.given, exhausted: m.exhausted}
	a.pacer.next = m.line.next
	m.drained = a.launch()
	m.done.Go(m.deliver)
	return m, nil
}

// takeOff begins a context for what is sent from now on.
func (m *Member) takeOff() {
	flying, cut := context.WithCancel(context.Background())
	m.cut = cut
	m.a.fly(flying)
}

// Fire fires share k of n of a slice. start is when the slice begins.
func (m *Member) Fire(s Slice, start time.Time, k, n int) {
	base := start.Add(-s.From)
	m.mu.Lock()
	m.open[s.Number], m.base = &openShare{Share: Share{Slice: s.Number}, base: base}, base
	m.mu.Unlock()
	m.line.add(part{s, base, k, n})
}

// MemberLive is what the last second of a member was like.
type MemberLive struct {
	Bursts [2]perf.Burst
	Lag    time.Duration // p99 of how late its last requests left
	Fault  string        // what this machine is to blame for; empty: nothing
}

// Live is what the last second was like.
func (m *Member) Live() MemberLive {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := MemberLive{Fault: m.a.broken(), Lag: m.lags.Quantile(0.99)}
	live.Bursts = m.a.recent(time.Since(m.base), m.breaker)
	for side := range live.Bursts {
		b := &live.Bursts[side]
		// Failures are added up over all workers; a p99 cannot be.
		b.Tripped = b.Tripped && float64(b.Failed) < m.breaker.Errors*float64(b.All)
	}
	return live
}

// Halt fires nothing more of the slices that were announced; why says so in their shares.
func (m *Member) Halt(why string) {
	m.line.clear()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.open {
		if !s.whole {
			s.Missed = why
		}
	}
}

// Cut ends what is under way. Slices that are announced later are fired again.
func (m *Member) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut()
	m.takeOff()
	for _, s := range m.open {
		if s.mark == 0 {
			s.Missed = "it was cut"
		}
	}
}

// Close stops firing, waits for what is under way for a second, and cuts the rest.
func (m *Member) Close() {
	m.stop()
	m.a.drain(m.drained, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cut()
	})
	close(m.over)
	m.done.Wait()
	m.cut()
	m.a.pacer.sleeper.Close()
	m.a.close()
	m.quiet()
}

// began is the start of the schedule as a pair's slice has it.
func (m *Member) began(pair uint32) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.open[sliceAt(m.a.design, m.a.design.PairStart(pair))]; s != nil {
		return s.base
	}
	return m.base // of a share that was given up
}

// given books a slot that is about to be fired.
func (m *Member) given(slice int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.open[slice]; s != nil {
		s.Planned++
		s.left++
	}
}

// exhausted books that a slice has no more slots.
func (m *Member) exhausted(slice int) {
	mark := m.a.inspect.mark()
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.open[slice]; s != nil {
		s.whole = true
		if s.left == 0 {
			s.mark = mark + 1
		}
	}
}

// take books an answer. It is called with the inspector's lock held.
func (m *Member) take(r arrival) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !r.record.Walk {
		m.a.sides[sideOf(r.record.Green)].add(r.record)
		m.lags.Add(r.record.Lag)
	}
	s := m.open[sliceAt(m.a.design, m.a.design.PairStart(r.record.Pair))]
	if s == nil {
		return
	}
	s.Records = append(s.Records, r.record)
	s.Ended = max(s.Ended, r.record.Scheduled+r.record.Latency)
	if len(m.a.plan.Cases) == 0 || r.record.Walk {
		s.left--
	}
}

// deliver emits the shares that are complete, in the order of their slices.
func (m *Member) deliver() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		m.emitComplete()
		select {
		case <-m.over:
			return
		case <-ticker.C:
		}
	}
}

// emitComplete hands over every share whose answers have all been inspected, oldest first, so that
// the coordinator gets them in order.
func (m *Member) emitComplete() {
	for {
		newest := m.a.inspect.mark()
		m.mu.Lock()
		var s *openShare
		if len(m.open) > 0 {
			s = m.open[slices.Min(slices.Collect(maps.Keys(m.open)))]
		}
		if s != nil && s.whole && s.left == 0 && s.mark == 0 {
			s.mark = newest + 1
		}
		complete := s != nil && (s.Missed != "" || s.mark > 0)
		m.mu.Unlock()
		if !complete || s.Missed == "" && !m.a.inspect.judged(s.mark-1) {
			return
		}
		m.mu.Lock()
		delete(m.open, s.Slice)
		m.mu.Unlock()
		if s.Missed != "" {
			s.Records = nil
		}
		s.Sum = m.summary()
		if m.found != nil {
			s.Findings = m.found()
		}
		m.emit(&s.Share)
	}
}

// summary is what this machine has done so far.
func (m *Member) summary() Summary {
	a := m.a
	s := Summary{Health: a.measure(), Judging: *a.inspect.report()}
	s.Connections, s.Remotes = a.carriers.connections()
	a.mu.Lock()
	defer a.mu.Unlock()
	for side, names := range a.backEnds {
		if len(names) != m.told[side] {
			s.BackEnds[side], m.told[side] = slices.Sorted(maps.Keys(names)), len(names)
		}
	}
	return s
}

// A line yields the slots of the shares that were announced, one slice after the other.
type line struct {
	ctx       context.Context
	schedule  *schedule
	wake      chan struct{}
	given     func(slice int)
	exhausted func(slice int)

	mu    sync.Mutex // guards parts
	parts []part
	held  *slot // read, and of a later slice; of the pacer's goroutine alone
}

// A part is a share of a slice to be fired.
type part struct {
	Slice
	base time.Time
	k, n int
}

// errNoMembers would be a share of nothing.
var errNoMembers = errors.New("a share of no generators")

// add appends a part of a slice that the coordinator gave to this member, and wakes the pacer.
func (l *line) add(p part) {
	if p.n < 1 || p.k < 0 || p.k >= p.n {
		panic(errNoMembers) // the coordinator numbers the holders that it announces a slice to
	}
	l.mu.Lock()
	l.parts = append(l.parts, p)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// clear forgets the parts that were not begun.
func (l *line) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = nil
}

// next waits for the next slot of this machine.
func (l *line) next() (slot, time.Time, bool) {
	for {
		l.mu.Lock()
		var p *part
		if len(l.parts) > 0 {
			p = &l.parts[0]
		}
		l.mu.Unlock()
		if p == nil {
			select {
			case <-l.ctx.Done():
				return slot{}, time.Time{}, false
			case <-l.wake:
			}
			continue
		}
		if sl, ok := l.of(p); ok {
			l.given(p.Number)
			return sl, p.base.Add(sl.at), true
		}
		l.mu.Lock()
		if len(l.parts) > 0 && l.parts[0].Number == p.Number {
			l.parts = l.parts[1:]
			l.mu.Unlock()
			l.exhausted(p.Number)
			continue
		}
		l.mu.Unlock()
	}
}

// of is the next slot of a part; false when it has no more.
func (l *line) of(p *part) (slot, bool) {
	for {
		sl, ok := slot{}, true
		if l.held != nil {
			sl, l.held = *l.held, nil
		} else if sl, ok = l.schedule.next(); !ok {
			return sl, false
		}
		start := l.schedule.design.PairStart(sl.pair)
		if start >= p.Until {
			l.held = &sl
			return sl, false
		}
		if start >= p.From && int(uint32(sl.twin)%uint32(p.n)) == p.k { // Rule 1 of Member
			return sl, true
		}
	}
}
