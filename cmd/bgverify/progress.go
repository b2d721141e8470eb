package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// A progress tells on standard error how far a run is: in place on a
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
	ended string    // the case that was shown last, and its number
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
	if ended := fmt.Sprint(now.Done, now.Last); p.every && now.Last != "" && ended != p.ended {
		p.ended = ended
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
	if p.columns == 0 {
		fmt.Fprintln(p.w, report.Fit(strings.Join(progressParts(now, false), "  "), 0))
		return
	}
	// The last column stays free: some terminals wrap when it is written.
	fmt.Fprintf(p.w, "\r\x1b[K%s", fitting(progressParts(now, true), p.columns-1))
	p.drawn = true
}

// line shows a line that is not a run's; changed: it says something new, and is due.
func (p *progress) line(text string, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent || p.columns == 0 && !changed && time.Since(p.last) < lineEvery {
		return
	}
	p.last = time.Now()
	if p.columns == 0 {
		fmt.Fprintln(p.w, report.Fit(text, 0))
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", report.Fit(text, p.columns-1))
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

// fitting joins the parts that fit into so many columns, the first ones first.
func fitting(parts []string, columns int) string {
	line := parts[0]
	for _, part := range parts[1:] {
		if longer := line + "  " + part; report.Fit(longer, columns) == longer {
			line = longer
		}
	}
	return report.Fit(line, columns)
}

// progressParts are what a line says, the most important first; short: for a
// terminal, where a line must not wrap.
func progressParts(now runner.Progress, short bool) []string {
	switch now.Phase {
	case runner.Comparing:
		parts := []string{fmt.Sprintf("compare  %s %d/%d cases", bar(now.Done, now.Total), now.Done, now.Total), tally(now.Counts)}
		return append(parts, pace(now.Elapsed, now.Done, now.Total)...)
	case runner.Loading:
		if now.Load == nil {
			return []string{"load"}
		}
		if short {
			return loadShort(now.Load)
		}
		return loadParts(now.Load)
	case runner.Waiting:
		if now.Ready != nil {
			return []string{report.ReadyLine(now.Ready)}
		}
		return []string{now.Phase.String()}
	default:
		return []string{now.Phase.String()}
	}
}

func loadParts(l *runner.LoadProgress) []string {
	parts := []string{
		fmt.Sprintf("load     %s %s", loadBar(l), l.Name), l.Phase,
		fmt.Sprintf("%s of at most %s", l.Elapsed.Round(time.Second), l.Total.Round(time.Second)), fmt.Sprintf("%.0f/s per side", l.Rate),
	}
	if l.Blue.P50 > 0 && l.Green.P50 > 0 {
		parts = append(parts, fmt.Sprintf("p50 %s | %s", milliseconds(l.Blue.P50), milliseconds(l.Green.P50)),
			fmt.Sprintf("p99 %s | %s", milliseconds(l.Blue.P99), milliseconds(l.Green.P99)))
	}
	parts = append(parts, fmt.Sprintf("errors %d | %d", l.Blue.Errors, l.Green.Errors))
	parts = append(parts, workerParts(l)...)
	return append(parts, nextLook(l)...)
}

// loadShort keeps how long it takes, both sides' p50 and p99 and the errors
// within 80 columns; blue comes before the bar between two figures.
func loadShort(l *runner.LoadProgress) []string {
	parts := []string{fmt.Sprintf("load %s %s/%s", loadBar(l), l.Elapsed.Round(time.Second), l.Total.Round(time.Second))}
	if l.Blue.P50 > 0 && l.Green.P50 > 0 {
		parts = append(parts, fmt.Sprintf("p50 %.0f|%.0f", l.Blue.P50*1000, l.Green.P50*1000),
			fmt.Sprintf("p99 %.0f|%.0f ms", l.Blue.P99*1000, l.Green.P99*1000))
	}
	parts = append(parts, fmt.Sprintf("err %d|%d", l.Blue.Errors, l.Green.Errors), l.Phase, fmt.Sprintf("%.0f/s", l.Rate), l.Name)
	return append(parts, nextLook(l)...)
}

// workerParts are the machines that fire a stage: how late they send and how far their clocks are off.
func workerParts(l *runner.LoadProgress) []string {
	var parts []string
	for _, w := range l.Workers {
		state := fmt.Sprintf("lag %s, clock %s", w.Lag.Round(100*time.Microsecond), w.Offset.Round(100*time.Microsecond))
		if w.Lost {
			state = "lost"
		}
		parts = append(parts, fmt.Sprintf("worker %d: %s", w.Number, state))
	}
	return parts
}

func nextLook(l *runner.LoadProgress) []string {
	if l.NextLook <= 0 {
		return nil
	}
	return []string{"next look in " + l.NextLook.Round(time.Second).String()}
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", seconds*1000) }

func tally(c run.Counts) string {
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

// pace is how fast cases end and how long the rest will take.
func pace(elapsed time.Duration, done, total int) []string {
	if done == 0 || done >= total || elapsed < 2*time.Second {
		return nil
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done))
	return []string{fmt.Sprintf("%.0f/s", float64(done)/elapsed.Seconds()), "eta " + left.Round(time.Second).String()}
}

func loadBar(l *runner.LoadProgress) string {
	return bar(int(l.Elapsed/time.Millisecond), int(l.Total/time.Millisecond))
}

func bar(done, total int) string {
	const cells = 20
	full := 0
	if total > 0 {
		full = min(cells, cells*done/total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "]"
}
