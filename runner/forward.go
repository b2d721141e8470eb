package runner

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

// A forward collects what the judges of a worker find, for the coordinator's own findings.
// It is the sink of a worker's execution too, of which only secrets matter.
//
// Equal pairs are counted. Of pairs that differ in one block the first are sent whole,
// more with their differences alone, and the rest are counted: what is sent is bounded
// however much of green differs.
type forward struct {
	mu      sync.Mutex // guards what follows
	pending []finding
	equal   map[equalKey]int
	differ  map[attack.Moment]int // pairs sent
	whole   int                   // pairs sent with their exchanges, in the attack
}

// A finding is one thing that a judge of a worker found. Exactly one of its parts is set.
type finding struct {
	Equal      *equalFinding      `json:",omitempty"`
	Differ     *differFinding     `json:",omitempty"`
	Lengths    *lengthsFinding    `json:",omitempty"`
	Unexpected *unexpectedFinding `json:",omitempty"`
	Odd        *oddFinding        `json:",omitempty"`
	Secret     *scenarios.Named   `json:",omitempty"`
	Created    *run.Created       `json:",omitempty"`
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

// A differFinding is a pair that differs; Step is nil where it is only counted.
type differFinding struct {
	Route      int
	At         attack.Moment
	Step       *run.StepResult `json:",omitempty"`
	Pair       *run.Pair       `json:",omitempty"`
	SameLength bool
}

type lengthsFinding struct {
	Route int
	At    attack.Moment
	Equal bool
}

type unexpectedFinding struct {
	Route     int
	Place     string
	Exchange  *wire.Exchange `json:",omitempty"`
	Green     bool
	Pair      uint32
	What, Got string
}

type oddFinding struct {
	Route          int
	At             attack.Moment
	Place, Example string
}

const (
	forwardedOfBlock = 50 // pairs that differ, with their differences
	forwardedWhole   = 50 // pairs and answers with their exchanges, of an attack
	forwardedLength  = 64 << 10
)

// begin forgets what an attack before found.
func (f *forward) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.equal, f.differ, f.whole = map[equalKey]int{}, map[attack.Moment]int{}, 0
}

func (f *forward) add(one finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, one)
}

// compared takes a pair that was compared whole.
func (f *forward) compared(route int, at attack.Moment, step *run.StepResult, pair *run.Pair, sameLength bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if step.DifferencesTotal == 0 {
		f.equal[equalKey{route, sameLength}]++
		return
	}
	d := &differFinding{Route: route, At: at, SameLength: sameLength}
	if f.differ[at]++; f.differ[at] <= forwardedOfBlock {
		own := *step
		own.Notes, own.Ignored = nil, nil
		own.Differences = slices.Clone(own.Differences)
		d.Step = &own
		if pair != nil && f.small(pair.Blue) && f.small(pair.Green) {
			d.Pair = &run.Pair{Key: pair.Key, Blue: ownBytes(pair.Blue), Green: ownBytes(pair.Green)}
		}
	}
	f.pending = append(f.pending, finding{Differ: d})
}

// small reports whether an exchange is sent, and counts it; f.mu is held.
func (f *forward) small(x *wire.Exchange) bool {
	if x != nil && (len(x.Answer) > forwardedLength || f.whole >= 2*forwardedWhole) {
		return false
	}
	f.whole++
	return true
}

// ownBytes copies an exchange whose answer's bytes are used again.
func ownBytes(x *wire.Exchange) *wire.Exchange {
	if x == nil {
		return nil
	}
	own := *x
	own.Answer = slices.Clone(x.Answer)
	return &own
}

func (f *forward) unexpected(u *unexpectedFinding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole >= 4*forwardedWhole {
		return // the coordinator keeps fewer examples; every answer is counted by its expectation
	}
	f.whole++
	u.Exchange = ownBytes(u.Exchange)
	f.pending = append(f.pending, finding{Unexpected: u})
}

// drain takes what was found since the last call.
func (f *forward) drain() []byte {
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

// Secret is what a sink hides.
func (f *forward) Secret(name, value string) {
	f.add(finding{Secret: &scenarios.Named{Name: name, Value: value}})
}

// Emit keeps nothing: a worker has no log.
func (f *forward) Emit(run.Event) error { return nil }

// errNoRecords: the coordinator keeps the records.
var errNoRecords = errors.New("a worker keeps no records")

// LoadFile is never asked for.
func (f *forward) LoadFile(string) (run.RecordWriter, error) { return nil, errNoRecords }

// merge books what a worker found as if it had been found here. Secrets come first, so
// that nothing is kept in which one is readable.
func (f *loadFindings) merge(e *execution, b []byte) {
	var all []finding
	if json.Unmarshal(b, &all) != nil {
		return // it was sealed by a worker of this version
	}
	for _, one := range all {
		if one.Secret != nil {
			e.secret(one.Secret.Name, one.Secret.Value)
		}
	}
	for _, one := range all {
		f.mergeOne(e, &one)
	}
}

func (f *loadFindings) mergeOne(e *execution, one *finding) {
	known := func(route int) bool { return route >= 0 && route < len(f.routes) }
	switch {
	case one.Equal != nil && known(one.Equal.Route):
		f.mu.Lock()
		defer f.mu.Unlock()
		f.routes[one.Equal.Route].Judged += one.Equal.Pairs
		if one.Equal.SameLength {
			f.large[one.Equal.Route].same += one.Equal.Pairs
		} else {
			f.large[one.Equal.Route].other += one.Equal.Pairs
		}
	case one.Differ != nil && known(one.Differ.Route):
		d := one.Differ
		if d.Step == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.routes[d.Route].Judged++
			f.routes[d.Route].Differ++
			return
		}
		f.compared(d.Route, d.At, d.Step, d.Pair, d.SameLength)
	case one.Lengths != nil && known(one.Lengths.Route):
		f.lengths(one.Lengths.Route, one.Lengths.At, one.Lengths.Equal)
	case one.Unexpected != nil && known(one.Unexpected.Route):
		f.unexpectedAt(one.Unexpected)
	case one.Odd != nil && known(one.Odd.Route):
		f.odd(one.Odd.Route, one.Odd.At, one.Odd.Place, one.Odd.Example)
	case one.Created != nil:
		e.totals.AddCreated(one.Created)
	}
}
