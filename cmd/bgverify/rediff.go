package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap/double"
)

func newRediffCommand(io stdio) *cobra.Command {
	flags := &rediffFlags{}
	cmd := &cobra.Command{
		Use:     "rediff RUN [PATH...]",
		GroupID: "archive",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("a folder, an id under --out, or latest", "rediff takes one run, followed by any scenario files")
			}
			if err := flags.checkAgain(cmd); err != nil {
				return err
			}
			if flags.blue != "" || flags.green != "" {
				return usage("leave them out", "rediff sends nothing: --blue and --green do not apply")
			}
			return flags.rediff(cmd.Context(), io, typed(cmd), args)
		},
	}
	f := cmd.Flags()
	flags.bindAgain(f, "env", "run-id")
	f.Lookup("env").Usage = "env `file` to use instead of the run's"
	for _, name := range []string{"blue", "green"} {
		if err := f.MarkHidden(name); err != nil {
			panic(err)
		}
	}
	f.StringVar(&flags.rules, "rules", "", "YAML `file` with a top-level rules list, added before the rules of every suite")
	return cmd
}

// rediffFlags are the flags of rediff, of which those of a run folder come from there.
type rediffFlags struct {
	runFlags
	rules string
}

// rediff judges the exchanges of a run again. The first argument names the run, the others
// the files to judge it by.
func (f *rediffFlags) rediff(ctx context.Context, out stdio, flagsTyped, args []string) error {
	folder, from, err := openRun(f.out, args[0])
	if err != nil {
		return err
	}
	// What was changed since would get a manifest that agrees with it. A run that was stopped has none.
	var changed *archive.VerifyError
	if errors.As(folder.Verify(), &changed) && len(changed.Tampered)+len(changed.Missing) > 0 {
		return broken(fmt.Errorf("%s is not judged again: %w", from.Header.ID, changed))
	}
	plan, t, err := readKept(folder)
	if err != nil {
		return err
	}
	if t, err = givenInstead(t, f.env, args[1:]); err != nil {
		return err
	}
	// Selection, flags and seed are the run's, so that cases and rows are the same.
	how := loading{ids: plan.Cases, offline: true, same: true}
	if how.rules, err = addedRules(out, f.rules); err != nil {
		return err
	}
	flags, err := keptFlags(&from.Header, plan, &f.runFlags, true)
	if err != nil {
		return err
	}
	flags.runID, flags.verb = f.runID, "rediff"
	s, err := loadSession(out, flags, t, flagsTyped, how)
	if err != nil {
		return err
	}
	s.plan.Parent, s.plan.Answered, s.plan.Shards = from.Header.ID, from.Answered(), from.Header.Shards
	// Cases of the run that the files given instead no longer have were judged, and are now left out.
	s.plan.Whole.Cases = max(s.plan.Whole.Cases, from.Header.Planned.OfCases)
	s.plan.Weaker = run.NewWeakerThan(from.Header.ID, from.Header.Asks, s.plan.Asks)
	s.replayClusters(folder, from)
	return s.into(ctx, func(ctx context.Context, plan *runner.Plan, sink run.Sink, progress func(runner.Progress)) (*run.End, error) {
		from.Pair = replay.StandIns(folder, sink.Secret)
		if from.Header.Clients {
			return double.Rejudge(ctx, plan, from, sink)
		}
		return runner.Rejudge(ctx, plan, from, sink, progress)
	})
}

// givenInstead puts the suites and the env file of arguments in the place of those that a run folder keeps.
func givenInstead(kept *tree.Tree, env string, paths []string) (*tree.Tree, error) {
	t := kept
	var err error
	if len(paths) > 0 {
		if t, err = tree.Open(paths); err != nil {
			return nil, err
		}
		t.Stage = kept.Stage
	}
	if env != "" {
		if t.Stage, err = tree.Open([]string{env}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// addedRules reads the rule file of a flag.
func addedRules(io stdio, name string) ([]diff.Rule, error) {
	if name == "" {
		return nil, nil
	}
	list, err := loadRules(io.err, name, loadOptions())
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, usage("", "%s holds no rule", name)
	}
	_, err = compileRules(list)
	return list, err
}
