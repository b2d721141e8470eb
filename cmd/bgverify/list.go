package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/apiuse"
	"github.com/bgverify/bgverify/scenarios/openapi"
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

// listAPI prints what the suites do not ask of the API that a file describes.
func listAPI(io stdio, name, output string, suites []*scenarios.Suite) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return usage("name an API description", "--openapi %s: %w", name, hint.WithoutPath(err))
	}
	defer root.Close()
	d, err := openapi.Open(root.FS(), filepath.Base(name))
	var at *openapi.Error
	switch {
	case errors.As(err, &at):
		at.Pos.File = filepath.Join(filepath.Dir(name), filepath.FromSlash(at.Pos.File))
		return usage("--openapi takes OpenAPI 3.0, 3.1 or Swagger 2.0", "%w", at)
	case err != nil:
		return usage("", "--openapi %s: %w", name, err)
	}
	use := apiuse.Of(d, suites)
	if output == "json" {
		err = printJSON(io.out, use.Counted())
	} else {
		err = use.Write(io.out)
	}
	return tellBroken("write the list", err)
}

// printCases prints a case a line.
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
	return tellBroken("write the list", buffered.Flush())
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

// printCasesJSON prints the cases as one JSON list.
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
	return tellBroken("write the list", printJSON(io.out, list))
}
