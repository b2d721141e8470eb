package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/bgverify/bgverify/runner/run"
)

// switches counts, for each step of the files, how often it was sent and how often its when
// switched it off, over all cases and rows of required suites. A step is left out only if it
// was sent in no case at all. A step that is sent for some rows and not for others is what its
// condition is for.
type switches struct {
	steps map[string]*switched // by place
	off   int                  // steps of cases that were switched off, each row counted
}

type switched struct {
	// sent is set as soon as one case sent the step.
	sent bool
	// off says which conditions and variables switched it off, merged over cases.
	off   run.SwitchedOff
	first [2]int // where it was first off: the case's place in the plan and the step's in the case
	label string // that step and case; empty: it was never off
}

// add books the steps of one case. Crossover lanes repeat the steps of the straight lane and
// are not counted. A step that was skipped for another reason than its when is unknown: neither
// sent nor switched off.
func (s *switches) add(r *run.CaseResult) {
	if s.steps == nil {
		s.steps = map[string]*switched{}
	}
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Lane != "" || step.ByWhen == nil && step.Verdict == run.Skip {
			continue
		}
		one := s.steps[step.At]
		if one == nil {
			one = &switched{}
			s.steps[step.At] = one
		}
		if step.ByWhen == nil {
			one.sent = true
			continue
		}
		s.off++
		one.off.Merge(step.ByWhen)
		// Cases end in any order, and the label must not depend on it: the first place in the
		// plan wins.
		if at := [2]int{r.Index, i}; one.label == "" || slices.Compare(at[:], one.first[:]) < 0 {
			one.first, one.label = at, fmt.Sprintf("%s of %s", step.Name, r.ID)
		}
	}
}

// leftOut are the steps that something outside the suites kept from being sent in every case
// and row, summed by what did. A condition on an answer, or on a value that the suite itself
// gives, is the suite's own choice and has an empty source. Only flags, files and the
// environment count.
func (s *switches) leftOut() []run.LeftOut {
	type cause struct {
		by   run.Source
		name string
	}
	sums := map[cause]*run.LeftOut{}
	inOrder := func(a, b *switched) int { return slices.Compare(a.first[:], b.first[:]) }
	// The order of the plan decides which step gives the entry its label.
	for _, one := range slices.SortedFunc(maps.Values(s.steps), inOrder) {
		by, name := one.off.Source()
		if one.sent || by == "" {
			continue
		}
		key := cause{by, name}
		l := sums[key]
		if l == nil {
			l = &run.LeftOut{What: run.AspectSteps, By: by, Name: name, Step: one.label}
			sums[key] = l
		}
		l.Count++
	}
	out := make([]run.LeftOut, 0, len(sums))
	for _, l := range sums {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b run.LeftOut) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Name, b.Name)) })
	return out
}
