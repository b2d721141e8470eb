package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/scenarios"
)

func newValidateCommand(io stdio) *cobra.Command {
	var env string
	cmd := &cobra.Command{
		Use:     "validate PATH...",
		GroupID: "write",
		Short:   "Find every problem of scenario files; sends nothing",
		Long: `Read suites, with every file they use, and print all problems at once with
file:line:col. Exit status 0 without errors (warnings may be printed), 2 with.`,
		Example: `  bgverify validate scenarios/
  bgverify validate scenarios/stb --env env/stb.yaml`,
		Args: atLeastOnePath,
		RunE: func(_ *cobra.Command, args []string) error {
			suites, err := loadSuites(io, env, args, true)
			if err != nil {
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
				fmt.Fprintln(io.out, "ok: no suite; the files themselves are right")
				return nil
			}
			fmt.Fprintf(io.out, "ok: %s, %s, %s\n", count(len(suites), "suite"), count(cases, "case"), count(steps, "step"))
			return nil
		},
	}
	cmd.Flags().StringVar(&env, "env", "", "env `file` of the stage")
	return cmd
}

// loadSuites reads suites without demanding what only a run needs. others: a path
// may name a parts, rule or env file itself.
func loadSuites(io stdio, env string, args []string, others bool) ([]*scenarios.Suite, error) {
	t, err := openTree(args)
	if err != nil {
		return nil, err
	}
	opts := loadOptions()
	opts.Others = others
	if opts.Env, err = loadEnv(io.err, env, opts); err != nil {
		return nil, err
	}
	suites, problems := scenarios.Load(t.files, t.paths, opts)
	return suites, tellProblems(io.err, problems)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
