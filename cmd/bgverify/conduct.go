package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/report/ci"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/run"
)

// execute runs the plan and leaves a finished run folder behind.
func (s *session) execute(ctx context.Context) error {
	s.plan.Weaker = replay.WeakerThanLast(s.flags.out, s.plan)
	release, err := s.prepare(ctx, "run")
	if err != nil {
		return err
	}
	defer release()
	return s.into(ctx, runner.Execute)
}

// prepare does what a run needs before its folder is there: what the stage does not allow is
// refused, clusters are connected, this host is locked for load and workers are gathered.
// release undoes it.
func (s *session) prepare(ctx context.Context, command string) (release func(), err error) {
	if err := s.refused(ctx); err != nil {
		return nil, err
	}
	if err := s.openClusters(); err != nil {
		return nil, failed(ctx, err)
	}
	unlock, err := lockLoad(s.plan, command)
	if err != nil {
		return nil, err
	}
	dismiss, err := s.gather(ctx)
	if err != nil {
		unlock()
		return nil, err
	}
	return func() {
		dismiss()
		unlock()
	}, nil
}

// into walks the plan into a new run folder.
func (s *session) into(ctx context.Context, walk walker) error {
	w, err := archive.Create(s.flags.out, archive.Options{
		FS: s.disk, Suite: archive.CommonName(s.plan.SuiteNames()), ID: s.flags.runID, Tool: toolVersion(), Index: page.Index(s.flags.out),
	})
	if err != nil {
		if errors.Is(err, archive.ErrTaken) {
			return usage("another --run-id, or none", "%w", err)
		}
		return &statusError{status: statusBroken, err: err, hint: "nothing was sent; --out names the folder that keeps the runs"}
	}
	defer w.Close()
	return s.conduct(ctx, w, walk)
}

// A walker walks a plan: runner.Execute, or runner.Rejudge bound to a run.
type walker func(context.Context, *runner.Plan, run.Sink, func(runner.Progress)) (*run.End, error)

// conduct walks the plan into a run folder, finishes the folder and ends with
// the verdict's status. A folder that is resumed has its scenario files already.
func (s *session) conduct(ctx context.Context, w *archive.Writer, walk walker) error {
	s.plan.ID, s.plan.Started = w.ID(), w.Started()
	out, flush := redacted(s.io, w.Redactor())
	defer flush()
	for _, suite := range s.plan.Suites {
		for _, password := range suite.Passwords() {
			w.Secret("userinfo", password)
		}
	}
	if s.plan.Done == nil { // not resumed
		asked := replay.Asked{Blue: s.flags.blue, Green: s.flags.green, Cases: s.ids, Environment: s.flags.fromEnv}
		asked.Variables = replay.Digests(s.env.Asked(), s.flags.seed, func(name string) bool { return s.secrets[name] })
		if err := asked.Keep(w, s.tree, s.read, s.readStage); err != nil {
			return broken(err)
		}
	}

	s.hideReceivers(w)
	for _, token := range s.tokens {
		w.Secret("prometheus token", token)
	}
	if s.clusters != nil {
		s.plan.Clusters = s.clusters(cluster.Keeper{File: w.WriteFile, Redact: w.Redactor().JSON})
	}
	progress := newProgress(out.err, s.io.err, s.flags)
	end, err := walk(ctx, s.plan, w, progress.show)
	progress.close()
	if err != nil {
		fmt.Fprintf(out.err, "bgverify: error: %v\n", err)
	}
	// Without an end nothing was judged; a run whose folder is not whole is broken at best.
	verdict := run.Broken
	if end != nil && end.Verdict != 0 {
		verdict = end.Verdict
	}
	if err := s.finish(out, w); err != nil {
		fmt.Fprintf(out.err, "bgverify: error: %v\n", err)
		verdict = verdict.Worse(run.Broken)
	}
	s.notify(ctx, out, w, verdict)
	s.copyToStore(ctx, out, w)
	signal := 0
	if end != nil {
		signal = end.Signal
	}
	if n := stopSignal(ctx); n != 0 {
		signal = n
	}
	return exit(verdict.ExitStatus(signal))
}

