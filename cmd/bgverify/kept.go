package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/report/archive/replay"
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
