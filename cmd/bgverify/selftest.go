package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/fixtures/faultproxy"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/selftest"
)

// selftestFlags are the flags of selftest.
type selftestFlags struct {
	runFlags
	only       []string
	staleAfter time.Duration
}

func newSelftestCommand(io stdio) *cobra.Command {
	flags := &selftestFlags{}
	var faults strings.Builder
	for _, f := range faultproxy.Faults() {
		fmt.Fprintf(&faults, "  %-18s %s\n", f.Name, f.Doc)
	}
	cmd := &cobra.Command{
		Use:     "selftest PATH...",
		GroupID: "write",
		Long:    faults.String(),
		Args:    atLeastOnePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			return flags.selftest(cmd.Context(), io, args)
		},
	}
	f := cmd.Flags()
	flags.bindSending(f, "no-load")
	f.Lookup("green").Usage = "`URL` of the side that faults are put in front of"
	f.DurationVar(&flags.staleAfter, "stale-after", 10*time.Second, "least `age` of what stale-cache answers")
	f.StringArrayVar(&flags.only, "fault", nil, "try only this `fault`; may be repeated")
	return cmd
}

// selftest runs the suites against each fault and exits with 1 if one was noticed
// by nothing, 4 if something could not be deleted again.
func (f *selftestFlags) selftest(ctx context.Context, io stdio, args []string) error {
	chosen, err := selftest.Choose(f.only)
	if err != nil {
		return failed(ctx, err)
	}
	t, err := tree.Open(args)
	if err != nil {
		return err
	}
	if f.staleAfter < 0 || f.staleAfter > time.Hour {
		return usage("0s to 1h", "--stale-after %s is out of bounds", f.staleAfter)
	}
	// Runs go through the proxies of selftest; what is printed holds no secret.
	u, flush := newUnarchived(io, &f.runFlags, t, loading{})
	defer flush()
	found, err := selftest.Run(ctx, selftest.Options{
		Faults: chosen, Seed: f.seed, NoLoad: f.noLoad, AllowLoad: f.allowLoad, AllowWrites: f.allowWrites,
		StaleAfter: f.staleAfter,
		Plan:       func(seed uint64) (*runner.Plan, error) { return u.plan(seed, nil) },
		Execute:    u.execute,
		Lock:       func(plan *runner.Plan) (func(), error) { return lockLoad(plan, "selftest") },
		Out:        u.out.out, Log: u.out.err,
	})
	if err != nil {
		return u.failed(ctx, err)
	}
	// A fault that nothing noticed weighs more than what was left on green.
	status := statusOK
	switch {
	case len(found.Lost) > 0:
		status = statusDifferent
	case found.Open > 0:
		status = statusUnknown
	}
	fmt.Fprintf(u.out.out, "bgverify: selftest exit=%d faults=%d/%d kills=%d/%d rate=%.1f%%\n",
		status, found.Found, found.Faults, found.Noticed, found.Hits, 100*float64(found.Noticed)/float64(found.Hits))
	return exit(status)
}
