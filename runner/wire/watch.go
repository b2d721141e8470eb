package wire

import (
	"context"
	"sync"
	"time"
)

// A watch ends an exchange whose time is up and says which time it was. One
// timer serves all its phases: arm only moves the deadline, and a timer that
// fires too early goes back to sleep.
type watch struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	end     time.Time // of the whole exchange
	total   time.Duration
	name    string // the deadline armed; empty: only the end
	at      time.Time
	after   time.Duration
	doing   string
	paused  bool // we are at work ourselves: the armed deadline does not count
	stopped bool
}

// watched makes a context that ends when a time is up.
func watched(ctx context.Context, total time.Duration) (context.Context, *watch) {
	w := &watch{total: total, end: time.Now().Add(total), doing: "waiting for a connection"}
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.mu.Lock()
	w.timer = time.AfterFunc(total, w.fire)
	w.mu.Unlock()
	return ctx, w
}

// arm sets the deadline of a phase; after 0 means that only the end counts.
func (w *watch) arm(name string, after time.Duration, doing string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doing, w.paused = doing, false
	if w.name = name; after <= 0 {
		w.name = ""
		return
	}
	w.after, w.at = after, time.Now().Add(after)
	if w.at.Before(w.end) && !w.stopped {
		w.timer.Reset(after)
	}
}

// wait begins the armed phase anew: we wait for the server now.
func (w *watch) wait() {
	w.mu.Lock()
	w.at, w.paused = time.Now().Add(w.after), false
	w.mu.Unlock()
}

// pause ends the wait: until the next one only the end counts, so that time we
// take to decode an answer is not held against the server.
func (w *watch) pause() {
	w.mu.Lock()
	w.paused = true
	w.mu.Unlock()
}

// fire is called by the timer. A limit that was extended meanwhile arms it again; otherwise the
// request is cancelled with what it was doing.
func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	now := time.Now()
	switch {
	case !now.Before(w.end):
		w.cancel(&timeoutError{name: "total", after: w.total, doing: w.doing})
	case w.name != "" && !w.paused && !now.Before(w.at):
		w.cancel(&timeoutError{name: w.name, after: w.after})
	default:
		next := w.end
		if at := w.at; w.name != "" {
			if w.paused {
				at = now.Add(w.after) // a wait that begins now ends no sooner
			}
			if at.Before(next) {
				next = at
			}
		}
		w.timer.Reset(next.Sub(now))
	}
}

// stop ends the watch; a timer that fires at the same moment finds it stopped.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}
