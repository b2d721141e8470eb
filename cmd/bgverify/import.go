package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/convert"
	"github.com/bgverify/bgverify/scenarios/convert/imported"
)

// An importFormat is one kind of file that import reads.
type importFormat struct {
	name, file string // postman COLLECTION
	// bind declares the format's own flags and returns what reads them into the
	// options; nil: it has none.
	bind func(f *pflag.FlagSet) func(opts *convert.Options) error
}

// importFormats is every format there is; import_formats.go describes them.
var importFormats = []importFormat{
	importPostman,
	importCurl,
	importHAR,
	importOpenAPI,
	importJMeter,
}

func newImportCommand(io stdio) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import FORMAT FILE",
		GroupID: "write",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "the formats are " + strings.Join(importNames(), ", ")
			if _, err := os.Stat(args[0]); err == nil {
				hint = "write bgverify import FORMAT " + args[0] + " -o DIR; " + hint
			} else if near := suggest.Nearest(args[0], importNames()); near != "" {
				hint = "did you mean " + near + "?"
			}
			return usage(hint, "unknown format %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// An unknown format is named, not its flags.
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
	}
	for _, f := range importFormats {
		cmd.AddCommand(newImportFormat(io, f))
	}
	cmd.AddCommand(newImportCluster(io))
	return cmd
}

func importNames() []string {
	var out []string
	for _, f := range importFormats {
		out = append(out, f.name)
	}
	return append(out, "cluster")
}

func newImportFormat(io stdio, f importFormat) *cobra.Command {
	var out string
	var force bool
	options := func(*convert.Options) error { return nil }
	cmd := &cobra.Command{
		Use:  f.name + " " + f.file + " -o DIR",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("add -o DIR", "import needs a folder to write into")
			}
			if err := imported.MayWrite(out, force); err != nil {
				return err
			}
			var opts convert.Options
			if err := options(&opts); err != nil {
				return failed(cmd.Context(), err)
			}
			heapFreedom.Store(importHeap)
			result, err := imported.Convert(f.name, args[0], opts)
			var wrong *convert.SourceError
			switch {
			case errors.As(err, &wrong):
				wrong.File = cmp.Or(wrong.File, args[0])
				return usage("import "+f.name+" reads "+cmd.Short, "%w", err)
			case err != nil:
				return usage("", "import %s: %w", args[0], err)
			}
			return finishImport(io, result, out)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "`folder` to write into; it must be new or empty")
	cmd.Flags().BoolVar(&force, "force", false, "write into a folder that is not empty; files of the same name are replaced")
	if f.bind != nil {
		options = f.bind(cmd.Flags())
	}
	return cmd
}

// finishImport writes the files, loads them again as validate does, and says
// what was done, what was not and what comes next.
func finishImport(io stdio, result *convert.Result, dir string) error {
	made, problems, err := imported.Write(result, dir)
	if err != nil {
		return broken(err)
	}
	if problems.HasErrors() { // a mistake of the import; warnings are left to validate
		_ = problems.Write(io.err)
		return broken(fmt.Errorf("what was written to %s does not load: this is a bug in bgverify; please report it", dir))
	}
	if err := result.Report.Write(io.out); err != nil {
		return broken(err)
	}
	return tellBroken("write the report", made.WriteNext(io.out))
}
