package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bgverify/bgverify/internal/text"
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
	if lock, err := shift.LockWalk(root, h.First.Walk, "bgverify shift status"); err == nil {
		lock.Unlock()
	} else {
		live = err.Error()
	}
	state := h.Outcome.String()
	if h.Reason != "" {
		state += ": " + h.Reason
	}
	driver, err := s.driver(h.First.Driver, h.First.Dir)
	if err != nil {
		return failed(ctx, err)
	}
	now := "nothing was written"
	weights, err := driver.Read(ctx)
	switch {
	case err != nil:
		now = "cannot be read: " + err.Error()
	default:
		now = weights.String()
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
	for _, line := range [][2]string{
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
	} {
		if line[1] != "" {
			fmt.Fprintf(io.out, "%-9s %s\n", line[0], text.Visible(s.hide(line[1])))
		}
	}
	if err != nil {
		return exit(statusBroken)
	}
	return nil
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
	// Only the name is asked of the file: its variables need not be set to go back.
	walk, err := shiftName(io, name)
	if err != nil {
		return "", "", nil, err
	}
	folder, h, err = shift.FindWalk(s.out, walk)
	if errors.Is(err, shift.ErrNoWalk) {
		return "", "", nil, usage("--out names the folder of the walks", "%w", err)
	}
	if err != nil {
		return "", "", nil, broken(err)
	}
	return s.out, folder, h, nil
}

// shiftName reads the name of a walk from its file.
func shiftName(io stdio, file string) (string, error) {
	t, err := openTree([]string{file})
	if err != nil {
		return "", err
	}
	read, problems := shiftfile.Load(t.files, t.paths[0], getenv)
	if read != nil && read.Name != "" {
		return read.Name, nil
	}
	return "", tellProblems(io.err, problems)
}
