package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A value is plain text, or text of the language where template is not empty.
type value struct{ plain, template string }

// A piece is one part of a request, as it is sent.
type piece struct {
	in, name string // path, query, header, cookie, form
	text     value
}

// A request is one way to ask an operation.
type request struct {
	name   string // of the example; empty: it has none
	pieces []piece
	body   *model.Body // all but form fields
	auth   *model.Auth
	skip   []string
}

// form is what must be equal of requests that are rows of one case.
func (r *request) form() string {
	var b strings.Builder
	for _, p := range r.pieces {
		fmt.Fprintf(&b, "%s %s %t\n", p.in, p.name, p.text.template != "")
	}
	if r.body != nil {
		text, _ := json.Marshal(r.body)
		b.Write(text)
	}
	return b.String()
}

// written is the text of a piece in the language.
func (p *piece) written() string {
	switch {
	case p.text.template != "":
		return p.text.template
	case p.in == "path":
		return template.PercentEncode(p.text.plain, "!$&'()*+,;=:@")
	}
	return naming.Escape(p.text.plain)
}

// operation writes the cases of an operation.
func (im *importer) operation(s *suite, o *openapi.Operation) {
	c := &model.Case{ID: im.caseIDs[o]}
	im.loseSchemas(c, o)
	im.report.Mapped(model.Requests, 1)
	if im.links.instead[o] != nil {
		im.linkedCase(s, c, im.links.instead[o])
		return
	}
	a := &asking{im: im, s: s, c: c, o: o}
	names := im.exampleNames(o)
	// Requests that differ in values alone are rows of one case; any other form is its own case.
	var forms []string
	var groups [][]*request
	for i := range im.rowCount(o, names) {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		r := a.request(name, i)
		k := slices.Index(forms, r.form())
		if k < 0 {
			k = len(forms)
			forms, groups = append(forms, r.form()), append(groups, nil)
		}
		if !slices.ContainsFunc(groups[k], func(x *request) bool { return slices.Equal(x.pieces, r.pieces) }) {
			groups[k] = append(groups[k], r)
		}
	}
	for i, group := range groups {
		one := *c
		if i > 0 {
			one.ID = im.ids.Take(cmp.Or(naming.Name(c.ID+" "+group[0].name), c.ID))
			one.Comment = nil
		}
		im.writeCase(s, &one, o, group)
	}
}

// exampleNames are the names of all examples of an operation, in order.
func (im *importer) exampleNames(o *openapi.Operation) []string {
	var out []string
	add := func(list []openapi.Example) {
		for _, e := range list {
			if e.Name != "" && len(out) < 5*maxRows {
				out = model.AppendOnce(out, e.Name)
			}
		}
	}
	for _, p := range o.Params {
		add(p.Examples)
	}
	if m := im.bodyMedia(o); m != nil {
		add(m.Examples)
	}
	return out
}

// rowCount is how many requests are made: one for each example, or for each value of
// the parameter that has most.
func (im *importer) rowCount(o *openapi.Operation, names []string) int {
	if len(names) > 0 {
		return len(names)
	}
	n := 1
	for _, p := range o.Params {
		if len(p.Examples) == 0 {
			n = max(n, len(im.given(p.Schema, 0)))
		}
	}
	return n
}

// choose is the value of the i-th request, whose example has the name.
func (im *importer) choose(examples []openapi.Example, schema *openapi.Node, name string, i int) *openapi.Node {
	if len(examples) > 0 {
		// The first where none has the name.
		return examples[max(0, slices.IndexFunc(examples, func(e openapi.Example) bool { return e.Name == name && name != "" }))].Value
	}
	if list := im.given(schema, 0); len(list) > 0 {
		return list[i%len(list)]
	}
	return nil
}

// An asking is what requests to an operation are made for: a case of a suite.
type asking struct {
	im *importer
	s  *suite
	c  *model.Case
	o  *openapi.Operation
	// given are values of parameters that an earlier step of the case captures, as texts
	// of the language, by the name that a link has for them: id or path.id.
	given map[string]string
}

// linked is what an earlier step gives a parameter; empty: nothing does.
func (a *asking) linked(p *openapi.Param) string {
	return cmp.Or(a.given[p.In+"."+p.Name], a.given[p.Name])
}

// request makes the i-th request, with the example of the name where there is one.
func (a *asking) request(name string, i int) *request {
	r := &request{name: name}
	for _, p := range a.o.Params {
		a.param(p, r, name, i)
	}
	a.body(r, name, i)
	a.im.auth(a.s, a.c, a.o, r)
	return r
}

