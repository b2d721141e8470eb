package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

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
	for _, part := range []func(){t.head, t.gates, t.clusters, t.loads, t.suites, t.causes, t.cases, t.foot} {
		part()
	}
	return t.end("the text report")
}

// A textReport is one rendering for a terminal or a log.
type textReport struct {
	w    *bufio.Writer // keeps its first error
	src  *source.Run
	opts TextOptions
	err  error // the first of another kind
}

// end writes what is buffered, and returns the first error of all that was written.
func (t *textReport) end(what string) error {
	if err := cmp.Or(t.err, t.w.Flush()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// fail keeps the first error.
func (t *textReport) fail(err error) { t.err = cmp.Or(t.err, err) }

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
func (t *textReport) line(format string, args ...any) {
	fmt.Fprintf(t.w, format+"\n", args...)
}

// fill writes text in as many lines as it needs: the first begins with first, the others are
// indented by as much.
func (t *textReport) fill(first, s string) {
	for i, part := range t.wrapped(s, len(first)) {
		if i == 1 {
			first = strings.Repeat(" ", len(first))
		}
		t.line("%s%s", first, part)
	}
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

// table writes a table and an empty line; nothing where there are no rows.
func (t *textReport) table(cols []column, rows [][]string) {
	if len(rows) > 0 {
		t.rows(cols, rows)
		t.line("")
	}
}

// rows writes a table; nothing where there are no rows.
func (t *textReport) rows(cols []column, rows [][]string) {
	if len(rows) > 0 {
		t.fail(writeTable(t.w, cols, rows, t.opts.Width, t.opts.ASCII))
	}
}

// head writes the verdict, at most three reasons, and what the verdict does not cover.
func (t *textReport) head() {
	e := &t.src.End
	code := bold
	if e.Verdict == run.Fail {
		code = magenta
	}
	t.line("%s  %s", t.paint(code, t.safe(words.Mark(e.Verdict))+" "+strings.ToUpper(e.Verdict.String())),
		t.paint(bold, words.Answer(e.Verdict)))
	for _, r := range e.Reasons[:min(textReasons, len(e.Reasons))] {
		t.fill("  - ", r)
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
	t.side("green", e.Sides.Green)
}

// side writes the address of a side and what it says it is.
func (t *textReport) side(name string, s run.SideHead) {
	t.fill(name+"  ", s.URL+identity(s.Identity))
	if s.Insecure {
		t.line("       %s", t.paint(magenta, "certificate not checked"))
	}
	if name == "green" {
		t.line("")
		return
	}
}

// identity lists what a side says it is, by name.
func identity(id map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(id)) {
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
func (t *textReport) gates() {
	all := source.GateRows(t.src)
	if len(all) == 0 {
		return
	}
	// Of a run that did not pass, the gates that passed are one line: a reader looks for the
	// others.
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
	cols := columnsOf("GATE~", "MEASURED~", "LIMIT~", "RESULT")
	t.rows(cols, rows)
	t.passed(all[len(shown):])
}

// passed names the gates that passed and have no row: next to a failure they are
// one line.
func (t *textReport) passed(gates []run.GateResult) {
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
	t.line("")
}

// foot says where the report is, how to go on, and the last line for programs.
func (t *textReport) foot() {
	if t.opts.Folder != "" {
		t.line("report  %s", t.safe(strings.TrimSuffix(t.opts.Folder, "/")+"/report.html"))
	}
	if t.opts.Resume != "" {
		t.line("resume  %s", t.safe(t.opts.Resume))
	}
	t.line("%s", t.safe(lastLine(t.src, t.opts)))
}
