package main

import (
	"bytes"
	"context"
	"fmt"
	goio "io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/report/notify"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/command"
	"github.com/bgverify/bgverify/runner/shift/drivers"
	walking "github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// A shiftNotice is what a walk must not show, and who hears how it ends: secrets and
// receivers of the env files and suites that its checks use.
type shiftNotice struct {
	redactor *redact.Redactor
	walkName string
	began    time.Time

	mu        sync.Mutex // guards receivers
	receivers []stage.Notify
	telling   sync.WaitGroup // those who hear of a pause
}

// hide is what may be shown of a text.
func (n *shiftNotice) hide(text string) string { return n.redactor.Output(text) }

// driver makes the driver of a walk, whose messages are without secrets.
func (n *shiftNotice) driver(config shiftfile.Driver, dir string) (shift.Driver, error) {
	d, err := drivers.New(config, dir)
	if exec, ok := d.(*command.Driver); ok {
		exec.Hide = n.hide
	}
	return d, err
}

// session loads the suites and the env file of a check.
func (n *shiftNotice) session(io stdio, dir string, of shiftfile.Run) (*session, error) {
	under := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	var paths []string
	for _, name := range of.Suites {
		paths = append(paths, under(name))
	}
	t, err := tree.Open(paths)
	if err != nil {
		return nil, err
	}
	flags := defaultFlags("shift")
	flags.env, flags.tag, flags.noLoad = under(of.Env), of.Tag, true
	if err := flags.checkValues(); err != nil {
		return nil, err
	}
	return newSession(io, flags, t, nil)
}

// learn makes the secrets of a session unreadable, and takes its receivers.
func (n *shiftNotice) learn(s *session) {
	for _, suite := range s.plan.Suites {
		for _, password := range suite.Passwords() {
			n.redactor.Add("userinfo", password)
		}
	}
	if s.plan.Env == nil {
		return
	}
	for _, value := range notify.Secrets(s.plan.Env.Notify, getenv) {
		n.redactor.Add("notify", value)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, to := range s.plan.Env.Notify {
		same := func(o stage.Notify) bool {
			return o.Webhook == to.Webhook && o.WebhookEnv == to.WebhookEnv && o.SlackEnv == to.SlackEnv
		}
		if !slices.ContainsFunc(n.receivers, same) { // probe and run may have one env file
			n.receivers = append(n.receivers, to)
		}
	}
}

// learnRun learns from the suites of after.run, which another process will load: a mistake in them is
// found before anything is written.
func (n *shiftNotice) learnRun(io stdio, config *shiftfile.Run, dir string) error {
	var problems bytes.Buffer
	quiet := io
	quiet.err = &problems
	s, err := n.session(quiet, dir, *config)
	if err != nil {
		_, _ = io.err.Write(problems.Bytes())
		return err
	}
	n.learn(s)
	return runner.DeclareSecrets(s.plan, n.redactor.Add)
}

// learning bounds how long a rollback waits for secrets before its first write.
const learning = time.Second

// learnFrom learns what it can of the file of an earlier walk: to go back needs the record alone, and
// nothing that is wrong with the file, or slow, keeps a rollback from leaving.
func (n *shiftNotice) learnFrom(h *shift.History) {
	n.walkName, n.began = h.First.Walk, h.Began
	done := make(chan struct{})
	quiet := stdio{out: goio.Discard, err: goio.Discard}
	go func() {
		defer close(done)
		defer n.survive(quiet)
		t, err := tree.Open([]string{filepath.Join(h.First.Dir, filepath.Base(h.First.File))})
		if err != nil {
			return
		}
		f, _ := shiftfile.Load(t.Files, t.Paths[0], getenv)
		if f == nil {
			return
		}
		if p := f.Probe; p != nil {
			n.redactor.AddURL(p.Through)
			_ = n.learnRun(quiet, &shiftfile.Run{Suites: p.Suites, Env: p.Env, Tag: p.Tag}, h.First.Dir)
		}
		if f.Run != nil {
			_ = n.learnRun(quiet, f.Run, h.First.Dir)
		}
	}()
	select {
	case <-done:
	case <-time.After(learning):
	}
}

// tellPause tells the receivers that the walk waits for a person.
func (n *shiftNotice) tellPause(io stdio, why string) {
	n.telling.Go(func() {
		defer n.survive(io)
		n.tell(io, "inconclusive", n.summary("", run.Inconclusive, "paused: "+why))
	})
}

// survive is deferred where a panic must not end the process: traffic may have to go back yet.
func (n *shiftNotice) survive(io stdio) {
	if caught := recover(); caught != nil {
		fmt.Fprintf(io.err, "bgverify: warning: panic: %s\n", text.Visible(n.hide(fmt.Sprint(caught))))
	}
}

// tellEnd tells the receivers how a walk ended. It comes after everything else: weights,
// record and exit status are settled. The run at the end of a hold notifies no one: its receivers
// hear of what the walk makes of it.
func (n *shiftNotice) tellEnd(io stdio, r *shift.Result, folder string) {
	defer n.telling.Wait()
	defer n.survive(io)
	if r.Elsewhere {
		return
	}
	end := map[walking.Outcome]struct {
		verdict run.Verdict
		event   string
	}{
		walking.Done: {run.Pass, "pass"}, walking.RolledBack: {run.Fail, "rollback"}, walking.NotHeld: {run.Broken, "rollback"},
		walking.Held: {run.Inconclusive, "inconclusive"}, walking.Untouched: {run.Broken, "broken"},
	}[r.Outcome]
	if r.Signal != 0 && r.Outcome == walking.RolledBack {
		end.verdict = run.Interrupted
	}
	reason := r.Outcome.String()
	if r.Reason != "" {
		reason += ": " + r.Reason
	}
	sum := n.summary(filepath.Base(folder), end.verdict, reason)
	n.tell(io, end.event, sum)
}

func (n *shiftNotice) summary(folder string, verdict run.Verdict, reason string) notify.Summary {
	return notify.Summary{
		Tool: "bgverify", Run: n.walkName, Folder: folder, Verdict: verdict, Reasons: []string{n.hide(reason)}, Suites: []string{"shift"},
		Started: n.began.UTC(), ElapsedMS: float64(time.Since(n.began).Milliseconds()),
	}
}

// tell sends a summary to those who hear of an event or of its verdict; notify.Budget bounds it.
func (n *shiftNotice) tell(io stdio, event string, sum notify.Summary) {
	n.mu.Lock()
	to := slices.Clone(n.receivers)
	n.mu.Unlock()
	sum.Event = event
	for i := range to {
		if slices.Contains(to[i].On, sum.Verdict.String()) {
			to[i].On = []string{event}
		}
	}
	send(context.Background(), io.err, to, sum, n.redactor.JSON)
}
