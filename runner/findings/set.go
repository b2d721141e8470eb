// Package findings collects what judging finds in the answers of a load stage, and says
// what of it makes the stage fail.
//
// Judges of package runner hand in, from many goroutines, pairs that they compared and
// answers that were not expected. A Set books them in bounded memory and sums them up as
// run.LoadJudging and run.LoadFinding. On a worker of a fleet a Forward takes the same and
// sends it to the coordinator, whose Set merges it. Nothing here sends a request, compares
// two answers or reads a clock.
package findings

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Set is what was found in the answers of one load stage. Its methods may be called from
// several goroutines, apart from AddRoute, which comes before all others.
type Set struct {
	suite, stage string
	// secret makes a value unreadable in everything that is written from now on.
	secret  func(name, value string)
	forward *Forward // of a worker: takes what is found instead; nil: this is not a worker

	mu        sync.Mutex // guards what follows
	routes    []run.RouteJudging
	lengths   []lengths // by route
	causes    *cause.Set
	places    map[string]*place
	order     []string // of places, as they were found
	examples  []run.StepResult
	pairs     []*run.Pair    // of the examples
	kept      map[string]int // examples by place or expectation
	exchanges int            // of all examples
	revealed  map[scenarios.Named]bool
}

// A place is where answers differ, see cause.Place.
type place struct {
	moments []attack.Moment // different ones, at most ManyBlocks
	pairs   int
	header  bool // in a header
	example string
}

// lengths are what the lengths of the bodies of a route say. A body that is too large to be
// kept under load is known by its length alone; whether lengths say anything is learnt from
// the pairs that were compared whole.
type lengths struct {
	same, other   int // equal pairs that were compared whole: with equal lengths, and with others
	equal, differ int // pairs known by their lengths alone
	moments       []attack.Moment
}

// Bounds of what is remembered, so that a green that differs everywhere takes no more memory
// than one that differs in one place.
const (
	maxPlaces    = 1000
	maxDiffering = 5000 // pairs whose differences are grouped into causes
	// MaxPairs is the number of examples of a stage: at most twice as many exchanges are kept.
	MaxPairs = 50
	// ExamplesEach is the number of examples of one place, or of one expectation.
	ExamplesEach = 3
	shownOfPair  = 5 // differences that an example lists
	// maxRevealed bounds the secrets that the walks of a stage make known to the archive:
	// each of them is looked for in everything that is written.
	maxRevealed = 2000
)

// New makes the set of a stage. secret is given each value that must not be readable in what
// is written. forward is not nil on a worker.
func New(suite, stage string, secret func(name, value string), forward *Forward) *Set {
	return &Set{
		suite: suite, stage: stage, secret: secret, forward: forward,
		causes: cause.NewSet(), places: map[string]*place{}, kept: map[string]int{}, revealed: map[scenarios.Named]bool{},
	}
}

// AddRoute makes room for a route and returns its index, the same as in the attack's plan.
func (f *Set) AddRoute(name string) int {
	f.routes = append(f.routes, run.RouteJudging{Name: name})
	f.lengths = append(f.lengths, lengths{})
	return len(f.routes) - 1
}

// Key names a pair of an attack in the archive; of a walk with the step that it is of.
func (f *Set) Key(at attack.Moment, step string, number uint32) string {
	if step != "" {
		return fmt.Sprintf("%s/load %s/%s of pair %d", f.suite, at.Attack, step, number)
	}
	return fmt.Sprintf("%s/load %s/pair %d", f.suite, at.Attack, number)
}

// PairName names a pair in reports.
func (f *Set) PairName(route int, number uint32) string {
	return fmt.Sprintf("%s, pair %d", f.routes[route].Name, number)
}

// addMoment adds a moment unless it is known, or enough are.
func addMoment(moments []attack.Moment, at attack.Moment) []attack.Moment {
	if len(moments) >= ManyBlocks || slices.Contains(moments, at) {
		return moments
	}
	return append(moments, at)
}

// book counts a pair that differs in a place; f.mu is held. The first pair makes the place.
func (f *Set) book(name string, at attack.Moment, first func() place) {
	p := f.places[name]
	if p == nil {
		if len(f.places) >= maxPlaces {
			return
		}
		made := first()
		p = &made
		f.places[name] = p
		f.order = append(f.order, name)
	}
	p.pairs++
	p.moments = addMoment(p.moments, at)
}

// A Comparison is a pair of answers that was compared whole.
type Comparison struct {
	Route      int
	At         attack.Moment
	Number     uint32 // of the pair
	SameLength bool   // of the bodies as they came over the wire
	// Step is what the comparison came to, and Pair holds the exchanges. A worker that has
	// sent many leaves out first Pair and then Step: the pair is then only counted as one
	// that differs.
	Step *run.StepResult `json:",omitempty"`
	Pair *run.Pair       `json:",omitempty"`
}

