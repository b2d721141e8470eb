package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/scenarios"
)

type diffFlags struct {
	rules  string
	kind   string
	output string
}

func newDiffCommand(io stdio) *cobra.Command {
	flags := diffFlags{}
	cmd := &cobra.Command{
		Use:     "diff BLUE GREEN",
		GroupID: "judge",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return runDiff(io, flags, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.rules, "rules", "", "YAML `file` with a top-level rules list")
	f.StringVar(&flags.kind, "type", "", "media `type` of the bodies: "+media.Names+" (default: by name, then by content)")
	f.StringVarP(&flags.output, "output", "o", "text", "`format` of the output: text, json or patch (RFC 6902)")
	return cmd
}

// runDiff compares two saved bodies and ends with the status of what it found.
func runDiff(io stdio, flags diffFlags, bluePath, greenPath string) error {
	if flags.output != "text" && flags.output != "json" && flags.output != "patch" {
		return usage("text, json or patch", "unknown output format %q", flags.output)
	}
	if flags.kind != "" && media.TypeNamed(flags.kind) == "" {
		return usage("one of "+media.Names, "unknown type %q", flags.kind)
	}
	if bluePath == "-" && greenPath == "-" {
		return usage("name a file for one of them", "standard input can be one of the two answers, not both")
	}
	// Rules before bodies: a problem in them is a usage error, an unreadable body is broken.
	rules, err := readRules(io.err, flags.rules)
	if err != nil {
		return err
	}
	blue, err := readMessage(io.in, bluePath, flags.kind)
	if err != nil {
		return err
	}
	green, err := readMessage(io.in, greenPath, flags.kind)
	if err != nil {
		return err
	}
	if flags.output == "patch" {
		return writePatch(io.out, blue, green, rules)
	}
	result := diff.CompareMessages(blue, green, rules, diff.NewBijections())
	causes := cause.NewSet()
	causes.AddAt(cause.Site{Case: filepath.Base(greenPath), Sample: &cause.Sample{Blue: blue, Green: green, Rules: rules}}, result.Differences)
	if flags.output == "json" {
		err = writeDiffJSON(io.out, &result, causes.List())
	} else {
		err = report.WriteDifferences(io.out, &result, causes)
	}
	if err != nil {
		return broken(fmt.Errorf("write the differences: %w", err))
	}
	// Equal for want of anything to compare proves nothing.
	if result.Equal() && result.Leaves.Compared == 0 {
		return broken(fmt.Errorf("nothing was compared: none of blue's %d values is looked at (empty bodies, or rules that hide them all)",
			result.Leaves.Seen))
	}
	return exit(diffStatus(&result))
}

// writePatch prints what turns blue into green, but for what the rules hide.
func writePatch(w io.Writer, blue, green *diff.Message, rules *diff.Rules) error {
	patch, total, err := diff.Patch(blue.Body, green.Body, rules)
	if err != nil {
		return broken(fmt.Errorf("make a patch: %w", err))
	}
	if _, err := fmt.Fprintf(w, "%s\n", text.JSON(bytes.TrimRight(patch, "\n"))); err != nil {
		return broken(fmt.Errorf("write the patch: %w", err))
	}
	if total > 0 {
		return exit(statusDifferent)
	}
	return nil
}

// diffStatus keeps "different" and "could not be compared" apart.
func diffStatus(result *diff.Result) int {
	for i := range result.Differences {
		if k := result.Differences[i].Kind; k == diff.Invalid || k == diff.Limit {
			return statusBroken
		}
	}
	if !result.Equal() {
		return statusDifferent
	}
	return statusOK
}

// readRules reads the rules of --rules; without it there are none.
func readRules(stderr io.Writer, name string) (*diff.Rules, error) {
	if name == "" {
		return compileRules(nil)
	}
	opts := loadOptions()
	opts.Trial = true
	list, err := loadRules(stderr, name, opts)
	if err != nil {
		return nil, err
	}
	return compileRules(list)
}

// loadRules reads a rule file.
func loadRules(stderr io.Writer, name string, opts scenarios.LoadOptions) ([]diff.Rule, error) {
	t, err := tree.Open([]string{name})
	if err != nil {
		return nil, err
	}
	list, problems := scenarios.LoadRules(t.Files, t.Paths[0], opts)
	return list, tellProblems(stderr, problems)
}

// compileRules compiles rules; one that cannot be is a usage error.
func compileRules(list []diff.Rule) (*diff.Rules, error) {
	rules, bad := diff.Compile(list, diff.Options{Now: time.Now()})
	if len(bad) > 0 {
		return nil, usage(bad[0].Hint, "%s: %s", list[bad[0].Rule].Origin, bad[0].Msg)
	}
	return rules, nil
}

// readMessage reads a saved body; kind is that of --type, else the ending of the name.
func readMessage(stdin io.Reader, name, kind string) (*diff.Message, error) {
	const limit = 64<<20 + 1
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("name a saved body", "%s: %w", name, hint.WithoutPath(err))
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, limit))
	if err != nil {
		return nil, broken(fmt.Errorf("read %s: %w", name, hint.WithoutPath(err)))
	}
	if kind == "" {
		kind = strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")
	}
	return &diff.Message{Status: 200, Body: body, ContentType: media.TypeNamed(kind)}, nil
}

// A diffDocument is what --output json prints.
type diffDocument struct {
	Equal       bool              `json:"equal"`
	Differences []diff.Difference `json:"differences"`
	Ignored     []diff.Difference `json:"ignored"`
	Total       int               `json:"total"`
	Causes      []cause.Cause     `json:"causes"`
	Notes       []string          `json:"notes,omitempty"`
	Forms       []diff.Form       `json:"forms,omitempty"`
}

// writeDiffJSON prints what was found as one JSON document.
func writeDiffJSON(w io.Writer, result *diff.Result, causes []cause.Cause) error {
	return printJSON(w, diffDocument{
		Equal: result.Equal(), Total: result.Total, Notes: result.Notes, Forms: result.Forms,
		Differences: append([]diff.Difference{}, result.Differences...),
		Ignored:     append([]diff.Difference{}, result.Hidden...),
		Causes:      append([]cause.Cause{}, causes...),
	})
}
