package page

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

// historyEntries are 60 hourly runs of one pair of sides: cause a in every run
// since the first, b new, c back, d gone.
func historyEntries() []HistoryEntry {
	var entries []HistoryEntry
	for i := range 60 {
		id := fmt.Sprintf("run-%02d", i)
		e := HistoryEntry{
			ID: id, Started: reporttest.Started.Add(time.Duration(i) * time.Hour), Verdict: run.Pass, Cases: 79, Path: id + "/report.html",
			Blue: "blue.example", Green: "green.example",
		}
		e.Suites = []HistorySuite{{"가입자", run.Pass}, {"<b>epg", run.Verdict(1 + i%5)}}
		e.Loads = []HistoryRatio{{Name: "저녁 피크 p95", Change: 0.01 * float64(i%7), Low: -0.02, High: 0.09, Margin: 0.1, Verdict: run.Pass}}
		e.Causes = []HistoryCause{{Key: "a", Text: "$.balance number -> string", Cases: 3}}
		if i == 59 {
			e.Causes = append(e.Causes, HistoryCause{"b", "status 200 -> 500", 1, 59, false}, HistoryCause{"c", "$.x", 1, 59, true})
		}
		if i == 50 {
			e.Causes = append(e.Causes, HistoryCause{"d", "$.y", 1, 50, false})
		}
		entries = append(entries, e)
	}
	return entries
}

func historyPage(t *testing.T, entries []HistoryEntry) string {
	t.Helper()
	var b, again bytes.Buffer
	if err := WriteHistory(&b, entries); err != nil {
		t.Fatal(err)
	}
	if err := WriteHistory(&again, entries); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("two renderings differ")
	}
	return b.String()
}

func TestHistory(t *testing.T) {
	page := historyPage(t, historyEntries())
	for _, want := range []string{
		">new<", ">back<", ">persists<", ">gone<", "0 of 79 cases did not pass", "60 of 60 runs passed. Newest run first", "35 older are not shown",
		"10 older are not on this page", "&lt;b&gt;epg", "가입자", "blue.example",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "<script") {
		t.Error("the page holds NaN or a script")
	}
	var b bytes.Buffer
	if err := WriteHistory(&b, nil); err != nil || !strings.Contains(b.String(), "No run is archived") {
		t.Errorf("no runs: error %v", err)
	}
}

// A cause says since when it is there, also where that run has no column, and
// one that is gone says when it was seen last; both link the run.
func TestHistorySince(t *testing.T) {
	entries := historyEntries()
	page := historyPage(t, entries)
	for _, c := range []struct {
		text, state string
		Result      int
		word        string
	}{
		{"$.balance number", "persists", 0, ""},
		{"status 200", "new", 59, ""},
		{"$.x", "back", 59, ""},
		{"$.y", "gone", 50, "last "},
	} {
		first := entries[c.Result]
		row := regexp.MustCompile(`(?s)<tr><th scope="row"><code>` + regexp.QuoteMeta(c.text) + `.*?</tr>`).FindString(page)
		want := fmt.Sprintf(`<a href="%s">%s%s</a>`, first.Path, c.word, first.Started.UTC().Format("2 Jan 2006 15:04"))
		if !strings.Contains(row, ">"+c.state+"<") || !strings.Contains(row, want) {
			t.Errorf("%s: got %.300s, want %s since %s", c.text, row, c.state, want)
		}
	}
}

// The newest run is the first column, columns have dates, and every cell of a run
// with a report links it.
func TestHistoryColumns(t *testing.T) {
	entries := historyEntries()
	entries[58].Path = ""
	page := historyPage(t, entries)
	columns := regexp.MustCompile(`<th scope="col" class="run">(.*?)</th>`).FindAllStringSubmatch(page, -1)
	if len(columns) != 2*historyRuns {
		t.Fatalf("got %d columns, want %d in each of 2 tables", len(columns), historyRuns)
	}
	for i, column := range columns[:historyRuns] {
		run := entries[59-i]
		if want := run.Started.UTC().Format("2 Jan<br>15:04"); !strings.Contains(column[1], want) || (run.Path != "") != strings.Contains(column[1], `href="`+run.Path+`"`) {
			t.Errorf("column %d is %s, want %s of %s", i, column[1], want, run.ID)
		}
	}
	row := regexp.MustCompile(`<tr><th scope="row">가입자</th>.*?</tr>`).FindString(page)
	cells := strings.Split(row, "<td")[1:]
	for i, cell := range cells {
		run := entries[59-i]
		if (run.Path != "") != strings.Contains(cell, `<a href="`+run.Path+`">`) || !strings.Contains(cell, run.Started.UTC().Format("2006-01-02 15:04")) {
			t.Errorf("cell %d is %s, want a link to %q", i, cell, run.Path)
		}
	}
}

// Runs of other sides or suites never share a table.
func TestHistoryGroups(t *testing.T) {
	var entries []HistoryEntry
	add := func(blue, green, suite string) {
		i := len(entries)
		entries = append(entries, HistoryEntry{
			ID: fmt.Sprint("r", i), Started: reporttest.Started.Add(time.Duration(i) * time.Hour), Verdict: run.Pass,
			Blue: blue, Green: green, Suites: []HistorySuite{{suite, run.Pass}},
		})
	}
	for range 3 {
		add("stage-b", "stage-g", "epg")
		add("b", "g", "epg")
		add("g", "b", "epg")
		add("b", "g", "billing")
	}
	v := historyOf(entries)
	var got []string
	for _, g := range v.Groups {
		got = append(got, fmt.Sprintf("%s %s %s %d", g.Blue, g.Green, g.Suites[0].Name, len(g.Runs)))
	}
	if want := "b g billing 3, g b epg 3, b g epg 3, stage-b stage-g epg 3"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range 2 * historyGroups {
		add(fmt.Sprint("b", i), "g", "epg")
	}
	if v := historyOf(entries); len(v.Groups) != historyGroups || v.MoreGroups != historyGroups+4 {
		t.Errorf("got %d groups and %d left out", len(v.Groups), v.MoreGroups)
	}
}
