package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// TextOptions say what the text report is written for.
type TextOptions struct {
	// Width is in columns; 0: not a terminal, nothing is wrapped.
	Width int
	// Color allows escape sequences.
	Color bool
	// ASCII keeps to ASCII, where the locale is not UTF-8.
	ASCII bool
	// Folder is the path of the run folder as a reader would type it; empty: none was
	// written.
	Folder string
	// Resume is the command that continues an interrupted run; empty: it ended.
	Resume string
	// Digest is the manifest's, for the last line; empty: none.
	Digest string
}

// How many rows of a table the terminal shows; the page shows them all.
const (
	textReasons = 3
	textGates   = 14
	textCauses  = 5
	textSuites  = 10
	textCases   = 5
	textReason  = 120 // runes of a suite's reasons; the page has them all
)

// Text writes the verdict block of a terminal or log: verdict, reasons, gates,
// load, services, causes, where the report is, and one last line for programs.
// A row that passed gives way to one that did not.
func Text(w io.Writer, run *run.Run, opts TextOptions) error {
	t := &textReport{w: bufio.NewWriter(w), src: source.New(run), opts: opts}
	for _, part := range []func() error{t.head, t.gates, t.clusters, t.loads, t.suites, t.causes, t.cases, t.foot} {
		if err := part(); err != nil {
			return fmt.Errorf("write the text report: %w", err)
		}
	}
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write the text report: %w", err)
	}
	return nil
}

// A textReport is one rendering for a terminal or a log.
type textReport struct {
	w    *bufio.Writer
	src  *source.Run
	opts TextOptions
}

// safe makes text of a run fit for a terminal or log line: no controls, and
// nothing that a CI server reads as a command at the start of a line.
func (t *textReport) safe(s string) string {
	s = text.Visible(s)
	if strings.HasPrefix(s, "::") || strings.HasPrefix(s, "##") {
		s = " " + s
	}
	if t.opts.ASCII {
		s = ascii(s)
	}
	return s
}

// asciiWords writes the signs of the report in ASCII.
var asciiWords = strings.NewReplacer("…", "...", "×", "x", "µ", "u", "–", "-", "≤", "<=", "≥", ">=", "·", "|", "✓", "ok", "✖", "x", "■",
	"#", "→", "->")

