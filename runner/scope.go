package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/scenarios"
)

// A scope answers the placeholders of one step for one lane. Nearest wins:
//
//  1. what the lane captured
//  2. the data row's cells
//  3. the arguments of the part that the step came from, innermost first
//  4. --var flags
//  5. BGVERIFY_ variables
//  6. the env file: its side's variables, then its common ones
//  7. the case's variables
//  8. the suite file's: its side's variables, then its common ones
type scope struct {
	walk *walk // nil outside a case: side headers of probes and tokens
	lane *lane
	side scenarios.Side // where the request goes; a crossing lane changes it step by step
	with [][]scenarios.Var
	// step and round tell the step's draws from those of other steps and of its
	// other rounds (repeat).
	step string
	// owner is what drawn values belong to: the walk, or the suite for its own
	// and the env file's variables, which keep one value from setup to teardown.
	owner string
	now   time.Time
	// loose names what only an answer can give: in a dry run it stands as its
	// own placeholder. nil in a real run.
	loose map[string]bool
	depth int
}

// Lookup finds a variable; see scope for the order.
func (s *scope) Lookup(name string) (scenarios.Value, bool) {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		return s.lookupEnv(env)
	}
	if v, ok := s.lane.captures[name]; ok { // Rule 1
		return v, true
	}
	if v, ok := s.walk.cell(name); ok { // Rule 2
		return v, true
	}
	for i := len(s.with) - 1; i >= 0; i-- { // Rule 3
		if v, ok := s.variable(s.with[i], name, s.with[:i], s.walk.id); ok {
			return v, true
		}
	}
	return s.lookupOutside(name)
}

func (s *scope) lookupOutside(name string) (scenarios.Value, bool) {
	run := s.walk.suite.run
	for i := len(run.plan.Vars) - 1; i >= 0; i-- { // Rule 4
		if run.plan.Vars[i].Name == name {
			return textValue(run.plan.Vars[i].Value), true
		}
	}
	if run.plan.World.Getenv != nil { // Rule 5
		if v, ok := scenarios.LookupEnv(run.plan.World.Getenv, name); ok {
			return textValue(v), true
		}
	}
	suite := s.walk.suite.suite
	if s.walk.test != nil && !s.named(name) { // Rule 7, after rule 6
		if v, ok := s.variable(s.walk.test.Vars, name, s.with, s.walk.id); ok {
			return v, true
		}
	}
	var lists [][]scenarios.Var
	if env := run.plan.Env; env != nil { // Rule 6
		lists = append(lists, pick(s.side, env.Blue.Vars, env.Green.Vars), env.Vars)
	}
	lists = append(lists, pick(s.side, suite.Blue.Vars, suite.Green.Vars), suite.Vars) // Rule 8
	for _, vars := range lists {
		if v, ok := s.variable(vars, name, s.with, suite.Name); ok {
			return v, true
		}
	}
	if s.loose[name] {
		return textValue("{{" + name + "}}"), true
	}
	return scenarios.Value{}, false
}

// named reports whether the env file has a variable of that name for the side.
func (s *scope) named(name string) bool {
	env := s.walk.suite.run.plan.Env
	if env == nil {
		return false
	}
	is := func(v scenarios.Var) bool { return v.Name == name }
	return slices.ContainsFunc(pick(s.side, env.Blue.Vars, env.Green.Vars), is) || slices.ContainsFunc(env.Vars, is)
}

// pick is blue's or green's.
func pick[T any](side scenarios.Side, blue, green T) T {
	if side == scenarios.Green {
		return green
	}
	return blue
}

func (s *scope) lookupEnv(name string) (scenarios.Value, bool) {
	if s.walk.suite.run.plan.World.Getenv == nil {
		return scenarios.Value{}, false
	}
	v, ok := s.walk.suite.run.plan.World.Getenv(name)
	return textValue(v), ok
}

// maxDepth bounds variables that name variables; the loader refuses cycles.
const maxDepth = 32

// variable expands a variable of vars; its own placeholders are answered by the
// same scope with the given arguments, and its draws belong to owner, not to the
// step: a variable keeps its value.
func (s *scope) variable(vars []scenarios.Var, name string, with [][]scenarios.Var, owner string) (scenarios.Value, bool) {
	for i := len(vars) - 1; i >= 0; i-- {
		if vars[i].Name != name {
			continue
		}
		if s.depth >= maxDepth {
			return scenarios.Value{}, false
		}
		inner := *s
		inner.with, inner.depth, inner.step, inner.owner, inner.now = with, s.depth+1, "", owner, s.walk.started
		if owner != s.walk.id {
			inner.now = s.walk.suite.run.board.started
		}
		v, err := vars[i].Value.Expand(&inner)
		return v, err == nil
	}
	return scenarios.Value{}, false
}

// Generate draws a value: a pure function of the seed, the case, the row, the
// step and the placeholder, and of the lane when perSide.
func (s *scope) Generate(generator string, args []string, key string, perSide bool) (scenarios.Value, error) {
	lane := ""
	if perSide {
		lane = s.lane.kind.String()
	}
	owner := s.walk.id
	if s.owner != "" {
		owner = s.owner
	}
	source := draw(s.walk.suite.run.plan.Options.Seed, "value", owner, s.step, key, lane)
	return scenarios.Generate(generator, args, scenarios.Draw{Source: source, Now: s.now, Row: s.walk.row.Number})
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

// textValue is a value that is text.
func textValue(text string) scenarios.Value {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always has JSON
	return scenarios.Value{Text: text, JSON: strings.TrimSuffix(b.String(), "\n")}
}

// numberValue is a value that is a whole number.
func numberValue(n int) scenarios.Value {
	text := strconv.Itoa(n)
	return scenarios.Value{Text: text, JSON: text}
}
