package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner"
)

// A progress tells on standard error where a run stands: in place on a
// terminal, one line a phase and every ten seconds elsewhere.
type progress struct {
	w       io.Writer
	columns int // 0: not a terminal
	every   bool
	silent  bool

	mu    sync.Mutex
	phase runner.Phase
	last  time.Time // of the last line or repaint
	drawn bool      // a line is on the screen and has to be cleared
}

const (
	repaintEvery = 100 * time.Millisecond
	lineEvery    = 10 * time.Second
)

func newProgress(w io.Writer, tty io.Writer, flags *runFlags) *progress {
	p := &progress{w: w, columns: width(tty), every: flags.verbose, silent: flags.noProgress || flags.quiet}
	if os.Getenv("TERM") == "dumb" {
		p.columns = 0
	}
	return p
}

// show is called by the runner, from one goroutine at a time.
func (p *progress) show(now runner.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.every && now.Last != "" {
		p.clear()
		fmt.Fprintf(p.w, "%-12s %s\n", now.Verdict, now.Last)
	}
	if p.silent {
		return
	}
	due := lineEvery
	if p.columns > 0 {
		due = repaintEvery
	}
	if now.Phase == p.phase && time.Since(p.last) < due {
		return
	}
	p.phase, p.last = now.Phase, time.Now()
	line := progressLine(now)
	if p.columns == 0 {
		fmt.Fprintln(p.w, line)
		return
	}
	if r := []rune(line); len(r) >= p.columns {
		line = string(r[:p.columns-1])
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	p.drawn = true
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// close leaves a clean line for what comes after.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func progressLine(now runner.Progress) string {
	switch now.Phase {
	case runner.Comparing:
		return fmt.Sprintf("compare  %s %d/%d cases  %s%s", bar(now.Done, now.Total), now.Done, now.Total, tally(now.Counts), eta(now.Elapsed, now.Done, now.Total))
	case runner.Loading:
		if now.Load == nil {
			return "load"
		}
		return loadLine(now.Load)
	default:
		return now.Phase.String()
	}
}

func loadLine(l *runner.LoadProgress) string {
	line := fmt.Sprintf("load     %s %s  %s  %s of at most %s  %.0f/s per side",
		bar(int(l.Elapsed/time.Millisecond), int(l.Total/time.Millisecond)), l.Name, l.Stage,
		l.Elapsed.Round(time.Second), l.Total.Round(time.Second), l.Rate)
	if l.BlueP50 > 0 && l.GreenP50 > 0 {
		line += fmt.Sprintf("  p50 %s | %s  p99 %s | %s", milliseconds(l.BlueP50), milliseconds(l.GreenP50), milliseconds(l.BlueP99), milliseconds(l.GreenP99))
	}
	line += fmt.Sprintf("  errors %d | %d", l.Errors.Blue, l.Errors.Green)
	if l.NextLook > 0 {
		line += "  next look in " + l.NextLook.Round(time.Second).String()
	}
	return line
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", seconds*1000) }

func tally(c runner.Counts) string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{c.Fail, "fail"}, {c.Broken, "broken"}, {c.Inconclusive, "inconclusive"}, {c.Skip, "skipped"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "no failure so far"
	}
	return strings.Join(parts, ", ")
}

func eta(elapsed time.Duration, done, total int) string {
	if done == 0 || done >= total || elapsed < 2*time.Second {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done))
	return "  eta " + left.Round(time.Second).String()
}

func bar(done, total int) string {
	const cells = 20
	full := 0
	if total > 0 {
		full = min(cells, cells*done/total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "]"
}
