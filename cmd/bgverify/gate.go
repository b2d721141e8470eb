package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

func newGateCommand(io stdio) *cobra.Command {
	var root, noWeaker string
	var without, require []string
	gate := archive.Gate{}
	cmd := &cobra.Command{
		Use:     "gate RUN",
		GroupID: "archive",
		Short:   "Exit with the status of an archived verdict, after checking that it can be relied on",
		Long: `Check an archived run (a folder, an id under --out, or latest) and exit with its
verdict's status.

A run that is incomplete, changed since it was written, too old, or of another
build of green exits with 3, whatever its own verdict.

A pass exits with 4 when the run left something out, unless a flag names it:
  --partial            chosen cases: --case, --tag, --shard, --rerun-failed
  --without load       --no-load, or load that the stage does not allow
  --without writes     steps with side effects that the stage does not allow
  --without identity   nothing showed that blue and green are two places
  --without compare    --only-load

--require lists what the run must have shown. --no-weaker names an archived run:
a run with fewer cases or expectations, more rules or wider margins than that one
exits with 4.`,
		Example: `  bgverify gate latest
  bgverify gate runs/2026-11-23T03-12-45Z-stb-7f3a --digest sha256:9c88… --max-age 2h
  bgverify gate latest --service epg --green-build 9f2c1e7 && ./shift-dns epg 10%
  bgverify gate latest --require compare,load,identity --no-weaker 7f3a
  bgverify gate latest --without load`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if gate.Without, err = aspects("without", without); err != nil {
				return err
			}
			if gate.Require, err = aspects("require", require); err != nil {
				return err
			}
			for _, what := range gate.Require {
				if slices.Contains(gate.Without, what) {
					return usage("leave one of them out", "--require %s and --without %s contradict each other", what, what)
				}
			}
			folder, err := openFolder(root, args[0])
			if err != nil {
				return err
			}
			if noWeaker != "" {
				if gate.Stronger, err = openRun(root, noWeaker); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("max-age") && gate.MaxAge <= 0 {
				return usage("--max-age 2h", "--max-age %s accepts no run", gate.MaxAge)
			}
			gate.Now = time.Now()
			answer := gate.Check(folder)
			status := answer.Verdict.ExitStatus(answer.Signal)
			for _, reason := range answer.Reasons {
				fmt.Fprintf(io.out, "  - %s\n", text.Visible(reason))
			}
			fmt.Fprintf(io.out, "bgverify: gate verdict=%s exit=%d run=%s\n", answer.Verdict, status, folder.Path())
			return exit(status)
		},
	}
	f := cmd.Flags()
	f.StringVar(&root, "out", "runs", "`folder` that keeps the runs")
	f.StringVar(&gate.Digest, "digest", "", "the `sha256` that the run printed on its last line")
	f.DurationVar(&gate.MaxAge, "max-age", 0, "how old the verdict may be; any age without it")
	f.StringVar(&gate.GreenBuild, "green-build", "", "what green's identity must have been")
	f.StringVar(&gate.Service, "service", "", "only suites of this `service`, and load on their cases")
	f.BoolVar(&gate.Partial, "partial", false, "accept a run of chosen cases")
	f.StringSliceVar(&without, "without", nil, "accept a run that left out any of\ncompare, load, writes, identity (`list`)")
	f.StringSliceVar(&require, "require", nil, "the run must have shown each of\ncompare, load, writes, identity (`list`)")
	f.StringVar(&noWeaker, "no-weaker", "", "an archived `run`; exit with 4 if this one checks less")
	return cmd
}

// aspects reads the list of a flag.
func aspects(flag string, list []string) ([]run.Aspect, error) {
	var out []run.Aspect
	for _, word := range list {
		what := run.Aspect(strings.TrimSpace(word))
		if !slices.Contains(run.Required, what) {
			return nil, usage("compare, load, writes or identity", "--%s: unknown part %q", flag, word)
		}
		out = append(out, what)
	}
	return out, nil
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
