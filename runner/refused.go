package runner

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// A Refusal is load, or a step with side effects, that the suites hold and that the
// stage does not allow where the sides are.
type Refusal struct {
	// What is load or writes.
	What run.Aspect
	// Pos is the place in the file.
	Pos scenarios.Pos
	// Name is that of the load stage, or of the case.
	Name string
	// Why and Do are the reason and the way out where it is not the place of the sides; else
	// empty.
	Why, Do string
}

// String says what is not allowed, and why.
func (r Refusal) String() string {
	if r.Why != "" {
		return fmt.Sprintf("load %q is not allowed: %s", r.Name, r.Why)
	}
	if r.What == run.AspectLoad {
		return fmt.Sprintf("load %q is not allowed: the sides are not on loopback", r.Name)
	}
	return fmt.Sprintf("case %q leaves something behind, which is not allowed: the sides are not on loopback", r.Name)
}

// Hint names the lines that settle it.
func (r Refusal) Hint() string {
	if r.Do != "" {
		return r.Do + "; or leave load out by the env file's require: [compare], or for this run by --no-load"
	}
	hint := fmt.Sprintf("allow it in the env file, limits: {%[1]s: allow}, or by --allow-%[1]s; "+
		"or leave it out by the env file's require: [compare]", r.What)
	if r.What == run.AspectLoad {
		hint += ", or for this run by --no-load"
	}
	return hint
}

// Refused lists the load stages and cases of a plan that the stage does not allow,
// sorted by place. Addresses are resolved and nothing is sent. An aspect that the
// stage's require list leaves out is not refused: the run leaves it out, and says
// so. A host that cannot be resolved is for preflight to report.
func Refused(ctx context.Context, plan *Plan) []Refusal {
	e := newExecution(plan, secretsOnly(func(string, string) {}), nil)
	defer e.pool.Close()
	if e.ready() != nil {
		return nil // the run reports it, and sends nothing
	}
	e.locate(ctx)
	var out []Refusal
	// A place in the file is refused once, however many cases go through it.
	refuse := func(r Refusal) {
		if !verdict.LeavesOut(plan.Env, r.What) && !slices.ContainsFunc(out, func(o Refusal) bool { return o.Pos == r.Pos }) {
			out = append(out, r)
		}
	}
	for _, s := range e.suites {
		for _, l := range s.suite.Loads {
			if r, refused := s.refusesLoad(l); refused && plan.Options.Part != OnlyCompare {
				refuse(r)
			}
		}
		for _, c := range s.suite.Cases {
			if c.Skip == "" && plan.Options.Part != OnlyLoad {
				s.refuseWrites(c, refuse)
			}
		}
	}
	slices.SortFunc(out, func(a, b Refusal) int { return verdict.CompareOrigins(a.Pos.String(), b.Pos.String()) })
	return out
}

// refuseWrites refuses the steps of a case that may not be sent, and those of its suite's setup
// and teardown: it cannot be walked without them.
func (s *suiteRun) refuseWrites(c *scenarios.Case, refuse func(Refusal)) {
	for _, step := range slices.Concat(s.suite.Setup, c.Steps, c.Cleanup, s.suite.Teardown) {
		if step.HasEffects() && step.SideEffects != scenarios.Unreviewed && !s.mayWrite(step) {
			refuse(Refusal{What: run.AspectWrites, Pos: step.Pos, Name: c.ID})
		}
	}
}

// refusesLoad says whether a stage may not be sent, for one of three reasons: a side
// carries customers' traffic, the users of a closed loop may send more than the cap of the
// env file, or the sides are not where load is allowed.
func (s *suiteRun) refusesLoad(l *scenarios.LoadStage) (Refusal, bool) {
	r := Refusal{What: run.AspectLoad, Pos: l.Pos, Name: l.Name}
	if side := s.live(l); side != "" {
		r.Why, r.Do = side+" is marked live, it carries customers' traffic", "load a cluster that no customer uses"
		return r, true
	}
	if err := s.planned(l).Uncapped(); err != nil {
		r.Why, r.Do = err.Error(), "let the users think for longer, or write a rate"
		return r, true
	}
	return r, !s.mayLoad()
}

// live names a side that a stage loads and that is marked live; empty without one.
func (s *suiteRun) live(stage *scenarios.LoadStage) string {
	suites := []*scenarios.Suite{s.suite}
	for i := range stage.Steps {
		if home := stage.Steps[i].Home; home != nil {
			suites = append(suites, home)
		}
	}
	for _, suite := range suites {
		switch {
		case suite.Green.Live:
			return "green"
		case suite.Blue.Live:
			return "blue"
		}
	}
	return ""
}

