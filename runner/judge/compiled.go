package judge

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Compiled is what a step is judged by, as far as its file alone says it: expectations,
// conditions and captures with their paths and regular expressions parsed, and with the
// operands that have no placeholder. It is made once, when a run begins, and never changed,
// so that all walks of a run share it without a lock.
//
// What cannot be parsed is the error of the first use, as it is for an operand whose text
// only a row or an answer gives.
type Compiled struct {
	expect [3]*Checks // by side; one and the same where the file writes one for both
	// until ends the polling of the step; when and whenVars say whether it is sent.
	until, when *Checks
	whenVars    []subject
	// Captures are those of the step, in its order.
	// A capture that cannot be compiled is in its place, with its error.
	Captures []*Capture
}

// A Compiler compiles the steps of a suite. Steps that say the same share what it comes
// to: thousands of cases often have one expectation. It is not safe for concurrent use.
type Compiler struct {
	// Both maps are by the text as written. Errors are not kept, since they are rare.
	patterns map[string]*regexp.Regexp
	paths    map[string]*places
}

// NewCompiler returns a compiler that has seen nothing.
func NewCompiler() *Compiler {
	return &Compiler{patterns: map[string]*regexp.Regexp{}, paths: map[string]*places{}}
}

// Compile prepares a step.
// No error comes back: what is wrong with an expression is reported by its first use, in the
// case that it belongs to, and other cases go on.
func (c *Compiler) Compile(step *scenarios.Step) *Compiled {
	both := c.expectation(&step.Expect)
	out := &Compiled{expect: [3]*Checks{scenarios.Blue: both, scenarios.Green: both}}
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if own := step.ExpectOf(side); own != &step.Expect {
			// A side has its own expectation only where the file writes one. The comparison of
			// pointers is enough, because ExpectOf returns the step's own field otherwise.
			out.expect[side] = c.expectation(own)
		}
	}
	if step.Poll != nil {
		out.until = c.expectation(&step.Poll.Until)
	}
	if step.When != nil {
		out.when = c.expectation(step.When)
	}
	// Variables have no suite setting for numbers, hence false.
	for i := range step.WhenVars {
		out.whenVars = append(out.whenVars, c.subject(step.WhenVars[i].Name, step.WhenVars[i].Matchers, false))
	}
	for i := range step.Captures {
		out.Captures = append(out.Captures, c.capture(&step.Captures[i]))
	}
	return out
}

// Checks are the step's expectations of a side with their placeholders expanded. The scope
// gives variables, captures and the row of the case. An error names the place of the
// placeholder in the file.
func (c *Compiled) Checks(side scenarios.Side, sc template.Scope) (*Checks, error) {
	return c.expect[side].in(sc)
}

// Arrived asks the condition that ends polling; see Checks.holds. why says what did not
// hold, for the message of a poll that ran out of time. It must only be called for a step that
// polls.
func (c *Compiled) Arrived(side scenarios.Side, a *Answer, sc template.Scope) (ok bool, why string, err error) {
	return c.until.holds(side, a, sc)
}

// When asks the condition of the previous step's answer; a step without one is sent. previous
// is nil in front of the first step of a case; a condition on an answer then fails and the step
// is not sent.
func (c *Compiled) When(side scenarios.Side, previous *Answer, sc template.Scope) (bool, error) {
	if c.when == nil {
		return true, nil
	}
	ok, _, err := c.when.holds(side, previous, sc)
	return ok, err
}

// WhenVariable tests the i-th variable of the step's condition; one that has no value is only
// known not to exist. A test of existence is answered by the lookup alone, and any other test
// fails where the variable has no value. All tests of the variable have to hold.
func (c *Compiled) WhenVariable(i int, sc template.Scope, hidden HiddenValues) (bool, error) {
	one := c.whenVars[i]
	if err := one.expand(sc); err != nil {
		return false, err
	}
	value, found, err := sc.Lookup(one.name)
	if err != nil && !errors.Is(err, template.ErrNoValue) {
		return false, err
	}
	for i := range one.tests {
		t := &one.tests[i]
		switch {
		case t.Op == scenarios.OpExists && found != t.want():
			return false, nil
		case t.Op == scenarios.OpExists:
		// A hidden value is an error, not a false: whether the step would have been sent is not
		// known.
		case found && t.needsValue([]datum{valueDatum(value)}, hidden):
			return false, fmt.Errorf("variable %s: %s", one.name, run.NotKept)
		case !found || !t.holds(valueDatum(value)):
			return false, nil
		}
	}
	return true, nil
}

