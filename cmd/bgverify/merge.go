package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/merge"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

func newMergeCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:     "merge RUN...",
		GroupID: "archive",
		Short:   "Make one run of the shards of a plan; sends nothing",
		Long: `Make one run of the shards of a plan (run --shard 1/4 to 4/4, on any machines)
and exit with its verdict's status. RUN is a folder, or an id under --out; the new
run folder is made under --out.

Exchanges, results and load records are taken over. Verdict, causes, coverage,
counts and reports are made from all of them: gate, history, report, judge and
rediff work on the new run as on one that was never split.

The shards must be all of one plan, each once and ended, made from the same
files with the same flags and --seed, of the same two sides and builds. Anything
else exits with 2. A folder that is not what its manifest says exits with 3.`,
		Example: `  bgverify run scenarios/stb --env env/production.yaml --seed 7 --shard 1/2 --run-id one
  bgverify run scenarios/stb --env env/production.yaml --seed 7 --shard 2/2 --run-id two
  bgverify merge one two
  bgverify merge shards/*/2* -o runs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("folders, or ids under --out", "merge takes the runs of all shards")
			}
			if err := flags.checkAgain(cmd); err != nil {
				return err
			}
			return mergeRuns(cmd.Context(), io, flags, args)
		},
	}
	flags.bindOnly(cmd.Flags(), "output", "quiet", "no-color", "no-progress", "run-id")
	cmd.Flags().StringVarP(&flags.out, "out", "o", "runs", "`folder` that keeps the runs")
	return cmd
}

// mergeRuns checks the shards, loads the plan of the whole from the first, and writes the
// merged run.
func mergeRuns(ctx context.Context, out stdio, again *runFlags, names []string) error {
	var folders []*archive.Folder
	for _, name := range names {
		folder, err := openFolder(again.out, name)
		if err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	set, err := merge.Open(folders, run.Tool{Name: "bgverify", Version: toolVersion()})
	if err != nil {
		return failed(ctx, err)
	}
	plan, t, err := readKept(set.First())
	if err != nil {
		return err
	}
	header := set.Header()
	flags, err := keptFlags(&header, plan, again, true)
	if err != nil {
		return err
	}
	flags.runID, flags.verb, flags.stage = again.runID, "merge", header.Stage
	s, err := loadSession(out, flags, t, header.Flags, loading{ids: plan.Cases, offline: true, same: true})
	if err != nil {
		return err
	}
	s.plan.Audit = header.Audit
	s.plan.Weaker = replay.WeakerThanLast(flags.out, s.plan)
	folder, from := set.Graver()
	s.replayClusters(folder, from)
	return s.into(ctx, func(ctx context.Context, plan *runner.Plan, sink run.Sink, progress func(runner.Progress)) (*run.End, error) {
		w, ok := sink.(*archive.Writer)
		if !ok {
			return nil, fmt.Errorf("merge into %T: want a run folder", sink)
		}
		return set.Into(ctx, plan, w, progress)
	})
}
