package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// Where a run folder keeps what the run was asked for.
const (
	planFile = "plan.json"
	stageDir = ".stage" // under scenarios/: the env file and what it uses
)

// An asked is what a run was asked for, as plan.json keeps it: what resume and
// rediff need beyond the header of the log. Secrets in it are replaced.
type asked struct {
	Root  string   `json:"root,omitempty"` // folder that paths lie below; empty: files of the program itself
	Paths []string `json:"paths"`
	Env   string   `json:"env,omitempty"` // the env file, under scenarios/.stage
	Blue  string   `json:"blue,omitempty"`
	Green string   `json:"green,omitempty"`
	Cases []string `json:"cases,omitempty"` // ids that --rerun-failed chose
	// Environment names the flags that BGVERIFY_ variables set.
	Environment []string `json:"environment,omitempty"`
}

// recording is a file system that remembers which regular files were opened.
type recording struct {
	inner fs.FS
	mu    sync.Mutex
	names map[string]bool
}

func record(files fs.FS) *recording { return &recording{inner: files, names: map[string]bool{}} }

func (r *recording) Open(name string) (fs.File, error) {
	f, err := r.inner.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.mu.Lock()
		r.names[name] = true
		r.mu.Unlock()
	}
	return f, nil
}

// Stat does not open: a FIFO would wait for ever.
func (r *recording) Stat(name string) (fs.FileInfo, error) { return fs.Stat(r.inner, name) }

func (r *recording) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.inner, name) }

// opened are the files read so far, sorted.
func (r *recording) opened() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.names))
	for name := range r.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keepAsked copies every file that the run was loaded from, and what it was
// asked for, into its folder.
func (s *session) keepAsked(w *archive.Writer) error {
	plan := asked{Paths: s.tree.paths, Blue: s.flags.blue, Green: s.flags.green, Cases: s.ids, Environment: s.flags.fromEnv}
	if s.tree.root != "" {
		root, err := filepath.Abs(s.tree.root)
		if err != nil {
			return fmt.Errorf("find the folder of the scenario files: %w", err)
		}
		plan.Root = root
	}
	if err := w.CopyScenarios(s.tree.files, s.read); err != nil {
		return err
	}
	if s.tree.stage != nil {
		plan.Env = s.tree.stage.paths[0]
		names := make([]string, len(s.readStage))
		for i, name := range s.readStage {
			names[i] = path.Join(stageDir, name)
		}
		if err := w.CopyScenarios(under(stageDir, s.tree.stage.files), names); err != nil {
			return err
		}
	}
	return w.WriteFile(planFile, func(to io.Writer) error {
		enc := json.NewEncoder(to)
		enc.SetIndent("", "  ")
		return enc.Encode(plan)
	})
}

// readAsked reads plan.json of a run folder.
func readAsked(folder string) (*asked, error) {
	text, err := os.ReadFile(filepath.Join(folder, planFile))
	if err != nil {
		return nil, broken(fmt.Errorf("read what the run was asked for: %s: %w", planFile, unwrapPath(err)))
	}
	plan := &asked{}
	if err := json.Unmarshal(text, plan); err != nil {
		return nil, broken(fmt.Errorf("read what the run was asked for: %s: %w", planFile, err))
	}
	if len(plan.Paths) == 0 {
		return nil, broken(fmt.Errorf("read what the run was asked for: %s names no scenario file", planFile))
	}
	return plan, nil
}

// keptTree is the tree of the scenario files that a run folder keeps. The root
// stays the original one: certificates are not copied.
func keptTree(folder string, plan *asked) (*tree, error) {
	opened, err := os.OpenRoot(filepath.Join(folder, archive.ScenariosDir))
	if err != nil {
		return nil, broken(fmt.Errorf("open the scenario files of the run: %w", unwrapPath(err)))
	}
	t := &tree{files: opened.FS(), root: plan.Root, paths: plan.Paths}
	if plan.Env != "" {
		files, err := fs.Sub(t.files, stageDir)
		if err != nil {
			return nil, broken(fmt.Errorf("open the env file of the run: %w", err))
		}
		t.stage = &tree{files: files, root: plan.Root, paths: []string{plan.Env}}
	}
	return t, nil
}

