package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// How many rows of the clusters' tables a terminal shows; the page and run.json have all.
const (
	textWaiting  = 20
	textObjects  = 20
	textServices = 20
)

// WriteReady writes what a wait for green came to: the verdict, counts by kind and wave,
// and every object that is not ready.
func WriteReady(w io.Writer, r *run.Ready, opts TextOptions) error {
	t := &textReport{w: bufio.NewWriter(w), opts: opts}
	if err := t.ready(r, len(r.Waiting)); err != nil {
		return fmt.Errorf("write what is ready: %w", err)
	}
	return t.w.Flush()
}

// ReadyLine is the state of a wait in one line: counts, the first wave that waits, and
// the first objects that are not ready.
func ReadyLine(r *run.Ready) string {
	parts := []string{"ready    " + text.Seconds(r.WaitedS)}
	for _, k := range r.Kinds {
		parts = append(parts, fmt.Sprintf("%s %d/%d", k.Name, k.Ready, k.Of+k.Missing))
	}
	for _, wave := range r.Waves {
		if wave.Ready < wave.Of {
			parts = append(parts, fmt.Sprintf("wave %s %d/%d", wave.Name, wave.Ready, wave.Of))
			break
		}
	}
	const named = 2
	for i := range r.Waiting[:min(named, len(r.Waiting))] {
		item := &r.Waiting[i]
		parts = append(parts, fmt.Sprintf("%s (%s)", item.Title(), text.Cut(strings.Join(item.Reasons, "; "), 60)))
	}
	if len(r.Waiting) == 0 && len(r.Reasons) > 0 {
		parts = append(parts, text.Cut(r.Reasons[0], 120))
	}
	if r.Verdict == run.Pass {
		parts = append(parts, "settling for "+text.Seconds(r.SettleS))
	}
	return text.Visible(strings.Join(parts, "  "))
}

// ready writes the state of green with at most so many objects that wait.
func (t *textReport) ready(r *run.Ready, most int) error {
	answer := "green is ready"
	if r.Verdict != run.Pass {
		answer = "green is not ready"
	}
	t.line("%s  %s after %s", t.word(r.Verdict), answer, text.Seconds(r.WaitedS))
	for _, k := range r.Kinds {
		line := fmt.Sprintf("  %-12s %d of %d ready", t.safe(k.Name), k.Ready, k.Of)
		if k.Missing > 0 {
			line += fmt.Sprintf(", %d missing", k.Missing)
		}
		t.line("%s", line)
	}
	if len(r.Waves) > 0 {
		var waves []string
		for _, w := range r.Waves {
			waves = append(waves, fmt.Sprintf("%s: %d of %d", w.Name, w.Ready, w.Of))
		}
		for _, part := range t.wrapped("waves        "+strings.Join(waves, ", "), 2) {
			t.line("  %s", part)
		}
	}
	if r.Verdict == run.Pass {
		return t.line("")
	}
	// What is about objects is in the table below.
	for _, reason := range r.Reasons[:min(len(r.Reasons), textReasons+1)] {
		for i, part := range t.wrapped(reason, 4) {
			t.line("%s%s", []string{"  - ", "    "}[min(i, 1)], part)
		}
	}
	t.line("")
	var rows [][]string
	for i := range r.Waiting[:min(most, len(r.Waiting))] {
		item := &r.Waiting[i]
		rows = append(rows, []string{fmt.Sprint(item.Wave), t.safe(item.Title()), t.safe(strings.Join(item.Reasons, "; "))})
	}
	if len(rows) > 0 {
		if err := t.table([]column{{title: "WAVE", right: true}, {title: "NOT READY", flex: true}, {title: "WAITS FOR", flex: true}}, rows); err != nil {
			return err
		}
	}
	if n := waitingForArgo(r); n > 0 {
		t.line("%s for Argo CD's next comparison, which comes every few minutes; refresh: true asks for it now", waits(n))
	}
	return nil
}

// waitingForArgo counts the applications that miss nothing but the next comparison.
func waitingForArgo(r *run.Ready) int {
	n := 0
	for i := range r.Waiting {
		if r.Waiting[i].Waits {
			n++
		}
	}
	return n
}

func waits(n int) string {
	if n == 1 {
		return "1 application waits"
	}
	return fmt.Sprintf("%d applications wait", n)
}
