package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bgverify/bgverify/fixtures"
)

// A proof is one attempt to get a wrong PASS, made with the built binary against two
// services. None of them may end with 0.
type proof struct {
	name string
	// suite is the text of suite.yaml; files are further files by name.
	suite string
	files map[string]string
	// blue and green answer for the sides; a nil green is blue's handler on a
	// server of its own. Without blue nobody may be asked: a request is an error.
	blue, green http.HandlerFunc
	args        []string // after: run suite.yaml --blue URL --green URL
	env         []string
	status      int
	// reason is a regular expression: for status 2 over what is printed, else
	// over the reasons of run.json.
	reason string
	// warns is a regular expression over the warnings of run.json; empty: not looked at.
	warns string
}

// verdictWords are the words that run.json has for an exit status.
var verdictWords = map[int][]string{
	1: {"fail"}, 3: {"broken"}, 4: {"inconclusive"}, 129: {"interrupted"}, 130: {"interrupted"}, 143: {"interrupted"},
}

// prove walks every row as a parallel subtest.
func prove(t *testing.T, class string, rows []proof) {
	t.Helper()
	t.Run(class, func(t *testing.T) {
		for i := range rows {
			p := &rows[i]
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.walk(t)
			})
		}
	})
}

func (p *proof) walk(t *testing.T) {
	e := newEvidence(t)
	e.file("suite.yaml", p.suite)
	for name, text := range p.files {
		e.file(name, text)
	}
	blue, green := p.blue, p.green
	if blue == nil {
		blue = func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("nothing may be sent, but somebody asks for %s %s", r.Method, r.URL)
		}
	}
	if green == nil {
		green = blue
	}
	args := append([]string{"run", "suite.yaml", "--blue", serve(t, blue), "--green", serve(t, green)}, p.args...)
	e.env = append(e.env, p.env...)
	e.bgverify(args...).ends(p.status, p.reason, p.warns)
}

// An evidence is a folder of its own in which the binary runs.
type evidence struct {
	t   *testing.T
	dir string
	env []string

	// begun is closed when the first process has started: a handler that stops
	// the process waits for it.
	begun chan struct{}
	once  sync.Once
}

func newEvidence(t *testing.T) *evidence {
	dir := t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name := strings.ToUpper(strings.SplitN(v, "=", 2)[0])
		return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "BGVERIFY_") || strings.HasPrefix(name, "GITHUB_") || name == "CI"
	})
	// A TMPDIR of its own: load runs of different tests lock each other out otherwise.
	return &evidence{t: t, dir: dir, env: append(env, "TMPDIR="+dir, "LC_ALL=C.UTF-8"), begun: make(chan struct{})}
}

// file writes a file of the folder.
func (e *evidence) file(name, text string) {
	e.t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		e.t.Fatal(err)
	}
}

// command is the binary, not yet started.
func (e *evidence) command(args ...string) *exec.Cmd {
	e.t.Helper()
	self, err := exec.LookPath("bgverify")
	if err != nil {
		e.t.Fatal(err)
	}
	cmd := exec.CommandContext(e.t.Context(), self, args...)
	cmd.Dir, cmd.Env = e.dir, e.env
	return cmd
}

// bgverify executes a command line to its end, in a process of the crew. A command line
// that measures, or has variables that the Go runtime reads, starts a new process.
func (e *evidence) bgverify(args ...string) *ended {
	e.t.Helper()
	if args[0] == "run" && !slices.Contains(args, "--run-id") {
		args = append(args, "--run-id", "it")
	}
	ofRuntime := func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"}, name)
	}
	if slices.Contains(args, "--only-load") || slices.ContainsFunc(e.env, ofRuntime) {
		return e.wait(e.command(args...))
	}
	e.once.Do(func() { close(e.begun) })
	came, err := ordered(order{Dir: e.dir, Env: e.env, Args: args})
	if err != nil {
		e.t.Fatal(err)
	}
	r := &ended{evidence: e, status: came.Status}
	r.out.Write(came.Out)
	r.err.Write(came.Err)
	r.read()
	return r
}

func (e *evidence) wait(cmd *exec.Cmd) *ended {
	e.t.Helper()
	r := &ended{evidence: e}
	if cmd.Stdout == nil {
		cmd.Stdout = &r.out
	}
	cmd.Stderr = &r.err
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.once.Do(func() { close(e.begun) })
	if err := cmd.Wait(); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			e.t.Fatal(err)
		}
	}
	r.status = cmd.ProcessState.ExitCode()
	r.read()
	return r
}

