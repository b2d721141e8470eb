package archive_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// TestRebuildFromRealRunJSON holds the history to the run.json that the report
// renders: rebuilt from it, the history is the same byte for byte.
func TestRebuildFromRealRunJSON(t *testing.T) {
	root := t.TempDir()
	w, err := archive.Create(root, archive.Options{Suite: "stb"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	started := w.Started()
	sides := run.Sides{Blue: run.SideHead{URL: "http://blue"}, Green: run.SideHead{URL: "http://green", Identity: map[string]string{"v": "2"}}}
	events := []run.Event{
		{Begin: &run.Header{
			Schema: 1, ID: w.ID(), Started: started, Sides: sides, Planned: run.Planned{Cases: 1, Loads: 1},
			Suites: []run.SuiteHead{
				{Name: "a", Service: "epg", Owner: "tv", Wave: 2, Gate: "required", Cases: 1, Loads: 1},
				{Name: "b", Gate: "advisory"},
			},
		}},
		{Case: &run.CaseResult{ID: "a/x", Name: "x", Verdict: run.Fail}},
		{Load: &run.LoadResult{Name: "peak", Verdict: run.Pass, Comparisons: []perf.Comparison{
			{Metric: perf.P95, Role: perf.Gate, Blue: 0.01, Green: 0.02, Outcome: perf.NoWorse},
			{Metric: perf.P95, Role: perf.Guard, Route: "GET /a", Outcome: perf.NoWorse},
		}}},
		{End: &run.End{
			Verdict: run.Fail, Reasons: []string{"a <b> & c"}, ElapsedMS: 1234.5, Sides: sides,
			Suites: []run.SuiteEnd{{Verdict: run.Fail, Counts: run.Counts{Cases: 1, Fail: 1}}, {Verdict: run.Skip}},
			Counts: run.Counts{Cases: 1, Fail: 1},
			Causes: []cause.Cause{{Kind: diff.Changed, Where: diff.InBody, Severity: diff.OtherValue, Path: "$.a", Edit: "x", Count: 1, Cases: 1, Examples: []string{"a/x"}, Rule: "- at: $.a"}},
		}},
	}
	for _, ev := range events {
		if err := w.Emit(ev); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.Run()
	if err != nil {
		t.Fatal(err)
	}
	format, _ := report.Lookup("json")
	if err := w.WriteFile(archive.RunFile, func(to io.Writer) error { return format.Write(to, r) }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, history.HistoryFile)
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if found, unreadable, err := archive.RebuildHistory(root, archive.Options{}); err != nil || found != 1 || len(unreadable) > 0 {
		t.Fatalf("rebuilt %d, %v, %v", found, unreadable, err)
	}
	after, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Errorf("before %s\nafter  %s", before, after)
	}
	folder, err := archive.Open(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	answer := archive.Gate{MaxAge: time.Hour, Now: started.Add(time.Minute), GreenBuild: "2"}.Check(folder)
	if answer.Verdict != run.Fail {
		t.Errorf("gate: %+v", answer)
	}
}
