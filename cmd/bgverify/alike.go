package main

import (
	"context"
	goio "io"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

func newAlikeCommand(io stdio) *cobra.Command {
	flags := &readyFlags{}
	cmd := &cobra.Command{
		Use:     "alike --env FILE",
		GroupID: "judge",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.alike(cmd.Context(), io) },
	}
	flags.bind(cmd)
	return cmd
}

// alike compares and prints what it found.
func (f *readyFlags) alike(ctx context.Context, io stdio) error {
	c, err := f.clusters(io, func(c *stage.Clusters) error {
		if c.Alike == nil {
			return usage("add alike: {namespaces: […]}", "%s: clusters says nothing about alike", f.env)
		}
		c.Ready, c.Services = nil, nil // they are for ready and run
		return nil
	})
	if err != nil {
		return failed(ctx, err)
	}
	found := c.Gates(cluster.Keeper{Redact: newRedactor().JSON}).Before(ctx, nil).Alike
	if ctx.Err() != nil {
		return &statusError{status: run.Interrupted.ExitStatus(stopSignal(ctx)), err: context.Cause(ctx)}
	}
	err = io.print(f.output, found, func(w goio.Writer) error { return report.WriteAlike(w, found, textOptions(io.out, f.noColor)) })
	if err != nil {
		return err
	}
	return exit(found.Verdict.ExitStatus(0))
}
