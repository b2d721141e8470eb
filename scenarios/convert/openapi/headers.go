package openapi

import (
	"slices"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// headerForms are the types of a header's schema as patterns of its text: a header has
// no types. Of a type that is not here, any text is one.
var headerForms = map[string]string{
	"integer": `^[-+]?[0-9]+$`,
	"number":  `^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`,
	"boolean": `^(true|false)$`,
}

// headerBounds are the matchers of keywords that bound a number.
var headerBounds = map[string]string{"minimum": "gte", "maximum": "lte", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}

// headerNotes are keywords of a schema that refuse no text.
var headerNotes = []string{"description", "title", "example", "examples", "default", "deprecated", "nullable", "readOnly", "writeOnly", "$comment"}

// headers are the header fields that the successful answers must have. What holds of
// some of these answers only, or has no matcher, is listed.
func (im *importer) headers(c *model.Case, list []*openapi.Response) []model.Check {
	var out []model.Check
	for _, r := range list {
		for _, h := range r.Headers {
			switch {
			case len(list) > 1:
				im.lose(c, model.Assertions, h.Pos.String()+" header "+h.Name, "the case accepts several responses, and this header is of "+r.Status)
			case !naming.IsToken(h.Name):
				im.lose(c, model.Assertions, h.Pos.String()+" header "+h.Name, "that is not a name for one")
			default:
				out = append(out, model.Check{Name: h.Name, Matchers: im.headerTests(c, h)})
				im.report.Mapped(model.Assertions, 1)
			}
		}
	}
	return out
}

// headerTests are the matchers that a header's schema becomes; exists, where there are none.
func (im *importer) headerTests(c *model.Case, h openapi.Header) []model.Matcher {
	var out []model.Matcher
	schema := h.Schema
	if schema != nil {
		resolved, _, err := im.schemaKey(schema)
		if err != nil {
			im.lose(c, model.Assertions, schema.Pos().String()+" header "+h.Name, err.Msg)
		}
		if schema = resolved; schema != nil && schema.Kind == openapi.Object {
			for i, key := range schema.Keys {
				m, known := headerTest(schema, key, schema.Items[i])
				twice := slices.ContainsFunc(out, func(o model.Matcher) bool { return o.Op == m.Op })
				switch {
				case !known || twice:
					im.lose(c, model.Assertions, schema.Items[i].Pos().String()+" header "+h.Name, "its schema's "+key+" has no matcher here")
				case m.Op != "":
					out = append(out, m)
				}
			}
		}
	}
	if len(out) == 0 {
		return []model.Matcher{{Op: "exists", Value: model.Literal("true")}}
	}
	return out
}

// headerTest is the matcher of one keyword; its Op is empty where any text has what the
// keyword asks for, and known is false where there is no matcher for it.
func headerTest(schema *openapi.Node, key string, v *openapi.Node) (m model.Matcher, known bool) {
	bound, isBound := headerBounds[key]
	switch {
	case slices.Contains(headerNotes, key):
		return m, true
	case key == "type" && v.Kind == openapi.String && (v.Text == "string" || schema.Get("enum") != nil):
		return m, true
	case key == "type" && v.Kind == openapi.String && headerForms[v.Text] != "":
		return model.Matcher{Op: "matches", Value: model.String(headerForms[v.Text])}, true
	case key == "format" && (v.Text == "uuid" || v.Text == "date-time" || v.Text == "date"):
		return model.Matcher{Op: "format", Value: model.String(v.Text)}, true
	case key == "format" && slices.Contains([]string{"int32", "int64", "float", "double"}, v.Text):
		return m, true
	case isBound && v.Kind == openapi.Number:
		return model.Matcher{Op: bound, Value: model.Literal(v.Text)}, true
	case key == "pattern" && v.Kind == openapi.String:
		p, ok := openapi.GoPattern(v.Text)
		return model.Matcher{Op: "matches", Value: model.String(p)}, ok
	case key == "enum" && v.Kind == openapi.Array && len(v.Items) > 0:
		in := &model.Node{Kind: model.ArrayNode}
		for _, one := range v.Items {
			if one.Kind == openapi.Object || one.Kind == openapi.Array {
				return m, false
			}
			in.Items = append(in.Items, model.String(one.Text))
		}
		return model.Matcher{Op: "in", Value: in}, true
	}
	return m, false
}
