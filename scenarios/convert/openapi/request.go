package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
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

// operation writes the cases of an operation.
func (im *importer) operation(s *suite, o *openapi.Operation) {
	c := &model.Case{ID: im.caseIDs[o]}
	im.loseSchemas(c, o)
	names := im.exampleNames(o)
	var forms []string
	var groups [][]*request
	for i := range im.rowCount(o, names) {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		r := im.request(s, c, o, name, i)
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
	im.report.Mapped(model.Requests, 1)
	for _, r := range o.Responses {
		for _, l := range r.Links {
			im.lose(nil, model.Captures, l.Pos.String(), "link "+l.Name, "write a case of two steps with a capture")
		}
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
	n := max(1, len(names))
	if len(names) > 0 {
		return n
	}
	for _, p := range o.Params {
		if len(p.Examples) == 0 {
			n = max(n, len(im.given(p.Schema, 0)))
		}
	}
	return n
}

// choose is the value of the i-th request, whose example has the name.
func (im *importer) choose(examples []openapi.Example, schema *openapi.Node, name string, i int) *openapi.Node {
	for _, e := range examples {
		if e.Name == name && name != "" {
			return e.Value
		}
	}
	if len(examples) > 0 {
		return examples[0].Value
	}
	if list := im.given(schema, 0); len(list) > 0 {
		return list[i%len(list)]
	}
	return nil
}

func (im *importer) request(s *suite, c *model.Case, o *openapi.Operation, name string, i int) *request {
	r := &request{name: name}
	for _, p := range o.Params {
		im.param(s, c, o, p, r, name, i)
	}
	im.body(s, c, o, r, name, i)
	im.auth(s, c, o, r)
	return r
}

// param adds the pieces of a parameter.
func (im *importer) param(s *suite, c *model.Case, o *openapi.Operation, p *openapi.Param, r *request, name string, i int) {
	where := p.In + " " + naming.OneLine(p.Name, 60)
	if p.In == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(p.Name)) {
		return // the description says that these are not parameters
	}
	if p.In != "path" && p.In != "query" && !naming.IsToken(p.Name) || strings.Contains(p.Name, "{{") || len(p.Name) > model.InlineKey {
		im.lose(c, model.Headers, p.Pos.String()+" "+where, "", "that is not a name for one")
		return
	}
	v := im.choose(p.Examples, p.Schema, name, i)
	if v == nil {
		switch {
		case !p.Required:
			im.unsent++
			return
		case naming.SecretName(p.Name):
			r.pieces = append(r.pieces, piece{p.In, p.Name, value{template: im.secret(s, p.Name, p.Name, c.ID)}})
		default:
			r.pieces = append(r.pieces, piece{p.In, p.Name, value{template: "{{" + im.need(s, p.Name, purpose(o, p), c.ID) + "}}"}})
		}
		im.report.Mapped(model.Headers, 1)
		return
	}
	pieces, why := serialise(p, v)
	if why != "" {
		im.lose(c, model.Headers, p.Pos.String()+" "+where, "", why)
		if p.Required {
			r.skip = append(r.skip, "its parameter "+naming.OneLine(p.Name, 40)+" is not converted")
		}
		return
	}
	for _, x := range pieces {
		if x.text.plain != "" && (naming.SecretName(p.Name) || naming.SecretText(x.text.plain)) {
			x.text = value{template: im.secret(s, p.Name, x.text.plain, c.ID)}
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

// bodyMedia is the form of the body that is sent: JSON where there is one.
func (im *importer) bodyMedia(o *openapi.Operation) *openapi.Media {
	if o.Body == nil {
		return nil
	}
	if m := jsonMedia(o.Body.Media); m != nil {
		return m
	}
	for i, m := range o.Body.Media {
		if strings.HasPrefix(m.Type, "application/x-www-form-urlencoded") {
			return &o.Body.Media[i]
		}
	}
	return &o.Body.Media[0]
}

func (im *importer) body(s *suite, c *model.Case, o *openapi.Operation, r *request, name string, i int) {
	m := im.bodyMedia(o)
	if m == nil {
		return
	}
	v := im.choose(m.Examples, nil, name, i)
	if v == nil && !o.Body.Required && m.Schema == nil {
		return
	}
	fail := func(why string) {
		im.lose(c, model.Bodies, m.Pos.String()+" body "+naming.OneLine(m.Type, 60), "", why)
		r.skip = append(r.skip, "its body is not converted: "+why)
	}
	form := strings.HasPrefix(m.Type, "application/x-www-form-urlencoded")
	if m.JSON() || m.Type == "*/*" || form {
		var n *model.Node
		if v != nil {
			n = im.json(s, v, "")
		} else if m.Schema != nil {
			sm := &sampler{im: im, s: s, c: c}
			n = sm.node(m.Schema, "value", 0)
			if sm.why != "" {
				n = nil
			}
			if len(sm.made) > 0 {
				im.report.Note(c.ID, "members of its body have no example and are made up: %s", strings.Join(sm.made, ", "))
			}
		}
		switch {
		case n == nil:
			fail("there is no example, and none can be made of its schema")
			return
		case form && n.Kind != model.ObjectNode:
			fail("a form that is not an object")
			return
		case form:
			fields, why := formFields(n)
			if why != "" {
				fail(why)
				return
			}
			r.body = &model.Body{Kind: model.FormBody, Fields: fields}
		case !small(n, 0, new(int)):
			fail("an example that is too large or deep for a suite")
			return
		default:
			r.body = &model.Body{Kind: model.JSONBody, JSON: n}
			if m.Type != "application/json" && m.Type != "*/*" {
				r.pieces = append(r.pieces, piece{"header", "Content-Type", value{plain: m.Type}})
			}
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

var inPath = regexp.MustCompile(`\{([^{}]*)\}`)

// writeCase writes requests of one form as a case: several are its rows.
func (im *importer) writeCase(s *suite, c *model.Case, o *openapi.Operation, group []*request) {
	first := group[0]
	texts := make([]string, len(first.pieces))
	var columns []string
	rows := make([][]string, len(group))
	names := naming.NewNamer("_")
	names.Take("example")
	for i, p := range first.pieces {
		same := !slices.ContainsFunc(group, func(r *request) bool { return r.pieces[i].text != p.text })
		switch {
		case p.text.template != "":
			texts[i] = p.text.template
		case same && p.in == "path":
			texts[i] = template.PercentEncode(p.text.plain, "!$&'()*+,;=:@")
		case same:
			texts[i] = naming.Escape(p.text.plain)
		default:
			column := names.Take(naming.VarName(p.name))
			columns, texts[i] = append(columns, column), "{{"+column+"}}"
			for k, r := range group {
				rows[k] = append(rows[k], r.pieces[i].text.plain)
			}
		}
	}
	prefix, service := im.place(s, o)
	step := &model.Step{Method: o.Method, Service: service, Body: first.body, Auth: first.auth, Expect: im.expect(c, o)}
	path := inPath.ReplaceAllStringFunc(naming.CleanURL(o.Path, "?"), func(hole string) string {
		name := hole[1 : len(hole)-1]
		for i, p := range first.pieces {
			if p.in == "path" && p.name == name {
				return texts[i]
			}
		}
		return "{{" + im.need(s, name, "path "+o.Path+" "+name, c.ID) + "}}"
	})
	step.URL = naming.CleanURL(prefix, "?{}") + path
	if strings.HasPrefix(step.URL, "//") {
		step.URL = "/" + strings.TrimLeft(step.URL, "/")
	}
	for i, p := range first.pieces {
		f := model.Field{Name: p.name, Text: texts[i]}
		switch p.in {
		case "query":
			step.Query = append(step.Query, f)
		case "header":
			step.Headers = append(step.Headers, f)
		case "cookie":
			step.Cookies = append(step.Cookies, f)
		}
	}
	if accept := im.accept(o); accept != "" {
		step.Headers = append([]model.Field{{Name: "Accept", Text: accept}}, step.Headers...)
	}
	if !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, o.Method) {
		step.Effects = model.Unreviewed
	}
	c.Name = cmp.Or(naming.OneLine(o.Summary, 120), describe(o))
	for _, tag := range o.Tags[min(1, len(o.Tags)):] {
		if name := naming.Name(tag); name != "" {
			c.Tags = model.AppendOnce(c.Tags, name)
		}
	}
	if o.Deprecated {
		c.Tags = model.AppendOnce(c.Tags, "deprecated")
	}
	c.Skip = naming.Plain(strings.Join(first.skip, "; "))
	c.Steps = []*model.Step{step}
	if len(columns) > 0 {
		im.rows(c, group, columns, rows)
	}
	s.Cases = append(s.Cases, c)
}

// rows writes the rows of a case as a file.
func (im *importer) rows(c *model.Case, group []*request, columns []string, cells [][]string) {
	var b strings.Builder
	named := group[0].name != ""
	ids := naming.NewNamer("-")
	b.WriteString("[\n")
	for i, row := range cells {
		var list []string
		put := func(name, text string) {
			k, _ := json.Marshal(name)
			v, _ := json.Marshal(text)
			list = append(list, string(k)+": "+string(v))
		}
		if named {
			put("example", ids.Take(cmp.Or(naming.OneLine(naming.Plain(group[i].name), 60), "example")))
		}
		for k, column := range columns {
			put(column, row[k])
		}
		b.WriteString("  {" + strings.Join(list, ", ") + "}")
		if i+1 < len(cells) {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	c.Data = &model.Data{File: "data/" + im.files.Take(c.ID) + ".json"}
	if named {
		c.Data.Name = "{{example}}"
	}
	im.assets = append(im.assets, model.File{Name: c.Data.File, Data: []byte(b.String())})
	im.report.Mapped(model.Examples, len(cells))
}

// successes are the responses that a request may get when all is well.
func successes(o *openapi.Operation) []*openapi.Response {
	for _, class := range []string{"2", "3", "default"} {
		var out []*openapi.Response
		for _, r := range o.Responses {
			if strings.HasPrefix(r.Status, class) {
				out = append(out, r)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// accept is the media type that is asked for, where the document has JSON.
func (im *importer) accept(o *openapi.Operation) string {
	for _, r := range successes(o) {
		if m := jsonMedia(r.Media); m != nil && m.JSON() {
			return m.Type
		}
	}
	return ""
}

// expect is what the document says of the successful answers.
func (im *importer) expect(c *model.Case, o *openapi.Operation) model.Expect {
	var out model.Expect
	list := successes(o)
	if len(list) == 0 {
		im.report.Note(c.ID, "no successful response is documented; a 2xx is expected")
		return out
	}
	empty := true
	for _, r := range list {
		if r.Status != "default" {
			out.Status = append(out.Status, strings.ToLower(r.Status))
			im.report.Mapped(model.Assertions, 1)
		}
		empty = empty && len(r.Media) == 0 && r.Status[0] == '2' && r.Status != "204" && r.Status != "205"
	}
	if o.Method == "HEAD" {
		return out
	}
	for _, name := range list[0].Headers {
		if len(list) == 1 && naming.IsToken(name) {
			out.Headers = append(out.Headers, model.Check{Name: name, Matchers: []model.Matcher{{Op: "exists", Value: model.Literal("true")}}})
			im.report.Mapped(model.Assertions, 1)
		}
	}
	if empty {
		out.Text = []model.Matcher{{Op: "exists", Value: model.Literal("false")}}
		im.report.Note(c.ID, "no body is documented; none is expected")
		return out
	}
	schema := ""
	for i, r := range list {
		file := ""
		if m := jsonMedia(r.Media); m != nil && m.Schema != nil {
			if key, _, err := im.schemaKey(m.Schema); err == nil {
				file = im.schemas.file[key]
			}
		}
		if i > 0 && file != schema {
			im.lose(c, model.Assertions, r.Pos.String()+" response "+r.Status, "", "the successful answers have different schemas")
			return out
		}
		schema = file
	}
	if out.Schema = schema; schema != "" {
		im.report.Mapped(model.Assertions, 1)
	}
	return out
}
