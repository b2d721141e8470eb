package scenarios

import (
	"errors"
	"fmt"
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
//  5. the environment, see LookupEnv
//  6. the env file: its side's variables, then its common ones
//  7. the case's variables
//  8. the suite's: its side's variables, then its common ones
//
// A name env.NAME is the environment variable NAME and nothing else.
type Sources struct {
	Captures map[string]Value
	Columns  []string
	Cells    []Value
	With     [][]Var // outermost first
	Flags    []Named
	Getenv   func(string) (string, bool) // nil: no environment
	Side     Side
	Env      *Env // nil: no env file
	Case     []Var
	Suite    *Suite
	// Read is called with each name that something outside the suites answers, and
	// with each environment variable that was asked for by name; nil: nobody asks.
	Read func(from Origin, name string)
}

// An Origin is what answers a variable from outside the suites.
type Origin uint8

// The origins.
const (
	FromFlag        Origin = iota + 1 // --var
	FromEnvironment                   // env.NAME, or BGVERIFY_VAR_NAME
	FromEnvFile                       // vars of the env file
)

func (s *Sources) read(from Origin, name string) {
	if s.Read != nil {
		s.Read(from, name)
	}
}

// A Definition is a variable of a file, still to be expanded.
type Definition struct {
	Var   *Var
	With  [][]Var // the arguments that its own placeholders see
	Suite bool    // it belongs to the suite or the env file, not to the case
}

// Lookup finds the nearest value of a name. A variable of a file is expanded in
// the scope that inner makes for it; depth is how many variables are already
// being expanded.
//
// Where the nearest one cannot be computed, Lookup returns the error: a farther
// variable of the same name is another value, and could make the two sides be
// asked different things.
func (s *Sources) Lookup(name string, depth int, inner func(Definition) Scope) (Value, bool, error) {
	if env, ok := cutEnv(name); ok {
		s.read(FromEnvironment, name)
		if s.Getenv == nil {
			return Value{}, false, nil
		}
		v, ok := s.Getenv(env)
		return textValue(v), ok, nil
	}
	if v, ok := s.given(name); ok {
		return v, true, nil
	}
	d, ok := s.argument(name)
	if !ok {
		if v, ok := s.outside(name); ok {
			return v, true, nil
		}
		if d, ok = s.variable(name); !ok {
			return Value{}, false, nil
		}
	}
	if depth >= maxUse {
		return Value{}, false, fmt.Errorf("variable %q: variables name each other more than %d deep", name, maxUse)
	}
	v, err := d.Var.Value.Expand(inner(d))
	if err != nil {
		return Value{}, false, fmt.Errorf("variable %q: %w", name, err)
	}
	return v, true, nil
}

// given is rules 1 and 2.
func (s *Sources) given(name string) (Value, bool) {
	if v, ok := s.Captures[name]; ok {
		return v, true
	}
	for i, c := range s.Columns {
		if c == name && i < len(s.Cells) {
			return s.Cells[i], true
		}
	}
	return Value{}, false
}

// argument is rule 3.
func (s *Sources) argument(name string) (Definition, bool) {
	for i := len(s.With) - 1; i >= 0; i-- {
		if v := findVar(s.With[i], name); v != nil {
			return Definition{Var: v, With: s.With[:i]}, true
		}
	}
	return Definition{}, false
}

// outside is rules 4 and 5.
func (s *Sources) outside(name string) (Value, bool) {
	if v, ok := flagged(s.Flags, name); ok {
		s.read(FromFlag, name)
		return textValue(v), true
	}
	v, ok := LookupEnv(s.Getenv, name)
	if ok {
		s.read(FromEnvironment, VarPrefix+name)
	}
	return textValue(v), ok
}

// flagged is the value of the last flag of a name.
func flagged(flags []Named, name string) (string, bool) {
	for i := len(flags) - 1; i >= 0; i-- {
		if flags[i].Name == name {
			return flags[i].Value, true
		}
	}
	return "", false
}

// variable is rules 6 to 8.
func (s *Sources) variable(name string) (Definition, bool) {
	if s.Env != nil {
		for _, list := range [][]Var{sideVars(s.Side, s.Env.Blue.Vars, s.Env.Green.Vars), s.Env.Vars} {
			if v := findVar(list, name); v != nil {
				s.read(FromEnvFile, name)
				return Definition{Var: v, With: s.With, Suite: true}, true
			}
		}
	}
	if v := findVar(s.Case, name); v != nil {
		return Definition{Var: v, With: s.With}, true
	}
	for _, list := range [][]Var{sideVars(s.Side, s.Suite.Blue.Vars, s.Suite.Green.Vars), s.Suite.Vars} {
		if v := findVar(list, name); v != nil {
			return Definition{Var: v, With: s.With, Suite: true}, true
		}
	}
	return Definition{}, false
}

// cutEnv is the environment variable that a name of the form env.NAME means.
func cutEnv(name string) (string, bool) {
	env, ok := strings.CutPrefix(name, "env.")
	return env, ok && env != ""
}

func sideVars(side Side, blue, green []Var) []Var {
	if side == Green {
		return green
	}
	return blue
}

// addressScope answers what is known before the first request: flags, the
// environment, the env file, and the variables of side and suite.
type addressScope struct {
	sources *Sources
	depth   int
}

// addresses is the scope of a side's addresses.
func (b *builder) addresses(side Side) addressScope {
	return addressScope{sources: &Sources{Flags: b.opts.Vars, Getenv: b.opts.Getenv, Side: side, Env: b.suite.Stage, Suite: b.suite}}
}

// Lookup finds a variable.
func (s addressScope) Lookup(name string) (Value, bool, error) {
	return s.sources.Lookup(name, s.depth, func(Definition) Scope { return addressScope{s.sources, s.depth + 1} })
}

// Generate refuses: an address is the same for the whole run.
func (s addressScope) Generate(string, []string, string, bool) (Value, error) {
	return Value{}, errors.New("generators cannot be used in an address")
}
