package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
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
func flagVariable(flag string) string { return template.FlagPrefix + template.CapitalName(flag) }

// flagVariables are the environment variables that set a flag of run, which has all that come from
// the environment.
func flagVariables() []string {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&runFlags{}).bind(set)
	var names []string
	set.VisitAll(func(f *pflag.Flag) { names = append(names, flagVariable(f.Name)) })
	return names
}

func isFlagVariable(name string) bool { return slices.Contains(flagVariables(), name) }

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

// checkVariables refuses values of BGVERIFY_JSON_ variables that are not JSON, which may be
// secrets and are not shown, and names that are nearly those of a flag: a mistyped
// BGVERIFY_GREEN_BUILD would leave out the check that its author counts on.
func checkVariables(environ []string) error {
	known := flagVariables()
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		own := strings.HasPrefix(name, template.VarPrefix) || strings.HasPrefix(name, template.JSONPrefix) || slices.Contains(known, name)
		if short, flag := strings.CutPrefix(name, template.FlagPrefix); flag && !own && value != "" {
			i := slices.IndexFunc(known, func(k string) bool { return nearly(short, strings.TrimPrefix(k, template.FlagPrefix)) })
			if i >= 0 {
				return usage("did you mean "+known[i]+"?", "the environment variable %s sets no flag", name)
			}
		}
		if strings.HasPrefix(name, template.JSONPrefix) && value != "" && !json.Valid([]byte(value)) {
			return usage("give text in "+template.VarPrefix+strings.TrimPrefix(name, template.JSONPrefix),
				"the environment variable %s does not hold JSON", name)
		}
	}
	return nil
}

// nearly reports whether a name is another one with one or two slips; short names have at most one.
func nearly(name, other string) bool {
	slips := min(2, len(name)/4)
	return slips > 0 && suggest.Distance(name, other, slips) <= slips
}

const configFile = "bgverify.yaml"

// readConfig reads bgverify.yaml of the working folder; nil: there is none.
func readConfig(stderr io.Writer) (*scenarios.Config, error) {
	root, err := os.OpenRoot(".")
	if err != nil {
		return nil, broken(fmt.Errorf("open the working folder: %w", err))
	}
	defer root.Close()
	if _, err := fs.Stat(root.FS(), configFile); err != nil {
		return nil, nil
	}
	config, problems := scenarios.LoadConfig(root.FS(), configFile)
	return config, tellProblems(stderr, problems)
}

// applyConfig gives the flags that were neither typed nor set by a BGVERIFY_
// variable the defaults of bgverify.yaml, and resolves --env when it names a stage.
func applyConfig(config *scenarios.Config, set *pflag.FlagSet, flags *runFlags) error {
	if config == nil {
		flags.stage, flags.env = config.Stage(flags.env)
		return nil
	}
	// An empty text is a key that the file does not have.
	defaults := map[string]string{
		"env": config.Env, "out": config.Out, "on-inconclusive": config.OnInconclusive, "format": strings.Join(config.Format, ","),
	}
	if config.Concurrency > 0 {
		defaults["concurrency"] = strconv.Itoa(config.Concurrency)
	}
	if config.Timeout > 0 {
		defaults["timeout"] = config.Timeout.String()
	}
	if config.Keep > 0 {
		defaults["keep"] = strconv.Itoa(config.Keep)
	}
	if config.KeepDays > 0 {
		defaults["keep-days"] = strconv.Itoa(config.KeepDays)
	}
	for name, value := range defaults {
		if value == "" || set.Changed(name) {
			continue
		}
		if err := set.Set(name, value); err != nil {
			return usage("", "%s: %s: %w", config.File, name, err)
		}
	}
	flags.stage, flags.env = config.Stage(flags.env)
	return nil
}
