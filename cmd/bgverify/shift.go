package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	goio "io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/shiftpage"
	"github.com/bgverify/bgverify/runner/shift"
	walking "github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// shiftFlags are the flags of shift and of its verbs.
type shiftFlags struct {
	out, from, onInterrupt        string
	dryRun, resume                bool
	rollbackTimeout, pauseTimeout time.Duration
	shiftNotice
}

func newShiftFlags() *shiftFlags {
	return &shiftFlags{shiftNotice: shiftNotice{redactor: newRedactor()}}
}

func newShiftCommand(io stdio) *cobra.Command {
	flags := newShiftFlags()
	cmd := &cobra.Command{
		Use:     "shift FILE",
		GroupID: "judge",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.walk(cmd.Context(), io, args[0])
		},
	}
	f := cmd.Flags()
	flags.bindFolder(cmd)
	f.BoolVar(&flags.dryRun, "dry-run", false, "print the steps; read the weights and write nothing")
	f.BoolVar(&flags.resume, "resume", false, "continue a walk that is paused, held or was killed")
	f.StringVar(&flags.from, "from", "", "start although green has this `share` already, such as 5%")
	f.StringVar(&flags.onInterrupt, "on-interrupt", "rollback", "what a signal does: rollback or stay")
	f.DurationVar(&flags.pauseTimeout, "pause-timeout", time.Hour, "how long a paused walk waits before it exits with 4")
	f.DurationVar(&flags.rollbackTimeout, "rollback-timeout", 10*time.Minute, "how long a rollback is tried")
	cmd.AddCommand(newShiftRollbackCommand(io), newShiftStatusCommand(io))
	return cmd
}

func (s *shiftFlags) bindFolder(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.out, "out", "shifts", "`folder` that keeps the walks")
}

func newShiftRollbackCommand(io stdio) *cobra.Command {
	flags := newShiftFlags()
	cmd := &cobra.Command{
		Use:  "rollback FILE|FOLDER",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.rollback(cmd.Context(), io, args[0])
		},
	}
	flags.bindFolder(cmd)
	cmd.Flags().DurationVar(&flags.rollbackTimeout, "rollback-timeout", 10*time.Minute, "how long a rollback is tried")
	return cmd
}

func newShiftStatusCommand(io stdio) *cobra.Command {
	flags := newShiftFlags()
	cmd := &cobra.Command{
		Use:  "status FILE|FOLDER",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.status(cmd.Context(), io, args[0])
		},
	}
	flags.bindFolder(cmd)
	return cmd
}

// walk starts a walk, or continues one.
func (s *shiftFlags) walk(ctx context.Context, io stdio, file string) error {
	outlastSignals(ctx)
	io = io.patient()
	setup, err := s.setup(io, file)
	if err != nil && !s.dryRun && !s.resume && s.wasKilled(io, file) {
		fmt.Fprintln(io.err, "bgverify: the newest walk was not brought to an end: it is rolled back by its record, whatever the file says now")
		return s.rollBack(ctx, io, file, true)
	}
	if err != nil {
		return failed(ctx, err)
	}
	if s.dryRun {
		return failed(ctx, setup.DryRun(ctx))
	}
	begin := setup.Begin
	if s.resume {
		begin = setup.Resume
	}
	result, folder, err := begin(ctx)
	var locked *shift.LockedError
	switch {
	case errors.As(err, &locked):
		return &statusError{status: statusBroken, err: err, hint: "bgverify shift status " + file}
	case errors.Is(err, shift.ErrHeld):
		return &statusError{status: statusUnknown, err: fmt.Errorf("%w: %s", err, folder), hint: "bgverify shift " + file + " --resume, or bgverify shift rollback " + file}
	case err != nil && stopSignal(ctx) != 0:
		return &statusError{status: 128 + stopSignal(ctx), err: fmt.Errorf("stopped before anything was written: %w", err)}
	case err != nil:
		return failed(ctx, err)
	case result == nil:
		fmt.Fprintf(io.out, "bgverify: the walk in %s was asked to go on\n", folder)
		return nil
	}
	return s.ended(io, setup.Driver, result, folder, 1)
}

// ended prints how a walk ended and exits with its status; that of a rollback which holds is given.
func (s *shiftFlags) ended(io stdio, driver shift.Driver, r *shift.Result, folder string, back int) error {
	status := statusBroken // also of an unknown outcome
	switch r.Outcome {
	case walking.Done:
		status = statusOK
	case walking.RolledBack:
		status = back
	case walking.Held:
		status = statusUnknown
	}
	if r.Signal != 0 && r.Outcome != walking.NotHeld {
		status = 128 + r.Signal
	}
	reason := ""
	if r.Reason != "" {
		reason = ": " + r.Reason
	}
	fmt.Fprintf(io.out, "%s%s\n", r.Outcome, text.Visible(s.hide(reason)))
	if r.Unrecorded != nil {
		fmt.Fprintf(io.err, "bgverify: warning: the record is not complete: %v\n", r.Unrecorded)
	}
	if r.Outcome == walking.NotHeld && r.HasRecorded {
		fmt.Fprintf(io.err, "bgverify: error: the rollback did not hold. Run by hand, to restore %s:\n", r.Recorded)
		for _, line := range driver.ByHand(r.Recorded) {
			fmt.Fprintf(io.err, "  %s\n", line)
		}
	}
	if err := writeWalk(folder); err != nil {
		fmt.Fprintf(io.err, "bgverify: warning: report.html: %v\n", err)
	}
	weights := fmt.Sprintf("blue=%d green=%d", r.Weights.Blue, r.Weights.Green)
	if r.Unread {
		weights = "weights=unknown"
	}
	fmt.Fprintf(io.out, "bgverify: shift outcome=%s exit=%d %s folder=%s\n", strings.ReplaceAll(r.Outcome.String(), " ", "-"), status, weights, folder)
	s.tellEnd(io, r, folder)
	return &statusError{status: status, whatever: true} // also where nobody reads this any more
}

