package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// status prints the record and the present weights.
func (s *shiftFlags) status(ctx context.Context, io stdio, file string) error {
	root, folder, h, err := s.find(io, file)
	if err != nil {
		return err
	}
	s.learnFrom(h)
	live := "no process works on it"
	if lock, err := shift.LockWalk(root, h.First.Subject(), "bgverify shift status"); err == nil {
		lock.Unlock()
	} else {
		live = err.Error()
	}
	driver, err := s.driver(h.First.Driver, h.First.Dir)
	if err != nil {
		return failed(ctx, err)
	}
	weights, _, err := driver.Read(ctx)
	now := weights.String()
	if err != nil {
		now = "cannot be read: " + err.Error()
	}
	for _, line := range statusLines(h, folder, live, now) {
		if line[1] != "" {
			fmt.Fprintf(io.out, "%-9s %s\n", line[0], text.Visible(s.hide(line[1])))
		}
	}
	if err != nil {
		return exit(statusBroken)
	}
	return nil
}

// statusLines are what the record of a walk says, by name; live says whether a process works on it, and
// now which weights the mechanism has. A line without text is left out.
func statusLines(h *shift.History, folder, live, now string) [][2]string {
	state := h.Outcome.String()
	if h.Reason != "" {
		state += ": " + h.Reason
	}
	step := "before the first step"
	if i := h.Progress.Step; h.Progress.Touched && i < len(h.First.Plan.Steps) {
		step = h.First.Plan.Steps[i].Name
	}
	writes := ""
	if h.Failures > 0 {
		writes = fmt.Sprintf("%s failed, the last one: %s", text.Count(h.Failures, "write"), h.Failed)
	}
	recorded := "nothing"
	if h.HasRecord {
		recorded = h.Progress.Recorded.String()
	}
	return [][2]string{
		{"walk", h.First.Walk},
		{"folder", folder},
		{"began", h.Began.Format(time.RFC3339)},
		{"latest", h.Latest.Format(time.RFC3339)},
		{"state", state},
		{"process", live},
		{"step", step},
		{"note", h.Note},
		{"writes", writes},
		{"recorded", recorded},
		{"weights", now},
	}
}

// find is the newest walk of a shift file, or the walk of a folder.
func (s *shiftFlags) find(io stdio, name string) (root, folder string, h *shift.History, err error) {
	if info, serr := os.Stat(name); serr == nil && info.IsDir() {
		h, err = shift.ReadHistory(name)
		if err != nil {
			return "", "", nil, broken(err)
		}
		return filepath.Dir(filepath.Clean(name)), name, h, nil
	}
	subject, unread := shiftSubject(io, name)
	folder, h, err = shift.FindWalk(s.out, subject)
	switch {
	case errors.Is(err, shift.ErrNoWalk) && unread != nil:
		return "", "", nil, unread()
	case errors.Is(err, shift.ErrNoWalk):
		return "", "", nil, usage("--out names the folder of the walks", "%w", err)
	case err != nil:
		return "", "", nil, broken(err)
	}
	return s.out, folder, h, nil
}

// shiftSubject reads what a file moves. Its variables need not be set to go back, and of a file that
// cannot be read the path alone is known; unread then reports why, unless it is nil.
func shiftSubject(io stdio, file string) (subject shift.Subject, unread func() error) {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return subject, func() error { return broken(err) }
	}
	subject = shift.Subject{Name: file, File: filepath.Join(dir, filepath.Base(file))}
	t, err := tree.Open([]string{file})
	if err != nil {
		return subject, func() error { return err }
	}
	read, problems := shiftfile.Load(t.Files, t.Paths[0], getenv)
	if read == nil || read.Name == "" || read.Driver == (shiftfile.Driver{}) {
		unread = func() error { return tellProblems(io.err, problems) }
	}
	if read != nil && read.Name != "" {
		subject = shift.SubjectOf(read, dir)
	}
	return subject, unread
}
