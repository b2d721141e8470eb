package main

import (
	"bufio"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/scenarios"
)

func newListCommand(io stdio) *cobra.Command {
	var env, tag, shard string
	var globs []string
	cmd := &cobra.Command{
		Use:     "list PATH...",
		GroupID: "write",
		Short:   "List the cases: id, tags, place",
		Long:    `Print one case a line: suite/case, its tags, its file:line, the number of its rows. Sends nothing.`,
		Example: `  bgverify list scenarios/stb
  bgverify list scenarios/stb --tag 'smoke and not write'`,
		Args: atLeastOnePath,
		RunE: func(_ *cobra.Command, args []string) error {
			suites, _, err := loadSuites(io, env, args, false)
			if err != nil {
				return err
			}
			// The selection is read as run reads it.
			flags := runFlags{tag: tag, cases: globs, shard: shard}
			sel, err := flags.selection()
			if err != nil {
				return err
			}
			if suites, err = scenarios.Select(suites, sel); err != nil {
				return usage("without --case and --tag it lists all", "%w", err)
			}
			return printCases(io, suites)
		},
	}
	f := cmd.Flags()
	f.StringVar(&env, "env", "", "env `file` of the stage")
	f.StringVar(&tag, "tag", "", "only cases whose tags match `EXPR`")
	f.StringArrayVar(&globs, "case", nil, "only cases whose id matches `GLOB`; may be repeated")
	f.StringVar(&shard, "shard", "", "only part `i/n`")
	return cmd
}

func printCases(io stdio, suites []*scenarios.Suite) error {
	buffered := bufio.NewWriter(io.out)
	w := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	for _, s := range suites {
		for _, c := range s.Cases {
			rows := ""
			if c.Data != nil {
				rows = fmt.Sprintf("\t%d rows", c.Data.Count)
			}
			fmt.Fprintf(w, "%s\t%s\t%s:%d%s\n", c.ID, strings.Join(c.Tags, ","), c.Pos.File, c.Pos.Line, rows)
		}
	}
	w.Flush()
	if err := buffered.Flush(); err != nil {
		return broken(fmt.Errorf("write the list: %w", err))
	}
	return nil
}
