package runner

import (
	"context"
	"fmt"
	"slices"

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
				if hasEffects(step) && step.SideEffects != scenarios.Unreviewed && !s.mayWrite(step) {
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
	known := map[string]*address{}
	for _, s := range e.suites {
		s.loopback = true
		for _, c := range []*cluster{s.blue, s.green} {
			for _, svc := range c.services {
				key := origin(svc.base) + " " + svc.config.Resolve + " " + svc.config.Proxy
				a := known[key]
				if a == nil {
					a = look(ctx, svc, false)
					known[key] = a
				}
				svc.local = a.err != nil || allLoopback(a.points) && !e.remote
				s.loopback = s.loopback && svc.local
			}
		}
	}
}
