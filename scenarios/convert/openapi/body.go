package openapi

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// bodyMedia is the form of the body that is sent: JSON where there is one.
func (im *importer) bodyMedia(o *openapi.Operation) *openapi.Media {
	if o.Body == nil {
		return nil
	}
	if m := jsonMedia(o.Body.Media); m != nil {
		return m
	}
	return &o.Body.Media[max(0, slices.IndexFunc(o.Body.Media, func(m openapi.Media) bool { return isForm(&m) }))]
}

// body makes the body of a request, or says why that is not possible.
func (a *asking) body(r *request, name string, i int) {
	im := a.im
	m := im.bodyMedia(a.o)
	if m == nil {
		return
	}
	v := im.choose(m.Examples, nil, name, i)
	if v == nil && !a.o.Body.Required && m.Schema == nil {
		return
	}
	fail := func(why string) {
		im.lose(a.c, model.Bodies, m.Pos.String()+" body "+naming.OneLine(m.Type, 60), why)
		r.skip = append(r.skip, "its body is not converted: "+why)
	}
	form := isForm(m)
	if m.JSON() || m.Type == "*/*" || form {
		if why := a.structured(r, m, v); why != "" {
			fail(why)
			return
		}
		im.report.Mapped(model.Bodies, 1)
		return
	}
	if v != nil && v.Kind == openapi.String && (strings.HasPrefix(m.Type, "text/") || strings.Contains(m.Type, "xml")) && len(v.Text) < model.InlineText {
		r.body = &model.Body{Kind: model.TextBody, Text: naming.Escape(v.Text)}
		r.pieces = append(r.pieces, piece{"header", "Content-Type", value{plain: m.Type}})
		im.report.Mapped(model.Bodies, 1)
		return
	}
	fail("a body of this type needs an example as text")
}

func isForm(m *openapi.Media) bool {
	return strings.HasPrefix(m.Type, "application/x-www-form-urlencoded")
}

// structured makes a JSON body or a form of an example, or else of the schema; why says
// what stands against it.
func (a *asking) structured(r *request, m *openapi.Media, v *openapi.Node) (why string) {
	n := a.example(m, v)
	switch {
	case n == nil:
		return "there is no example, and none can be made of its schema"
	case isForm(m) && n.Kind != model.ObjectNode:
		return "a form that is not an object"
	case isForm(m):
		fields, why := formFields(n)
		r.body = &model.Body{Kind: model.FormBody, Fields: fields}
		return why
	case !small(n, 0, new(int)):
		return "an example that is too large or deep for a suite"
	}
	r.body = &model.Body{Kind: model.JSONBody, JSON: n}
	if m.Type != "application/json" && m.Type != "*/*" {
		r.pieces = append(r.pieces, piece{"header", "Content-Type", value{plain: m.Type}})
	}
	return ""
}

// example is the value that is sent: the given one, or one made of the schema; nil:
// there is none.
func (a *asking) example(m *openapi.Media, v *openapi.Node) *model.Node {
	switch {
	case v != nil:
		return a.im.json(a.s, v, "")
	case m.Schema == nil:
		return nil
	}
	sm := &sampler{im: a.im, s: a.s, c: a.c}
	n := sm.node(m.Schema, "value", 0)
	if len(sm.made) > 0 {
		a.im.report.Note(a.c.ID, "members of its body have no example and are made up: %s", strings.Join(sm.made, ", "))
	}
	if sm.why != "" {
		return nil
	}
	return n
}

func formFields(n *model.Node) ([]model.Field, string) {
	var out []model.Field
	for i, key := range n.Keys {
		list := []*model.Node{n.Items[i]}
		if n.Items[i].Kind == model.ArrayNode {
			list = n.Items[i].Items
		}
		for _, v := range list {
			if v.Kind == model.ObjectNode || v.Kind == model.ArrayNode {
				return nil, "a form with values in values"
			}
			out = append(out, model.Field{Name: key, Text: v.Text})
		}
	}
	return out, ""
}

// small reports whether a body is written into the suite.
func small(n *model.Node, depth int, count *int) bool {
	*count += 1
	if depth > model.InlineDepth || *count > model.InlineValues || len(n.Text) > model.InlineText {
		return false
	}
	for _, k := range n.Keys {
		if len(k) > model.InlineKey {
			return false
		}
	}
	return !slices.ContainsFunc(n.Items, func(item *model.Node) bool { return !small(item, depth+1, count) })
}