// param adds the pieces of a parameter.
func (a *asking) param(p *openapi.Param, r *request, name string, i int) {
	im := a.im
	where := p.In + " " + naming.OneLine(p.Name, 60)
	if p.In == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(p.Name)) {
		return // the description says that these are not parameters
	}
	if p.In != "path" && p.In != "query" && !naming.IsToken(p.Name) || strings.Contains(p.Name, "{{") || len(p.Name) > model.InlineKey {
		im.lose(a.c, model.Headers, p.Pos.String()+" "+where, "that is not a name for one")
		return
	}
	// A value that an earlier step captures wins over examples.
	if t := a.linked(p); t != "" {
		r.pieces = append(r.pieces, piece{p.In, p.Name, value{template: t}})
		im.report.Mapped(model.Headers, 1)
		return
	}
	// Without a value an optional parameter is left out, and a required one asked for from outside.
	v := im.choose(p.Examples, p.Schema, name, i)
	if v == nil {
		switch {
		case !p.Required:
			im.unsent++
			return
		case naming.SecretName(p.Name):
			r.pieces = append(r.pieces, piece{p.In, p.Name, value{template: im.secret(a.s, p.Name, p.Name, a.c.ID)}})
		default:
			r.pieces = append(r.pieces, piece{p.In, p.Name, value{template: "{{" + im.need(a.s, p.Name, purpose(a.o, p), a.c.ID) + "}}"}})
		}
		im.report.Mapped(model.Headers, 1)
		return
	}
	pieces, why := serialise(p, v)
	if why != "" {
		im.lose(a.c, model.Headers, p.Pos.String()+" "+where, why)
		if p.Required {
			r.skip = append(r.skip, "its parameter "+naming.OneLine(p.Name, 40)+" is not converted")
		}
		return
	}
	for _, x := range pieces {
		if x.text.plain != "" && (naming.SecretName(p.Name) || naming.SecretText(x.text.plain)) {
			x.text = value{template: im.secret(a.s, p.Name, x.text.plain, a.c.ID)}
		}
		r.pieces = append(r.pieces, x)
	}
	im.report.Mapped(model.Headers, 1)
}

// purpose is what a parameter is for: of a path, what comes before it.
func purpose(o *openapi.Operation, p *openapi.Param) string {
	if p.In == "path" {
		before, _, _ := strings.Cut(o.Path, "{"+p.Name+"}")
		return "path " + before + " " + p.Name
	}
	return p.In + " " + p.Name
}

// serialise writes a value as its style says.
func serialise(p *openapi.Param, v *openapi.Node) (out []piece, why string) {
	add := func(name, text string) { out = append(out, piece{p.In, name, value{plain: text}}) }
	if p.JSON {
		add(p.Name, jsonText(v))
		return out, check(out)
	}
	if text, ok := scalarText(v); ok {
		if p.Style == "label" || p.Style == "matrix" {
			return nil, "style " + p.Style
		}
		add(p.Name, text)
		return out, check(out)
	}
	// Lists and objects are spread over several pieces, or joined, as style and explode say.
	var list []string
	for i, item := range v.Items {
		text, ok := scalarText(item)
		if !ok {
			return nil, "a value with values in it"
		}
		switch {
		case p.Style == "deepObject" && v.Kind == openapi.Object:
			add(p.Name+"["+v.Keys[i]+"]", text)
		case p.Style == "form" && p.Explode && v.Kind == openapi.Object:
			add(v.Keys[i], text)
		case p.Style == "form" && p.Explode:
			add(p.Name, text)
		case v.Kind == openapi.Object && p.Explode:
			list = append(list, v.Keys[i]+"="+text)
		case v.Kind == openapi.Object:
			list = append(list, v.Keys[i], text)
		default:
			list = append(list, text)
		}
	}
	if len(list) > 0 {
		sep := map[string]string{"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}[p.Style]
		if sep == "" {
			return nil, "style " + naming.OneLine(p.Style, 40)
		}
		add(p.Name, strings.Join(list, sep))
	}
	return out, check(out)
}

// check says which pieces cannot be sent.
func check(list []piece) string {
	for _, p := range list {
		switch {
		case p.in == "path" && (p.text.plain == "" || p.text.plain == "." || p.text.plain == ".."):
			return "not the value of a path"
		case p.name == "" || strings.Contains(p.name, "{{") || len(p.name) > model.InlineKey:
			return "not the name of a parameter"
		case p.in == "header" || p.in == "cookie":
			if strings.IndexFunc(p.text.plain, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 || p.in == "cookie" && strings.Contains(p.text.plain, ";") {
				return "a value that no header may have"
			}
		}
	}
	return ""
}
