package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// An assertion of chai, or a method of JavaScript, fails on a value of a type that
// it does not take, also when it is negated. The matchers of the language are more
// lenient: contains finds a member of an object, count counts members, and empty
// holds for null. What makes the difference is written next to the matcher.

// notTypes is the test that a value has none of some types. It also needs a value.
func notTypes(types ...string) model.Matcher {
	m := model.Matcher{Op: "not"}
	for _, t := range types {
		m.Sub = append(m.Sub, model.Matcher{Op: "type", Value: model.String(t)})
	}
	return m
}

// guards are what must hold of a value besides a test of it.
func guards(m model.Matcher) []model.Matcher {
	holds := func(op string) bool {
		return m.Op == "not" && slices.ContainsFunc(m.Sub, func(s model.Matcher) bool { return s.Op == op })
	}
	switch {
	case m.Op == "contains":
		return []model.Matcher{notTypes("object")}
	case holds("contains"):
		return []model.Matcher{notTypes("object", "number", "boolean", "null")}
	case holds("matches"): // a list is text to JavaScript
		return []model.Matcher{notTypes("array", "object")}
	case m.Op == "empty" && m.Value.Is("true"):
		return []model.Matcher{notTypes("null")}
	case m.Op == "empty":
		return []model.Matcher{notTypes("number", "boolean")}
	}
	return nil
}

// value adds a claim about a value of the body, with its guards.
func (g *growing) value(c claim) string {
	path, absent := c.subject.path, c.Op == "exists" && c.Value.Is("false")
	plain := !isChosen(path) && !isMany(path)
	switch parent := lastStep(path); {
	case !plain && !isChosen(path) && absent:
		return "there is no counterpart of a member that no element has"
	case plain && c.Op == "eq" && c.Value.Kind == model.ObjectNode && len(c.Value.Keys) >= maxKeys:
		return "the value is not plain JSON"
	case plain && absent && parent > 1: // to look for a member of nothing, or of null, fails
		addCheck(&g.Body, path[:parent], notTypes("null"))
	}
	return g.hold(path, append([]model.Matcher{c.Matcher}, guards(c.Matcher)...)...)
}

// maxKeys bounds an object that a value is compared with.
const maxKeys = 500

// hold adds tests of the value at a path, or of each value where it names several.
func (g *growing) hold(path string, tests ...model.Matcher) string {
	if isChosen(path) {
		return g.chosenValue(path, tests)
	}
	for _, at := range many.FindAllStringIndex(path, -1) { // every list on the way must be one
		g.everywhere(path[:at[0]], model.Matcher{Op: "type", Value: model.String("array")})
	}
	for _, m := range tests {
		g.everywhere(path, m)
	}
	return ""
}

// many finds the steps of a path that lead to all elements of a list, or to the first one
// if there is one.
var many = regexp.MustCompile(`\[\*\]|\[0:1\]`)

// isMany reports whether a path names several values, or perhaps none.
func isMany(path string) bool { return many.MatchString(path) }

// everywhere adds a test of the value at a path, or of each where it names several: they may
// be none.
func (g *growing) everywhere(path string, m model.Matcher) {
	if !isMany(path) {
		addCheck(&g.Body, path, m)
		return
	}
	addCheck(&g.Body, path, counted("gte", "0"))
	g.ofEach(path, m)
}

// counted is a test of how many there are.
func counted(op, n string) model.Matcher {
	return model.Matcher{Op: "count", Sub: []model.Matcher{{Op: op, Value: model.Literal(n)}}}
}

// lastStep is where the last step of a path begins, or 0 for the root.
func lastStep(path string) int {
	if strings.HasSuffix(path, "]") {
		return strings.LastIndexByte(path, '[')
	}
	return max(strings.LastIndexByte(path, '.'), 0)
}

// length adds a claim about the length of text or a list, or about how many
// members an object has. Values that have none fail it.
func (g *growing) length(c claim) string {
	if c.Value == nil || !isNumber(c.Value) || c.Op == "contains" || c.Op == "matches" || c.Op == "exists" {
		return "there is no counterpart of " + c.Op + " for a length"
	}
	count := model.Matcher{Op: "count", Sub: []model.Matcher{c.Matcher}}
	if c.Op == "eq" {
		count = model.Matcher{Op: "count", Value: c.Value}
	}
	bound, _ := strconv.ParseFloat(c.Value.Text, 64)
	guard := notTypes("object", "number", "boolean", "null")
	switch {
	case c.subject.kind == symKeyCount:
		guard = notTypes("null", "string")
	case (c.Op == "eq" || c.Op == "gte") && bound > 0, c.Op == "gt" && bound >= 0 && c.Value.Kind == model.LiteralNode:
		guard = notTypes("object") // nothing else that has no members has so many
	}
	return g.hold(c.subject.path, count, guard)
}

// typeOf adds a claim about what typeof says. Lists and null are objects to it.
func (g *growing) typeOf(c claim) string {
	subject := sym{kind: symBody, path: c.subject.path}
	switch is := c.Op == "eq"; {
	case (is || c.Op == "ne") && c.Value.Text == "undefined":
		return g.value(test(subject, "exists", model.Bool(!is)))
	case is && c.Value.Text == "object":
		return g.value(claim{subject, notTypes("string", "number", "boolean")})
	case is && slices.Contains([]string{"string", "number", "boolean"}, c.Value.Text):
		return g.value(test(subject, "type", c.Value))
	}
	return "there is no such type"
}
