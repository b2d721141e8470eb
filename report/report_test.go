package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

// failing is a run with everything that a report shows.
func failing(cases int) *run.Run {
	return reporttest.Run(reporttest.Options{Seed: 1, Cases: cases, Differ: 0.05, Suites: 3, Loads: 2, Worse: true, Odd: true})
}

func render(t *testing.T, name string, run *run.Run) []byte {
	t.Helper()
	f, ok := Lookup(name)
	if !ok {
		t.Fatalf("no format %s", name)
	}
	var b bytes.Buffer
	if err := f.Write(&b, run); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.Bytes()
}

// runs are those that every format must render.
func runs() map[string]*run.Run {
	return map[string]*run.Run{
		"failing":    failing(300),
		"passing":    reporttest.Run(reporttest.Options{Seed: 2, Cases: 30, Loads: 1}),
		"no cases":   reporttest.Run(reporttest.Options{Seed: 3}),
		"unfinished": reporttest.Run(reporttest.Options{Seed: 4, Cases: 20, Differ: 0.5, Unfinished: true}),
		"hostile":    reporttest.Run(reporttest.Options{Seed: 5, Cases: 40, Differ: 1, Texts: reporttest.Payloads()}),
		"nothing":    {},
	}
}

func TestSameRunSameBytes(t *testing.T) {
	again := runs()
	for name, run := range runs() {
		for _, f := range Formats {
			first, second := render(t, f.Name, run), render(t, f.Name, again[name])
			if !bytes.Equal(first, second) {
				t.Errorf("%s of the %s run: two renderings differ", f.Name, name)
			}
			if len(first) == 0 {
				t.Errorf("%s of the %s run is empty", f.Name, name)
			}
		}
	}
}

// TestOnePass holds WriteAll to what each format writes alone, and to one pass.
func TestOnePass(t *testing.T) {
	r := failing(400)
	passes := 0
	inner := r.Cases
	r.Cases = func(yield func(*run.CaseResult, error) bool) {
		passes++
		inner(yield)
	}
	outputs := make([]Output, len(Formats))
	texts := make([]bytes.Buffer, len(Formats))
	for i, f := range Formats {
		outputs[i] = Output{f, &texts[i]}
	}
	if err := WriteAll(r, outputs, page.Options{}); err != nil {
		t.Fatal(err)
	}
	if passes != 1 {
		t.Errorf("the cases were read %d times, want 1", passes)
	}
	for i, f := range Formats {
		if want := render(t, f.Name, failing(400)); !bytes.Equal(texts[i].Bytes(), want) {
			t.Errorf("%s differs when written beside others", f.Name)
		}
	}
}

// limited fails at byte n.
type limited struct{ n int }

var errFull = errors.New("no space left")

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		return l.n, errFull
	}
	l.n -= len(p)
	return len(p), nil
}