// redacted is where a run talks from its first request on: no secret passes.
// flush writes what was held back because a secret may have begun in it.
func redacted(to stdio, r *redact.Redactor) (out stdio, flush func()) {
	stdout, stderr := r.Writer(to.out), r.Writer(to.err)
	return stdio{in: to.in, out: stdout, err: stderr}, func() {
		stdout.Flush()
		stderr.Flush()
	}
}

// finish renders the reports, closes the folder and tells the reader.
func (s *session) finish(out stdio, w *archive.Writer) error {
	run, err := w.Run()
	if err != nil {
		return fmt.Errorf("read the run back: %w", err)
	}
	pages := page.Options{Split: s.flags.reportAssets == "split", TraceURL: s.flags.traceURL, Known: history.KnownCauses(s.flags.out, run)}
	if err := report.WriteFolder(w, run, s.flags.formats, pages); err != nil {
		return err
	}
	digest, err := w.Finish()
	if err != nil {
		return fmt.Errorf("finish the run folder: %w", err)
	}
	s.finished, s.digest = run, digest
	if err := ci.ShowGitHub(out.err, w.Path(), run); err != nil {
		fmt.Fprintf(out.err, "bgverify: warning: %v\n", err)
	}
	if s.flags.keep+s.flags.keepDays > 0 {
		err := history.Prune(s.flags.out, s.flags.keep, s.flags.keepDays)
		// The page may link what is removed, also where pruning stopped half way.
		if err = errors.Join(err, history.WriteIndex(s.flags.out, page.Index(s.flags.out))); err != nil {
			fmt.Fprintf(out.err, "bgverify: warning: prune %s: %v\n", s.flags.out, err)
		}
	}
	if s.flags.output == "json" {
		format, _ := report.Lookup("json")
		return format.Write(out.out, run)
	}
	if !slices.Contains(s.flags.formats, "text") {
		return nil
	}
	opts := textOptions(s.io.out, s.flags.noColor)
	opts.Folder, opts.Digest, opts.Resume = w.Path(), digest, s.resumeCommand(run)
	var text bytes.Buffer
	if err := report.Text(&text, run, opts); err != nil {
		return fmt.Errorf("render the text report: %w", err)
	}
	shown := text.Bytes()
	if s.flags.quiet {
		shown = lastLine(shown)
	}
	_, err = out.out.Write(shown)
	return err
}

// resumeCommand continues an interrupted run as a reader would type it; empty when
// the run ended.
func (s *session) resumeCommand(r *run.Run) string {
	if r.End.Verdict != run.Interrupted {
		return ""
	}
	command := "bgverify resume " + r.Header.ID
	if s.flags.out != "runs" {
		command += " --out '" + strings.ReplaceAll(s.flags.out, "'", `'\''`) + "'"
	}
	if s.flags.verb == "demo" { // its services are gone with it
		command += " --blue URL --green URL"
	}
	if !s.asksIdentity() {
		command += " --same-green"
	}
	return command
}

// lastLine is the line for programs.
func lastLine(text []byte) []byte {
	text = bytes.TrimRight(text, "\n")
	return append(text[bytes.LastIndexByte(text, '\n')+1:], '\n')
}

// lockLoad keeps other load runs off this host while a plan with load runs.
func lockLoad(plan *runner.Plan, command string) (unlock func(), err error) {
	if plan.LoadStages() == 0 {
		return func() {}, nil
	}
	dir, _ := os.Getwd()
	lock, err := disk.LockLoad(fmt.Sprintf("bgverify %s (process %d, in %s)", command, os.Getpid(), dir))
	if err != nil {
		var held *disk.LockedError
		if errors.As(err, &held) {
			return nil, &statusError{
				status: statusBroken, hint: "wait for it, or run the cases alone with --no-load",
				err: fmt.Errorf("another load run is measuring on this host: %s (lock %s)", text.Visible(held.Holder), held.File),
			}
		}
		return nil, broken(err)
	}
	return func() { _ = lock.Unlock() }, nil
}
