package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/bgverify/bgverify/runner"
)

// A HistoryEntry is one archived run as the history page shows it.
type HistoryEntry struct {
	ID      string
	Started time.Time
	Verdict runner.Verdict
	Cases   int
	Failed  int
	// Path of the run's report.html relative to the page; empty: no link.
	Path   string
	Pinned bool
	Suites []HistorySuite
	Loads  []HistoryRatio
	Causes []HistoryCause
}

// A HistorySuite is a suite's verdict in one run.
type HistorySuite struct {
	Name    string
	Verdict runner.Verdict
}

// A HistoryRatio is one whole-stage comparison of one run.
type HistoryRatio struct {
	Name                      string // stage and metric: evening peak p95
	Change, Low, High, Margin float64
	Verdict                   runner.Verdict
}

// A HistoryCause is a cause of one run. Causes with the same Key are the same
// cause in two runs.
type HistoryCause struct {
	Key, Text string
	Cases     int
}

// historyRuns is how many runs the page shows, the newest last.
const historyRuns = 50

// WriteHistory writes the static page over the archived runs: the verdict of
// each suite in each run, the ratios under load with their margins, and which
// causes are new, back after a gap, persist or are gone. Entries may come in any
// order.
func WriteHistory(w io.Writer, entries []HistoryEntry) error {
	runs := append([]HistoryEntry(nil), entries...)
	sort.SliceStable(runs, func(i, k int) bool {
		if !runs[i].Started.Equal(runs[k].Started) {
			return runs[i].Started.Before(runs[k].Started)
		}
		return runs[i].ID < runs[k].ID
	})
	left := max(0, len(runs)-historyRuns)
	v := historyOf(runs[left:])
	v.Left = left
	a := assets()
	b := bufio.NewWriter(w)
	b.WriteString("<!doctype html>\n")
	style := a.history
	if err := a.pages.ExecuteTemplate(b, "head", headView{Title: v.Title, CSP: fmt.Sprintf("default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'", integrity(style))}); err != nil {
		return fmt.Errorf("write the history page: %w", err)
	}
	b.WriteString("<style>" + style + "</style>\n")
	if err := a.pages.ExecuteTemplate(b, "history", v); err != nil {
		return fmt.Errorf("write the history page: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the history page: %w", err)
	}
	return nil
}

type historyView struct {
	Title  string
	Latest *historyRun
	Tally  string       // how many of the runs passed
	Span   string       // from the first to the last
	Runs   []historyRun // oldest first
	Newest []historyRun // newest first
	Suites []historyRow
	Ratios []ratioRow
	Causes []causeRow
	Left   int
}

type historyRun struct {
	ID, Started, Short, Path, Cases, Failed string
	Pinned                                  bool
	Verdict                                 verdictView
}

// A historyRow is a suite's verdicts, one cell a run.
type historyRow struct {
	Name  string
	Cells []cellView
}

type cellView struct {
	verdictView
	Title string
}

type ratioRow struct {
	Name, Last, Margin string
	Verdict            verdictView
	Plot               *plot
}

type causeRow struct {
	Text, State, Class, Since string
	Cells                     []string // cases in each run; empty: not there
}

func historyOf(runs []HistoryEntry) *historyView {
	v := &historyView{Title: "bgverify · no runs"}
	for i := range runs {
		r := &runs[i]
		v.Runs = append(v.Runs, historyRun{
			ID: visible(r.ID), Started: r.Started.UTC().Format("2006-01-02 15:04 UTC"), Short: r.Started.UTC().Format("2 Jan 15:04"), Path: r.Path,
			Cases: thousands(r.Cases), Failed: thousands(r.Failed), Pinned: r.Pinned, Verdict: viewOf(r.Verdict),
		})
	}
	if len(runs) == 0 {
		return v
	}
	v.Latest = &v.Runs[len(v.Runs)-1]
	passed := 0
	for i := range runs {
		if runs[i].Verdict == runner.Pass {
			passed++
		}
	}
	v.Tally = fmt.Sprintf("%d of %s passed", passed, plural(len(runs), "run", "runs"))
	v.Span = v.Latest.Short
	if len(runs) > 1 {
		v.Span = v.Runs[0].Short + " to " + v.Latest.Short
	}
	v.Newest = slices.Clone(v.Runs)
	slices.Reverse(v.Newest)
	v.Title = fmt.Sprintf("%s: last of %s · bgverify", runs[len(runs)-1].Verdict, plural(len(runs), "run", "runs"))
	v.suites(runs)
	v.ratios(runs)
	v.causes(runs)
	return v
}

