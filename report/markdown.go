package report

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// markdownReport writes summary.md: at most maxMarkdown bytes, which is what a
// pull request comment holds, so that one text serves it and a step summary.
//
// Text of a run is in <code> with every character that Markdown or HTML
// reads as a reference: it makes no table cell, no link, no mention, no issue
// reference and no formula.
type markdownReport struct {
	w       *bufio.Writer
	src     *source.Run
	spreads *source.Spreads
	cases   []string // rows of the first cases that did not pass
	more    int
}

const (
	// maxMarkdown is what a comment of a pull request holds.
	maxMarkdown   = 64 << 10
	markdownRows  = 30   // of each table
	markdownField = 200  // runes of one cell
	markdownTail  = 1024 // bytes kept free for what was left out
)

// newMarkdown renders summary.md.
func newMarkdown(w *bufio.Writer, src *source.Run, _ page.Options) renderer {
	return &markdownReport{w: w, src: src, spreads: source.NewSpreads(src.End.Causes)}
}

// Begin writes nothing: what fits is known at the end.
func (m *markdownReport) Begin() error { return nil }

// Add keeps the rows of the first cases that did not pass, and counts the rest.
func (m *markdownReport) Add(c *run.CaseResult) error {
	if c.Verdict <= run.Pass {
		return nil
	}
	m.spreads.Add(m.src.CausesOfCase(c), c.Kind)
	if len(m.cases) == markdownRows {
		m.more++
		return nil
	}
	_, message := m.src.Failure(c)
	m.cases = append(m.cases, fmt.Sprintf("| %s %s | %s | %s | %s |\n", words.Mark(c.Verdict), c.Verdict, mdCode(c.ID),
		mdCode(source.RequestLine(c)), mdCode(message)))
	return nil
}

// End writes the parts in the order of their weight, as far as they fit.
func (m *markdownReport) End() error {
	var b strings.Builder
	full := false
	// put keeps whole blocks only: a table that is cut in the middle of a row
	// would turn the rest of the page into text.
	// Services cut a summary that is too long in its middle, and then show nothing of it. What
	// does not fit is left out here, whole lines at a time.
	put := func(s string) {
		if full || b.Len()+len(s) > maxMarkdown-markdownTail {
			full = true
			return
		}
		b.WriteString(s)
	}
	for _, part := range []func(func(string)){m.head, m.gates, m.causes, m.suites, m.loads, m.failing, m.facts} {
		part(put)
	}
	if full {
		b.WriteString("\n\nThe rest is left out: this summary holds 64 KiB. See report.html.\n")
	}
	_, err := m.w.WriteString(b.String())
	return err
}

// head answers the question of the run, with at most three reasons.
func (m *markdownReport) head(put func(string)) {
	e := &m.src.End
	put(fmt.Sprintf("## %s %s: %s\n\n", words.Mark(e.Verdict), strings.ToUpper(e.Verdict.String()), words.Answer(e.Verdict)))
	for _, r := range e.Reasons[:min(3, len(e.Reasons))] {
		put("- " + mdText(r) + "\n")
	}
	if n := len(e.Reasons) - 3; n > 0 {
		put(fmt.Sprintf("- and %d more\n", n))
	}
	if w := m.src.Without(); w != "" {
		put("- **verified without " + mdText(w) + "**\n")
	}
	for _, note := range m.src.Doubts() {
		put("- **" + mdText(note) + "**\n")
	}
	put(fmt.Sprintf("\nblue %s → green %s · %s · %s\n\n", mdCode(e.Sides.Blue.URL), mdCode(e.Sides.Green.URL),
		text.Count(e.Counts.Cases, "case"), text.Seconds(e.ElapsedMS/1000)))
}

// gates is the table of gates, those that keep a pass from being given first.
func (m *markdownReport) gates(put func(string)) {
	all := source.GateRows(m.src)
	if len(all) == 0 {
		return
	}
	put("| gate | measured | limit | result |\n|---|---|---|---|\n")
	for _, g := range all[:min(markdownRows, len(all))] {
		put(fmt.Sprintf("| %s | %s | %s | %s %s |\n", mdText(g.Name), mdText(g.Measured), mdText(g.Limit), words.Mark(g.Verdict), g.Verdict))
	}
	put(left(len(all)-markdownRows, "gates") + "\n")
}

// left says how many rows of a table were left out.
func left(n int, what string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("\nand %s more %s\n", text.Thousands(n), what)
}

