package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"

	"github.com/bgverify/bgverify/report"
)

// width returns the columns of a terminal, or 0 when w is none.
func width(w io.Writer) int {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

// textOptions says how the text report is written to w: NO_COLOR and
// CLICOLOR_FORCE as their authors define them, --no-color before both.
func textOptions(w io.Writer, noColor bool) report.TextOptions {
	columns := width(w)
	color := columns > 0 && os.Getenv("TERM") != "dumb"
	if v := os.Getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		color = true
	}
	if noColor || os.Getenv("NO_COLOR") != "" {
		color = false
	}
	return report.TextOptions{Width: columns, Color: color, ASCII: !utf8Locale()}
}

// utf8Locale reports whether the locale asks for UTF-8; no locale at all
// means a machine that writes to logs, which take UTF-8.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

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

// A patience is what a command that must not be ended in its middle asks of withSignals.
type patience struct {
	asked   atomic.Bool
	signals chan os.Signal
}

type patienceKey struct{}

// outlastSignals keeps the process alive through further signals, for a verb that answers the
// first one by work that must be done whole: a rollback of traffic. Whatever else would end the
// process counts as one of them, and what would stop it does nothing. Children of the process
// inherit none of this.
func outlastSignals(ctx context.Context) {
	signal.Notify(make(chan os.Signal, 1), survived...)
	if p, ok := ctx.Value(patienceKey{}).(*patience); ok {
		p.asked.Store(true)
		signal.Notify(p.signals, endings...)
	}
}

// withSignals returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, so
// that the run can be archived. A second one ends the process at once, unless
// outlastSignals was called. A SIGHUP that the caller ignores (nohup) stays ignored.
func withSignals() (context.Context, func()) {
	ch := make(chan os.Signal, 2)
	p := &patience{signals: ch}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), patienceKey{}, p))
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
		for next := range ch {
			if !p.asked.Load() {
				os.Exit(128 + int(next.(syscall.Signal)))
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(ch)
		cancel(nil)
	}
}
