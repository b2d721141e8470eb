package claim

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
func (g *Growing) value(c Claim) string {
	path, absent := c.Path, c.Op == "exists" && c.Value.Is("false")
	plain := !IsChosen(path) && !IsMany(path)
	switch parent := LastStep(path); {
	case !plain && !IsChosen(path) && absent:
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
func (g *Growing) hold(path string, tests ...model.Matcher) string {
	if IsChosen(path) {
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

// everywhere adds a test of the value at a path, or of each where it names several: they may
// be none.
func (g *Growing) everywhere(path string, m model.Matcher) {
	if !IsMany(path) {
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

// length adds a claim about the length of text or a list, or about how many
// members an object has. Values that have none fail it.
func (g *Growing) length(c Claim) string {
	if c.Value == nil || !IsNumber(c.Value) || c.Op == "contains" || c.Op == "matches" || c.Op == "exists" {
		return "there is no counterpart of " + c.Op + " for a length"
	}
	count := model.Matcher{Op: "count", Sub: []model.Matcher{c.Matcher}}
	if c.Op == "eq" {
		count = model.Matcher{Op: "count", Value: c.Value}
	}
	bound, _ := strconv.ParseFloat(c.Value.Text, 64)
	guard := notTypes("object", "number", "boolean", "null")
	switch {
	case c.Kind == KeyCount:
		guard = notTypes("null", "string")
	case (c.Op == "eq" || c.Op == "gte") && bound > 0, c.Op == "gt" && bound >= 0 && c.Value.Kind == model.LiteralNode:
		guard = notTypes("object") // nothing else that has no members has so many
	}
	return g.hold(c.Path, count, guard)
}

// typeOf adds a claim about what typeof says. Lists and null are objects to it.
func (g *Growing) typeOf(c Claim) string {
	subject := Subject{Kind: Body, Path: c.Path}
	switch is := c.Op == "eq"; {
	case (is || c.Op == "ne") && c.Value.Text == "undefined":
		return g.value(Claim{subject, model.Matcher{Op: "exists", Value: model.Bool(!is)}})
	case is && c.Value.Text == "object":
		return g.value(Claim{subject, notTypes("string", "number", "boolean")})
	case is && slices.Contains([]string{"string", "number", "boolean"}, c.Value.Text):
		return g.value(Claim{subject, model.Matcher{Op: "type", Value: c.Value}})
	}
	return "there is no such type"
}

// chosenValue adds tests of an element that was looked for, or of a part of it.
func (g *Growing) chosenValue(path string, tests []model.Matcher) string {
	at := strings.Index(path, "[?")
	end := at + filterEnd(path[at:])
	absent := slices.ContainsFunc(tests, func(m model.Matcher) bool { return m.Op == "exists" && m.Value.Is("false") })
	switch {
	case IsMany(path), IsChosen(path[end:]):
		return "there is no counterpart of a list in an element that is looked for"
	case absent && end < len(path):
		return "there is no counterpart of a member that the element found does not have"
	}
	addCheck(&g.Body, path[:at], model.Matcher{Op: "type", Value: model.String("array")})
	addCheck(&g.Body, path[:at], counted("gte", "0"))
	addCheck(&g.Body, path[:at], model.Matcher{Op: "each", Sub: []model.Matcher{notTypes("null")}})
	if absent {
		addCheck(&g.Body, path, model.Matcher{Op: "count", Value: model.Literal("0")})
		return ""
	}
	addCheck(&g.Body, path[:end], counted("gte", "1"))
	for _, m := range tests {
		g.ofEach(path, m)
	}
	return ""
}

// ofEach adds a test of every value at a path.
func (g *Growing) ofEach(at string, m model.Matcher) {
	if i := slices.IndexFunc(g.Body, func(c model.Check) bool { return c.Name == at }); i >= 0 {
		tests := g.Body[i].Matchers
		if j := slices.IndexFunc(tests, func(m model.Matcher) bool { return m.Op == "each" }); j >= 0 {
			sub := slices.Clone(tests[j].Sub)
			addMatcher(&sub, m)
			tests[j].Sub = tidyTypes(sub)
			return
		}
	}
	addCheck(&g.Body, at, model.Matcher{Op: "each", Sub: []model.Matcher{m}})
}

// filterEnd is where a filter ends, behind its bracket; text in quotes may hold brackets.
func filterEnd(filter string) int {
	quote := byte(0)
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '\'' || c == '"':
			quote = c
		case c == ']' && strings.Count(filter[:i], "[") == 1+strings.Count(filter[:i], "]"):
			return i + 1
		}
	}
	return len(filter)
}
