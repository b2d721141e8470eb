package claim

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// What a script asserts under a condition on the body becomes a JSON Schema:
//
//	if (json.state === "ON") { expect(json.port).to.be.a("number") } else { … }
//
// is {if: …, then: …, else: …}. The rules, so that nothing passes that fails in a script:
//
//  1. A member of nothing or of null fails a script. There must be values on the way to one that
//     the condition reads; of a && b those of b where a holds.
//  2. The condition holds exactly where the script's does. Values that JavaScript converts
//     first, such as text in a < b, are refused by the schema whatever the branch.
//  3. A claim in a branch may be asked more strictly than by the script, never less.

// A step leads from a value to a member, or to an element of a list where it has no name.
type step struct {
	name  string
	index int
}

// maxIndex bounds the elements that a schema names by their number.
const maxIndex = 20

// steps are the members and elements that lead to a value of the body; ok is false for paths
// that may name several, or another answer.
func (c Claim) steps() (out []step, ok bool) {
	p, err := ParsePath(c.Path)
	if err != nil {
		return nil, false
	}
	steps, ok := p.Steps()
	for _, s := range steps {
		ok = ok && (s.Member || s.Index >= 0 && s.Index < maxIndex)
		out = append(out, step{s.Name, s.Index})
		if !s.Member {
			out[len(out)-1].name = ""
		} else if s.Name == "" {
			ok = false // no name tells it from an element
		}
	}
	return out, ok
}

// schemaOf is a mapping of keywords and their values, in order.
func schemaOf(pairs ...any) *model.Node {
	n := &model.Node{Kind: model.ObjectNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Keys = append(n.Keys, pairs[i].(string))
		switch v := pairs[i+1].(type) {
		case *model.Node:
			n.Items = append(n.Items, v)
		case string:
			n.Items = append(n.Items, model.String(v))
		case []*model.Node:
			n.Items = append(n.Items, &model.Node{Kind: model.ArrayNode, Items: v})
		}
	}
	return n
}

func nameList(names ...string) []*model.Node {
	var out []*model.Node
	for _, n := range names {
		out = append(out, model.String(n))
	}
	return out
}

// to are the keywords that say what is asked of where a step leads, if it leads anywhere.
func (s step) to(leaf *model.Node) []any {
	if s.name != "" {
		return []any{"properties", schemaOf(s.name, leaf)}
	}
	list := []*model.Node{}
	for range s.index {
		list = append(list, schemaOf())
	}
	return []any{"prefixItems", append(list, leaf)}
}

// there are the keywords that say that a step leads somewhere.
func (s step) there() []any {
	if s.name != "" {
		return []any{"type", "object", "required", nameList(s.name)}
	}
	return []any{"type", "array", "minItems", model.Literal(strconv.Itoa(s.index + 1))}
}

// schemaAt asks that a value is there and obeys a schema.
func schemaAt(steps []step, leaf *model.Node) *model.Node {
	for _, s := range slices.Backward(steps) {
		leaf = schemaOf(append(s.there(), s.to(leaf)...)...)
	}
	return leaf
}

// schemaIfThere asks that a script can look for a value, and that the value obeys a schema
// where it is there: to look for a member of anything but nothing and null is fine. Elements
// are those of lists: a text has characters instead.
func schemaIfThere(steps []step, leaf *model.Node) *model.Node {
	if len(steps) == 0 {
		return leaf
	}
	last := steps[len(steps)-1]
	none := nameList("null")
	if last.name == "" {
		none = nameList("null", "string")
	}
	return schemaAt(steps[:len(steps)-1], schemaOf(append([]any{"not", schemaOf("type", none)}, last.to(leaf)...)...))
}

// allOf is the schema that holds where several do.
func allOf(list ...*model.Node) *model.Node {
	if len(list) == 1 {
		return list[0]
	}
	return schemaOf("allOf", list)
}

