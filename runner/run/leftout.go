package run

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/template"
)

// An Aspect is one thing that a run can prove of green, and that a stage or a gate
// can require.
type Aspect string

// The aspects. Those of Required are what `require:` and `gate --require` take.
const (
	AspectCompare  Aspect = "compare"  // answers were compared with blue's
	AspectLoad     Aspect = "load"     // the load stages were measured
	AspectWrites   Aspect = "writes"   // steps with side effects were sent
	AspectIdentity Aspect = "identity" // blue and green were shown to be two places
	AspectCases    Aspect = "cases"    // every case was judged
	AspectRows     Aspect = "rows"     // every data row was used
	AspectSteps    Aspect = "steps"    // no step was switched off from outside in every case
)

// Required are the aspects that can be required, in the order they are named.
var Required = []Aspect{AspectCompare, AspectLoad, AspectWrites, AspectIdentity}

// A Source says who left something out of a run.
type Source string

// The sources. What a person typed for this run may pass it; what a file or the
// environment leaves out in every run, unseen, does not.
const (
	ByFlag        Source = "flag"        // of the command line
	ByEnvironment Source = "environment" // a BGVERIFY_ variable
	ByFile        Source = "file"        // a mark in a scenario file
	ByStage       Source = "stage"       // the env file: limits without the part in its require list
)

// A Narrowing is one thing that made a run smaller than its suites.
type Narrowing struct {
	By   Source `json:"by"`
	Name string `json:"name"`         // --tag, BGVERIFY_TAG, only: true
	At   string `json:"at,omitempty"` // file:line:col of a mark
	// Loads and Cases say what it leaves out.
	Loads bool `json:"loads,omitempty"`
	Cases bool `json:"cases,omitempty"`
}

// A LeftOut is something that the suites hold, or a run owes, and that this run
// did not do.
type LeftOut struct {
	What Aspect `json:"what"`
	By   Source `json:"by"`
	Name string `json:"name,omitempty"` // what left it out, such as --no-load
	Load string `json:"load,omitempty"` // the stage, where it is one of several
	Step string `json:"step,omitempty"` // the first of the steps that were switched off, with its case
	// Count of Of cases, rows or load stages; 0 where they are not counted.
	Count int `json:"count,omitempty"`
	Of    int `json:"of,omitempty"`
}

// String says what is missing, in the words of audit.verified_without.
func (l LeftOut) String() string {
	switch {
	case l.Load != "":
		return "load " + l.Load
	case l.What == AspectCases && l.Of == 0:
		return fmt.Sprintf("%s (skipped or quarantined)", text.Count(l.Count, "case"))
	case l.What == AspectCases:
		return fmt.Sprintf("%d of %d cases", l.Count, l.Of)
	case l.What == AspectSteps:
		return fmt.Sprintf("%s with when (first %s)", text.Count(l.Count, "step"), l.Step)
	case l.What == AspectRows:
		return text.Count(l.Count, "data row")
	case l.What == AspectLoad && l.Of > 0:
		return fmt.Sprintf("%d of %d load stages", l.Count, l.Of)
	}
	return string(l.What)
}

// IdentityHint says how to show that the sides are two places.
const IdentityHint = "add identity to the suite or the env file"

// SwitchedOff says that a step was not sent because its when did not hold, and which
// names from outside the suites the condition was read from: none where captures,
// data and the suites' own variables decided.
type SwitchedOff struct {
	Environment []string `json:"environment,omitempty"` // env.NAME, BGVERIFY_VAR_NAME
	Stage       []string `json:"stage,omitempty"`       // vars of the env file
	Flags       []string `json:"flags,omitempty"`       // --var
}

// Add books a name that was read.
func (o *SwitchedOff) Add(from template.Origin, name string) {
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

// Merge books the names of another.
func (o *SwitchedOff) Merge(b *SwitchedOff) {
	for from, names := range map[template.Origin][]string{
		template.FromEnvironment: b.Environment, template.FromEnvFile: b.Stage,
		template.FromFlag: b.Flags,
	} {
		for _, name := range names {
			o.Add(from, name)
		}
	}
}

// Source is the gravest source that a condition was read from, with its first name
// in the order of the alphabet, so that no order of cases shows; empty: none.
func (o *SwitchedOff) Source() (by Source, name string) {
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
