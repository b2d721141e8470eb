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
	expect [3]*expectation // by side; one and the same where the file writes one for both
	// until ends the polling of the step; when and whenVars say whether it is sent.
	until, when *expectation
	whenVars    []matchers
	// Captures are those of the step, in its order.
	// A capture that cannot be compiled is in its place, with its error.
	Captures []*Capture
	// step gives the names of the variables that its condition tests.
	step *scenarios.Step
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
	out := &Compiled{step: step, expect: [3]*expectation{scenarios.Blue: both, scenarios.Green: both}}
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
		out.whenVars = append(out.whenVars, c.matchers(step.WhenVars[i].Matchers, false))
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
	return c.expect[side].checks(sc)
}

// Arrived asks the condition that ends polling; see expectation.holds. why says what did not
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
	tests, err := c.whenVars[i].expand(sc)
	if err != nil {
		return false, err
	}
	name := c.step.WhenVars[i].Name
	value, found, err := sc.Lookup(name)
	if err != nil && !errors.Is(err, template.ErrNoValue) {
		return false, err
	}
	for i := range tests {
		t := &tests[i]
		switch {
		case t.Op == scenarios.OpExists && found != t.want():
			return false, nil
		case t.Op == scenarios.OpExists:
		// A hidden value is an error, not a false: whether the step would have been sent is not
		// known.
		case found && t.needsValue([]datum{valueDatum(value)}, hidden):
			return false, fmt.Errorf("variable %s: %s", name, run.NotKept)
		case !found || !t.holds(valueDatum(value)):
			return false, nil
		}
	}
	return true, nil
}

// matchers are the tests of one thing. tests are there where none of them has a
// placeholder; else they are made of written at each use.
type matchers struct {
	// open is set where a placeholder makes the tests depend on the scope.
	written []scenarios.Matcher
	tests   []Test
	open    bool
	typed   bool // numbers are compared by value and type, as the suite says
	// err is the error of compiling fixed tests.
	err error
}