// causes is the table of causes, those that differ only in their place joined.
func (m *markdownReport) causes(put func(string)) {
	all := m.spreads
	if len(all.List) == 0 {
		return
	}
	put(fmt.Sprintf("### %s\n\n| cause | kind | where | change | cases | example |\n|---|---|---|---|--:|---|\n",
		text.Count(len(m.src.End.Causes), "cause")))
	for i := range all.List[:min(markdownRows, len(all.List))] {
		s := &all.List[i]
		c := &s.Causes[0]
		what := strings.TrimSpace(mdCode(source.EditBeside(c)) + " " + source.SpreadCount(s))
		put(fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", source.SpreadIDs(s, ", "), c.Kind, mdCode(source.SpreadPlace(s)), what, seen(c, all.Cases[i]), mdCode(example(c))))
	}
	put(left(len(all.List)-markdownRows, "rows") + "\n")
}

// suites lists the suites that did not pass; a run of one suite has no such table.
func (m *markdownReport) suites(put func(string)) {
	heads := m.src.Head.Suites
	if len(heads) < 2 {
		return
	}
	var rows []string
	for i, h := range heads {
		e := m.src.End.Suites[i]
		if e.Verdict == run.Pass {
			continue
		}
		rows = append(rows, fmt.Sprintf("| %s %s | %s | %s | %d of %d | %s |\n", words.Mark(e.Verdict), e.Verdict, mdText(h.Name),
			mdText(h.Owner), e.Counts.Fail, e.Counts.Cases, mdText(strings.Join(e.Reasons, "; "))))
	}
	put(fmt.Sprintf("### %d of %d suites pass\n\n", len(heads)-len(rows), len(heads)))
	if len(rows) == 0 {
		return
	}
	put("| verdict | suite | owner | failed | reason |\n|---|---|---|--:|---|\n")
	for _, r := range rows[:min(markdownRows, len(rows))] {
		put(r)
	}
	put(left(len(rows)-markdownRows, "suites") + "\n")
}

// loads is one table for each load stage, a row for each comparison.
func (m *markdownReport) loads(put func(string)) {
	for i := range m.src.Result.Loads {
		l := &m.src.Result.Loads[i]
		first, points := words.Points(l.Reason)
		put(fmt.Sprintf("### %s load %s\n\n%s\n\n", words.Mark(l.Verdict), mdText(l.Name), mdText(first)))
		for _, point := range points {
			put("- " + mdText(point) + "\n")
		}
		if len(points) > 0 {
			put("\n")
		}
		put("| metric | blue | green | change | interval | margin | result |\n|---|--:|--:|--:|---|--:|---|\n")
		for k := range l.Comparisons[:min(markdownRows, len(l.Comparisons))] {
			c := &l.Comparisons[k]
			v, verdict := words.Row(c), words.OutcomeVerdict(c.Outcome)
			put(fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s %s |\n", mdText(v.Name), v.Blue, v.Green, v.Change, v.Interval, v.Margin,
				words.Mark(verdict), verdict))
		}
		put(left(len(l.Comparisons)-markdownRows, "metrics") + "\n")
	}
}

// failing is the table of the cases that Add kept.
func (m *markdownReport) failing(put func(string)) {
	if len(m.cases) == 0 {
		return
	}
	put("### Cases that did not pass\n\n| verdict | case | request | what |\n|---|---|---|---|\n")
	for _, row := range m.cases {
		put(row)
	}
	put(left(m.more, "cases") + "\n")
}

// facts is the line that identifies the run.
func (m *markdownReport) facts(put func(string)) {
	h := m.src.Head
	put(fmt.Sprintf("run %s · %s %s · seed %d · %s\n", mdCode(h.ID), mdText(h.Tool.Name), mdText(h.Tool.Version), h.Seed,
		h.Started.UTC().Format("2006-01-02 15:04:05 UTC")))
}

// mdText writes text so that Markdown, HTML and GitHub's mentions leave it alone.
func mdText(s string) string {
	s = text.Cut(text.Visible(s), markdownField)
	var b strings.Builder
	for _, r := range s {
		switch {
		// Names of people and numbers of issues would be linked, and people notified, by what a
		// service answered.
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;\u200b", r)
		case strings.ContainsRune("|`<>&\"'*_[](){}~\\!$:", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mdCode is text in a code element, where nothing is linked or mentioned.
func mdCode(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + strings.ReplaceAll(mdText(s), "\u200b", "") + "</code>"
}
