package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/fleet"
	"github.com/bgverify/bgverify/runner/parcel"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// workerFlags are the flags of worker, as typed.
type workerFlags struct {
	join, tokenFile    string
	fingerprint, creds string
	allow              []string
	within             time.Duration
}

func newWorkerCommand(io stdio) *cobra.Command {
	flags := &workerFlags{}
	cmd := &cobra.Command{
		Use:     "worker",
		GroupID: "judge",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.work(cmd.Context(), io) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.join, "join", "", "`URL` of the run's bus, as the run's join line shows it")
	f.StringVar(&flags.tokenFile, "token-file", "", "`file` of the join token, if the URL does not hold it")
	f.StringVar(&flags.fingerprint, "bus-fingerprint", "", "`SHA-256` of the bus's certificate, if no known authority signed it")
	f.StringVar(&flags.creds, "bus-creds", "", "`file` of NATS credentials, for a bus that existed before the run")
	f.StringArrayVar(&flags.allow, "allow-host", nil, "allow requests to a `host`, a pattern of hosts or a network; may be repeated")
	f.DurationVar(&flags.within, "join-within", 5*time.Minute, "how long to wait for the run")
	return cmd
}

// work checks the flags and joins.
func (f *workerFlags) work(ctx context.Context, io stdio) error {
	if f.join == "" {
		return usage("the run prints the line that joins it", "worker needs --join")
	}
	if f.within <= 0 {
		return usage("5m", "--join-within must be above 0")
	}
	address, inline, err := fleet.ParseJoin(f.join)
	if err != nil {
		return failed(ctx, err)
	}
	address.Fingerprint, address.Creds = f.fingerprint, f.creds
	token, err := f.token(inline)
	if err != nil {
		return failed(ctx, err)
	}
	if !address.Loopback() && len(f.allow) == 0 {
		return usage("--allow-host '*.green.example'", "a worker of a run on another machine needs --allow-host: where it may send")
	}
	guard, err := wire.NewGuard(f.allow)
	if err != nil {
		return usage("a host name, an address, a pattern of them or a network", "--allow-host: %w", err)
	}
	err = fleet.Work(ctx, fleet.WorkerOptions{
		Join: address, Token: token, Tool: toolVersion(), Within: f.within,
		Load: func(plan []byte) (fleet.Site, error) {
			p := &parcel.Parcel{}
			if err := json.Unmarshal(plan, p); err != nil {
				return nil, fmt.Errorf("read the plan: %w", err)
			}
			return p.Open(guard)
		},
		Say: func(line string) { fmt.Fprintf(io.err, "worker: %s\n", text.Visible(line)) },
	})
	if n := stopSignal(ctx); n != 0 && err != nil {
		return exit(run.Interrupted.ExitStatus(n))
	}
	return failed(ctx, err)
}

// token is the token of the join line or of the file.
func (f *workerFlags) token(inline string) (fleet.Token, error) {
	switch {
	case inline != "" && f.tokenFile != "":
		return fleet.Token{}, usage("leave one of them out", "the join URL holds a token and --token-file names another")
	case inline != "":
		return fleet.ParseToken(inline)
	case f.tokenFile == "":
		return fleet.Token{}, usage("--token-file FILE", "worker needs the join token")
	}
	return fleet.ReadToken(f.tokenFile)
}
