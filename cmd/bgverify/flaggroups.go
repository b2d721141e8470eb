package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpColumns is how wide the help of grouped flags is at most.
const helpColumns = 80

// flagGroups are the flags of run and demo as their help lists them. Flags of
// none of these groups come last.
var flagGroups = []struct {
	title string
	names []string
}{
	{"Sides", []string{"blue", "green", "env", "green-build", "blue-fault", "green-fault"}},
	{"Selection", []string{"tag", "case", "shard", "rerun-failed"}},
	{"Requests", []string{"var", "seed", "concurrency", "timeout", "fail-fast", "allow-writes", "dry-run", "strict", "watch"}},
	{"Load", []string{"no-load", "only-load", "allow-load", "on-inconclusive", "calibration"}},
	{"Output", []string{"output", "quiet", "verbose", "no-color", "no-progress"}},
	{"Archive", []string{"out", "run-id", "format", "report-assets", "trace-url", "ticket", "keep", "keep-days"}},
}

// groupFlags makes a command's help list its flags in groups.
func groupFlags(cmd *cobra.Command) {
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), groupedUsage(c))
		return err
	})
}

// groupedUsage is the usage of a command that has no subcommands.
func groupedUsage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	rest := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if groupOf(f.Name) == "" {
			rest.AddFlag(f)
		}
	})
	for _, group := range flagGroups {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		for _, name := range group.names {
			if f := c.LocalFlags().Lookup(name); f != nil {
				set.AddFlag(f)
			}
		}
		if set.HasFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", group.title, set.FlagUsagesWrapped(helpColumns))
		}
	}
	fmt.Fprintf(&b, "\nOther:\n%s", rest.FlagUsagesWrapped(helpColumns))
	return b.String()
}

// groupOf is the group of a flag; empty for one of none.
func groupOf(name string) string {
	for _, group := range flagGroups {
		if slices.Contains(group.names, name) {
			return group.title
		}
	}
	return ""
}
