// Package shiftpage renders the record of a walk of traffic as one HTML page.
//
// In come the records of package shift, in the order of the log; out goes a page without
// script: the share of green over time with the failures of the probe below it, the steps,
// and every record in words. It computes nothing that the record does not say.
package shiftpage

import (
	"fmt"
	"html/template"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/shift"
)

// width and height of the plot, and of the part for failures, in pixels.
const (
	width, height, failuresHeight = 900.0, 220.0, 60.0
	mostRows                      = 5000
	markRoom                      = 60.0 // the least distance between the names of two steps
)

// A page is what the template walks.
type page struct {
	Name, Outcome, Reason, Recorded string
	Began, Ended                    time.Time
	Line                            string // points of the share
	Bars                            []bar
	Marks                           []mark
	Rows                            []row
	Left                            int
	Answers, Failed, BlueFailed     int
	Pinned                          int
	Width, Height, Total            float64
}

type bar struct {
	X, H, Y float64
	Blue    bool
	Title   string
}

type mark struct {
	X    float64
	Text string
}

type row struct{ Time, Step, What, Text, Class string }

// Write renders the records of a walk.
func Write(to io.Writer, records iter.Seq2[*shift.Record, error]) error {
	var list []*shift.Record
	p := &page{Width: width, Height: height, Total: height + failuresHeight + 55}
	for r, err := range records {
		if err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
		if r == nil || r.Time.IsZero() {
			continue
		}
		if p.Began.IsZero() {
			p.Began = r.Time
		}
		if r.Time.After(p.Ended) {
			p.Ended = r.Time
		}
		list = append(list, r)
	}
	for _, r := range list {
		p.add(r)
	}
	return html.Execute(to, p)
}

// x is the place of a time in the plot.
func (p *page) x(t time.Time) float64 {
	whole := p.Ended.Sub(p.Began).Seconds()
	if whole <= 0 {
		return 0
	}
	return min(max(t.Sub(p.Began).Seconds(), 0), whole) / whole * width
}

// add takes one record into the plot and the list.
func (p *page) add(r *shift.Record) {
	what, said, class := "", r.Text, ""
	switch r.Kind {
	case shift.RecordBegin:
		if p.Name == "" && r.Begin != nil {
			p.Name = r.Begin.Walk
		}
		what = "a process starts"
		if r.Begin != nil {
			said = fmt.Sprintf("%s, %s, process %d on %s", r.Begin.How, r.Begin.Tool, r.Begin.PID, r.Begin.Host)
		}
	case shift.RecordFirst:
		what, p.Recorded = "recorded", r.Weights.String()
	case shift.RecordRead:
		what = "read"
		x, y := p.x(r.Time), height-r.Weights.Share()*height
		if p.Line != "" { // a step: the old share until now
			p.Line += fmt.Sprintf(" H%.1f", x)
		} else {
			p.Line = fmt.Sprintf("M%.1f %.1f", x, y)
		}
		p.Line += fmt.Sprintf(" V%.1f", y)
	case shift.RecordIntent:
		what = "write"
		if r.Back {
			what, class = "write back", "bad"
		}
		said = fmt.Sprintf("%s, from %s", r.Weights, r.From)
	case shift.RecordTried:
		what = "could be written"
	case shift.RecordWrote:
		what, class = "write answered", badIf(r.Text != "")
	case shift.RecordSet:
		what, said = "set", ""
		x := p.x(r.Time)
		if n := len(p.Marks); n == 0 || x-p.Marks[n-1].X >= markRoom {
			p.Marks = append(p.Marks, mark{x, r.Name})
		}
	case shift.RecordCheck:
		what, class = r.Check+": "+r.Verdict, badIf(r.Verdict != "pass")
	case shift.RecordNote:
		what, class = "note", badIf(strings.HasPrefix(r.Text, "paused") || strings.HasPrefix(r.Text, "rolling back"))
	case shift.RecordEvidence:
		what, said = "gates rely on", r.Name+" "+r.Text
	case shift.RecordProbe:
		p.probe(r)
		return
	case shift.RecordEnd:
		what, p.Outcome, p.Reason, class = "end: "+r.Outcome, r.Outcome, r.Text, badIf(r.Outcome != "done")
	}
	if r.Weights != nil && said == "" {
		said = r.Weights.String()
	}
	if len(p.Rows) == mostRows {
		p.Left++
		return
	}
	p.Rows = append(p.Rows, row{r.Time.Format("15:04:05.000"), r.Name, what, text.Visible(said), class})
}

// Whole is the width of the plot with its labels.
func (p *page) Whole() float64 { return p.Width + 60 }

func badIf(bad bool) string {
	if bad {
		return "bad"
	}
	return ""
}

