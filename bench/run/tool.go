package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// A usage is what one process took.
type usage struct{ wall, cpu, rss float64 } // seconds, seconds, bytes

func wall(u usage) float64 { return u.wall }
func cpu(u usage) float64  { return u.cpu }
func rss(u usage) float64  { return u.rss }

// A tool is a command that takes turns with others.
type tool struct {
	name   string
	args   []string
	dir    string
	each   int  // requests, pairs or what else it does
	status int  // that it must end with
	slow   bool // no turn to warm up
	most   int  // turns at most; 0: no limit
	before func() error
	seen   []usage
}

// run starts the command and waits for it.
func (t *tool) run() (usage, error) {
	if t.before != nil {
		if err := t.before(); err != nil {
			return usage{}, err
		}
	}
	cmd := exec.Command(t.args[0], t.args[1:]...)
	cmd.Dir = t.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return usage{}, err
	}
	if got := cmd.ProcessState.ExitCode(); got != t.status {
		return usage{}, fmt.Errorf("%q ended with %d, want %d:\n%s", t.args, got, t.status, out.Bytes())
	}
	u := usage{wall: took.Seconds(), cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.rss = float64(r.Maxrss) * 1024
	}
	return u, nil
}

func (t *tool) median(of func(usage) float64) float64 {
	var all []float64
	for _, u := range t.seen {
		all = append(all, of(u))
	}
	return median(all)
}

// ratio is the median over the rounds of what t took against what base took in
// the same round.
func (t *tool) ratio(base *tool, of func(usage) float64) float64 {
	var all []float64
	for i := range min(len(t.seen), len(base.seen)) {
		all = append(all, of(t.seen[i])/of(base.seen[i]))
	}
	return median(all)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
