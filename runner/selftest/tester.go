package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/fixtures/faultproxy"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
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
		if u, err := url.Parse(text); err == nil && u.Host != "" && !slices.Contains(origins, originOf(u)) {
			origins = append(origins, originOf(u))
		}
	}
	return origins
}

// originOf is the scheme and authority of an address.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// mayProxy refuses what a proxy on loopback would change: how green is reached,
// and what is allowed there.
func mayProxy(suite *scenarios.Suite, o *Options, env *scenarios.Env, load bool) error {
	c := &suite.Green
	if c.Resolve != "" || c.Proxy != "" || c.TLS.CA != "" || c.TLS.Cert != "" || c.TLS.ServerName != "" {
		return hint.Errorf("point --green at an address that needs none of them",
			"%s: green is reached through resolve, proxy or tls settings, which selftest does not carry over", suite.Name)
	}
	// Off loopback the suites run many times on somebody's servers.
	writes := o.AllowWrites || env != nil && env.Limits.Writes
	load = load && !o.AllowLoad && (env == nil || !env.Limits.Load)
	for _, origin := range greenOrigins(suite) {
		u, _ := url.Parse(origin) // made by greenOrigins
		ip := net.ParseIP(u.Hostname())
		if local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); !local && !writes {
			return hint.Errorf("--allow-writes allows it, or limits: {writes: allow} of the env file",
				"green at %s is not on loopback: selftest runs the suites once for each fault", u.Host)
		} else if !local && load {
			return hint.Errorf("--allow-load or --no-load", "green at %s is not on loopback: selftest runs the load stages as well", u.Host)
		}
	}
	return nil
}

// behindProxies moves green's services of a plan behind the proxies.
func (x *tester) behindProxies(plan *runner.Plan, identity bool) {
	move := func(text string) string {
		if u, err := url.Parse(text); err == nil && x.origins[originOf(u)] != "" {
			return x.origins[originOf(u)] + strings.TrimPrefix(text, originOf(u))
		}
		return text
	}
	// A suite may be the home of a load step of another one: each is moved once.
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
		env := *plan.Env                                                                // shared with other runs
		env.Clusters, env.Prometheus, env.Shares = nil, nil, scenarios.RequiredShares{} // asked by the run itself
		// one part runs at a time, so that the stage could never be satisfied
		env.Require = nil
		plan.Env = &env
	}
}

// run walks the suites once through the proxies.
func (x *tester) run(
	ctx context.Context, part runner.Part, identity bool, visit func(*run.CaseResult),
) (*run.End, []run.LoadResult, error) {
	plan, err := x.Plan(x.Seed + x.runs) // what a run leaves behind is not met by the next
	if err != nil {
		return nil, nil, err
	}
	x.runs++
	x.behindProxies(plan, identity)
	o := &plan.Options
	o.Part, o.MaxMutants = part, -1
	if !identity {
		plan.World.Tampered = x.tampered
	}
	end, loads, err := x.Execute(ctx, plan, visit)
	if err != nil {
		return nil, nil, err
	}
	x.made.Add(end.Created)
	if ctx.Err() != nil || end.Verdict == run.Interrupted {
		x.made.Report(x.Log)
		return nil, nil, fmt.Errorf("%w; the faults that were tried are listed above", runner.ErrStopped)
	}
	return end, loads, nil
}

