package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap/double"
	"github.com/bgverify/bgverify/scenarios"
)

func newRediffCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	var rules, env, runID string
	cmd := &cobra.Command{
		Use:     "rediff RUN [PATH...]",
		GroupID: "archive",
		Short:   "Judge an archived run again under other rules; sends nothing",
		Long: `Judge the exchanges of an archived run (a folder, an id under --out, or latest)
again and write the result to a new run folder that names its parent. Nothing is
sent. With PATHs the suites are read from those files as they are now; otherwise
from the copies in the run folder. --rules adds a rule file before the rules of
every suite.

Cases, flags and seed are those of the run. A step that the run did not send is
broken. Load stages, identities and reachability stay as the run found them. For a
hidden secret, only its type, its format and whether two are equal are known: a step
with a rule or expectation that needs the value itself cannot be evaluated and is
broken. The exit status is that of the new verdict.`,
		Example: `  # Were the differences only the field that is to be ignored?
  bgverify rediff latest --rules proposed.yaml

  # The suites as edited since
  bgverify rediff runs/2026-11-23T03-12-45Z-stb-7f3a scenarios/stb`,
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
			return rediff(cmd.Context(), io, flags, rediffOptions{rules, env, runID, typed(cmd)}, args)
		},
	}
	flags.bindAgain(cmd.Flags())
	f := cmd.Flags()
	for _, name := range []string{"blue", "green"} {
		if err := f.MarkHidden(name); err != nil {
			panic(err)
		}
	}
	f.StringVar(&rules, "rules", "", "YAML `file` with a top-level rules list, added before the rules of every suite")
	f.StringVar(&env, "env", "", "env `file` to use instead of the run's")
	f.StringVar(&runID, "run-id", "", "`id` of the new run (default a new one)")
	return cmd
}

// rediffOptions are what rediff takes beyond the flags of a run folder.
type rediffOptions struct {
	rules, env, runID string
	typed             []string
}

func rediff(ctx context.Context, out stdio, again *runFlags, o rediffOptions, args []string) error {
	from, err := openRun(again.out, args[0])
	if err != nil {
		return err
	}
	folder, err := openFolder(again.out, args[0])
	if err != nil {
		return err
	}
	plan, err := replay.ReadAsked(folder.Path())
	if err != nil {
		return broken(err)
	}
	t, err := rediffTree(folder.Path(), plan, o.env, args[1:])
	if err != nil {
		return err
	}
	// Selection, flags and seed are the run's, so that cases and rows are the same.
	how := loading{ids: plan.Cases, offline: true, same: true}
	if how.rules, err = addedRules(out, o.rules); err != nil {
		return err
	}
	flags, err := keptFlags(&from.Header, plan, again, true)
	if err != nil {
		return err
	}
	flags.runID, flags.verb = o.runID, "rediff"
	s, err := loadSession(out, flags, t, o.typed, how)
	if err != nil {
		return err
	}
	s.plan.Parent, s.plan.Answered, s.plan.Shards = from.Header.ID, from.Answered(), from.Header.Shards
	s.plan.Weaker = run.NewWeakerThan(from.Header.ID, from.Header.Asks, s.plan.Asks)
	if env := s.plan.Env; env != nil && env.Clusters != nil {
		open := func(name string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(folder.Path(), filepath.FromSlash(name)))
		}
		s.clusters = func(keep cluster.Keeper) runner.Clusters {
			return cluster.Replay(env.Clusters, from.End.Clusters, open, keep)
		}
	}
	return s.into(ctx, func(ctx context.Context, plan *runner.Plan, sink run.Sink, progress func(runner.Progress)) (*run.End, error) {
		from.Pair = replay.StandIns(folder, sink.Secret)
		if from.Header.Clients {
			return double.Rejudge(ctx, plan, from, sink)
		}
		return runner.Rejudge(ctx, plan, from, sink, progress)
	})
}

// rediffTree is the suites and the env file of a run's folder, or those given in their place.
func rediffTree(folder string, plan *replay.Asked, env string, paths []string) (*tree.Tree, error) {
	t, err := plan.Tree(folder)
	if err != nil {
		return nil, broken(err)
	}
	if len(paths) > 0 {
		now, err := tree.Open(paths)
		if err != nil {
			return nil, err
		}
		now.Stage = t.Stage
		t = now
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
	t, err := tree.Open([]string{name})
	if err != nil {
		return nil, err
	}
	list, problems := scenarios.LoadRules(t.Files, t.Paths[0], loadOptions())
	if err := tellProblems(io.err, problems); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, usage("", "%s holds no rule", name)
	}
	if _, bad := diff.Compile(list, diff.Options{Now: loadOptions().Now}); len(bad) > 0 {
		return nil, usage(bad[0].Hint, "%s: %s", list[bad[0].Rule].Origin, bad[0].Msg)
	}
	return list, nil
}
