package claim

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

// schema adds a JSON Schema that a script holds.
func (g *Growing) schema(c Claim) string {
	top := &model.Node{Kind: model.ObjectNode}
	for i, key := range c.Value.Keys {
		if key != "$schema" { // what is left means the same in every draft
			top.Keys, top.Items = append(top.Keys, key), append(top.Items, c.Value.Items[i])
		}
	}
	if why := badSchema(top, 0); why != "" {
		return why
	}
	g.Schemas = append(g.Schemas, top)
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
	if err := json.Indent(&b, []byte(JSON(allOf(out...))), "", "  "); err != nil {
		panic("convert: " + err.Error()) // what JSON writes is JSON
	}
	return append(b.Bytes(), '\n')
}

// JSON is a value that a script holds as JSON in one line. Braces are written as they
// are sent, not as the language writes them.
func JSON(n *model.Node) string {
	switch n.Kind {
	case model.StringNode:
		return source.Quoted(naming.Unescape(n.Text))
	case model.LiteralNode:
		return n.Text
	}
	items := make([]string, len(n.Items))
	for i, item := range n.Items {
		items[i] = JSON(item)
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
	IsNumber := v.Kind == model.LiteralNode && err == nil
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
			return len(v.Items) == 0 || Repeats(v.Items) || each(func(n *model.Node) bool {
				return n.Kind != model.StringNode ||
					!slices.Contains(types, n.Text)
			})
		}
		return v.Kind != model.StringNode || !slices.Contains(types, v.Text)
	case "names":
		return v.Kind != model.ArrayNode || Repeats(v.Items) || each(func(n *model.Node) bool { return n.Kind != model.StringNode })
	case "list":
		return v.Kind != model.ArrayNode || HoldsPlaceholder(v)
	case "any":
		return HoldsPlaceholder(v)
	case "schemas":
		return v.Kind != model.ObjectNode || each(func(n *model.Node) bool { return badSchema(n, depth+1) != "" })
	case "several":
		return v.Kind != model.ArrayNode || len(v.Items) == 0 || each(func(n *model.Node) bool { return badSchema(n, depth+1) != "" })
	case "schema":
		return badSchema(v, depth+1) != ""
	case "number":
		return !IsNumber
	case "positive":
		return !IsNumber || number <= 0
	case "count":
		return !IsNumber || number < 0 || number > 1e9 || number != float64(int(number))
	case "bool":
		return !v.Is("true") && !v.Is("false")
	}
	return true
}

// Repeats reports whether two of some scalars have the same text.
func Repeats(items []*model.Node) bool {
	for i, a := range items {
		if slices.ContainsFunc(items[:i], func(b *model.Node) bool { return a.Text == b.Text }) {
			return true
		}
	}
	return false
}

// HoldsPlaceholder reports whether a value holds what is known at run time only.
func HoldsPlaceholder(n *model.Node) bool {
	if n.Kind == model.StringNode && strings.Contains(strings.ReplaceAll(n.Text, "{{'{{'}}", ""), "{{") {
		return true
	}
	return slices.ContainsFunc(n.Items, HoldsPlaceholder)
}
