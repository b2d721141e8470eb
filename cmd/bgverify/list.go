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
	var env, tag, shard, api, output string
	var globs []string
	cmd := &cobra.Command{
		Use:     "list PATH...",
		GroupID: "write",
		Short:   "List the cases, or what of an API they do not ask",
		Long: `Print one case a line: suite/case, its tags, its file:line, the number of its rows.

With --openapi, print which operations, statuses and parameters of an API description
(OpenAPI 3.0, 3.1 or Swagger 2.0) no case asks, and which steps match no operation.
Sends nothing.`,
		Example: `  bgverify list scenarios/stb
  bgverify list scenarios/stb --tag 'smoke and not write'
  bgverify list --openapi api.yaml scenarios/api`,
		Args: atLeastOnePath,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
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
			switch {
			case api != "":
				return listAPI(io, api, output, suites)
			case output == "json":
				return printCasesJSON(io, suites)
			}
			return printCases(io, suites)
		},
	}
	f := cmd.Flags()
	f.StringVar(&env, "env", "", "env `file` of the stage")
	f.StringVar(&tag, "tag", "", "only cases whose tags match `EXPR`")
	f.StringArrayVar(&globs, "case", nil, "only cases whose id matches `GLOB`; may be repeated")
	f.StringVar(&shard, "shard", "", "only part `i/n` of the cases")
	f.StringVar(&api, "openapi", "", "list what the cases do not ask of the API that `file` describes")
	f.StringVar(&output, "output", "text", "what standard output is: text or json")
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

// A listedCase is a case as list --output json prints it.
type listedCase struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	File string   `json:"file"`
	Line int      `json:"line"`
	Rows int      `json:"rows"` // 0: the case has no data
}

func printCasesJSON(io stdio, suites []*scenarios.Suite) error {
	list := []listedCase{}
	for _, s := range suites {
		for _, c := range s.Cases {
			x := listedCase{ID: c.ID, Name: c.Name, Tags: append([]string{}, c.Tags...), File: c.Pos.File, Line: c.Pos.Line}
			if c.Data != nil {
				x.Rows = c.Data.Count
			}
			list = append(list, x)
		}
	}
	if err := printJSON(io.out, list); err != nil {
		return broken(fmt.Errorf("write the list: %w", err))
	}
	return nil
}
