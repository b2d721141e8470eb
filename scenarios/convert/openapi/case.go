package openapi

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

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
		// What all rows have in common is written in the step; a column is what they differ in.
		same := p.text.template != "" || !slices.ContainsFunc(group, func(r *request) bool { return r.pieces[i].text != p.text })
		if same {
			texts[i] = p.written()
			continue
		}
		column := names.Take(naming.VarName(p.name))
		columns, texts[i] = append(columns, column), "{{"+column+"}}"
		for k, r := range group {
			rows[k] = append(rows[k], r.pieces[i].text.plain)
		}
	}
	step := im.step(s, c, o, first, texts)
	c.Name = cmp.Or(naming.OneLine(o.Summary, 120), describe(o))
	im.tag(c, o)
	c.Skip = naming.Plain(strings.Join(first.skip, "; "))
	c.Steps = []*model.Step{step}
	if len(columns) > 0 {
		im.rows(c, group, columns, rows)
	}
	s.Cases = append(s.Cases, c)
}

// tag gives a case the further tags of its operation.
func (im *importer) tag(c *model.Case, o *openapi.Operation) {
	for _, tag := range o.Tags[min(1, len(o.Tags)):] {
		if name := naming.Name(tag); name != "" {
			c.Tags = model.AppendOnce(c.Tags, name)
		}
	}
	if o.Deprecated {
		c.Tags = model.AppendOnce(c.Tags, "deprecated")
	}
}

// step writes a request; texts are those of its pieces in the language.
func (im *importer) step(s *suite, c *model.Case, o *openapi.Operation, first *request, texts []string) *model.Step {
	prefix, service := im.place(s, o)
	step := &model.Step{Method: o.Method, Service: service, Body: first.body, Auth: first.auth, Expect: im.expect(c, o)}
	// A hole in the path without a parameter is asked for from outside, as one without a value is.
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
	// The body that the schema is about must be the one that is answered.
	if accept := im.accept(o); accept != "" {
		step.Headers = append([]model.Field{{Name: "Accept", Text: accept}}, step.Headers...)
	}
	if !scenarios.SafeMethod(o.Method) {
		step.Effects = model.Unreviewed
	}
	return step
}

// fewRows is how many bytes of rows are written in the case itself, for a reader to see them.
const fewRows = 400

// rows writes the rows of a case: a few in the case, more as a file.
func (im *importer) rows(c *model.Case, group []*request, columns []string, cells [][]string) {
	named := group[0].name != ""
	ids := naming.NewNamer("-")
	c.Data = &model.Data{}
	if named {
		c.Data.Name = "{{example}}"
	}
	var lines []string
	size, plain := 0, true
	for i, row := range cells {
		one := &model.Node{Kind: model.ObjectNode}
		var list []string
		// The same row is made twice: as nodes for the case, and as a line for the file.
		put := func(name, text string) {
			k, _ := json.Marshal(name)
			v, _ := json.Marshal(text)
			list = append(list, string(k)+": "+string(v))
			one.Keys, one.Items = append(one.Keys, name), append(one.Items, model.String(text))
			plain = plain && !strings.Contains(text, "{{") && naming.OneLine(text, fewRows) == text
		}
		if named {
			put("example", ids.Take(cmp.Or(naming.OneLine(naming.Plain(group[i].name), 60), "example")))
		}
		for k, column := range columns {
			put(column, row[k])
		}
		line := "  {" + strings.Join(list, ", ") + "}"
		lines, size = append(lines, line), size+len(line)
		c.Data.Rows = append(c.Data.Rows, one)
	}
	im.report.Mapped(model.Examples, len(cells))
	if plain && size <= fewRows {
		return
	}
	c.Data.Rows, c.Data.File = nil, "data/"+im.files.Take(c.ID)+".json"
	im.assets = append(im.assets, model.File{Name: c.Data.File, Data: []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n")})
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
	// No body is expected only where every success documents none.
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
	out.Headers = im.headers(c, list)
	if empty {
		out.Text = []model.Matcher{{Op: "exists", Value: model.Literal("false")}}
		im.report.Note(c.ID, "no body is documented; none is expected")
		return out
	}
	schema := ""
	for i, r := range list {
		file := ""
		if n := jsonSchema(r); n != nil {
			if key, _, err := im.schemaKey(n); err == nil {
				file = im.schemas.file[key]
			}
		}
		if i > 0 && file != schema {
			im.lose(c, model.Assertions, r.Pos.String()+" response "+r.Status, "the successful answers have different schemas")
			return out
		}
		schema = file
	}
	if out.Schema = schema; schema != "" {
		im.report.Mapped(model.Assertions, 1)
	}
	return out
}
