package scenarios

import (
	"errors"

	"github.com/bgverify/bgverify/scenarios/template"
)

// Sources are the variables that the suite's own file and a stage's env file
// (nil: none) give to one side. The caller adds what it knows besides: flags, the
// environment, captures, the row, the case.
func (s *Suite) Sources(side Side, stage *Env) *template.Sources {
	sources := &template.Sources{Suite: [][]Var{s.Side(side).Vars, s.Vars}}
	if stage != nil {
		sources.Stage = [][]Var{stage.side(side).Vars, stage.Vars}
	}
	return sources
}

// Side is the configuration of one side.
func (s *Suite) Side(side Side) *SideConfig {
	if side == Green {
		return &s.Green
	}
	return &s.Blue
}

func (e *Env) side(side Side) *SideConfig {
	if side == Green {
		return &e.Green
	}
	return &e.Blue
}

// addressScope answers what is known before the first request: flags, the
// environment, the env file, and the variables of side and suite.
type addressScope struct {
	sources *template.Sources
	depth   int
}

// addresses is the scope of a side's addresses.
func (b *builder) addresses(side Side) addressScope {
	sources := b.suite.Sources(side, b.suite.Stage)
	sources.Flags, sources.Getenv = b.opts.Vars, b.opts.Getenv
	return addressScope{sources: sources}
}

// Lookup finds a variable.
func (s addressScope) Lookup(name string) (Value, bool, error) {
	return s.sources.Lookup(name, s.depth, func(template.Definition) template.Scope { return addressScope{s.sources, s.depth + 1} })
}

// Generate refuses: an address is the same for the whole run.
func (s addressScope) Generate(string, []string, string, bool) (Value, error) {
	return Value{}, errors.New("generators cannot be used in an address")
}
