package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// loads writes a table for each load stage.
func (t *textReport) loads() {
	for i := range t.src.Result.Loads {
		if l := &t.src.Result.Loads[i]; l.Verdict <= run.Pass {
			t.quietLoad(l)
		} else {
			t.load(l)
		}
	}
}

// load is a stage that did not pass: what it is, why it did not, and what was measured.
func (t *textReport) load(l *run.LoadResult) {
	rate := text.Significant(l.Rate)
	if l.PerWalk > 0 {
		rate += " " + l.Unit()
	}
	// Of a closed loop the users are what was asked for, not a rate.
	load := rate + " per second and side"
	if l.Users != nil {
		load = text.Count(l.Users.Count, "user") + " a side"
	}
	title := fmt.Sprintf("load %s: %s for %s, %s (%d dropped)", l.Name, load, text.Seconds(l.Seconds), text.Count(l.Blocks, "block"), l.Dropped)
	var points []string
	if !t.reasonsHold(l.Reason) {
		var first string
		first, points = words.Points(l.Reason)
		title += ": " + first
	}
	t.fill("", title)
	for _, point := range points {
		t.fill("  - ", point)
	}
	t.generators(l.Fleet)
	quiet := t.comparisons(l)
	if quiet > 0 {
		t.line("%s watched, none worse", text.Count(quiet, "further guard"))
	}
	t.loadNotes(l)
	t.line("")
}

// comparisons is the table of what was measured, without guards that are not worse: it returns how many they are.
func (t *textReport) comparisons(l *run.LoadResult) (quiet int) {
	var rows [][]string
	for k := range l.Comparisons {
		c := &l.Comparisons[k]
		if c.Role == perf.Guard && c.Outcome != perf.Worse {
			quiet++
			continue
		}
		v := words.Row(c)
		rows = append(rows, []string{
			t.safe(v.Name), t.safe(v.Blue), t.safe(v.Green), v.Change, v.Interval, v.Margin, v.MDE, t.word(words.OutcomeVerdict(c.Outcome)),
		})
	}
	cols := columnsOf("METRIC~", "BLUE>", "GREEN>", "CHANGE>", "INTERVAL~", "MARGIN>", "MDE>", "RESULT")
	if t.narrow() { // the gates above show the margin, the page shows the MDE
		const margin, result = 5, 7
		cols = slices.Delete(cols, margin, result)
		for k := range rows {
			rows[k] = slices.Delete(rows[k], margin, result)
		}
	}
	t.rows(cols, rows)
	return quiet
}

// reasonsHold reports whether one of the reasons at the top says a text already.
func (t *textReport) reasonsHold(text string) bool {
	reasons := t.src.End.Reasons
	return slices.ContainsFunc(reasons[:min(textReasons, len(reasons))], func(r string) bool { return strings.Contains(r, text) })
}

// quietLoad is a stage that passed or was skipped, in one line.
func (t *textReport) quietLoad(l *run.LoadResult) {
	parts := []string{"load " + l.Name + ":"}
	for i := range l.Comparisons {
		c := &l.Comparisons[i]
		switch {
		case c.Route != "" || c.Role != perf.Gate:
		case c.Metric.IsWholeRun():
			parts = append(parts, c.Metric.String()+" "+words.MeasuredChange(c)+",")
		default:
			parts = append(parts, c.Metric.String()+" "+words.MeasuredChange(c)+" "+words.Interval(c)+",")
		}
	}
	parts = append(parts, l.Reason)
	for i, part := range t.wrapped(strings.Join(parts, " "), 8) {
		if i == 0 {
			part = t.word(l.Verdict) + "  " + part
		}
		t.line("%s", part)
	}
	t.loadNotes(l)
	t.line("")
}

// loadNotes is what a stage's verdict does not say, such as what was not judged.
func (t *textReport) loadNotes(l *run.LoadResult) {
	notes := l.Warnings
	if l.Users != nil {
		notes = append([]string{l.LoopText()}, notes...)
	}
	for _, note := range notes {
		t.fill("note: ", note)
	}
}

// generators lists the machines that fired a load stage; nothing where one did.
func (t *textReport) generators(f *run.LoadFleet) {
	if f == nil {
		return
	}
	t.line("generators")
	for i := range f.Workers {
		t.fill("  ", words.LoadWorker(&f.Workers[i]))
	}
	if len(f.Voids) > 0 {
		t.fill("  ", words.LoadVoids(f))
	}
}
