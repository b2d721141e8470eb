package main

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// narrowed are the flags that make a run smaller than its suites, with who set them.
func (f *runFlags) narrowed() []runner.Narrowing {
	var out []runner.Narrowing
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
		n := runner.Narrowing{By: runner.ByFlag, Name: "--" + flag.name, Cases: flag.cases, Loads: flag.loads}
		if slices.Contains(f.fromEnv, flag.name) {
			n.By, n.Name = runner.ByEnvironment, flagVariable(flag.name)
		}
		out = append(out, n)
	}
	return out
}

// marked are the cases that files mark only.
func marked(suites []*scenarios.Suite) []runner.Narrowing {
	var out []runner.Narrowing
	for _, s := range suites {
		for _, at := range s.Only {
			out = append(out, runner.Narrowing{By: runner.ByFile, Name: "only: true", At: at.String(), Cases: true, Loads: true})
		}
	}
	return out
}

// refused reports load and writes that the suites hold and the stage does not
// allow, all of them with their place, before anything is sent.
func (s *session) refused(ctx context.Context) error {
	var problems scenarios.Problems
	for _, r := range runner.Refused(ctx, s.plan) {
		problems = append(problems, scenarios.Problem{Kind: scenarios.Error, Pos: r.Pos, Width: 1, Source: sourceLine(s.tree.files, r.Pos), Summary: r.String(), Hint: r.Hint()})
	}
	return tellProblems(s.io.err, problems)
}

// weakerThanLast holds what a plan asks against the last complete run of the same
// suites; nil when there is none, or it asked no more.
func weakerThanLast(root string, plan *runner.Plan) *runner.WeakerThan {
	entries, _, err := archive.History(root)
	if err != nil || plan.Asks == nil {
		return nil // the history is a convenience: a run is not to fail for it
	}
	names := make([]string, len(plan.Asks.Suites))
	for i, s := range plan.Asks.Suites {
		names[i] = s.Name
	}
	const opened = 5 // runs that do not say what they asked are passed over
	tried := 0
	for i := len(entries) - 1; i >= 0 && tried < opened; i-- {
		e := &entries[i]
		if e.Verdict == runner.Interrupted || e.Parent != "" || !slices.Equal(e.Paths, plan.Paths) && !slices.Equal(e.SuiteNames(), names) {
			continue
		}
		tried++
		if run, err := openRun(root, path.Join(root, e.Folder)); err == nil && run.Header.Asks != nil {
			return runner.NewWeakerThan(run.Header.ID, run.Header.Asks, plan.Asks)
		}
	}
	return nil
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