// condition is a claim as the schema that holds where it does, and what must hold of the body
// in any case for that to be so; ok is false where no schema says it.
func (c Claim) condition() (holds, needs *model.Node, ok bool) {
	steps, ok := c.steps()
	if !ok || c.Number || c.Or {
		return nil, nil, false
	}
	if c.Kind == Length && c.Value != nil && IsNumber(c.Value) {
		types := nameList("array")
		if c.Value.Is("0") || c.Value.Is("1") { // characters are counted alike up to one
			types = nameList("array", "string")
		}
		leaf, ok := c.bound()
		return schemaAt(steps, leaf), schemaAt(steps, schemaOf("type", types)), ok
	}
	if c.Op == Falsy {
		opposite, _ := c.Negated()
		truthy, ok := opposite.schema()
		if c.Sheltered {
			steps = steps[:len(steps)-1]
		}
		return schemaOf("not", truthy), schemaIfThere(steps, schemaOf()), ok
	}
	holds, ok = c.schema()
	needs = schemaIfThere(steps, schemaOf())
	switch {
	case !ok:
	case slices.Contains([]string{"lt", "lte", "gt", "gte"}, c.Op):
		needs = schemaIfThere(steps, schemaOf("type", "number"))
	case c.Op == "contains":
		needs = schemaAt(steps, schemaOf("type", nameList("string", "array")))
	case c.Op == "matches":
		needs = schemaAt(steps, schemaOf("type", "string"))
	case c.Op == "ne" || c.Op == "not" && !reflect.DeepEqual(c.Matcher, Truthy()): // also where there is nothing
		opposite, known := c.Negated()
		if !known {
			return nil, nil, false
		}
		inner, fine := opposite.schema()
		holds, ok = schemaOf("not", inner), fine
	}
	if c.Within {
		needs = schemaAt(steps[:len(steps)-1], schemaOf("type", nameList("object", "array")))
	}
	if c.Loose {
		needs = schemaIfThere(steps, schemaOf("not", schemaOf("type", nameList("array", "object")))) // == reads them as text
	}
	return holds, needs, ok
}

// schema is what a claim asks of the body, or more; ok is false where no schema says it.
func (c Claim) schema() (*model.Node, bool) {
	steps, ok := c.steps()
	if !ok || c.Number || c.Or {
		return nil, false
	}
	var leaf *model.Node
	switch c.Kind {
	case Body:
		if c.Op == Falsy {
			holds, needs, ok := c.condition()
			return allOf(needs, holds), ok
		}
		if c.Op == "exists" && c.Value.Is("false") {
			if len(steps) == 0 {
				return nil, false
			}
			last := len(steps) - 1
			if steps[last].name == "" {
				return nil, false
			}
			there := schemaOf(steps[last].there()...)
			return schemaAt(steps[:last], schemaOf("not", schemaOf("anyOf", []*model.Node{schemaOf("type", "null"), there}))), true
		}
		leaf, ok = leafOf(append([]model.Matcher{c.Matcher}, guards(c.Matcher)...))
	case Type:
		if c.Op != "eq" || !slices.Contains([]string{"string", "number", "boolean"}, c.Value.Text) {
			return nil, false
		}
		leaf = schemaOf("type", c.Value.Text)
	case Length:
		leaf, ok = c.bound()
	default:
		return nil, false
	}
	return schemaAt(steps, leaf), ok
}

// leafOf is what tests ask of a value.
func leafOf(tests []model.Matcher) (*model.Node, bool) {
	var list []*model.Node
	for _, m := range tests {
		n, ok := leafSchema(m)
		if !ok {
			return nil, false
		}
		list = append(list, n)
	}
	return allOf(list...), true
}

