package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

func newResumeCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:     "resume RUN",
		GroupID: "judge",
		Args:    oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.checkAgain(cmd); err != nil {
				return err
			}
			return resume(cmd.Context(), io, flags, args[0])
		},
	}
	flags.bindAgain(cmd.Flags())
	cmd.Flags().BoolVar(&flags.sameGreen, "same-green", false,
		"confirm that nothing was deployed since the run began; for runs without identity")
	return cmd
}

// resume continues a run. Nothing in its folder changes before everything
// that the run needs is there.
func resume(ctx context.Context, io stdio, again *runFlags, name string) error {
	folder, from, err := openRun(again.out, name)
	if err != nil {
		return err
	}
	if done, err := folder.Complete(); err != nil {
		return broken(err)
	} else if done && from.End.Verdict != run.Interrupted {
		return standing(io, again, folder, from)
	}
	if from.Header.Clients {
		return usage("start a new tap", "run %s judged requests of clients: those that were not made cannot be continued", from.Header.ID)
	}
	if from.Header.Parent != "" {
		return usage("bgverify rediff "+from.Header.Parent,
			"run %s judges archived exchanges again: there is nothing to continue", from.Header.ID)
	}
	// From here on the run's own files, flags and sides are needed.
	s, err := keptSession(io, again, folder, from)
	if err != nil {
		return err
	}
	if !again.sameGreen && !s.asksIdentity() {
		return usage("--same-green confirms that nothing was deployed since",
			"the run has no identity: nothing shows that blue and green are the builds they were when it began")
	}
	s.plan.Weaker = from.Header.Weaker
	release, err := s.prepare(ctx, "resume")
	if err != nil {
		return err
	}
	defer release()
	root := filepath.Dir(filepath.Clean(folder.Path()))
	// The folder is opened for writing last: another process may have finished it by now.
	w, state, err := archive.Resume(folder.Path(), archive.Options{Tool: toolVersion(), Index: page.Index(root)})
	switch {
	case errors.Is(err, archive.ErrComplete): // another process was faster
		return standing(io, again, folder, from)
	case err != nil:
		return broken(err)
	}
	defer w.Close()
	if state.Lost > 0 {
		fmt.Fprintf(io.err, "bgverify: warning: %d results lack their exchanges or bodies, which did not reach the disk: judged again\n",
			state.Lost)
	}
	if state.Over {
		return s.conclude(io, w, state.Run)
	}
	s.plan.Done, s.plan.Doubtful, s.plan.Before = state.Run.Cases, state.Doubtful, state.Run.Before
	s.plan.Unfinished, s.plan.Earlier = state.Unfinished, replay.MarkedPairs(folder)
	return s.conduct(ctx, w, runner.Execute)
}

// asksIdentity reports whether a suite of the run, or its stage, asks the sides what
// they are.
func (s *session) asksIdentity() bool {
	return slices.ContainsFunc(s.plan.Suites, func(suite *scenarios.Suite) bool { return len(suite.Identity) > 0 })
}

// keptSession is the session of an unfinished run, made again from its folder.
func keptSession(io stdio, again *runFlags, folder *archive.Folder, from *run.Run) (*session, error) {
	plan, t, err := readKept(folder)
	if err != nil {
		return nil, err
	}
	if err := replay.NoHidden(t.Files); err != nil {
		return nil, failed(context.Background(), err)
	}
	flags, err := keptFlags(&from.Header, plan, again, false)
	if err != nil {
		return nil, err
	}
	flags.out = filepath.Dir(filepath.Clean(folder.Path()))
	flags.stage = from.Header.Stage
	s, err := loadSession(io, flags, t, from.Header.Flags, loading{ids: plan.Cases})
	if err != nil {
		return nil, err
	}
	// Files that were changed in the folder would give other suites than the log has.
	names := s.plan.SuiteNames()
	kept := make([]string, len(from.Header.Suites))
	for i, suite := range from.Header.Suites {
		kept[i] = suite.Name
	}
	if !slices.Equal(names, kept) {
		return nil, broken(fmt.Errorf("the files in %s make suites %v, the run was of %v",
			filepath.Join(folder.Path(), archive.ScenariosDir), names, kept))
	}
	return s, nil
}

// conclude finishes the folder of a run that had judged everything.
func (s *session) conclude(io stdio, w *archive.Writer, r *run.Run) error {
	out, flush := redacted(io, w.Redactor())
	defer flush()
	verdict := r.End.Verdict
	if err := s.finish(out, w); err != nil {
		fmt.Fprintf(out.err, "bgverify: error: %v\n", err)
		verdict = verdict.Worse(run.Broken)
	}
	return exit(verdict.ExitStatus(r.End.Signal))
}

// standing ends with the verdict that a run has, after checking its folder.
func standing(io stdio, again *runFlags, folder *archive.Folder, r *run.Run) error {
	answer := archive.Gate{Now: time.Now(), Partial: true, Without: run.Required}.Check(folder)
	status := answer.Verdict.ExitStatus(answer.Signal)
	if again.output == "json" {
		format, _ := report.Lookup("json")
		if err := format.Write(io.out, r); err != nil {
			return broken(fmt.Errorf("write the report: %w", err))
		}
		return exit(status)
	}
	report.WriteReasons(io.out, answer.Reasons, width(io.out))
	fmt.Fprintln(io.out, "the run has its verdict: nothing was sent")
	fmt.Fprintf(io.out, "bgverify: verdict=%s exit=%d run=%s\n", answer.Verdict, status, folder.Path())
	return exit(status)
}
