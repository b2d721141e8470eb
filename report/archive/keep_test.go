package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// days is a clock that gives each run a day of its own, n days before testStart.
func dayClock(n int) func() time.Time {
	return func() time.Time { return testStart.AddDate(0, 0, -n) }
}

func TestPrune(t *testing.T) {
	root := t.TempDir()
	ids := []string{"d5", "d4", "d3", "d2", "d1", "d0"}
	for _, id := range ids {
		mustRun(t, root, Options{ID: id, Clock: dayClock(int(id[1] - '0'))}, 1)
	}
	left := func() string {
		t.Helper()
		var out []string
		names, err := history.RunNames(disk.OS{}, root)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			out = append(out, n[strings.LastIndexByte(n, '-')+1:])
		}
		return strings.Join(out, " ")
	}
	prune := func(r history.Retention) {
		t.Helper()
		r.Now = testStart
		if _, err := history.PruneFS(disk.OS{}, root, r); err != nil {
			t.Fatal(err)
		}
	}
	prune(history.Retention{})
	if got := left(); got != "d5 d4 d3 d2 d1 d0" {
		t.Errorf("no rule: %s", got)
	}
	if err := history.Pin(root, "d5"); err != nil {
		t.Fatal(err)
	}
	if err := history.Pin(root, "none"); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("pinned a run that is not there: %v", err)
	}
	prune(history.Retention{Keep: 2, Age: 80 * time.Hour, DryRun: true})
	prune(history.Retention{Keep: 2, Age: 80 * time.Hour}) // younger than 80 hours: d3, d2, d1, d0
	if got := left(); got != "d5 d3 d2 d1 d0" {
		t.Errorf("keep 2 or 80 hours, one pinned: %s", got)
	}
	running, err := Create(root, Options{ID: "d9", Clock: dayClock(9)})
	if err != nil {
		t.Fatal(err)
	}
	prune(history.Retention{Keep: 1})
	if got := left(); got != "d9 d5 d0" {
		t.Errorf("keep 1, one pinned, one running: %s", got)
	}
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	if err := history.Unpin(root, "d5"); err != nil {
		t.Fatal(err)
	}
	if err := history.PointLatest(disk.OS{}, root, runFolder(t, root, "d5")); err != nil {
		t.Fatal(err)
	}
	prune(history.Retention{Keep: 1})
	if got := left(); got != "d5 d0" {
		t.Errorf("latest goes nowhere: %s", got)
	}
	entries, _, err := history.Read(root)
	if err != nil || len(entries) != 6 {
		t.Errorf("the history lost its pruned runs: %d, %v", len(entries), err)
	}
	trash := filepath.Join(root, history.TrashPrefix+"x")
	if err := os.Mkdir(trash, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := history.Prune(root, 5, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(trash); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed prune left is still there: %v", err)
	}
	if err := history.Prune(root, -1, 0); err == nil {
		t.Error("a negative number")
	}
}

func runFolder(t *testing.T, root, id string) string {
	t.Helper()
	path, err := history.Resolve(root, id)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(path)
}

