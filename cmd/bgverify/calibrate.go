package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/calibrate"
	"github.com/bgverify/bgverify/runner/run"
)

type calibrateFlags struct {
	runFlags
	rounds int
	load   bool
	both   bool // green is asked too, in its own rounds
	settle time.Duration
}

func newCalibrateCommand(io stdio) *cobra.Command {
	flags := &calibrateFlags{}
	cmd := &cobra.Command{
		Use:     "calibrate PATH...",
		GroupID: "write",
		Args:    atLeastOnePath,
		RunE:    func(cmd *cobra.Command, args []string) error { return flags.run(cmd, io, args) },
	}
	flags.bind(cmd.Flags())
	return cmd
}

// bind declares the flags of calibrate.
func (f *calibrateFlags) bind(set *pflag.FlagSet) {
	f.bindSending(set, "calibration")
	set.Lookup("green").Usage = "`URL` of green, to be compared with itself too"
	set.Lookup("calibration").Usage = "keep the noise in `file`, not in runs/calibration.json"
	set.IntVar(&f.rounds, "rounds", 5, "how often every case is run")
	set.DurationVar(&f.settle, "settle", time.Minute, "`wait` before the last round; 0: no such round")
	set.BoolVar(&f.load, "load", false, "measure the noise of the load stages instead")
}

// run calibrates fields or, with --load, load stages.
func (f *calibrateFlags) run(cmd *cobra.Command, io stdio, args []string) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	if err := f.checkRounds(); err != nil {
		return err
	}
	t, err := tree.Open(args)
	if err != nil {
		return err
	}
	if f.load {
		return f.calibrateLoad(cmd.Context(), io, t)
	}
	return f.calibrate(cmd.Context(), io, t)
}

// checkRounds finds what is wrong with the flags of calibrate alone. Without --green
// both sides are blue.
func (f *calibrateFlags) checkRounds() error {
	if f.rounds < 1 || f.rounds > 1000 {
		return usage("1 to 1000", "--rounds %d is out of bounds", f.rounds)
	}
	if f.settle < 0 || f.settle > 24*time.Hour {
		return usage("0s to 24h", "--settle %s is out of bounds", f.settle)
	}
	if f.both = f.green != ""; f.both && f.load {
		return usage("", "--load measures blue's own noise: leave --green out")
	} else if !f.both {
		f.green = f.blue
	}
	if !f.load && f.calibration != "" {
		return usage("add --load", "--calibration keeps the noise of load stages")
	}
	return nil
}

// calibrate proposes rules for the fields that are unstable.
func (f *calibrateFlags) calibrate(ctx context.Context, io stdio, t *tree.Tree) error {
	f.noLoad = true
	u, flush := newUnarchived(io, &f.runFlags, t, loading{same: true})
	defer flush()
	found, err := calibrate.Fields(ctx, calibrate.Options{
		Rounds: f.rounds, Settle: f.settle, Both: f.both, Seed: f.seed,
		Plan: u.plan, Execute: u.execute, Log: u.out.err,
	})
	if err != nil {
		return u.failed(ctx, err)
	}
	if err := found.Write(u.out.out, u.redactor.CutString); err != nil {
		return broken(fmt.Errorf("write the rules: %w", err))
	}
	switch {
	case found.GreenUnstable():
		return exit(statusDifferent)
	case !found.Complete():
		return exit(statusUnknown)
	}
	return nil
}

// calibrateLoad measures the noise of the load stages and keeps it for later runs.
func (f *calibrateFlags) calibrateLoad(ctx context.Context, io stdio, t *tree.Tree) error {
	f.onlyLoad = true
	u, flush := newUnarchived(io, &f.runFlags, t, loading{same: true})
	defer flush()
	plan, err := u.plan(f.seed, nil)
	if err != nil {
		return err
	}
	// The plan is read once: what was known of blue's noise stays in the file.
	found, err := calibrate.Load(ctx, calibrate.LoadOptions{
		Plan: plan, Execute: u.execute, Out: u.out.out, Log: u.out.err,
		Lock: func(plan *runner.Plan) (func(), error) { return lockLoad(plan, "calibrate") },
		Keep: func(known *run.Calibration, stages int) error {
			if err := calibrate.WriteFile(f.calibrationPath(), known); err != nil {
				return err
			}
			fmt.Fprintf(u.out.err, "kept %s in %s\n", text.Count(stages, "stage"), f.calibrationPath())
			return nil
		},
	})
	switch {
	case err != nil:
		return u.failed(ctx, err)
	case found.Interrupted:
		return exit(run.Interrupted.ExitStatus(stopSignal(ctx)))
	case found.Noisy: // as measured; a stage without figures weighs less
		return exit(statusUnknown)
	case found.Unmeasured:
		return exit(statusBroken)
	}
	return nil
}

// calibrationPath is the file of --calibration, or the one in the folder of the runs.
func (f *runFlags) calibrationPath() string {
	if f.calibration != "" {
		return f.calibration
	}
	return filepath.Join(f.out, calibrate.DefaultFile)
}

// readCalibration reads a calibration; nil when the file in the folder of the runs
// does not exist. A file that was named must exist, but for calibrate, which makes it.
func (f *runFlags) readCalibration(mayBeNew bool) (*run.Calibration, error) {
	c, err := calibrate.ReadFile(f.calibrationPath(), f.calibration == "" || mayBeNew)
	if errors.Is(err, syscall.ENOTDIR) && f.calibration == "" {
		return nil, nil
	}
	return c, failed(context.Background(), err)
}
