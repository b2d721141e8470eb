package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// narrowed are the flags that make a run smaller than its suites, with who set them.
func (f *runFlags) narrowed() []run.Narrowing {
	var out []run.Narrowing
	for _, flag := range []struct {
		name         string
		set          bool
		cases, loads bool
	}{
		{"tag", f.tag != "", true, true},
		{"case", len(f.cases) > 0, true, true},
		{"shard", f.shard != "", true, true},
		{"rerun-failed", f.rerunFailed != "", true, true},
		{"watch", len(f.changed) > 0, true, true},
		{"no-load", f.noLoad, false, true},
		{"only-load", f.onlyLoad, true, false},
	} {
		if !flag.set {
			continue
		}
		n := run.Narrowing{By: run.ByFlag, Name: "--" + flag.name, Cases: flag.cases, Loads: flag.loads}
		if slices.Contains(f.fromEnv, flag.name) {
			n.By, n.Name = run.ByEnvironment, flagVariable(flag.name)
		}
		out = append(out, n)
	}
	return out
}

// marked are the cases that files mark only.
func marked(suites []*scenarios.Suite) []run.Narrowing {
	var out []run.Narrowing
	for _, s := range suites {
		for _, at := range s.Only {
			out = append(out, run.Narrowing{By: run.ByFile, Name: "only: true", At: at.String(), Cases: true, Loads: true})
		}
	}
	return out
}

// nearCase suggests the case that a --case which matches none was probably meant to name;
// empty: none is near.
func (s *session) nearCase(suites []*scenarios.Suite) string {
	var ids, names []string
	for _, suite := range suites {
		for _, c := range suite.Cases {
			_, name, _ := strings.Cut(c.ID, "/")
			ids, names = append(ids, c.ID), append(names, name)
		}
	}
	for _, glob := range s.flags.cases {
		if slices.Contains(ids, glob) || slices.Contains(names, glob) {
			continue
		}
		if near := cmp.Or(suggest.Nearest(glob, ids), suggest.Nearest(glob, names)); near != "" {
			return fmt.Sprintf("did you mean --case %q?", near)
		}
	}
	return ""
}

// refused reports load and writes that the suites hold and the stage does not
// allow, all of them with their place, before anything is sent.
func (s *session) refused(ctx context.Context) error {
	var problems scenarios.Problems
	for _, r := range runner.Refused(ctx, s.plan) {
		problems = append(problems, scenarios.Problem{
			Kind: scenarios.Error, Pos: r.Pos, Width: 1, Source: sourceLine(s.tree.files, r.Pos), Summary: r.String(), Hint: r.Hint(),
		})
	}
	return tellProblems(s.io.err, problems)
}

// sourceLine is a line of a scenario file; empty when it cannot be read.
func sourceLine(files fs.FS, at scenarios.Pos) string {
	text, err := fs.ReadFile(files, at.File)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[at.Line-1], "\r")
}

// failedCases are the ids of the cases that did not pass in the run that
// --rerun-failed names. Unless a seed is given, that run's is used again, as it
// chose the rows and the values that failed.
func (f *runFlags) failedCases() ([]string, error) {
	r, err := openRun(f.out, f.rerunFailed)
	if err != nil {
		return nil, err
	}
	var ids []string
	for c, err := range r.Cases {
		if err != nil {
			return nil, broken(fmt.Errorf("read run %s: %w", f.rerunFailed, err))
		}
		if c.Kind == "" && c.Verdict != run.Pass && c.Verdict != run.Skip {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, usage("", "every case of run %s passed: nothing to run again", f.rerunFailed)
	}
	if f.seedRandom {
		f.seed = r.Header.Seed
	}
	return ids, nil
}

// tellGone names the failed cases that the files do not have any more: a run of
// the others does not prove these.
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
			// A case with data has an id for each row.
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
	list := text.Visible(strings.Join(gone[:min(shown, len(gone))], ", "))
	fmt.Fprintf(stderr, "bgverify: %d of the %d failed cases no longer exist, or are not selected: %s%s\n", len(gone), len(ids), list, more)
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
	fmt.Fprintf(stderr, "bgverify: running %s, which it changes; %d other suites are not run again\n",
		text.Visible(strings.Join(names, ", ")), len(suites)-len(out))
	return out
}
