package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios"
)

// flagHint suggests the flag that an unknown one was probably meant to be.
func flagHint(cmd *cobra.Command, err error) string {
	help := "see 'bgverify " + strings.TrimPrefix(cmd.CommandPath(), "bgverify ") + " --help'"
	if errors.Is(err, errEmpty) {
		return "give it a value, or leave the flag out: is a variable of the pipeline not set?"
	}
	_, name, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return help
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	best := scenarios.Nearest(name, known)
	if best == "" {
		return help
	}
	return "did you mean --" + best + "?"
}
