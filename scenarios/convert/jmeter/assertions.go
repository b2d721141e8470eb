package jmeter

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// The bits of Assertion.test_type.
const (
	testMatches   = 1
	testContains  = 2
	testNot       = 4
	testEquals    = 8
	testSubstring = 16
	testOr        = 32
)

// A checks collects what the assertions of one sampler expect.
type checks struct {
	s      *scope
	expect model.Expect
	codes  *[600]bool // which statuses the assertions accept; nil: none speaks of it
	ignore bool       // an assertion ignores that JMeter takes 4xx and 5xx for failures
}

// add converts an assertion. why says why it cannot be.
func (c *checks) add(n *node) (why string) {
	if scope := n.trimmed("Assertion.scope"); scope == "children" || scope == "variable" {
		return "it tests " + scope + ", not the answer"
	}
	switch n.class {
	case "ResponseAssertion":
		return c.response(n)
	case "DurationAssertion":
		return c.duration(n)
	case "SizeAssertion":
		return c.size(n)
	case "JSONPathAssertion":
		return c.jsonPath(n)
	case "JSR223Assertion", "BeanShellAssertion", "BSFAssertion":
		return "it is a script"
	}
	return "no expectation tests this"
}

// response converts a response assertion: patterns against a part of the answer.
func (c *checks) response(n *node) string {
	var patterns []string
	collection := list(n.props, "Asserion.test_strings") // JMeter's own spelling
	if collection == nil {
		collection = list(n.props, "Assertion.test_strings")
	}
	for _, e := range collection {
		patterns = append(patterns, c.s.text(e.text))
	}
	kind := n.number("Assertion.test_type")
	field := n.trimmed("Assertion.test_field")
	if n.flag("Assertion.assume_success") {
		c.ignore = true
	}
	if len(patterns) == 0 {
		return "" // it tests nothing
	}
	switch field {
	case "Assertion.response_code":
		return c.code(patterns, kind)
	case "Assertion.response_data", "":
		return c.body(patterns, kind)
	case "Assertion.response_headers":
		return c.headers(patterns, kind)
	case "Assertion.response_message":
		return "the reason phrase is not compared"
	}
	return "it tests " + strings.TrimPrefix(field, "Assertion.") + ", which is not part of the answer"
}

// patternTest is the test of one pattern as JMeter makes it.
func patternTest(pattern string, kind int) (func(string) bool, string) {
	switch {
	case kind&testEquals != 0:
		return func(s string) bool { return s == pattern }, ""
	case kind&testSubstring != 0:
		return func(s string) bool { return strings.Contains(s, pattern) }, ""
	}
	re, whole, why := compiled(pattern)
	switch {
	case why != "":
		return nil, why
	case kind&testMatches != 0:
		return whole.MatchString, ""
	}
	return re.MatchString, ""
}

// compiled is a regular expression that finds a pattern, and one that matches a whole text.
func compiled(pattern string) (re, whole *regexp.Regexp, why string) {
	re, err := regexp.Compile(pattern)
	whole, errWhole := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil || errWhole != nil {
		why = "its regular expression has no form in RE2"
	}
	return re, whole, why
}

// code keeps the statuses that the patterns accept.
func (c *checks) code(patterns []string, kind int) string {
	var tests []func(string) bool
	for _, p := range patterns {
		if web.HasMark(p) {
			return "the status is a variable"
		}
		t, why := patternTest(p, kind)
		if why != "" {
			return why
		}
		tests = append(tests, t)
	}
	// Every status is tried, so that any mix of patterns, "not" and "or" becomes a plain list.
	accept := [600]bool{}
	for code := 100; code < 600; code++ {
		passes := func(t func(string) bool) bool { return t(strconv.Itoa(code)) != (kind&testNot != 0) }
		if kind&testOr != 0 {
			accept[code] = slices.ContainsFunc(tests, passes)
		} else {
			accept[code] = !slices.ContainsFunc(tests, func(t func(string) bool) bool { return !passes(t) })
		}
		if c.codes != nil {
			accept[code] = accept[code] && c.codes[code]
		}
	}
	c.codes = &accept
	return ""
}

// finish writes the statuses. why says that JMeter fails whatever the answer.
func (c *checks) finish() (why string) {
	if c.codes == nil && !c.ignore {
		return ""
	}
	first, last := 200, 399 // what JMeter itself takes for a success
	if c.ignore {
		first, last = 100, 599
	}
	var accepted []int
	for code := first; code <= last; code++ {
		if c.codes == nil || c.codes[code] {
			accepted = append(accepted, code)
		}
	}
	if len(accepted) == 0 {
		return "JMeter fails it whatever the answer: no status meets all assertions, or none that it takes for a success (\"Ignore status\" is off)"
	}
	// A whole hundred is written as a class: 2xx.
	var out []string
	for i := 0; i < len(accepted); i++ {
		if code := accepted[i]; code%100 == 0 && i+99 < len(accepted) && accepted[i+99] == code+99 {
			out = append(out, fmt.Sprintf("%dxx", code/100))
			i += 99
		} else {
			out = append(out, strconv.Itoa(code))
		}
	}
	if len(out) > 40 {
		return "its statuses are too many to list"
	}
	c.expect.Status = out
	return ""
}

