package attack

import (
	"net/http"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/wire"
)

// twins are the two slots of a pair: what one of them came to waits for the other. A single
// request is met at place 0, the requests of a walk each at its own place.
type twins struct {
	halves map[int]*waiting // by place
	ended  int              // slots
	mu     sync.Mutex       // held while a pair of theirs is compared; guards shared
	shared Shared
}

// A waiting half is what one of two slots came to at a place: an answer to be compared.
type waiting struct {
	answer *kept // of a single request
	half   *Half // of a request of a walk, or of a step that it left out
	green  bool
	must   bool  // rule 3 of inspector
	unkept bool  // there was no room for its answer
	size   int64 // of half's answer, counted in inspector.kept
}

// leftOut reports whether a walk left the step out.
func (w *waiting) leftOut() bool { return w.half != nil && w.half.Exchange == nil }

// letGo gives back the room that a half takes.
func (in *inspector) letGo(w *waiting) {
	if w.answer != nil {
		w.answer.release()
	}
	in.kept.Add(-w.size)
}

// twinsOf are the twins that a slot is one of; in.mu is held.
func (in *inspector) twinsOf(sl slot) *twins {
	t := in.twins[sl.twin]
	if t == nil {
		t = &twins{}
		in.twins[sl.twin] = t
	}
	return t
}

// book counts what a request of a walk does not meet, and compares its answer. One that failed
// has no answer to compare.
func (in *inspector) book(w *Walk, s *Sent, route int) {
	if s.Unmet != nil {
		in.mu.Lock()
		in.count(w.Green, route, s.Unmet)
		in.mu.Unlock()
	}
	if x := s.Exchange; s.Compare && x.Err == nil && Accepts(in.routes[route].Expect[w.sl.side()], x.Status) {
		in.meetHalf(w.sl, route, s.Place, &Half{Exchange: x, Evidence: s.Evidence})
	}
}

// meetHalf joins what both walks of a pair came to at one place. Rules 2 and 3 of inspector
// hold for the answers of walks too.
func (in *inspector) meetHalf(sl slot, route, place int, half *Half) {
	if sl.solo || !in.routes[route].Compare {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	own := &waiting{half: half, green: sl.green, must: true}
	if x := half.Exchange; x != nil {
		own.must = in.fresh(sl, route, kindOfExchange(x)) || sl.whole
		own.size = int64(len(x.Answer))
		if in.kept.Add(own.size) > maxKept {
			in.kept.Add(-own.size)
			own.size, own.unkept = 0, true
			own.half = &Half{Exchange: &wire.Exchange{}} // without the answer
		}
	}
	in.meet(sl, route, place, own)
}

// meet has two halves compared once both have arrived, if their answers were kept and the pair
// is one that is compared. The caller holds in.mu.
func (in *inspector) meet(sl slot, route, place int, own *waiting) {
	t := in.twinsOf(sl)
	other, known := t.halves[place]
	if !known {
		if t.halves == nil {
			t.halves = map[int]*waiting{}
		}
		t.halves[place] = own
		return
	}
	delete(t.halves, place)
	j := job{blue: other, green: own, slot: sl, route: route, twins: t}
	if own.green != other.green && !(own.leftOut() && other.leftOut()) { // a place is met once on each side
		if other.green {
			j.blue, j.green = own, other
		}
		in.pairs[route]++
		if !own.unkept && !other.unkept && (own.must || other.must || in.keeps(sl)) {
			in.push(j)
			return
		}
	}
	in.release(j)
}

// kindOfExchange is kindOf of an answer that a walk got.
func kindOfExchange(x *wire.Exchange) uint64 {
	a := Answer{Status: x.Status, Body: x.Answer, Length: int64(len(x.Answer)), Header: http.Header{}}
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, "Content-Type") {
			a.Header.Set("Content-Type", f.Value)
		}
	}
	return kindOf(&a)
}

// ended notes that a slot has ended. When both of a pair have, what still waits is let go:
// the other one failed, or left the place out. Comparisons under way keep what they need.
func (in *inspector) ended(sl slot) {
	if sl.solo || !in.judges {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	t := in.twinsOf(sl)
	if t.ended++; t.ended == 2 {
		in.drop(sl.twin)
	}
}

// forget lets go what waits for a slot that will not come, as a user leaves it out.
func (in *inspector) forget(twin uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.drop(twin)
}

// drop lets two slots go; in.mu is held.
func (in *inspector) drop(twin uint64) {
	if t := in.twins[twin]; t != nil {
		delete(in.twins, twin)
		for _, w := range t.halves {
			in.letGo(w)
		}
	}
}
