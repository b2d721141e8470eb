package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
)

// A judgedStage is a load stage of an archived run as judge prints it with --output json.
type judgedStage struct {
	Name    string         `json:"name"`
	Verdict runner.Verdict `json:"verdict"`
	Was     runner.Verdict `json:"was"`
	Reason  string         `json:"reason"`
	Beyond  []string       `json:"beyond_records,omitempty"`
	Judged  *judgeDocument `json:"judged,omitempty"`
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
	if err := folder.Verify(); err != nil {
		return broken(err)
	}
	run, err := folder.Run()
	if err != nil {
		return broken(err)
	}
	if len(run.Loads) == 0 {
		return broken(errors.New("the run has no load stage"))
	}
	verdict, stages := runner.Verdict(0), []*replay.JudgedLoad{}
	for i := range run.Loads {
		stage, err := replay.JudgeLoad(folder, run, &run.Loads[i], margins)
		if err != nil {
			return broken(err)
		}
		verdict = verdict.Worse(stage.Verdict)
		stages = append(stages, stage)
	}
	if verdict == runner.Skip { // nothing is proven by stages that did not run
		verdict = runner.Broken
	}
	status := verdict.ExitStatus(run.End.Signal)
	if err := writeStages(io, flags.output, folder.Path(), verdict, status, stages); err != nil {
		return broken(fmt.Errorf("write the verdict: %w", err))
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

func writeStages(io stdio, output, folder string, verdict runner.Verdict, status int, stages []*replay.JudgedLoad) error {
	if output == "json" {
		list := make([]judgedStage, len(stages))
		for i, s := range stages {
			list[i] = judgedStage{s.Name, s.Verdict, s.Was, s.Reason, s.Beyond, nil}
			if s.Report != nil {
				d := document(s.Report)
				list[i].Judged = &d
			}
		}
		return printJSON(io.out, struct {
			Run     string         `json:"run"`
			Verdict runner.Verdict `json:"verdict"`
			Stages  []judgedStage  `json:"stages"`
		}{folder, verdict, list})
	}
	var b strings.Builder
	for _, s := range stages {
		fmt.Fprintf(&b, "%s: %s; in the run: %s\n", plainText(s.Name), s.Verdict, s.Was)
		if s.Report != nil {
			writeJudged(&b, s.Report)
			fmt.Fprintln(&b, measured(s.Report))
		}
		for _, finding := range s.Beyond {
			fmt.Fprintf(&b, "found in the run, not in its records: %s\n", plainText(finding))
		}
		if s.Reason != "" {
			fmt.Fprintln(&b, plainText(s.Reason))
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "bgverify: judge verdict=%s exit=%d run=%s\n", verdict, status, folder)
	_, err := io.out.Write([]byte(b.String()))
	return err
}
