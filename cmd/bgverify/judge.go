package main

import (
	"errors"
	"fmt"
	goio "io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/attack/recorded"
	"github.com/bgverify/bgverify/runner/run"
)

type judgeFlags struct {
	out           string
	blue, green   string
	p50, p95, p99 string
	errors        string
	warmUp        string
	expect        []string
	sameHost      bool
	anySize       bool
	anyIDs        bool
	output        string
}

func newJudgeCommand(io stdio) *cobra.Command {
	flags := judgeFlags{}
	cmd := &cobra.Command{
		Use:     "judge [RUN | --blue FILE --green FILE]",
		GroupID: "judge",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("a folder, an id under --out, or latest; two recordings are given as --blue FILE --green FILE", "judge takes one run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return judgeRun(io, cmd.Flags(), &flags, args[0])
			}
			return judgeRecorded(io, flags)
		},
	}
	flags.bind(cmd.Flags())
	return cmd
}

func (j *judgeFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&j.blue, "blue", "", "result `file` of blue")
	f.StringVar(&j.green, "green", "", "result `file` of green")
	f.StringVar(&j.p50, "p50", "5%", "`margin` of the median: how much worse is still no worse, such as 5%, 2ms or '5% or 2ms'")
	f.StringVar(&j.p95, "p95", "10%", "`margin` of the 95th percentile")
	f.StringVar(&j.p99, "p99", "",
		"`margin` of the 99th percentile, which is then a gate; needs 200 requests a block (default 20%, where there are enough requests)")
	f.StringVar(&j.errors, "errors", "0.5%", "highest `share` of requests that only green fails")
	f.StringVar(&j.warmUp, "warm-up", "",
		"`duration` at the beginning whose latencies do not count; 0 none (default the longer of 5s and 200 requests)")
	f.StringArrayVar(&j.expect, "expect", nil, "`status` that succeeds, such as 204 or 2xx; may be repeated (default 2xx)")
	f.BoolVar(&j.sameHost, "same-host", false, "accept files that were recorded against one host and port, or that name none")
	f.BoolVar(&j.anySize, "any-size", false, "accept answers of any size: a 200 may be empty, and sizes are not compared")
	f.BoolVar(&j.anyIDs, "any-ids", false, "accept other ids and values in the addresses of each side")
	f.StringVar(&j.output, "output", "text", "what standard output is: text or json")
	f.StringVar(&j.out, "out", "runs", "`folder` that keeps the runs")
}

// options reads the margins, statuses and warm-up.
func (j *judgeFlags) options() (recorded.Options, error) {
	o := recorded.Options{SameHost: j.sameHost, AnySize: j.anySize, AnyIDs: j.anyIDs}
	for _, m := range []struct {
		flag, text string
		to         *perf.Margin
	}{{"p50", j.p50, &o.Margins.P50}, {"p95", j.p95, &o.Margins.P95}, {"p99", j.p99, &o.Margins.P99}} {
		if m.text == "" {
			continue
		}
		margin, err := perf.ParseMargin(m.text)
		if err != nil {
			hint := ""
			var bad *perf.MarginError
			if errors.As(err, &bad) {
				hint = bad.Hint
			}
			return o, usage(hint, "--%s %s: %w", m.flag, m.text, err)
		}
		*m.to = margin
	}
	share, err := perf.ParseMargin(j.errors)
	if err != nil || share.Rel <= 0 || share.Rel >= 1 || share.Abs != 0 {
		return o, usage("--errors 0.5%", "--errors %s is not a share", j.errors)
	}
	o.Margins.Errors = share.Rel
	if j.warmUp != "" {
		d, err := time.ParseDuration(j.warmUp)
		if err != nil || d < 0 {
			return o, usage("--warm-up 10s", "--warm-up %s is not a duration", j.warmUp)
		}
		if o.WarmUp = d; d == 0 {
			o.WarmUp = -1 // none; zero would mean the default
		}
	}
	for _, text := range j.expect {
		status, ok := attack.ParseStatus(text)
		if !ok {
			return o, usage("204 or 2xx", "--expect %s is not a status", text)
		}
		o.Expect = append(o.Expect, status)
	}
	return o, nil
}

