package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// A stopped is the cause of a context that a signal cancelled.
type stopped struct{ signal syscall.Signal }

func (s stopped) Error() string { return "stopped by " + s.signal.String() }

// SignalNumber is what an interrupted run records.
func (s stopped) SignalNumber() int { return int(s.signal) }

// stopSignal returns the number of the signal that ended ctx, or 0.
func stopSignal(ctx context.Context) int {
	var s stopped
	if errors.As(context.Cause(ctx), &s) {
		return int(s.signal)
	}
	return 0
}

// withSignals returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, so
// that the run can be archived. A second one ends the process at once. A SIGHUP that
// the caller ignores (nohup) stays ignored.
func withSignals() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(ch, signals...)
	go func() {
		first, ok := <-ch
		if !ok {
			return
		}
		cancel(stopped{first.(syscall.Signal)})
		if second, ok := <-ch; ok {
			os.Exit(128 + int(second.(syscall.Signal)))
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(ch)
		cancel(nil)
	}
}
