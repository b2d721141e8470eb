// Package sleep waits for an instant: precisely, on a timer of the system, or as coarsely
// as the runtime does. A caller asks for a [Sleeper] once and closes it at the end.
package sleep

import (
	"runtime"
	"time"
)

// A Sleeper waits for instants, for one goroutine at a time. Close releases what it
// holds of the system.
type Sleeper interface {
	Until(at time.Time)
	Close()
}

// Plain is a sleeper on the timer of the runtime, which rounds up to a millisecond:
// instants that fall due meanwhile are late together.
func Plain() Sleeper { return plainSleeper{} }

// coarseSleeper sleeps on the runtime's timer up to its resolution and yields the
// rest away.
type coarseSleeper struct{}

// Until sleeps until an instant, in the steps of the timer.
func (coarseSleeper) Until(at time.Time) {
	const resolution = 1200 * time.Microsecond
	if wait := time.Until(at); wait > resolution {
		time.Sleep(wait - resolution)
	}
	for time.Now().Before(at) {
		runtime.Gosched()
	}
}

// Close has nothing to give back.
func (coarseSleeper) Close() {}

// plainSleeper is what Plain returns.
type plainSleeper struct{}

// Until returns up to a millisecond late, as the runtime's timers do.
func (plainSleeper) Until(at time.Time) { time.Sleep(time.Until(at)) }

// Close has nothing to give back.
func (plainSleeper) Close() {}
