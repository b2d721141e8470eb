package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert"
)

// An importFormat is one kind of file that import reads.
type importFormat struct {
	name, file           string // postman COLLECTION
	short, long, example string
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
		Short:   "Convert files of other tools to scenario files",
		Long: `Read a file of another tool and write scenario files that do the same, with a list
of everything that could not be converted. Nothing is executed or sent.`,
		Example: `  bgverify import postman shop.postman_collection.json -o scenarios/shop
  bgverify import curl commands.sh -o scenarios/shop
  bgverify import har recording.har -o scenarios/shop
  bgverify import openapi api.yaml -o scenarios/shop
  bgverify import jmeter plan.jmx -o scenarios/shop`,
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
		Use:     f.name + " " + f.file + " -o DIR",
		Short:   f.short,
		Long:    f.long,
		Example: f.example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("see 'bgverify import "+f.name+" --help'", "import %s takes one %s, not %d", f.name, f.file, len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usage("add -o DIR", "import needs a folder to write into")
			}
			if err := mayWrite(out, force); err != nil {
				return err
			}
			heapFreedom.Store(importHeap)
			result, err := convertFile(f.name, args[0], options)
			var status *statusError
			var wrong *convert.SourceError
			switch {
			case errors.As(err, &status):
				return err // of a flag, with its own hint
			case errors.As(err, &wrong):
				wrong.File = cmp.Or(wrong.File, args[0])
				return usage("", "%w", err)
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

// convertFile reads a file, or a folder, of another tool.
func convertFile(format, arg string, options func(*convert.Options) error) (*convert.Result, error) {
	var opts convert.Options
	if err := options(&opts); err != nil {
		return nil, err
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, unwrapPath(err)
	}
	in := convert.Input{Name: filepath.Base(arg), Folder: info.IsDir()}
	folder := filepath.Dir(arg)
	if in.Folder {
		folder = arg
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer root.Close()
	in.Files = root.FS()
	result, err := convert.Convert(format, in, opts)
	return result, unwrapPath(err)
}

// mayWrite refuses a folder with something in it: it may be somebody's work.
func mayWrite(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return usage("name a folder", "write to %s: %w", dir, unwrapPath(err))
	case len(entries) > 0 && !force:
		return usage("name a new folder, or add --force to replace files of the same name", "%s is not empty", dir)
	}
	return nil
}

// finishImport writes the files, loads them again as validate does, and says
// what was done, what was not and what comes next.
func finishImport(io stdio, result *convert.Result, dir string) error {
	files := append(result.Files, convert.File{Name: convert.SchemaFile, Data: scenarios.Schema()})
	if err := writeTree(dir, files); err != nil {
		return broken(fmt.Errorf("write %s: %w", dir, err))
	}
	suites, env, err := checkImported(io.err, dir, result)
	if err != nil {
		return err
	}
	if err := result.Report.Write(io.out); err != nil {
		return broken(err)
	}
	return tellNext(io.out, result, imported{suites, env, len(files), dir})
}

// writeTree writes the files to a temporary folder next to dir and moves them into
// place, so that a failure leaves no half-written file.
func writeTree(dir string, files []convert.File) error {
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(parent, ".import-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return fmt.Errorf("%q is outside the folder", f.Name)
		}
		name := filepath.Join(stage, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	// A new folder is moved as a whole; into one that exists the files go one by one.
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		if err := os.Chmod(stage, 0o755); err != nil {
			return err
		}
		return os.Rename(stage, dir)
	}
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(stage, filepath.FromSlash(f.Name)), to); err != nil {
			return err
		}
	}
	return nil
}

// checkImported loads what was written. An error there is a mistake of the
// import, and is said so; warnings are left to validate.
func checkImported(stderr io.Writer, dir string, result *convert.Result) ([]*scenarios.Suite, *scenarios.Env, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, broken(fmt.Errorf("read %s: %w", dir, unwrapPath(err)))
	}
	defer root.Close()
	suites, env, problems := loadImported(root.FS(), result)
	if problems.HasErrors() {
		problems.Write(stderr)
		return nil, nil, broken(fmt.Errorf("what was written to %s does not load: this is a bug in bgverify; please report it", dir))
	}
	return suites, env, nil
}

// loadImported loads a folder without an env file and with each that it holds; the
// first of them is returned.
func loadImported(files fs.FS, result *convert.Result) ([]*scenarios.Suite, *scenarios.Env, scenarios.Problems) {
	opts := scenarios.LoadOptions{Schemas: result.Schemas}
	suites, problems := scenarios.Load(files, []string{"."}, opts)
	var first *scenarios.Env
	for i, e := range result.Envs {
		env, more := scenarios.LoadEnv(files, e, scenarios.LoadOptions{})
		problems = append(problems, more...)
		_, more = scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Schemas: result.Schemas, Env: env})
		problems = append(problems, more...)
		if i == 0 {
			first = env
		}
	}
	return suites, first, problems
}

// tellNext ends the output with what was written and what comes next.
func tellNext(out io.Writer, result *convert.Result, made imported) error {
	cases, unreviewed := 0, 0
	for _, s := range made.suites {
		cases += len(s.Cases)
		unreviewed += countUnreviewed(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nWrote %s to %s: %s, %s.\n\nNext:\n",
		text.Count(made.files, "file"), made.dir, text.Count(len(made.suites), "suite"), text.Count(cases, "case"))
	if unreviewed > 0 {
		fmt.Fprintf(&b, "  review what %s may leave behind: search for side_effects: unreviewed (until then they are\n"+
			"    skipped, with every step that needs what they capture, and the run is inconclusive)\n", text.Count(unreviewed, "unsafe request"))
	}
	if len(result.Report.Lost) > 0 {
		fmt.Fprintf(&b, "  read the list above; what was not converted is also a comment next to its case\n")
	}
	fmt.Fprintf(&b, "  bgverify validate %s\n", made.dir)
	env := ""
	if len(result.Envs) > 0 {
		env = " --env " + filepath.Join(made.dir, filepath.FromSlash(result.Envs[0]))
	}
	made.writeRun(&b, env)
	if _, err := io.WriteString(out, b.String()); err != nil {
		return broken(fmt.Errorf("write the report: %w", err))
	}
	return nil
}

func countUnreviewed(s *scenarios.Suite) int {
	n := 0
	count := func(steps []*scenarios.Step) {
		for _, st := range steps {
			if st.SideEffects == scenarios.Unreviewed {
				n++
			}
		}
	}
	count(s.Setup)
	for _, c := range s.Cases {
		count(c.Steps)
	}
	return n
}
