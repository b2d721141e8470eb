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
	"github.com/bgverify/bgverify/runner"
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

func sampleHeader(id string, cases int) *runner.Header {
	return &runner.Header{
		Schema: 1, ID: id, Tool: runner.Tool{Name: "bgverify", Version: "test"}, Started: testStart, Seed: 7,
		Sides:   runner.Sides{Blue: runner.SideHead{URL: "http://blue.test"}, Green: runner.SideHead{URL: "http://green.test"}},
		Suites:  []runner.SuiteHead{{Name: "stb", File: "stb.yaml", Service: "epg", Owner: "tv", Gate: "required", Cases: cases, Loads: 1}},
		Planned: runner.Planned{Cases: cases, Loads: 1}, Flags: []string{"--no-load"},
	}
}

func sampleCase(i int) *runner.CaseResult {
	id := fmt.Sprintf("stb/case-%03d", i)
	return &runner.CaseResult{
		Index: i, ID: id, Name: "케이스 " + id, Verdict: runner.Fail, Requests: runner.PerSide{Blue: 1, Green: 1},
		Steps: []runner.StepResult{{
			Name: "get", Verdict: runner.Fail, Exchange: runner.PairKey(id, "get", ""),
			Blue: &runner.SideResult{Status: 200, Method: "GET", URL: "http://blue.test/a", Attempts: 1},
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

func sampleLoad() *runner.LoadResult {
	return &runner.LoadResult{
		Name: "evening peak", Verdict: runner.Pass, Rate: 50, Seconds: 10, Records: "load/evening-peak.bin",
		Comparisons: []perf.Comparison{{Metric: perf.P95, Role: perf.Gate, Change: 0.01, Outcome: perf.NoWorse}},
		Series:      &runner.Series{BucketS: 1},
	}
}

func sampleEnd(v runner.Verdict, cases int) *runner.End {
	return &runner.End{
		ElapsedMS: 1500, Verdict: v, Reasons: []string{"green differs"},
		Sides:  sampleHeader("", 0).Sides,
		Suites: []runner.SuiteEnd{{Verdict: v, Counts: runner.Counts{Cases: cases, Fail: cases}}},
		Counts: runner.Counts{Cases: cases, Fail: cases},
		Causes: []cause.Cause{{ID: 0, Kind: diff.TypeChanged, Where: diff.InBody, Path: "$.price", Edit: "number -> string", Severity: diff.Type, Count: cases, Cases: cases, Examples: []string{"stb/case-000"}}},
	}
}

// emitCases emits everything of a run but its beginning and end.
func emitCases(w *Writer, from, to int) error {
	for i := from; i < to; i++ {
		c := sampleCase(i)
		events := []runner.Event{
			{Intent: &runner.Intent{Case: c.ID}},
			{Pair: &runner.Pair{Key: c.Steps[0].Exchange, Blue: sampleExchange("blue", i), Green: sampleExchange("green", i)}},
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
func writeRunJSON(to io.Writer, run *runner.Run) error {
	type suite struct {
		runner.SuiteHead
		Verdict runner.Verdict       `json:"verdict"`
		Counts  runner.Counts        `json:"counts"`
		Cases   []*runner.CaseResult `json:"cases"`
		Loads   []runner.LoadResult  `json:"loads"`
	}
	doc := struct {
		Schema  int            `json:"schema"`
		ID      string         `json:"id"`
		Started time.Time      `json:"started"`
		Elapsed float64        `json:"elapsed_ms"`
		Verdict runner.Verdict `json:"verdict"`
		Reasons []string       `json:"reasons"`
		Sides   runner.Sides   `json:"sides"`
		Counts  runner.Counts  `json:"counts"`
		Suites  []suite        `json:"suites"`
		Causes  []cause.Cause  `json:"causes"`
	}{1, run.Header.ID, run.Header.Started, run.End.ElapsedMS, run.End.Verdict, run.End.Reasons, run.End.Sides, run.End.Counts, nil, run.End.Causes}
	for i, h := range run.Header.Suites {
		s := suite{SuiteHead: h, Verdict: run.End.Suites[i].Verdict, Counts: run.End.Suites[i].Counts}
		for c, err := range run.Cases {
			if err != nil {
				return err
			}
			s.Cases = append(s.Cases, c)
		}
		s.Loads = run.Loads
		doc.Suites = append(doc.Suites, s)
	}
	return json.NewEncoder(to).Encode(doc)
}

// finishRun does what the command does at the end of a run.
func finishRun(w *Writer, v runner.Verdict, cases int) (string, error) {
	if err := w.Emit(runner.Event{End: sampleEnd(v, cases)}); err != nil {
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
	if err := w.Emit(runner.Event{Begin: sampleHeader(w.ID(), cases)}); err != nil {
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
	if err := w.Emit(runner.Event{Load: sampleLoad()}); err != nil {
		return path, "", err
	}
	digest, err = finishRun(w, runner.Fail, cases)
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
