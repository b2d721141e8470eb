package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// startLoadRun starts the demonstration in a process of its own and returns
// once its log holds the first judged case: from then on there is something to lose.
func startLoadRun(t *testing.T) (*exec.Cmd, string, *bytes.Buffer) {
	t.Helper()
	self, err := exec.LookPath("bgverify")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(self, "demo", "--no-progress", "--run-id", "stopped")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // a load lock of its own
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for range 6000 { // at most 5 minutes
		if logs, _ := filepath.Glob(filepath.Join(dir, "runs", "*stopped", "events.ndjson")); len(logs) == 1 {
			if text, err := os.ReadFile(logs[0]); err == nil && bytes.Contains(text, []byte(`"steps"`)) {
				return cmd, filepath.Dir(logs[0]), &out
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no case was judged within 5 minutes:\n%s", out.String())
	return nil, "", nil
}

func runVerdict(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Verdict string }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("run.json: %v\n%s", err, text)
	}
	return doc.Verdict
}

func TestSignalsLeaveAnArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the demonstration: skipped with -short")
	}
	for _, test := range []struct {
		name    string
		signal  syscall.Signal
		status  int // -1: killed by the signal
		verdict string
		report  bool
	}{
		{"interrupt", syscall.SIGINT, 130, "interrupted", true},
		{"terminate", syscall.SIGTERM, 143, "interrupted", true},
		{"kill", syscall.SIGKILL, -1, "incomplete", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd, folder, out := startLoadRun(t)
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its status is looked at below
			if got := cmd.ProcessState.ExitCode(); got != test.status {
				t.Errorf("exit status %d, want %d\n%s", got, test.status, out)
			}
			if got := runVerdict(t, folder); got != test.verdict {
				t.Errorf("run.json says %q, want %q", got, test.verdict)
			}
			_, err := os.Stat(filepath.Join(folder, "report.html"))
			if got := err == nil; got != test.report {
				t.Errorf("report.html is there: %t, want %t", got, test.report)
			}
		})
	}
}
