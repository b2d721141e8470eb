package archive

import (
	"encoding/json"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// exportedOnly leaves out fields that a log cannot carry.
var exportedOnly = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && !token.IsExported(f.Name())
}, cmp.Ignore())

var testStart = time.Date(2026, 11, 23, 3, 12, 45, 678e6, time.UTC)

// testClock gives a time a second later at each call.
func testClock() func() time.Time {
	n := -1
	return func() time.Time { n++; return testStart.Add(time.Duration(n) * time.Second) }
}

func sampleHeader(id string, cases int) *run.Header {
	return &run.Header{
		Schema: 1, ID: id, Tool: run.Tool{Name: "bgverify", Version: "test"}, Started: testStart, Seed: 7,
		Sides:   run.Sides{Blue: run.SideHead{URL: "http://blue.test"}, Green: run.SideHead{URL: "http://green.test"}},
		Suites:  []run.SuiteHead{{Name: "stb", File: "stb.yaml", Service: "epg", Owner: "tv", Gate: "required", Cases: cases, Loads: 1}},
		Planned: run.Planned{Cases: cases, Loads: 1}, Flags: []string{"--no-load"},
	}
}

func sampleCase(i int) *run.CaseResult {
	id := fmt.Sprintf("stb/case-%03d", i)
	return &run.CaseResult{
		Index: i, ID: id, Name: "케이스 " + id, Verdict: run.Fail, Requests: run.PerSide{Blue: 1, Green: 1},
		Steps: []run.StepResult{{
			Name: "get", Verdict: run.Fail, Exchange: run.PairKey(id, "get", ""),
			Blue: &run.SideResult{Status: 200, Method: "GET", URL: "http://blue.test/a", Attempts: 1},
			Differences: []diff.Difference{{
				Kind: diff.TypeChanged, Severity: diff.Type, Where: diff.InBody, Path: "$.price", BluePointer: "/price", GreenPointer: "/price",
				Blue: diff.Excerpt{Type: diff.NumberType, JSON: "12.50", Size: 5}, Green: diff.Excerpt{Type: diff.StringType, JSON: `"12.50"`, Size: 7},
			}},
			DifferencesTotal: 1,
		}},
	}
}

func sampleExchange(side string, i int) *wire.Exchange {
	return &wire.Exchange{
		Method: "GET", URL: "http://" + side + ".test/a?n=1", Sent: []wire.Field{{Name: "Host", Value: side}, {Name: "X-Raw", Value: "a\xffb"}},
		Started: testStart, Timing: wire.Timing{Total: 1234 * time.Microsecond}, Status: 200, Proto: "HTTP/1.1",
		Headers: []wire.Field{{Name: "Content-Type", Value: "application/json"}}, Answer: fmt.Appendf(nil, `{"price":%d,"side":%q}`, i/2, side),
		WireBytes: 20, Attempts: 1,
	}
}

func sampleLoad() *run.LoadResult {
	return &run.LoadResult{
		Name: "evening peak", Verdict: run.Pass, Rate: 50, Seconds: 10, Records: "load/evening-peak.bin",
		Comparisons: []perf.Comparison{{Metric: perf.P95, Role: perf.Gate, Change: 0.01, Outcome: perf.NoWorse}},
		Series:      &run.Series{BucketS: 1},
	}
}

func sampleEnd(v run.Verdict, cases int) *run.End {
	return &run.End{
		ElapsedMS: 1500, Verdict: v, Reasons: []string{"green differs"},
		Sides:  sampleHeader("", 0).Sides,
		Suites: []run.SuiteEnd{{Verdict: v, Counts: run.Counts{Cases: cases, Fail: cases}}},
		Counts: run.Counts{Cases: cases, Fail: cases},
		Causes: []cause.Cause{{ID: 0, Kind: diff.TypeChanged, Where: diff.InBody, Path: "$.price", Edit: "number -> string", Severity: diff.Type, Count: cases, Cases: cases, Examples: []string{"stb/case-000"}}},
	}
}

