package runner

import (
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/scenarios"
)

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
