package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

func newValidateCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:     "validate PATH...",
		GroupID: "write",
		Args:    atLeastOnePath,
		RunE: func(_ *cobra.Command, args []string) error {
			suites, stage, err := loadSuites(io, flags.env, args, true)
			if err != nil {
				return err
			}
			plan := &runner.Plan{Suites: suites, Env: stage, World: runner.World{Now: time.Now}}
			if plan.Calibration, err = flags.readCalibration(false); err != nil {
				return err
			}
			if err := tellProblems(io.err, runner.Unprovable(plan, flags.severity())); err != nil {
				return err
			}
			cases, steps := 0, 0
			for _, s := range suites {
				cases += len(s.Cases)
				for _, c := range s.Cases {
					steps += len(c.Steps)
				}
			}
			if len(suites) == 0 {
				fmt.Fprintln(io.out, "ok: no suite; the files have no errors")
				return nil
			}
			fmt.Fprintf(io.out, "ok: %s, %s, %s\n", text.Count(len(suites), "suite"), text.Count(cases, "case"), text.Count(steps, "step"))
			return nil
		},
	}
	flags.bindOnly(cmd.Flags(), "env", "calibration", "strict")
	return cmd
}

// loadSuites reads suites, and the env file where one is named, without demanding
// what only a run needs. others: a path may name a parts, rule or env file itself.
func loadSuites(io stdio, env string, args []string, others bool) ([]*scenarios.Suite, *scenarios.Env, error) {
	t, err := tree.Open(args)
	if err != nil {
		return nil, nil, err
	}
	opts := loadOptions()
	opts.Others = others
	if opts.Env, err = loadEnv(io.err, env, opts); err != nil {
		return nil, nil, err
	}
	suites, problems := scenarios.Load(t.Files, t.Paths, opts)
	return suites, opts.Env, tellProblems(io.err, problems)
}