func TestHistory(t *testing.T) {
	root := t.TempDir()
	var pages []string
	index := func(w io.Writer, entries []history.Entry) error {
		var page strings.Builder
		for _, e := range entries {
			page.WriteString(e.ID + " " + e.Verdict.String() + "\n")
		}
		pages = append(pages, page.String())
		_, err := io.WriteString(w, page.String())
		return err
	}
	clock := testClock()
	mustRun(t, root, Options{ID: "a", Clock: clock, Index: index}, 1)
	_, digest := mustRun(t, root, Options{ID: "b", Clock: clock, Index: index}, 2)
	if got := readFile(t, root, history.IndexFile); got != "a fail\nb fail\n" {
		t.Errorf("index: %q", got)
	}
	entries, bad, err := history.Read(root)
	if err != nil || bad != 0 || len(entries) != 2 {
		t.Fatalf("%d entries, %d bad, %v", len(entries), bad, err)
	}
	want := history.Entry{
		ID: "b", Folder: runFolder(t, root, "b"), Started: testStart, ElapsedMS: 1500, Verdict: run.Fail,
		Reasons: []string{"green differs"}, Digest: digest, Sides: sampleHeader("", 0).Sides, Counts: run.Counts{Cases: 2, Fail: 2},
		Suites: []history.EntrySuite{{
			Name: "stb", Service: "epg", Owner: "tv", Gate: "required", Verdict: run.Fail, Counts: run.Counts{Cases: 2, Fail: 2},
			Loads: []history.EntryLoad{{Name: "evening peak", Verdict: run.Pass, Comparisons: sampleLoad().Comparisons}},
		}},
		Causes: sampleEnd(run.Fail, 2).Causes,
	}
	if d := cmp.Diff(want, entries[1], exportedOnly); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
	// Half a line, as a killed process leaves it, harms neither what is before nor behind it.
	name := filepath.Join(root, history.HistoryFile)
	whole := readFile(t, name)
	if err := os.WriteFile(name, []byte(whole+`{"id":"torn","fol`), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, root, Options{ID: "c", Clock: clock}, 1)
	if entries, bad, err := history.Read(root); err != nil || bad != 1 || len(entries) != 3 {
		t.Errorf("%d entries, %d bad, %v", len(entries), bad, err)
	}
	before, _, err := history.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	running := begun(t, root, 1) // has no place in the history yet
	defer running.Close()
	if found, unreadable, err := RebuildHistory(root, Options{Index: index}); err != nil || found != 3 || len(unreadable) > 0 {
		t.Fatalf("rebuilt %d, %v, %v", found, unreadable, err)
	}
	after, _, err := history.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, after, exportedOnly); d != "" {
		t.Errorf("rebuilt history (-before +after):\n%s", d)
	}
	if got := pages[len(pages)-1]; got != "a fail\nb fail\nc fail\n" {
		t.Errorf("index: %q", got)
	}
	if entries, _, err := history.Read(t.TempDir()); err != nil || entries != nil {
		t.Errorf("history of nothing: %v, %v", entries, err)
	}
}

