package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

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

// refused reports load and writes that the suites hold and the stage does not
// allow, all of them with their place, before anything is sent.
func (s *session) refused(ctx context.Context) error {
	var problems scenarios.Problems
	for _, r := range runner.Refused(ctx, s.plan) {
		problems = append(problems, scenarios.Problem{
			Kind: scenarios.Error, Pos: r.Pos, Width: 1, Source: scenarios.SourceLine(s.tree.Files, r.Pos), Summary: r.String(), Hint: r.Hint(),
		})
	}
	return tellProblems(s.io.err, problems)
}

// failedCases are the ids of the cases that did not pass in the run that
// --rerun-failed names. Unless a seed is given, that run's is used again, as it
// chose the rows and the values that failed.
func (f *runFlags) failedCases() ([]string, error) {
	_, r, err := openRun(f.out, f.rerunFailed)
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

// tellGone names the failed cases that the files do not have any more.
func tellGone(stderr io.Writer, suites []*scenarios.Suite, ids []string) error {
	gone, err := scenarios.Missing(suites, ids)
	if err != nil {
		return usage("", "%w", err)
	}
	if len(gone) == 0 {
		return nil
	}
	const shown = 5
	more := ""
	if len(gone) > shown {
		more = fmt.Sprintf(" and %d more", len(gone)-shown)
	}
	list := text.Visible(strings.Join(gone[:min(shown, len(gone))], ", "))
	fmt.Fprintf(stderr, "bgverify: %d of the %d failed cases no longer exist, or are not selected: %s%s\n", len(gone), len(ids), list, more)
	return nil
}

// changedSuites are the suites that the changed files belong to; it says which are left out.
func changedSuites(stderr io.Writer, root string, suites []*scenarios.Suite, changed []string) []*scenarios.Suite {
	chosen := scenarios.ReadFrom(suites, root, changed)
	if len(chosen) == len(suites) {
		return suites
	}
	plan := runner.Plan{Suites: chosen}
	fmt.Fprintf(stderr, "bgverify: running %s, which it changes; %d other suites are not run again\n",
		text.Visible(strings.Join(plan.SuiteNames(), ", ")), len(suites)-len(chosen))
	return chosen
}
