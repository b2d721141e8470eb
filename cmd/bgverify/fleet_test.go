package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A fleetRun is a coordinator and its workers, each a process.
type fleetRun struct {
	*evidence
	run     *exec.Cmd
	out     growing // of the coordinator
	join    string
	workers []*exec.Cmd
	said    []*growing // of the workers
}

// startFleet starts a run that waits for workers; none has joined.
func startFleet(t *testing.T, workers int, blue, green http.HandlerFunc, args ...string) *fleetRun {
	t.Helper()
	f := &fleetRun{evidence: newEvidence(t)}
	f.run = f.command(append(args, "--workers", fmt.Sprint(workers), "--listen", "127.0.0.1:0", "--blue", serve(t, blue), "--green", serve(t, green), "--run-id", "it", "--no-progress")...)
	return f
}

// begin starts the coordinator and reads the join line.
func (f *fleetRun) begin() {
	f.t.Helper()
	f.run.Stdout, f.run.Stderr = &f.out, &f.out
	if err := f.run.Start(); err != nil {
		f.t.Fatal(err)
	}
	line := regexp.MustCompile(`bgverify worker --join (\S+)`)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if m := line.FindStringSubmatch(f.out.String()); m != nil {
			f.join = m[1]
			return
		}
		if time.Now().After(end) {
			f.t.Fatalf("no join line within a minute:\n%s", f.out.String())
		}
	}
}

// worker starts a worker process.
func (f *fleetRun) worker(args ...string) *exec.Cmd {
	f.t.Helper()
	w, said := f.command(append([]string{"worker", "--join", f.join}, args...)...), &growing{}
	w.Stdout, w.Stderr = said, said
	if err := w.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.workers, f.said = append(f.workers, w), append(f.said, said)
	return w
}

// ends waits for all processes and returns the status of the run.
func (f *fleetRun) ends() int {
	f.t.Helper()
	_ = f.run.Wait()
	for i, w := range f.workers {
		_ = w.Wait()
		said := f.said[i]
		f.t.Cleanup(func() {
			if f.t.Failed() {
				f.t.Logf("worker %d:\n%s", i+1, said.String())
			}
		})
	}
	if f.t.Failed() {
		f.t.Log(f.out.String())
	}
	return f.run.ProcessState.ExitCode()
}

// A fleetStage is what run.json says of a stage that workers fired.
type fleetStage struct {
	Verdict, Reason string
	Requests        struct{ Blue, Green int }
	Fleet           struct {
		Workers []struct{ Number, Shares, Missed, Voided int }
		Voids   []struct {
			Block int
			Why   string
		}
	}
}

func (f *fleetRun) stage() *fleetStage {
	f.t.Helper()
	names, _ := filepath.Glob(filepath.Join(f.dir, "runs", "*-it", "run.json"))
	if len(names) != 1 {
		f.t.Fatalf("run folders: %q\n%s", names, f.out.String())
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		f.t.Fatal(err)
	}
	var doc struct {
		Suites []struct{ Loads []fleetStage }
	}
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Suites) != 1 || len(doc.Suites[0].Loads) != 1 {
		f.t.Fatalf("run.json: error %v, %d suites", err, len(doc.Suites))
	}
	return &doc.Suites[0].Loads[0]
}

// Workers walk whole cases that write and take back what they made. A worker that may send to
// other hosts only keeps the run from sending anything.
func TestFleetWalksThatWrite(t *testing.T) {
	t.Parallel()
	blue, green := newKeeper(1<<30), newKeeper(1<<30)
	f := startFleet(t, 2, blue.ServeHTTP, green.ServeHTTP, "run", "suite.yaml", "--only-load", "--seed", "7")
	f.file("suite.yaml", strings.Replace(fmt.Sprintf(keepSuite, "rate: 20/s"), "duration: 4s", "duration: 1s", 1))
	f.begin()
	f.worker()
	f.worker()
	status := f.ends()
	if status != 0 && status != 4 { // equal sides, and too short to prove anything
		t.Errorf("exit status %d", status)
	}
	for i, w := range f.workers {
		if code := w.ProcessState.ExitCode(); code != 0 {
			t.Errorf("worker %d: exit status %d", i+1, code)
		}
	}
	for name, k := range map[string]*keeper{"blue": blue, "green": green} {
		if left, made := k.left(); left != 0 || made == 0 {
			t.Errorf("%s: %d of %d things are left", name, left, made)
		}
	}
	if s := f.stage(); len(s.Fleet.Workers) != 2 || s.Requests.Blue == 0 || s.Requests.Blue != s.Requests.Green {
		t.Errorf("run.json says %+v", s)
	}
}

