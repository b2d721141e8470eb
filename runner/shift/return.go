package shift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A Return rolls back the walk of a folder, from its record alone.
type Return struct {
	// Driver is made from what the record says of it.
	Driver  Driver
	Root    string
	Folder  string
	History *History
	Tool    string
	Timeout time.Duration
	Tell    func(Line) error
	Now     func() time.Time
}

// Roll rolls back. A live process that works on the walk is asked to; one that does not
// react is not waited for: it may be stopped, or hang.
func (r *Return) Roll(ctx context.Context) (*Result, error) {
	if !r.History.Progress.Touched || !r.History.HasRecord {
		return nil, hint.Errorf("bgverify shift status shows the weights", "the walk in %s has written nothing: there is nothing to roll back", r.Folder)
	}
	lock, err := LockWalk(r.Root, r.History.First.Walk, holder(r.Tool))
	var locked *LockedError
	switch {
	case errors.As(err, &locked):
		r.say("%s: asking it to roll back", locked)
		if result := r.askLive(ctx); result != nil {
			return result, nil
		}
		r.say("it does not react: rolling back without it")
	case err != nil: // a rollback is done without its lock rather than not at all
		r.say("rolling back without a lock: %v", err)
	default:
		defer lock.Unlock()
	}
	if h, err := ReadHistory(r.Folder); err == nil {
		r.History = h
	}
	return r.restore(ctx), nil
}

// reaction is how long a live process may take to begin its rollback.
const reaction = 3 * time.Second

// askLive asks the live process and waits for the end of its rollback; nil: it does not react.
func (r *Return) askLive(ctx context.Context) *Result {
	if err := Ask(r.Folder, AskedRollback); err != nil {
		r.say("it cannot be asked: %v", err)
		return nil
	}
	until := time.Now().Add(reaction)
	began := false
	for ctx.Err() == nil {
		time.Sleep(listenEvery)
		h, err := ReadHistory(r.Folder)
		if err != nil {
			return nil
		}
		if h.Outcome != 0 {
			return &Result{Outcome: h.Outcome, Reason: h.Reason, Weights: h.Progress.Recorded, Recorded: h.Progress.Recorded, HasRecorded: true}
		}
		if !began && h.Back {
			began, until = true, time.Now().Add(r.Timeout+reaction)
		}
		if time.Now().After(until) {
			return nil
		}
	}
	return nil
}

// restore rolls back in this process. A signal does not end it: that is what it does already.
func (r *Return) restore(ctx context.Context) *Result {
	h := r.History
	plan := h.First.Plan
	plan.RollbackTimeout = r.Timeout
	begun := h.First
	begun.How, begun.Tool = howRollback, r.Tool
	w := &Walk{Plan: plan, Driver: r.Driver, Folder: r.Folder, Tell: r.Tell, Now: r.Now, Begun: begun}
	return w.Go(ctx, machine.Continued(plan, h.Progress), machine.AskRollback)
}

func (r *Return) say(format string, args ...any) {
	if r.Tell != nil {
		_ = r.Tell(Line{Time: r.Now(), Text: fmt.Sprintf(format, args...)})
	}
}