// regexOf is a pattern of a test as a regular expression, or as text.
func regexOf(pattern string, kind int) (string, string) {
	switch {
	case kind&testEquals != 0:
		return `\A` + quoted(pattern) + `\z`, ""
	case kind&testSubstring != 0:
		return quoted(pattern), ""
	}
	if web.HasMark(pattern) {
		return "", "its regular expression holds a variable"
	}
	if _, _, why := compiled(pattern); why != "" {
		return "", why
	}
	if kind&testMatches != 0 {
		return `\A(?:` + pattern + `)\z`, ""
	}
	return pattern, ""
}

func quoted(marked string) string { return web.Literals(marked, regexp.QuoteMeta) }

// body tests the text of the answer.
func (c *checks) body(patterns []string, kind int) string {
	if kind&testOr != 0 && len(patterns) > 1 {
		return c.anyOf(patterns, kind)
	}
	// Without "or" all patterns must hold.
	var made []model.Matcher
	for _, p := range patterns {
		m, why := c.bodyTest(p, kind)
		if why != "" {
			return why
		}
		made = append(made, m...)
	}
	return c.addText(made)
}

// bodyTest is one pattern against the text.
func (c *checks) bodyTest(pattern string, kind int) ([]model.Matcher, string) {
	var m model.Matcher
	switch {
	case kind&testEquals != 0 && kind&testNot != 0:
		return []model.Matcher{{Op: "ne", Value: model.String(c.s.p.Text(pattern))}}, ""
	case kind&testEquals != 0:
		return []model.Matcher{{Op: "eq", Value: model.String(c.s.p.Text(pattern))}}, ""
	case kind&testSubstring != 0:
		m = model.Matcher{Op: "contains", Value: model.String(c.s.p.Text(pattern))}
	default:
		re, why := regexOf(pattern, kind)
		if why != "" {
			return nil, why
		}
		if m = matches(re); regexp.QuoteMeta(re) == re { // a word: every reader understands it
			m.Op = "contains"
		}
	}
	if m.Value.Text == "" {
		return nil, "its pattern is empty"
	}
	if kind&testNot != 0 {
		m = model.Matcher{Op: "not", Sub: []model.Matcher{m}}
	}
	return []model.Matcher{m}, ""
}

// anyOf is met by one pattern of several.
func (c *checks) anyOf(patterns []string, kind int) string {
	if kind&testNot != 0 {
		return "several patterns of which one must be missing"
	}
	var list []string
	for _, p := range patterns {
		if web.HasMark(p) {
			return "its patterns hold variables"
		}
		re, why := regexOf(p, kind)
		if why != "" {
			return why
		}
		list = append(list, "(?:"+re+")")
	}
	return c.addText([]model.Matcher{matches(strings.Join(list, "|"))})
}

// addText adds tests of the text. The language takes one of each kind, and any
// number of not.
func (c *checks) addText(more []model.Matcher) string {
	out := slices.Clone(c.expect.Text)
	for _, m := range more {
		i := slices.IndexFunc(out, func(o model.Matcher) bool { return o.Op == m.Op })
		switch {
		case i < 0:
			out = append(out, m)
		case m.Op == "not":
			out[i].Sub = append(slices.Clone(out[i].Sub), m.Sub...)
		case sameMatcher(out[i], m):
		case m.Op == "contains" && m.Value.Kind == model.StringNode:
			// The second text is a regular expression, as long as there is none.
			if strings.Contains(m.Value.Text, "{{") || slices.ContainsFunc(out, func(o model.Matcher) bool { return o.Op == "matches" }) {
				return "the language takes no third text at once"
			}
			out = append(out, matches(regexp.QuoteMeta(m.Value.Text)))
		default:
			return "the language takes one regular expression of the text"
		}
	}
	c.expect.Text = out
	return ""
}

func sameMatcher(a, b model.Matcher) bool {
	return a.Op == b.Op && a.Value != nil && b.Value != nil && a.Value.Text == b.Value.Text
}

// matches is the test of a regular expression.
func matches(expr string) model.Matcher {
	return model.Matcher{Op: "matches", Value: model.String(naming.Escape(expr))}
}

// exists is the test that there is something, or nothing.
func exists(want bool) model.Matcher {
	return model.Matcher{Op: "exists", Value: model.Literal(strconv.FormatBool(want))}
}
