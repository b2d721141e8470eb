package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/archive/history"
)

// arrivals notes when requests come in.
type arrivals struct {
	mu   sync.Mutex
	n    int
	last time.Time
	many chan struct{} // closed at the hundredth
}

func (a *arrivals) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n, a.last = a.n+1, time.Now()
	if a.n == 100 {
		close(a.many)
	}
}

// A signal stops sending within 100 ms, the report is written, and the status
// says which signal it was. What a busy machine does to the 100 ms is shown; it is
// held to with BGVERIFY_TORTURE.
func TestEvidenceStopped(t *testing.T) {
	t.Parallel()
	rows := "n\n" + strings.Repeat("1\n", 4000)
	compare := "suite: s\ncases:\n  - {case: one, get: /, query: {n: \"{{n}}\"}, data: {file: rows.csv, name: \"{{$row}}\"}}\n"
	load := "suite: s\ncases:\n  - {case: one, get: /}\nload:\n  - {load: peak, steps: [{case: one}], rate: 100/s, duration: 60s}\n"
	for _, row := range []struct {
		name, suite string
		signal      syscall.Signal
		status      int
	}{
		{"compare, interrupt", compare, syscall.SIGINT, 130},
		{"compare, terminate", compare, syscall.SIGTERM, 143},
		{"compare, hang up", compare, syscall.SIGHUP, 129},
		{"load, interrupt", load, syscall.SIGINT, 130},
	} {
		t.Run("stopped/"+row.name, func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(row.signal) {
				t.Skipf("%s is ignored here, as under nohup", row.signal)
			}
			e := newEvidence(t)
			e.file("suite.yaml", row.suite)
			e.file("rows.csv", rows)
			a := arrivals{many: make(chan struct{})}
			side := func(w http.ResponseWriter, r *http.Request) {
				a.note()
				time.Sleep(10 * time.Millisecond)
				says(`{"a":1}`)(w, r)
			}
			cmd := e.command("run", "suite.yaml", "--run-id", "it", "--blue", serve(t, side), "--green", serve(t, side), "--no-progress")
			at := make(chan time.Time, 1)
			go func() {
				defer close(at)
				select {
				case <-a.many:
				case <-t.Context().Done():
					return
				}
				<-e.begun
				at <- time.Now()
				_ = cmd.Process.Signal(row.signal)
			}()
			r := e.wait(cmd)
			if r.status == 0 {
				t.Fatalf("it ended by itself\n%s%s", &r.out, &r.err)
			}
			sent := <-at
			r.ends(row.status, `stopped by|interrupt`, "")
			a.mu.Lock()
			late, n := a.last.Sub(sent), a.n
			a.mu.Unlock()
			t.Logf("the last of %d requests came %v after the signal", n, late)
			if os.Getenv(tortureEnv) != "" && late > 100*time.Millisecond {
				t.Errorf("a request came %v after the signal", late)
			}
			for _, file := range []string{"report.html", "junit.xml", "manifest.json"} {
				if _, err := os.Stat(filepath.Join(r.folder, file)); err != nil {
					t.Error(err)
				}
			}
			if g := e.bgverify("gate", "it"); g.status != row.status && g.status != 130 {
				t.Errorf("gate ends with %d\n%s%s", g.status, &g.out, &g.err)
			}
			if _, err := os.Lstat(filepath.Join(e.dir, "runs", history.LatestLink)); err == nil {
				t.Error("latest points at an interrupted run")
			}
		})
	}
}

// A second signal ends the process at once, whatever it is at: here it tells its
// verdict to somebody who does not listen.
func TestEvidenceStoppedTwice(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	e.file("suite.yaml", one)
	asked := make(chan struct{}, 100)
	side := func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	if err := writer.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Skip(err)
	}
	for { // until the pipe is full
		if _, err := writer.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	cmd := e.command("run", "suite.yaml", "--run-id", "it", "--blue", serve(t, side), "--green", serve(t, side), "--no-progress")
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, &words
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	<-asked
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range 6000 { // at most 5 minutes
		if folder := e.runFolder("it"); folder != "" && runVerdict(t, folder) == "interrupted" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		t.Fatalf("it ended before the second signal: %v\n%s", err, &words)
	case <-time.After(300 * time.Millisecond): // it hangs, as it should
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-done // the one who should read never does: without the second signal it would not end
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d, want 130", got)
	}
	if r := e.bgverify("gate", "it"); r.status != 130 {
		t.Errorf("gate ends with %d on what is left\n%s%s", r.status, &r.out, &r.err)
	}
}

// Runs that begin together in one archive get a folder each, and the history a
// line each; latest is one of them, whole.
func TestEvidenceRunsTogether(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	e.file("suite.yaml", one)
	blue, green := serve(t, says(`{"a":1}`)), serve(t, says(`{"a":1}`))
	const n = 6
	var commands []*exec.Cmd
	for i := range n {
		args := []string{"run", "suite.yaml", "--blue", blue, "--green", green, "--no-progress"}
		if i < 2 {
			args = append(args, "--run-id", "twin") // also under one id
		}
		cmd := e.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	passed := 0
	for i, cmd := range commands {
		switch err := cmd.Wait(); {
		case err == nil:
			passed++
		case i < 2 && cmd.ProcessState.ExitCode() >= 2: // the id was taken
		default:
			t.Errorf("run %d: %v", i, err)
		}
	}
	folders, err := filepath.Glob(filepath.Join(e.dir, "runs", "2*"))
	if err != nil || len(folders) != passed || passed < n-1 {
		t.Errorf("%d runs passed and left %d folders: %v", passed, len(folders), folders)
	}
	for _, folder := range folders {
		if r := e.bgverify("gate", folder, "--without", "identity"); r.status != 0 {
			t.Errorf("gate ends with %d on %s\n%s%s", r.status, folder, &r.out, &r.err)
		}
	}
	if r := e.bgverify("gate", "latest", "--without", "identity"); r.status != 0 {
		t.Errorf("gate ends with %d on latest\n%s%s", r.status, &r.out, &r.err)
	}
	text, err := os.ReadFile(filepath.Join(e.dir, "runs", history.HistoryFile))
	if err != nil || bytes.Count(text, []byte("\n")) != passed {
		t.Errorf("the history has %d lines for %d runs: %v", bytes.Count(text, []byte("\n")), passed, err)
	}
}
