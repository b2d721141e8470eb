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
	"github.com/bgverify/bgverify/scenarios/template"
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
	if scope := n.trimmed("Assertion.scope"); scope == "children" || scope == "variable" || n.trimmed("Scope.variable") != "" && scope == "variable" {
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

// holds is the test of one pattern as JMeter makes it.
func patternTest(pattern string, kind int) (func(string) bool, string) {
	switch {
	case kind&testEquals != 0:
		return func(s string) bool { return s == pattern }, ""
	case kind&testSubstring != 0:
		return func(s string) bool { return strings.Contains(s, pattern) }, ""
	}
	re, why := compiled(pattern)
	if why != "" {
		return nil, why
	}
	if kind&testMatches != 0 {
		re = regexp.MustCompile(`^(?:` + pattern + `)$`)
	}
	return re.MatchString, ""
}

func compiled(pattern string) (*regexp.Regexp, string) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, "its regular expression has no form in RE2"
	}
	if _, err := regexp.Compile(`^(?:` + pattern + `)$`); err != nil {
		return nil, "its regular expression has no form in RE2"
	}
	return re, ""
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

// regex is a pattern of a test as a regular expression, or as text.
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
	if _, why := compiled(pattern); why != "" {
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
	case kind&testEquals != 0:
		m = model.Matcher{Op: "eq", Value: model.String(c.s.p.Text(pattern))}
		if kind&testNot != 0 {
			m.Op = "ne"
			return []model.Matcher{m}, ""
		}
		return []model.Matcher{m}, ""
	case kind&testSubstring != 0:
		m = model.Matcher{Op: "contains", Value: model.String(c.s.p.Text(pattern))}
	default:
		re, why := regexOf(pattern, kind)
		if why != "" {
			return nil, why
		}
		if regexp.QuoteMeta(re) == re { // a word: every reader understands it
			m = model.Matcher{Op: "contains", Value: model.String(naming.Escape(re))}
		} else {
			m = model.Matcher{Op: "matches", Value: model.String(naming.Escape(re))}
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
	return c.addText([]model.Matcher{{Op: "matches", Value: model.String(naming.Escape(strings.Join(list, "|")))}})
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
			out = append(out, model.Matcher{Op: "matches", Value: model.String(naming.Escape(regexp.QuoteMeta(m.Value.Text)))})
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

// headerPattern is Name: and the test of its value.
var headerPattern = regexp.MustCompile(`^\^?(?:\(\?[im]+\))?([A-Za-z][A-Za-z0-9_\-]*)(?:\\-[A-Za-z0-9]+)*:(?: |\\s\*|\\s\+|\\s| \*)?(.*)$`)

// headers tests the header lines of the answer.
func (c *checks) headers(patterns []string, kind int) string {
	if kind&(testNot|testOr|testEquals|testMatches) != 0 {
		return "all headers at once are not one text here"
	}
	var made []model.Check
	for _, p := range patterns {
		if status := regexp.MustCompile(`^HTTP/1\.[01] ([1-5][0-9][0-9])\b`).FindStringSubmatch(p); status != nil && kind&testSubstring != 0 {
			if why := c.code([]string{status[1]}, testEquals); why != "" {
				return why
			}
			continue
		}
		m := headerPattern.FindStringSubmatch(p)
		if m == nil || web.HasMark(p) {
			return "it does not say which header"
		}
		re := m[2]
		if kind&testSubstring != 0 {
			re = regexp.QuoteMeta(re)
		}
		if _, why := compiled(re); why != "" {
			return why
		}
		matcher := model.Matcher{Op: "exists", Value: model.Literal("true")}
		if re != "" {
			matcher = model.Matcher{Op: "matches", Value: model.String(naming.Escape("^" + `(?:` + re + `)`))}
			if regexp.QuoteMeta(re) == re {
				matcher.Value = model.String(naming.Escape("^" + re))
			}
		}
		made = append(made, model.Check{Name: strings.ToLower(m[1]), Matchers: []model.Matcher{matcher}})
	}
	for _, m := range made {
		if slices.ContainsFunc(c.expect.Headers, func(o model.Check) bool { return o.Name == m.Name }) {
			return "the header has a test already"
		}
		c.expect.Headers = append(c.expect.Headers, m)
	}
	return ""
}

// duration bounds the time of the answer.
func (c *checks) duration(n *node) string {
	text, ok := c.s.p.names.constant(n.trimmed("DurationAssertion.duration"))
	ms, err := strconv.Atoi(strings.TrimSpace(text))
	switch {
	case !ok || err != nil || ms > 600_000:
		return "its duration is not known, or longer than 10 minutes"
	case ms <= 0:
		return "" // JMeter tests nothing
	}
	if before := milliseconds(c.expect.Latency); before == 0 || ms < before {
		c.expect.Latency = fmt.Sprintf("%dms", ms)
	}
	return ""
}

func milliseconds(text string) int {
	ms, _ := strconv.Atoi(strings.TrimSuffix(text, "ms"))
	return ms
}

// size bounds the size of the body.
func (c *checks) size(n *node) string {
	text, ok := c.s.p.names.constant(n.trimmed("SizeAssertion.size"))
	size, err := strconv.Atoi(strings.TrimSpace(text))
	op := map[int]string{1: "eq", 2: "ne", 3: "gt", 4: "lt", 5: "gte", 6: "lte"}[n.number("SizeAssertion.operator")]
	field := n.trimmed("Assertion.test_field")
	switch {
	case !ok || err != nil || op == "":
		return "its size is not known"
	case field != "SizeAssertion.response_data" && field != "Assertion.response_data":
		return "only the size of the body is a header here"
	}
	value := model.Literal(strconv.Itoa(size))
	if op == "eq" || op == "ne" {
		value = model.String(strconv.Itoa(size)) // a header is text
	}
	i := slices.IndexFunc(c.expect.Headers, func(h model.Check) bool { return h.Name == "content-length" })
	if i < 0 {
		c.expect.Headers = append(c.expect.Headers, model.Check{Name: "content-length"})
		i = len(c.expect.Headers) - 1
	}
	if slices.ContainsFunc(c.expect.Headers[i].Matchers, func(m model.Matcher) bool { return m.Op == op }) {
		return "the size has such a bound already"
	}
	c.expect.Headers[i].Matchers = append(c.expect.Headers[i].Matchers, model.Matcher{Op: op, Value: value})
	return ""
}

// jsonPath tests the value at a path. JMeter compares texts: 5 and "5" are equal.
func (c *checks) jsonPath(n *node) string {
	path, why := jsonPath(n.trimmed("JSON_PATH"), 1)
	definite, _ := isDefinite(n.trimmed("JSON_PATH"))
	switch {
	case why != "":
		return why
	case !definite:
		return "its path may name several values, of which JMeter wants one"
	}
	tests, invert := n.flag("JSONVALIDATION"), n.flag("INVERT")
	var m model.Matcher
	switch {
	case !tests && invert:
		m = model.Matcher{Op: "exists", Value: model.Literal("false")}
	case !tests:
		m = model.Matcher{Op: "exists", Value: model.Literal("true")}
	case invert:
		return "a path whose value must differ may also be missing in JMeter"
	case n.flag("EXPECT_NULL"):
		m = model.Matcher{Op: "eq", Value: model.Literal("null")}
	default:
		if m, why = c.jsonValue(c.s.text(n.text("EXPECTED_VALUE")), !strings.EqualFold(n.trimmed("ISREGEX"), "false")); why != "" {
			return why
		}
	}
	i := slices.IndexFunc(c.expect.Body, func(b model.Check) bool { return b.Name == path })
	if i >= 0 {
		same := slices.ContainsFunc(c.expect.Body[i].Matchers, func(o model.Matcher) bool { return o.Op == m.Op })
		if same || m.Op == "eq" || c.expect.Body[i].Matchers[0].Op == "eq" {
			return "the path has a test already"
		}
		c.expect.Body[i].Matchers = append(c.expect.Body[i].Matchers, m)
		return ""
	}
	c.expect.Body = append(c.expect.Body, model.Check{Name: path, Matchers: []model.Matcher{m}})
	return ""
}

func (c *checks) jsonValue(text string, isRegex bool) (model.Matcher, string) {
	if isRegex && regexp.QuoteMeta(text) != text {
		if web.HasMark(text) {
			return model.Matcher{}, "its regular expression holds a variable"
		}
		re, why := regexOf(text, testMatches)
		return model.Matcher{Op: "matches", Value: model.String(naming.Escape(re))}, why
	}
	switch first := strings.TrimSpace(text); {
	case web.HasMark(text):
		return model.Matcher{Op: "matches", Value: model.String(`\A` + c.s.p.Text(quoted(text)) + `\z`)}, ""
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["):
		return model.Matcher{}, "its value is an object or a list"
	case isLiteral(text):
		return model.Matcher{Op: "in", List: []*model.Node{model.Literal(text), model.String(text)}}, ""
	}
	return model.Matcher{Op: "eq", Value: model.String(naming.Escape(text))}, ""
}

// isLiteral reports whether a text is a number, true, false or null of JSON.
func isLiteral(text string) bool {
	return template.IsNumber(text) || text == "true" || text == "false" || text == "null"
}
