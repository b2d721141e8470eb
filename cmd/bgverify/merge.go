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
