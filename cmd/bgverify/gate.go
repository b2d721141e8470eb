package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report/archive"
)

func newGateCommand(io stdio) *cobra.Command {
	var root string
	gate := archive.Gate{}
	cmd := &cobra.Command{
		Use:     "gate RUN",
		GroupID: "archive",
		Short:   "End with the status of an archived verdict, after checking that it can be relied on",
		Long: `Check an archived run (a folder, an id under --out, or latest) and end with its
verdict's status. A run that is incomplete, changed since it was written, too old,
or of another build of green ends with 3, whatever it says of itself. A pass of
chosen cases alone (--case, --tag, --shard, --rerun-failed, --only-load) ends with 4
unless --partial says that it will do.`,
		Example: `  bgverify gate latest
  bgverify gate runs/2026-11-23T03-12-45Z-stb-7f3a --digest sha256:9c88… --max-age 2h
  bgverify gate latest --service epg --green-build 9f2c1e7 && ./shift-dns epg 10%`,
		Args: oneRun,
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := openFolder(root, args[0])
			if err != nil {
				return err
			}
			gate.Now = time.Now()
			answer := gate.Check(folder)
			status := answer.Verdict.ExitStatus(answer.Signal)
			for _, reason := range answer.Reasons {
				fmt.Fprintf(io.out, "  - %s\n", plainText(reason))
			}
			fmt.Fprintf(io.out, "bgverify: gate verdict=%s exit=%d run=%s\n", answer.Verdict, status, folder.Path())
			return exit(status)
		},
	}
	f := cmd.Flags()
	f.StringVar(&root, "out", "runs", "`folder` that keeps the runs")
	f.StringVar(&gate.Digest, "digest", "", "the `sha256` that the run printed on its last line")
	f.DurationVar(&gate.MaxAge, "max-age", 0, "how old the verdict may be; 0 any age")
	f.StringVar(&gate.GreenBuild, "green-build", "", "what green's identity must have been")
	f.StringVar(&gate.Service, "service", "", "only the suites of this `service` count")
	f.BoolVar(&gate.Partial, "partial", false, "accept a run of chosen cases")
	return cmd
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
	path, err := archive.Resolve(root, name)
	if err != nil {
		return nil, usage("a folder, an id under --out, or latest", "%w", err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		return nil, broken(err)
	}
	return folder, nil
}