// An ended is what is left of a process: its status, its words, its archive.
type ended struct {
	*evidence
	status   int
	out, err bytes.Buffer
	folder   string
	run      archived
}

// An archived is the part of run.json that the tests look at.
type archived struct {
	Verdict  string
	Reasons  []string
	Warnings []string
	Coverage coverage
	Counts   struct{ Cases, Pass, Fail, Broken, Inconclusive, Skip int }
	Suites   []struct {
		Name, Verdict string
		Reasons       []string
		Coverage      coverage
		Loads         json.RawMessage // a list of stages; of a run that is not over, their number
	}
}

// A loadRun is a stage in run.json.
type loadRun struct {
	Name     string
	Requests struct{ Blue, Green int }
}

type coverage struct{ Mutants, Killed int }

func (r *ended) read() {
	r.t.Helper()
	folders, err := filepath.Glob(filepath.Join(r.dir, "runs", "*-it"))
	if err != nil || len(folders) != 1 {
		return
	}
	r.folder = folders[0]
	text, err := os.ReadFile(filepath.Join(r.folder, "run.json"))
	if err != nil {
		r.t.Fatalf("the run folder has no run.json: %v\n%s%s", err, &r.out, &r.err)
	}
	if err := json.Unmarshal(text, &r.run); err != nil {
		r.t.Fatalf("run.json: %v", err)
	}
}

// ends asserts the status, that run.json has the same verdict, and the reason.
func (r *ended) ends(status int, reason, warns string) {
	r.t.Helper()
	defer func() {
		if r.t.Failed() {
			r.t.Logf("stdout:\n%s\nstderr:\n%s\nreasons: %q\nwarnings: %q", &r.out, &r.err, r.run.Reasons, r.run.Warnings)
		}
	}()
	if status == 0 || reason == "" {
		r.t.Fatal("a row of this table owes a status that is not 0, and a reason")
	}
	if busy := busyMachine.FindString(strings.Join(r.run.Reasons, "\n")); busy != "" && r.status == 4 && !strings.Contains(reason, "generator") {
		leftOut(r.t)
		r.t.Skipf("this machine is too busy to judge a load at all, and the program says so: %s", busy)
	}
	if r.status != status {
		r.t.Errorf("exit status %d, want %d", r.status, status)
	}
	where, text := "the output", r.out.String()+r.err.String()
	switch {
	case status == statusUsage:
		if r.folder != "" {
			r.t.Errorf("a run folder is left behind, though nothing was run: %s", r.folder)
		}
	case r.folder == "":
		r.t.Errorf("no run folder is left behind")
	default:
		where, text = "the reasons", strings.Join(r.run.Reasons, "\n")
		if !slices.Contains(verdictWords[status], r.run.Verdict) {
			r.t.Errorf("run.json says %q, want %q", r.run.Verdict, verdictWords[status])
		}
	}
	found := regexp.MustCompile("(?m)^.*" + reason + ".*$").FindString(text)
	if found == "" {
		r.t.Errorf("%s do not match %q", where, reason)
	}
	walked(r.t, r.status, found)
	if warnings := strings.Join(r.run.Warnings, "\n"); warns != "" && !regexp.MustCompile("(?m)"+warns).MatchString(warnings) {
		r.t.Errorf("the warnings do not match %q", warns)
	}
}

// busyMachine is what a load stage says when it could not even send in time.
var busyMachine = regexp.MustCompile(`load \w+: generator: .*`)

// serve starts a service on loopback for the rest of the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// says answers every request with a JSON body.
func says(body string) http.HandlerFunc { return answers(http.StatusOK, "application/json", body) }

// answers gives every request the same answer.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// routes answers by path; what is not there is 404.
func routes(of map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h := of[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

// services starts the embedded twin with faults in front of green, and of blue.
func services(t *testing.T, green, blue string) *fixtures.Twin {
	t.Helper()
	ofGreen, err := fixtures.ParseFaults(green)
	if err != nil {
		t.Fatal(err)
	}
	ofBlue, err := fixtures.ParseFaults(blue)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := fixtures.Start(fixtures.Options{Seed: 1, BlueFaults: ofBlue, GreenFaults: ofGreen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(twin.Close)
	return twin
}

// one is a suite of one case that asks for /item under the default expectations.
const one = `
suite: one
cases:
  - {case: item, get: /item}
`
