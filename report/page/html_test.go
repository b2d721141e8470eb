package page

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// renderPage writes the page of a run as the report does: its cases in one pass.
func renderPage(t testing.TB, opts Options, run *run.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	src := source.New(run)
	h := New(w, src, opts)
	if err := h.Begin(); err != nil {
		t.Fatal(err)
	}
	for c, err := range src.Cases() {
		if err == nil {
			err = h.Add(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(h.End(), w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func failingRun(cases int) *run.Run {
	return reporttest.Run(reporttest.Options{Seed: 1, Cases: cases, Differ: 0.05, Suites: 3, Loads: 2, Worse: true, Odd: true})
}

// between is what a page holds between two texts.
func between(t *testing.T, page []byte, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(page), from)
	if !ok {
		t.Fatalf("the page holds no %q", from)
	}
	inside, _, ok := strings.Cut(rest, to)
	if !ok {
		t.Fatalf("nothing ends what %q begins", from)
	}
	return inside
}

func unpack(t *testing.T, text string, into any) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestPagePolicy(t *testing.T) {
	page := renderPage(t, Options{}, failingRun(200))
	csp := strings.ReplaceAll(between(t, page, `Content-Security-Policy" content="`, `"`), "&#39;", "'")
	csp = strings.ReplaceAll(csp, "&#43;", "+")
	style, script := between(t, page, "<style>", "</style>"), between(t, page, "<script>", "</script>")
	if want := policy(style, script); csp != want {
		t.Errorf("got policy %s, want %s", csp, want)
	}
	for _, bad := range []string{" style=", " onclick=", "javascript:", "<link", " src="} {
		if bytes.Contains(page, []byte(bad)) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestSplitPage(t *testing.T) {
	page := renderPage(t, Options{Split: true}, failingRun(20))
	if bytes.Contains(page, []byte("<style>")) || bytes.Contains(page, []byte("use strict")) {
		t.Error("the split page holds its assets")
	}
	files := Assets()
	for _, name := range []string{StyleFile, ScriptFile} {
		if len(files[name]) == 0 || !bytes.Contains(page, []byte(`"`+name+`"`)) {
			t.Errorf("the split page does not load %s of %d bytes", name, len(files[name]))
		}
	}
}

// TestPageSizes holds G3: bytes of an equal case, and of the page.
func TestPageSizes(t *testing.T) {
	equal := len(renderPage(t, Options{}, reporttest.Run(reporttest.Options{Seed: 1, Cases: 3000})))
	none := len(renderPage(t, Options{}, reporttest.Run(reporttest.Options{Seed: 1})))
	each := float64(equal-none) / 3000
	page := len(renderPage(t, Options{}, reporttest.Run(reporttest.Options{Seed: 1, Cases: 10000, Differ: 0.03, Loads: 1, Worse: true})))
	t.Logf("%.1f bytes for an equal case, %d for a page of 10,000 cases with 3 %% differing", each, page)
	if each > 60 || page > 500_000 {
		t.Errorf("got %.1f bytes for an equal case and %d for the page, want at most 60 and 500,000", each, page)
	}
}

func TestPageData(t *testing.T) {
	run := failingRun(600)
	page := renderPage(t, Options{}, run)
	var table tableJSON
	text := between(t, page, `id="table-data">`, "</script>")
	unpack(t, text, &struct {
		*tableJSON
		BlueMS  []float64 `json:"blueMs"`
		GreenMS []float64 `json:"greenMs"`
	}{tableJSON: &table})
	if ids := strings.Split(table.IDs, "\n"); table.Rows != 600 || len(ids) != 600 || len(table.Verdicts) != 600 || len(table.Status) != 600 {
		t.Errorf("got %d rows, %d ids, %d verdicts, %d statuses, want 600 of each", table.Rows, len(ids), len(table.Verdicts), len(table.Status))
	}
	total := len(details(t, page))
	if total != len(table.Details) || total < run.End.Counts.Fail {
		t.Errorf("got %d details for %d rows, want one for each of at least %d", total, len(table.Details), run.End.Counts.Fail)
	}
}

// details unpacks the details of a page, chunk by chunk.
func details(t *testing.T, page []byte) []caseDetail {
	t.Helper()
	var table struct{ Chunks []int }
	unpack(t, between(t, page, `id="table-data">`, "</script>"), &table)
	text := between(t, page, `id="detail-data">`, "</script>")
	var all []caseDetail
	for i, at := range table.Chunks {
		end := len(text)
		if i+1 < len(table.Chunks) {
			end = table.Chunks[i+1]
		}
		var chunk []caseDetail
		unpack(t, text[at:end], &chunk)
		all = append(all, chunk...)
	}
	return all
}

// TestPageCap: bodies that would make the page too large are left out, and the page says so.
func TestPageCap(t *testing.T) {
	r := reporttest.Run(reporttest.Options{Seed: 1, Cases: 300, Differ: 1})
	inner := r.Pair
	big := strings.Repeat("x", maxInline)
	r.Pair = func(key string) (*run.Pair, error) {
		p, err := inner(key)
		if p != nil {
			p.Green.Answer = append(p.Green.Answer, big...)
		}
		return p, err
	}
	page := renderPage(t, Options{}, r)
	if len(page) > 15<<20 {
		t.Errorf("the page takes %d bytes", len(page))
	}
	if !bytes.Contains(page, []byte("without bodies: the page")) {
		t.Error("the page does not say that it leaves bodies out")
	}
	large := 0
	for _, d := range details(t, page) {
		for _, step := range d.Steps {
			if strings.Contains(step.Left, "larger than 64 KiB") {
				large++
			}
		}
	}
	if large == 0 {
		t.Error("no step says that its body is too large")
	}
}

func TestTraceLinks(t *testing.T) {
	for _, tt := range []struct{ template, want string }{
		{"https://traces.example.com/t/{trace_id}", "https://traces.example.com/t/4bf92f"},
		{"javascript:alert('{trace_id}')", ""},
	} {
		page := renderPage(t, Options{TraceURL: tt.template}, failingRun(60))
		if bytes.Contains(page, []byte("javascript:")) {
			t.Errorf("template %s is in the page", tt.template)
		}
		links := 0
		for _, d := range details(t, page) {
			for _, step := range d.Steps {
				for i, link := range step.Links {
					if tt.want == "" && link != "" || tt.want != "" && !strings.HasPrefix(link, tt.want) {
						t.Errorf("template %s: trace %s has link %q", tt.template, step.Traces[i], link)
					}
					links++
				}
			}
		}
		if links == 0 {
			t.Errorf("template %s: no trace in the page", tt.template)
		}
	}
}

// A case that did not pass is on the page once: what the list for readers without
// scripts holds of it is a line and one command.
func TestCaseLines(t *testing.T) {
	run := failingRun(600)
	page := renderPage(t, Options{}, run)
	list := between(t, page, `<ol class="case-lines">`, "</ol>")
	if n, failed := strings.Count(list, "<li>"), run.End.Counts.Fail; n < min(mostLines, failed) || n > mostLines {
		t.Errorf("got %d lines for %d failed cases", n, failed)
	}
	for line := range strings.SplitSeq(list, "</li>") {
		if n := strings.Count(line, "curl "); n > 1 {
			t.Errorf("a line holds %d commands: %s", n, line)
		}
	}
	if strings.Contains(list, "<table") || !strings.Contains(list, "curl ") {
		t.Errorf("the list is not one of lines with a command: %.500s", list)
	}
}

// The script names verdicts and kinds of rows in the order of their numbers here.
func TestScriptNamesNumbers(t *testing.T) {
	script := assets().script
	var verdicts, marks []string
	for v := run.Verdict(1); v <= run.Incomplete; v++ {
		verdicts, marks = append(verdicts, v.String()), append(marks, words.Mark(v))
	}
	quoted := func(list []string) string { return `["", "` + strings.Join(list, `", "`) + `"]` }
	for _, want := range []string{"VERDICTS = " + quoted(verdicts), "MARKS = " + quoted(marks)} {
		if !strings.Contains(script, want) {
			t.Errorf("the script does not hold %s", want)
		}
	}
	rows := map[rowMark]string{
		rowSame: "same", rowChanged: "changed", rowAdded: "added", rowRemoved: "removed",
		rowIgnored: "ignored", rowMoved: "moved", rowFold: "fold", rowTitle: "title",
	}
	_, list, _ := strings.Cut(script, "const ROWS = [")
	got := regexp.MustCompile(`\["(\w+)"`).FindAllStringSubmatch(list[:strings.Index(list, "];")], -1)
	for mark, name := range rows {
		if len(got) != len(rows) || got[mark][1] != name {
			t.Errorf("row %d is not %s in ROWS %q", mark, name, got)
		}
	}
}

func TestKnownCauses(t *testing.T) {
	known := func(c cause.Cause) (string, bool) { return "run <7>", c.ID == 0 }
	page := string(renderPage(t, Options{Known: known}, failingRun(200)))
	for _, want := range []string{"known since run &lt;7&gt;", ">new</span>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}

func TestPlots(t *testing.T) {
	page := renderPage(t, Options{}, reporttest.Run(reporttest.Options{Seed: 1, Cases: 10, Loads: 1}))
	svgs := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(page, -1)
	if len(svgs) != 4 {
		t.Fatalf("got %d plots, want 4", len(svgs))
	}
	for _, svg := range svgs {
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) || bytes.Contains(svg, []byte("style")) {
			t.Errorf("a plot holds NaN, Inf or a style: %.300s", svg)
		}
	}
	// A stage without requests, without change and with one bucket draws nothing wrong.
	r := reporttest.Run(reporttest.Options{Seed: 1, Cases: 10, Loads: 1})
	r.Loads[0].Series = &run.Series{BucketS: 2, Buckets: []run.Bucket{{}}, Percentiles: []run.PercPoint{{Q: 0.5}}}
	r.Loads[0].Comparisons = r.Loads[0].Comparisons[:1]
	r.Loads[0].Comparisons[0].Low, r.Loads[0].Comparisons[0].High = -1, 1e12
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(renderPage(t, Options{}, r), -1) {
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("an empty stage draws NaN or Inf: %s", svg)
		}
	}
}

// What differs under load has its rows on the page, next to the stage's figures.
func TestCausesUnderLoad(t *testing.T) {
	r := reporttest.Run(reporttest.Options{Seed: 1, Cases: 10, Loads: 1})
	r.Loads[0].Judging = &run.LoadJudging{Causes: []run.LoadCause{
		{Cause: cause.Cause{Kind: diff.TypeChanged, Where: diff.InBody, Path: "$.price", Edit: "number -> string", Cases: 1200}, Blocks: 2},
	}}
	page := renderPage(t, Options{}, r)
	for _, want := range []string{"difference under load", "$.price", "1,200", "2 or more"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}

// tableJSON is the table in the page's data, as columns.write writes it.
type tableJSON struct {
	Run      string        `json:"run"`
	Suites   []columnSuite `json:"suites"`
	Rows     int           `json:"rows"`
	IDs      string        `json:"ids"`
	Names    string        `json:"names"`
	Paths    string        `json:"paths"`
	Verdicts string        `json:"verdicts"`
	Methods  []string      `json:"methods"`
	Method   []int32       `json:"method"`
	Statuses []string      `json:"statuses"`
	Status   []int32       `json:"status"`
	TagSets  []string      `json:"tagSets"`
	Tags     []int32       `json:"tags"`
	BlueMS   []rounded     `json:"blueMs"`
	GreenMS  []rounded     `json:"greenMs"`
	Flaky    []int         `json:"flaky"`
	Kinds    [][]any       `json:"kinds"`
	Causes   [][]int       `json:"causes"`
	Details  []int         `json:"details"`
	Chunk    int           `json:"chunk"`
	Chunks   []int         `json:"chunks"` // where each chunk of details begins in their text
	Sides    [2]string     `json:"sides"`
	Demo     string        `json:"demo,omitempty"` // the command that its cases are run by
}
