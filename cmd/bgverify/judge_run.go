package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/attack"
)

// A judgedStage is a load stage of an archived run, judged again.
type judgedStage struct {
	Name    string         `json:"name"`
	Verdict runner.Verdict `json:"verdict"`
	Was     runner.Verdict `json:"was"`                      // in the run
	Reason  string         `json:"reason"`                   // what the records alone do not say
	Beyond  []string       `json:"beyond_records,omitempty"` // findings of the run that its records do not show
	Judged  *judgeDocument `json:"judged,omitempty"`
	report  *attack.Report
}

// judgeRun judges the records of a run's load stages again.
func judgeRun(io stdio, set *pflag.FlagSet, flags *judgeFlags, name string) error {
	for _, flag := range []string{"blue", "green", "warm-up", "expect", "same-host", "any-size"} {
		if set.Changed(flag) {
			return usage("leave it out", "--%s is for result files of vegeta; a run says it itself", flag)
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
	verdict, stages := runner.Verdict(0), []judgedStage{}
	for i := range run.Loads {
		stage, err := judgeStage(folder, run, &run.Loads[i], margins)
		if err != nil {
			return broken(err)
		}
		verdict = verdict.Worse(stage.Verdict)
		stages = append(stages, *stage)
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

// judgeStage judges a stage again. What ended without a verdict from its records
// stays as it was.
func judgeStage(folder *archive.Folder, run *runner.Run, l *runner.LoadResult, margins func(perf.Margins) perf.Margins) (*judgedStage, error) {
	s := &judgedStage{Name: l.Name, Verdict: l.Verdict, Was: l.Verdict, Reason: l.Reason}
	if l.Suite >= 0 && l.Suite < len(run.Header.Suites) {
		s.Name = run.Header.Suites[l.Suite].Name + "/" + l.Name
	}
	switch l.Verdict {
	case runner.Pass, runner.Fail, runner.Inconclusive:
	default:
		return s, nil
	}
	if !filepath.IsLocal(l.Records) {
		return nil, fmt.Errorf("load %s: %q names no records", s.Name, l.Records)
	}
	file, err := os.Open(filepath.Join(folder.Path(), filepath.FromSlash(l.Records)))
	if errors.Is(err, fs.ErrNotExist) && run.Header.Parent != "" {
		return nil, fmt.Errorf("the records of load %s lie in the run that this one judged again: bgverify judge %s", s.Name, run.Header.Parent)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", s.Name, err)
	}
	defer file.Close()
	if s.report, err = attack.Rejudge(file, margins); err != nil {
		return nil, fmt.Errorf("load %s: %s: %w", s.Name, l.Records, err)
	}
	d := document(s.report)
	s.Judged, s.Verdict, s.Reason = &d, outcomeVerdict(s.report.Outcome).Worse(l.Beyond()), ""
	for _, f := range l.Findings { // what answers and connections showed is not in the records, and stays
		s.Beyond = append(s.Beyond, f.String())
	}
	switch {
	case margins == nil && s.Verdict != s.Was:
		s.Reason = fmt.Sprintf("the records say %s, the run says %s", s.Verdict, s.Was)
		s.Verdict = runner.Broken
	case margins != nil && s.Verdict == runner.Inconclusive && s.Was != runner.Inconclusive:
		s.Reason = "the load ended when it was decided by its own margins: others may need more than was measured"
	}
	return s, nil
}

func writeStages(io stdio, output, folder string, verdict runner.Verdict, status int, stages []judgedStage) error {
	if output == "json" {
		return printJSON(io.out, struct {
			Run     string         `json:"run"`
			Verdict runner.Verdict `json:"verdict"`
			Stages  []judgedStage  `json:"stages"`
		}{folder, verdict, stages})
	}
	var b strings.Builder
	for _, s := range stages {
		fmt.Fprintf(&b, "%s: %s, the run said %s\n", plainText(s.Name), s.Verdict, s.Was)
		if s.report != nil {
			writeJudged(&b, s.report)
			fmt.Fprintln(&b, measured(s.report))
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