// A subject is one thing that a file tests, with its tests: the latency, the body as text, a
// header, a cookie, a part of a playlist, a variable, or the values at a path. Its tests are there
// from the start where none of them has a placeholder; else a scope gives them at each use.
type subject struct {
	// name is that of the header or cookie in the letters of the file, or the path as written.
	name string
	// where is the place that a path leads to; nil where a scope gives values of its filters.
	where *places
	tests []Test
	// others are the path with values of its filters of another type: "5" in place of 5.
	others []string

	written []scenarios.Matcher
	keyed   *scenarios.Template // the path, where a scope gives values of its filters
	open    bool                // a placeholder makes the tests depend on the scope
	typed   bool                // numbers are compared by value and type, as the suite says
	err     error               // of compiling what is not open
}

// subject compiles the tests of one thing. typed has numbers compared by value and type.
func (c *Compiler) subject(name string, list []scenarios.Matcher, typed bool) subject {
	s := subject{name: name, written: list, typed: typed, open: slices.ContainsFunc(list, hasPlaceholder)}
	if !s.open {
		s.tests, s.err = newTests(list, nil, c.pattern)
		s.compareTypes(s.tests)
	}
	return s
}

// hasPlaceholder reports whether only a scope says what a matcher is. Lists and subordinate
// tests are searched too, to any depth.
func hasPlaceholder(m scenarios.Matcher) bool {
	return m.Value != nil && !m.Value.Static() || slices.ContainsFunc(m.Sub, hasPlaceholder) ||
		slices.ContainsFunc(m.List, func(t *scenarios.Template) bool { return !t.Static() })
}

// pattern compiles a regular expression, each text once.
func (c *Compiler) pattern(text string) (*regexp.Regexp, error) {
	if re := c.patterns[text]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(text)
	if err == nil {
		c.patterns[text] = re
	}
	return re, err
}

// places parses a path, each text once.
func (c *Compiler) places(path string) (*places, error) {
	if p := c.paths[path]; p != nil {
		return p, nil
	}
	p, err := placesFor(path)
	if err == nil {
		c.paths[path] = p
	}
	return p, err
}

// expand replaces the placeholders of the path and of the tests, or gives the error of what has
// none.
func (s *subject) expand(sc template.Scope) (err error) {
	if s.keyed != nil {
		if s.name, s.others, err = s.keyed.ExpandJSON(sc); err != nil {
			return fmt.Errorf("%s: %w", s.keyed.Pos, err)
		}
		if s.where, err = placesFor(s.name); err != nil {
			return fmt.Errorf("%s: %s: %w", s.keyed.Pos, s.name, err)
		}
	}
	if !s.open {
		return s.err
	}
	s.tests, err = newTests(s.written, sc, regexp.Compile)
	s.compareTypes(s.tests)
	return err
}

// compareTypes makes tests compare numbers by value and type, where the suite does. It goes
// down into lists and subordinate tests: each and not compare elements by the same setting.
func (s *subject) compareTypes(tests []Test) {
	if !s.typed {
		return
	}
	for i := range tests {
		tests[i].Typed = true
		s.compareTypes(tests[i].List)
		s.compareTypes(tests[i].Sub)
	}
}

