package template

import (
	"errors"
	"strings"
	"testing"
)

// layers are the places that can answer "x", nearest first: each puts a value
// there; those of files also one that cannot be computed.
func layers(t *testing.T) []struct {
	name string
	put  func(*Sources, string)
	file bool
} {
	vars := func(text string) []Var { return []Var{{Name: "x", Value: tmpl(t, text)}} }
	flag := func(s *Sources, text string) { s.Flags = append(s.Flags, Named{Name: "x", Value: text}) }
	return []struct {
		name string
		put  func(*Sources, string)
		file bool
	}{
		{"capture", func(s *Sources, v string) { s.Captures = map[string]Value{"x": TextValue(v)} }, false},
		{"row", func(s *Sources, v string) { s.Columns, s.Cells = []string{"y", "x"}, []Value{{}, TextValue(v)} }, false},
		{"inner arguments", func(s *Sources, v string) { s.With = append(s.With, vars(v)) }, true},
		{"outer arguments", func(s *Sources, v string) { s.With = append([][]Var{vars(v)}, s.With...) }, true},
		{"last flag", flag, false},
		{"first flag", func(s *Sources, v string) { s.Flags = append([]Named{{Name: "x", Value: v}}, s.Flags...) }, false},
		{"environment", func(s *Sources, v string) {
			s.Getenv = func(name string) (string, bool) { return v, name == VarPrefix+"x" }
		}, false},
		{"env file, side", func(s *Sources, v string) { s.Stage[0] = vars(v) }, true},
		{"env file", func(s *Sources, v string) { s.Stage[1] = vars(v) }, true},
		{"case", func(s *Sources, v string) { s.Case = vars(v) }, true},
		{"side", func(s *Sources, v string) { s.Suite[0] = vars(v) }, true},
		{"suite", func(s *Sources, v string) { s.Suite[1] = vars(v) }, true},
	}
}

type sourceScope struct {
	sources *Sources
	depth   int
}

func (s sourceScope) Lookup(name string) (Value, bool, error) {
	return s.sources.Lookup(name, s.depth, func(Definition) Scope { return sourceScope{s.sources, s.depth + 1} })
}

func (sourceScope) Generate(string, []string, string, bool) (Value, error) {
	return Value{}, errors.New("nothing is generated")
}

// Of any two places the nearer one answers, and where it cannot be computed the
// farther one does not take over, with or without a default.
func TestTheNearestVariableAnswers(t *testing.T) {
	all := layers(t)
	for i, near := range all {
		for _, far := range all[i+1:] {
			t.Run(near.name+" before "+far.name, func(t *testing.T) {
				s := &Sources{Stage: make([][]Var, 2), Suite: make([][]Var, 2)}
				far.put(s, "far")
				near.put(s, "near")
				if v, err := tmpl(t, "{{x}}").Expand(sourceScope{s, 0}); err != nil || v.Text != "near" {
					t.Errorf("got %q, %v, want near", v.Text, err)
				}
				if !near.file {
					return
				}
				for _, broken := range []string{"{{'p41' | add: 1}}", "{{gone}}", "{{'[]' | first}}", "{{gone | hmac: gone}}", "{{x}}"} {
					s := &Sources{Stage: make([][]Var, 2), Suite: make([][]Var, 2)}
					far.put(s, "far")
					near.put(s, broken)
					for _, asked := range []string{"{{x}}", "{{x | default: d}}", "{{x | upper | default: d}}", "{{'k' | hmac: x}}"} {
						if v, err := tmpl(t, asked).Expand(sourceScope{s, 0}); err == nil && v.Text != "near" && !(broken == "{{x}}" && strings.HasSuffix(near.name, "arguments")) {
							t.Errorf("%s with x: %s is %q, want an error", asked, broken, v.Text)
						}
					}
				}
			})
		}
	}
}

func TestLookupErrors(t *testing.T) {
	s := &Sources{Suite: [][]Var{{{Name: "next", Value: tmpl(t, "{{page | add: 1}}")}, {Name: "empty", Value: tmpl(t, "{{page}}")}, {Name: "later", Value: tmpl(t, "{{empty}}")}}}}
	for _, tt := range []struct{ name, text, page, want string }{
		{"the filter's own error", "{{next}}", "p41", `variable "next": {{page | add: 1}}: add: "p41" and "1" are not plain numbers`},
		{"a name that nothing answers", "{{page}}", "", `variable "page" has no value`},
		{"one that a variable needs", "{{later}}", "", `variable "later": {{empty}}: variable "empty": variable "page" has no value`},
		{"a variable of the environment", "{{env.X}}", "", `variable "env.X" has no value`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Captures = nil
			if tt.page != "" {
				s.Captures = map[string]Value{"page": TextValue(tt.page)}
			}
			_, err := tmpl(t, tt.text).Expand(sourceScope{s, 0})
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if got, want := errors.Is(err, ErrNoValue), tt.page == ""; got != want {
				t.Errorf("errors.Is(%v, ErrNoValue) = %v, want %v", err, got, want)
			}
		})
	}
}
