package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/fixtures/faultproxy"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
)

func newSelftestCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	var only []string
	var staleAfter time.Duration
	var faults strings.Builder
	for _, f := range faultproxy.Faults() {
		fmt.Fprintf(&faults, "  %-18s %s\n", f.Name, f.Doc)
	}
	cmd := &cobra.Command{
		Use:     "selftest PATH...",
		GroupID: "write",
		Short:   "Put faults in front of green and see which of them the suites notice",
		Long: `Put a proxy in front of green that breaks its answers in one way at a time, run
the suites against each fault, and list the broken answers that no case
noticed. blue and green must pass without a fault.

The faults:
` + faults.String() + `
delay and errors are tried on the load stages, and left out where there are
none or with --no-load. Requests of setup, teardown and identity are spared: a
fault in them would keep every case from running. A case notices a fault when
it no longer passes; it is asked only about faults that its own answers had. A
broken answer that the comparison takes for the true one is not counted, and
one whose difference is all covered by rules is listed apart, with the rules.

Suites are run once for each fault. What steps with side_effects: compensated
create is taken back after each run, also where the fault hid its id: the proxy
keeps the true answer. What could not be taken back is listed, with the request
that would do it. What other steps with side effects change stays changed, once
for each fault, so a green that is not on loopback needs --allow-writes, and
--allow-load as well where load stages are run. Nothing is archived.

Exit status: 0 every fault that could be noticed was noticed by a case or load
stage, 1 one was noticed by none, 2 usage, 3 the suites do not pass without a
fault, 4 something could not be taken back. A fault that survives in one case
and is noticed in another is listed and does not fail the command.`,
		Example: `  bgverify selftest scenarios/stb --env env/dev.yaml --no-load
  bgverify selftest suite.yaml --env env/dev.yaml --fault drop-field`,
		Args: atLeastOnePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			chosen, err := chooseFaults(only)
			if err != nil {
				return err
			}
			t, err := openTree(args)
			if err != nil {
				return err
			}
			if staleAfter < 0 || staleAfter > time.Hour {
				return usage("0s to 1h", "--stale-after %s is out of bounds", staleAfter)
			}
			return selftest(cmd.Context(), io, &tester{flags: flags, tree: t, staleAfter: staleAfter}, chosen)
		},
	}
	flags.bindSending(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&flags.blue, "blue", "", "`URL` of the trusted side")
	f.StringVar(&flags.green, "green", "", "`URL` of the side that faults are put in front of")
	f.BoolVar(&flags.noLoad, "no-load", false, "leave out the faults that only load can show")
	f.DurationVar(&staleAfter, "stale-after", 10*time.Second, "least `age` of what stale-cache answers")
	f.StringArrayVar(&only, "fault", nil, "try only this `fault`; may be repeated")
	return cmd
}

func chooseFaults(only []string) ([]faultproxy.Fault, error) {
	all := faultproxy.Faults()
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, usage("one of "+strings.Join(names, ", "), "unknown fault %q", name)
		}
	}
	if len(only) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(f faultproxy.Fault) bool { return !slices.Contains(only, f.Name) }), nil
}

// A tester holds the proxies in front of green and what runs found.
type tester struct {
	io, out  stdio
	flags    *runFlags
	tree     *tree
	redactor *archive.Redactor
	seed     uint64
	proxies  []*faultproxy.Proxy
	origins  map[string]string // of green's services, to the proxy in front of each
	spared   map[string]bool   // method and path of setup and teardown
	runs     uint64

	staleAfter time.Duration
	learned    time.Time // when the answers that stale-cache replays were there
	made       runner.Created
}

// A tried is what one fault came to.
type tried struct {
	fault   faultproxy.Fault
	hits    int               // cases with a broken answer that could be noticed
	noticed int               // of those, the ones that no longer pass
	missed  map[string]string // case to what was done to its answer
	covered map[string]string // cases that pass since rules cover all that was done
	equal   int               // cases that pass since the comparison sees no change
	loads   int               // load stages that ran
	stopped int               // of those, the ones that do not pass
}

func (r *tried) found() bool { return r.noticed+r.stopped > 0 }

func selftest(ctx context.Context, io stdio, x *tester, faults []faultproxy.Fault) error {
	x.io, x.redactor, x.seed = io, newRedactor(), x.flags.seed
	x.origins, x.spared = map[string]string{}, map[string]bool{}
	out, flush := redacted(io, x.redactor)
	defer flush()
	x.out = out
	defer x.close()
	first, err := x.session()
	if err != nil {
		return err
	}
	loads := 0
	for _, suite := range first.plan.Suites {
		loads += len(suite.Loads)
	}
	if x.flags.noLoad {
		loads = 0
	}
	if err := x.proxiesFor(first.plan, loads > 0); err != nil {
		return err
	}
	if loads > 0 {
		unlock, err := lockLoad(first.plan, "selftest")
		if err != nil {
			return err
		}
		defer unlock()
	}
	if err := x.baseline(ctx); err != nil {
		return err
	}
	var results []*tried
	for _, fault := range faults {
		if fault.Load && loads == 0 {
			fmt.Fprintf(out.out, "%-18s not tried: only load can show it\n", fault.Name)
			continue
		}
		r, err := x.try(ctx, fault)
		if err != nil {
			return err
		}
		printTried(out, r)
		results = append(results, r)
	}
	return x.verdict(results)
}

func (x *tester) close() {
	for _, p := range x.proxies {
		p.Close()
	}
}

// session loads the suites anew, so that no run sees what another changed.
func (x *tester) session() (*session, error) {
	return loadSession(x.io, x.flags, x.tree, nil, loading{})
}

// proxiesFor starts a proxy for each address of green's services.
func (x *tester) proxiesFor(plan *runner.Plan, load bool) error {
	untouched := append(diff.FramingHeaders(), diff.VolatileHeaders()...)
	untouched = append(untouched, "set-cookie", "content-encoding", "location")
	for _, suite := range plan.Suites {
		hidePasswords(x.redactor.Add, suite)
		if err := mayProxy(suite, x.flags, plan.Env, load); err != nil {
			return err
		}
		for _, origin := range greenOrigins(suite) {
			if x.origins[origin] != "" {
				continue
			}
			p, err := faultproxy.Start(faultproxy.Options{
				Upstream: origin, Seed: x.seed, Untouched: untouched,
				Spared: func(method, path string) bool { return x.spared[method+" "+path] },
				Transport: &http.Transport{
					DisableCompression: true, MaxIdleConnsPerHost: 256,
					TLSClientConfig: &tls.Config{InsecureSkipVerify: suite.Green.TLS.Insecure}, //nolint:gosec // as the side's own file says
				},
			})
			if err != nil {
				return broken(err)
			}
			x.proxies = append(x.proxies, p)
			x.origins[origin] = p.URL
		}
	}
	return nil
}
