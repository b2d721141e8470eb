package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios"
)

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
		return nil
	}
	defaults := map[string]string{"env": config.Env, "out": config.Out, "on-inconclusive": config.OnInconclusive, "format": strings.Join(config.Format, ",")}
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
	for _, stage := range config.Envs {
		if stage.Name == flags.env {
			flags.env = stage.Value
		}
	}
	return nil
}
