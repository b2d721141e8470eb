package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// eachCommand calls f for every command with its help.
func eachCommand(t *testing.T, f func(path string, cmd *cobra.Command, help string)) {
	t.Helper()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() == "completion" || sub.Name() == "help" || sub.Hidden { // cobra's own
				continue
			}
			path := strings.TrimPrefix(sub.CommandPath(), "bgverify ")
			var out bytes.Buffer
			root := newRoot(stdio{out: &out, err: &out})
			root.SetOut(&out)
			root.SetArgs(append(strings.Fields(path), "--help"))
			if err := root.Execute(); err != nil {
				t.Fatalf("%s --help: %v", path, err)
			}
			sub.InitDefaultHelpFlag()
			f(path, sub, out.String())
			walk(sub)
		}
	}
	walk(newRoot(stdio{out: &bytes.Buffer{}, err: &bytes.Buffer{}}))
}

// The help of every command fits into 80 columns, and lists every flag once, with what it
// does in words; where flags are many, each is in a group: a new flag needs one.
func TestHelpOfEveryCommand(t *testing.T) {
	commands := 0
	eachCommand(t, func(path string, cmd *cobra.Command, help string) {
		commands++
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpColumns {
				t.Errorf("%s --help: %d columns: %s", path, n, line)
			}
		}
		flags := 0
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			flags++
			if n := strings.Count(help, "      --"+f.Name+" ") + strings.Count(help, "  -"+f.Shorthand+", --"+f.Name+" "); n != 1 {
				t.Errorf("%s --help lists --%s %d times", path, f.Name, n)
			}
			if words := strings.Fields(f.Usage); f.Name != "help" && (len(words) < 4 || strings.HasSuffix(words[0], ",")) {
				t.Errorf("%s --%s: %q does not say what the flag does", path, f.Name, f.Usage)
			}
		})
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if flags > ungrouped && !f.Hidden && f.Name != "help" && groupOf(f.Name, cmd.LocalFlags()) == "" {
				t.Errorf("flag --%s of %s is in no group", f.Name, path)
			}
		})
	})
	if commands < 20 {
		t.Errorf("only %d commands were found", commands)
	}
}

// Who uses a verb daily looks for an example: it comes after the first paragraph.
func TestExamplesComeFirst(t *testing.T) {
	daily := map[string]bool{"run": true, "calibrate": true, "report": true, "gate": true, "import": true}
	eachCommand(t, func(path string, _ *cobra.Command, help string) {
		if !daily[path] {
			return
		}
		delete(daily, path)
		lines := strings.Split(help, "\n")
		for i, line := range lines {
			if line == "Examples:" {
				if i > 8 {
					t.Errorf("%s --help: examples begin in line %d", path, i+1)
				}
				return
			}
		}
		t.Errorf("%s --help has no examples", path)
	})
	if len(daily) > 0 {
		t.Errorf("not found: %v", daily)
	}
}

// Text is broken between words and rows in their second column; commands as a shell reads them.
func TestHelpIsWrapped(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for _, tt := range []struct{ name, got, want string }{
		{"a paragraph is filled", wrapText("a\nb\n\nc"), "a b\n\nc"},
		{"a paragraph is broken", wrapText(long), strings.TrimSpace(long[:80]) + "\n" + strings.TrimSpace(long[80:])},
		{"a row keeps its column", wrapText("  name  " + long), "  name  " + strings.TrimSpace(long[:70]) + "\n        " + strings.TrimSpace(long[70:])},
		{"a command is continued", wrapCommands("  bgverify run " + strings.Repeat("x", 60) + " --blue URL"), "  bgverify run " + strings.Repeat("x", 60) + " \\\n    --blue URL"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, tt.got, tt.want)
		}
	}
}
