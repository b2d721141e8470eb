package page

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// maxInline is the largest body that a page holds.
const maxInline = 64 << 10

// stepDetail lays out what a page shows of one step that did not pass: status, time,
// headers and body as rows of one comparison. Without bodies, or where the exchange was
// not kept, the rows are the list of what differs.
func (s *pageRun) stepDetail(step *run.StepResult, bodies bool) stepDetail {
	method, path := source.MethodPath(step)
	d := stepDetail{
		Request: text.Visible(strings.TrimSpace(method + " " + path)), Lane: step.Lane, Causes: numbers(s.CausesOfStep(step)),
		Reasons: each(step.Reasons, text.Visible), Notes: each(step.Notes, text.Visible),
	}
	for _, x := range step.Expectations {
		if !x.OK {
			d.Expect = append(d.Expect, text.Visible(fmt.Sprintf("%s: expected %s, got %s", x.Side, x.What, x.Got)))
		}
	}
	s.addTraces(&d, step)
	var pair *source.PairView
	if bodies {
		pair = s.Pair(step.Exchange)
	}
	// Without both answers there is nothing to lay side by side: the differences have the values
	// of both.
	if pair == nil || pair.Blue == nil || pair.Green == nil {
		d.Rows = rowsJSON(fold(listRows(step)))
		if bodies {
			d.Left = "The exchange of this step was not kept: only its differences are shown."
		} else {
			d.Left = "The bodies of this step are left out: the page holds the first of each cause. The run folder keeps them all."
		}
		return d
	}
	if blue, green := s.Curls(pair); blue != "" || green != "" {
		d.Curl = []string{blue, green}
	}
	rows := statusRows(step, pair.Blue, pair.Green)
	rows = append(rows, headerRows(step, pair.Blue, pair.Green)...)
	rows = append(rows, bodyRows(step, pair, &d)...)
	d.Rows = rowsJSON(fold(rows))
	return d
}

// listRows shows differences alone, a row each under its path.
func listRows(step *run.StepResult) []row {
	var rows []row
	list := func(all []diff.Difference) {
		for i := range all {
			d := &all[i]
			r := row{mark: markOf(d), note: noteOf(d)}
			at := words.Place(d.Where, d.Path) + ": "
			if d.Blue.Type != diff.AbsentType {
				r.blue = at + words.Excerpt(d.Blue)
			}
			if d.Green.Type != diff.AbsentType {
				r.green = at + words.Excerpt(d.Green)
			}
			if r.blue == "" && r.green == "" {
				r.blue, r.green = at+d.Kind.String(), at+d.Kind.String()
			}
			rows = append(rows, r)
		}
	}
	list(step.Differences)
	list(step.Ignored)
	return rows
}

// find is the difference of a step at a place.
func find(step *run.StepResult, where diff.Where, path string) *diff.Difference {
	for _, list := range [][]diff.Difference{step.Differences, step.Ignored} {
		for i := range list {
			if list[i].Where == where && (where == diff.InStatus || list[i].Path == path) {
				return &list[i]
			}
		}
	}
	return nil
}

// statusRows are the rows of status and time. The time is shown and never compared
// here: load stages do that.
func statusRows(step *run.StepResult, blue, green *wire.Exchange) []row {
	d := find(step, diff.InStatus, "")
	status := row{mark: markOf(d), blue: statusText(blue), green: statusText(green), note: noteOf(d)}
	if d == nil && status.blue != status.green {
		status.mark = rowChanged
	}
	timing := row{blue: text.Seconds(blue.Timing.Total.Seconds()), green: text.Seconds(green.Timing.Total.Seconds())}
	return []row{{mark: rowTitle, blue: "status and time", green: "status and time"}, status, timing}
}

// statusText is the protocol and the status, or what failed instead of an answer.
func statusText(x *wire.Exchange) string {
	if x.Err != nil {
		return string(x.Err.Class) + ": " + x.Err.Detail
	}
	return strings.TrimSpace(x.Proto + " " + strconv.Itoa(x.Status))
}