func TestGate(t *testing.T) {
	root := t.TempDir()
	write := func(v run.Verdict) (string, string) {
		t.Helper()
		w := begun(t, root, 1)
		end := sampleEnd(v, 1)
		end.Sides.Green.Identity = map[string]string{"epg/version": "v2"}
		emitAll(t, w, run.Event{End: end})
		digest, err := closeRun(w)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return w.Path(), digest
	}
	path, digest := write(run.Pass)
	now := testStart.Add(time.Hour)
	for _, row := range []struct {
		name string
		gate Gate
		want run.Verdict
		say  string
	}{
		{"as it is", Gate{}, run.Pass, ""},
		{"its digest", Gate{Digest: digest}, run.Pass, ""},
		{"its digest without a prefix", Gate{Digest: strings.ToUpper(strings.TrimPrefix(digest, "sha256:"))}, run.Pass, ""},
		{"another digest", Gate{Digest: "sha256:00"}, run.Broken, "digest"},
		{"young", Gate{MaxAge: 2 * time.Hour}, run.Pass, ""},
		{"stale", Gate{MaxAge: 30 * time.Minute}, run.Broken, "stale"},
		{"from the future", Gate{Now: testStart.Add(-time.Hour), MaxAge: time.Hour}, run.Broken, "clock"},
		{"from the future, of any age", Gate{Now: testStart.Add(-time.Hour)}, run.Broken, "clock"},
		{"its build", Gate{GreenBuild: "v2"}, run.Pass, ""},
		{"another build", Gate{GreenBuild: "v3"}, run.Broken, "another build"},
		{"its service", Gate{Service: "epg"}, run.Pass, ""},
		{"another service", Gate{Service: "vod"}, run.Broken, "no required suite"},
	} {
		if row.gate.Now.IsZero() {
			row.gate.Now = now
		}
		got := row.gate.Check(mustOpen(t, path))
		if got.Verdict != row.want || row.say != "" && !strings.Contains(strings.Join(got.Reasons, "\n"), row.say) {
			t.Errorf("%s: %+v, want %s saying %q", row.name, got, row.want, row.say)
		}
	}
	again := &run.Run{Header: run.Header{Started: now, Answered: testStart}}
	if err := CheckAge(again, now, 30*time.Minute); err == nil || !strings.Contains(err.Error(), "stale") {
		t.Errorf("old answers judged again: %v", err)
	}
	failed, _ := write(run.Fail)
	if got := (Gate{Now: now}).Check(mustOpen(t, failed)); got.Verdict != run.Fail {
		t.Errorf("a failed run: %+v", got)
	}
	running := begun(t, root, 1)
	if got := (Gate{}).Check(mustOpen(t, running.Path())); got.Verdict != run.Broken {
		t.Errorf("a running run: %+v", got)
	}
	// A run.json rewritten together with its line in the manifest is caught by the log, and by the digest.
	forged := strings.Replace(readFile(t, failed, RunFile), `"verdict":"fail"`, `"verdict":"pass"`, 1)
	if err := os.WriteFile(filepath.Join(failed, RunFile), []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	f := mustOpen(t, failed)
	m, _, err := f.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	sum, _, err := digestFile(disk.OS{}, filepath.Join(failed, RunFile))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(m.Files, func(d FileDigest) bool { return d.Path == RunFile })
	manifest := strings.ReplaceAll(readFile(t, failed, ManifestFile), m.Files[i].SHA256, sum)
	manifest = strings.Replace(manifest, `"verdict": "fail"`, `"verdict": "pass"`, 1)
	if err := os.WriteFile(filepath.Join(failed, ManifestFile), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := (Gate{}).Check(mustOpen(t, failed)); got.Verdict != run.Broken || !strings.Contains(got.Reasons[0], "the log fail") {
		t.Errorf("a forged verdict: %+v", got)
	}
}

func TestScopedVerdict(t *testing.T) {
	ran := func(total run.Verdict, gates []run.GateResult, suites ...run.Verdict) *run.Run {
		r := &run.Run{End: run.End{Verdict: total, Reasons: []string{"of the run"}, Gates: gates}}
		for i, v := range suites {
			service := []string{"epg", "vod", "epg"}[i]
			r.Header.Suites = append(r.Header.Suites, run.SuiteHead{Name: fmt.Sprint("s", i), Service: service, Gate: "required"})
			r.End.Suites = append(r.End.Suites, run.SuiteEnd{Verdict: v})
		}
		return r
	}
	accounting := []run.GateResult{{Name: "accounting", Verdict: run.Broken}}
	equal := []run.GateResult{{Name: "responses equal", Verdict: run.Fail}, {Name: "load x p95", Verdict: run.Fail}}
	advisory := ran(run.Fail, nil, run.Pass, run.Fail, run.Fail)
	advisory.Header.Suites[2].Gate = "advisory"
	for _, row := range []struct {
		name string
		ran  *run.Run
		want run.Verdict
	}{
		{"all pass", ran(run.Pass, nil, run.Pass, run.Pass), run.Pass},
		{"another service fails", ran(run.Fail, equal, run.Pass, run.Fail), run.Pass},
		{"its second suite fails", ran(run.Fail, equal, run.Pass, run.Pass, run.Fail), run.Fail},
		{"its advisory suite fails", advisory, run.Pass},
		{"the run as a whole is broken", ran(run.Broken, nil, run.Pass, run.Pass), run.Broken},
		{"broken as a whole, hidden by a failure elsewhere", ran(run.Fail, accounting, run.Pass, run.Fail), run.Broken},
		{"interrupted", ran(run.Interrupted, nil, run.Pass, run.Pass), run.Interrupted},
		{"not judged", ran(run.Pass, nil, run.Skip, run.Pass), run.Broken},
		{"a suite without a verdict", ran(run.Pass, nil, run.Pass, run.Pass, 0), run.Broken},
		{"no totals", &run.Run{Header: run.Header{Suites: []run.SuiteHead{{Service: "epg"}}}}, run.Broken},
	} {
		if got, reasons := ScopedVerdict(row.ran, "epg"); got != row.want {
			t.Errorf("%s: got %s (%v), want %s", row.name, got, reasons, row.want)
		}
	}
}
