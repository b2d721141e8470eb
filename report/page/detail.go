package page

import (
	"cmp"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// detailChunk is how many details are packed together: the page unpacks a chunk
// when the first of its cases is opened.
const detailChunk = 32

// A detailStore packs details in chunks, one after the other.
type detailStore struct {
	open []caseDetail
	text strings.Builder
	at   []int
}

// add packs the open details once they fill a chunk.
func (d *detailStore) add(v caseDetail) error {
	d.open = append(d.open, v)
	if len(d.open) < detailChunk {
		return nil
	}
	return d.flush()
}

// flush packs the details that are open, and notes where their chunk begins.
func (d *detailStore) flush() error {
	if len(d.open) == 0 {
		return nil
	}
	text, err := pack(d.open)
	if err != nil {
		return err
	}
	d.at = append(d.at, d.text.Len())
	d.text.WriteString(text)
	d.open = d.open[:0]
	return nil
}

// A caseDetail is a case as the page's pane shows it. Its JSON is what pane.js reads.
// All text in it is printable: it ends up in text nodes of the page.
type caseDetail struct {
	// Reasons are those of the case itself; each step has its own.
	Reasons []string `json:"reasons,omitempty"`
	// At is the place of the case in its suite, file:line:col.
	At string `json:"at,omitempty"`
	// Rerun is the command that runs this case again.
	Rerun string `json:"rerun"`
	// Steps are those that did not pass.
	Steps []stepDetail `json:"steps"`
}

// A stepDetail is one step of a caseDetail.
type stepDetail struct {
	// Request is the method and the path, without the host: it is the same on both sides.
	Request string `json:"request"`
	// Lane is the lane of a crossover; empty for blue next to green.
	Lane string `json:"lane,omitempty"`
	// Reasons are shown where there are no rows.
	Reasons []string `json:"reasons,omitempty"`
	// Expect are the expectations that do not hold, as sentences.
	Expect []string `json:"expect,omitempty"`
	// Notes are what the step has to say besides its verdict.
	Notes []string `json:"notes,omitempty"`
	// Causes are the numbers that the page shows for the step's causes, from 1.
	Causes []int `json:"causes,omitempty"`
	// Rows are blue next to green: see rowsJSON.
	Rows [][]any `json:"rows"`
	// Left says what was left out of Rows, and why.
	Left string `json:"left,omitempty"`
	// Raw are blue's and green's body as sent; nil when the page does not hold them.
	Raw []string `json:"raw,omitempty"`
	// Curl are the commands for blue and for green; nil when nothing was sent.
	Curl []string `json:"curl,omitempty"`
	// Traces are the trace ids of the sides that have one, such as "blue 4bf92f".
	Traces []string `json:"traces,omitempty"`
	// Links are the addresses of Traces, in their order; empty without a link.
	Links []string `json:"links,omitempty"`
}

// detail makes the detail of a case. bodies says whether the page holds its bodies.
func (s *pageRun) detail(c *run.CaseResult, bodies bool) caseDetail {
	d := caseDetail{
		Reasons: each(c.Reasons, text.Visible), At: text.Visible(c.At), Rerun: s.RerunCase(c.Suite, c.ID),
		Steps: []stepDetail{},
	}
	for i := range c.Steps {
		if step := &c.Steps[i]; step.Verdict > run.Pass || step.Flaky {
			d.Steps = append(d.Steps, s.stepDetail(step, bodies))
		}
	}
	return d
}

// each applies change to every text; never nil.
func each(list []string, change func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = change(s)
	}
	return out
}

// addTraces adds the trace ids of both sides, with links where a template says how. An
// id that could be more than an id, and a template that is not a web address, make none.
func (s *pageRun) addTraces(d *stepDetail, step *run.StepResult) {
	for i, side := range []*run.SideResult{step.Blue, step.Green} {
		if side == nil || side.TraceID == "" {
			continue
		}
		url := ""
		if traceID().MatchString(side.TraceID) && webURL().MatchString(s.opts.TraceURL) {
			url = strings.ReplaceAll(s.opts.TraceURL, "{trace_id}", side.TraceID)
		}
		d.Traces = append(d.Traces, []string{"blue ", "green "}[i]+text.Visible(side.TraceID))
		d.Links = append(d.Links, url)
	}
}

// A caseLine is a case that did not pass as the page lists it for readers without
// scripts and for printing: one line, and the command that repeats its request.
type caseLine struct {
	Verdict verdictView
	ID      string
	Request string
	What    string // what is wrong first, in one sentence
	Curl    string // green's, or blue's where green was not asked; empty: nothing was sent
}

// lineOf shortens a case to its line.
func (s *pageRun) lineOf(c *run.CaseResult, d *caseDetail) caseLine {
	_, what := s.Failure(c)
	line := caseLine{
		Verdict: viewOf(c.Verdict), ID: text.Visible(c.ID), Request: text.Visible(source.RequestLine(c)),
		What: text.Visible(what),
	}
	for i := range d.Steps {
		if curl := d.Steps[i].Curl; curl != nil {
			line.Curl = cmp.Or(curl[1], curl[0])
			break
		}
	}
	return line
}

// rowsJSON is rows as arrays: mark, depth, blue, green (0: the same as blue),
// note; of a fold: mark, depth, count and the hidden rows.
func rowsJSON(rows []row) [][]any {
	out := make([][]any, len(rows))
	for i := range rows {
		r := &rows[i]
		if r.mark == rowFold {
			out[i] = []any{int(r.mark), r.depth, r.folded}
			if r.hidden != nil {
				out[i] = append(out[i], rowsJSON(r.hidden))
			}
			continue
		}
		out[i] = []any{int(r.mark), r.depth, text.Visible(r.blue)}
		switch {
		case r.note != "":
			out[i] = append(out[i], greenText(r), text.Visible(r.note))
		case r.green != r.blue:
			out[i] = append(out[i], text.Visible(r.green))
		}
	}
	return out
}

// greenText is green's text of a row; 0 where it is blue's.
func greenText(r *row) any {
	if r.green == r.blue {
		return 0
	}
	return text.Visible(r.green)
}
