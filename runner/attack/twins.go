package attack

import (
	"net/http"
	"sync"

	"github.com/bgverify/bgverify/runner/wire"
)

// twins are the two walks of a pair: what one of them came to waits for the other.
type twins struct {
	halves map[int]*waiting // by place
	ended  int              // walks
	mu     sync.Mutex       // held while a pair of theirs is compared; guards shared
	shared Shared
}

// A waiting half is what the first of two walks came to at a place.
type waiting struct {
	half   *Half // nil: the request failed
	green  bool
	must   bool // rule 3 of inspector
	unkept bool // there was no room for its answer
	size   int64
}

// book counts what a request of a walk does not meet, and compares its answer.
func (in *inspector) book(w *Walk, s *Sent, route int) {
	x := s.Exchange
	in.mu.Lock()
	if s.Unmet != nil {
		in.count(w.Green, route, s.Unmet)
	}
	in.mu.Unlock()
	if !s.Compare {
		return
	}
	var half *Half
	if x.Err == nil && Accepts(in.routes[route].Expect[w.sl.side()], x.Status) {
		half = &Half{Exchange: x, Evidence: s.Evidence}
	}
	in.meet(w.sl, route, s.Place, half)
}

// meet joins what both walks of a pair came to at one place; half is nil where the
// request failed. Rules 2 and 3 of inspector hold for the answers of walks too.
func (in *inspector) meet(sl slot, route, place int, half *Half) {
	if sl.solo || !in.routes[route].Compare {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	t := in.twins[sl.twin]
	if t == nil {
		t = &twins{halves: map[int]*waiting{}}
		in.twins[sl.twin] = t
	}
	own := in.wait(sl, route, half)
	other, known := t.halves[place]
	if !known {
		t.halves[place] = own
		return
	}
	delete(t.halves, place)
	if other.green == own.green { // cannot be: a place is met once on each side
		return
	}
	blue, green := other, own
	if other.green {
		blue, green = own, other
	}
	release := func() { in.kept.Add(-own.size - other.size) }
	if blue.half == nil || green.half == nil || blue.half.Exchange == nil && green.half.Exchange == nil {
		release()
		return
	}
	in.pairs[route]++
	if blue.unkept || green.unkept || !blue.must && !green.must && !in.keeps(sl) {
		release()
		return
	}
	in.push(job{walks: func() {
		defer release()
		t.mu.Lock()
		defer t.mu.Unlock()
		in.routes[route].Walks.ComparePair(in.moment(sl), sl.pair, blue.half, green.half, &t.shared)
	}})
}

// wait makes room for a half; in.mu is held.
func (in *inspector) wait(sl slot, route int, half *Half) *waiting {
	own := &waiting{half: half, green: sl.green}
	if half == nil || half.Exchange == nil {
		own.must = true
		return own
	}
	own.must = in.freshKind(sl, route, half.Exchange) || sl.whole
	own.size = int64(len(half.Exchange.Answer))
	if in.kept.Add(own.size) > maxKept {
		in.kept.Add(-own.size)
		own.size, own.unkept = 0, true
		own.half = &Half{Exchange: &wire.Exchange{}} // without the answer
	}
	return own
}

// freshKind reports whether the side has not given this kind of answer before.
func (in *inspector) freshKind(sl slot, route int, x *wire.Exchange) bool {
	a := Answer{Status: x.Status, Body: x.Answer, Length: int64(len(x.Answer)), Header: http.Header{}}
	for _, f := range x.Headers {
		if http.CanonicalHeaderKey(f.Name) == "Content-Type" {
			a.Header["Content-Type"] = []string{f.Value}
		}
	}
	side, kind := in.known[sl.side()][route], kindOf(&a)
	if side[kind] || len(side) >= maxKnown {
		return false
	}
	side[kind] = true
	return true
}

// ended lets go what waits for a walk that has ended. Its partner's comparisons that
// are under way keep what they need.
func (in *inspector) ended(sl slot) {
	if in == nil || sl.solo {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	t := in.twins[sl.twin]
	if t == nil {
		t = &twins{halves: map[int]*waiting{}}
		in.twins[sl.twin] = t
	}
	if t.ended++; t.ended < 2 {
		return
	}
	in.drop(sl.twin, t)
}

// drop lets two walks go; in.mu is held.
func (in *inspector) drop(twin uint64, t *twins) {
	delete(in.twins, twin)
	for _, w := range t.halves {
		in.kept.Add(-w.size)
	}
}