// Compared books a pair that was compared whole.
func (f *Set) Compared(c *Comparison) {
	if f.forward != nil {
		f.forward.compared(c)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.routes[c.Route]
	r.Judged++
	if c.Step != nil && c.Step.DifferencesTotal == 0 {
		f.lengths[c.Route].add(c.SameLength, 1)
		return
	}
	r.Differ++
	if c.Step == nil {
		return
	}
	differences := verdict.Roots(c.Step.Differences)
	seen := map[string]bool{} // a pair counts once in each place
	for i := range differences {
		d := &differences[i]
		if name := cause.Place(d); !seen[name] {
			seen[name] = true
			f.book(name, c.At, func() place { return place{header: d.Where == diff.InHeader, example: judge.DifferenceText(d)} })
		}
	}
	if f.differing() <= maxDiffering {
		f.causes.AddAt(cause.Site{Index: int(c.Number), Case: c.Step.Name}, differences)
	}
	if len(differences) > 0 && c.Pair != nil && f.keeps(cause.Place(&differences[0]), 2) {
		f.example(c.Step, c.Pair)
	}
}

// add counts equal pairs that were compared whole.
func (l *lengths) add(same bool, pairs int) {
	if same {
		l.same += pairs
	} else {
		l.other += pairs
	}
}

// differing is the number of pairs that differ so far.
func (f *Set) differing() int {
	n := 0
	for i := range f.routes {
		n += f.routes[i].Differ
	}
	return n
}

// keeps reports whether an example of n exchanges is kept, and counts it.
func (f *Set) keeps(of string, n int) bool {
	if f.kept[of] >= ExamplesEach || f.exchanges+n > 2*MaxPairs {
		return false
	}
	f.kept[of]++
	f.exchanges += n
	return true
}

// example keeps a pair. The bytes of its answers are copied: those of a load stage are used
// again for the next answer.
func (f *Set) example(step *run.StepResult, pair *run.Pair) {
	own := *step
	own.Verdict, own.Notes, own.Ignored = run.Fail, nil, nil
	own.Differences = slices.Clone(own.Differences[:min(len(own.Differences), shownOfPair)])
	f.examples = append(f.examples, own)
	f.pairs = append(f.pairs, &run.Pair{Key: step.Exchange, Blue: ownBytes(pair.Blue), Green: ownBytes(pair.Green)})
}

// ownBytes copies an exchange whose answer's bytes are used again; nil stays nil.
func ownBytes(x *wire.Exchange) *wire.Exchange {
	if x == nil {
		return nil
	}
	own := *x
	own.Answer = bytes.Clone(x.Answer)
	return &own
}

// Lengths books a pair of which only the lengths are known.
func (f *Set) Lengths(route int, at attack.Moment, equal bool) {
	if f.forward != nil {
		f.forward.add(finding{Lengths: &lengthsFinding{route, at, equal}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.lengths[route]
	if equal {
		l.equal++
		return
	}
	l.differ++
	l.moments = addMoment(l.moments, at)
}

// An Unexpected answer does not meet an expectation of its case. Every one is counted by
// the attack; this is for the examples.
type Unexpected struct {
	Route     int
	Place     string         // of the step in its file
	Exchange  *wire.Exchange `json:",omitempty"`
	Green     bool
	Number    uint32 // of the pair
	What, Got string // the expectation, and what the answer had
}

// Unexpected keeps an answer as an example.
func (f *Set) Unexpected(u *Unexpected) {
	if f.forward != nil {
		f.forward.unexpected(u)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	side, pair := scenarios.Blue, &run.Pair{Blue: u.Exchange}
	if u.Green {
		side, pair = scenarios.Green, &run.Pair{Green: u.Exchange}
	}
	if !f.keeps(fmt.Sprint(side, u.Route, u.What), 1) {
		return
	}
	f.example(&run.StepResult{
		Name: f.PairName(u.Route, u.Number), At: u.Place, Verdict: run.Fail,
		Blue: judge.SideResult(pair.Blue), Green: judge.SideResult(pair.Green),
		Reasons:      []string{fmt.Sprintf("%s: expected %s, got %s", side, u.What, u.Got)},
		Exchange:     fmt.Sprintf("%s/load %s/%s of pair %d", f.suite, f.stage, side, u.Number),
		Expectations: []run.Expectation{{Side: side.String(), What: u.What, Got: u.Got}},
	}, pair)
}

// Reveal makes the secrets of a walk unreadable, of which something is about to be
// kept. It reports false when there have been too many: nothing may be kept then.
func (f *Set) Reveal(secrets []scenarios.Named) bool {
	f.mu.Lock()
	var fresh []scenarios.Named
	for _, s := range secrets {
		if !f.revealed[s] {
			fresh = append(fresh, s)
		}
	}
	if len(f.revealed)+len(fresh) > maxRevealed {
		f.mu.Unlock()
		return false
	}
	for _, s := range fresh {
		f.revealed[s] = true
	}
	f.mu.Unlock() // the sink must not be called under the lock: it writes
	for _, s := range fresh {
		f.secret(s.Name, s.Value)
	}
	return true
}

// ComparedHidden books a pair that differs and may not be shown, as it holds more secrets
// than Reveal makes known.
func (f *Set) ComparedHidden(route int, at attack.Moment) {
	if f.forward != nil { // it is counted as one that differs, and the place follows
		f.forward.add(finding{Equal: &equalFinding{Route: route, SameLength: true, Pairs: 1}})
	} else {
		f.mu.Lock()
		f.routes[route].Judged++
		f.mu.Unlock()
	}
	f.Odd(route, at, "answers of "+f.routes[route].Name, "answers differ")
}

// Odd books a difference between the walks of a pair that is not one of two answers.
func (f *Set) Odd(route int, at attack.Moment, where, example string) {
	if f.forward != nil {
		f.forward.add(finding{Odd: &oddFinding{route, at, where, example}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes[route].Differ++
	f.book(where, at, func() place { return place{example: example} })
}

// RouteName is the name of a route.
func (f *Set) RouteName(route int) string { return f.routes[route].Name }
