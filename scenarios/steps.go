package scenarios

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// An undoing is a step with the names that its compensates key lists, until all
// steps of its case are read: cleanup may name steps that come before it in the case.
type undoing struct {
	step  *Step
	o     *keys.Mapping
	names []*yaml.Node
}

// readCompensates reads the names of the steps that a step takes back.
// They are linked when all steps of the case are known.
func (b *builder) readCompensates(o *keys.Mapping, s *Step) {
	if !o.Has("compensates") {
		return
	}
	w := undoing{step: s, o: o}
	o.Texts("compensates", func(n *yaml.Node, _ string) bool {
		w.names = append(w.names, n)
		return true
	})
	b.undo = append(b.undo, w)
}

// linkCompensation finds out which step takes back what: Step.Compensates. The runner sends
// such a step also when the case ends early, on every side that got what it takes back; a
// step that is linked wrongly leaves orders in production or cancels those of others.
//
//  1. A step that says compensates: takes back the earlier steps of those names; a
//     step of cleanup may name any step of the case, and one of teardown any of setup.
//  2. A later DELETE, or a step of cleanup, that says nothing takes back the steps
//     whose captures its request uses, or whose URL it repeats.
//  3. A step of cleanup that says nothing and matches nothing takes back every
//     compensated step that is still without one.
//  4. A compensated step that nothing takes back is a warning.
//
// A step that takes back another does not need to be taken back itself.
func (b *builder) linkCompensation(steps, cleanup []*Step) {
	b.linkNamed(steps, cleanup)
	all := slices.Concat(steps, cleanup)
	// A step that says what it takes back is left alone, and before cleanup only a DELETE counts
	// as one that takes back.
	for i, s := range all { // Rule 2
		if len(s.Compensates) > 0 || s.named || i < len(steps) && s.Request.Method != "DELETE" {
			continue
		}
		for _, earlier := range all[:min(i, len(steps))] {
			if earlier.leavesSomething() && (s.usesCaptureOf(earlier) || s.repeatsURLOf(earlier)) {
				s.Compensates = append(s.Compensates, earlier)
			}
		}
	}
	// open are the steps that still wait, general the steps of cleanup that could take
	// back any of them.
	open := slices.DeleteFunc(slices.Clone(steps), func(s *Step) bool {
		return !s.leavesSomething() || slices.ContainsFunc(all, func(other *Step) bool { return slices.Contains(other.Compensates, s) })
	})
	general := slices.DeleteFunc(slices.Clone(cleanup), func(s *Step) bool { return s.named || len(s.Compensates) > 0 })
	for _, s := range general { // Rule 3
		s.Compensates = append(s.Compensates, open...)
	}
	if len(general) > 0 {
		return
	}
	for _, s := range open { // Rule 4
		b.warnAt(s.Pos, "", "add cleanup: with the request that takes it back, or compensates: to the later step that does",
			"step \"%s\" is compensated, and no step takes it back", problem.Cut(s.Name, 60))
	}
}

// linkNamed is rule 1. Inside a part a name may be written with or without the names of the
// uses around it.
func (b *builder) linkNamed(steps, cleanup []*Step) {
	for _, w := range b.undo {
		// A step of the cases' own list may name what comes before it, one of cleanup anything.
		inCleanup := slices.Contains(cleanup, w.step)
		at := slices.Index(steps, w.step)
		if at < 0 && !inCleanup {
			continue // of another list
		}
		w.step.named = true
		// What a step may name; the message lists them when it names none of them.
		candidates := steps
		if !inCleanup {
			candidates = steps[:at]
		}
		for _, n := range w.names {
			text := source.Deref(n).Value
			i := slices.IndexFunc(candidates, func(s *Step) bool { return s.Name == w.step.prefix+text || s.Name == text })
			switch {
			// The steps before it are what the author meant.
			case i < 0:
				known := make([]string, len(candidates))
				for j, s := range candidates {
					known[j] = s.Name
				}
				w.o.Fail(n, suggest.Hint(text, known), "compensates names no earlier step: %q", problem.Cut(text, 40))
			case !candidates[i].leavesSomething():
				w.o.Fail(n, "declare side_effects: compensated there", "step %q leaves nothing behind to take back", problem.Cut(text, 40))
			default:
				w.step.Compensates = append(w.step.Compensates, candidates[i])
			}
		}
	}
	b.undo = nil
}

// leavesSomething reports whether a step declares something that must be taken back.
func (s *Step) leavesSomething() bool {
	return s.SideEffects == Compensated && !s.named && len(s.Compensates) == 0
}

// usesCaptureOf reports whether a step's request names what an earlier step captured.
// The id that an earlier step created is nearly always a capture of it.
func (s *Step) usesCaptureOf(earlier *Step) bool {
	return slices.ContainsFunc(earlier.Captures, func(c Capture) bool { return s.Uses(c.Name) })
}

// Uses reports whether the step's request has a placeholder for a variable.
// Only what is sent counts, not expectations.
func (s *Step) Uses(variable string) bool {
	used := false
	s.Request.templates(func(t *Template) { used = used || t.Names(variable) })
	return used
}

// repeatsURLOf reports whether both steps ask for one resource of one service, by the text of
// the URL as written.
func (s *Step) repeatsURLOf(earlier *Step) bool {
	return s.Service == earlier.Service && s.Request.URL != nil && earlier.Request.URL != nil && s.Request.URL.Text == earlier.Request.URL.Text
}

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
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, method)
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
