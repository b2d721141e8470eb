package scenarios

import "slices"

// Walked reports whether a load stage walks the case as a whole: it has more than one
// request, or an answer that a later request needs. Any other case is sent as single
// requests that are made before the load begins.
func (c *Case) Walked() bool {
	return len(c.Steps) > 1 || len(c.Cleanup) > 0 || slices.ContainsFunc(c.Steps, func(s *Step) bool {
		return s.Repeat > 1 || len(s.Captures) > 0 || conditional(s)
	})
}

// Walks reports whether the stage walks whole cases: at least one of its cases must
// be walked, and then all are. Its rates are walks per second then.
func (l *LoadStage) Walks() bool {
	return slices.ContainsFunc(l.Steps, func(s LoadStep) bool { return s.Target != nil && s.Target.Walked() })
}

func conditional(s *Step) bool { return s.When != nil || s.WhenVar != nil || len(s.WhenVars) > 0 }

// anyStep reports whether a step of the case, or of its cleanup, is one.
func (c *Case) anyStep(is func(*Step) bool) bool {
	return slices.ContainsFunc(c.Steps, is) || slices.ContainsFunc(c.Cleanup, is)
}

// takesBack reports whether a step of the case takes back what another one leaves.
func (c *Case) takesBack(step *Step) bool {
	return c.anyStep(func(s *Step) bool { return slices.Contains(s.Compensates, step) })
}
