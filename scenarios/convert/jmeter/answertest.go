package jmeter

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// headerPattern is Name: and the test of its value.
var headerPattern = lazy.Regexp(`^\^?(?:\(\?[im]+\))?([A-Za-z][A-Za-z0-9_\-]*)(?:\\-[A-Za-z0-9]+)*:(?: |\\s\*|\\s\+|\\s| \*)?(.*)$`)

// headers tests the header lines of the answer.
func (c *checks) headers(patterns []string, kind int) string {
	if kind&(testNot|testOr|testEquals|testMatches) != 0 {
		return "all headers at once are not one text here"
	}
	var made []model.Check
	for _, p := range patterns {
		// The first line of the headers is the status line: a test of it is a test of the status.
		if status := regexp.MustCompile(`^HTTP/1\.[01] ([1-5][0-9][0-9])\b`).FindStringSubmatch(p); status != nil && kind&testSubstring != 0 {
			if why := c.code([]string{status[1]}, testEquals); why != "" {
				return why
			}
			continue
		}
		m := headerPattern().FindStringSubmatch(p)
		if m == nil || web.HasMark(p) {
			return "it does not say which header"
		}
		// What follows the name is tested against the value alone. It must begin there, as it follows
		// the colon in the text that JMeter tests.
		re := m[2]
		if kind&testSubstring != 0 {
			re = regexp.QuoteMeta(re)
		}
		if _, _, why := compiled(re); why != "" {
			return why
		}
		matcher := matches(`^(?:` + re + `)`)
		switch {
		case re == "":
			matcher = exists(true)
		case regexp.QuoteMeta(re) == re:
			matcher = matches("^" + re)
		}
		made = append(made, model.Check{Name: strings.ToLower(m[1]), Matchers: []model.Matcher{matcher}})
	}
	// Nothing is added where one pattern cannot be written: half of an assertion would accept more.
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
	ms, known := c.s.p.names.integer(n.text("DurationAssertion.duration"))
	switch {
	case !known || ms > 600_000:
		return "its duration is not known, or longer than 10 minutes"
	case ms <= 0:
		return "" // JMeter tests nothing
	}
	if before, err := strconv.Atoi(strings.TrimSuffix(c.expect.Latency, "ms")); err != nil || ms < before {
		c.expect.Latency = fmt.Sprintf("%dms", ms)
	}
	return ""
}

// size bounds the size of the body.
func (c *checks) size(n *node) string {
	size, known := c.s.p.names.integer(n.text("SizeAssertion.size"))
	op := map[int]string{1: "eq", 2: "ne", 3: "gt", 4: "lt", 5: "gte", 6: "lte"}[n.number("SizeAssertion.operator")]
	field := n.trimmed("Assertion.test_field")
	switch {
	case !known || op == "":
		return "its size is not known"
	case field != "SizeAssertion.response_data" && field != "Assertion.response_data":
		return "only the size of the body is a header here"
	}
	// JMeter counts bytes of the body; Content-Length is what says so of every answer.
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
	case !tests:
		m = exists(!invert)
	case invert:
		return "a path whose value must differ may also be missing in JMeter"
	case n.flag("EXPECT_NULL"):
		m = model.Matcher{Op: "eq", Value: model.Literal("null")}
	default:
		if m, why = c.jsonValue(c.s.text(n.text("EXPECTED_VALUE")), !strings.EqualFold(n.trimmed("ISREGEX"), "false")); why != "" {
			return why
		}
	}
	// Two tests of one path are one entry, and eq next to another test would make that one
	// unnecessary or impossible.
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
		return matches(re), why
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
