// Package probe watches what clients get while traffic moves.
//
// In comes an Asker, which sends one request through a door (the public name, green
// itself, blue itself), and limits; out come counts by side, why answers failed, and two
// facts: the budget is spent, the hold has enough answers of green. The package decides
// nothing about traffic: package shift acts on what it reports.
//
// The rules:
//
//  1. Each round asks the public name and green itself, each over a new connection; the
//     public name is resolved anew.
//  2. The side of an answer of the public name is known by the address that answered, or by
//     an identity header, when blue and green themselves show different ones; otherwise it
//     is unknown.
//  3. An answer that fails, of green or of an unknown side, spends the budget, unless blue
//     itself fails the same request now.
//  4. Answers of green itself, and those of the public name that came from green, count
//     towards the answers that a hold needs, if they are as expected.
//  5. Where green has all of the traffic, answers of the public name that all come from blue are not enough: what was
//     written does not reach those who ask.
//  6. A green that has shown the build that was judged, and then shows another one, is not the green that was
//     judged.
package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios"
)

// An Asker sends request number n through a door.
type Asker interface {
	Ask(ctx context.Context, n int, door runner.Door) runner.Asked
	Size() int
}

// A Config says how a Probe asks.
type Config struct {
	// Through is the public URL; Blue and Green are addresses that its host is pinned to, to ask
	// a side itself; empty: the side's own URL.
	Through, Blue, Green string
	// Every is the time between two rounds.
	Every time.Duration
	// Budget is how many answers may fail in all; MinGreen how many of green a hold needs.
	Budget, MinGreen int
	// GreenBuild is the build that was judged; empty: any.
	GreenBuild string
}

// A Probe asks until its context ends. It is a shift.Prober.
type Probe struct {
	asker  Asker
	config Config
	public runner.Door
	blue   runner.Door
	green  runner.Door

	mu sync.Mutex
	// sample is what was counted since the last report; spent counts failures of the walk.
	sample shift.Sample
	spent  int
	why    string
	// alike counts failures of green that blue showed as well.
	alike int
	// greens counts answers of green in the hold of the number hold, and free those of the public name by side;
	// whole says that green has all of the traffic in it.
	greens, hold int
	free         [3]int
	whole        bool
	// built is set once green has shown GreenBuild, and others counts its answers that show another build then.
	built  bool
	others int
	other  string
	// known are the marks (addresses, identities) that each side itself has shown.
	known [3][]string
	n     int
}

// New makes a probe; nothing is sent.
func New(asker Asker, config Config) *Probe {
	door := func(side scenarios.Side, pin string) runner.Door {
		if pin == "" {
			return runner.Door{Side: side}
		}
		return runner.Door{Side: side, Base: config.Through, Resolve: pin}
	}
	return &Probe{
		asker: asker, config: config, public: runner.Door{Side: scenarios.Green, Base: config.Through},
		blue: door(scenarios.Blue, config.Blue), green: door(scenarios.Green, config.Green),
	}
}

// fewAlike is how many failures that both sides share are borne without a word: services hiccup.
const fewAlike = 3

// reportEvery is the time between two reports.
const reportEvery = 500 * time.Millisecond

// Look asks the public name and green itself a few times before a walk. An error says that
// one of them does not answer as expected, or that the public name leads to green already;
// remark is what the walk can do without.
func (p *Probe) Look(ctx context.Context) (remark string, err error) {
	p.learn(ctx)
	known := false
	for n := range min(lookAsks, p.asker.Size()) {
		for _, door := range []runner.Door{p.public, p.green} {
			a := p.asker.Ask(ctx, n, door)
			if a.Failed != "" { // once may be a hiccup
				a = p.asker.Ask(ctx, n, door)
			}
			side := p.sideOf(a)
			switch {
			case a.Failed != "" && door == p.green:
				return "", fmt.Errorf("green itself fails before the walk: %s: %s", a.Name, a.Failed)
			case a.Failed != "":
				return "", fmt.Errorf("%s fails before the walk: %s: %s", p.config.Through, a.Name, a.Failed)
			case door == p.public && side == scenarios.Green:
				return "", fmt.Errorf("%s is answered by green before the walk (%s)", p.config.Through, a.Remote)
			case door == p.public:
				known = known || side == scenarios.Blue
			case p.alikePins(a):
				return "", fmt.Errorf("blue and green are both pinned to %s: nothing would be asked of green", a.Remote)
			}
		}
	}
	if !known {
		remark = fmt.Sprintf("it is not known which side answers %s: neither its address nor an identity header is that of blue alone", p.config.Through)
	}
	return remark, nil
}

// lookAsks is how many requests are tried before a walk, and to learn the marks of a side.
const lookAsks = 3

// Watch asks until ctx ends. A report comes at once when the budget is spent or a hold has
// enough, and otherwise every half second. A panic of a round is Watch's own.
func (p *Probe) Watch(ctx context.Context, report func(shift.Seen)) {
	if !p.learned() {
		p.learn(ctx)
	}
	tick := time.NewTicker(p.config.Every)
	defer tick.Stop()
	var rounds sync.WaitGroup
	defer rounds.Wait()
	// A service that hangs must not stop the probe from noticing it: rounds overlap.
	slots := make(chan struct{}, 16)
	free := func() { <-slots }
	panicked := make(chan any, 1)
	var mu sync.Mutex
	last := time.Time{}
	tell := func() {
		mu.Lock()
		defer mu.Unlock()
		if seen, now := p.seen(); ctx.Err() == nil && (now || time.Since(last) >= reportEvery) {
			last = time.Now()
			p.clear()
			report(seen)
		}
	}
	for {
		select {
		case slots <- struct{}{}:
			n := p.next()
			rounds.Go(func() {
				defer free()
				defer pass(panicked)
				p.round(ctx, n)
				tell()
			})
		case caught := <-panicked:
			panic(caught)
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case caught := <-panicked:
			panic(caught)
		case <-ctx.Done():
			return
		}
	}
}

