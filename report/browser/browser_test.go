//go:build browser

// Package browser opens generated reports in headless Chromium and holds them
// to the figures of the report. It needs node, npm and Debian's chromium; the
// build tag keeps it out of `go test ./...`.
package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

// A figure is one line of what check.mjs prints.
type figure struct {
	Figure string          `json:"figure"`
	Page   string          `json:"page"`
	Value  json.RawMessage `json:"value"`
	OK     bool            `json:"ok"`
	Note   string          `json:"note"`
}

func TestFigures(t *testing.T) {
	chromium := tool(t, "chromium", "chromium-browser", "google-chrome")
	tool(t, "node")
	out, err := filepath.Abs("out")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t)
	plan := pages(t, out)
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "cases.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "check.mjs", out, chromium)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Errorf("check.mjs: %v\n%s", err, stderr.Bytes())
	}
	lines := 0
	for s := bufio.NewScanner(bytes.NewReader(printed)); s.Scan(); {
		var f figure
		if err := json.Unmarshal(s.Bytes(), &f); err != nil {
			t.Fatalf("check.mjs printed %q: %v", s.Text(), err)
		}
		lines++
		t.Logf("%-12s %-40s %s  %s", f.Figure, f.Page, f.Value, f.Note)
		if !f.OK {
			t.Errorf("%s of %s: got %s, %s", f.Figure, f.Page, f.Value, f.Note)
		}
	}
	if lines < len(plan) {
		t.Errorf("check.mjs printed %d figures for %d steps", lines, len(plan))
	}
}

// tool finds a program, or skips with what is missing.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("none of %v is installed", names)
	}
	t.Skipf("none of %v is installed", names)
	return ""
}

// install puts the pinned packages where check.mjs finds them.
func install(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules/axe-core"); err == nil {
		return
	}
	if text, err := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, text)
	}
}

// A step is one thing for check.mjs to do.
type step map[string]any

// pages writes what the steps open.
func pages(t *testing.T, out string) []step {
	t.Helper()
	failing := reporttest.Options{Seed: 1, Cases: 10000, Differ: 0.03, Loads: 1, Worse: true, Odd: true}
	write(t, out, "10k.html", failing, page.Options{})
	services := reporttest.Options{Seed: 2, Cases: 5000, Sick: 9, Suites: 100, Loads: 1, Odd: true}
	write(t, out, "services.html", services, page.Options{})
	write(t, out, "pass.html", reporttest.Options{Seed: 3, Cases: 200, Loads: 1}, page.Options{})
	write(t, out, "empty.html", reporttest.Options{Seed: 3, Unfinished: true}, page.Options{})
	write(t, out, "split.html", reporttest.Options{Seed: 3, Cases: 200, Differ: 0.1, Loads: 1}, page.Options{Split: true})
	for name, text := range page.Assets() {
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(t, out, "wide.html", reporttest.Options{Seed: 5, Cases: 40, Differ: 0.5, Wide: 400}, page.Options{})
	writeHistory(t, out)
	payloads := reporttest.Payloads()
	write(t, out, "hostile.html", reporttest.Options{Seed: 4, Cases: len(payloads), Differ: 1, Texts: payloads}, page.Options{})
	plan := []step{
		{"do": "figures", "name": "10k.html", "cpuLimit": 0.30, "shot": "10k"},
		{"do": "weight", "name": "services.html"},
		{"do": "walk", "name": "wide.html", "differences": 401},
		{"do": "access", "name": "10k.html"},
		{"do": "access", "name": "services.html"},
		{"do": "access", "name": "pass.html"},
		{"do": "access", "name": "empty.html", "plain": true},
		{"do": "access", "name": "index.html", "plain": true, "shot": "history"},
		{"do": "first", "name": "10k.html", "viewport": step{"width": 1280, "height": 720}, "shot": "light"},
		{"do": "first", "name": "10k.html", "viewport": step{"width": 390, "height": 844}, "shot": "phone"},
		{"do": "first", "name": "services.html", "viewport": step{"width": 1280, "height": 720}, "shot": "services"},
		{"do": "first", "name": "services.html", "viewport": step{"width": 390, "height": 844}, "shot": "services-phone"},
		{"do": "jenkins", "name": "10k.html", "cases": 50},
		{"do": "hostile", "name": "hostile.html", "payloads": payloads},
		{"do": "print", "name": "10k.html"},
		{"do": "link", "name": "10k.html", "id": "account/case-00099"},
		{"do": "split", "name": "split.html"},
	}
	if os.Getenv("BGVERIFY_100K") != "" {
		failing.Cases = 100000
		write(t, out, "100k.html", failing, page.Options{})
		plan = append(plan, step{"do": "figures", "name": "100k.html", "cpuLimit": 1.0, "shot": "100k"})
	}
	return plan
}

// writeHistory writes the page over forty runs, some of which failed.
func writeHistory(t *testing.T, out string) {
	t.Helper()
	var entries []page.HistoryEntry
	for i := range 40 {
		e := page.HistoryEntry{ID: fmt.Sprintf("2026-11-%02d-stb", 1+i%28), Started: reporttest.Started.AddDate(0, 0, i), Verdict: run.Pass, Cases: 79, Path: "10k.html"}
		if i%9 == 5 {
			e.Verdict, e.Failed = run.Fail, 3+i%4
			e.Causes = append(e.Causes, page.HistoryCause{Key: "a", Text: "$.items[*].price number -> string", Cases: e.Failed})
		}
		if i == 39 {
			e.Verdict = run.Fail
			e.Causes = append(e.Causes, page.HistoryCause{Key: "b", Text: "status 200 -> 500", Cases: 1})
		}
		change := 0.01 * float64(i%6)
		e.Suites = []page.HistorySuite{{Name: "stb-catalogue", Verdict: e.Verdict}, {Name: "시청", Verdict: run.Pass}, {Name: "stb-purchase", Verdict: run.Verdict(1 + (i+1)%3)}}
		e.Loads = []page.HistoryRatio{
			{Name: "저녁 피크 p95", Change: change, Low: change - 0.03, High: change + 0.03, Margin: 0.1, Verdict: run.Pass},
			{Name: "저녁 피크 p99", Change: 3 * change, Low: 3*change - 0.06, High: 3*change + 0.06, Margin: 0.2, Verdict: run.Pass},
		}
		entries = append(entries, e)
	}
	f, err := os.Create(filepath.Join(out, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := page.WriteHistory(f, entries); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, out, name string, o reporttest.Options, opts page.Options) {
	t.Helper()
	f, err := os.Create(filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	format, ok := report.Lookup("html")
	if !ok {
		t.Fatal("no format html")
	}
	if err := report.WriteAll(reporttest.Run(o), []report.Output{{Format: format, W: f}}, opts); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}