// writeWalk renders the record of a walk into its folder.
func writeWalk(folder string) error {
	return disk.WriteWhole(disk.OS{}, filepath.Join(folder, "report.html"), func(to goio.Writer) error {
		return shiftpage.Write(to, shift.Records(folder))
	})
}

// wasKilled reports whether the newest walk of a file is open, not held for a person, and
// no process works on it any more. A Job that is started again must roll such a walk back
// although its file has a mistake by now, or lacks a variable.
func (s *shiftFlags) wasKilled(io stdio, file string) bool {
	quiet := io
	quiet.err, quiet.out = goio.Discard, goio.Discard // the problems of the file are printed already
	root, _, h, err := s.find(quiet, file)
	if err != nil || !h.Open() || h.Outcome == walking.Held {
		return false
	}
	return !shift.IsLive(root, h)
}

// rollback restores what the newest walk recorded.
func (s *shiftFlags) rollback(ctx context.Context, io stdio, file string) error {
	outlastSignals(ctx)
	return s.rollBack(ctx, io.patient(), file, false)
}

// rollBack does so. Where nobody asked for it, found is set: a rollback that holds then exits with 1.
func (s *shiftFlags) rollBack(ctx context.Context, io stdio, file string, found bool) error {
	root, folder, h, err := s.find(io, file)
	if err != nil {
		return err
	}
	driver, err := s.driver(h.First.Driver, h.First.Dir)
	if err != nil {
		return failed(ctx, err)
	}
	back := &shift.Return{
		Driver: driver, Root: root, Folder: folder, History: h, Tool: "bgverify " + toolVersion(), Timeout: s.rollbackTimeout,
		Recover: found, Outside: shift.Outside{Tell: s.teller(io), Now: time.Now, Hide: s.hide},
	}
	s.learnFrom(h)
	result, err := back.Roll(ctx)
	if err != nil {
		return failed(ctx, err)
	}
	result.Signal = 0 // it was asked for: what arrived meanwhile changes nothing
	held := statusOK
	if found {
		held = statusDifferent
	}
	return s.ended(io, driver, result, folder, held)
}

// setup reads a shift file and makes everything that its walk needs.
func (s *shiftFlags) setup(io stdio, file string) (*shift.Setup, error) {
	if s.onInterrupt != "rollback" && s.onInterrupt != "stay" {
		return nil, usage("rollback or stay", "unknown value %q of --on-interrupt", s.onInterrupt)
	}
	if s.rollbackTimeout <= 0 || s.pauseTimeout <= 0 {
		return nil, usage("a time such as 10m", "--rollback-timeout and --pause-timeout must be more than 0")
	}
	from, err := shareOf(s.from)
	if err != nil {
		return nil, err
	}
	t, err := tree.Open([]string{file})
	if err != nil {
		return nil, err
	}
	read, problems := shiftfile.Load(t.Files, t.Paths[0], getenv)
	if err := tellProblems(io.err, problems); err != nil {
		return nil, err
	}
	content, err := fs.ReadFile(t.Files, t.Paths[0])
	if err != nil {
		return nil, broken(err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, broken(err)
	}
	driver, err := s.driver(read.Driver, dir)
	if err != nil {
		return nil, err
	}
	sum, err := digestOf(content, *read)
	if err != nil {
		return nil, broken(err)
	}
	setup := &shift.Setup{
		Shift: read, Driver: driver, Recorded: s.driver, Dir: dir, Digest: sum, Root: s.out, Tool: "bgverify " + toolVersion(), From: from,
		Stay: s.onInterrupt == "stay", RollbackTimeout: s.rollbackTimeout, PauseTimeout: s.pauseTimeout,
		Outside: shift.Outside{Tell: s.teller(io), Lost: io.lost, Now: time.Now, Hide: s.hide, Paused: func(why string) { s.tellPause(io, why) }},
	}
	s.walkName, s.began = read.Name, time.Now()
	return setup, s.checks(io, setup)
}

// digestOf is the digest of a shift file and of what its placeholders stand for: a walk that is
// resumed with other variables would watch another green.
func digestOf(content []byte, read shiftfile.File) (string, error) {
	read.File = "" // it may be named from another folder
	expanded, err := json.Marshal(read)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(content, expanded...))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// shareOf reads the share of --from.
func shareOf(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, ok := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || x <= 0 || x > 100 {
		return 0, usage("--from 5%", "--from %s is not a share of green", text)
	}
	return x / 100, nil
}

// teller shows the lines of a walk on standard output.
func (s *shiftFlags) teller(io stdio) func(shift.Line) error {
	return func(l shift.Line) error {
		_, err := fmt.Fprintf(io.out, "%s %5s  %s\n", l.Time.Format(time.TimeOnly), l.Step, text.Visible(s.hide(l.Text)))
		return err
	}
}