// probe adds the answers of the probe to the sums, and failures to the plot.
func (p *page) probe(r *shift.Record) {
	s := r.Probe
	if s == nil {
		return
	}
	p.Answers += s.Blue + s.Green + s.Unknown + s.Pinned
	p.Pinned += s.Pinned
	p.Failed += s.Failed
	p.BlueFailed += s.BlueFailed
	for _, b := range []struct {
		n    int
		blue bool
	}{{s.Failed, false}, {s.BlueFailed, true}} {
		if b.n == 0 {
			continue
		}
		h := min(float64(b.n)*6, failuresHeight)
		p.Bars = append(p.Bars, bar{
			p.x(r.Time), h, height + 10 + failuresHeight - h, b.blue,
			fmt.Sprintf("%s: %s", text.Count(b.n, "failed answer"), text.Visible(s.Example)),
		})
	}
}

var html = template.Must(template.New("walk").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Name}}: {{if .Outcome}}{{.Outcome}}{{else}}open{{end}}</title>
<style>
:root{color-scheme:light dark;--bad:light-dark(#a3006b,#ff7ab8);--green:light-dark(#1f7a34,#56d364);--blue:light-dark(#1f5fbf,#6cb2ff);--dim:light-dark(#59626d,#9aa5b1)}
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}h1{overflow-wrap:anywhere}h2{font-size:18px;margin:1.5em 0 .5em}
svg{width:100%;height:auto;overflow:visible}table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
td,th{text-align:left;padding:.2em 1.4em .2em 0;border-bottom:1px solid #8884;vertical-align:top;white-space:nowrap}
td:last-child,th:last-child{width:100%;padding-right:0;white-space:normal;overflow-wrap:anywhere}th{color:var(--dim);font-weight:400}
.bad{color:var(--bad)}.green{fill:none;stroke:var(--green);stroke-width:2}.grid{stroke:#8884}.f{fill:var(--bad)}.b{fill:var(--blue)}text{font-size:11px;fill:currentColor}.y{text-anchor:end}.end{text-anchor:end}
@media(max-width:640px){text{font-size:22px}table,tbody{display:block}tr{display:flex;flex-wrap:wrap;gap:0 1em;padding:.3em 0;border-bottom:1px solid #8884}td,th{border:0;padding:0}tr:has(th),td:empty{display:none}td:last-child{flex-basis:100%}}
</style>
<h1>{{.Name}}: <span{{if ne .Outcome "done"}} class="bad"{{end}}>{{if .Outcome}}{{.Outcome}}{{else}}open{{end}}</span></h1>
{{if .Reason}}<p>{{.Reason}}</p>{{end}}
<p>{{.Began.Format "2006-01-02 15:04:05 MST"}} to {{.Ended.Format "15:04:05"}}. A rollback restores {{if .Recorded}}{{.Recorded}}{{else}}nothing: no weights were recorded{{end}}.
{{if .Answers}}The probe had {{.Answers}} answers, {{.Pinned}} of them from green asked directly; {{.Failed}} of green or of an unknown side failed, {{.BlueFailed}} failed on blue as well.{{else}}No probe ran.{{end}}</p>
<h2>Share of green</h2>
<svg viewBox="-50 -20 {{printf "%.0f" .Whole}} {{printf "%.0f" .Total}}" role="img" aria-label="Share of green over time, failed answers below">
<line class="grid" x1="0" x2="{{.Width}}" y1="0" y2="0"/><line class="grid" x1="0" x2="{{.Width}}" y1="110" y2="110"/><line class="grid" x1="0" x2="{{.Width}}" y1="{{.Height}}" y2="{{.Height}}"/>
<text class="y" x="-8" y="4">100 %</text><text class="y" x="-8" y="114">50 %</text><text class="y" x="-8" y="224">0 %</text>{{if .Answers}}<text class="y" x="-8" y="288">failed</text>{{if not .Bars}}<text x="0" y="288">none</text>{{end}}{{end}}
<text x="0" y="314">{{.Began.Format "15:04:05"}}</text><text class="end" x="{{.Width}}" y="314">{{.Ended.Format "15:04:05"}}</text>
{{range .Marks}}<text x="{{printf "%.1f" .X}}" y="-4">{{.Text}}</text>{{end}}
{{if .Line}}<path class="green" d="{{.Line}} H{{.Width}}"/>{{end}}
{{range .Bars}}<rect class="{{if .Blue}}b{{else}}f{{end}}" x="{{printf "%.1f" .X}}" y="{{printf "%.1f" .Y}}" width="3" height="{{printf "%.1f" .H}}"><title>{{.Title}}</title></rect>{{end}}
</svg>
<h2>Record</h2>
<table><tr><th>time<th>step<th>what<th>details
{{range .Rows}}<tr{{if .Class}} class="{{.Class}}"{{end}}><td>{{.Time}}</td><td>{{.Step}}</td><td>{{.What}}</td><td>{{.Text}}</td></tr>
{{end}}</table>
{{if .Left}}<p>{{.Left}} more records are in audit.ndjson.</p>{{end}}
</html>
`))
