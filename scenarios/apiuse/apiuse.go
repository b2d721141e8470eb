// Package apiuse says which parts of an API description the cases of suites never ask:
// operations, documented statuses, parameters and bodies.
//
// In come a description as package openapi reads it and loaded suites; out comes a
// [Use], which holds the cases next to each part. The package sends nothing and reads
// no files.
//
// The rules:
//
//  1. A step asks the operation of its method whose path matches that of its URL. A
//     placeholder whose value is known before a run (variables of files, rows) is
//     replaced by it; any other matches exactly one parameter of a path. Where several
//     paths match, the one with most literal segments counts, as OpenAPI demands.
//  2. The path may begin with that of a server of the description or of the side's
//     address, and may leave either out: list knows no flags --blue and --green.
//  3. A part counts as asked only where that is certain. What depends on a condition
//     (when), on a review (side_effects: unreviewed), on a case that is skipped, or on
//     which of several accepted statuses comes, is listed as [Perhaps] with that reason.
//  4. A status is asked where a step accepts it and no other documented one.
//  5. Setup, teardown and cleanup count as cases do; a step of blue alone does not, as
//     it says nothing of green.
package apiuse

import (
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// A Use is a description with what asks each of its parts.
type Use struct {
	// Document is the name of its file, and Title what it calls itself.
	Document string `json:"document"`
	Title    string `json:"title,omitempty"`
	// Operations are in the order of the document.
	Operations []*Operation `json:"operations"`
	// Strays are the steps that match no operation, in the order of the suites.
	Strays []Stray `json:"strays"`
	// Faults are the parts of the document that could not be read, which are not counted.
	Faults []string `json:"faults"`
}

// An Operation is a method of a path of the description.
type Operation struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	ID     string `json:"id,omitempty"`
	Place  string `json:"place"` // file:line:col
	Part
	Statuses []*Status `json:"statuses"`
	Params   []*Param  `json:"parameters"`

	routes []route
	doc    *openapi.Operation
}

// A Status is a documented one: 200, 2XX or default.
type Status struct {
	Status string `json:"status"`
	Place  string `json:"place"`
	Part
}

// A Param is a parameter, or the body of a request.
type Param struct {
	// In is path, query, header, cookie or body. Name is empty for a body.
	In       string `json:"in"`
	Name     string `json:"name,omitempty"`
	Required bool   `json:"required"`
	Place    string `json:"place"`
	Part

	names []string // that the query may have instead: of a form that is spread out
}

// A Part is what asks a part of the description.
type Part struct {
	// Cases certainly ask it: their ids, or "SUITE setup" and "SUITE teardown".
	Cases []string `json:"cases"`
	// Perhaps are cases that ask it under a condition.
	Perhaps []Perhaps `json:"perhaps"`
}

// A Perhaps is a case that may ask a part, and why that is not certain.
type Perhaps struct {
	Case string `json:"case"`
	Why  string `json:"why"`
}

// Asked reports whether a case certainly asks the part.
func (p *Part) Asked() bool { return len(p.Cases) > 0 }

func (p *Part) add(by, doubt string) {
	if doubt != "" {
		if x := (Perhaps{by, doubt}); !slices.Contains(p.Perhaps, x) {
			p.Perhaps = append(p.Perhaps, x)
		}
		return
	}
	if !slices.Contains(p.Cases, by) {
		p.Cases = append(p.Cases, by)
	}
}

// A Stray is a step that matches no operation.
type Stray struct {
	Case    string `json:"case"`
	Place   string `json:"place"` // file:line:col of the step
	Request string `json:"request"`
}

// Of finds what the suites ask of a description.
func Of(d *openapi.Document, suites []*scenarios.Suite) *Use {
	u := &Use{Document: d.Files()[0], Title: d.Title, Strays: []Stray{}, Faults: []string{}}
	for _, f := range d.Faults {
		u.Faults = append(u.Faults, f.Error())
	}
	for _, o := range d.Operations {
		u.Operations = append(u.Operations, operation(o))
	}
	for _, s := range suites {
		w := &walk{use: u, suite: s, captured: map[string]bool{}}
		w.steps(s.Setup, nil, s.Name+" setup", "")
		ofSetup := w.captured
		for _, c := range s.Cases {
			w.captured = maps.Clone(ofSetup)
			doubt := ""
			if c.Skip != "" {
				doubt = "the case is skipped: " + c.Skip
			}
			w.steps(c.Steps, c, c.ID, doubt)
			w.steps(c.Cleanup, c, c.ID, doubt)
		}
		w.captured = maps.Clone(ofSetup)
		w.steps(s.Teardown, nil, s.Name+" teardown", "")
	}
	return u
}

// operation is an operation that nothing asks yet.
func operation(o *openapi.Operation) *Operation {
	out := &Operation{
		Method: o.Method, Path: o.Path, ID: o.ID, Place: o.Pos.String(), Part: newPart(), Statuses: []*Status{}, Params: []*Param{},
		routes: routesOf(o), doc: o,
	}
	for _, r := range o.Responses {
		out.Statuses = append(out.Statuses, &Status{Status: r.Status, Place: r.Pos.String(), Part: newPart()})
	}
	for _, p := range o.Params {
		if p.In == "header" && slices.Contains(notParams, strings.ToLower(p.Name)) {
			continue
		}
		x := &Param{In: p.In, Name: p.Name, Required: p.Required, Place: p.Pos.String(), Part: newPart()}
		if p.In == "query" && p.Style == "form" && p.Explode {
			if properties := p.Schema.Get("properties"); properties != nil {
				x.names = properties.Keys
			}
		}
		out.Params = append(out.Params, x)
	}
	if o.Body != nil {
		out.Params = append(out.Params, &Param{In: "body", Required: o.Body.Required, Place: o.Body.Pos.String(), Part: newPart()})
	}
	return out
}

func newPart() Part { return Part{Cases: []string{}, Perhaps: []Perhaps{}} }

// notParams are headers that OpenAPI describes elsewhere, whatever a parameter says.
var notParams = []string{"accept", "content-type", "authorization"}

// A Count says how many of the parts of a kind are asked.
type Count struct {
	Asked int `json:"asked"`
	Of    int `json:"of"`
}

func (c *Count) add(p *Part) {
	c.Of++
	if p.Asked() {
		c.Asked++
	}
}

// Counts are the figures of a description as a whole.
func (u *Use) Counts() (operations, statuses, params Count) {
	for _, o := range u.Operations {
		operations.add(&o.Part)
		for _, s := range o.Statuses {
			statuses.add(&s.Part)
		}
		for _, p := range o.Params {
			params.add(&p.Part)
		}
	}
	return operations, statuses, params
}