func TestWriterThatFails(t *testing.T) {
	run := reporttest.Run(reporttest.Options{Seed: 6, Cases: 8, Differ: 0.5, Loads: 1})
	for _, f := range Formats {
		size := len(render(t, f.Name, run))
		for n := 0; n < size; n += 1 + size/25 {
			if err := f.Write(&limited{n}, run); !errors.Is(err, errFull) {
				t.Fatalf("%s, writer that fails at byte %d of %d: got error %v", f.Name, n, size, err)
			}
		}
	}
	var text bytes.Buffer
	if err := Text(&text, run, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < text.Len(); n += 1 + text.Len()/200 {
		if err := Text(&limited{n}, run, TextOptions{}); !errors.Is(err, errFull) {
			t.Fatalf("text, writer that fails at byte %d: got error %v", n, err)
		}
	}
}

func TestOneFailingFormatKeepsTheOthers(t *testing.T) {
	run := failing(50)
	var good bytes.Buffer
	junit, _ := Lookup("junit")
	ctrf, _ := Lookup("ctrf")
	err := WriteAll(run, []Output{{junit, &limited{10}}, {ctrf, &good}}, page.Options{})
	if !errors.Is(err, errFull) || !strings.Contains(err.Error(), "junit") {
		t.Errorf("got error %v, want one that names junit", err)
	}
	if want := render(t, "ctrf", failing(50)); !bytes.Equal(good.Bytes(), want) {
		t.Error("the other format was not written whole")
	}
}

func TestErrorOfTheLog(t *testing.T) {
	r := failing(20)
	inner := r.Cases
	r.Cases = func(yield func(*run.CaseResult, error) bool) {
		n := 0
		inner(func(c *run.CaseResult, err error) bool {
			if n++; n == 10 {
				return yield(nil, errFull)
			}
			return yield(c, err)
		})
	}
	for _, f := range Formats {
		if err := f.Write(&bytes.Buffer{}, r); !errors.Is(err, errFull) {
			t.Errorf("%s: got error %v", f.Name, err)
		}
	}
}

// TestRunJSON holds run.json to the members of the contract.
func TestRunJSON(t *testing.T) {
	run := failing(600)
	var got map[string]any
	if err := json.Unmarshal(render(t, "json", run), &got); err != nil {
		t.Fatal(err)
	}
	has := func(where string, v any, names ...string) map[string]any {
		t.Helper()
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s is %T, want an object", where, v)
		}
		for _, name := range names {
			if _, ok := m[name]; !ok {
				t.Errorf("%s has no member %q", where, name)
			}
		}
		return m
	}
	has("run", got, "schema", "id", "tool", "started", "elapsed_ms", "seed", "verdict", "reasons", "sides", "counts", "coverage", "second_opinion", "audit", "suites", "causes", "rules")
	has("sides", got["sides"], "blue", "green")
	suites := got["suites"].([]any)
	if len(suites) != 3 {
		t.Fatalf("got %d suites, want 3", len(suites))
	}
	suite := has("suite", suites[0], "name", "file", "service", "owner", "gate", "verdict", "counts", "cases", "loads")
	load := has("load", suite["loads"].([]any)[0], "name", "verdict", "reason", "rate", "seconds", "blocks", "dropped", "comparisons", "errors", "generator")
	has("comparison", load["comparisons"].([]any)[0], "metric", "role", "blue", "green", "change", "low", "high", "margin", "mde", "outcome")
	cases, differences := 0, 0
	for _, s := range suites {
		for _, c := range s.(map[string]any)["cases"].([]any) {
			cases++
			m := has("case", c, "id", "name", "tags", "verdict", "elapsed_ms", "coverage", "steps")
			for _, step := range m["steps"].([]any) {
				sm := has("step", step, "name", "verdict", "blue", "green", "differences_total")
				list, _ := sm["differences"].([]any)
				for _, d := range list {
					differences++
					has("difference", d, "kind", "severity", "where", "path", "cause")
				}
			}
		}
	}
	if cases != 600 || differences == 0 {
		t.Errorf("got %d cases with %d differences, want 600 with some", cases, differences)
	}
	if bytes.Contains(render(t, "json", reporttest.Run(reporttest.Options{})), []byte("null")) {
		t.Error("an absent value is null")
	}
}

func TestUnfinishedRun(t *testing.T) {
	run := reporttest.Run(reporttest.Options{Seed: 4, Cases: 20, Differ: 0.5, Unfinished: true})
	var got struct {
		Verdict string
		Suites  []struct{ Verdict string }
	}
	if err := json.Unmarshal(render(t, "json", run), &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != "incomplete" || got.Suites[0].Verdict != "incomplete" {
		t.Errorf("got %+v, want incomplete everywhere", got)
	}
	page := string(render(t, "html", run))
	if !strings.Contains(page, "<title>INCOMPLETE:") || strings.Contains(page, "may shift to green") {
		t.Error("the page of an unfinished run does not say so")
	}
}

// TestOnlyPassSaysGo: no verdict but pass tells a reader that traffic may shift.
func TestOnlyPassSaysGo(t *testing.T) {
	for v := run.Verdict(0); v <= run.Incomplete; v++ {
		r := reporttest.Run(reporttest.Options{Seed: 2, Cases: 3})
		r.End.Verdict = v
		var text bytes.Buffer
		if err := Text(&text, r, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		says := map[string]string{"text": text.String(), "html": string(render(t, "html", r)), "markdown": string(render(t, "markdown", r)), "junit": string(render(t, "junit", r))}
		for name, s := range says {
			if got, want := strings.Contains(strings.ToLower(s), "traffic may shift"), v == run.Pass; got != want {
				t.Errorf("%s of verdict %s: says that traffic may shift: %v, want %v", name, v, got, want)
			}
		}
	}
}

func TestAnnotations(t *testing.T) {
	var b bytes.Buffer
	if err := Annotations(&b, reporttest.Run(reporttest.Options{Seed: 5, Cases: 200, Differ: 1, Texts: []string{"a\n::set-env name=x::y", "%0A,:"}})); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) == 0 || len(lines) > maxAnnotations {
		t.Errorf("got %d annotations, want 1 to %d", len(lines), maxAnnotations)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "::error file=scenarios/") {
			t.Errorf("got line %q", line)
		}
	}
	b.Reset()
	if err := Annotations(&b, reporttest.Run(reporttest.Options{Cases: 3})); err != nil || b.Len() > 0 {
		t.Errorf("a passing run: got %q, error %v", b.String(), err)
	}
}

