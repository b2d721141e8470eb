package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/notify"
	gates "github.com/bgverify/bgverify/report/serve"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// receivers are those who hear of the verdict: of run and resume, not of verbs that judge
// no cluster.
func (s *session) receivers() []stage.Notify {
	if s.flags.verb != "" || s.plan.Env == nil {
		return nil
	}
	return s.plan.Env.Notify
}

// hideReceivers makes what their requests carry secrets of the run.
func (s *session) hideReceivers(w *archive.Writer) {
	for _, value := range notify.Secrets(s.receivers(), getenv) {
		w.Secret("notify", value)
	}
}

// notify tells the receivers of the verdict. Failures are warnings. A signal that ended the
// run does not end this.
func (s *session) notify(ctx context.Context, out stdio, w *archive.Writer, verdict run.Verdict) {
	to := s.receivers()
	if len(to) == 0 || s.flags.noNotify {
		return
	}
	folder := filepath.Base(w.Path())
	sum := notify.Summary{Tool: "bgverify", Run: w.ID(), Folder: folder, Reasons: []string{"the run folder could not be finished"}}
	if s.finished != nil {
		sum = notify.Of(s.finished, folder, s.digest)
	}
	sum.Verdict, sum.Event = verdict, verdict.String()
	send(ctx, out.err, to, sum, w.Redactor().JSON)
}

// send sends a summary and prints what went wrong.
func send(ctx context.Context, stderr io.Writer, to []stage.Notify, sum notify.Summary, redact func([]byte) []byte) {
	sender := notify.Sender{Getenv: getenv, Redact: redact}
	for _, err := range sender.Send(context.WithoutCancel(ctx), to, sum) {
		fmt.Fprintf(stderr, "bgverify: warning: %v\n", err)
	}
}

// rolledBack tells the receivers of an env file that Flagger was asked to roll back.
func (v *serveFlags) rolledBack(ctx context.Context, o gates.Order, a gates.Answer, log io.Writer) {
	send(ctx, log, v.receivers[o.Env], notify.Summary{
		Tool: "bgverify", Event: "rollback", Run: o.ID, Folder: a.Folder, Verdict: run.Fail, Reasons: a.Reasons, Suites: o.Suites,
		Digest: a.Digest,
	}, newRedactor().JSON)
}
