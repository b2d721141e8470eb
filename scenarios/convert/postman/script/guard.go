package script

import (
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
	absent := c.Op == "exists" && c.Value.Is("false")
	if isChosen(c.subject.path) {
		return g.chosenValue(c.subject.path, append([]model.Matcher{c.Matcher}, guards(c.Matcher)...))
	}
	if isMany(c.subject.path) {
		if absent {
			return "there is no counterpart of a member that no element has"
		}
		return g.everywhere(c.subject.path, append([]model.Matcher{c.Matcher}, guards(c.Matcher)...))
	}
	if i := lastStep(c.subject.path); absent && i > 1 { // to look for a member of nothing, or of null, fails
		parent := c.subject.path[:i]
		if why := addCheck(&g.Body, parent, notTypes("null")); why != "" {
			return why
		}
	}
	for _, m := range append([]model.Matcher{c.Matcher}, guards(c.Matcher)...) {
		if why := addCheck(&g.Body, c.subject.path, m); why != "" {
			return why
		}
	}
	return ""
}

// isMany reports whether a path names several places: all elements of a list, or the
// first one if there is one.
func isMany(path string) bool {
	return strings.Contains(path, "[*]") || strings.Contains(path, "[0:1]")
}

// lastStep is where the last step of a path begins, or 0 for the root.
func lastStep(path string) int {
	if strings.HasSuffix(path, "]") {
		return strings.LastIndexByte(path, '[')
	}
	return max(strings.LastIndexByte(path, '.'), 0)
}

// everywhere adds what holds for each element of a list, which may be empty. Every
// list on the way must be one.
func (g *growing) everywhere(path string, list []model.Matcher) string {
	none := model.Matcher{Op: "count", Sub: []model.Matcher{{Op: "gte", Value: model.Literal("0")}}}
	add := func(at string, m model.Matcher) string {
		if !isMany(at) {
			return addCheck(&g.Body, at, m)
		}
		if why := addCheck(&g.Body, at, none); why != "" {
			return why
		}
		return g.ofEach(at, m)
	}
	for from := 0; ; {
		i := strings.Index(path[from:], "[*]")
		if j := strings.Index(path[from:], "[0:1]"); i < 0 || j >= 0 && j < i {
			i = j
		}
		if i < 0 {
			break
		}
		from += i
		if why := add(path[:from], model.Matcher{Op: "type", Value: model.String("array")}); why != "" {
			return why
		}
		from += strings.IndexByte(path[from:], ']') + 1
	}
	for _, m := range list {
		if why := add(path, m); why != "" {
			return why
		}
	}
	return ""
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
	zero, _ := strconv.ParseFloat(c.Value.Text, 64)
	guard := notTypes("object", "number", "boolean", "null")
	switch {
	case c.subject.kind == symKeyCount:
		guard = notTypes("null", "string")
	case (c.Op == "eq" || c.Op == "gte") && zero > 0, c.Op == "gt" && zero >= 0 && c.Value.Kind == model.LiteralNode:
		guard = notTypes("object")
	}
	if isChosen(c.subject.path) {
		return g.chosenValue(c.subject.path, []model.Matcher{count, guard})
	}
	if isMany(c.subject.path) {
		return g.everywhere(c.subject.path, []model.Matcher{count, guard})
	}
	if why := addCheck(&g.Body, c.subject.path, count); why != "" {
		return why
	}
	return addCheck(&g.Body, c.subject.path, guard)
}

// typeOf adds a claim about what typeof says. Lists and null are objects to it.
func (g *growing) typeOf(c claim) string {
	if c.Value == nil || c.Op != "eq" && c.Op != "ne" {
		return "there is no such type"
	}
	subject := sym{kind: symBody, path: c.subject.path}
	switch typ := c.Value.Text; {
	case typ == "undefined":
		return g.value(test(subject, "exists", model.Literal(strconv.FormatBool(c.Op == "ne"))))
	case c.Op == "ne":
		return "there is no such type"
	case typ == "object":
		return g.value(claim{subject, notTypes("string", "number", "boolean")})
	case typ == "string" || typ == "number" || typ == "boolean":
		return g.value(test(subject, "type", c.Value))
	}
	return "there is no such type"
}
