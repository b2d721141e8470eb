package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

func newRunCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:     "run PATH...",
		GroupID: "judge",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			config, err := readConfig(io.err)
			if err != nil {
				return err
			}
			if err := applyConfig(config, cmd.Flags(), flags); err != nil {
				return err
			}
			if len(args) == 0 && config != nil {
				args = config.Paths
			}
			if err := atLeastOnePath(cmd, args); err != nil {
				return err
			}
			if err := flags.checkValues(); err != nil {
				return err
			}
			t, err := tree.Open(args)
			if err != nil {
				return err
			}
			return judge(cmd.Context(), io, flags, t, typed(cmd))
		},
	}
	flags.bind(cmd.Flags())
	return watchable(io, cmd, flags)
}

func atLeastOnePath(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("see 'bgverify "+cmd.Name()+" --help'", "%s needs a scenario file or folder", cmd.Name())
	}
	return nil
}

// judge loads, runs, archives and reports, and ends with the verdict's status.
func judge(ctx context.Context, io stdio, flags *runFlags, t *tree.Tree, flagsTyped []string) error {
	session, err := newSession(io, flags, t, flagsTyped)
	if err != nil {
		return err
	}
	if err := tellProblems(io.err, runner.Unprovable(session.plan, flags.severity())); err != nil {
		return err
	}
	if flags.dryRun {
		return session.dryRun()
	}
	return session.execute(ctx)
}

// A dryDocument is what --dry-run prints with --output json: no verdict.
type dryDocument struct {
	Verdict  run.Verdict       `json:"verdict"`
	Requests []*runner.Preview `json:"requests"`
}

// dryRun prints the requests that a run would send and sends nothing. It writes
// no run folder and exits with the status of "too little evidence": it is not a verdict.
func (s *session) dryRun() error {
	redactor := newRedactor()
	out, flush := redacted(s.io, redactor)
	defer flush()
	doc := dryDocument{Verdict: run.Incomplete, Requests: []*runner.Preview{}}
	for p, err := range runner.DryRun(s.plan, redactor.Add) {
		switch {
		case err != nil:
			fmt.Fprintf(out.err, "bgverify: error: %v\n", err)
		case s.flags.output == "json":
			doc.Requests = append(doc.Requests, p)
		default:
			printPreview(out, p)
		}
	}
	if s.flags.output == "json" {
		if err := printJSON(out.out, doc); err != nil {
			return broken(fmt.Errorf("write the requests: %w", err))
		}
	} else {
		fmt.Fprintln(out.out, "dry run: nothing was sent, nothing was judged")
	}
	return exit(statusUnknown)
}

func printPreview(out stdio, p *runner.Preview) {
	fmt.Fprintf(out.out, "%s  %s  %s\n%s %s\n", p.Case, p.Step, p.Side, p.Method, p.URL)
	for _, h := range p.Headers {
		fmt.Fprintf(out.out, "%s: %s\n", h.Name, h.Value)
	}
	if p.Body != "" {
		fmt.Fprintf(out.out, "\n%s\n", strings.TrimRight(p.Body, "\n"))
	}
	fmt.Fprintln(out.out)
}
