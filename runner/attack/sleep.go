package attack

import (
	"runtime"
	"time"
)

// coarseSleeper sleeps on the runtime's timer up to its resolution and yields the
// rest away.
type coarseSleeper struct{}

func (coarseSleeper) until(at time.Time) {
	const resolution = 1200 * time.Microsecond
	if wait := time.Until(at); wait > resolution {
		time.Sleep(wait - resolution)
	}
	for time.Now().Before(at) {
		runtime.Gosched()
	}
}

func (coarseSleeper) close() {}

// plainSleeper sleeps on the runtime's timer, which rounds up to a millisecond:
// requests that fall due meanwhile leave together.
type plainSleeper struct{}

func (plainSleeper) until(at time.Time) { time.Sleep(time.Until(at)) }

func (plainSleeper) close() {}
