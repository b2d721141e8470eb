package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// The help of run and demo fits into 80 columns and lists every flag once, in a
// group: a new flag needs one.
func TestFlagsAreGrouped(t *testing.T) {
	for _, verb := range []string{"run", "demo"} {
		var out bytes.Buffer
		root := newRoot(stdio{out: &out, err: &out})
		root.SetOut(&out)
		root.SetArgs([]string{verb, "--help"})
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpColumns {
				t.Errorf("%s --help: %d columns: %s", verb, n, line)
			}
		}
		cmd, _, err := root.Find([]string{verb})
		if err != nil {
			t.Fatal(err)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if n := strings.Count(text, "      --"+f.Name+" ") + strings.Count(text, "  -"+f.Shorthand+", --"+f.Name+" "); n != 1 {
				t.Errorf("%s --help lists --%s %d times", verb, f.Name, n)
			}
			if f.Name != "help" && groupOf(f.Name) == "" {
				t.Errorf("flag --%s of %s is in no group", f.Name, verb)
			}
		})
		for _, group := range flagGroups {
			if !strings.Contains(text, "\n"+group.title+":\n") {
				t.Errorf("%s --help has no group %s", verb, group.title)
			}
		}
	}
}
