package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// A caseView is a case that did not pass as the page shows it without scripts.
type caseView struct {
	ID, Name, At, Rerun string
	Verdict             verdictView
	Reasons             []string
	Steps               []stepView
}

type stepView struct {
	Name, Request, Lane, Left string
	Causes                    []int
	Expect, Notes             []string
	Rows                      []rowView
	Curl                      []string
	Traces                    []traceView
}

type traceView struct{ Side, ID, URL string }

// A rowView is a row of the pane: both texts in the three parts before, in and
// after what differs inside them.
type rowView struct {
	Class, Sign, Word, Note string
	Same, Title, Fold       bool
	Blue, Green             [3]string
}

// caseViewOf makes the view of a case from the panes of its steps.
func caseViewOf(s *pageRun, c *run.CaseResult, panes []paneStep) caseView {
	v := caseView{ID: text.Visible(c.ID), At: text.Visible(c.At), Verdict: viewOf(c.Verdict), Rerun: s.RerunCase(c.Suite, c.ID)}
	if !strings.HasSuffix(c.ID, c.Name) {
		v.Name = text.Visible(c.Name)
	}
	v.Reasons = each(c.Reasons, text.Visible)
	for i := range panes {
		p := &panes[i]
		sv := stepView{Name: text.Visible(p.step.Name), Lane: p.step.Lane, Request: text.Visible(stepLine(p.step)), Causes: p.causes, Left: p.left, Expect: each(p.expectation, text.Visible), Notes: each(p.step.Notes, text.Visible)}
		for _, r := range fold(p.rows, staticFolding) {
			sv.Rows = append(sv.Rows, rowViewOf(&r))
		}
		for k, line := range p.curls {
			if line != "" {
				sv.Curl = append(sv.Curl, "# "+[]string{"blue", "green"}[k]+"\n"+line)
			}
		}
		sv.Traces = s.traces(p.step)
		v.Steps = append(v.Steps, sv)
	}
	return v
}

func each(list []string, f func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}

func stepLine(step *run.StepResult) string {
	method, path := source.MethodPath(step)
	return strings.TrimSpace(method + " " + path)
}

// traces are the trace ids of a step's sides, with links where a template says how.
func (s *pageRun) traces(step *run.StepResult) []traceView {
	var out []traceView
	for i, side := range []*run.SideResult{step.Blue, step.Green} {
		if side == nil || side.TraceID == "" {
			continue
		}
		t := traceView{Side: []string{"blue", "green"}[i], ID: text.Visible(side.TraceID)}
		if traceID.MatchString(side.TraceID) && webURL.MatchString(s.opts.TraceURL) {
			t.URL = strings.ReplaceAll(s.opts.TraceURL, "{trace_id}", side.TraceID)
		}
		out = append(out, t)
	}
	return out
}

func rowViewOf(r *row) rowView {
	v := rowView{Sign: rowSigns[r.mark], Word: rowWords[r.mark], Note: text.Visible(r.note), Same: r.mark == rowSame || r.mark == rowMoved && r.blue == r.green, Title: r.mark == rowTitle, Fold: r.mark == rowFold}
	v.Class = [...]string{"same", "changed", "added", "removed", "ignored", "moved", "fold", "title"}[r.mark]
	indent := strings.Repeat("  ", r.depth)
	switch {
	case v.Fold:
		v.Note = ""
		v.Blue[0] = indent + text.Count(r.folded, "line") + " the same"
		switch r.note {
		case "":
		case rowWords[rowAdded], rowWords[rowRemoved]:
			v.Blue[0] = indent + text.Count(r.folded, "more line") + " " + r.note
		default:
			v.Blue[0] += " " + r.note
		}
	case r.mark == rowChanged || r.mark == rowIgnored:
		v.Blue, v.Green = apartText(text.Visible(r.blue), text.Visible(r.green))
		v.Blue[0], v.Green[0] = indent+v.Blue[0], indent+v.Green[0]
	default:
		v.Blue[0], v.Green[0] = text.Visible(r.blue), text.Visible(r.green)
		if v.Blue[0] != "" && !v.Title {
			v.Blue[0] = indent + v.Blue[0]
		}
		if v.Green[0] != "" && !v.Title {
			v.Green[0] = indent + v.Green[0]
		}
	}
	return v
}