// headerRows lays the header fields side by side by name, k-th with k-th.
func headerRows(step *run.StepResult, blue, green *wire.Exchange) []row {
	rows := []row{{mark: rowTitle, blue: "headers", green: "headers"}}
	// Fields are paired by name, the first of a name with the first, whatever their order: that is
	// not compared.
	left := map[string][]wire.Field{}
	for _, f := range green.Headers {
		name := strings.ToLower(f.Name)
		left[name] = append(left[name], f)
	}
	show := func(f wire.Field) string { return f.Name + ": " + f.Value }
	for _, f := range blue.Headers {
		name := strings.ToLower(f.Name)
		d := find(step, diff.InHeader, name)
		r := row{mark: markOf(d), blue: show(f), note: noteOf(d)}
		if len(left[name]) > 0 {
			r.green = show(left[name][0])
			left[name] = left[name][1:]
			if d == nil && r.green != r.blue {
				r.mark, r.note = rowIgnored, "not compared, or equal under the rules"
			}
		} else {
			r.mark = sideMark(d, rowRemoved)
			if d == nil {
				r.mark, r.note = rowIgnored, "not compared"
			}
		}
		rows = append(rows, r)
	}
	for _, f := range green.Headers {
		name := strings.ToLower(f.Name)
		if len(left[name]) == 0 || left[name][0] != f {
			continue
		}
		left[name] = left[name][1:]
		d := find(step, diff.InHeader, name)
		r := row{mark: sideMark(d, rowAdded), green: show(f), note: noteOf(d)}
		if d == nil {
			r.mark, r.note = rowIgnored, "not compared"
		}
		rows = append(rows, r)
	}
	return rows
}

// bodyRows lays the bodies side by side: as JSON values, as lines, or, where a
// page does not hold them, as the list of what differs. It adds to d the bodies as
// sent, or why they are left out.
func bodyRows(step *run.StepResult, pair *source.PairView, d *stepDetail) []row {
	blue, green := pair.Blue.Answer, pair.Green.Answer
	title := row{mark: rowTitle, blue: bodyTitle(pair.Blue), green: bodyTitle(pair.Green)}
	if len(blue) == 0 && len(green) == 0 {
		return []row{title}
	}
	if len(blue) > maxInline || len(green) > maxInline {
		d.Left = fmt.Sprintf("A body is larger than %d KiB: only its differences are shown. The run folder keeps it whole.", maxInline>>10)
		return append([]row{title}, inBody(listRows(step), step)...)
	}
	if !utf8.Valid(blue) || !utf8.Valid(green) {
		return []row{title, {mark: sameOr(bytes.Equal(blue, green), rowChanged), blue: digest(blue), green: digest(green)}}
	}
	d.Raw = []string{string(blue), string(green)}
	b, ok1 := parseJSON(blue)
	g, ok2 := parseJSON(green)
	// Only JSON has values to align. XML and playlists were compared as trees, and are shown as
	// lines under the list of differences.
	if ok1 && ok2 {
		return append([]row{title}, alignJSON(b, g, step.Differences, step.Ignored)...)
	}
	rows := append([]row{title}, inBody(listRows(step), step)...)
	return append(rows, softened(alignLines(pretty(b, blue), pretty(g, green)), step)...)
}

// sameOr is the mark of a row whose sides are the same or not.
func sameOr(same bool, otherwise rowMark) rowMark {
	if same {
		return rowSame
	}
	return otherwise
}

// inBody keeps the rows of differences in the body, in step's order.
func inBody(rows []row, step *run.StepResult) []row {
	var out []row
	i := 0
	for _, list := range [][]diff.Difference{step.Differences, step.Ignored} {
		for k := range list {
			if list[k].Where == diff.InBody {
				out = append(out, rows[i])
			}
			i++
		}
	}
	return out
}

// softened greys lines that differ where the comparison found the bodies equal
// under its rules: text alone cannot say which rule spoke.
func softened(rows []row, step *run.StepResult) []row {
	for i := range step.Differences {
		if step.Differences[i].Where == diff.InBody {
			return rows
		}
	}
	for i := range rows {
		if rows[i].mark != rowSame {
			rows[i].mark, rows[i].note = rowIgnored, "equal under the rules"
		}
	}
	return rows
}

// pretty is a body as lines: JSON one value a line, all else as sent.
func pretty(n *jsonNode, body []byte) string {
	if n == nil {
		return string(body)
	}
	a := &aligner{}
	a.addOneSided(blueSide, spot{}, n, rowSame, "")
	var b strings.Builder
	for _, r := range a.rows {
		b.WriteString(strings.Repeat("  ", r.depth) + r.blue + "\n")
	}
	return b.String()
}

// bodyTitle names a body by its length and media type.
func bodyTitle(x *wire.Exchange) string {
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, "content-type") {
			return fmt.Sprintf("body, %s bytes, %s", text.Thousands(len(x.Answer)), f.Value)
		}
	}
	return fmt.Sprintf("body, %s bytes", text.Thousands(len(x.Answer)))
}

// digest identifies a body that is not text.
func digest(body []byte) string {
	return fmt.Sprintf("%s bytes that are not text, sha256 %x", text.Thousands(len(body)), sha256.Sum256(body))
}

// numbers are the numbers that a reader knows causes by.
func numbers(ids []int) []int {
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = source.Number(id)
	}
	return out
}
