package main

import (
	"context"
	"fmt"
	goio "io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// readyFlags are what ready and alike are asked.
type readyFlags struct {
	env, output, revision string
	timeout               time.Duration
	suspended             bool
	noProgress, noColor   bool
}

func newReadyCommand(io stdio) *cobra.Command {
	flags := &readyFlags{}
	cmd := &cobra.Command{
		Use:     "ready --env FILE",
		GroupID: "judge",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.ready(cmd.Context(), io, cmd) },
	}
	f := cmd.Flags()
	flags.bind(cmd)
	f.StringVar(&flags.revision, "revision", "", "`commit` that every application must be at")
	f.DurationVar(&flags.timeout, "timeout", 0, "give up after this long (default the env file's, else 20m)")
	f.BoolVar(&flags.suspended, "suspended", false, "accept applications that are Suspended")
	f.BoolVar(&flags.noProgress, "no-progress", false, "print no progress on standard error")
	return cmd
}

func (f *readyFlags) bind(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.env, "env", "", "env `file` of the stage, or its name in bgverify.yaml")
	set.StringVarP(&f.output, "output", "o", "text", "`format`: text or json")
	set.BoolVar(&f.noColor, "no-color", false, "disable colour even on a terminal")
}

// clusters opens the clusters of the env file; ask completes what the file says by flags
// and reports what it lacks.
func (f *readyFlags) clusters(io stdio, ask func(*stage.Clusters) error) (*cluster.Clusters, error) {
	if err := checkOutput(f.output); err != nil {
		return nil, err
	}
	config, err := readConfig(io.err)
	if err != nil {
		return nil, err
	}
	_, f.env = config.Stage(f.env)
	if f.env == "" {
		return nil, usage("--env env/verification.yaml", "no env file: clusters are named there")
	}
	env, err := loadEnv(io.err, f.env, loadOptions())
	if err != nil {
		return nil, err
	}
	if env.Clusters == nil {
		return nil, usage("add clusters: {green: {context: …}, …}; docs/clusters.md shows how", "%s names no clusters", f.env)
	}
	if err := ask(env.Clusters); err != nil {
		return nil, err
	}
	return cluster.Open(env.Clusters)
}

// ready waits and prints what it found.
func (f *readyFlags) ready(ctx context.Context, io stdio, cmd *cobra.Command) error {
	c, err := f.clusters(io, func(c *stage.Clusters) error {
		r := c.Ready
		if r == nil {
			return usage("add ready: {workloads: {namespaces: […]}}", "%s: clusters says nothing about ready", f.env)
		}
		if cmd.Flags().Changed("timeout") {
			if f.timeout <= 0 {
				return usage("--timeout 20m", "--timeout %s waits for nothing", f.timeout)
			}
			r.Timeout = f.timeout
		}
		if r.Applications == nil && (f.revision != "" || f.suspended) {
			return usage("add applications: to ready", "--revision and --suspended are about applications, and %s names none", f.env)
		}
		if r.Applications != nil {
			r.Applications.Suspended = r.Applications.Suspended || f.suspended
			if f.revision != "" {
				r.Applications.Revision = f.revision
			}
		}
		return nil
	})
	if err != nil {
		return failed(ctx, err)
	}
	progress := newReadyProgress(io, f.noProgress)
	state := c.Ready(ctx, progress.show)
	progress.close()
	err = io.print(f.output, state, func(w goio.Writer) error { return report.WriteReady(w, state, textOptions(io.out, f.noColor)) })
	if err != nil {
		return err
	}
	return exit(state.Verdict.ExitStatus(stopSignal(ctx)))
}

// A readyProgress prints how far a wait is: in place on a terminal, else a line every ten
// seconds and whenever the counts change.
type readyProgress struct {
	p    *progress
	mu   sync.Mutex
	last string
}

func newReadyProgress(io stdio, silent bool) *readyProgress {
	return &readyProgress{p: newProgress(io.err, io.err, &runFlags{noProgress: silent})}
}

func (r *readyProgress) show(state *run.Ready) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := fmt.Sprint(state.Kinds, state.Verdict)
	r.p.line(report.ReadyLine(state), counts != r.last)
	r.last = counts
}

func (r *readyProgress) close() { r.p.close() }
