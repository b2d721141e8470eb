package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/probe"
	"github.com/bgverify/bgverify/scenarios"
)

func newProbeCommand(io stdio) *cobra.Command {
	p := &probe.Alone{}
	cmd := &cobra.Command{
		Use:     "probe URL...",
		GroupID: "judge",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("bgverify probe https://api.example.com/version", "probe needs a URL")
			}
			for _, u := range args {
				if fault := scenarios.URLFault(u); fault != "" {
					return usage("https://api.example.com/version", "%s: %s", u, fault)
				}
			}
			if p.Every <= 0 || p.Rounds < 1 || p.Budget < 0 {
				return usage("a time such as 500ms, a count from 1, a budget from 0", "--every, --count or --budget is out of bounds")
			}
			p.URLs, p.Tell = args, io.out
			if width(io.err) > 0 {
				fmt.Fprintf(io.err, "asking %s in %s, one every %s; press Ctrl-C to end\n", text.Count(len(args), "URL"), text.Count(p.Rounds, "round"), p.Every)
			}
			verdict, err := p.Run(cmd.Context())
			if err != nil {
				return broken(err)
			}
			status := verdict.ExitStatus(stopSignal(cmd.Context()))
			fmt.Fprintf(io.out, "bgverify: probe verdict=%s exit=%d\n", verdict, status)
			return exit(status)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&p.Every, "every", 500*time.Millisecond, "time between two rounds")
	f.IntVar(&p.Rounds, "count", 60, "how many rounds to send")
	f.IntVar(&p.Budget, "budget", 0, "how many answers may fail")
	f.StringVar(&p.Header, "identity-header", "", "response header that says who answered (default the address)")
	f.StringVar(&p.CA, "ca", "", "PEM `file` of accepted certificate authorities")
	f.BoolVar(&p.Insecure, "insecure", false, "accept any certificate of a server")
	return cmd
}