// leafSchema is one test of a value that is there.
func leafSchema(m model.Matcher) (*model.Node, bool) {
	isScalar := func(n *model.Node) bool {
		return n != nil && (n.Kind == model.LiteralNode || n.Kind == model.StringNode) && !HoldsPlaceholder(n)
	}
	keyword := map[string]string{"lt": "exclusiveMaximum", "lte": "maximum", "gt": "exclusiveMinimum", "gte": "minimum"}[m.Op]
	switch {
	case m.Op == "exists":
		return schemaOf(), m.Value.Is("true")
	case m.Op == "type":
		return schemaOf("type", m.Value.Text), true
	case m.Op == "eq" && isScalar(m.Value):
		return schemaOf("const", m.Value), true
	case m.Op == "ne" && isScalar(m.Value):
		return schemaOf("not", schemaOf("const", m.Value)), true
	case keyword != "" && isScalar(m.Value) && IsNumber(m.Value):
		return schemaOf("type", "number", keyword, m.Value), true
	case m.Op == "in" && !slices.ContainsFunc(m.List, func(n *model.Node) bool { return !isScalar(n) }):
		return schemaOf("enum", m.List), true
	case m.Op == "matches" && isScalar(m.Value):
		return schemaOf("type", "string", "pattern", m.Value.Text), true
	case m.Op == "contains" && isScalar(m.Value) && m.Value.Kind == model.StringNode:
		return schemaOf("anyOf", []*model.Node{
			schemaOf("type", "string", "pattern", regexp.QuoteMeta(naming.Unescape(m.Value.Text))),
			schemaOf("type", "array", "contains", schemaOf("const", m.Value)),
		}), true
	case m.Op == "empty":
		none := schemaOf("anyOf", []*model.Node{
			schemaOf("type", "string", "maxLength", model.Literal("0")),
			schemaOf("type", "array", "maxItems", model.Literal("0")),
			schemaOf("type", "object", "maxProperties", model.Literal("0")),
		})
		if m.Value.Is("true") {
			return none, true
		}
		return schemaOf("type", nameList("string", "array", "object"), "not", none), true
	case m.Op == "not":
		var list []*model.Node
		for _, s := range m.Sub {
			inner, ok := leafSchema(s)
			if !ok {
				return nil, false
			}
			if s.Op == "matches" { // of another type JavaScript makes text
				list = append(list, schemaOf("type", "string"))
			}
			list = append(list, schemaOf("not", inner))
		}
		return allOf(list...), true
	}
	return nil, false
}

// bound is a claim about the length of a list, or of a text.
func (c Claim) bound() (*model.Node, bool) {
	n, err := strconv.Atoi(c.Value.Text)
	if err != nil || n < 0 || c.Value.Kind != model.LiteralNode {
		return nil, false
	}
	at := func(word string, n int) *model.Node {
		if n < 0 {
			return schemaOf("not", schemaOf())
		}
		count := model.Literal(strconv.Itoa(n))
		list := []*model.Node{schemaOf("type", "array", word+"Items", count)}
		if n <= 1 {
			list = append(list, schemaOf("type", "string", word+"Length", count))
		}
		return schemaOf("anyOf", list)
	}
	switch c.Op {
	case "eq":
		return allOf(at("min", n), at("max", n)), true
	case "ne":
		if n != 0 {
			return nil, false
		}
		return at("min", 1), true
	case "gt":
		return at("min", n+1), true
	case "gte":
		return at("min", n), true
	case "lt":
		return at("max", n-1), true
	case "lte":
		return at("max", n), true
	}
	return nil, false
}

// ConditionOf is what several claims say as a schema that holds where all of them do, with
// what must hold of the body in any case (rules 1 and 2); ok is false where no schema says it.
func ConditionOf(claims []Claim) (holds *model.Node, needs []*model.Node, ok bool) {
	if len(claims) == 0 {
		return nil, nil, false
	}
	var before []*model.Node
	for _, c := range claims {
		h, n, ok := c.condition()
		if !ok {
			return nil, nil, false
		}
		if len(before) > 0 { // what follows && is read only where what precedes it holds
			n = schemaOf("if", allOf(slices.Clone(before)...), "then", n)
		}
		needs, before = append(needs, n), append(before, h)
	}
	return allOf(before...), needs, true
}

// SchemaOf is a schema that asks what all claims do, or more; ok is false where there is none.
func SchemaOf(claims []Claim) (schema *model.Node, ok bool) {
	var list []*model.Node
	for _, c := range Needed(claims) {
		one, ok := c.schema()
		if !ok {
			return nil, false
		}
		list = append(list, one)
	}
	return allOf(list...), len(list) > 0
}

// Branches is the schema of a condition with what each of its branches asks: a branch without
// schemas asks nothing. holds and needs are those of ConditionOf.
func Branches(holds *model.Node, needs, then, otherwise []*model.Node) *model.Node {
	parts := []any{"if", holds}
	if len(then) > 0 {
		parts = append(parts, "then", allOf(then...))
	}
	if len(otherwise) > 0 {
		parts = append(parts, "else", allOf(otherwise...))
	}
	return allOf(append(needs, schemaOf(parts...))...)
}
