package main

import (
	"bufio"
	"errors"
	"fmt"
	goio "io"
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
	flags := &runFlags{}
	var api string
	cmd := &cobra.Command{
		Use:     "list PATH...",
		GroupID: "write",
		Args:    atLeastOnePath,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkOutput(flags.output); err != nil {
				return err
			}
			suites, _, err := loadSuites(io, flags.env, args, false)
			if err != nil {
				return err
			}
			sel, err := flags.selection()
			if err != nil {
				return err
			}
			if suites, err = scenarios.Select(suites, sel); err != nil {
				return usage("without --case and --tag it lists all", "%w", err)
			}
			if api != "" {
				return listAPI(io, api, flags.output, suites)
			}
			cases := listedCases(suites)
			return io.print(flags.output, cases, func(w goio.Writer) error { return printCases(w, cases) })
		},
	}
	f := cmd.Flags()
	flags.bindOnly(f, "env", "tag", "case", "shard", "output")
	f.Lookup("output").Usage = "what standard output is: text or json"
	f.StringVar(&api, "openapi", "", "list what the cases do not ask of the API that `file` describes")
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
	return io.print(output, use.Counted(), use.Write)
}

// A listedCase is a case as list prints it.
type listedCase struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	File string   `json:"file"`
	Line int      `json:"line"`
	Rows int      `json:"rows"` // 0: the case has no data
}

// listedCases are the cases of suites in their order.
func listedCases(suites []*scenarios.Suite) []listedCase {
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
	return list
}

// printCases prints a case a line.
func printCases(to goio.Writer, cases []listedCase) error {
	buffered := bufio.NewWriter(to)
	w := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	for _, c := range cases {
		rows := ""
		if c.Rows > 0 {
			rows = fmt.Sprintf("\t%d rows", c.Rows)
		}
		fmt.Fprintf(w, "%s\t%s\t%s:%d%s\n", c.ID, strings.Join(c.Tags, ","), c.File, c.Line, rows)
	}
	w.Flush()
	return buffered.Flush()
}
