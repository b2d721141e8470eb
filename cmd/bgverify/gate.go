package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
)

// gateFlags are what gate asks of a run beyond a verdict that can be relied on.
type gateFlags struct {
	gate                    archive.Gate
	root, noWeaker          string
	without, require, after []string
}

func newGateCommand(io stdio) *cobra.Command {
	flags := &gateFlags{}
	cmd := &cobra.Command{
		Use:     "gate RUN",
		GroupID: "archive",
		Args:    oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("max-age") && flags.gate.MaxAge <= 0 {
				return usage("--max-age 2h", "--max-age %s accepts no run", flags.gate.MaxAge)
			}
			return flags.check(cmd.Context(), io, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.root, "out", "runs", "`folder` that keeps the runs, or s3://bucket/prefix")
	f.StringVar(&flags.gate.Digest, "digest", "", "the `sha256` that the run printed on its last line")
	f.DurationVar(&flags.gate.MaxAge, "max-age", 0, "how old the verdict may be; any age without it")
	f.StringVar(&flags.gate.GreenBuild, "green-build", "", "what green's identity must have been")
	f.StringVar(&flags.gate.Service, "service", "", "only suites of this `service`, and load on their cases")
	f.BoolVar(&flags.gate.Partial, "partial", false, "accept a run of chosen cases")
	f.StringSliceVar(&flags.without, "without", nil, "`list` of what the run may have left out:\ncompare, load, writes, identity")
	f.StringSliceVar(&flags.require, "require", nil, "`list` of what the run must have shown:\ncompare, load, writes, identity")
	f.StringVar(&flags.noWeaker, "no-weaker", "", "an archived `run`; exit with 4 if this one checks less")
	f.StringSliceVar(&flags.after, "after", nil, "`stages` that must have passed before, with the same suites and build")
	return cmd
}

// check holds an archived run to the flags, prints why it is refused, and exits with
// the status of what is left of its verdict.
func (g *gateFlags) check(ctx context.Context, io stdio, name string) error {
	gate := g.gate
	var err error
	if gate.Without, err = archive.ParseAspects(g.without); err != nil {
		return failed(ctx, fmt.Errorf("--without: %w", err))
	}
	if gate.Require, err = archive.ParseAspects(g.require); err != nil {
		return failed(ctx, fmt.Errorf("--require: %w", err))
	}
	for _, what := range gate.Require {
		if slices.Contains(gate.Without, what) {
			return usage("leave one of them out", "--require %s and --without %s contradict each other", what, what)
		}
	}
	// The run first, then the one that it must not be weaker than.
	folder, err := openKept(ctx, g.root, name)
	if err != nil {
		return err
	}
	defer folder.Close()
	if g.noWeaker != "" {
		earlier, err := openKept(ctx, g.root, g.noWeaker)
		if err != nil {
			return err
		}
		defer earlier.Close()
		if gate.Stronger, err = earlier.Run(); err != nil {
			return broken(err)
		}
	}
	after, done, err := g.ladder(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	gate.After = after
	gate.Now = time.Now()
	answer := gate.Check(folder.Folder)
	status := answer.Verdict.ExitStatus(answer.Signal)
	report.WriteReasons(io.out, answer.Reasons, width(io.out))
	fmt.Fprintf(io.out, "bgverify: gate verdict=%s exit=%d run=%s\n", answer.Verdict, status, folder.Name)
	return exit(status)
}

// ladder reads the stages of --after. They are looked for where the run is; done removes what was copied
// from an object store.
func (g *gateFlags) ladder(ctx context.Context, name string) (l archive.Ladder, done func(), err error) {
	done = func() {}
	if slices.ContainsFunc(g.after, func(s string) bool { return strings.TrimSpace(s) != s || s == "" }) {
		return l, done, usage("--after dev,verification", "--after names an empty stage, or one with spaces around it")
	}
	l = archive.Ladder{Root: g.root, Stages: g.after}
	if isStore(name) {
		l.Root = name[:strings.LastIndexByte(name, '/')]
	}
	if len(g.after) == 0 || !isStore(l.Root) {
		return l, done, nil
	}
	store, err := openStore(ctx, l.Root)
	if err != nil {
		return l, done, err
	}
	below, err := os.MkdirTemp("", "bgverify-stages-*")
	if err != nil {
		return l, done, broken(err)
	}
	l.Shelf = store.Shelf(ctx, below)
	return l, func() { _ = os.RemoveAll(below) }, nil
}

func oneRun(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("a folder, an id under --out, or latest", "%s takes one run", cmd.Name())
	}
	return nil
}

// openFolder finds a run; one that is not there is the caller's mistake, one
// that cannot be read is broken.
func openFolder(root, name string) (*archive.Folder, error) {
	if err := localRoot(root); err != nil {
		return nil, err
	}
	path, err := history.Resolve(root, name)
	if err != nil {
		return nil, usage("a folder, an id under --out, or latest", "%w", err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		return nil, broken(err)
	}
	return folder, nil
}
