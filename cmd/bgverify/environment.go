package main

import (
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios"
)

// getenv reads an environment variable. One that is set but empty counts as not
// set: a pipeline that exports a variable it has no value for has not chosen the
// empty text.
func getenv(name string) (string, bool) {
	value := os.Getenv(name)
	return value, value != ""
}

// flagVariable is the environment variable that sets a flag: --green-build reads
// BGVERIFY_GREEN_BUILD.
func flagVariable(flag string) string { return scenarios.FlagPrefix + scenarios.CapitalName(flag) }

// isFlagVariable reports whether an environment variable sets a flag of run, which
// has all that come from the environment.
func isFlagVariable(variable string) bool {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&runFlags{}).bind(set)
	known := false
	set.VisitAll(func(f *pflag.Flag) { known = known || flagVariable(f.Name) == variable })
	return known
}

// fromEnvironment gives every flag that was not typed the value of its variable,
// and remembers which ones: see narrowed.
func (f *runFlags) fromEnvironment(set *pflag.FlagSet) error {
	var bad error
	set.VisitAll(func(flag *pflag.Flag) {
		value, ok := getenv(flagVariable(flag.Name))
		if !ok || flag.Changed || bad != nil {
			return
		}
		if err := set.Set(flag.Name, value); err != nil {
			bad = usage("", "environment variable %s: %w", flagVariable(flag.Name), err)
			return
		}
		if !slices.Contains(f.fromEnv, flag.Name) {
			f.fromEnv = append(f.fromEnv, flag.Name)
		}
	})
	return bad
}