// names lists what occurs in runs, in order of first appearance.
func names(runs []HistoryEntry, of func(*HistoryEntry) []string) []string {
	seen := map[string]bool{}
	var out []string
	for i := range runs {
		for _, name := range of(&runs[i]) {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

func (v *historyView) suites(runs []HistoryEntry) {
	all := names(runs, func(r *HistoryEntry) []string {
		var out []string
		for _, s := range r.Suites {
			out = append(out, s.Name)
		}
		return out
	})
	for _, name := range all {
		row := historyRow{Name: visible(name)}
		for i := range runs {
			cell := cellView{verdictView{"·", "not run", "v-none"}, v.Runs[i].Started}
			for _, s := range runs[i].Suites {
				if s.Name == name {
					cell.verdictView = viewOf(s.Verdict)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		v.Suites = append(v.Suites, row)
	}
}

func (v *historyView) ratios(runs []HistoryEntry) {
	all := names(runs, func(r *HistoryEntry) []string {
		var out []string
		for _, l := range r.Loads {
			out = append(out, l.Name)
		}
		return out
	})
	for n, name := range all {
		points := make([]*HistoryRatio, len(runs))
		var last *HistoryRatio
		for i := range runs {
			for k := range runs[i].Loads {
				if runs[i].Loads[k].Name == name {
					points[i] = &runs[i].Loads[k]
					last = points[i]
				}
			}
		}
		v.Ratios = append(v.Ratios, ratioRow{
			Name: visible(name), Last: signed(last.Change), Margin: percent(last.Margin), Verdict: viewOf(last.Verdict), Plot: sparkline(fmt.Sprintf("ratio-%d", n+1), name, points),
		})
	}
}

// sparkline draws one comparison over the runs: a point with its interval for
// each, the margin as a line. Zero is the dark line.
func sparkline(id, name string, points []*HistoryRatio) *plot {
	p := &plot{ID: id, Title: name, Width: 320, Height: 56}
	low, high := -0.02, 0.02
	for _, r := range points {
		if r != nil {
			low, high = math.Min(low, math.Max(r.Low, -0.9)), math.Max(high, math.Max(math.Min(r.High, 9), r.Margin))
		}
	}
	y := axis{low: low * 1.05, high: high * 1.05, from: 52, to: 4}
	x := axis{low: 0, high: math.Max(float64(len(points)-1), 1), from: 8, to: 312}
	p.line("ink", colorInk, "1", 0, y.at(0), 320, y.at(0))
	var margin pen
	for i, r := range points {
		if r == nil {
			continue
		}
		at := x.at(float64(i))
		margin.to(at-3, y.at(r.Margin))
		margin.to(at+3, y.at(r.Margin))
		class, color := "ink", colorInk
		if r.Verdict == runner.Fail {
			class, color = "fail", colorFail
		}
		p.line(class, color, "1.5", at, y.at(r.Low), at, y.at(r.High))
		p.Marks = append(p.Marks, plotMark{class, color, square(at, y.at(r.Change), 2.6)})
	}
	p.curve("dim", colorDim, "1", "3 2", &margin)
	p.Desc = "Green against blue in each run, with its interval; the dashed line is the margin."
	return p
}

func (v *historyView) causes(runs []HistoryEntry) {
	keys := names(runs, func(r *HistoryEntry) []string {
		var out []string
		for _, c := range r.Causes {
			out = append(out, c.Key)
		}
		return out
	})
	last := len(runs) - 1
	for _, key := range keys {
		row := causeRow{Cells: make([]string, len(runs))}
		firstRun := -1
		for i := range runs {
			for _, c := range runs[i].Causes {
				if c.Key == key {
					row.Text, row.Cells[i] = visible(c.Text), thousands(c.Cases)
					if firstRun < 0 {
						firstRun = i
					}
				}
			}
		}
		since := last // without a gap
		for since > firstRun && row.Cells[last] != "" && row.Cells[since-1] != "" {
			since--
		}
		switch {
		case row.Cells[last] == "":
			row.State, row.Class, since = "gone", "dim", firstRun
		case firstRun == last:
			row.State, row.Class = "new", "v-fail"
		case since == last:
			row.State, row.Class = "back", "v-fail"
		default:
			row.State, row.Class = "persists", "v-doubt"
		}
		row.Since = v.Runs[since].Short
		v.Causes = append(v.Causes, row)
	}
	order := map[string]int{"new": 0, "back": 1, "persists": 2, "gone": 3}
	sort.SliceStable(v.Causes, func(i, k int) bool { return order[v.Causes[i].State] < order[v.Causes[k].State] })
}
