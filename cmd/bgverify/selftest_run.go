package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/fixtures/faultproxy"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// greenOrigins are the addresses of a suite's green services, each once.
func greenOrigins(suite *scenarios.Suite) []string {
	urls := []string{suite.Green.URL}
	for _, service := range suite.Green.Services {
		urls = append(urls, service.URL)
	}
	var origins []string
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Host != "" && !slices.Contains(origins, u.Scheme+"://"+u.Host) {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return origins
}

// mayProxy refuses what a proxy on loopback would change: how green is reached,
// and what is allowed there.
func mayProxy(suite *scenarios.Suite, flags *runFlags, env *scenarios.Env, load bool) error {
	c := &suite.Green
	if c.Resolve != "" || c.Proxy != "" || c.TLS.CA != "" || c.TLS.Cert != "" || c.TLS.ServerName != "" {
		return usage("point --green at an address that needs none of them", "%s: green is reached through resolve, proxy or tls settings, which selftest does not carry over", suite.Name)
	}
	writes := flags.allowWrites || env != nil && env.Limits.Writes
	load = load && !flags.allowLoad && (env == nil || !env.Limits.Load)
	for _, origin := range greenOrigins(suite) {
		u, _ := url.Parse(origin) // made by greenOrigins
		ip := net.ParseIP(u.Hostname())
		if local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); !local && !writes {
			return usage("--allow-writes allows it, or limits: {writes: allow} of the env file", "green at %s is not on loopback: selftest runs the suites once for each fault", u.Host)
		} else if !local && load {
			return usage("--allow-load or --no-load", "green at %s is not on loopback: selftest runs the load stages as well", u.Host)
		}
	}
	return nil
}

// behindProxies moves green's services of a plan behind the proxies.
func (x *tester) behindProxies(plan *runner.Plan, identity bool) {
	move := func(text string) string {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return text
		}
		if to := x.origins[u.Scheme+"://"+u.Host]; to != "" {
			return to + strings.TrimPrefix(text, u.Scheme+"://"+u.Host)
		}
		return text
	}
	done := map[*scenarios.Suite]bool{}
	suite := func(s *scenarios.Suite) {
		if s == nil || done[s] {
			return
		}
		done[s] = true
		s.Green.URL = move(s.Green.URL)
		s.Green.Services = slices.Clone(s.Green.Services)
		for i := range s.Green.Services {
			s.Green.Services[i].URL = move(s.Green.Services[i].URL)
		}
		if !identity {
			s.Identity = nil
		}
	}
	for _, s := range plan.Suites {
		suite(s)
		for _, load := range s.Loads {
			for _, step := range load.Steps {
				suite(step.Home)
			}
		}
	}
	if plan.Env != nil {
		env := *plan.Env
		env.Require = nil
		plan.Env = &env
	}
}

// run walks the suites once through the proxies.
func (x *tester) run(ctx context.Context, part runner.Part, identity bool, visit func(*runner.CaseResult)) (*runner.End, []runner.LoadResult, error) {
	x.flags.seed = x.seed + x.runs // what a run leaves behind is not met by the next
	x.runs++
	s, err := x.session()
	if err != nil {
		return nil, nil, err
	}
	x.behindProxies(s.plan, identity)
	o := &s.plan.Options
	o.Part, o.MaxMutants, o.SecondShare = part, -1, -1
	if !identity {
		s.plan.World.Tampered = x.tampered
	}
	sink := &roundSink{redactor: x.redactor, visit: visit}
	progress := newProgress(x.out.err, x.io.err, x.flags)
	end, err := runner.Execute(ctx, s.plan, sink, progress.show)
	progress.close()
	if err != nil {
		return nil, nil, broken(err)
	}
	x.made.Add(end.Created)
	if ctx.Err() != nil || end.Verdict == runner.Interrupted {
		printLeft(x.out.err, &x.made)
		return nil, nil, &statusError{status: runner.Interrupted.ExitStatus(stopSignal(ctx)), err: errors.New("stopped; the faults that were tried are listed above")}
	}
	return end, sink.loads, nil
}

// tampered asks the proxies what was done to an answer.
func (x *tester) tampered(e *wire.Exchange) *runner.Tampered {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil
	}
	for _, p := range x.proxies {
		if p.URL != u.Scheme+"://"+u.Host {
			continue
		}
		if c, ok := p.Take(e.TraceID(), e.Method, u.RequestURI()); ok {
			was := *e
			was.Status, was.Headers = c.True.Status, nil
			for _, name := range slices.Sorted(maps.Keys(c.True.Header)) {
				for _, value := range c.True.Header[name] {
					was.Headers = append(was.Headers, wire.Field{Name: name, Value: value})
				}
			}
			if c.True.Body != nil {
				was.Answer = c.True.Body
			}
			return &runner.Tampered{What: c.What, True: &was}
		}
	}
	return nil
}

