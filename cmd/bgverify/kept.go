package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/template"
)

// keepAsked copies every file that the run was loaded from, and what it was
// asked for, into its folder.
func (s *session) keepAsked(w *archive.Writer) error {
	plan := replay.Asked{Paths: s.tree.paths, Blue: s.flags.blue, Green: s.flags.green, Cases: s.ids, Environment: s.flags.fromEnv, Variables: s.variables()}
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
			names[i] = path.Join(archive.StageDir, name)
		}
		if err := w.CopyScenarios(under(archive.StageDir, s.tree.stage.files), names); err != nil {
			return err
		}
	}
	return plan.Write(w)
}

// variables are digests of what the environment gave to variables and templates, by name:
// shards of one plan must agree on them. Those that a suite names as secrets are left out.
func (s *session) variables() map[string]string {
	out := map[string]string{}
	for name, value := range s.env.asked() {
		bare := strings.TrimPrefix(strings.TrimPrefix(name, template.VarPrefix), template.JSONPrefix)
		if value == "" || s.secrets[bare] || bare == name && strings.HasPrefix(name, template.FlagPrefix) {
			continue
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s=%s", s.flags.seed, name, value))
		out[name] = hex.EncodeToString(sum[:6])
	}
	return out
}

// keptTree is the tree of the scenario files that a run folder keeps. The root
// stays the original one: certificates are not copied.
func keptTree(folder string, plan *replay.Asked) (*tree, error) {
	opened, err := os.OpenRoot(filepath.Join(folder, archive.ScenariosDir))
	if err != nil {
		return nil, broken(fmt.Errorf("open the scenario files of the run: %w", unwrapPath(err)))
	}
	t := &tree{files: opened.FS(), root: plan.Root, paths: plan.Paths}
	if plan.Env != "" {
		files, err := fs.Sub(t.files, archive.StageDir)
		if err != nil {
			return nil, broken(fmt.Errorf("open the env file of the run: %w", err))
		}
		t.stage = &tree{files: files, root: plan.Root, paths: []string{plan.Env}}
	}
	return t, nil
}

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
