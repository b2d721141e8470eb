package runner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/bgverify/bgverify/scenarios/template"
)

// SwitchedOff says that a step was not sent because its when did not hold, and which
// names from outside the suites the condition was read from: none where captures,
// data and the suites' own variables decided.
type SwitchedOff struct {
	Environment []string `json:"environment,omitempty"` // env.NAME, BGVERIFY_VAR_NAME
	Stage       []string `json:"stage,omitempty"`       // vars of the env file
	Flags       []string `json:"flags,omitempty"`       // --var
}

// add books a name that was read.
func (o *SwitchedOff) add(from template.Origin, name string) {
	list := &o.Flags
	switch from {
	case template.FromEnvironment:
		list = &o.Environment
	case template.FromEnvFile:
		list = &o.Stage
	}
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// merge books the names of another.
func (o *SwitchedOff) merge(b *SwitchedOff) {
	for from, names := range map[template.Origin][]string{template.FromEnvironment: b.Environment, template.FromEnvFile: b.Stage, template.FromFlag: b.Flags} {
		for _, name := range names {
			o.add(from, name)
		}
	}
}

// source is the gravest source that a condition was read from, with its first name
// in the order of the alphabet, so that no order of cases shows; empty: none.
func (o *SwitchedOff) source() (by Source, name string) {
	switch {
	case len(o.Environment) > 0:
		return ByEnvironment, slices.Min(o.Environment)
	case len(o.Stage) > 0:
		return ByStage, "vars: {" + slices.Min(o.Stage) + "} of the env file"
	case len(o.Flags) > 0:
		return ByFlag, "--var " + slices.Min(o.Flags)
	}
	return "", ""
}

// switches counts, for each step of the files, how often it was sent and how often
// its when switched it off, over all cases and rows of required suites.
type switches struct {
	steps map[string]*switched // by place
	off   int                  // steps of cases that were switched off, each row counted
}

type switched struct {
	sent  bool
	off   SwitchedOff
	first [2]int // where it was first off: the case's place in the plan and the step's in the case
	label string // that step and case; empty: it was never off
}

func (s *switches) add(r *CaseResult) {
	if s.steps == nil {
		s.steps = map[string]*switched{}
	}
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Lane != "" || step.ByWhen == nil && step.Verdict == Skip {
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
		one.off.merge(step.ByWhen)
		if at := [2]int{r.Index, i}; one.label == "" || slices.Compare(at[:], one.first[:]) < 0 {
			one.first, one.label = at, fmt.Sprintf("%s of %s", step.Name, r.ID)
		}
	}
}

// leftOut are the steps that something outside the suites kept from being sent
// in every case and row, summed by what did.
func (s *switches) leftOut() []LeftOut {
	type cause struct {
		by   Source
		name string
	}
	sums := map[cause]*LeftOut{}
	inOrder := func(a, b *switched) int { return slices.Compare(a.first[:], b.first[:]) }
	for _, one := range slices.SortedFunc(maps.Values(s.steps), inOrder) {
		by, name := one.off.source()
		if one.sent || by == "" {
			continue
		}
		key := cause{by, name}
		l := sums[key]
		if l == nil {
			l = &LeftOut{What: AspectSteps, By: by, Name: name, Step: one.label}
			sums[key] = l
		}
		l.Count++
	}
	out := make([]LeftOut, 0, len(sums))
	for _, l := range sums {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b LeftOut) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Name, b.Name)) })
	return out
}
