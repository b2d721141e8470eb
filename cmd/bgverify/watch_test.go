package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
)

// A growing is text that a process writes and a test reads.
type growing struct {
	mu   sync.Mutex
	text strings.Builder
}

func (g *growing) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

func (g *growing) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

func TestWatch(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process: skipped with -short")
	}
	t.Parallel()
	twin, err := fixtures.Start(fixtures.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(twin.Close)
	dir := t.TempDir()
	suite := filepath.Join(dir, "version.yaml")
	write := func(rules string) {
		t.Helper()
		text := "suite: version\nrules:\n  - {header: x-served-by, do: ignore, why: pod}\n" + rules + "cases:\n  - {case: version, get: /version}\n"
		if err := os.WriteFile(suite, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd, _ := bgverifyIn(t, dir, "run", "version.yaml", "--blue", twin.BlueURL, "--green", twin.GreenURL, "--no-progress", "--quiet", "--watch")
	out := &growing{}
	cmd.Stdout, cmd.Stderr = out, out
	write("  - {at: $.cluster, do: ignore, why: two clusters}\n  - {at: $.pod, do: ignore, why: two clusters}\n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	wait := func(n int, verdict string) {
		t.Helper()
		for range 600 { // at most 30 s
			if text := out.String(); strings.Count(text, "watching for changes") == n && strings.Contains(text, verdict) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("run %d did not end with %q:\n%s", n, verdict, out)
	}
	wait(1, "verdict=pass exit=0")
	write("  - {at: $.cluster, do: ignor, why: half typed}\n")
	wait(2, `"ignor"`)
	write("  - {at: $.cluster, do: ignore, why: two clusters}\n")
	wait(3, "verdict=fail exit=1")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its status is looked at below
	if got := cmd.ProcessState.ExitCode(); got != 1 {
		t.Errorf("exit status %d, want that of the last run\n%s", got, out)
	}
}