// pass gives a panic of this goroutine to the one that can answer for it.
func pass(to chan<- any) {
	if caught := recover(); caught != nil {
		select {
		case to <- caught:
		default:
		}
	}
}

// together runs work in goroutines and waits for all. A panic of one is the caller's.
func together(work ...func()) {
	panicked := make(chan any, 1)
	var all sync.WaitGroup
	for _, w := range work {
		all.Go(func() {
			defer pass(panicked)
			w()
		})
	}
	all.Wait()
	select {
	case caught := <-panicked:
		panic(caught)
	default:
	}
}

func (p *Probe) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return p.n
}

// round asks the public name and green itself. Rule 1.
func (p *Probe) round(ctx context.Context, n int) {
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	together(func() {
		a := p.asker.Ask(ctx, n, p.public)
		p.count(ctx, booking{n, p.sideOf(a), a, false, hold})
	}, func() {
		a := p.asker.Ask(ctx, n, p.green)
		if a.Failed == "" {
			p.mark(scenarios.Green, a)
		}
		p.count(ctx, booking{n, scenarios.Green, a, true, hold})
	})
}

// A booking is one answer on its way into the counts: request n, the side it came from, whether
// green itself was asked, and the hold in which it was asked.
type booking struct {
	n      int
	side   scenarios.Side
	a      runner.Asked
	pinned bool
	hold   int
}

// count books one answer, unless it is void. Rules 3 and 4.
func (p *Probe) count(ctx context.Context, b booking) {
	if ctx.Err() != nil || b.a.Void {
		return
	}
	a, side := b.a, b.side
	blueToo := false
	if a.Failed != "" && side != scenarios.Blue {
		blueToo = failed(p.asker.Ask(ctx, b.n, p.blue))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.sample
	switch {
	case b.pinned:
		s.Pinned++
	case side == scenarios.Blue:
		s.Blue++
	case side == scenarios.Green:
		s.Green++
	default:
		s.Unknown++
	}
	if b.pinned {
		p.compareBuild(a)
	} else if b.hold == p.hold {
		p.free[side]++
	}
	switch {
	case a.Failed == "" && side == scenarios.Green && b.hold == p.hold:
		p.greens++
	case a.Failed == "":
	case side == scenarios.Blue || blueToo:
		s.BlueFailed++
		s.Example = a.Name + ": " + a.Failed
		if blueToo {
			p.alike++
		}
	default:
		s.Failed++
		p.spent++
		p.why = a.Name + ": " + a.Failed
		s.Example = p.why
	}
}

// seen is the present state; now says that it must not wait.
func (p *Probe) seen() (s shift.Seen, now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s = shift.Seen{Sample: p.sample, Hold: p.hold, Enough: p.greens >= p.config.MinGreen}
	if p.spent > p.config.Budget {
		s.Spent = fmt.Sprintf("%d answers of green failed, more than the %d of the budget; the last: %s", p.spent, p.config.Budget, p.why)
	}
	if p.whole && s.Enough && p.free[scenarios.Green] == 0 && p.free[scenarios.Blue] > 0 { // Rule 5
		s.Enough = false
		s.Short = fmt.Sprintf("green has all of the traffic, and %d answers through %s came from blue, none from green: a resolver here may keep the name, or clients may ask elsewhere",
			p.free[scenarios.Blue], p.config.Through)
	}
	if p.others > mostOthers {
		s.Alike = fmt.Sprintf("green shows %s now, and not build %s that was judged", p.other, p.config.GreenBuild)
		return s, true
	}
	if p.alike > max(p.config.Budget, fewAlike) && p.sample.BlueFailed > 0 {
		s.Alike = fmt.Sprintf("%d answers failed on both sides; the last: %s", p.alike, p.sample.Example)
	}
	return s, s.Spent != "" && p.sample.Failed > 0
}

func (p *Probe) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sample = shift.Sample{}
}

// Hold begins to count answers of green anew; whole says that green has all of the traffic.
func (p *Probe) Hold(number int, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold, p.greens, p.whole, p.free = number, 0, whole, [3]int{}
}

// blueAsks is how often blue is asked before its state is reported, and blueWithin how
// long its answers may take: a blue that hangs fails.
const (
	blueAsks   = 3
	blueWithin = 3 * time.Second
)

// AskBlue asks blue itself. Blue fails when most of its answers do.
func (p *Probe) AskBlue(ctx context.Context) (machine.Verdict, string) {
	ctx, cancel := context.WithTimeoutCause(ctx, blueWithin, fmt.Errorf("no answer within %s", blueWithin))
	defer cancel()
	var answers [blueAsks]runner.Asked
	var asks []func()
	for i := range answers {
		n := p.next()
		asks = append(asks, func() { answers[i] = p.asker.Ask(ctx, n, p.blue) })
	}
	together(asks...)
	n, why := 0, ""
	for _, a := range answers {
		if failed(a) {
			n, why = n+1, a.Name+": "+a.Failed
		}
	}
	if n*2 > blueAsks {
		return machine.Fail, why
	}
	return machine.Pass, ""
}

// failed reports whether a side failed, and not this process. What is void excuses no failure of
// green.
func failed(a runner.Asked) bool { return a.Failed != "" && !a.Void }
