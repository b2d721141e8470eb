package runner

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/places"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// A Refusal is load, or a step with side effects, that the suites hold and that the
// stage does not allow where the sides are.
type Refusal struct {
	What run.Aspect // load or writes
	Pos  scenarios.Pos
	Name string // the load stage, or the case
}

func (r Refusal) String() string {
	if r.What == run.AspectLoad {
		return fmt.Sprintf("load %q is not allowed: the sides are not on loopback", r.Name)
	}
	return fmt.Sprintf("case %q leaves something behind, which is not allowed: the sides are not on loopback", r.Name)
}

// Hint names the lines that settle it.
func (r Refusal) Hint() string {
	hint := fmt.Sprintf("allow it in the env file, limits: {%s: allow}, or by --allow-%s; or leave it out by the env file's require: [compare]", r.What, r.What)
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
	defer e.pool.close()
	if problems := e.build(); len(problems) > 0 {
		return nil // the run reports them, and sends nothing
	}
	e.locate(ctx)
	var out []Refusal
	refuse := func(what run.Aspect, pos scenarios.Pos, name string) {
		if !verdict.LeavesOut(plan.Env, what) && !slices.ContainsFunc(out, func(r Refusal) bool { return r.Pos == pos }) {
			out = append(out, Refusal{what, pos, name})
		}
	}
	for _, s := range e.suites {
		if plan.Options.Part != OnlyCompare && !s.mayLoad() {
			for _, l := range s.suite.Loads {
				refuse(run.AspectLoad, l.Pos, l.Name)
			}
		}
		if plan.Options.Part == OnlyLoad {
			continue
		}
		for _, c := range s.suite.Cases {
			if c.Skip != "" {
				continue
			}
			for _, step := range slices.Concat(s.suite.Setup, c.Steps, c.Cleanup, s.suite.Teardown) {
				if step.HasEffects() && step.SideEffects != scenarios.Unreviewed && !s.mayWrite(step) {
					refuse(run.AspectWrites, step.Pos, c.ID)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Refusal) int { return verdict.CompareOrigins(a.Pos.String(), b.Pos.String()) })
	return out
}

// locate says which services are on loopback, without asking them anything.
func (e *execution) locate(ctx context.Context) {
	known := map[string]*places.Address{}
	for _, s := range e.suites {
		s.loopback = true
		for _, c := range []*cluster{s.blue, s.green} {
			for _, svc := range c.services {
				key := origin(svc.base) + " " + svc.config.Resolve + " " + svc.config.Proxy
				a := known[key]
				if a == nil {
					a = places.Look(ctx, svc.target(), false)
					known[key] = a
				}
				svc.local = a.Err != nil || a.Loopback() && !e.remote
				s.loopback = s.loopback && svc.local
			}
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
	defer e.pool.close()
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
			for _, design := range s.designs(stage) {
				if short := design.Provable(); len(short) > 0 {
					problems = append(problems, stage.Problem(kind, shortfalls(short), perf.Advice(short)))
				}
			}
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

// designs are what the steps of a stage will measure.
func (s *suiteRun) designs(stage *scenarios.LoadStage) []perf.Design {
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
			route.Blue, route.Green = home.blue.hosts(step.Service), home.green.hosts(step.Service)
		}
		plan.Routes = append(plan.Routes, route)
	}
	blue := addresses(plan.Routes, func(route attack.Route) []attack.Request { return route.Blue })
	if blue == "" {
		blue = s.run.plan.Calibration.LastBlue(s.suite.Name, stage.Name)
	}
	plan.Known = func(rate float64) perf.Known {
		return s.run.plan.Calibration.Known(s.suite.Name, stage.Name, blue, rate)
	}
	return plan.Designs()
}

// hosts is a request to a service's base URL; none where it has no URL yet.
func (c *cluster) hosts(service string) []attack.Request {
	if c == nil {
		return nil
	}
	if to := c.service(service); to != nil && to.base != nil && to.base.Host != "" {
		return []attack.Request{{URL: to.base.String()}}
	}
	return nil
}

// addresses are the origins of a side that take a load, sorted.
func addresses(routes []attack.Route, side func(attack.Route) []attack.Request) string {
	var origins []string
	for _, route := range routes {
		for _, request := range side(route) {
			if u, err := url.Parse(request.URL); err == nil {
				origins = append(origins, u.Scheme+"://"+u.Host)
			}
		}
	}
	slices.Sort(origins)
	return strings.Join(slices.Compact(origins), " ")
}
