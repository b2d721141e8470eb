package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	goio "io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner/calibrate"
	"github.com/bgverify/bgverify/runner/scout"
	"github.com/bgverify/bgverify/scenarios/convert"
	"github.com/bgverify/bgverify/scenarios/convert/imported"
)

type initFlags struct {
	blue, green string
	get         []string
	imports     map[string]*string // by format: the file to import
	noRun       bool
	force       bool
	rounds      int
	settle      time.Duration
}

func newInitCommand(io stdio) *cobra.Command {
	f := &initFlags{imports: map[string]*string{}}
	cmd := &cobra.Command{
		Use:     "init [DIR]",
		GroupID: "write",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if err := f.askAddresses(io); err != nil {
				return err
			}
			return f.start(cmd.Context(), io, dir)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.blue, "blue", "", "`URL` of the trusted side")
	flags.StringVar(&f.green, "green", "", "`URL` of the side under judgement")
	flags.StringArrayVar(&f.get, "get", nil, "a `path` to make a case of, instead of the well-known ones; may be repeated")
	for _, format := range []string{"openapi", "postman", "har", "jmeter"} {
		f.imports[format] = flags.String(format, "", "import the suites from this `file`, as bgverify import "+format+" does")
	}
	flags.BoolVar(&f.noRun, "no-run", false, "write the files, and do not run them")
	flags.BoolVar(&f.force, "force", false, "replace files of an earlier init")
	flags.IntVar(&f.rounds, "rounds", 3, "how often every case is run to measure the rules")
	flags.DurationVar(&f.settle, "settle", 2*time.Second, "`wait` before the last round, in which clocks move on")
	return cmd
}

// askAddresses reads the addresses that no flag gave from a terminal, and checks both.
func (f *initFlags) askAddresses(io stdio) error {
	in, interactive := io.in.(*os.File)
	interactive = interactive && term.IsTerminal(int(in.Fd()))
	for _, a := range []struct {
		flag, what string
		to         *string
	}{
		{"blue", "blue, which serves traffic today", &f.blue},
		{"green", "green, which is to take over", &f.green},
	} {
		if *a.to == "" {
			if !interactive {
				return usage("add --"+a.flag+" URL", "the address of %s is missing", a.flag)
			}
			fmt.Fprintf(io.err, "URL of %s: ", a.what)
			line, err := bufio.NewReader(in).ReadString('\n')
			if *a.to = strings.TrimSpace(line); err != nil || *a.to == "" {
				return usage("add --"+a.flag+" URL", "the address of %s is missing", a.flag)
			}
		}
		u, err := url.Parse(*a.to)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return usage("such as https://api."+a.flag+".example", "--%s %s is not an http or https URL", a.flag, *a.to)
		case u.User != nil:
			return usage("write auth: of the side into the env file, with the password from the environment",
				"--%s holds a password, which would be written to a file", a.flag)
		}
	}
	if strings.TrimRight(f.blue, "/") == strings.TrimRight(f.green, "/") {
		return usage("comparing a side with itself proves nothing", "blue and green are the same address: %s", f.blue)
	}
	if f.rounds < 1 || f.rounds > 100 {
		return usage("1 to 100", "--rounds %d is out of bounds", f.rounds)
	}
	if f.settle < 0 || f.settle > time.Hour {
		return usage("0s to 1h", "--settle %s is out of bounds", f.settle)
	}
	for _, p := range f.get {
		if !strings.HasPrefix(p, "/") || strings.Contains(p, "#") {
			return usage("such as /v1/channels", "--get %s is not a path", p)
		}
	}
	return nil
}

