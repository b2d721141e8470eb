package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/archive/history"
)

// A keeper is a service in which walks put things and take them away. From one thing on
// it answers when it is released, so that a stage is in its middle until then, however
// slow the machine is.
type keeper struct {
	mu     sync.Mutex
	things map[string]bool
	made   int
	holdAt int // from this thing on, answers wait for release

	reached, release chan struct{}
}

func newKeeper(holdAt int) *keeper {
	return &keeper{things: map[string]bool{}, holdAt: holdAt, reached: make(chan struct{}), release: make(chan struct{})}
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	thing := strings.TrimPrefix(r.URL.Path, "/things/")
	k.mu.Lock()
	held := false
	switch r.Method {
	case http.MethodPut:
		k.things[thing] = true
		k.made++
		if held = k.made >= k.holdAt; k.made == k.holdAt {
			close(k.reached)
		}
		w.WriteHeader(http.StatusCreated)
	case http.MethodDelete:
		delete(k.things, thing)
	}
	k.mu.Unlock()
	if held {
		<-k.release
	}
	fmt.Fprint(w, `{"ok":true}`)
}

func (k *keeper) left() (things, made int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.things), k.made
}

const keepSuite = `suite: s
cases:
  - case: keep
    vars: {thing: "{{$uuid}}"}
    steps:
      - {step: keep, put: "/things/{{thing}}", side_effects: compensated, expect: {status: 201}}
      - {step: look, get: "/things/{{thing}}"}
    cleanup:
      - {step: forget, delete: "/things/{{thing}}", side_effects: compensated}
load:
  - {load: peak, writes: true, steps: [{case: keep}], %s, duration: 4s, warmup: 500ms}
`

// stageLoads are the verdicts of the load stages in run.json.
func stageLoads(t *testing.T, folder string) (verdicts []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Suites []struct{ Loads []struct{ Verdict string } }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, suite := range doc.Suites {
		for _, l := range suite.Loads {
			verdicts = append(verdicts, l.Verdict)
		}
	}
	return verdicts
}

// A stage of walks or of users that is stopped in its middle takes back what its walks
// made and says how to continue; one that is killed is run again from its start by
// resume. Judging the folder again gives the same verdict as the run.
func TestStagesAreStoppedInTheMiddle(t *testing.T) {
	if testing.Short() {
		t.Skip("runs load stages: skipped with -short")
	}
	for _, stage := range []struct{ name, load string }{
		{"walks", "rate: 20/s"},
		{"users", "users: {count: 6, ramp: 100ms, think: 20ms..80ms}"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			t.Run(stage.name+", "+signal.String(), func(t *testing.T) {
				t.Parallel()
				stopStage(t, stage.load, signal)
			})
		}
	}
}

func stopStage(t *testing.T, load string, signal syscall.Signal) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s.yaml"), fmt.Appendf(nil, keepSuite, load), 0o600); err != nil {
		t.Fatal(err)
	}
	blue, green := newKeeper(30), newKeeper(1<<30)
	var urls []string
	for _, k := range []*keeper{blue, green} {
		server := httptest.NewServer(k)
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	letGo := sync.OnceFunc(func() { close(blue.release) })
	t.Cleanup(letGo) // before the servers close
	cmd, out := bgverifyIn(t, dir, "run", "s.yaml", "--only-load", "--no-progress", "--blue", urls[0], "--green", urls[1], "--run-id", "stopped")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	select {
	case <-blue.reached:
	case <-time.After(2 * time.Minute):
		t.Fatalf("no stage within two minutes:\n%s", out)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if signal == syscall.SIGKILL {
		_ = cmd.Wait() // killed: resume has to cope with what it left
		letGo()
	} else {
		letGo()
		_ = cmd.Wait() // its status is looked at below
	}
	folder, err := history.Resolve(filepath.Join(dir, "runs"), "stopped")
	if err != nil {
		t.Fatal(err)
	}
	before := [2]int{}
	for i, k := range []*keeper{blue, green} {
		before[i], _ = k.left()
	}
	if signal == syscall.SIGINT {
		if got := cmd.ProcessState.ExitCode(); got != 130 {
			t.Errorf("exit status %d, want 130\n%s", got, out)
		}
		if before != [2]int{} {
			t.Errorf("%v things are left on blue and green\n%s", before, out)
		}
		if want := "bgverify resume"; !strings.Contains(out.String(), want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	} else if got := runVerdict(t, folder); got != "incomplete" {
		t.Errorf("the killed run says %q", got)
	}
	_, made := green.left()
	resume, out := bgverifyIn(t, dir, "resume", "stopped", "--same-green", "--no-progress")
	status := statusOf(t, resume)
	if status != 0 && status != 4 { // equal sides, and too short to prove anything
		t.Errorf("resume: exit status %d\n%s", status, out)
	}
	if _, now := green.left(); now <= made {
		t.Errorf("resume: the stage was not run again: green made %d things, %d before\n%s", now, made, out)
	}
	for i, k := range []*keeper{blue, green} {
		if n, _ := k.left(); n > before[i] { // what a killed process left goes where a walk makes and takes back the same thing again
			t.Errorf("resume: side %d has %d things, %d before", i, n, before[i])
		}
	}
	if verdicts := stageLoads(t, folder); len(verdicts) != 1 || verdicts[0] != "inconclusive" && verdicts[0] != "pass" {
		t.Errorf("resume: stages %q", verdicts)
	}
	judged, out := bgverifyIn(t, dir, "judge", "stopped")
	if got := statusOf(t, judged); got != status {
		t.Errorf("judge: exit status %d, of the run %d\n%s", got, status, out)
	}
}
