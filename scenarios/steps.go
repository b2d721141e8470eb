package scenarios

import "slices"

// Walked reports whether a load stage walks the case as a whole: it has more than one
// request, or an answer that a later request needs. Any other case is sent as single
// requests that are made before the load begins.
func (c *Case) Walked() bool {
	return len(c.Steps) > 1 || len(c.Cleanup) > 0 || slices.ContainsFunc(c.Steps, func(s *Step) bool {
		return s.Repeat > 1 || len(s.Captures) > 0 || s.Conditional()
	})
}

// Walks reports whether the stage walks whole cases: at least one of its cases must
// be walked, and then all are. Its rates are walks per second then.
func (l *LoadStage) Walks() bool {
	return slices.ContainsFunc(l.Steps, func(s LoadStep) bool { return s.Target != nil && s.Target.Walked() })
}

// Conditional reports whether the step is sent only when a condition holds.
func (s *Step) Conditional() bool { return s.When != nil || s.WhenVar != nil || len(s.WhenVars) > 0 }

// HasEffects reports whether the step leaves something behind on a cluster: its method is
// not a safe one, or the file says that it has side effects. What
// the file says counts for more than the method.
func (s *Step) HasEffects() bool {
	if s.SideEffects == NoEffects {
		return false
	}
	return !SafeMethod(s.Request.Method) || s.SideEffects != Undeclared
}

// SafeMethod reports whether a method by definition leaves nothing behind (RFC 9110,
// section 9.2.1).
func SafeMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE"
}

// Repeatable reports whether sending the step twice does no more than sending it once.
func (s *Step) Repeatable() bool { return !s.HasEffects() || s.SideEffects == Idempotent }

// SentTo reports whether the step goes to a side.
func (s *Step) SentTo(side Side) bool { return len(s.Sides) == 0 || slices.Contains(s.Sides, side) }

// ExpectOf is what the step expects of a side: what is written for the side alone, else
// what is written for both.
func (s *Step) ExpectOf(side Side) *Expect {
	switch {
	case side == Blue && s.ExpectBlue != nil:
		return s.ExpectBlue
	case side == Green && s.ExpectGreen != nil:
		return s.ExpectGreen
	}
	return &s.Expect
}

// anyStep reports whether a step of the case, or of its cleanup, is one.
func (c *Case) anyStep(is func(*Step) bool) bool {
	return slices.ContainsFunc(c.Steps, is) || slices.ContainsFunc(c.Cleanup, is)
}

// takesBack reports whether a step of the case takes back what another one leaves.
func (c *Case) takesBack(step *Step) bool {
	return c.anyStep(func(s *Step) bool { return slices.Contains(s.Compensates, step) })
}
