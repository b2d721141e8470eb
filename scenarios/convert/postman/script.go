package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// A draftHost answers what the scripts of one request or folder ask.
type draftHost struct {
	im *pmImport
	d  *pmDraft
}

// scripts reads the scripts of a request or folder, and returns the requests that they
// send.
func (im *pmImport) scripts(d *pmDraft, scripts []script.Source) []*script.Sent {
	defs, sent := script.Read(draftHost{im, d}, scripts, &d.step.Expect)
	d.defs = append(d.defs, defs...)
	return sent
}

func (h draftHost) VarName(name string) string       { return h.im.varName(name) }
func (h draftHost) NamesIn(template string) []string { return h.im.namesIn(template) }

func (h draftHost) Unset(name string) bool {
	given := func(list []pmVar) bool { return findPMVar(list, name) != nil }
	return !slices.ContainsFunc(h.im.valueLists(), given) && !h.im.setSomewhere[name] && !h.im.isColumn(name)
}

func (h draftHost) Scopes(name string) (environment, collection bool) {
	return h.im.inEnvironment(name), findPMVar(h.im.c.vars, name) != nil
}

func (h draftHost) Template(text string) string { return h.im.text(nil, text, "script", false) }

func (h draftHost) Secret(name, text, where string) string {
	return h.im.secret(h.d, name, text, where)
}

func (h draftHost) Use(name string) { h.d.use(name, false) }

func (h draftHost) SetHeader(name, value string, add bool) bool {
	if !naming.IsToken(name) || slices.Contains(clientHeaders, strings.ToLower(name)) || strings.EqualFold(name, "cookie") ||
		strings.ContainsAny(value, "\r\n") {
		return false
	}
	for _, used := range h.im.namesIn(value) {
		h.d.use(used, true)
	}
	h.d.headers = append(h.d.headers, scriptHeader{model.Field{Name: name, Text: value}, add})
	return true
}

// A scriptHeader is a header that a script sets before the request is sent.
type scriptHeader struct {
	model.Field
	add bool // next to others of the name, not in their place
}

// scriptHeaders writes what scripts set over the request's own headers.
func (d *pmDraft) scriptHeaders() {
	for _, h := range d.headers {
		same := func(f model.Field) bool { return strings.EqualFold(f.Name, h.Name) }
		i := slices.IndexFunc(d.step.Headers, same)
		switch {
		case i < 0:
			d.step.Headers = append(d.step.Headers, h.Field)
		case h.add:
			d.step.Headers = append(d.step.Headers, model.Field{Name: d.step.Headers[i].Name, Text: h.Text})
		default:
			d.step.Headers[i].Text = h.Text
			d.step.Headers = slices.Concat(d.step.Headers[:i+1], slices.DeleteFunc(slices.Clone(d.step.Headers[i+1:]), same))
		}
	}
}

func (h draftHost) IsNext(name string) bool {
	if h.d.item.request == nil {
		return false
	}
	var order []*pmItem
	for i := range h.im.c.root.all() {
		if i.request != nil {
			order = append(order, i)
		}
	}
	i := slices.Index(order, h.d.item)
	if i+1 == len(order) {
		return name == ""
	}
	return i >= 0 && name != "" && order[i+1].name == name
}

func (h draftHost) Obey(schema *model.Node) { h.d.schemas = append(h.d.schemas, schema) }

func (h draftHost) Schema(data []byte) string {
	for _, a := range h.im.assets {
		if strings.HasPrefix(a.source, "schemas/") && string(a.file.Data) == string(data) { // that of a folder
			return a.file.Name
		}
	}
	return h.im.asset("schemas/"+cmp.Or(naming.Name(h.d.item.name), "schema")+".json", data)
}

func (h draftHost) IsHead() bool {
	return h.d.item.request != nil && h.d.item.request.method == "HEAD"
}

func (h draftHost) Lose(l model.Lost)          { h.im.lose(h.d, l) }
func (h draftHost) Mapped(k model.Kind, n int) { h.im.report.Mapped(k, n) }

func (h draftHost) Note(format string, args ...any) {
	h.im.report.Note(h.d.path(), format, args...)
}