func TestMarkdown(t *testing.T) {
	evil := []string{"@everyone", "a|b`c", "<img src=x>", "$x$ #1 [a](b)", "\u202e"}
	text := render(t, "markdown", reporttest.Run(reporttest.Options{Seed: 5, Cases: 3000, Differ: 1, Suites: 40, Loads: 3, Texts: evil}))
	if len(text) > maxMarkdown {
		t.Errorf("got %d bytes, want at most %d", len(text), maxMarkdown)
	}
	for _, bad := range []string{"@everyone", "a|b", "<img", "`", "](", "\u202e"} {
		if bytes.Contains(text, []byte(bad)) {
			t.Errorf("the summary holds %q as it came", bad)
		}
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") {
			t.Errorf("a row of a table does not end: %q", line)
		}
	}
}

func TestThousands(t *testing.T) {
	got := map[int]string{}
	for _, n := range []int{0, 7, 999, 1000, 12345, 1234567, -1234} {
		got[n] = text.Thousands(n)
	}
	want := map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -1234: "-1,234"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// BenchmarkAll renders 10,000 cases into every format at once.
func BenchmarkAll(b *testing.B) {
	r := reporttest.Run(reporttest.Options{Seed: 1, Cases: 10000, Differ: 0.03, Loads: 1, Worse: true, Odd: true})
	var cases []*run.CaseResult
	for c := range r.Cases {
		cases = append(cases, c)
	}
	r.Cases = func(yield func(*run.CaseResult, error) bool) {
		for _, c := range cases {
			if !yield(c, nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		outputs := make([]Output, len(Formats))
		for i, f := range Formats {
			outputs[i] = Output{f, &bytes.Buffer{}}
		}
		if err := WriteAll(r, outputs, page.Options{}); err != nil {
			b.Fatal(err)
		}
		if err := Text(&bytes.Buffer{}, r, TextOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// A run is rendered into several formats in one pass over its cases.
func ExampleWriteAll() {
	r := reporttest.Run(reporttest.Options{Seed: 1, Cases: 20, Differ: 0.2})
	var outputs []Output
	files := map[string]*bytes.Buffer{}
	for _, name := range []string{"json", "markdown"} {
		format, ok := Lookup(name)
		if !ok {
			panic("no format " + name)
		}
		files[format.File] = &bytes.Buffer{}
		outputs = append(outputs, Output{Format: format, W: files[format.File]})
	}
	if err := WriteAll(r, outputs, page.Options{}); err != nil {
		panic(err)
	}
	var doc struct{ Verdict string }
	if err := json.Unmarshal(files["run.json"].Bytes(), &doc); err != nil {
		panic(err)
	}
	headline, _, _ := strings.Cut(files["summary.md"].String(), "\n")
	fmt.Println(doc.Verdict)
	fmt.Println(headline)
	// Output:
	// fail
	// ## ✖ FAIL: do not shift traffic to green
}

func ExampleFormats() {
	for _, f := range Formats {
		fmt.Println(f.Name, f.File)
	}
	// Output:
	// json run.json
	// html report.html
	// junit junit.xml
	// ctrf ctrf.json
	// markdown summary.md
}
