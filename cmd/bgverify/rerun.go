package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// failedCases are the ids of the cases that did not pass in the run that
// --rerun-failed names. Unless a seed is given, that run's is used again, as it
// chose the rows and the values that failed.
func (f *runFlags) failedCases() ([]string, error) {
	run, err := openRun(f.out, f.rerunFailed)
	if err != nil {
		return nil, err
	}
	var ids []string
	for c, err := range run.Cases {
		if err != nil {
			return nil, broken(fmt.Errorf("read run %s: %w", f.rerunFailed, err))
		}
		if c.Kind == "" && c.Verdict != runner.Pass && c.Verdict != runner.Skip {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, usage("", "every case of run %s passed: nothing to run again", f.rerunFailed)
	}
	if f.seedRandom {
		f.seed = run.Header.Seed
	}
	return ids, nil
}

// tellGone names the failed cases that the files do not have any more: a run of
// the others is no proof of these.
func tellGone(stderr io.Writer, suites []*scenarios.Suite, ids []string) error {
	left := map[string]bool{}
	for _, id := range ids {
		left[id] = true
	}
	for _, s := range suites {
		for _, c := range s.Cases {
			delete(left, c.ID)
			if c.Data == nil {
				continue
			}
			for row, err := range c.Data.Rows {
				if err != nil {
					return usage("", "%s: %w", c.ID, err)
				}
				id, _ := c.RowID(row)
				delete(left, id)
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !left[id] })
	const shown = 5
	more := ""
	if len(gone) > shown {
		more = fmt.Sprintf(" and %d more", len(gone)-shown)
	}
	fmt.Fprintf(stderr, "bgverify: %d of the %d failed cases are not there any more, or not chosen: %s%s\n", len(gone), len(ids), plainText(strings.Join(gone[:min(shown, len(gone))], ", ")), more)
	return nil
}

// changedSuites are the suites that were read from one of the changed files; all
// of them when nothing is known to have changed, or something that belongs to no
// suite has (the env file).
func changedSuites(stderr io.Writer, root string, suites []*scenarios.Suite, changed []string) []*scenarios.Suite {
	if len(changed) == 0 {
		return suites
	}
	var out []*scenarios.Suite
	known := map[string]bool{}
	for _, s := range suites {
		reads := false
		for _, file := range s.Files {
			abs, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(file)))
			if err == nil && slices.Contains(changed, abs) {
				known[abs], reads = true, true
			}
		}
		if reads {
			out = append(out, s)
		}
	}
	if len(known) < len(changed) || len(out) == len(suites) {
		return suites
	}
	names := make([]string, len(out))
	for i, s := range out {
		names[i] = s.Name
	}
	fmt.Fprintf(stderr, "bgverify: running %s, which it changes; %d other suites stay as they were judged\n", plainText(strings.Join(names, ", ")), len(suites)-len(out))
	return out
}
