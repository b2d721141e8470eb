package main

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/runner"
)

// A dryDocument is what --dry-run prints with --output json: no verdict.
type dryDocument struct {
	Verdict  runner.Verdict    `json:"verdict"`
	Requests []*runner.Preview `json:"requests"`
}

// dryRun prints the requests that a run would send and sends nothing. It writes
// no run folder and ends with the status of "too little evidence": it is no verdict.
func (s *session) dryRun() error {
	redactor := newRedactor()
	out, flush := redacted(s.io, redactor)
	defer flush()
	doc := dryDocument{Verdict: runner.Incomplete, Requests: []*runner.Preview{}}
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
