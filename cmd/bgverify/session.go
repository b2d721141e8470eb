package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A session is one run from flags to exit status.
type session struct {
	io    stdio
	flags *runFlags
	tree  *tree
	plan  *runner.Plan
	disk  disk.FS // of the run folder; nil: the operating system's

	ids             []string // of the cases that --rerun-failed chose
	read, readStage []string // files that the suites and the env file were read from
}

// A loading says how a session reads its files otherwise than a run does.
type loading struct {
	rules   []diff.Rule // before those of every suite
	ids     []string    // exact cases, as --rerun-failed chose them
	offline bool        // nothing will be sent
	same    bool        // both sides may be one address
}

// newSession loads and selects. Its error has status 2 and nothing was sent.
func newSession(io stdio, flags *runFlags, t *tree, flagsTyped []string) (*session, error) {
	return loadSession(io, flags, t, flagsTyped, loading{})
}

func loadSession(io stdio, flags *runFlags, t *tree, flagsTyped []string, how loading) (*session, error) {
	vars, err := flags.variables()
	if err != nil {
		return nil, err
	}
	sel, err := flags.selection()
	if err != nil {
		return nil, err
	}
	sel.IDs = how.ids
	if flags.rerunFailed != "" {
		if sel.IDs, err = flags.failedCases(); err != nil {
			return nil, err
		}
	}
	opts := loadOptions()
	opts.Seed, opts.Vars, opts.Demand = flags.seed, vars, !how.offline
	opts.Rules, opts.SameSides = how.rules, how.same
	opts.BlueURL, opts.GreenURL = flags.blue, flags.green
	s := &session{io: io, flags: flags, tree: t, ids: sel.IDs}
	if t.stage == nil && flags.env != "" {
		if t.stage, err = openTree([]string{flags.env}); err != nil {
			return nil, err
		}
	}
	if t.stage != nil {
		files := replay.Record(t.stage.files)
		env, problems := scenarios.LoadEnv(files, t.stage.paths[0], opts)
		if err := tellProblems(io.err, problems); err != nil {
			return nil, err
		}
		opts.Env, s.readStage = env, files.Opened()
	}
	files := replay.Record(t.files)
	suites, problems := scenarios.Load(files, t.paths, opts)
	if err := tellProblems(io.err, problems); err != nil {
		return nil, err
	}
	whole, asks := scenarios.SizeOf(suites), runner.AsksOf(suites)
	narrowed := append(flags.narrowed(), marked(suites)...)
	if suites, err = scenarios.Select(suites, sel); err != nil {
		return nil, usage("bgverify list shows ids and tags", "%w", err)
	}
	if len(suites) == 0 {
		return nil, usage("bgverify list shows ids and tags", "no case is left to run: --tag, --case, --shard or --rerun-failed chose none")
	}
	if flags.rerunFailed != "" {
		if err := tellGone(io.err, suites, sel.IDs); err != nil {
			return nil, err
		}
	}
	suites = changedSuites(io.err, t.root, suites, flags.changed)
	calibration, err := flags.readCalibration(how.same)
	if err != nil {
		return nil, err
	}
	s.read = files.Opened()
	s.plan = &runner.Plan{
		Tool: run.Tool{Name: "bgverify", Version: toolVersion()}, Suites: suites, Whole: whole, Env: opts.Env, Vars: vars,
		Verb: flags.verb, Flags: flagsTyped, Audit: audit(t.root, flags.ticket), Machine: machine(), Options: flags.options(),
		World:       runner.World{Now: time.Now, Getenv: getenv, Files: t.files, Root: t.root},
		Calibration: calibration, Narrowed: narrowed, Paths: t.paths, Asks: asks,
	}
	return s, nil
}

// loadOptions are those that no flag changes.
func loadOptions() scenarios.LoadOptions {
	return scenarios.LoadOptions{Now: time.Now(), Getenv: getenv, IsFlag: isFlagVariable}
}

func loadEnv(stderr io.Writer, name string, opts scenarios.LoadOptions) (*scenarios.Env, error) {
	if name == "" {
		return nil, nil
	}
	t, err := openTree([]string{name})
	if err != nil {
		return nil, err
	}
	env, problems := scenarios.LoadEnv(t.files, t.paths[0], opts)
	return env, tellProblems(stderr, problems)
}

// tellProblems prints the problems of scenario files; errors among them end the
// command with status 2.
func tellProblems(stderr io.Writer, problems scenarios.Problems) error {
	if len(problems) == 0 {
		return nil
	}
	if err := problems.Write(stderr); err != nil {
		return broken(fmt.Errorf("write the problems: %w", err))
	}
	if problems.HasErrors() {
		return exit(statusUsage)
	}
	return nil
}

func machine() run.Environment {
	host, _ := os.Hostname()
	return run.Environment{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0), Hostname: host}
}

func openRun(root, name string) (*run.Run, error) {
	opened, err := openFolder(root, name)
	if err != nil {
		return nil, err
	}
	run, err := opened.Run()
	if err != nil {
		return nil, broken(err)
	}
	return run, nil
}
