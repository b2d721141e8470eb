package calibrate

import (
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// homes are the suites, the one itself included, that the load stages of a suite name.
func homes(suite *scenarios.Suite) []*scenarios.Suite {
	var out []*scenarios.Suite
	for _, load := range suite.Loads {
		for _, step := range load.Steps {
			if step.Home != nil {
				out = append(out, step.Home)
			}
		}
	}
	return out
}

// oneOnBothSides makes a plan compare a side with itself. Identities that must
// differ have nothing to say about that.
func oneOnBothSides(plan *runner.Plan, side scenarios.Side) {
	pick := func(blue, green *scenarios.SideConfig) {
		if side == scenarios.Green {
			*blue = *green
		} else {
			*green = *blue
		}
	}
	both := func(suite *scenarios.Suite) {
		suite.Identity = nil
		pick(&suite.Blue, &suite.Green)
		if suite.Stage != nil {
			// The env file is shared with other suites and other rounds, so that a copy is changed.
			stage := *suite.Stage
			pick(&stage.Blue, &stage.Green)
			suite.Stage = &stage
		}
	}
	for _, suite := range plan.Suites {
		both(suite)
		// A load stage may have steps of other suites, with their own sides.
		for _, home := range homes(suite) {
			both(home)
		}
	}
	if plan.Env != nil {
		env := *plan.Env // shared with other rounds
		// Nothing is required of a side that is compared with itself, and its clusters say nothing of
		// stability.
		env.Identity, env.Require = nil, nil
		env.Clusters, env.Prometheus, env.Shares = nil, nil, scenarios.RequiredShares{}
		pick(&env.Blue, &env.Green)
		plan.Env = &env
	}
	// Both sides may be one address, and the checks of a verdict (mutants, second opinion)
	// say nothing about stability.
	o := &plan.Options
	o.AllowSame, o.MaxMutants, o.GreenBuild = true, -1, ""
}
