package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/template"
)

// notKept are the flags that a run folder answers by itself, or that are over
// with the run that had them.
var notKept = []string{"env", "rerun-failed", "run-id", "watch", "keep", "keep-days"}

// keptFlags are the flags of an archived run. Those whose value the archive hid
// come from the environment or are given again; what is still missing is named.
// offline: nothing will be sent, so that nothing is missing.
func keptFlags(header *run.Header, plan *replay.Asked, again *runFlags, offline bool) (*runFlags, error) {
	flags := &runFlags{}
	set := pflag.NewFlagSet("kept", pflag.ContinueOnError)
	flags.bind(set)
	var missing []string
	for _, text := range header.Flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(text, "--"), "=")
		if set.Lookup(name) == nil || slices.Contains(notKept, name) {
			continue // of demo, or answered by the folder
		}
		if strings.Contains(value, replay.HiddenMark) {
			if !offline && !givenAgain(name, value, again) {
				missing = append(missing, strings.SplitN("--"+name+" "+value, replay.HiddenMark, 2)[0]+"…")
			}
			continue
		}
		if err := set.Set(name, value); err != nil {
			return nil, broken(fmt.Errorf("read the flags of the run: --%s: %w", name, err))
		}
	}
	if len(missing) > 0 {
		return nil, usage("give it again: --var name=value, a BGVERIFY_VAR_ variable, --blue or --green",
			"the archive hid the secret value of %s", strings.Join(missing, ", "))
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
		name = strings.TrimSuffix(name, ":")
		if _, _, ok := template.LookupEnv(getenv, name); ok {
			return true
		}
		return slices.ContainsFunc(again.vars, func(v string) bool { return strings.HasPrefix(v, name+"=") || strings.HasPrefix(v, name+":=") })
	}
	return false
}

// openRun finds a run as openFolder does, and reads its log.
func openRun(root, name string) (*archive.Folder, *run.Run, error) {
	folder, err := openFolder(root, name)
	if err != nil {
		return nil, nil, err
	}
	r, err := folder.Run()
	if err != nil {
		return nil, nil, broken(fmt.Errorf("read the run: %w", err))
	}
	return folder, r, nil
}

// readKept reads what a run was asked, and its scenario files, from its folder.
func readKept(folder *archive.Folder) (*replay.Asked, *tree.Tree, error) {
	plan, err := replay.ReadAsked(folder.Path())
	if err != nil {
		return nil, nil, broken(err)
	}
	t, err := plan.Tree(folder.Path())
	if err != nil {
		return nil, nil, broken(err)
	}
	return plan, t, nil
}

// replayClusters gives the session the gates of clusters as a run found them: nothing is asked again.
func (s *session) replayClusters(folder *archive.Folder, from *run.Run) {
	env := s.plan.Env
	if env == nil || env.Clusters == nil {
		return
	}
	open := func(name string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(folder.Path(), filepath.FromSlash(name)))
	}
	s.clusters = func(keep cluster.Keeper) runner.Clusters {
		return cluster.Replay(env.Clusters, from.End.Clusters, open, keep)
	}
}
