package shift

import (
	"context"
	"errors"
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
	// Recover leaves weights as they are that only somebody else can have written: nobody asked
	// for this rollback. Rule 9 of package machine.
	Recover bool
	Outside
}

// Roll rolls back. A live process that works on the walk is asked to; one that does not
// react is not waited for: it may be stopped, or hang. A walk that ends in another way than by a
// rollback meanwhile is rolled back here.
func (r *Return) Roll(ctx context.Context) (*Result, error) {
	if !r.History.Progress.Touched || !r.History.HasRecord {
		return nil, hint.Errorf("bgverify shift status shows the weights", "the walk in %s has written nothing: there is nothing to roll back", r.Folder)
	}
	lock, err := r.lock()
	var locked *LockedError
	if errors.As(err, &locked) {
		r.say("%s: asking it to roll back", locked)
		var result *Result
		if result, lock, err = r.askLive(ctx); result != nil {
			return result, nil
		}
	}
	switch {
	case errors.As(err, &locked):
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

func (r *Return) lock() (*Lock, error) {
	return LockWalk(r.Root, r.History.First.Subject(), holder(r.Tool))
}

// reaction is how long a live process may take to begin its rollback.
const reaction = 3 * time.Second

// askLive asks the live process and waits for the end of its rollback, which is the result. Else
// it returns the lock, where that process ended in another way, or why there is none.
func (r *Return) askLive(ctx context.Context) (*Result, *Lock, error) {
	if err := Ask(r.Folder, AskedRollback); err != nil {
		r.say("it cannot be asked: %v", err)
	}
	until := time.Now().Add(reaction)
	began := false
	for {
		time.Sleep(listenEvery)
		h, err := ReadHistory(r.Folder)
		if err == nil && h.Ends > r.History.Ends && (h.Outcome == machine.RolledBack || h.Outcome == machine.NotHeld) {
			return &Result{Outcome: h.Outcome, Reason: h.Reason, Weights: h.Ended, Recorded: h.Progress.Recorded, HasRecorded: true, Elsewhere: true}, nil, nil
		}
		lock, locked := r.lock()
		if locked == nil {
			return nil, lock, nil
		}
		if err == nil && !began && h.Back {
			began, until = true, time.Now().Add(r.Timeout+reaction)
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return nil, nil, locked
		}
	}
}

// restore rolls back in this process. A signal does not end it: that is what it does already.
func (r *Return) restore(ctx context.Context) *Result {
	how := machine.AskRollback
	if r.Recover {
		how = machine.Recover
	}
	h := r.History
	plan := h.First.Plan
	plan.RollbackTimeout = r.Timeout
	begun := h.First
	begun.How, begun.Tool = howRollback, r.Tool
	w := &Walk{Plan: plan, Driver: r.Driver, Folder: r.Folder, Outside: r.Outside, Begun: begun}
	w.Paused, w.Lost = nil, nil // a rollback waits for nobody, and goes on without its terminal
	return w.Go(ctx, machine.Continued(plan, h.Progress), how)
}
