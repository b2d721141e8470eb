package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoValue marks the error of a placeholder whose variable nothing answers.
// One that is answered by a value which cannot be computed has another error.
var ErrNoValue = errors.New("has no value")

// Sources is everything that can answer a variable for one side. Addresses are
// asked with those that are known before the first request, requests with all.
// Nearest wins:
//
//  1. Captures
//  2. the data row's Cells, by Columns
//  3. With: the arguments of the part that the step came from, innermost first
//  4. Flags, the last of a name
//  5. the environment, see [LookupEnv]
//  6. Stage: the env file's variables
//  7. the Case's variables
//  8. the Suite's variables
//
// A name env.NAME is the environment variable NAME and nothing else.
type Sources struct {
	// Captures are the values read from earlier answers, by name.
	// Captures are those of one lane.
	Captures map[string]Value
	// Columns name the Cells of the data row, in the same order.
	Columns []string
	Cells   []Value
	// With are the arguments of the parts around the step, outermost first.
	With [][]Var
	// Flags are the variables given on the command line, in order.
	Flags []Named
	// Getenv reads an environment variable; nil: there is no environment.
	Getenv func(string) (string, bool)
	// Stage are the variables of the env file: those of the side, then the common ones.
	Stage [][]Var
	// Case are the variables of the case.
	Case []Var
	// Suite are the variables of the suite: those of the side, then the common ones.
	Suite [][]Var
	// Read is called with each name that something outside the suites answers, and
	// with each environment variable that was asked for by name; nil: it is not reported.
	Read func(from Origin, name string)
}

// An Origin is what answers a variable from outside the suites.
// Reports list what came from outside, so that a run can be repeated. Zero is invalid.
type Origin uint8

// The origins.
const (
	FromFlag        Origin = iota + 1 // --var
	FromEnvironment                   // env.NAME, or BGVERIFY_VAR_NAME
	FromEnvFile                       // vars of the env file
)

// read passes on what answered a name, where somebody asks for it.
func (s *Sources) read(from Origin, name string) {
	if s.Read != nil {
		s.Read(from, name)
	}
}

// A Definition is a variable of a file, still to be expanded.
// The caller expands it in the scope that its file had, not in that of the placeholder.
type Definition struct {
	Var  *Var
	With [][]Var // the arguments that its own placeholders see
	// Suite is set where it belongs to the suite or the env file, not to the case.
	Suite bool
}

// Lookup finds the nearest value of a name. A variable of a file is expanded in
// the scope that inner makes for it; depth is how many variables are already
// being expanded.
//
// Where the nearest one cannot be computed, Lookup returns the error: a farther
// variable of the same name is another value, and could make the two sides be
// asked different things.
func (s *Sources) Lookup(name string, depth int, inner func(Definition) Scope) (Value, bool, error) {
	v, d, found := s.Find(name)
	// A value that needs no expanding, or none.
	if !found || d.Var == nil {
		return v, found, nil
	}
	if depth >= maxDepth {
		return Value{}, false, fmt.Errorf("variable %q: variables name each other more than %d deep", name, maxDepth)
	}
	v, err := d.Var.Value.Expand(inner(d))
	if err != nil {
		return Value{}, false, fmt.Errorf("variable %q: %w", name, err)
	}
	return v, true, nil
}

// maxDepth bounds how deep variables name each other.
const maxDepth = 16

// Find is Lookup without expanding: the nearest answer is a value, or the
// definition of a variable where d.Var is not nil.
func (s *Sources) Find(name string) (v Value, d Definition, found bool) {
	// The environment is asked by name and by nothing else: rule 5 does not count here.
	if env, ok := CutEnv(name); ok {
		s.read(FromEnvironment, name)
		if s.Getenv == nil {
			return Value{}, d, false
		}
		text, ok := s.Getenv(env)
		return TextValue(text), d, ok
	}
	if v, found = s.given(name); found {
		return v, d, true
	}
	if d, found = s.argument(name); found {
		return v, d, true
	}
	if v, found = s.outside(name); found {
		return v, d, true
	}
	d, found = s.variable(name)
	return Value{}, d, found
}

// given is rules 1 and 2.
func (s *Sources) given(name string) (Value, bool) {
	if v, ok := s.Captures[name]; ok {
		return v, true
	}
	if i := slices.Index(s.Columns, name); i >= 0 && i < len(s.Cells) {
		return s.Cells[i], true
	}
	return Value{}, false
}

// argument is rule 3.
func (s *Sources) argument(name string) (Definition, bool) {
	// The innermost part is asked first. Its argument sees those of the parts around it only.
	for i, list := range slices.Backward(s.With) {
		if v := FindVar(list, name); v != nil {
			return Definition{Var: v, With: s.With[:i]}, true
		}
	}
	return Definition{}, false
}

// outside is rules 4 and 5.
func (s *Sources) outside(name string) (Value, bool) {
	if v, ok := Flagged(s.Flags, name); ok {
		s.read(FromFlag, name)
		return v, true
	}
	v, prefix, ok := LookupEnv(s.Getenv, name)
	if ok {
		s.read(FromEnvironment, prefix+name)
	}
	return v, ok
}

// Flagged is the value of the last flag of a name.
// The last one wins, as with flags everywhere.
func Flagged(flags []Named, name string) (Value, bool) {
	for _, f := range slices.Backward(flags) {
		if f.Name == name {
			return f.Typed(), true
		}
	}
	return Value{}, false
}

// variable is rules 6 to 8.
func (s *Sources) variable(name string) (Definition, bool) {
	// Rule 6: what a stage sets holds for all suites.
	for _, list := range s.Stage {
		if v := FindVar(list, name); v != nil {
			s.read(FromEnvFile, name)
			return Definition{Var: v, With: s.With, Suite: true}, true
		}
	}
	// Rule 7.
	if v := FindVar(s.Case, name); v != nil {
		return Definition{Var: v, With: s.With}, true
	}
	// Rule 8.
	for _, list := range s.Suite {
		if v := FindVar(list, name); v != nil {
			return Definition{Var: v, With: s.With, Suite: true}, true
		}
	}
	return Definition{}, false
}

// CutEnv is the environment variable that a name of the form env.NAME means.
// It is false for env. alone.
func CutEnv(name string) (string, bool) {
	env, ok := strings.CutPrefix(name, "env.")
	return env, ok && env != ""
}