// start looks at both sides, writes the files, measures rules and runs the suites.
func (f *initFlags) start(ctx context.Context, io stdio, dir string) error {
	made, err := f.readImport()
	if err != nil {
		return err
	}
	if err := f.refuseExisting(dir, made); err != nil {
		return err
	}
	fmt.Fprintln(io.err, "bgverify: asking both sides what they are")
	found, err := scout.Look(ctx, f.blue, f.green, f.get)
	var unreachable *scout.UnreachableError
	switch {
	case errors.As(err, &unreachable):
		return broken(err)
	case err != nil:
		return failed(ctx, err)
	}
	tellIdentity(io, found)
	if made == nil {
		tellPaths(io, found)
	} else if err := made.Report.Write(io.out); err != nil {
		return broken(err)
	}
	if len(found.Endpoints) == 0 && made == nil {
		return usage("name a path that answers without a sign-in: --get /v1/channels; or import: --openapi, --postman, --har, --jmeter",
			"no path was found that blue answers: health, version, API descriptions and links were tried")
	}
	if err := f.write(dir, found, made); err != nil {
		return err
	}
	t, err := tree.Open([]string{filepath.Join(dir, scout.SuiteDir)})
	if err != nil {
		return err
	}
	// What an import leaves open, such as variables that have to come from outside, is
	// a problem with its place here; the files stay, to be completed.
	if _, err := newSession(io, f.runFlags(dir), t, nil); err != nil {
		tellUnfinished(io, dir)
		return err
	}
	rules, err := f.measure(ctx, io, t, dir)
	if err != nil {
		if made != nil && ctx.Err() == nil { // such as a write that nobody has reviewed
			tellUnfinished(io, dir)
		}
		return err
	}
	if err := writeFile(dir, convert.File{Name: scout.EnvFile, Data: scout.Env(f.blue, f.green, found, rules)}); err != nil {
		return err
	}
	tellFirstRun(io, dir, made != nil)
	if f.noRun {
		return nil
	}
	err = judge(ctx, io, f.runFlags(dir), t, nil)
	if made == nil {
		tellScope(io, found)
	}
	return err
}

// readImport converts the file of an import flag; nil: there is none.
func (f *initFlags) readImport() (*convert.Result, error) {
	var out *convert.Result
	for _, format := range []string{"openapi", "postman", "har", "jmeter"} {
		name := *f.imports[format]
		if name == "" {
			continue
		}
		if out != nil {
			return nil, usage("run bgverify import for the others", "init imports one file, not several")
		}
		result, err := imported.Convert(format, name, convert.Options{})
		if err != nil {
			return nil, usage("", "import %s: %w", name, err)
		}
		out = result
	}
	return out, nil
}

// refuseExisting keeps init from replacing somebody's work.
func (f *initFlags) refuseExisting(dir string, made *convert.Result) error {
	names := []string{scout.ConfigFile, scout.EnvFile, scout.SuiteFile}
	if made != nil {
		names = []string{scout.ConfigFile, scout.EnvFile, scout.SuiteDir}
	}
	for _, name := range names {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(full); err == nil && !f.force {
			return usage("name a new folder, or add --force to replace it", "%s exists", full)
		}
	}
	return nil
}