// locate says which services are on loopback, without asking them anything.
func (e *execution) locate(ctx context.Context) {
	found := e.lookAll(ctx, false)
	for _, s := range e.suites {
		s.loopback = true
		for _, svc := range s.services() {
			svc.Local = found[svc].Err != nil || found[svc].Loopback() && !e.remote
			s.loopback = s.loopback && svc.Local
		}
	}
}

// Unprovable returns a problem of the given kind for each rate of the plan's load
// stages at which no pass is possible however equal green is: see
// perf.Design.Provable. It sends nothing. The noise is that of the plan's
// calibration for blue's addresses. Where blue has none yet, because the files
// leave them to flags, it is that of the stage's newest calibration.
func Unprovable(plan *Plan, kind scenarios.ProblemKind) scenarios.Problems {
	if plan.Options.Part == OnlyCompare {
		return nil
	}
	e := newExecution(plan, secretsOnly(func(string, string) {}), nil)
	defer e.pool.Close()
	var problems scenarios.Problems
	for i, suite := range plan.Suites {
		s, err := newSuiteRun(e, i, suite)
		if err != nil { // no addresses yet, which the run itself reports
			s = &suiteRun{run: e, index: i, suite: suite}
		}
		e.suites = append(e.suites, s)
	}
	for _, s := range e.suites {
		for _, stage := range s.suite.Loads {
			problems = append(problems, s.unprovable(stage, kind)...)
		}
	}
	return problems
}

// unprovable is Unprovable for one stage.
func (s *suiteRun) unprovable(stage *scenarios.LoadStage, kind scenarios.ProblemKind) scenarios.Problems {
	var problems scenarios.Problems
	for _, design := range s.designs(stage) {
		if short := design.Provable(); len(short) > 0 {
			problems = append(problems, stage.Problem(kind, shortfalls(short), perf.Advice(short)))
		}
	}
	return problems
}

// shortfalls are one sentence for each lack and, of what the noise hides, for the
// metric that needs the longest.
func shortfalls(short []perf.Shortfall) string {
	var noisiest *perf.Shortfall
	for i := range short {
		s := &short[i]
		if s.Lack == perf.Noisy && (noisiest == nil || noisiest.Need != 0 && (s.Need == 0 || s.Need > noisiest.Need)) {
			noisiest = s
		}
	}
	var parts []string
	for i := range short {
		if short[i].Lack != perf.Noisy || &short[i] == noisiest {
			parts = append(parts, short[i].String())
		}
	}
	return strings.Join(parts, "; ")
}

// planned is what a stage plans as far as it is known before anything is sent: without
// requests, but for their hosts.
func (s *suiteRun) planned(stage *scenarios.LoadStage) *attack.Plan {
	plan := s.stagePlan(stage)
	for i := range stage.Steps {
		part := &stage.Steps[i]
		if part.Target == nil || len(part.Target.Steps) == 0 {
			continue
		}
		if stage.Walks() {
			if home, err := s.run.homeOf(s, part); err == nil {
				_, _ = home.planCase(part, plan, nil) // errors are those of compiling rules for what is found
			}
			continue
		}
		step := part.Target.Steps[0]
		route := attack.Route{Name: step.Request.Method + " " + routePath(step), Weight: part.Weight}
		if home, err := s.run.homeOf(s, part); err == nil {
			route.Blue, route.Green = hosts(home.blue, step.Service), hosts(home.green, step.Service)
		}
		plan.Routes = append(plan.Routes, route)
	}
	return plan
}

// designs are what the steps of a stage will measure.
func (s *suiteRun) designs(stage *scenarios.LoadStage) []perf.Design {
	plan := s.planned(stage)
	blue := blueAddresses(plan.Routes)
	if blue == "" {
		blue = s.run.plan.Calibration.LastBlue(s.suite.Name, stage.Name)
	}
	plan.Known = s.known(stage, blue)
	return plan.Designs()
}

// hosts is a request to a service's base URL; none where it has no URL yet.
func hosts(c *services.Side, service string) []attack.Request {
	if c == nil {
		return nil
	}
	if to := c.Find(service); to != nil && to.Base != nil && to.Base.Host != "" {
		return []attack.Request{{URL: to.Base.String()}}
	}
	return nil
}

