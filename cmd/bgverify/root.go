package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// The exit statuses of the contract. Those of a verdict come from the verdict.
const (
	statusOK        = 0
	statusDifferent = 1
	statusUsage     = 2
	statusBroken    = 3
	statusUnknown   = 4
)

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// A statusError ends a command with a status. A nil err has said it all already.
type statusError struct {
	status int
	err    error
	hint   string
	// whatever says that the status holds although the output may be lost.
	whatever bool
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// exit ends a command with a status and nothing more to say.
func exit(status int) error {
	if status == statusOK {
		return nil
	}
	return &statusError{status: status}
}

// usage ends a command because of what was asked, with a hint.
func usage(hint, format string, args ...any) error {
	return &statusError{status: statusUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// broken ends a command that could not do its work.
func broken(err error) error { return &statusError{status: statusBroken, err: err} }

// failed turns the error of a package below into how the command exits: a mistake of
// the caller is a usage error, a signal an interruption, and all else broken.
func failed(ctx context.Context, err error) error {
	var known *statusError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, runner.ErrStopped):
		return &statusError{status: run.Interrupted.ExitStatus(stopSignal(ctx)), err: err}
	}
	if se := endOf(err); se != nil {
		return se
	}
	return broken(err)
}

// endOf is how an error ends the command, where it says so: a mistake of the caller
// that a package below found is a usage error. nil: it says nothing about the status.
func endOf(err error) *statusError {
	var known *statusError
	var mistake *hint.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &mistake):
		return &statusError{status: statusUsage, err: err, hint: mistake.Hint}
	}
	return nil
}

// execute runs one command line and returns the exit status. A panic is broken: the status that
// Go exits with, 2, would say that nothing was sent.
func execute(ctx context.Context, io stdio, args []string) (status int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(io.err, "bgverify: error: internal error: %v\n  hint: this is a mistake in bgverify; please report it with these lines\n%s", p, debug.Stack())
			status = statusBroken
		}
	}()
	out := &output{w: io.out}
	io.out = out
	root := newRoot(io)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		plainUsage(root)
	}
	root.SetArgs(args)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	// cobra's own errors are an unknown verb, an unknown flag, and a wrong count of arguments.
	return finish(io.err, out.lost(root.ExecuteContext(ctx)), &statusError{status: statusUsage, hint: "see 'bgverify --help'"})
}

// finish prints how a command ended, and returns its status. An error that says nothing about the
// status ends it as otherwise says.
func finish(stderr io.Writer, err error, otherwise *statusError) int {
	if err == nil {
		return statusOK
	}
	se := endOf(err)
	if se == nil {
		se = otherwise
		se.err = err
	}
	tell(stderr, se)
	return se.status
}

// tell prints an error with its hint; one that has said it all is silent.
func tell(stderr io.Writer, se *statusError) {
	if se.err == nil {
		return
	}
	summary, rest, _ := strings.Cut(strings.TrimSpace(se.err.Error()), "\n")
	fmt.Fprintf(stderr, "bgverify: error: %s\n", summary)
	if rest = strings.TrimSpace(rest); rest != "" {
		fmt.Fprintf(stderr, "  %s\n", strings.ReplaceAll(rest, "\n", "\n  "))
	}
	if se.hint != "" {
		fmt.Fprintf(stderr, "  hint: %s\n", se.hint)
	}
}

// otherWords are what other tools call our commands.
var otherWords = map[string]string{
	"test": "run", "verify": "run", "start": "run", "exec": "run", "check": "validate", "lint": "validate",
	"compare": "diff", "load": "judge", "convert": "import", "new": "init", "create": "init", "setup": "init",
	"rollback": "shift rollback", "promote": "shift", "ls": "list", "show": "report", "html": "report", "runs": "history",
	"server": "serve", "proxy": "tap", "mock": "fixtures",
}

// knownVerb refuses a verb that there is none of, with the nearest one.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see 'bgverify --help'"
	if _, err := os.Stat(args[0]); err == nil {
		return usage("did you mean bgverify run "+args[0]+"?", "unknown command %q", args[0])
	}
	if verb := otherWords[strings.ToLower(args[0])]; verb != "" {
		return usage("did you mean "+verb+"?", "unknown command %q", args[0])
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(hint, "unknown command %q", args[0])
}

func newRoot(io stdio) *cobra.Command {
	root := &cobra.Command{
		Use:           "bgverify",
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		Args:                       knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.AddGroup(
		&cobra.Group{ID: "judge", Title: "Judge:"},
		&cobra.Group{ID: "write", Title: "Write scenarios:"},
		&cobra.Group{ID: "archive", Title: "Look at archived runs:"},
		&cobra.Group{ID: "try", Title: "Try it:"},
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(flagHint(cmd, err), "%s", plainFlagError(err))
	})
	root.AddCommand(
		newRunCommand(io), newDiffCommand(io), newReadyCommand(io), newAlikeCommand(io),
		newInitCommand(io), newCalibrateCommand(io), newSelftestCommand(io), newValidateCommand(io), newListCommand(io), newImportCommand(io),
		newSchemaCommand(io),
		newDemoCommand(io), newFixturesCommand(io), newServeCommand(io),
		newWorkerCommand(io), newResumeCommand(io), newJudgeCommand(io), newShiftCommand(io), newProbeCommand(io), newRecordCommand(io),
		newTapCommand(io),
		newReportCommand(io), newGateCommand(io), newRediffCommand(io), newMergeCommand(io), newHistoryCommand(io),
		newVersionCommand(io),
	)
	describe(root)
	refuseEmpty(root)
	setHelp(root)
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			// cobra answers help for an unknown command with a success.
			c.Run, c.RunE = nil, func(c *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				switch {
				case err != nil || found == root && len(rest) > 0:
					return knownVerb(root, args)
				case len(rest) > 0:
					return usage("see '"+found.CommandPath()+" --help'", "%s has no command %q", found.CommandPath(), rest[0])
				}
				return found.Help()
			}
		}
	}
	return root
}
