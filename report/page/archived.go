package page

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
)

// Index renders index.html over the runs below root. A run is linked where its report.html
// is there, and marked where it is pinned.
func Index(root string) history.Render {
	return func(w io.Writer, entries []history.Entry) error {
		pins, err := history.Pins(root)
		if err != nil {
			return err
		}
		links := history.Links(entries)
		rows := make([]HistoryEntry, len(entries))
		for i := range entries {
			rows[i] = entryOf(&entries[i])
			rows[i].Pinned = slices.Contains(pins, entries[i].ID)
			report := path.Join(entries[i].Folder, "report.html")
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(report))); err == nil {
				rows[i].Path = report
			}
			for k, since := range links[i].Since {
				rows[i].Causes[k].Since, rows[i].Causes[k].Back = since, links[i].Back[k]
			}
		}
		return WriteHistory(w, rows)
	}
}

// entryOf is what the page shows of a line of the history.
func entryOf(e *history.Entry) HistoryEntry {
	row := HistoryEntry{
		ID: e.ID, Started: e.Started, Verdict: e.Verdict, Cases: e.Counts.Cases,
		Failed: e.Counts.Fail + e.Counts.Broken + e.Counts.Inconclusive, Blue: sideName(e.Sides.Blue.URL), Green: sideName(e.Sides.Green.URL),
	}
	for _, s := range e.Suites {
		row.Suites = append(row.Suites, HistorySuite{Name: s.Name, Verdict: s.Verdict})
		for _, l := range s.Loads {
			row.Loads = append(row.Loads, ratiosOf(&l)...)
		}
	}
	for _, c := range e.Causes {
		row.Causes = append(row.Causes, HistoryCause{Key: fmt.Sprintf("%q", history.KeyOf(c)), Text: source.CauseText(&c), Cases: c.Cases})
	}
	return row
}

// ratiosOf are the comparisons of a stage's quantiles.
func ratiosOf(l *history.EntryLoad) []HistoryRatio {
	var out []HistoryRatio
	for _, c := range l.Comparisons {
		if c.Metric == perf.P50 || c.Metric == perf.P95 || c.Metric == perf.P99 {
			out = append(out, HistoryRatio{
				Name: l.Name + " " + string(c.Metric), Change: c.Change, Low: c.Low, High: c.High, Margin: c.Margin,
				Verdict: words.OutcomeVerdict(c.Outcome),
			})
		}
	}
	return out
}

// sideName is what the page calls a side: its URL without the scheme, and of this
// machine without the port, which is another one in each run.
func sideName(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || (err == nil && ip.IsLoopback()) {
		return "this machine"
	}
	return u.Host + strings.TrimSuffix(u.Path, "/")
}