// hiddenMark is how the mark of a redacted secret begins.
const hiddenMark = "<secret:"

// noHidden refuses scenario files in which the archive replaced a secret:
// what they say cannot be sent any more.
func noHidden(files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if i := strings.Index(string(text), hiddenMark); i >= 0 {
			return usage("secrets belong into the environment: env: [NAME] and {{env.NAME}}; start the run again",
				"%s:%d: the archive hid a secret that stood in the file, so that it cannot be sent again", name, 1+strings.Count(string(text[:i]), "\n"))
		}
		return nil
	})
}

// notKept are the flags that a run folder answers by itself, or that are over
// with the run that had them.
var notKept = []string{"env", "rerun-failed", "run-id", "watch", "keep", "keep-days"}

// keptFlags are the flags of an archived run. Those whose value the archive hid
// come from the environment or are given again; what is still missing is named.
// offline: nothing will be sent, so that nothing is missing.
func keptFlags(header *runner.Header, plan *asked, again *runFlags, offline bool) (*runFlags, error) {
	flags := &runFlags{}
	set := pflag.NewFlagSet("kept", pflag.ContinueOnError)
	flags.bind(set)
	var missing []string
	for _, text := range header.Flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(text, "--"), "=")
		if set.Lookup(name) == nil || slices.Contains(notKept, name) {
			continue // of demo, or answered by the folder
		}
		if strings.Contains(value, hiddenMark) {
			if !offline && !givenAgain(name, value, again) {
				missing = append(missing, strings.SplitN("--"+name+" "+value, hiddenMark, 2)[0]+"…")
			}
			continue
		}
		if err := set.Set(name, value); err != nil {
			return nil, broken(fmt.Errorf("read the flags of the run: --%s: %w", name, err))
		}
	}
	if len(missing) > 0 {
		return nil, usage("give it again: --var name=value, a BGVERIFY_VAR_ variable, --blue or --green", "the archive hid the secret value of %s", strings.Join(missing, ", "))
	}
	flags.seed, flags.vars = header.Seed, append(flags.vars, again.vars...)
	flags.blue, flags.green, flags.fromEnv = plan.Blue, plan.Green, plan.Environment
	for _, side := range []struct{ to, from *string }{{&flags.blue, &again.blue}, {&flags.green, &again.green}} {
		if *side.from != "" {
			*side.to = *side.from
		}
	}
	flags.output, flags.quiet, flags.verbose = again.output, again.quiet, again.verbose
	flags.noColor, flags.noProgress, flags.out, flags.dryRun = again.noColor, again.noProgress, again.out, false
	return flags, nil
}

// givenAgain says whether a hidden value is there from elsewhere.
func givenAgain(flag, value string, again *runFlags) bool {
	switch flag {
	case "blue":
		return again.blue != ""
	case "green":
		return again.green != ""
	case "var":
		name, _, _ := strings.Cut(value, "=")
		if _, ok := scenarios.LookupEnv(getenv, name); ok {
			return true
		}
		return slices.ContainsFunc(again.vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	}
	return false
}

// lockLoad keeps other load runs off this host while a plan with load runs.
func lockLoad(plan *runner.Plan, command string) (unlock func(), err error) {
	loads := 0
	for _, suite := range plan.Suites {
		loads += len(suite.Loads)
	}
	if loads == 0 || plan.Options.Part == runner.OnlyCompare {
		return func() {}, nil
	}
	dir, _ := os.Getwd()
	lock, err := archive.LockLoad(fmt.Sprintf("bgverify %s (process %d, in %s)", command, os.Getpid(), dir))
	if err != nil {
		var held *archive.LockedError
		if errors.As(err, &held) {
			return nil, &statusError{
				status: statusBroken, hint: "wait for it, or run the cases alone with --no-load",
				err: fmt.Errorf("another load run is measuring on this host: %s (lock %s)", plainText(held.Holder), held.File),
			}
		}
		return nil, broken(err)
	}
	return func() { _ = lock.Unlock() }, nil
}