// emitCases emits everything of a run but its beginning and end.
func emitCases(w *Writer, from, to int) error {
	for i := from; i < to; i++ {
		c := sampleCase(i)
		events := []run.Event{
			{Intent: &run.Intent{Case: c.ID}},
			{Pair: &run.Pair{Key: c.Steps[0].Exchange, Blue: sampleExchange("blue", i), Green: sampleExchange("green", i)}},
			{Case: c},
		}
		for _, ev := range events {
			if err := w.Emit(ev); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeRunJSON renders run.json as the contract says, as far as the archive reads it.
func writeRunJSON(to io.Writer, r *run.Run) error {
	type suite struct {
		run.SuiteHead
		Verdict run.Verdict       `json:"verdict"`
		Counts  run.Counts        `json:"counts"`
		Cases   []*run.CaseResult `json:"cases"`
		Loads   []run.LoadResult  `json:"loads"`
	}
	doc := struct {
		Schema  int           `json:"schema"`
		ID      string        `json:"id"`
		Started time.Time     `json:"started"`
		Elapsed float64       `json:"elapsed_ms"`
		Verdict run.Verdict   `json:"verdict"`
		Stage   string        `json:"stage,omitempty"`
		Reasons []string      `json:"reasons"`
		Sides   run.Sides     `json:"sides"`
		Counts  run.Counts    `json:"counts"`
		Suites  []suite       `json:"suites"`
		Causes  []cause.Cause `json:"causes"`
	}{1, r.Header.ID, r.Header.Started, r.End.ElapsedMS, r.End.Verdict, r.Header.Stage, r.End.Reasons, r.End.Sides, r.End.Counts, nil, r.End.Causes}
	for i, h := range r.Header.Suites {
		s := suite{SuiteHead: h, Verdict: r.End.Suites[i].Verdict, Counts: r.End.Suites[i].Counts}
		for c, err := range r.Cases {
			if err != nil {
				return err
			}
			s.Cases = append(s.Cases, c)
		}
		s.Loads = r.Loads
		doc.Suites = append(doc.Suites, s)
	}
	return json.NewEncoder(to).Encode(doc)
}

// finishRun does what the command does at the end of a run.
func finishRun(w *Writer, v run.Verdict, cases int) (string, error) {
	if err := w.Emit(run.Event{End: sampleEnd(v, cases)}); err != nil {
		return "", err
	}
	return closeRun(w)
}

// closeRun renders the reports and finishes.
func closeRun(w *Writer) (string, error) {
	run, err := w.Run()
	if err != nil {
		return "", err
	}
	err = w.WriteFiles([]string{"run.json", "report.html"}, func(ws []io.Writer) error {
		if _, err := io.WriteString(ws[1], "<title>"+run.End.Verdict.String()+"</title>"); err != nil {
			return err
		}
		return writeRunJSON(ws[0], run)
	})
	if err != nil {
		return "", err
	}
	return w.Finish()
}

// wholeRun writes a run of some cases and finishes it.
func wholeRun(root string, opts Options, cases int) (path, digest string, err error) {
	w, err := Create(root, opts)
	if err != nil {
		return "", "", err
	}
	defer func() {
		if cerr := w.Close(); err == nil {
			err = cerr
		}
	}()
	path = w.Path()
	files := fstest.MapFS{"stb/suite.yaml": {Data: []byte("suite: stb\n")}}
	if err := w.CopyScenarios(files, []string{"stb/suite.yaml"}); err != nil {
		return path, "", err
	}
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), cases)}); err != nil {
		return path, "", err
	}
	if err := emitCases(w, 0, cases); err != nil {
		return path, "", err
	}
	rec, err := w.LoadFile("Evening peak")
	if err != nil {
		return path, "", err
	}
	if _, err := rec.Write(make([]byte, 100)); err != nil {
		return path, "", err
	}
	if err := rec.Close(); err != nil {
		return path, "", err
	}
	if err := w.Emit(run.Event{Load: sampleLoad()}); err != nil {
		return path, "", err
	}
	digest, err = finishRun(w, run.Fail, cases)
	return path, digest, err
}

func mustRun(t *testing.T, root string, opts Options, cases int) (path, digest string) {
	t.Helper()
	path, digest, err := wholeRun(root, opts, cases)
	if err != nil {
		t.Fatal(err)
	}
	return path, digest
}

func mustOpen(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readFile(t *testing.T, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
