package script

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// schema reads to.have.jsonSchema({…}) about the whole body.
func (c *chainReader) schema(l link, subject sym) bool {
	if len(l.args) == 0 || c.not || subject.kind != symBody || subject.path != "$" {
		return false
	}
	v := c.r.eval(l.args[0])
	if v.kind != symNode || v.node.Kind != model.ObjectNode {
		c.why = "the schema is made by code"
		return false
	}
	c.out = append(c.out, test(subject, "schema", v.node))
	return true
}

// schema adds a JSON Schema that a script holds.
func (g *growing) schema(c claim) string {
	top := &model.Node{Kind: model.ObjectNode}
	for i, key := range c.Value.Keys {
		if key != "$schema" { // what is left means the same in every draft
			top.Keys, top.Items = append(top.Keys, key), append(top.Items, c.Value.Items[i])
		}
	}
	if why := badSchema(top, 0); why != "" {
		return why
	}
	g.schemas = append(g.schemas, top)
	return ""
}

// SchemaFile is the text of one JSON Schema for several that a body must all obey.
func SchemaFile(all []*model.Node) []byte {
	var out []*model.Node
	for _, n := range all {
		if !slices.ContainsFunc(out, func(o *model.Node) bool { return reflect.DeepEqual(o, n) }) {
			out = append(out, n)
		}
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(compactJSON(allOf(out...))), "", "  "); err != nil {
		panic("convert: " + err.Error()) // what compactJSON writes is JSON
	}
	return append(b.Bytes(), '\n')
}

// compactJSON is a value that a script holds as JSON in one line. Braces are written as they
// are sent, not as the language writes them.
func compactJSON(n *model.Node) string {
	switch n.Kind {
	case model.StringNode:
		return source.Quoted(strings.ReplaceAll(n.Text, "{{'{{'}}", "{{"))
	case model.LiteralNode:
		return n.Text
	}
	items := make([]string, len(n.Items))
	for i, item := range n.Items {
		items[i] = compactJSON(item)
		if n.Kind == model.ObjectNode {
			items[i] = source.Quoted(n.Keys[i]) + ":" + items[i]
		}
	}
	if n.Kind == model.ObjectNode {
		return "{" + strings.Join(items, ",") + "}"
	}
	return "[" + strings.Join(items, ",") + "]"
}

// schemaKeys are the keywords that mean the same in every draft, with what
// their value must be.
var schemaKeys = map[string]string{
	"title": "text", "description": "text", "format": "text", "pattern": "pattern", "type": "type", "required": "names", "enum": "list",
	"const": "any", "default": "any", "examples": "list",
	"properties": "schemas", "items": "schema", "additionalProperties": "schema", "not": "schema", "anyOf": "several",
	"oneOf": "several", "allOf": "several", "contains": "schema",
	"minimum": "number", "maximum": "number", "multipleOf": "positive", "minLength": "count", "maxLength": "count", "minItems": "count",
	"maxItems": "count", "minProperties": "count", "maxProperties": "count", "uniqueItems": "bool",
}

// badSchema says why a schema is not written: it must be one that every draft
// reads alike and that certainly compiles.
func badSchema(n *model.Node, depth int) string {
	const why = "the schema uses what drafts read differently"
	if n.Is("true") || n.Is("false") {
		return ""
	}
	if n.Kind != model.ObjectNode || depth > model.InlineDepth {
		return why
	}
	for i, key := range n.Keys {
		if bad := badKeyword(schemaKeys[key], n.Items[i], depth); bad {
			return why + ": " + naming.OneLine(key, 40)
		}
	}
	return ""
}

func badKeyword(form string, v *model.Node, depth int) bool {
	number, err := strconv.ParseFloat(v.Text, 64)
	isNumber := v.Kind == model.LiteralNode && err == nil
	each := func(f func(*model.Node) bool) bool { return slices.ContainsFunc(v.Items, f) }
	switch form {
	case "text":
		return v.Kind != model.StringNode
	case "pattern":
		_, err := regexp.Compile(v.Text)
		return v.Kind != model.StringNode || err != nil || strings.Contains(v.Text, "{{")
	case "type":
		types := []string{"string", "number", "integer", "boolean", "null", "array", "object"}
		if v.Kind == model.ArrayNode {
			return len(v.Items) == 0 || repeats(v.Items) || each(func(n *model.Node) bool {
				return n.Kind != model.StringNode ||
					!slices.Contains(types, n.Text)
			})
		}
		return v.Kind != model.StringNode || !slices.Contains(types, v.Text)
	case "names":
		return v.Kind != model.ArrayNode || repeats(v.Items) || each(func(n *model.Node) bool { return n.Kind != model.StringNode })
	case "list":
		return v.Kind != model.ArrayNode || holdsPlaceholder(v)
	case "any":
		return holdsPlaceholder(v)
	case "schemas":
		return v.Kind != model.ObjectNode || each(func(n *model.Node) bool { return badSchema(n, depth+1) != "" })
	case "several":
		return v.Kind != model.ArrayNode || len(v.Items) == 0 || each(func(n *model.Node) bool { return badSchema(n, depth+1) != "" })
	case "schema":
		return badSchema(v, depth+1) != ""
	case "number":
		return !isNumber
	case "positive":
		return !isNumber || number <= 0
	case "count":
		return !isNumber || number < 0 || number > 1e9 || number != float64(int(number))
	case "bool":
		return !v.Is("true") && !v.Is("false")
	}
	return true
}

func repeats(items []*model.Node) bool {
	for i, a := range items {
		if slices.ContainsFunc(items[:i], func(b *model.Node) bool { return a.Text == b.Text }) {
			return true
		}
	}
	return false
}

// holdsPlaceholder reports whether a value holds what is known at run time only.
func holdsPlaceholder(n *model.Node) bool {
	if n.Kind == model.StringNode && strings.Contains(strings.ReplaceAll(n.Text, "{{'{{'}}", ""), "{{") {
		return true
	}
	return slices.ContainsFunc(n.Items, holdsPlaceholder)
}
