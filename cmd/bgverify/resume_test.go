package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/report/archive/history"
)

// bgverifyIn makes a command that runs this binary in a folder with temporary
// files of its own, so that its load lock is its own as well.
func bgverifyIn(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := exec.LookPath("bgverify")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMPDIR="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// caseVerdicts are a run's verdict and those of its cases, by id.
func caseVerdicts(t *testing.T, folder string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Verdict string
		Suites  []struct {
			Cases []struct{ ID, Verdict string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"": doc.Verdict}
	for _, suite := range doc.Suites {
		for _, c := range suite.Cases {
			if _, twice := all[c.ID]; twice {
				t.Errorf("case %s stands twice", c.ID)
			}
			all[c.ID] = c.Verdict
		}
	}
	return all
}

// killAfter starts a command and kills it once its run's log holds n cases.
func killAfter(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer, pattern string, n int) (folder string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for range 6000 { // at most 30 s
		logs, _ := filepath.Glob(filepath.Join(cmd.Dir, pattern, "events.ndjson"))
		if len(logs) == 1 {
			if text, err := os.ReadFile(logs[0]); err == nil && bytes.Count(text, []byte(`"steps"`)) >= n {
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // killed: what it left behind is looked at
				return filepath.Dir(logs[0])
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%d cases were not judged within 30 s:\n%s", n, out.String())
	return ""
}

func statusOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// loseLines takes the last whole lines off a log.
func loseLines(t *testing.T, log string, n int) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for range n {
		text = text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1]
	}
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A run that is killed twice and resumed twice ends as one that was left alone,
// also when the machine lost what results were found in.
func TestResumeAfterKill(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the shipped suite three times: skipped with -short")
	}
	t.Parallel()
	dir := t.TempDir()
	scenarios := filepath.Join(dir, "scenarios")
	if err := copyScenarios("../..", dir); err != nil {
		t.Fatal(err)
	}
	twin, err := fixtures.Start(fixtures.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(twin.Close)
	start := func(id string) []string {
		return []string{
			"run", "scenarios/stb", "--blue", twin.BlueURL, "--green", twin.GreenURL, "--no-load", "--no-progress",
			"--concurrency", "1", "--tag", "not write and not slow", "--seed", "7", "--case", "stb-guide/*", "--run-id", id,
		}
	}
	cmd, out := bgverifyIn(t, dir, start("quiet")...)
	if status := statusOf(t, cmd); status != 0 {
		t.Fatalf("exit status %d of the undisturbed run\n%s", status, out)
	}
	quiet, err := history.Resolve(filepath.Join(dir, "runs"), "quiet")
	if err != nil {
		t.Fatal(err)
	}
	want := caseVerdicts(t, quiet)

	cmd, out = bgverifyIn(t, dir, start("killed")...)
	folder := killAfter(t, cmd, out, "runs/*-killed", 3)
	if got := runVerdict(t, folder); got != "incomplete" {
		t.Fatalf("the killed run says %q", got)
	}
	if err := os.RemoveAll(scenarios); err != nil { // the folder keeps what it needs
		t.Fatal(err)
	}
	cmd, out = bgverifyIn(t, dir, "resume", "killed", "--no-progress")
	killAfter(t, cmd, out, "runs/*-killed", 7)
	loseLines(t, filepath.Join(folder, "exchanges.ndjson"), 5) // as if the machine had died
	cmd, out = bgverifyIn(t, dir, "resume", "killed", "--no-progress")
	if status := statusOf(t, cmd); status != 0 {
		t.Fatalf("exit status %d of the resumed run\n%s", status, out)
	}
	if !strings.Contains(out.String(), "results lack their exchanges or bodies") {
		t.Errorf("results without exchanges are believed:\n%s", out)
	}
	if diff := cmp.Diff(want, caseVerdicts(t, folder)); diff != "" {
		t.Errorf("verdicts (-undisturbed +resumed):\n%s", diff)
	}
	blue, green := twin.Requests()
	cmd, out = bgverifyIn(t, dir, "rediff", "killed", "--run-id", "again", "--no-progress")
	if status := statusOf(t, cmd); status != 0 {
		t.Fatalf("exit status %d of rediff\n%s", status, out)
	}
	again, err := history.Resolve(filepath.Join(dir, "runs"), "again")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, caseVerdicts(t, again)); diff != "" {
		t.Errorf("verdicts (-run +judged again):\n%s", diff)
	}
	for _, line := range []string{"resume killed", "gate killed --partial --without load"} { // complete: nothing is sent
		cmd, out = bgverifyIn(t, dir, strings.Fields(line)...)
		if status := statusOf(t, cmd); status != 0 {
			t.Errorf("exit status %d of %s\n%s", status, line, out)
		}
	}
	if b, g := twin.Requests(); b != blue || g != green {
		t.Errorf("a complete run sent %d and %d requests more", b-blue, g-green)
	}
}

// Two load runs on one host refuse to overlap, before anything is sent.
func TestLoadLock(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process: skipped with -short")
	}
	t.Parallel()
	dir := t.TempDir()
	first, out := bgverifyIn(t, dir, "demo", "--no-progress", "--run-id", "first", "--out", "first")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Process.Kill(); _ = first.Wait() })
	lock := filepath.Join(dir, "bgverify-load.lock")
	for range 600 { // at most 30 s
		if text, err := os.ReadFile(lock); err == nil && len(text) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	second, out2 := bgverifyIn(t, dir, "demo", "--no-progress", "--out", "second")
	if status := statusOf(t, second); status != 3 {
		t.Errorf("exit status %d, want 3\n%s\n%s", status, out2, out)
	}
	for _, want := range []string{"another load run is measuring on this host", "bgverify run (process ", "--no-load"} {
		if !bytes.Contains(out2.Bytes(), []byte(want)) {
			t.Errorf("it does not say %q:\n%s", want, out2)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "second")); err == nil {
		t.Error("the refused run left a folder behind")
	}
	third, out3 := bgverifyIn(t, dir, "demo", "--no-progress", "--no-load", "--out", "third", "--quiet", "--case", "stb-guide/one-channel")
	if status := statusOf(t, third); status != 0 {
		t.Errorf("exit status %d of a run without load beside it\n%s", status, out3)
	}
}
