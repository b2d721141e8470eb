package shift

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// tellEvery is how often one trouble is repeated that does not change.
const tellEvery = 30 * time.Second

// A trouble is why the write that is under way has not been seen to be done: what a person who
// watches a rollback needs to know long before its time is over.
type trouble struct {
	wanted machine.Weights
	// id is that of the last write, and open says that it has no answer; failed is why it was
	// not done.
	id     int
	open   bool
	failed string
	// why was shown last, at a time since the walk began; tries counts since then.
	why   string
	at    time.Duration
	tries int
}

// sends notes a write that is about to leave.
func (e *engine) sends(a *machine.Action) {
	t := &e.trouble
	switch {
	case a.Weights != t.wanted:
		*t = trouble{}
	case t.open:
		e.complain(time.Since(e.began), fmt.Sprintf("no answer to the write of %s: it is sent again", t.wanted))
	}
	t.wanted, t.id, t.open, t.failed = a.Weights, a.ID, true, ""
}

// troubled shows why a write did not do what was wanted, once the weights were read after it. was
// is the phase before the event: one that it ended has its own line.
func (e *engine) troubled(event *machine.Event, was machine.Phase) {
	t := &e.trouble
	if event.Kind == machine.Wrote && event.ID == t.id {
		t.open, t.failed = false, event.Failed
	}
	if event.Kind != machine.Read || was != e.m.Phase() || was != machine.Writing && was != machine.RollingBack {
		return
	}
	why := ""
	switch {
	case event.Failed != "":
		why = "the weights cannot be read back: " + event.Failed
	case event.Weights != t.wanted:
		why = "the weights are " + event.Weights.String()
	default:
		return
	}
	if t.failed != "" {
		why = t.failed + "; " + why
	}
	e.complain(event.At, fmt.Sprintf("%s not written: %s", t.wanted, why))
}

// complain shows a trouble at once where it is new, and every half minute where it is not.
func (e *engine) complain(at time.Duration, why string) {
	t := &e.trouble
	t.tries++
	if why == t.why && at < t.at+tellEvery {
		return
	}
	times := ""
	if t.tries > 1 {
		times = fmt.Sprintf(" (%d times)", t.tries)
	}
	e.tell(e.stepName(), "%s%s", why, times)
	t.why, t.at, t.tries = why, at, 0
}