// write writes all files but the rules, which are measured with their help.
func (f *initFlags) write(dir string, found *scout.Found, made *convert.Result) error {
	files := []convert.File{
		{Name: scout.ConfigFile, Data: scout.Config()},
		{Name: scout.EnvFile, Data: scout.Env(f.blue, f.green, found, nil)},
	}
	if made == nil {
		files = append(files, convert.File{Name: scout.SuiteFile, Data: scout.Suite(found)})
	} else {
		for _, file := range made.Files {
			files = append(files, convert.File{Name: scout.SuiteDir + "/" + file.Name, Data: file.Data})
		}
	}
	for _, file := range files {
		if err := writeFile(dir, file); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes one file below dir, whole or not at all.
func writeFile(dir string, file convert.File) error {
	if err := imported.WriteTree(dir, []convert.File{file}); err != nil {
		return broken(fmt.Errorf("write %s: %w", filepath.Join(dir, filepath.FromSlash(file.Name)), err))
	}
	return nil
}

// measure compares each side with itself and returns the rules for what is unstable, as YAML.
func (f *initFlags) measure(ctx context.Context, io stdio, t *tree.Tree, dir string) ([]byte, error) {
	fmt.Fprintf(io.err, "bgverify: comparing each side with itself, %s\n", text.Count(f.rounds, "round"))
	flags := f.runFlags(dir)
	flags.noProgress = true
	u, flush := newUnarchived(io, flags, t, loading{same: true, quiet: true})
	defer flush()
	found, err := calibrate.Fields(ctx, calibrate.Options{
		Rounds: f.rounds, Settle: f.settle, Both: true, Seed: 1, Plan: u.plan, Execute: u.execute, Log: goio.Discard,
	})
	if err != nil {
		return nil, u.failed(ctx, err)
	}
	var out bytes.Buffer
	if err := found.Write(&out, u.redactor.CutString); err != nil {
		return nil, broken(fmt.Errorf("write the rules: %w", err))
	}
	return u.redactor.Bytes(out.Bytes()), nil
}

// tellIdentity says how the sides can be told apart.
func tellIdentity(io stdio, found *scout.Found) {
	for _, id := range found.Identity {
		place, must := id.At, string(id.Must)
		if id.Must == scout.Same {
			must = "be the same"
		}
		if id.Header != "" {
			place = "header " + id.Header
		}
		fmt.Fprintf(io.out, "identity  %s %s: blue %s, green %s (must %s)\n", id.Get, place, text.Visible(id.Blue), text.Visible(id.Green), must)
	}
	if len(found.Identity) == 0 {
		fmt.Fprintln(io.out, "identity  none found: nothing shows that these are two clusters; see the comment in "+scout.EnvFile)
	}
}

// tellPaths says which paths make cases, and which do not and why.
func tellPaths(io stdio, found *scout.Found) {
	for _, e := range found.Endpoints {
		green := ""
		if e.Green != "" {
			green = "; green " + text.Visible(e.Green)
		}
		fmt.Fprintf(io.out, "case      %s  %s, %s%s\n", e.Path, e.Media, text.Count(e.Bytes, "byte"), green)
	}
	for _, s := range found.Skipped {
		if !s.Guessed {
			fmt.Fprintf(io.out, "left out  %s  %s\n", text.Visible(s.Path), text.Visible(s.Why))
		}
	}
}

// tellScope says after the first run how little it has shown.
func tellScope(io stdio, found *scout.Found) {
	if !found.Asks() {
		fmt.Fprintln(io.err, "bgverify: only health and version paths answer without a sign-in, so the suite is advisory and cannot pass. Name "+
			"paths with --get, import what clients ask, or write cases.")
		return
	}
	fmt.Fprintf(io.err, "bgverify: this verdict covers %s without a sign-in. It covers no sign-in, no request that writes, and no load.\n",
		text.Count(len(found.Endpoints), "path"))
}

// tellUnfinished says what to do where imported suites cannot run yet.
func tellUnfinished(io stdio, dir string) {
	suites, env := filepath.Join(dir, scout.SuiteDir), filepath.Join(dir, filepath.FromSlash(scout.EnvFile))
	fmt.Fprintf(io.out, `
Wrote %s and %s. They do not run yet: see the errors.
Is only a variable missing? Set it and give this command again with --force.

Or correct the files, then:
  bgverify calibrate %s --env %s    # proposes rules for %s
  bgverify run %s --env %s

`, env, suites, suites, env, env, suites, env)
}

// tellFirstRun says what was written and what to do with it.
func tellFirstRun(io stdio, dir string, importing bool) {
	name := func(file string) string { return filepath.Join(dir, filepath.FromSlash(file)) }
	cases := "replace the cases in %s by what your clients ask"
	if importing {
		cases = "review the cases in %s: side effects, and what the import report lists"
	}
	cases = fmt.Sprintf(cases, name(scout.SuiteDir))
	fmt.Fprintf(io.out, `
Wrote %s, %s and %s.

Next:
  read the rules in %s: each hides differences within its bounds
  %s
  bgverify run %s --env %s
  bgverify selftest %s --env %s

`, name(scout.ConfigFile), name(scout.EnvFile), name(scout.SuiteDir), name(scout.EnvFile), cases,
		name(scout.SuiteDir), name(scout.EnvFile), name(scout.SuiteDir), name(scout.EnvFile))
}

// runFlags are the flags of a run over what was written, with the defaults of run.
func (f *initFlags) runFlags(dir string) *runFlags {
	flags := defaultFlags("")
	flags.env = filepath.Join(dir, filepath.FromSlash(scout.EnvFile))
	flags.out = filepath.Join(dir, "runs")
	flags.noLoad = true
	return flags
}
