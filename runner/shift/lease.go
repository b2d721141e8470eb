package shift

import (
	"context"
	"path/filepath"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A Leaser is a driver whose mechanism itself keeps a note of who moves it. A lock of a folder is
// not seen from another machine; the lease is.
type Leaser interface {
	// Lease takes the lease for a walk, whose folder's name is the holder: the same walk may take it again.
	// The error is a *LockedError where another walk has it. say shows what it waits for.
	Lease(ctx context.Context, holder string, say func(format string, args ...any)) (Lease, error)
}

// A Lease is one that was taken.
type Lease interface {
	// Keep renews it until ctx ends, and then gives it back. While another walk has it, that is reported
	// again and again; an empty why says that it was renewed.
	Keep(ctx context.Context, report func(why string))
}

// takeLease takes the lease of the driver for the walk of a folder; nil: the mechanism has none. What was found fit
// may have been changed while the lease was waited for, so that it is checked again. A rollback asks for no lease:
// it must not wait for anybody.
func (s *Setup) takeLease(ctx context.Context, folder string) (Lease, error) {
	l, ok := s.Driver.(Leaser)
	if !ok {
		return nil, nil //nolint:nilnil // there is no lease, and nothing is wrong
	}
	lease, err := l.Lease(ctx, filepath.Base(folder), s.say)
	if err != nil {
		return nil, err
	}
	if err := s.Driver.Check(ctx); err != nil {
		ended, end := context.WithCancel(ctx)
		end()
		lease.Keep(ended, func(string) {}) // gives it back
		return nil, err
	}
	return lease, nil
}

// keepLease renews the lease while the walk goes on.
func (e *engine) keepLease(l Lease) {
	if l == nil {
		return
	}
	e.task(func() {
		l.Keep(e.base, func(why string) { e.send(machine.Event{Kind: machine.Rival, Why: why}) })
	})
}
