package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// Confirm asks a command for a yes: status 0. Anything else, no answer in time included, is a
// doubt, which pauses the walk.
func Confirm(config shiftfile.Confirm, name, dir string, output Screen) shift.Check {
	return func(ctx context.Context, step machine.Step) (machine.Verdict, string) {
		ctx, cancel := within(ctx, config.Timeout)
		defer cancel()
		_, err := Run(ctx, Command{Line: config.Exec, Dir: dir, Output: output, Hide: hideOf(output), Env: []string{"SHIFT_NAME=" + name, "SHIFT_STEP=" + step.Name}})
		if err != nil {
			return machine.Doubt, err.Error()
		}
		return machine.Pass, ""
	}
}

// Suites runs suites by this program itself, as a separate process: its run folder, its
// report and its status are those of any run, and nothing that happens in it reaches
// the walk. Selections of the shift file are flags, as if they had been typed. Of output only what it hides is used.
func Suites(config shiftfile.Run, self, dir, greenBuild string, output Screen) shift.Check {
	args := append([]string{self, "run"}, config.Suites...)
	args = append(args, "--no-progress", "--quiet", "--no-notify") // a receiver that hangs would hold up a rollback
	for _, f := range []struct{ flag, value string }{{"--tag", config.Tag}, {"--env", config.Env}, {"--green-build", greenBuild}} {
		if f.value != "" {
			args = append(args, f.flag, f.value)
		}
	}
	if config.Load == "none" {
		args = append(args, "--no-load")
	}
	hide := hideOf(output)
	return func(ctx context.Context, _ machine.Step) (machine.Verdict, string) {
		ctx, cancel := within(ctx, config.Timeout)
		defer cancel()
		out, err := Run(ctx, Command{Args: args, Dir: dir, Hide: hide})
		var exited *ExitError
		switch {
		case err == nil:
			return machine.Pass, lastLine(hide(out))
		case errors.As(err, &exited) && exited.Status == statusFail:
			return machine.Fail, lastLine(hide(out))
		case errors.As(err, &exited) && exited.Status == statusDoubt:
			return machine.Doubt, lastLine(hide(out))
		}
		return 0, err.Error()
	}
}

// The statuses of a run that are verdicts.
const (
	statusFail  = 1
	statusDoubt = 4
)

// hideOf is what a screen hides; without one it is nothing.
func hideOf(s Screen) func(string) string {
	if s == nil {
		return func(text string) string { return text }
	}
	return s.Hide
}

func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no end within %s", d))
}