// tampered asks the proxies what was done to an answer.
func (x *tester) tampered(e *wire.Exchange) *runner.Tampered {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(x.proxies, func(p *faultproxy.Proxy) bool { return p.URL == originOf(u) })
	if i < 0 {
		return nil
	}
	// The proxy keeps the true answer, so that it can be asked what the comparison saw.
	c, ok := x.proxies[i].Take(e.TraceID(), e.Method, u.RequestURI())
	if !ok {
		return nil
	}
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

// baseline must pass: what fails by itself cannot notice anything. It learns
// which requests are spared and what stale-cache replays.
func (x *tester) baseline(ctx context.Context) error {
	for _, p := range x.proxies {
		p.Learn()
	}
	spared := map[string]bool{}
	end, _, err := x.run(ctx, runner.OnlyCompare, true, func(c *run.CaseResult) {
		for i := range c.Steps {
			g := c.Steps[i].Green
			if c.Kind == "" || g == nil {
				continue
			}
			if u, err := url.Parse(g.URL); err == nil {
				spared[g.Method+" "+u.Path] = true
			}
		}
	})
	if err != nil {
		return err
	}
	if end.Verdict != run.Pass {
		var reasons strings.Builder
		for _, reason := range end.Reasons[:min(3, len(end.Reasons))] {
			reasons.WriteString("\n- " + text.Visible(text.Cut(reason, 200)))
		}
		return fmt.Errorf("the suites do not pass without a fault (%s): bgverify run shows why, bgverify calibrate proposes rules%s",
			end.Verdict, &reasons)
	}
	x.breakAll("")
	x.spared, x.learned = spared, time.Now()
	fmt.Fprintf(x.Out, "without a fault: %s pass\n", text.Count(end.Counts.Pass, "case"))
	return nil
}

// breakAll gives all proxies one fault; "" is none.
func (x *tester) breakAll(fault string) {
	for _, p := range x.proxies {
		p.Break(fault)
	}
}

// try runs the suites against one fault.
func (x *tester) try(ctx context.Context, fault faultproxy.Fault) (*tried, error) {
	r := &tried{fault: fault, missed: map[string]string{}, covered: map[string]string{}}
	// Answers that are too young would be equal to the true ones.
	if fault.Name == "stale-cache" {
		select {
		case <-time.After(time.Until(x.learned.Add(x.StaleAfter))):
		case <-ctx.Done():
		}
	}
	// All proxies have the same fault, and none when the run is over.
	x.breakAll(fault.Name)
	defer x.breakAll("")
	part := runner.OnlyCompare
	if fault.Load {
		part = runner.OnlyLoad
	}
	var cases []*run.CaseResult
	_, loads, err := x.run(ctx, part, false, func(c *run.CaseResult) {
		if c.Kind == "" {
			cases = append(cases, c)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range loads {
		if l := &loads[i]; l.Verdict != run.Skip {
			r.loads++
			if l.Verdict == run.Fail {
				r.stopped++
			}
		}
	}
	// Of a fault that only load shows, cases say nothing.
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
func (r *tried) count(c *run.CaseResult) {
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
	// Rules 3 and 4
	switch {
	case !any:
	case c.Verdict != run.Pass:
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

// printTried prints what a fault came to, and the cases that did not notice it.
func printTried(out io.Writer, r *tried) {
	came := fmt.Sprintf("noticed by %d of %s whose answers had it", r.noticed, text.Count(r.hits, "case"))
	switch {
	case r.fault.Load && r.loads == 0:
		came = "not tried: no load stage was run"
	case r.fault.Load:
		came = fmt.Sprintf("noticed by %d of %s", r.stopped, text.Count(r.loads, "load stage"))
	case r.hits == 0 && len(r.covered) > 0:
		came = "not tried: what it changes is under rules"
	case r.hits == 0 && r.equal > 0:
		came = "not tried: the comparison takes what it changes for equal"
	case r.hits == 0:
		came = "not tried: no answer of a case has anything that it could change"
	}
	fmt.Fprintf(out, "%-18s %s\n", r.fault.Name, came)
	for _, id := range slices.Sorted(maps.Keys(r.missed)) {
		fmt.Fprintf(out, "  survived in %s: %s\n", text.Visible(id), text.Visible(r.missed[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(r.covered)) {
		fmt.Fprintf(out, "  covered by rules in %s: %s\n", text.Visible(id), text.Visible(r.covered[id]))
	}
}

// verdict sums the faults up and prints those that nothing noticed.
func (x *tester) verdict(results []*tried) (*Result, error) {
	sum := &Result{Open: x.made.Open()}
	for _, r := range results {
		if r.hits+r.loads == 0 {
			continue
		}
		sum.Faults++
		sum.Hits, sum.Noticed = sum.Hits+r.hits+r.loads, sum.Noticed+r.noticed+r.stopped
		if r.found() {
			sum.Found++
		} else {
			sum.Lost = append(sum.Lost, r.fault.Name)
		}
	}
	x.made.Report(x.Out)
	if sum.Faults == 0 {
		return nil, errors.New("no fault could be tried")
	}
	if len(sum.Lost) > 0 {
		fmt.Fprintf(x.Out, "noticed by nothing: %s\n", strings.Join(sum.Lost, ", "))
	}
	return sum, nil
}
