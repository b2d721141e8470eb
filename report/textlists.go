package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// suites writes the suites that did not pass; a run of one suite has no such table.
func (t *textReport) suites() {
	heads := t.src.Head.Suites
	if len(heads) < 2 {
		return
	}
	passed, shown := 0, 0
	var rows [][]string
	for i, h := range heads {
		e := t.src.End.Suites[i]
		if e.Verdict == run.Pass {
			passed++
			continue
		}
		if shown++; shown > textSuites {
			continue
		}
		rows = append(rows, []string{
			t.safe(h.Name), t.safe(h.Owner), fmt.Sprintf("%d of %d", e.Counts.Fail, e.Counts.Cases), t.word(e.Verdict),
			t.safe(text.Cut(strings.Join(e.Reasons, "; "), textReason)),
		})
	}
	t.line("%d of %d suites pass", passed, len(heads))
	if len(rows) == 0 {
		t.line("")
		return
	}
	if n := shown - textSuites; n > 0 {
		rows = append(rows, []string{fmt.Sprintf("and %d more", n), "", "", "", ""})
	}
	t.table(columnsOf("SUITE", "OWNER~", "FAILED>", "VERDICT", "REASON~"), rows)
}

// causes writes the causes with the most cases; those that differ only in their place
// are one row.
func (t *textReport) causes() {
	all := source.NewSpreads(t.src.End.Causes)
	if len(all.List) == 0 {
		return
	}
	if err := all.Count(t.src); err != nil {
		t.fail(err)
		return
	}
	var rows [][]string
	for i := range all.List[:min(textCauses, len(all.List))] {
		s := &all.List[i]
		c := &s.Causes[0]
		what := source.EditBeside(c)
		if what == "" && t.narrow() { // without a column for the kind
			what = c.Kind.String()
		}
		what = strings.TrimSpace(what + " " + source.SpreadCount(s))
		rows = append(rows, []string{
			source.SpreadIDs(s, ", "), c.Kind.String(), t.safe(source.SpreadPlace(s)), t.safe(what),
			seen(c, all.Cases[i]), t.safe(example(c)),
		})
	}
	if n := len(all.List) - textCauses; n > 0 {
		rows = append(rows, []string{"", "", fmt.Sprintf("and %d more", n), "", "", ""})
	}
	cols := columnsOf("CAUSE", "KIND", "WHERE~", "CHANGE~", "CASES>", "EXAMPLE~")
	if t.narrow() {
		const kind = 1
		cols = slices.Delete(cols, kind, kind+1)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], kind, kind+1)
		}
	}
	t.table(cols, rows)
}

// seen is how many cases have a cause, or which parts of a suite where none has.
func seen(c *cause.Cause, cases int) string {
	if cases == 0 && len(c.Parts) > 0 {
		return c.Seen()
	}
	return text.Thousands(cases)
}

// example is the first case that a cause was seen in.
func example(c *cause.Cause) string {
	if len(c.Examples) == 0 {
		return ""
	}
	return c.Examples[0]
}

// cases lists the first cases that did not pass for another reason than a
// difference: no cause speaks for them.
func (t *textReport) cases() {
	e := t.src.End.Counts
	if e.Broken+e.Inconclusive == 0 && (e.Fail == 0 || len(t.src.End.Causes) > 0) {
		return
	}
	var rows [][]string
	// Cases that differ are in the causes. What is left are cases that could not be judged, and
	// expectations that failed.
	for c, err := range t.src.Cases() {
		if err != nil {
			t.fail(err)
			return
		}
		if c.Verdict <= run.Pass || c.Verdict == run.Fail && differs(c) {
			continue
		}
		rows = append(rows, []string{t.safe(c.ID), t.word(c.Verdict), t.safe(source.FirstReason(c))})
		if len(rows) == textCases {
			break
		}
	}
	if len(rows) == 0 {
		return
	}
	t.table(columnsOf("CASE~", "VERDICT", "REASON~"), rows)
}

// differs reports whether a case has a difference that counts.
func differs(c *run.CaseResult) bool {
	for i := range c.Steps {
		if c.Steps[i].DifferencesTotal > 0 {
			return true
		}
	}
	return false
}
