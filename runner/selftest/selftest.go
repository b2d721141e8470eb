// Package selftest puts faults in front of green and says which of them the suites
// notice.
//
// In go suites, loaded anew for each run, and a function that runs one of them; out
// come the faults and, of each, the cases whose answers had it, those that no
// longer passed, and those that passed all the same. The faults themselves are
// those of fixtures/faultproxy, and every run goes through runner.Execute. The
// package prints what it found, but archives nothing and decides no exit status.
package selftest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/fixtures/faultproxy"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Choose returns the faults of these names, all of them if there are no names. Its
// error is a hint.Error.
func Choose(only []string) ([]faultproxy.Fault, error) {
	all := faultproxy.Faults()
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, hint.Errorf("one of "+strings.Join(names, ", "), "unknown fault %q", name)
		}
	}
	if len(only) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(f faultproxy.Fault) bool { return !slices.Contains(only, f.Name) }), nil
}

// Options say what is broken and how the suites are run.
type Options struct {
	Faults []faultproxy.Fault
	// Seed is that of the first run; each run has the next one, so that it does not
	// meet what an earlier run left behind.
	Seed uint64
	// NoLoad leaves out the faults that only load can show.
	NoLoad bool
	// AllowLoad and AllowWrites allow load, and steps with side effects, on a green
	// that is not on loopback. The env file may allow them as well.
	AllowLoad, AllowWrites bool
	// StaleAfter is the least age of the answers that stale-cache replays.
	StaleAfter time.Duration
	// Plan reads the suites anew, so that no run sees what another changed.
	Plan func(seed uint64) (*runner.Plan, error)
	// Execute runs a plan and archives nothing; visit takes each case as it ends.
	Execute func(ctx context.Context, plan *runner.Plan, visit func(*run.CaseResult)) (*run.End, []run.LoadResult, error)
	// Lock keeps other load off this host until unlock is called.
	Lock func(*runner.Plan) (unlock func(), err error)
	// Out takes the results, Log what an interrupted test could not delete.
	Out, Log io.Writer
}

// A Result sums the faults up.
type Result struct {
	Hits, Noticed int      // cases and load stages that met a fault; of those, the ones that no longer pass
	Faults, Found int      // faults that were tried; of those, the ones that something noticed
	Lost          []string // faults that nothing noticed
	Open          int      // created by steps and not deleted again
}

// A tester holds the proxies in front of green and what runs found.
type tester struct {
	Options
	proxies []*faultproxy.Proxy
	origins map[string]string // of green's services, to the proxy in front of each
	spared  map[string]bool   // method and path of setup and teardown
	runs    uint64

	learned time.Time // when the answers that stale-cache replays were there
	made    run.Created
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

// found reports whether a case or a load stage noticed the fault.
func (r *tried) found() bool { return r.noticed+r.stopped > 0 }

// Run finds the faults that the suites do not notice. Its rules:
//
//  1. The suites must pass without a fault: what fails by itself notices nothing.
//  2. Requests of setup, teardown and identity are spared, because a fault in them
//     would keep every case from running.
//  3. A case is asked only about faults that its own answers had.
//  4. A broken answer that the comparison takes for the true one is not counted, and one
//     that rules cover is listed apart: neither is a gap of the suite.
//  5. What compensated steps create is deleted again after each run; the proxy keeps the
//     true answer, so that a fault cannot hide the id.
//
// Run puts each fault in front of green in turn, runs the suites against it, and
// prints what noticed it. Its error is one of Plan, Lock or Execute, a hint.Error
// where green must not or cannot be reached through a proxy, or wraps
// runner.ErrStopped; suites that do not pass without a fault are an error too.
func Run(ctx context.Context, o Options) (*Result, error) {
	x := &tester{Options: o, origins: map[string]string{}, spared: map[string]bool{}}
	defer x.close()
	first, err := x.Plan(x.Seed)
	if err != nil {
		return nil, err
	}
	load := !x.NoLoad && slices.ContainsFunc(first.Suites, func(s *scenarios.Suite) bool { return len(s.Loads) > 0 })
	if err := x.proxiesFor(first, load); err != nil {
		return nil, err
	}
	if load {
		unlock, err := x.Lock(first)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	// Rule 1
	if err := x.baseline(ctx); err != nil {
		return nil, err
	}
	var results []*tried
	for _, fault := range x.Faults {
		if fault.Load && !load {
			fmt.Fprintf(x.Out, "%-18s not tried: only load can show it\n", fault.Name)
			continue
		}
		r, err := x.try(ctx, fault)
		if err != nil {
			return nil, err
		}
		printTried(x.Out, r)
		results = append(results, r)
	}
	return x.verdict(results)
}

// close stops the proxies.
func (x *tester) close() {
	for _, p := range x.proxies {
		p.Close()
	}
}

// proxiesFor starts a proxy for each address of green's services.
func (x *tester) proxiesFor(plan *runner.Plan, load bool) error {
	// Headers that the comparison leaves out, or that would keep the client from reading
	// the answer at all, are not worth breaking.
	untouched := append(diff.FramingHeaders(), diff.VolatileHeaders()...)
	untouched = append(untouched, "set-cookie", "content-encoding", "location")
	for _, suite := range plan.Suites {
		if err := mayProxy(suite, &x.Options, plan.Env, load); err != nil {
			return err
		}
		for _, origin := range greenOrigins(suite) {
			if x.origins[origin] != "" {
				continue
			}
			p, err := faultproxy.Start(faultproxy.Options{
				Upstream: origin, Seed: x.Seed, Untouched: untouched,
				Spared: func(method, path string) bool { return x.spared[method+" "+path] },
				Transport: &http.Transport{
					DisableCompression: true, MaxIdleConnsPerHost: 256,
					TLSClientConfig: &tls.Config{InsecureSkipVerify: suite.Green.TLS.Insecure}, //nolint:gosec // as the side's own file says
				},
			})
			if err != nil {
				return err
			}
			x.proxies = append(x.proxies, p)
			x.origins[origin] = p.URL
		}
	}
	return nil
}