// apartText splits two texts into what they begin with alike, what differs, and
// what they end with alike.
func apartText(a, b string) (x, y [3]string) {
	if a == "" || b == "" || a == b {
		return [3]string{a}, [3]string{b}
	}
	head := 0
	for head < len(a) && head < len(b) {
		ra, size := utf8.DecodeRuneInString(a[head:])
		rb, _ := utf8.DecodeRuneInString(b[head:])
		if ra != rb {
			break
		}
		head += size
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head {
		ra, size := utf8.DecodeLastRuneInString(a[:len(a)-tail])
		rb, _ := utf8.DecodeLastRuneInString(b[:len(b)-tail])
		if ra != rb || tail+size > len(a)-head || tail+size > len(b)-head {
			break
		}
		tail += size
	}
	return [3]string{a[:head], a[head : len(a)-tail], a[len(a)-tail:]}, [3]string{b[:head], b[head : len(b)-tail], b[len(b)-tail:]}
}

// detailOf is the same case as the page's script reads it.
func detailOf(s *pageRun, c *run.CaseResult, panes []paneStep) detailJSON {
	d := detailJSON{Reasons: each(c.Reasons, text.Visible), At: text.Visible(c.At), Rerun: s.RerunCase(c.Suite, c.ID), Steps: []detailStep{}}
	for i := range panes {
		p := &panes[i]
		step := detailStep{
			Name: text.Visible(p.step.Name), Lane: p.step.Lane, At: text.Visible(p.step.At), Verdict: p.step.Verdict.String(), Request: text.Visible(stepLine(p.step)),
			Reasons: each(p.step.Reasons, text.Visible), Expect: each(p.expectation, text.Visible), Notes: each(p.step.Notes, text.Visible), Causes: p.causes,
			Rows: rowsJSON(fold(p.rows, paneFolding)), Left: p.left,
		}
		if p.blueBody != "" || p.greenBody != "" {
			step.Raw = []string{p.blueBody, p.greenBody}
		}
		if p.curls[0] != "" || p.curls[1] != "" {
			step.Curl = p.curls[:]
		}
		for _, t := range s.traces(p.step) {
			step.Traces = append(step.Traces, t.Side+" "+t.ID)
			step.Links = append(step.Links, t.URL)
		}
		d.Steps = append(d.Steps, step)
	}
	return d
}

// mostRules is how many rules stand open on the page, those with the most hits
// first; one more click shows the others.
const mostRules = 12

// facts are what a reader needs to know of how the run was made.
func (p *pageView) facts(s *pageRun) {
	h, e, a := s.Head, &s.End, s.Audit()
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{Name: name, Value: value})
		}
	}
	add("tool", p.Tool)
	add("run", h.ID)
	add("started", h.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	add("took", words.Seconds(e.ElapsedMS/1000))
	add("judged again from", h.Parent)
	add("seed", fmt.Sprint(h.Seed))
	add("requests", fmt.Sprintf("%s to blue, %s to green", text.Thousands(e.Counts.Requests.Blue), text.Thousands(e.Counts.Requests.Green)))
	if c := e.Coverage; c.Mutants > 0 {
		add("coverage", fmt.Sprintf("%s of %s changed copies found (%s)", text.Thousands(c.Killed), text.Thousands(c.Mutants), words.Percent(float64(c.Killed)/float64(c.Mutants))))
		add("leaves of blue's bodies", fmt.Sprintf("%s, %s compared by value, %s by presence and type", text.Thousands(c.Leaves), text.Thousands(c.Compared), text.Thousands(c.Ignored)))
	}
	add("numbers", cmp.Or(s.TypedNumbers(), "compared by value: 1, 1.0 and 1e0 are equal"))
	for _, side := range []sideView{sideOf("blue", e.Sides.Blue), sideOf("green", e.Sides.Green)} {
		var text strings.Builder
		text.WriteString(side.URL)
		for _, id := range sortedFacts(side.identity) {
			text.WriteString(", " + id.Name + " " + id.Value)
		}
		if side.Protocol != "" {
			text.WriteString(", " + side.Protocol)
		}
		add(side.Name, text.String())
	}
	add("scenarios", strings.TrimSpace(a.ScenariosCommit+map[bool]string{true: " with changes"}[a.Dirty]))
	add("run by", a.Actor)
	add("CI", a.CI)
	add("ticket", a.Ticket)
	add("flags", strings.Join(h.Flags, " "))
	add("machine", strings.TrimSpace(fmt.Sprintf("%s %s/%s %d CPUs %s", h.Env.Hostname, h.Env.OS, h.Env.Arch, h.Env.CPUs, h.Env.Go)))
	for i := range p.Facts {
		p.Facts[i].Value = text.Visible(p.Facts[i].Value)
	}
	rules := slices.Clone(e.Rules)
	slices.SortStableFunc(rules, func(a, b run.RuleVisits) int { return b.Hits - a.Hits })
	for _, r := range rules {
		v := ruleView{At: text.Visible(r.At), Rule: text.Visible(r.Rule), Why: text.Visible(r.Why), Until: r.Until, Visits: text.Thousands(r.Visits), Hits: text.Thousands(r.Hits)}
		if r.Visits == 0 {
			v.Note = "matched nothing"
			p.IdleRules++
		}
		p.Rules = append(p.Rules, v)
	}
	if n := len(p.Rules); n > mostRules {
		p.Rules, p.MoreRules = p.Rules[:mostRules:mostRules], p.Rules[mostRules:]
	}
	p.Reproduce = s.Commands()
}