func TestFleetOtherHostOnly(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	h := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); says(`{"a":1}`)(w, r) }
	f := startFleet(t, 1, h, h, "run", "suite.yaml")
	f.file("suite.yaml", loaded("    rate: 20/s\n    duration: 1s\n", "item"))
	f.begin()
	w := f.worker("--allow-host", "10.9.9.9")
	if status := f.ends(); status != 2 || !strings.Contains(f.out.String(), "may not send to 127.0.0.1") || !strings.Contains(f.out.String(), "nothing was sent") {
		t.Errorf("exit status %d:\n%s", status, f.out.String())
	}
	if code := w.ProcessState.ExitCode(); code == 0 || asked.Load() != 0 {
		t.Errorf("the worker exits with %d, %d requests were sent", code, asked.Load())
	}
}

// What two workers find is what one machine finds, whatever happens to a worker: equal sides
// never fail, and a worse green never passes. Each row is a stage of 40 s at least.
func TestFleetVerdicts(t *testing.T) {
	if os.Getenv("BGVERIFY_TORTURE") == "" {
		t.Skip("minutes of load: set BGVERIFY_TORTURE, as make test-fleet does")
	}
	fine := after(20*time.Millisecond, says(`{"a":1}`))
	for _, row := range []struct {
		name   string
		green  http.HandlerFunc
		during func(f *fleetRun)
		want   int
		voids  bool
	}{
		{"equal", fine, nil, 0, false},
		{"+10 %", after(22*time.Millisecond, says(`{"a":1}`)), nil, 1, false},
		{"5 % errors", share(20, answers(500, "application/json", `{"code":50000}`), fine), nil, 1, false},
		{"equal, a worker is killed", fine, func(f *fleetRun) { _ = f.workers[0].Process.Kill() }, 0, true},
		{"+10 %, a worker is killed", after(22*time.Millisecond, says(`{"a":1}`)), func(f *fleetRun) { _ = f.workers[0].Process.Kill() }, 1, true},
		{"equal, a worker is frozen for 3 s", fine, func(f *fleetRun) {
			_ = f.workers[0].Process.Signal(syscall.SIGSTOP)
			time.Sleep(3 * time.Second)
			_ = f.workers[0].Process.Signal(syscall.SIGCONT)
		}, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			var asked atomic.Int64
			count := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); fine(w, r) }
			f := startFleet(t, 2, count, row.green, "run", "suite.yaml", "--only-load", "--seed", "7")
			f.file("suite.yaml", loaded("    rate: 60/s\n    duration: 60s\n    warmup: 2s\n    margins: {p50: 5%, p95: 10%}\n", "item"))
			f.begin()
			f.worker()
			f.worker()
			if row.during != nil {
				for asked.Load() < 600 {
					time.Sleep(50 * time.Millisecond)
				}
				row.during(f)
			}
			status, s := f.ends(), f.stage()
			t.Logf("exit status %d, %d voids: %s", status, len(s.Fleet.Voids), s.Reason)
			if status != row.want && (status != 4 || !strings.Contains(f.out.String(), "generator")) {
				t.Errorf("exit status %d, want %d\n%s", status, row.want, f.out.String())
			}
			if row.voids && len(s.Fleet.Voids) == 0 {
				t.Error("no void slice is reported")
			}
		})
	}
}

// The workers of a coordinator that is killed stop within two seconds and exit later; the run is
// continued with new ones, and another token.
func TestFleetCoordinatorIsKilled(t *testing.T) {
	if os.Getenv("BGVERIFY_TORTURE") == "" {
		t.Skip("half a minute of load: set BGVERIFY_TORTURE, as make test-fleet does")
	}
	var asked atomic.Int64
	h := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); says(`{"a":1}`)(w, r) }
	f := startFleet(t, 2, h, h, "run", "suite.yaml", "--only-load")
	f.file("suite.yaml", loaded("    rate: 60/s\n    duration: 8s\n    warmup: 1s\n", "item"))
	f.begin()
	f.worker()
	f.worker()
	for asked.Load() < 300 {
		time.Sleep(50 * time.Millisecond)
	}
	_ = f.run.Process.Kill()
	time.Sleep(2 * time.Second)
	before := asked.Load()
	time.Sleep(time.Second)
	if more := asked.Load() - before; more > 0 {
		t.Errorf("%d requests more than two seconds after the coordinator was killed", more)
	}
	if status := f.ends(); status != -1 {
		t.Errorf("the killed coordinator exits with %d", status)
	}
	for i, w := range f.workers {
		if code := w.ProcessState.ExitCode(); code == 0 || !strings.Contains(f.said[i].String(), "the coordinator was lost") {
			t.Errorf("worker %d exits with %d:\n%s", i+1, code, f.said[i].String())
		}
	}
	f.run, f.workers, f.said, f.out = f.command("resume", "it", "--same-green", "--no-progress"), nil, nil, growing{}
	f.begin()
	f.worker()
	f.worker()
	if status := f.ends(); status != 0 && status != 4 {
		t.Errorf("resume: exit status %d\n%s", status, f.out.String())
	}
	if s := f.stage(); len(s.Fleet.Workers) != 2 {
		t.Errorf("run.json says %+v", s)
	}
}
