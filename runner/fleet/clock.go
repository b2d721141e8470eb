package fleet

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
)

// A steadyClock runs on while the operating system's time is set: it adds what has passed
// to the time at which it was made.
type steadyClock struct{ made time.Time }

// newClock begins at the operating system's time.
func newClock() steadyClock { return steadyClock{time.Now()} }

// now is without a monotonic reading: times are compared with those of other machines, and of
// messages.
func (c steadyClock) now() time.Time { return c.made.Add(time.Since(c.made)).Round(0) }

// An offset is what must be added to this machine's clock to get the coordinator's.
type offset struct {
	add   time.Duration
	bound time.Duration // half the round trip that it was measured with: it is right within this
}

// measure asks the coordinator for its time and keeps the reading with the shortest
// round trip: the reply was made somewhere within it, half of it is the bound.
//
// A bound above maxBound is refused: blocks could then not be distinguished well enough.
func measure(now func() time.Time, ask func() (time.Time, error)) (offset, error) {
	best, found := offset{}, false
	var failed error
	for range clockTries {
		asked := now()
		there, err := ask()
		if err != nil {
			failed = err
			continue
		}
		trip := now().Sub(asked)
		if !found || trip/2 < best.bound {
			best, found = offset{add: there.Sub(asked.Add(trip / 2)), bound: trip / 2}, true
		}
	}
	switch {
	case !found:
		return best, fmt.Errorf("measure the coordinator's clock: %w", failed)
	case best.bound > maxBound:
		return best, hint.Errorf("run the worker nearer to the coordinator", "the coordinator's clock is known within %s only, at most %s is accepted: the round trip is too long", best.bound.Round(time.Millisecond), maxBound)
	}
	return best, nil
}
