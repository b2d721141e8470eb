package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Most tests of the command ask what a command line prints, leaves and ends with, not how a
// process starts and dies. Starting this program takes longer than most of these command lines, so
// the tests share processes that execute one command line after the other, each in a separate folder
// and environment. Tests of signals, of memory and of what the system does with a process start
// a new process each.

// crewVariable makes this binary, started as bgverify, one of the crew.
const crewVariable = "BGVERIFY_TEST_CREW"

// An order is a command line, and an outcome what came of it. Together, standard error is written
// to standard output.
type (
	order struct {
		Dir       string
		Env, Args []string
		Together  bool
	}
	outcome struct {
		Status   int
		Out, Err []byte
	}
)

// A hand is one process of the crew. It is asked by one test at a time.
type hand struct {
	cmd    *exec.Cmd
	orders io.Closer
	ask    *json.Encoder
	answer *json.Decoder
}

// crew are the hands that have nothing to do.
var crew struct {
	mu   sync.Mutex
	idle []*hand
}

// ordered executes a command line of bgverify in a process of the crew.
func ordered(o order) (*outcome, error) {
	crew.mu.Lock()
	var h *hand
	if n := len(crew.idle); n > 0 {
		h, crew.idle = crew.idle[n-1], crew.idle[:n-1]
	}
	crew.mu.Unlock()
	if h == nil {
		var err error
		if h, err = hire(); err != nil {
			return nil, err
		}
	}
	came := &outcome{}
	err := h.ask.Encode(o)
	if err == nil {
		err = h.answer.Decode(came)
	}
	if err != nil {
		_ = h.orders.Close()
		return nil, fmt.Errorf("bgverify %s: the process ended: %w: %w", strings.Join(o.Args, " "), err, h.cmd.Wait())
	}
	crew.mu.Lock()
	crew.idle = append(crew.idle, h)
	crew.mu.Unlock()
	return came, nil
}

// hire starts a process.
func hire() (*hand, error) {
	cmd := exec.Command("bgverify") // put on PATH by testscript.Main
	cmd.Env = append(os.Environ(), crewVariable+"=1")
	cmd.Stderr = os.Stderr // where it panics
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &hand{cmd, orders, json.NewEncoder(orders), json.NewDecoder(answers)}, cmd.Start()
}

// dismissCrew ends the processes, none of which has anything to do.
func dismissCrew() {
	crew.mu.Lock()
	defer crew.mu.Unlock()
	for _, h := range crew.idle {
		_ = h.orders.Close()
		_ = h.cmd.Wait()
	}
	crew.idle = nil
}

// mainOrCrew is what this binary does when it is started as bgverify.
func mainOrCrew() {
	if os.Getenv(crewVariable) == "" {
		main()
		return
	}
	tendMemory()
	log.SetOutput(io.Discard)
	orders, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			return
		}
		came, err := o.execute()
		if err == nil {
			err = answers.Encode(came)
		}
		if err != nil {
			panic(err)
		}
	}
}

// execute does what main does, in the folder and the environment of the order.
func (o *order) execute() (*outcome, error) {
	os.Clearenv()
	for _, v := range o.Env {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	if err := os.Chdir(o.Dir); err != nil {
		return nil, err
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, readOut, err := collect()
	if err != nil {
		return nil, err
	}
	errs, readErrs, err := collect()
	if err != nil {
		return nil, err
	}
	ctx, stop := withSignals()
	streams := stdio{in: in, out: out, err: errs}
	if o.Together {
		streams.err = out
	}
	came := &outcome{Status: execute(ctx, streams, o.Args)}
	stop()
	came.Out, came.Err = readOut(), readErrs()
	return came, nil
}

// collect returns a pipe, because a command of the crew writes to one as a separate process does, and
// a function that closes it and returns what was written.
func collect() (*os.File, func() []byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	var all bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = all.ReadFrom(r)
	}()
	return w, func() []byte {
		_ = w.Close()
		<-done
		_ = r.Close()
		return all.Bytes()
	}, nil
}

// A process of the crew knows nothing of the command lines before, and one whose command line
// panics or exits by itself is an error.
func TestCrew(t *testing.T) {
	t.Parallel()
	for range 2 {
		first, second := t.TempDir(), t.TempDir()
		if err := os.WriteFile(first+"/suite.yaml", []byte(one), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, o := range []struct {
			order
			status int
			text   string
		}{
			{order{Dir: first, Env: []string{"BGVERIFY_OUTPUT=xml"}, Args: []string{"run", "suite.yaml", "--dry-run"}}, 2, "xml"},
			{order{Dir: first, Args: []string{"list", "suite.yaml"}}, 0, "item"},
			{order{Dir: second, Args: []string{"list", "suite.yaml"}}, 2, "suite.yaml"},
		} {
			came, err := ordered(o.order)
			if err != nil {
				t.Fatal(err)
			}
			if said := string(came.Out) + string(came.Err); came.Status != o.status || !strings.Contains(said, o.text) {
				t.Errorf("%v in %s: status %d, want %d and %q:\n%s", o.Args, o.Dir, came.Status, o.status, o.text, said)
			}
		}
	}
}