// baseline must pass: what fails by itself cannot notice anything. It learns
// which requests are spared and what stale-cache replays.
func (x *tester) baseline(ctx context.Context) error {
	for _, p := range x.proxies {
		p.Learn()
	}
	spared := map[string]bool{}
	end, _, err := x.run(ctx, runner.OnlyCompare, true, func(c *runner.CaseResult) {
		for i := range c.Steps {
			if g := c.Steps[i].Green; c.Kind != "" && g != nil {
				if u, err := url.Parse(g.URL); err == nil {
					spared[g.Method+" "+u.Path] = true
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if end.Verdict != runner.Pass {
		return broken(fmt.Errorf("the suites do not pass without a fault (%s): %s", end.Verdict, plainText(strings.Join(end.Reasons[:min(3, len(end.Reasons))], "; "))))
	}
	for _, p := range x.proxies {
		p.Break("")
	}
	x.spared, x.learned = spared, time.Now()
	fmt.Fprintf(x.out.out, "without a fault: %s pass\n", count(end.Counts.Pass, "case"))
	return nil
}

// try runs the suites against one fault.
func (x *tester) try(ctx context.Context, fault faultproxy.Fault) (*tried, error) {
	r := &tried{fault: fault, missed: map[string]string{}, covered: map[string]string{}}
	if fault.Name == "stale-cache" {
		select {
		case <-time.After(time.Until(x.learned.Add(x.staleAfter))):
		case <-ctx.Done():
		}
	}
	for _, p := range x.proxies {
		p.Break(fault.Name)
	}
	defer func() {
		for _, p := range x.proxies {
			p.Break("")
		}
	}()
	part := runner.OnlyCompare
	if fault.Load {
		part = runner.OnlyLoad
	}
	var cases []*runner.CaseResult
	_, loads, err := x.run(ctx, part, false, func(c *runner.CaseResult) {
		if c.Kind == "" {
			cases = append(cases, c)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range loads {
		if l := &loads[i]; l.Verdict != runner.Skip {
			r.loads++
			if l.Verdict == runner.Fail {
				r.stopped++
			}
		}
	}
	if fault.Load {
		return r, nil
	}
	for _, c := range cases {
		r.count(c)
	}
	return r, nil
}

// count books a case whose answers were broken. One that passes although its
// answers were is asked what the comparison could have seen: the gravest of its
// answers decides.
func (r *tried) count(c *runner.CaseResult) {
	var missed, covered string
	any := false
	for i := range c.Steps {
		for _, f := range c.Steps[i].Planted {
			any = true
			switch {
			case f.Invisible:
			case len(f.Rules) > 0 && covered == "":
				covered = f.What + ", under " + strings.Join(f.Rules, ", ")
			case len(f.Rules) == 0 && missed == "":
				missed = f.What
			}
		}
	}
	switch {
	case !any:
	case c.Verdict != runner.Pass:
		r.hits++
		r.noticed++
	case missed != "":
		r.hits++
		r.missed[c.ID] = missed
	case covered != "":
		r.covered[c.ID] = covered
	default:
		r.equal++
	}
}

func printTried(out stdio, r *tried) {
	switch {
	case r.fault.Load && r.loads == 0:
		fmt.Fprintf(out.out, "%-18s not tried: no load stage was run\n", r.fault.Name)
	case r.fault.Load:
		fmt.Fprintf(out.out, "%-18s noticed by %d of %s\n", r.fault.Name, r.stopped, count(r.loads, "load stage"))
	case r.hits == 0 && len(r.covered) > 0:
		fmt.Fprintf(out.out, "%-18s not tried: what it changes is under rules\n", r.fault.Name)
	case r.hits == 0 && r.equal > 0:
		fmt.Fprintf(out.out, "%-18s not tried: the comparison takes what it changes for equal\n", r.fault.Name)
	case r.hits == 0:
		fmt.Fprintf(out.out, "%-18s not tried: no answer of a case has anything that it could change\n", r.fault.Name)
	default:
		fmt.Fprintf(out.out, "%-18s noticed by %d of %s whose answers had it\n", r.fault.Name, r.noticed, count(r.hits, "case"))
	}
	for _, id := range slices.Sorted(maps.Keys(r.missed)) {
		fmt.Fprintf(out.out, "  survived in %s: %s\n", plainText(id), plainText(r.missed[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(r.covered)) {
		fmt.Fprintf(out.out, "  covered by rules in %s: %s\n", plainText(id), plainText(r.covered[id]))
	}
}

// verdict sums the faults up and gives the exit status.
func (x *tester) verdict(results []*tried) error {
	var hits, noticed, faults, found int
	var lost []string
	for _, r := range results {
		if r.hits+r.loads == 0 {
			continue
		}
		faults++
		hits, noticed = hits+r.hits+r.loads, noticed+r.noticed+r.stopped
		if r.found() {
			found++
		} else {
			lost = append(lost, r.fault.Name)
		}
	}
	printLeft(x.out.out, &x.made)
	if faults == 0 {
		return broken(errors.New("no fault could be tried"))
	}
	status := statusOK
	if x.made.Open() > 0 {
		status = statusUnknown
	}
	if len(lost) > 0 {
		status = statusDifferent
		fmt.Fprintf(x.out.out, "noticed by nothing: %s\n", strings.Join(lost, ", "))
	}
	fmt.Fprintf(x.out.out, "bgverify: selftest exit=%d faults=%d/%d kills=%d/%d rate=%.1f%%\n", status, found, faults, noticed, hits, 100*float64(noticed)/float64(hits))
	return exit(status)
}
