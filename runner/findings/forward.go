package findings

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Forward collects what the judges of a worker find, for the coordinator's own Set.
// It is the run.Sink of a worker's execution too, of which only secrets matter.
//
// Equal pairs are counted. Of pairs that differ in one block the first are sent whole,
// more with their differences alone, and the rest are counted: what is sent is bounded
// however much of green differs.
type Forward struct {
	mu      sync.Mutex // guards what follows
	pending []finding
	equal   map[equalKey]int
	differ  map[attack.Moment]int // pairs sent
	whole   int                   // exchanges sent, in the attack
}

// A finding is one thing that a judge of a worker found. Exactly one of its parts is set.
// It goes from a worker to its coordinator, which are of one version.
type finding struct {
	Equal      *equalFinding    `json:",omitempty"`
	Differ     *Comparison      `json:",omitempty"`
	Lengths    *lengthsFinding  `json:",omitempty"`
	Unexpected *Unexpected      `json:",omitempty"`
	Odd        *oddFinding      `json:",omitempty"`
	Secret     *scenarios.Named `json:",omitempty"`
	Created    *run.Created     `json:",omitempty"`
}

type equalKey struct {
	route      int
	sameLength bool
}

// An equalFinding counts pairs without a difference.
type equalFinding struct {
	Route      int
	SameLength bool
	Pairs      int
}

// A lengthsFinding is a pair known by its lengths alone; see Set.Lengths.
type lengthsFinding struct {
	Route int
	At    attack.Moment
	Equal bool
}

// An oddFinding is a difference between two walks; see Set.Odd.
type oddFinding struct {
	Route          int
	At             attack.Moment
	Place, Example string
}

// What a worker sends at most.
const (
	forwardedOfBlock = 50       // pairs of one block that differ, with their differences
	forwardedWhole   = 50       // pairs with their exchanges, of an attack
	forwardedLength  = 64 << 10 // bytes of a body
)

// Begin forgets what an attack before found.
func (f *Forward) Begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.equal, f.differ, f.whole = map[equalKey]int{}, map[attack.Moment]int{}, 0
}

// add queues a finding for the next Drain.
func (f *Forward) add(one finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, one)
}

// AddCreated queues what a walk created and took back.
func (f *Forward) AddCreated(c *run.Created) { f.add(finding{Created: c}) }

// compared takes a pair that was compared whole.
func (f *Forward) compared(c *Comparison) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Step.DifferencesTotal == 0 {
		f.equal[equalKey{c.Route, c.SameLength}]++
		return
	}
	sent := *c
	sent.Step, sent.Pair = nil, nil
	if f.differ[c.At]++; f.differ[c.At] <= forwardedOfBlock {
		step := *c.Step
		step.Notes, step.Ignored = nil, nil
		step.Differences = slices.Clone(step.Differences)
		sent.Step = &step
		if c.Pair != nil && f.small(c.Pair.Blue) && f.small(c.Pair.Green) {
			sent.Pair = &run.Pair{Key: c.Pair.Key, Blue: ownBytes(c.Pair.Blue), Green: ownBytes(c.Pair.Green)}
		}
	}
	f.pending = append(f.pending, finding{Differ: &sent})
}

// small reports whether an exchange is sent, and counts it; f.mu is held.
func (f *Forward) small(x *wire.Exchange) bool {
	if x != nil && (len(x.Answer) > forwardedLength || f.whole >= 2*forwardedWhole) {
		return false
	}
	f.whole++
	return true
}

// unexpected queues an answer that was not expected.
func (f *Forward) unexpected(u *Unexpected) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole >= 4*forwardedWhole {
		return // the coordinator keeps fewer examples; every answer is counted by its expectation
	}
	f.whole++
	own := *u
	own.Exchange = ownBytes(u.Exchange)
	f.pending = append(f.pending, finding{Unexpected: &own})
}

// Drain takes what was found since the last call, as one message; nil: nothing.
func (f *Forward) Drain() []byte {
	f.mu.Lock()
	pending := f.pending
	f.pending = nil
	for key, n := range f.equal {
		pending = append(pending, finding{Equal: &equalFinding{key.route, key.sameLength, n}})
	}
	clear(f.equal)
	f.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	b, err := json.Marshal(pending)
	if err != nil {
		return nil // the types of this file always encode
	}
	return b
}

// Secret is what a sink hides: the coordinator hides it too.
func (f *Forward) Secret(name, value string) {
	f.add(finding{Secret: &scenarios.Named{Name: name, Value: value}})
}

// Emit keeps nothing: a worker has no log.
func (f *Forward) Emit(run.Event) error { return nil }

// errNoRecords: the coordinator keeps the records.
var errNoRecords = errors.New("a worker keeps no records")

// LoadFile is never asked for.
func (f *Forward) LoadFile(string) (run.RecordWriter, error) { return nil, errNoRecords }

// Merge books a message of a worker as if it had been found here. Secrets come first, so
// that nothing is kept in which one is readable. created is given what walks created. What a
// worker found of answers counts only where it is judged.
func (f *Set) Merge(message []byte, judged bool, created func(*run.Created)) {
	var all []finding
	if json.Unmarshal(message, &all) != nil {
		return // it was sealed by a worker of this version
	}
	for _, one := range all {
		if one.Secret != nil {
			f.secret(one.Secret.Name, one.Secret.Value)
		}
	}
	for _, one := range all {
		if one.Created != nil {
			created(one.Created)
		}
		if judged {
			f.mergeOne(&one)
		}
	}
}

// mergeOne books one finding of a worker. A route that this stage does not have is left out:
// indices come from another machine.
func (f *Set) mergeOne(one *finding) {
	known := func(route int) bool { return route >= 0 && route < len(f.routes) }
	switch {
	case one.Equal != nil && known(one.Equal.Route):
		f.mu.Lock()
		defer f.mu.Unlock()
		f.routes[one.Equal.Route].Judged += one.Equal.Pairs
		f.lengths[one.Equal.Route].add(one.Equal.SameLength, one.Equal.Pairs)
	case one.Differ != nil && known(one.Differ.Route):
		f.Compared(one.Differ)
	case one.Lengths != nil && known(one.Lengths.Route):
		f.Lengths(one.Lengths.Route, one.Lengths.At, one.Lengths.Equal)
	case one.Unexpected != nil && known(one.Unexpected.Route):
		f.Unexpected(one.Unexpected)
	case one.Odd != nil && known(one.Odd.Route):
		f.Odd(one.Odd.Route, one.Odd.At, one.Odd.Place, one.Odd.Example)
	}
}
