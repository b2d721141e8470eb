package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap/double"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert"
)

// tapFlags are the flags of tap.
type tapFlags struct {
	runFlags
	proxyFlags
	answer, suite string
	named, never  []string
	least         int
}

func newTapCommand(io stdio) *cobra.Command {
	flags := &tapFlags{runFlags: runFlags{verb: "tap"}}
	cmd := &cobra.Command{
		Use:     "tap --listen ADDR --blue URL --green URL",
		GroupID: "judge",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.tap(cmd.Context(), io, typed(cmd)) },
	}
	f := cmd.Flags()
	flags.bindOnly(f, "blue", "green", "env", "var", "out", "run-id", "format", "no-color")
	flags.proxyFlags.bind(f)
	f.StringVar(&flags.answer, "answer", "blue", "`side` that answers the clients: blue or green")
	f.StringVar(&flags.suite, "suite", "", "scenario `file or folder` whose rules judge")
	f.StringArrayVar(&flags.named, "service", nil, "a further service as `name=BLUE,GREEN`; may be repeated")
	f.StringArrayVar(&flags.never, "never", nil, "`path` that is never asked twice; * is a segment, ** the rest")
	f.IntVar(&flags.least, "least", double.DefaultLeast, "how many compared pairs a pass needs")
	return cmd
}

// tap serves clients until a signal and ends with the verdict.
func (f *tapFlags) tap(ctx context.Context, io stdio, flagsTyped []string) error {
	side, err := f.check()
	if err != nil {
		return err
	}
	t := &tree.Tree{Files: double.Suite, Paths: []string{double.SuiteFile}}
	if f.suite != "" {
		if t, err = tree.Open([]string{f.suite}); err != nil {
			return err
		}
	}
	f.noLoad = true
	session, err := loadSession(io, &f.runFlags, t, flagsTyped, loading{})
	if err != nil {
		return err
	}
	if t.Root == "" && t.Stage != nil { // files that the env file names are next to it
		session.plan.World.Root = t.Stage.Root
	}
	if err := f.addressed(session.plan.Suites); err != nil {
		return err
	}
	services, err := f.services()
	if err != nil {
		return err
	}
	var never []double.Route
	for _, path := range f.never {
		never = append(never, double.Route{Path: path})
	}
	tapped, err := double.New(double.Options{
		Plan:      session.plan,
		Proxy:     f.proxyFlags.options(),
		Answering: side, Services: services, Never: never, Least: f.least, Secret: convert.Secret,
		Ready: func(address string) {
			fmt.Fprintf(io.out, "%s answers at %s; press Ctrl-C for the verdict\n", side, address)
		},
	})
	if err != nil {
		return failed(ctx, err)
	}
	defer tapped.Close()
	if err := session.openClusters(); err != nil {
		return failed(ctx, err)
	}
	return session.into(ctx, func(ctx context.Context, plan *runner.Plan, sink run.Sink, show func(runner.Progress)) (*run.End, error) {
		end, err := tapped.Walk(ctx, plan, sink, show)
		for _, line := range tapped.Lines() {
			fmt.Fprintln(io.out, text.Visible(line))
		}
		return end, err
	})
}

func (f *tapFlags) check() (scenarios.Side, error) {
	sides := map[string]scenarios.Side{"blue": scenarios.Blue, "green": scenarios.Green}
	if err := f.proxyFlags.check("tap"); err != nil {
		return 0, err
	}
	switch {
	case sides[f.answer] == 0:
		return 0, usage("--answer blue or --answer green", "unknown side %q", f.answer)
	case f.least < 1:
		return 0, usage("1 or more", "--least %d is out of bounds", f.least)
	}
	return sides[f.answer], f.checkValues()
}

// addressed checks that the files and flags name both sides, and puts the flags for
// certificates over what files say.
func (f *tapFlags) addressed(suites []*scenarios.Suite) error {
	for _, s := range suites {
		for _, side := range []*scenarios.SideConfig{&s.Blue, &s.Green} {
			if side.URL == "" {
				return usage("add --blue URL and --green URL, or --env FILE with sides:", "tap needs the URLs of both sides")
			}
			if f.ca != "" {
				ca, err := filepath.Abs(f.ca)
				if err != nil {
					return broken(err)
				}
				side.TLS.CA = ca
			}
			side.TLS.Insecure = side.TLS.Insecure || f.insecure
			for i := range side.Services {
				if tls := side.Services[i].TLS; tls != nil {
					over := *tls
					over.Insecure = over.Insecure || f.insecure
					side.Services[i].TLS = &over
				}
			}
		}
	}
	return nil
}

// services are those of --service.
func (f *tapFlags) services() ([]double.Service, error) {
	var out []double.Service
	for _, s := range f.named {
		name, both, _ := strings.Cut(s, "=")
		blue, green, ok := strings.Cut(both, ",")
		if !ok || name == "" || strings.ContainsAny(name, "/.?#% ") {
			return nil, usage("--service epg=https://epg.blue.example,https://epg.green.example", "--service %s is not name=BLUE,GREEN", s)
		}
		for _, address := range []string{blue, green} {
			if _, err := tapServices("--service", address, nil); err != nil {
				return nil, err
			}
		}
		out = append(out, double.Service{Name: name, Blue: blue, Green: green})
	}
	return out, nil
}
