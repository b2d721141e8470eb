package page

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// A HistoryEntry is one archived run as the history page shows it.
type HistoryEntry struct {
	ID      string
	Started time.Time
	Verdict run.Verdict
	Cases   int
	Failed  int
	// Blue and Green name the sides. Runs of other sides or suites are shown apart.
	Blue, Green string
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
	Verdict run.Verdict
}

// A HistoryRatio is one whole-stage comparison of one run.
type HistoryRatio struct {
	Name                      string // stage and metric: evening peak p95
	Change, Low, High, Margin float64
	Verdict                   run.Verdict
}

// A HistoryCause is a cause of one run. Causes with the same Key are the same
// cause in two runs.
type HistoryCause struct {
	Key, Text string
	Cases     int
	Since     int  // index of the entry that first had it without a gap; the run's own: it is new or back
	Back      bool // an earlier run had it
}

// How much the page shows: groups of runs, runs of each, and runs of the list.
const (
	historyGroups = 8
	historyRuns   = 25
	historyList   = 50
)

// WriteHistory writes the static page over the archived runs. Runs of the same
// sides and suites are a group, the group of the newest run first: the verdict of
// each suite in each run, the ratios under load with their margins, and which causes
// are new, back after a gap, persist or are gone. Newer runs are to the left.
// Entries may come in any order.
func WriteHistory(w io.Writer, entries []HistoryEntry) error {
	v := historyOf(entries)
	a := assets()
	b := bufio.NewWriter(w)
	b.WriteString("<!doctype html>\n")
	style := a.history
	if err := a.pages.ExecuteTemplate(b, "head", headView{
		Title: v.Title,
		CSP:   fmt.Sprintf("default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'", integrity(style)),
	}); err != nil {
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

// A historyView is everything that history.tmpl shows.
type historyView struct {
	Title      string
	Latest     *historyRun
	Tally      string       // how many of all runs passed
	Groups     []groupView  // the group of the newest run first
	MoreGroups int          // left out
	Newest     []historyRun // newest first
	Left       int          // older than these
}

// A groupView is what the page shows of the runs of one pair of sides and the
// same suites.
type groupView struct {
	ID          string
	Blue, Green string
	Asked       string       // the suite, or how many
	Tally       string       // how many of the group's runs passed
	Left        int          // runs older than the columns
	Runs        []historyRun // columns, newest first
	Suites      []historyRow
	Ratios      []ratioRow
	Causes      []causeRow
}

// A historyRun is a run as a column or a line of the page. Path is empty where there is no report
// to link.
type historyRun struct {
	ID, Started, Day, Time, Path, Cases, Failed string
	Pinned                                      bool
	Verdict                                     verdictView
}

// A historyRow is a suite's verdicts, one cell a run.
type historyRow struct {
	Name  string
	Cells []cellView
}

// A cellView is one run's verdict in a row.
type cellView struct {
	verdictView
	Title, Path string
}

// A ratioRow is one comparison of a load stage through the runs.
type ratioRow struct {
	Name, Last, Margin string
	Verdict            verdictView
	Plot               *plot
}

// A causeRow is one cause through the runs, with what has become of it.
type causeRow struct {
	Text, State, Class, Since, Path string
	Cells                           []causeCell
}

// A causeCell is the number of cases in one run; empty: the cause was not there.
type causeCell struct{ Cases, Title, Path string }

// runView is a run in words.
func runView(r *HistoryEntry) historyRun {
	started := r.Started.UTC()
	return historyRun{
		ID: text.Visible(r.ID), Started: started.Format("2006-01-02 15:04 UTC"), Day: started.Format("2 Jan"), Time: started.Format("15:04"),
		Path:  r.Path,
		Cases: text.Thousands(r.Cases), Failed: text.Thousands(r.Failed), Pinned: r.Pinned, Verdict: viewOf(r.Verdict),
	}
}

// tallyOf says how many of the runs passed.
func tallyOf(runs []*HistoryEntry) string {
	passed := 0
	for _, r := range runs {
		if r.Verdict == run.Pass {
			passed++
		}
	}
	return fmt.Sprintf("%s of %s passed", text.Thousands(passed), text.Count(len(runs), "run"))
}

// historyOf lays out the page: runs newest first, then their groups.
func historyOf(entries []HistoryEntry) *historyView {
	v := &historyView{Title: "bgverify · no runs"}
	if len(entries) == 0 {
		return v
	}
	runs := make([]*HistoryEntry, len(entries)) // newest first
	for i := range entries {
		runs[i] = &entries[i]
	}
	sort.SliceStable(runs, func(i, k int) bool {
		if !runs[i].Started.Equal(runs[k].Started) {
			return runs[i].Started.After(runs[k].Started)
		}
		return runs[i].ID > runs[k].ID
	})
	for _, r := range runs[:min(len(runs), historyList)] {
		v.Newest = append(v.Newest, runView(r))
	}
	v.Left = len(runs) - len(v.Newest)
	v.Latest, v.Tally = &v.Newest[0], tallyOf(runs)
	v.Title = fmt.Sprintf("%s: last of %s · bgverify", runs[0].Verdict, text.Count(len(runs), "run"))
	groups := groupsOf(runs)
	v.MoreGroups = max(0, len(groups)-historyGroups)
	for i, group := range groups[:min(len(groups), historyGroups)] {
		v.Groups = append(v.Groups, groupOf(fmt.Sprintf("group-%d", i+1), group, entries))
	}
	return v
}

// groupsOf divides runs by their sides and suites and keeps their order.
func groupsOf(runs []*HistoryEntry) [][]*HistoryEntry {
	var groups [][]*HistoryEntry
	at := map[string]int{}
	for _, r := range runs {
		var key strings.Builder
		key.WriteString(fmt.Sprintf("%q %q", r.Blue, r.Green))
		for _, s := range r.Suites {
			key.WriteString(fmt.Sprintf(" %q", s.Name))
		}
		i, seen := at[key.String()]
		if !seen {
			i, at[key.String()] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// groupOf lays out one group. all are its runs, newest first; entries are those of the whole page,
// which the Since of causes refers to.
func groupOf(id string, all []*HistoryEntry, entries []HistoryEntry) groupView {
	runs := all[:min(len(all), historyRuns)]
	g := groupView{
		ID: id, Blue: text.Visible(all[0].Blue), Green: text.Visible(all[0].Green), Tally: tallyOf(all),
		Left: len(all) - len(runs),
	}
	if suites := all[0].Suites; len(suites) == 1 {
		g.Asked = text.Visible(suites[0].Name)
	} else {
		g.Asked = text.Count(len(suites), "suite")
	}
	for _, r := range runs {
		g.Runs = append(g.Runs, runView(r))
	}
	g.suites(runs)
	g.ratios(runs)
	g.causes(runs, entries)
	return g
}

// names lists what occurs in runs, in order of first appearance.
func names(runs []*HistoryEntry, of func(*HistoryEntry) []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range runs {
		for _, name := range of(r) {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// suites makes a row for each suite; all runs of a group have the same ones.
func (g *groupView) suites(runs []*HistoryEntry) {
	for k, suite := range runs[0].Suites {
		row := historyRow{Name: text.Visible(suite.Name)}
		for i, r := range runs {
			verdict := viewOf(r.Suites[k].Verdict)
			row.Cells = append(row.Cells, cellView{verdict, g.Runs[i].Started + ": " + verdict.Word, r.Path})
		}
		g.Suites = append(g.Suites, row)
	}
}

// ratio is the run's comparison of a name, the last of several; nil where it has none.
func (r *HistoryEntry) ratio(name string) *HistoryRatio {
	for k := range slices.Backward(r.Loads) {
		if r.Loads[k].Name == name {
			return &r.Loads[k]
		}
	}
	return nil
}

// ratios makes a row for each comparison that any of the runs has.
func (g *groupView) ratios(runs []*HistoryEntry) {
	all := names(runs, func(r *HistoryEntry) []string {
		var out []string
		for _, l := range r.Loads {
			out = append(out, l.Name)
		}
		return out
	})
	for n, name := range all {
		points := make([]*HistoryRatio, len(runs)) // newest first
		var last *HistoryRatio
		for i := len(runs) - 1; i >= 0; i-- {
			if points[i] = runs[i].ratio(name); points[i] != nil {
				last = points[i]
			}
		}
		g.Ratios = append(g.Ratios, ratioRow{
			Name: text.Visible(name), Last: words.Signed(last.Change), Margin: text.Percent(last.Margin), Verdict: viewOf(last.Verdict),
			Plot: sparkline(fmt.Sprintf("%s-ratio-%d", g.ID, n+1), name, points),
		})
	}
}

// sparkline draws one comparison over the runs: a point with its interval for
// each, the margin as a line. Zero is the dark line.
func sparkline(id, name string, points []*HistoryRatio) *plot {
	p := &plot{ID: id, Title: name, Width: 320, Height: 56}
	// The axis always shows two per cent to both sides, so that noise does not fill the plot.
	low, high := -0.02, 0.02
	for _, r := range points {
		if r != nil {
			low, high = math.Min(low, math.Max(r.Low, -0.9)), math.Max(high, math.Max(math.Min(r.High, 9), r.Margin))
		}
	}
	y := axis{low: low * 1.05, high: high * 1.05, from: 52, to: 4}
	x := axis{low: 0, high: math.Max(float64(len(points)-1), 1), from: 8, to: 312}
	p.line(inkText, "1", point{0, y.at(0)}, point{320, y.at(0)})
	var margin pen
	for i, r := range points {
		if r == nil {
			continue
		}
		at := x.at(float64(i))
		margin.to(at-3, y.at(r.Margin))
		margin.to(at+3, y.at(r.Margin))
		k := inkText
		if r.Verdict == run.Fail {
			k = inkFail
		}
		p.line(k, "1.5", point{at, y.at(r.Low)}, point{at, y.at(r.High)})
		p.Marks = append(p.Marks, plotMark{k.class, k.color, square(at, y.at(r.Change), 2.6)})
	}
	p.curve(inkDim, "1", "3 2", &margin)
	p.Desc = "Green against blue in each run, with its interval; the dashed line is the margin."
	return p
}

// causes makes a row for each cause, ordered by what became of it: new ones first.
func (g *groupView) causes(runs []*HistoryEntry, entries []HistoryEntry) {
	rows := map[string]*causeRow{}
	keys := names(runs, func(r *HistoryEntry) []string {
		var out []string
		for _, c := range r.Causes {
			out = append(out, c.Key)
		}
		return out
	})
	for _, key := range keys {
		rows[key] = &causeRow{Cells: make([]causeCell, len(runs))}
	}
	// Runs are walked from the newest: the first that has a cause says what has become of it.
	for i, r := range runs {
		for k := range r.Causes {
			c := &r.Causes[k]
			row := rows[c.Key]
			cases, seen := text.Thousands(c.Cases), text.Count(c.Cases, "case")
			if c.Cases == 0 { // setup and teardown are not cases
				cases, seen = "setup", "setup or teardown"
			}
			row.Cells[i] = causeCell{cases, g.Runs[i].Started + ": " + seen, r.Path}
			if row.State == "" { // the newest run that has it
				row.Text = text.Visible(c.Text)
				row.state(i, r, c, entries)
			}
		}
	}
	for _, key := range keys {
		g.Causes = append(g.Causes, *rows[key])
	}
	order := map[string]int{"new": 0, "back": 1, "persists": 2, "gone": 3}
	sort.SliceStable(g.Causes, func(i, k int) bool { return order[g.Causes[i].State] < order[g.Causes[k].State] })
}

// state says what has become of a cause whose newest run is run i.
func (row *causeRow) state(i int, r *HistoryEntry, c *HistoryCause, entries []HistoryEntry) {
	first := &entries[c.Since]
	switch {
	case i > 0:
		row.State, row.Class, first = "gone", "dim", r
	case first != r:
		row.State, row.Class = "persists", "v-doubt"
	case c.Back:
		row.State, row.Class = "back", "v-fail"
	default:
		row.State, row.Class = "new", "v-fail"
	}
	row.Since, row.Path = first.Started.UTC().Format("2 Jan 2006 15:04"), first.Path
	if row.State == "gone" {
		row.Since = "last " + row.Since
	}
}