// judgeRecorded judges two result files.
func judgeRecorded(io stdio, flags judgeFlags) error {
	if flags.blue == "" || flags.green == "" {
		return usage("bgverify judge --blue blue.bin --green green.bin", "judge needs a result file of each side")
	}
	if flags.blue == "-" && flags.green == "-" {
		return usage("name one of them", "standard input cannot be both sides")
	}
	if err := checkOutput(flags.output); err != nil {
		return err
	}
	opts, err := flags.options()
	if err != nil {
		return err
	}
	// Two files, not two names of one.
	blue, err := openResults(io, flags.blue)
	if err != nil {
		return err
	}
	defer blue.Close()
	green, err := openResults(io, flags.green)
	if err != nil {
		return err
	}
	defer green.Close()
	if err := notOneFile(flags, blue, green); err != nil {
		return err
	}
	judged, err := recorded.Judge(blue, green, opts)
	if err != nil {
		return notJudged(err)
	}
	status := run.OfOutcome(judged.Outcome).ExitStatus(0)
	err = io.print(flags.output, judged.Document(), func(w goio.Writer) error {
		_, err := fmt.Fprintf(w, "%sbgverify: judge outcome=%s exit=%d %s\n", judged, judged.Outcome, status, judged.Measured())
		return err
	})
	if err != nil {
		return err
	}
	return exit(status)
}

// notOneFile refuses one file as both sides, whatever its names.
func notOneFile(flags judgeFlags, blue, green *os.File) error {
	b, err1 := blue.Stat()
	g, err2 := green.Stat()
	if err1 == nil && err2 == nil && os.SameFile(b, g) {
		return usage("name the file that was recorded against each side", "%s and %s are one file", flags.blue, flags.green)
	}
	return nil
}

// notJudged is a usage error where the files are not two sides, and broken else.
func notJudged(err error) error {
	var mismatch *recorded.MismatchError
	if !errors.As(err, &mismatch) {
		return broken(err)
	}
	var found strings.Builder
	last := len(mismatch.Found) - 1
	for i, m := range mismatch.Found {
		found.WriteString(text.Visible(m.Found))
		if i < last {
			fmt.Fprintf(&found, "\n  hint: %s\n", m.Hint)
		}
	}
	return usage(mismatch.Found[last].Hint, "%s", found.String())
}

// openResults opens a result file, or standard input for -.
func openResults(io stdio, name string) (*os.File, error) {
	if name == "-" {
		in, ok := io.in.(*os.File)
		if !ok {
			return nil, usage("", "standard input is not a file")
		}
		return in, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("name a result file of vegeta", "%s: %w", name, hint.WithoutPath(err))
	}
	return f, nil
}

// judgeRun judges the records of a run's load stages again.
func judgeRun(io stdio, set *pflag.FlagSet, flags *judgeFlags, name string) error {
	for _, flag := range []string{"blue", "green", "warm-up", "expect", "same-host", "any-size"} {
		if set.Changed(flag) {
			return usage("leave it out", "--%s is for result files of vegeta; a run has its own settings", flag)
		}
	}
	if err := checkOutput(flags.output); err != nil {
		return err
	}
	margins, err := flags.otherMargins(set)
	if err != nil {
		return err
	}
	folder, err := openFolder(flags.out, name)
	if err != nil {
		return err
	}
	r, stages, verdict, err := replay.JudgeLoads(folder, margins)
	if err != nil {
		return broken(err)
	}
	status := verdict.ExitStatus(r.End.Signal)
	err = io.print(flags.output, replay.Document{Run: folder.Path(), Verdict: verdict, Stages: stages}, func(w goio.Writer) error {
		if err := replay.WriteStages(w, stages); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "bgverify: judge verdict=%s exit=%d run=%s\n", verdict, status, folder.Path())
		return err
	})
	if err != nil {
		return err
	}
	return exit(status)
}

// otherMargins changes what a stage was judged by to what the flags say; nil when
// they say nothing.
func (j *judgeFlags) otherMargins(set *pflag.FlagSet) (func(perf.Margins) perf.Margins, error) {
	asked, err := j.options()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc([]string{"p50", "p95", "p99", "errors"}, set.Changed) {
		return nil, nil
	}
	return func(m perf.Margins) perf.Margins {
		if set.Changed("p50") {
			m.P50 = asked.Margins.P50
		}
		if set.Changed("p95") {
			m.P95 = asked.Margins.P95
		}
		if set.Changed("p99") {
			m.P99 = asked.Margins.P99
		}
		if set.Changed("errors") {
			m.Errors = asked.Margins.Errors
		}
		return m
	}, nil
}