// expectation compiles one; nil is the default expectation. A suite's answer: comes with each
// expectation of it. Parts of a playlist without a test are left out, so that no test is made
// of them.
func (c *Compiler) expectation(written *scenarios.Expect) *Checks {
	if written == nil {
		written = &scenarios.Expect{}
	}
	typed := written.Numbers == diff.Typed
	x := &Checks{
		expect: written, latency: c.subject("", written.Latency, false), content: c.subject("", written.Text, false),
		headers: c.fields(written.Headers), cookies: c.fields(written.Cookies), body: c.located(written.Body, typed),
	}
	if written.Answer != nil {
		x.answer = c.located(written.Answer.OK, typed)
	}
	if h := written.HLS; h != nil {
		parts := []scenarios.FieldExpect{
			{Name: "variants", Matchers: h.Variants},
			{Name: "segments", Matchers: h.Segments},
			{Name: "codecs", Matchers: h.Codecs},
			{Name: "target_duration", Matchers: h.TargetDuration},
		}
		x.hls = c.fields(slices.DeleteFunc(parts, func(p scenarios.FieldExpect) bool { return len(p.Matchers) == 0 }))
	}
	// Where there is nothing to expand and no error, walks share the checks as they are.
	all := slices.Concat([]subject{x.latency, x.content}, x.headers, x.cookies, x.body, x.answer, x.hls)
	x.open = slices.ContainsFunc(all, func(s subject) bool { return s.open || s.keyed != nil || s.err != nil })
	return x
}

// fields compiles the tests of headers, cookies and parts of a playlist.
func (c *Compiler) fields(list []scenarios.FieldExpect) []subject {
	out := make([]subject, len(list))
	for i, f := range list {
		out[i] = c.subject(f.Name, f.Matchers, false)
	}
	return out
}

// located compiles the tests at paths. A path that is wrong makes its tests fail with that error,
// and is not open whatever they have.
func (c *Compiler) located(list []scenarios.PathExpect, typed bool) []subject {
	out := make([]subject, len(list))
	for i, p := range list {
		out[i] = c.subject(p.Path, p.Matchers, typed)
		if out[i].keyed = p.Keyed; p.Keyed != nil {
			continue
		}
		var err error
		if out[i].where, err = c.places(p.Path); err != nil {
			out[i].open, out[i].err = false, fmt.Errorf("%s: %w", p.Pos, err)
		}
	}
	return out
}

// in are the checks in a scope. They are not to be changed: walks share those that need none. The
// error is the first in the order of the file's parts.
func (c *Checks) in(sc template.Scope) (*Checks, error) {
	if !c.open {
		return c, nil
	}
	own := *c
	var err error
	expand := func(list []subject) []subject {
		list = slices.Clone(list)
		for i := 0; i < len(list) && err == nil; i++ {
			err = list[i].expand(sc)
		}
		return list
	}
	own.latency = expand([]subject{c.latency})[0]
	own.headers, own.cookies = expand(c.headers), expand(c.cookies)
	own.body, own.answer = expand(c.body), expand(c.answer)
	own.content = expand([]subject{c.content})[0]
	own.hls = expand(c.hls)
	own.open = false
	if err != nil {
		return nil, err
	}
	return &own, nil
}

// holds asks the expectation as a condition: the defaults do not apply. No answer, or a failed
// one, meets none. A condition is asked with the same checks as an expectation, but on a copy
// that is marked sparse: without defaults for status and body. why is for people; err means
// that the condition could not be tested.
func (c *Checks) holds(side scenarios.Side, a *Answer, sc template.Scope) (ok bool, why string, err error) {
	shared, err := c.in(sc)
	if err != nil {
		return false, "", err
	}
	checks := *shared
	checks.sparse = true
	switch {
	case a == nil:
		return false, "there is no answer", nil
	case a.Err != nil:
		return false, fmt.Sprintf("%s: %s", a.Err.Class, a.Err.Detail), nil
	}
	for _, e := range checks.Check(side, a, nil) {
		if e.Withheld() {
			return false, "", fmt.Errorf("%s: %s", e.What, e.Got)
		}
		if !e.OK {
			return false, fmt.Sprintf("expected %s, got %s", e.What, e.Got), nil
		}
	}
	return true, "", nil
}
