package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/report/ci"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/asks"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/cluster/resources"
	"github.com/bgverify/bgverify/runner/parcel"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A session is one run from flags to exit status.
type session struct {
	io    stdio
	flags *runFlags
	tree  *tree.Tree
	plan  *runner.Plan
	disk  disk.FS // of the run folder; nil: the operating system's

	// clusters make the gates of the clusters that the env file names, once the run folder
	// is there; nil: it names none.
	clusters func(cluster.Keeper) runner.Clusters
	tokens   []string // of the servers with metrics

	finished *run.Run // once its folder is finished, with the digest of its manifest
	digest   string

	ids             []string // of the cases that --rerun-failed chose
	env             *parcel.Environment
	secrets         map[string]bool // names that any suite calls secret, chosen or not, and their capitals
	read, readStage []string        // files that the suites and the env file were read from
}

// A loading says how a session reads its files otherwise than a run does.
type loading struct {
	quiet   bool        // warnings of the files were shown before
	rules   []diff.Rule // before those of every suite
	ids     []string    // exact cases, as --rerun-failed chose them
	offline bool        // nothing will be sent
	same    bool        // both sides may be one address
}

// newSession loads and selects. Its error has status 2 and nothing was sent.
func newSession(io stdio, flags *runFlags, t *tree.Tree, flagsTyped []string) (*session, error) {
	return loadSession(io, flags, t, flagsTyped, loading{})
}

func loadSession(io stdio, flags *runFlags, t *tree.Tree, flagsTyped []string, how loading) (*session, error) {
	if err := localRoot(flags.out); err != nil {
		return nil, err
	}
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
	s := &session{io: io, flags: flags, tree: t, ids: sel.IDs, env: &parcel.Environment{Getenv: getenv}}
	opts := loadOptions()
	opts.Getenv = s.env.Get
	opts.Seed, opts.Vars, opts.Demand = flags.seed, vars, !how.offline
	opts.Rules, opts.SameSides = how.rules, how.same
	opts.BlueURL, opts.GreenURL = flags.blue, flags.green
	if opts.Env, err = s.loadStage(opts); err != nil {
		return nil, err
	}
	files := replay.Record(t.Files)
	suites, problems := scenarios.Load(files, t.Paths, opts)
	if how.quiet {
		problems = slices.DeleteFunc(problems, func(p scenarios.Problem) bool { return p.Kind == scenarios.Warning })
	}
	if err := tellProblems(io.err, problems); err != nil {
		return nil, err
	}
	s.learnSecrets(suites)
	// What the files ask is kept from before the selection: the verdict says what was left out.
	whole, asked := scenarios.SizeOf(suites), asks.Of(suites)
	narrowed := append(flags.narrowed(), onlyMarks(suites)...)
	if suites, err = s.selectCases(suites, sel); err != nil {
		return nil, err
	}
	calibration, err := flags.readCalibration(how.same)
	if err != nil {
		return nil, err
	}
	s.read = files.Opened()
	s.plan = &runner.Plan{
		Tool: run.Tool{Name: "bgverify", Version: toolVersion()}, Suites: suites, Whole: whole, Env: opts.Env, Vars: vars, Rules: how.rules,
		Verb: flags.verb, Stage: flags.stage, Flags: flagsTyped, Audit: ci.Audit(t.Root, flags.ticket), Machine: machine(),
		Options:     flags.options(),
		World:       runner.World{Now: time.Now, Getenv: s.env.Get, Files: t.Files, Root: t.Root, Asked: s.env.Asked},
		Calibration: calibration, Narrowed: narrowed, Paths: t.Paths, Asks: asked,
	}
	return s, nil
}

// learnSecrets notes the names that any suite calls secret.
func (s *session) learnSecrets(suites []*scenarios.Suite) {
	s.secrets = map[string]bool{}
	for _, suite := range suites {
		for _, name := range suite.Secrets {
			s.secrets[name], s.secrets[template.CapitalName(name)] = true, true
		}
	}
}

// onlyMarks are the marks in files that make a run smaller than its suites.
func onlyMarks(suites []*scenarios.Suite) []run.Narrowing {
	var out []run.Narrowing
	for _, suite := range suites {
		for _, at := range suite.Only {
			out = append(out, run.Narrowing{By: run.ByFile, Name: "only: true", At: at.String(), Cases: true, Loads: true})
		}
	}
	return out
}

// openClusters reads the kubeconfigs of the clusters that the env file names, and prepares
// the connections to the servers with their metrics.
func (s *session) openClusters() error {
	env := s.plan.Env
	if env == nil {
		return nil
	}
	if env.Prometheus != nil {
		file := func(name string) ([]byte, error) { return fs.ReadFile(s.tree.Stage.Files, name) }
		m, err := resources.New(env.Prometheus, resources.Outside{Getenv: getenv, File: file})
		if err != nil {
			return usage("", "%s: %w", env.File, err)
		}
		s.plan.Meter, s.tokens = m, m.Secrets()
	}
	if env.Clusters == nil {
		return nil
	}
	c, err := cluster.Open(env.Clusters)
	if err != nil {
		return err
	}
	s.clusters = func(keep cluster.Keeper) runner.Clusters { return c.Gates(keep) }
	return nil
}

// loadStage reads the env file of the tree, or the one that --env names; nil: there
// is none.
func (s *session) loadStage(opts scenarios.LoadOptions) (*scenarios.Env, error) {
	t := s.tree
	if t.Stage == nil && s.flags.env != "" {
		var err error
		if t.Stage, err = tree.Open([]string{s.flags.env}); err != nil {
			if filepath.Base(s.flags.env) == s.flags.env && filepath.Ext(s.flags.env) == "" {
				return nil, usage("name an env file; names of stages come from envs: of bgverify.yaml",
					"no stage or env file has the name %s", s.flags.env)
			}
			return nil, err
		}
	}
	if t.Stage == nil {
		return nil, nil
	}
	files := replay.Record(t.Stage.Files)
	env, problems := scenarios.LoadEnv(files, t.Stage.Paths[0], opts)
	s.readStage = files.Opened()
	return env, tellProblems(s.io.err, problems)
}

// selectCases leaves the cases that the flags choose; none is a usage error.
func (s *session) selectCases(suites []*scenarios.Suite, sel scenarios.Selection) ([]*scenarios.Suite, error) {
	const hint = "bgverify list shows ids and tags"
	chosen, err := scenarios.Select(suites, sel)
	if err != nil {
		if near := scenarios.NearestCase(suites, s.flags.cases); near != "" {
			return nil, usage(fmt.Sprintf("did you mean --case %q?", near), "%w", err)
		}
		return nil, usage(hint, "%w", err)
	}
	suites = chosen
	if len(suites) == 0 {
		return nil, usage(hint, "no case is left to run: --tag, --case, --shard or --rerun-failed chose none")
	}
	if s.flags.rerunFailed != "" {
		if err := tellGone(s.io.err, suites, sel.IDs); err != nil {
			return nil, err
		}
	}
	return changedSuites(s.io.err, s.tree.Root, suites, s.flags.changed), nil
}

// loadOptions are those that no flag changes.
func loadOptions() scenarios.LoadOptions {
	return scenarios.LoadOptions{Now: time.Now(), Getenv: getenv, IsFlag: isFlagVariable}
}

func loadEnv(stderr io.Writer, name string, opts scenarios.LoadOptions) (*scenarios.Env, error) {
	if name == "" {
		return nil, nil
	}
	t, err := tree.Open([]string{name})
	if err != nil {
		return nil, err
	}
	env, problems := scenarios.LoadEnv(t.Files, t.Paths[0], opts)
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