// ascii writes what is not ASCII as escapes, symbols of our own as look-alikes.
func ascii(s string) string {
	s = asciiWords.Replace(s)
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// line writes one line, in ASCII where the locale wants it.
func (t *textReport) line(format string, args ...any) error {
	_, err := fmt.Fprintf(t.w, format+"\n", args...)
	return err
}

const (
	// The styles of the terminal, as parameters of SGR (ECMA-48).
	bold    = "1"
	magenta = "1;35"
	yellow  = "33"
	dim     = "2"
)

// plain ends a colour.
const plain = "\x1b[0m"

// paint wraps text in an escape sequence, where colors are allowed.
func (t *textReport) paint(code, s string) string {
	if !t.opts.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + plain
}

// word is a verdict's sign and word, coloured where it needs attention.
func (t *textReport) word(v run.Verdict) string {
	s := t.safe(words.Mark(v)) + " " + v.String()
	switch v {
	case run.Pass, run.Skip:
		return s
	case run.Fail:
		return t.paint(magenta, s)
	default:
		return t.paint(yellow, s)
	}
}

// table writes a table with an empty line after it.
func (t *textReport) table(cols []column, rows [][]string) error {
	if err := writeTable(t.w, cols, rows, t.opts.Width, t.opts.ASCII); err != nil {
		return err
	}
	return t.line("")
}

// head writes the verdict, at most three reasons, and what the verdict does not cover.
func (t *textReport) head() error {
	e := &t.src.End
	code := bold
	if e.Verdict == run.Fail {
		code = magenta
	}
	t.line("%s  %s", t.paint(code, t.safe(words.Mark(e.Verdict))+" "+strings.ToUpper(e.Verdict.String())),
		t.paint(bold, words.Answer(e.Verdict)))
	for _, r := range e.Reasons[:min(textReasons, len(e.Reasons))] {
		for i, l := range t.wrapped(r, 4) {
			t.line("%s%s", []string{"  - ", "    "}[min(i, 1)], l)
		}
	}
	if n := len(e.Reasons) - textReasons; n > 0 {
		t.line("  - and %d more", n)
	}
	if without := t.src.Without(); without != "" {
		t.line("  %s", t.paint(yellow, "verified without "+t.safe(without)))
	}
	for _, note := range t.src.Doubts() {
		for _, l := range t.wrapped(note, 2) {
			t.line("  %s", t.paint(yellow, l))
		}
	}
	t.line("")
	t.side("blue ", e.Sides.Blue)
	return t.side("green", e.Sides.Green)
}

// side writes the address of a side and what it says it is.
func (t *textReport) side(name string, s run.SideHead) error {
	for i, part := range t.wrapped(s.URL+identity(s.Identity), 7) {
		t.line("%s  %s", []string{name, "     "}[min(i, 1)], part)
	}
	if s.Insecure {
		t.line("       %s", t.paint(magenta, "certificate not checked"))
	}
	if name == "green" {
		return t.line("")
	}
	return nil
}

// identity lists what a side says it is, by name.
func identity(id map[string]string) string {
	names := make([]string, 0, len(id))
	for name := range id {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString("  " + name + " " + id[name])
	}
	return b.String()
}

// narrow reports whether tables have to do without what is elsewhere too.
func (t *textReport) narrow() bool { return t.opts.Width > 0 && t.opts.Width < 100 }

// wrapped is text in lines that fit after an indent.
func (t *textReport) wrapped(s string, indent int) []string {
	s = t.safe(s)
	if t.opts.Width == 0 {
		return []string{s}
	}
	return wrap(s, max(t.opts.Width-indent, leastFlex), 4)
}

// gates writes a row for each gate that did not pass; the others share one line.
func (t *textReport) gates() error {
	all := source.GateRows(t.src)
	if len(all) == 0 {
		return nil
	}
	open := 0 // that keep a pass from being given, which come first
	for open < len(all) && all[open].Verdict > run.Pass {
		open++
	}
	shown := all[:open]
	if open == 0 {
		shown = all[:min(textGates, len(all))]
	}
	rows := make([][]string, len(shown))
	for i, g := range shown {
		rows[i] = []string{t.safe(g.Name), t.safe(g.Measured), t.safe(g.Limit), t.word(g.Verdict)}
	}
	cols := []column{{title: "GATE", flex: true}, {title: "MEASURED", flex: true}, {title: "LIMIT", flex: true}, {title: "RESULT"}}
	if err := writeTable(t.w, cols, rows, t.opts.Width, t.opts.ASCII); err != nil {
		return err
	}
	return t.passed(all[len(shown):])
}

// passed names the gates that passed and have no row: next to a failure they are
// one line.
func (t *textReport) passed(gates []run.GateResult) error {
	for _, group := range []struct {
		verdict run.Verdict
		what    string
	}{{run.Pass, "more passed"}, {run.Skip, "not judged"}} {
		var names []string
		for _, g := range gates {
			if g.Verdict == group.verdict {
				names = append(names, g.Name)
			}
		}
		if len(names) == 0 {
			continue
		}
		for i, part := range t.wrapped(fmt.Sprintf("%d %s: %s", len(names), group.what, strings.Join(names, ", ")), 8) {
			if i == 0 {
				part = t.word(group.verdict) + "  " + part
			}
			t.line("%s", part)
		}
	}
	return t.line("")
}

// loads writes a table for each load stage.
func (t *textReport) loads() error {
	for i := range t.src.Result.Loads {
		l := &t.src.Result.Loads[i]
		if l.Verdict <= run.Pass {
			if err := t.quietLoad(l); err != nil {
				return err
			}
			continue
		}
		rate := text.Significant(l.Rate)
		if l.PerWalk > 0 {
			rate += " " + l.Unit()
		}
		title := fmt.Sprintf("load %s: %s per second and side for %s, %s (%d dropped)", l.Name, rate, text.Seconds(l.Seconds), text.Count(l.Blocks, "block"), l.Dropped)
		if l.Users != nil {
			title = fmt.Sprintf("load %s: %s a side for %s, %s (%d dropped)", l.Name, text.Count(l.Users.Count, "user"), text.Seconds(l.Seconds), text.Count(l.Blocks, "block"), l.Dropped)
		}
		if !t.reasonsHold(l.Reason) {
			title += ": " + l.Reason
		}
		for _, part := range t.wrapped(title, 0) {
			t.line("%s", part)
		}
		t.generators(l.Fleet)
		var rows [][]string
		quiet := 0 // guards that are not worse
		for k := range l.Comparisons {
			c := &l.Comparisons[k]
			if c.Role == perf.Guard && c.Outcome != perf.Worse {
				quiet++
				continue
			}
			rows = append(rows, []string{
				t.safe(words.MetricName(c)), t.safe(words.Measured(c, c.Blue)), t.safe(words.Measured(c, c.Green)), words.MeasuredChange(c),
				words.Interval(c), words.Bound(c, c.Margin), words.Bound(c, c.MDE), t.word(words.OutcomeVerdict(c.Outcome)),
			})
		}
		cols := []column{
			{title: "METRIC", flex: true},
			{title: "BLUE", right: true},
			{title: "GREEN", right: true},
			{title: "CHANGE", right: true},
			{title: "INTERVAL", flex: true},
			{title: "MARGIN", right: true},
			{title: "MDE", right: true},
			{title: "RESULT"},
		}
		if t.narrow() { // the gates above show the margin, the page shows the MDE
			const margin, result = 5, 7
			cols = slices.Delete(cols, margin, result)
			for k := range rows {
				rows[k] = slices.Delete(rows[k], margin, result)
			}
		}
		if len(rows) > 0 {
			if err := writeTable(t.w, cols, rows, t.opts.Width, t.opts.ASCII); err != nil {
				return err
			}
		}
		if quiet > 0 {
			t.line("%s watched, none worse", text.Count(quiet, "further guard"))
		}
		t.loadNotes(l)
		t.line("")
	}
	return nil
}

// reasonsHold reports whether one of the reasons at the top says a text already.
func (t *textReport) reasonsHold(text string) bool {
	reasons := t.src.End.Reasons
	return slices.ContainsFunc(reasons[:min(textReasons, len(reasons))], func(r string) bool { return strings.Contains(r, text) })
}

// quietLoad is a stage that passed or was skipped, in one line.
func (t *textReport) quietLoad(l *run.LoadResult) error {
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
		if err := t.line("%s", part); err != nil {
			return err
		}
	}
	t.loadNotes(l)
	return t.line("")
}

// loadNotes is what a stage's verdict does not say, such as what was not judged.
func (t *textReport) loadNotes(l *run.LoadResult) {
	notes := l.Warnings
	if l.Users != nil {
		notes = append([]string{l.LoopText()}, notes...)
	}
	for _, note := range notes {
		for _, part := range t.wrapped("note: "+note, 6) {
			t.line("%s", part)
		}
	}
}

// foot says where the report is, how to go on, and the last line for programs.
func (t *textReport) foot() error {
	if t.opts.Folder != "" {
		t.line("report  %s", t.safe(strings.TrimSuffix(t.opts.Folder, "/")+"/report.html"))
	}
	if t.opts.Resume != "" {
		t.line("resume  %s", t.safe(t.opts.Resume))
	}
	return t.line("%s", t.safe(lastLine(t.src, t.opts)))
}