// matchers compiles a list of tests. typed has numbers compared by value and type.
func (c *Compiler) matchers(list []scenarios.Matcher, typed bool) matchers {
	m := matchers{written: list, typed: typed, open: slices.ContainsFunc(list, hasPlaceholder)}
	if !m.open {
		m.tests, m.err = newTests(list, nil, c.pattern)
		m.compareTypes(m.tests)
	}
	return m
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

// expand returns the tests with their placeholders replaced.
func (m *matchers) expand(sc template.Scope) ([]Test, error) {
	if !m.open {
		return m.tests, m.err
	}
	tests, err := newTests(m.written, sc, regexp.Compile)
	m.compareTypes(tests)
	return tests, err
}

// compareTypes makes tests compare numbers by value and type, where the suite does. It goes
// down into lists and subordinate tests: each and not compare elements by the same setting.
func (m *matchers) compareTypes(tests []Test) {
	if !m.typed {
		return
	}
	for i := range tests {
		tests[i].Typed = true
		m.compareTypes(tests[i].List)
		m.compareTypes(tests[i].Sub)
	}
}

// An expectation is one of a file. fixed is what it comes to where nothing of it has a
// placeholder; nil: its parts are expanded at each use.
type expectation struct {
	written *scenarios.Expect
	fixed   *Checks

	latency, content []named // of one element, without a name
	headers, cookies []named
	hls              []named
	body, answer     []located
}

// named are tests of a header, a cookie or a part of a playlist.
// The name is that of the header or cookie, without change of letter case, or of the part.
type named struct {
	name string
	matchers
}

// located are tests of the values at a path. keyed is the path where a scope gives values of
// its filters; where is then nil.
type located struct {
	path  string
	where *places
	keyed *scenarios.Template
	matchers
}

// place is the path in a scope, without its tests.
func (l *located) place(sc template.Scope) (pathTests, error) {
	if l.keyed == nil {
		return pathTests{path: l.path, where: l.where}, nil
	}
	path, others, err := l.keyed.ExpandJSON(sc)
	if err != nil {
		return pathTests{}, fmt.Errorf("%s: %w", l.keyed.Pos, err)
	}
	where, err := placesFor(path)
	if err != nil {
		return pathTests{}, fmt.Errorf("%s: %s: %w", l.keyed.Pos, path, err)
	}
	return pathTests{path: path, where: where, others: others}, nil
}

// expectation compiles one; nil is the default expectation. A suite's answer: comes with each
// expectation of it. Parts of a playlist without a test are left out, so that no test is made
// of them.
func (c *Compiler) expectation(written *scenarios.Expect) *expectation {
	if written == nil {
		written = &scenarios.Expect{}
	}
	typed := written.Numbers == diff.Typed
	x := &expectation{
		written: written, headers: c.fields(written.Headers), cookies: c.fields(written.Cookies),
		latency: []named{{"", c.matchers(written.Latency, false)}}, content: []named{{"", c.matchers(written.Text, false)}},
		body: c.located(written.Body, typed),
	}
	if written.Answer != nil {
		x.answer = c.located(written.Answer.OK, typed)
	}
	if h := written.HLS; h != nil {
		for _, part := range []scenarios.FieldExpect{
			{Name: "variants", Matchers: h.Variants},
			{Name: "segments", Matchers: h.Segments},
			{Name: "codecs", Matchers: h.Codecs},
			{Name: "target_duration", Matchers: h.TargetDuration},
		} {
			if len(part.Matchers) > 0 {
				x.hls = append(x.hls, c.fields([]scenarios.FieldExpect{part})...)
			}
		}
	}
	// Nothing to expand: the checks are made here, once, instead of at each use.
	if !x.open() {
		if fixed, err := x.expand(nil); err == nil { // else the error is that of each use
			x.fixed = fixed
		}
	}
	return x
}

// fields compiles the tests of headers and cookies.
func (c *Compiler) fields(list []scenarios.FieldExpect) []named {
	out := make([]named, len(list))
	for i, f := range list {
		out[i] = named{f.Name, c.matchers(f.Matchers, false)}
	}
	return out
}

// located compiles the tests at paths.
func (c *Compiler) located(list []scenarios.PathExpect, typed bool) []located {
	out := make([]located, len(list))
	for i, p := range list {
		if p.Keyed != nil {
			out[i] = located{path: p.Path, keyed: p.Keyed, matchers: c.matchers(p.Matchers, typed)}
			continue
		}
		where, err := c.places(p.Path)
		out[i] = located{p.Path, where, nil, c.matchers(p.Matchers, typed)}
		// A path that is wrong makes its tests fail with that error, and is not open whatever
		// they have.
		if err != nil {
			out[i].open, out[i].err = false, fmt.Errorf("%s: %w", p.Pos, err)
		}
	}
	return out
}

// open reports whether anything of the expectation has a placeholder.
func (x *expectation) open() bool {
	isOpen := func(n named) bool { return n.open }
	for _, list := range [][]named{x.latency, x.content, x.headers, x.cookies, x.hls} {
		if slices.ContainsFunc(list, isOpen) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(x.body, x.answer), func(l located) bool { return l.open || l.keyed != nil })
}

// checks are the expectation in a scope. They are not to be changed: walks share them.
func (x *expectation) checks(sc template.Scope) (*Checks, error) {
	if x.fixed != nil {
		return x.fixed, nil
	}
	return x.expand(sc)
}

// expand makes the checks anew; the error is the first in the order of the file's parts. After
// the first error the remaining parts are still listed, but not expanded.
func (x *expectation) expand(sc template.Scope) (*Checks, error) {
	out := &Checks{expect: x.written}
	var err error
	expandNamed := func(list []named) (expanded []namedTests) {
		for i := range list {
			var tests []Test
			if err == nil {
				tests, err = list[i].expand(sc)
			}
			expanded = append(expanded, namedTests{list[i].name, tests})
		}
		return expanded
	}
	expandPaths := func(list []located) (expanded []pathTests) {
		for i := range list {
			one := pathTests{path: list[i].path}
			if err == nil {
				one, err = list[i].place(sc)
			}
			if err == nil {
				one.tests, err = list[i].expand(sc)
			}
			expanded = append(expanded, one)
		}
		return expanded
	}
	out.latency = expandNamed(x.latency)[0].tests
	out.headers, out.cookies = expandNamed(x.headers), expandNamed(x.cookies)
	out.body, out.answer = expandPaths(x.body), expandPaths(x.answer)
	out.content = expandNamed(x.content)[0].tests
	out.hls = expandNamed(x.hls)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// holds asks the expectation as a condition: the defaults do not apply. No answer, or a failed
// one, meets none. A condition is asked with the same checks as an expectation, but on a copy
// that is marked sparse: without defaults for status and body. why is for people; err means
// that the condition could not be tested.
func (x *expectation) holds(side scenarios.Side, a *Answer, sc template.Scope) (ok bool, why string, err error) {
	shared, err := x.checks(sc)
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
