package runner

import (
	"fmt"
	"maps"
	"time"

	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A scope answers the placeholders of one step for one lane, in the order of
// [template.Sources].
type scope struct {
	walk *walk // nil outside a case: side headers of probes and tokens
	lane *lane
	side scenarios.Side // where the request goes; a crossing lane changes it step by step
	with [][]scenarios.Var
	// step and round tell the step's draws from those of other steps and of its
	// other rounds (repeat).
	step string
	// owner is what generated values belong to: the walk, or the suite's session for
	// its own and the env file's variables, which keep one value from setup to
	// teardown and get another when setup is walked again.
	owner string
	now   time.Time
	// loose names what only an answer can give: in a dry run it stands as its
	// own placeholder. nil in a real run.
	loose map[string]bool
	depth int
	// values stand in for the lane's captures: those of what is taken back.
	values map[string]scenarios.Value
	// truthful answers with what the services really gave; see lane.truth.
	truthful bool
	// reads collects what a condition reads from outside the suites; nil: nothing does.
	reads *run.SwitchedOff
}

// Lookup finds a variable. In a dry run one that only an answer can give, or that
// is computed from such a one, is its own placeholder.
func (s *scope) Lookup(name string) (scenarios.Value, bool, error) {
	if _, changed := s.lane.truth[name]; changed {
		s.lane.misled = s.lane.misled || !s.truthful
	}
	v, found, err := s.sources().Lookup(name, s.depth, s.inner)
	if err == nil && !found && s.loose[name] {
		return template.TextValue("{{" + name + "}}"), true, nil
	}
	return v, found, err
}

// forget empties what was read from outside the suites.
func (s *scope) forget() {
	if s.reads != nil {
		*s.reads = run.SwitchedOff{}
	}
}

func (s *scope) sources() *template.Sources {
	w := s.walk
	plan := w.suite.run.plan
	all := w.suite.suite.Sources(s.side, plan.Env)
	all.Captures, all.Columns, all.Cells, all.With = s.lane.captures, w.columns, w.row.Cells, s.with
	all.Flags, all.Getenv = plan.Vars, plan.World.Getenv
	if w.test != nil {
		all.Case = w.test.Vars
	}
	if s.reads != nil {
		all.Read = s.reads.Add
	}
	if s.truthful && len(s.lane.truth)+len(s.values) > 0 {
		all.Captures = maps.Clone(s.lane.captures)
		maps.Copy(all.Captures, s.lane.truth)
		maps.Copy(all.Captures, s.values)
	}
	return all
}

// inner is the scope of a variable's own placeholders: what it generates belongs
// to its case or suite, not to the step, so that it keeps its value.
func (s *scope) inner(d template.Definition) template.Scope {
	inner := *s
	inner.with, inner.depth, inner.step = d.With, s.depth+1, ""
	inner.owner, inner.now = s.walk.owner(), s.walk.started
	if d.Suite {
		inner.owner = s.walk.suite.partID("", s.walk.born)
	}
	if inner.owner != s.walk.owner() {
		inner.now = s.walk.suite.run.begun()
	}
	return &inner
}

// begun is when the run began, also where it was resumed later.
func (e *execution) begun() time.Time {
	if !e.plan.Started.IsZero() {
		return e.plan.Started
	}
	return e.board.started
}

// pick is blue's or green's.
func pick[T any](side scenarios.Side, blue, green T) T {
	if side == scenarios.Green {
		return green
	}
	return blue
}

// Generate draws a value: a pure function of the seed, the case, the row, the
// step and the placeholder, and of the lane when perSide.
func (s *scope) Generate(generator string, args []string, key string, perSide bool) (scenarios.Value, error) {
	lane := ""
	if perSide {
		lane = s.lane.kind.String()
	}
	owner := s.walk.owner()
	if s.owner != "" {
		owner = s.owner
	}
	source := random.Source(s.walk.suite.run.plan.Options.Seed, "value", owner, s.step, key, lane)
	return template.Generate(generator, args, template.Draw{Source: source, Now: s.now, Row: s.walk.row.Number})
}

// expand expands a template to text; a nil template is "".
func (s *scope) expand(t *scenarios.Template) (string, error) {
	if t == nil {
		return "", nil
	}
	v, err := t.Expand(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.Pos, err)
	}
	return v.Text, nil
}
