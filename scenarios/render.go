package scenarios

import (
	"math/rand/v2"
	"time"
)

// Expand replaces the template's placeholders with the scope's values. A
// template that is one whole placeholder keeps the value's type. A value is
// never expanded again.
func (t *Template) Expand(scope Scope) (Value, error) { return Value{}, nil }

// Render expands the step's request in a scope, each value escaped for its place.
func (s *Step) Render(scope Scope) (*Rendered, error) { return nil, nil }

// A Draw is what a generator may use.
type Draw struct {
	Source rand.Source
	Now    time.Time
	Row    int // number of the data row; 0 without data
}

// Generate draws the value of a $generator. It is pure: the same draw gives the
// same value. name comes without the $.
func Generate(name string, args []string, d Draw) (Value, error) { return Value{}, nil }
