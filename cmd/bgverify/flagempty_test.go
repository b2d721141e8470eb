package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag of every verb refuses to be set to nothing, and every verb an empty
// argument: the commands and flags are walked, so that a new one is among them.
func TestEmptyIsAUsageError(t *testing.T) {
	newCommands := func() *cobra.Command { return newRoot(stdio{in: strings.NewReader("")}) }
	flags, verbs := 0, 0
	refused := func(name string, args ...string) {
		t.Helper()
		var out, err bytes.Buffer
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // a verb that wrongly begins its work ends at once
		if got := execute(ctx, stdio{in: strings.NewReader(""), out: &out, err: &err}, args); got != statusUsage {
			t.Errorf("bgverify %q: exit status %d, want %d\n%s%s", args, got, statusUsage, &out, &err)
		}
		if !strings.Contains(err.String(), name) {
			t.Errorf("bgverify %q: the error does not name %q:\n%s", args, name, &err)
		}
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		with := func(more ...string) []string { return append(append([]string{}, path...), more...) }
		if cmd.Runnable() && cmd.HasParent() {
			verbs++
			name := cmd.Name()
			if name == "help" { // its word is a verb: that is what is wrong
				name = "unknown command"
			}
			refused(name, with("")...)
			refused(name, with("x", " ")...)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			empties := []string{"", " "}
			if f.Value.Type() == "stringSlice" {
				empties = append(empties, "a,,b", "a,", " ,a")
			}
			for _, empty := range empties {
				refused("--"+f.Name, with("--"+f.Name+"="+empty)...)
				if f.NoOptDefVal == "" { // it takes the next word as its value
					refused("--"+f.Name, with("--"+f.Name, empty)...)
				}
			}
		})
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newCommands())
	if flags < 100 || verbs < 15 {
		t.Errorf("only %d flags of %d verbs were walked", flags, verbs)
	}
}

// A default that is empty stays usable: the flag is left out, not set to nothing.
func TestFlagsKeepTheirDefaults(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				t.Errorf("%s --%s counts as set", cmd.CommandPath(), f.Name)
			}
			if f.DefValue == "[]" {
				t.Errorf("help of %s says that --%s is [] where it is left out", cmd.CommandPath(), f.Name)
			}
		})
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRoot(stdio{in: strings.NewReader("")}))
}