// blueAddresses are the origins of blue that take a load, sorted and separated by spaces.
func blueAddresses(routes []attack.Route) string {
	var origins []string
	for _, route := range routes {
		for _, request := range route.Blue {
			if u, err := url.Parse(request.URL); err == nil {
				origins = append(origins, u.Scheme+"://"+u.Host)
			}
		}
	}
	slices.Sort(origins)
	return strings.Join(slices.Compact(origins), " ")
}

// stagePlan is what a stage plans before its routes are rendered.
func (s *suiteRun) stagePlan(stage *scenarios.LoadStage) *attack.Plan {
	o := &s.run.plan.Options
	plan := &attack.Plan{
		Name: stage.Name, Rate: stage.Rate, Rates: stage.Rates, Users: stage.Users, Duration: stage.Duration,
		WarmUp: stage.WarmUp, Timeout: stage.Timeout, Margins: stage.Margins, Connections: stage.Connections, Reconnect: stage.Reconnect,
		Interleaved: stage.Interleaved,
		Seed:        random.Number(o.Seed, "load", s.suite.Name, stage.Name), Retry: o.OnInconclusive == RetryOnce,
	}
	// Which back ends answered is read from a header that the suite or the stage names.
	if plan.Identity = stage.Identity; plan.Identity == "" {
		plan.Identity = s.identityHeader()
	}
	// A calibration needs the noise at one rate, for the whole duration.
	if o.Calibrate {
		plan.Calibrate, plan.Retry = true, false
		if len(plan.Rates) > 0 {
			plan.Rate, plan.Rates = plan.Rates[0], nil
		}
	}
	// Without its own timeout a stage takes the longest of its steps.
	if plan.Timeout == 0 {
		for i := range stage.Steps {
			for _, step := range sentBy(stage, stage.Steps[i].Target) {
				plan.Timeout = max(plan.Timeout, step.Timeout)
			}
		}
	}
	if env := s.run.plan.Env; env != nil {
		plan.MaxRPS = env.Limits.MaxRPS
	}
	return plan
}

// sentBy are the steps of a case that a stage may send: without its cleanup unless whole cases
// are walked.
func sentBy(stage *scenarios.LoadStage, test *scenarios.Case) []*scenarios.Step {
	switch {
	case test == nil:
		return nil
	case stage.Walks():
		return slices.Concat(test.Steps, test.Cleanup)
	}
	return test.Steps
}

// identityHeader is the first header by which the suite or the stage of the run
// tells what answers; empty when they do so by bodies alone.
func (s *suiteRun) identityHeader() string {
	all := s.suite.Identity
	if env := s.run.plan.Env; env != nil {
		all = append(slices.Clone(all), env.Identity...)
	}
	for _, id := range all {
		if id.Header != "" {
			return id.Header
		}
	}
	return ""
}

// known says what the calibration found for a stage over blue's addresses.
func (s *suiteRun) known(stage *scenarios.LoadStage, blue string) func(float64) perf.Known {
	return func(rate float64) perf.Known {
		return s.run.plan.Calibration.Known(s.suite.Name, stage.Name, blue, run.LoadSize{Rate: rate, Users: stage.Users.Count})
	}
}

// rowsShort warns where the walks of a stage are more than the rows of a case.
func rowsShort(plan *attack.Plan) []string {
	var out []string
	// Walks are dealt to cases by their weights, and rows to walks one by one.
	weights := 0
	for _, c := range plan.Cases {
		weights += max(c.Weight, 1)
	}
	designs := plan.Designs()
	for _, c := range plan.Cases {
		walks := 0.0
		if users := plan.Users.Count; users > 0 {
			if c.Rows > 0 && c.Rows < users {
				out = append(out, fmt.Sprintf("case %s has %d rows for %d users: some have the same row at the same time", c.Name, c.Rows, users))
			}
			continue
		}
		for _, d := range designs {
			walks += d.Rate * d.Length().Seconds() * float64(max(c.Weight, 1)) / float64(weights)
		}
		if c.Rows > 0 && float64(c.Rows) < walks {
			out = append(out, fmt.Sprintf("case %s has %d rows for about %.0f walks: rows are dealt again after the last", c.Name, c.Rows, walks))
		}
	}
	return out
}

// routePath is the step's path as the file writes it, without its query.
func routePath(step *scenarios.Step) string {
	path, _, _ := strings.Cut(step.Request.URL.Text, "?")
	if step.Service != "" {
		return step.Service + " " + path
	}
	return path
}
