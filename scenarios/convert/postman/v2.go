package postman

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// v2Reader reads a collection of v2.0 or v2.1. The first mistake ends it.
type v2Reader struct {
	file string
	err  *source.Error
}

// fail keeps the first mistake: what is read after it may follow from it.
func (r *v2Reader) fail(v *source.Value, path, format string, args ...any) {
	if r.err == nil {
		at := -1
		if v != nil {
			at = v.Offset
		}
		r.err = &source.Error{File: r.file, Path: path, Offset: at, Msg: fmt.Sprintf(format, args...)}
	}
}

// readV2 reads the JSON export of a collection, also wrapped in {"collection": …}.
func readV2(file string, data []byte) (*pmCollection, error) {
	v, err := source.ParseJSON(file, data)
	if err != nil {
		return nil, err
	}
	r := &v2Reader{file: file}
	path := "$"
	if inner := v.Get("collection"); inner.Exists() && v.Get("item") == nil {
		v, path = inner, "$.collection"
	}
	c := r.collection(v, path)
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

// collection reads the top of a file. What people export by mistake is told apart, because the
// remedy differs: form v1, an environment, a run.
func (r *v2Reader) collection(v *source.Value, path string) *pmCollection {
	if v.Kind != 'o' {
		r.fail(v, path, "a collection must be an object, not %s", v.Word())
		return nil
	}
	info := v.Get("info")
	switch {
	case v.Get("requests").Exists() || v.Get("folders").Exists():
		r.fail(v, path, "this is a collection of form v1, which Postman itself reads no more; export it again as v2.1")
	case v.Get("values").Exists() && v.Get("item") == nil:
		r.fail(v, path, "this is an environment, not a collection; give it with --env")
	case v.Get("run").Exists() && v.Get("item") == nil:
		r.fail(v, path, "this is a run or its settings, not a collection")
	case v.Get("item") == nil:
		r.fail(v, path, `no "item": this is not a collection`)
	case v.Get("item").Kind != 'a':
		r.fail(v.Get("item"), path+".item", "must be a list, not %s", v.Get("item").Word())
	case info.Exists() && info.Kind != 'o':
		r.fail(info, path+".info", "must be an object, not %s", info.Word())
	}
	if r.err != nil {
		return nil
	}
	c := &pmCollection{name: cmp.Or(info.Get("name").Str(), v.Get("name").Str()), root: &pmItem{}}
	c.doc = docText(info.Get("description"))
	c.vars = r.vars(v.Get("variable"), path+".variable")
	c.root.name, c.root.doc = c.name, c.doc
	c.root.auth = r.auth(v.Get("auth"), path+".auth")
	c.root.scripts = r.scripts(v.Get("event"), path+".event")
	c.root.settings = settings(v.Get("protocolProfileBehavior"))
	r.items(c.root, v.Get("item"), path+".item", 0)
	return c
}

// maxFolders bounds how deep folders may be nested.
const maxFolders = 60

func (r *v2Reader) items(parent *pmItem, list *source.Value, path string, depth int) {
	if depth > maxFolders {
		r.fail(list, path, "folders nested more than %d deep", maxFolders)
		return
	}
	for i, v := range list.List() {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch v.Kind {
		case 's': // a request that is its address alone
			parent.items = append(parent.items, &pmItem{name: v.Text, parent: parent, request: r.request(v, at)})
		case 'o':
			if item := r.item(parent, v, at, depth); item != nil {
				parent.items = append(parent.items, item)
			}
		default:
			r.fail(v, at, "an item must be an object, not %s", v.Word())
		}
		if r.err != nil {
			return
		}
	}
}

// item reads a folder or a request; what tells them apart is a list of items.
func (r *v2Reader) item(parent *pmItem, v *source.Value, path string, depth int) *pmItem {
	item := &pmItem{
		name: v.Get("name").Str(), doc: docText(v.Get("description")), parent: parent,
		auth: r.auth(v.Get("auth"), path+".auth"), scripts: r.scripts(v.Get("event"), path+".event"),
		settings: settings(v.Get("protocolProfileBehavior")),
	}
	if inner := v.Get("item"); inner.Exists() {
		if inner.Kind != 'a' {
			r.fail(inner, path+".item", "must be a list, not %s", inner.Word())
			return nil
		}
		item.name = cmp.Or(item.name, "folder")
		r.items(item, inner, path+".item", depth+1)
		return item
	}
	request := v.Get("request")
	if !request.Exists() {
		r.fail(v, path, `an item needs "request" or "item"`)
		return nil
	}
	item.request = r.request(request, path+".request")
	if r.err != nil {
		return nil
	}
	item.doc = cmp.Or(item.doc, item.request.doc)
	if a := r.auth(request.Get("auth"), path+".request.auth"); a != nil {
		item.auth = a
	}
	item.name = cmp.Or(item.name, item.request.url.raw)
	item.scripts = append(item.scripts, r.scripts(request.Get("event"), path+".request.event")...)
	for _, e := range v.Get("response").List() {
		item.examples = append(item.examples, example(e))
	}
	return item
}

func example(v *source.Value) pmExample {
	e := pmExample{name: v.Get("name").Str(), body: v.Get("body").Str(), json: v.Get("_postman_previewlanguage").Str() == "json"}
	e.code, _ = strconv.Atoi(v.Get("code").Str())
	for _, h := range v.Get("header").List() {
		if strings.EqualFold(h.Get("key").Str(), "content-type") && strings.Contains(h.Get("value").Str(), "json") {
			e.json = true
		}
	}
	return e
}

func (r *v2Reader) request(v *source.Value, path string) *pmRequest {
	if v.Kind == 's' {
		return &pmRequest{method: "GET", url: parseURL(v.Text)}
	}
	if v.Kind != 'o' {
		r.fail(v, path, "a request must be an object or an address, not %s", v.Word())
		return nil
	}
	out := &pmRequest{method: strings.ToUpper(strings.TrimSpace(cmp.Or(v.Get("method").Str(), "GET"))), doc: docText(v.Get("description"))}
	out.url = r.url(v.Get("url"), path+".url")
	out.headers = r.headers(v.Get("header"), path+".header")
	out.body = r.body(v.Get("body"), path+".body")
	return out
}

// headers reads a list, or the old form: lines of name: value in one text.
func (r *v2Reader) headers(v *source.Value, path string) []pmField {
	switch {
	case !v.Exists():
		return nil
	case v.Kind == 's':
		return headerLines(v.Text)
	case v.Kind == 'a':
		var out []pmField
		for _, h := range v.Items {
			if h.Kind == 's' {
				out = append(out, headerLines(h.Text)...)
			} else if h.Exists() {
				out = append(out, field(h))
			}
		}
		return out
	case v.Kind == 'o':
		var out []pmField
		for k, x := range v.Members() {
			out = append(out, pmField{key: k, value: x.Str()})
		}
		return out
	}
	r.fail(v, path, "headers must be a list or text, not %s", v.Word())
	return nil
}

func headerLines(text string) []pmField {
	var out []pmField
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out = append(out, pmField{key: strings.TrimSpace(name), value: strings.TrimSpace(value)})
		}
	}
	return out
}

// field reads a header, parameter or form field: {key, value, …}.
func field(v *source.Value) pmField {
	f := pmField{
		key: v.Get("key").Str(), value: v.Get("value").Plain(), disabled: v.Get("disabled").IsTrue(),
		mime: v.Get("contentType").Str(), filename: v.Get("fileName").Str(), file: v.Get("type").Str() == "file",
	}
	if f.file {
		src := v.Get("src")
		for _, s := range src.List() {
			f.files = append(f.files, s.Str())
		}
		if s := src.Str(); s != "" {
			f.files = append(f.files, s)
		}
	}
	return f
}

func fields(v *source.Value) []pmField {
	if v != nil && v.Kind == 's' {
		return queryFields(v.Text)
	}
	var out []pmField
	for _, x := range v.List() {
		if x.Exists() {
			out = append(out, field(x))
		}
	}
	return out
}

func (r *v2Reader) body(v *source.Value, path string) *pmBody {
	if !v.Exists() {
		return nil
	}
	if v.Kind == 's' {
		return &pmBody{mode: "raw", raw: v.Text}
	}
	if v.Kind != 'o' {
		r.fail(v, path, "a body must be an object, not %s", v.Word())
		return nil
	}
	b := &pmBody{mode: v.Get("mode").Str(), disabled: v.Get("disabled").IsTrue()}
	b.language = v.Get("options").Get("raw").Get("language").Str()
	switch b.mode {
	case "raw":
		b.raw = v.Get("raw").Plain()
	case "urlencoded", "formdata":
		b.fields = fields(v.Get(b.mode))
	case "file":
		if f := v.Get("file"); f != nil && f.Kind == 's' {
			b.file = f.Text
		} else {
			b.file, b.raw = f.Get("src").Str(), f.Get("content").Str()
		}
	case "graphql":
		b.graphql(v.Get("graphql"))
	case "":
		return nil
	default:
		r.fail(v.Get("mode"), path+".mode", "unknown mode %q: raw, urlencoded, formdata, file or graphql", naming.OneLine(b.mode, 40))
	}
	return b
}

// graphql reads a query with its variables: an object, or its text.
func (b *pmBody) graphql(v *source.Value) {
	b.mode, b.query, b.operation = "graphql", v.Get("query").Str(), v.Get("operationName").Str()
	if b.variables = v.Get("variables").Str(); v.Get("variables").IsObject() {
		b.variables = v.Get("variables").Compact()
	}
}

// auth reads {type, <type>: [...]} of v2.1 or {type, <type>: {...}} of v2.0.
func (r *v2Reader) auth(v *source.Value, path string) *pmAuth {
	if !v.Exists() {
		return nil
	}
	if v.Kind != 'o' {
		r.fail(v, path, "auth must be an object, not %s", v.Word())
		return nil
	}
	a := &pmAuth{kind: strings.ToLower(v.Get("type").Str())}
	if a.kind == "" || a.kind == "none" {
		a.kind = "noauth"
	}
	params := v.Get(v.Get("type").Str())
	if params.Exists() && params.Kind != 'a' && params.Kind != 'o' {
		r.fail(params, path+"."+a.kind, "must be a list or an object, not %s", params.Word())
	}
	a.params = namedValues(params)
	return a
}

// scripts reads those that run before the request and after the answer. Line ends of Windows are
// taken off, so that lines are counted as Postman shows them.
func (r *v2Reader) scripts(v *source.Value, path string) []script.Source {
	var out []script.Source
	for i, e := range v.List() {
		body, listen := e.Get("script"), e.Get("listen").Str()
		if e.Get("disabled").IsTrue() || listen != "test" && listen != "prerequest" {
			continue
		}
		code := ""
		switch exec := body.Get("exec"); {
		case body != nil && body.Kind == 's':
			code = body.Text
		case exec != nil && exec.Kind == 's':
			code = exec.Text
		case exec != nil && exec.Kind == 'a':
			lines := make([]string, len(exec.Items))
			for j, l := range exec.Items {
				lines[j] = l.Str()
			}
			code = strings.Join(lines, "\n")
		case exec.Exists():
			r.fail(exec, fmt.Sprintf("%s[%d].script.exec", path, i), "must be a list of lines, not %s", exec.Word())
		}
		if strings.TrimSpace(code) != "" {
			out = append(out, script.Source{After: listen == "test", Code: strings.ReplaceAll(code, "\r\n", "\n")})
		}
	}
	return out
}

// vars reads variables: a list of {key|id, value}.
func (r *v2Reader) vars(v *source.Value, path string) []pmVar {
	if v.Exists() && v.Kind != 'a' {
		r.fail(v, path, "must be a list, not %s", v.Word())
	}
	return readVars(v)
}

// readVars reads a list of {key|id|name, value}.
func readVars(v *source.Value) []pmVar {
	var out []pmVar
	for _, x := range v.List() {
		y := pmVar{
			key: cmp.Or(x.Get("key").Str(), x.Get("id").Str(), x.Get("name").Str()), value: x.Get("value").Plain(),
			secret:   x.Get("type").Str() == "secret",
			disabled: x.Get("disabled").IsTrue() || x.Get("enabled") != nil && !x.Get("enabled").IsTrue(),
		}
		if value := x.Get("value"); value != nil {
			y.literal = value.Kind == 'n' || value.Kind == 'b'
		}
		if y.key != "" {
			out = append(out, y)
		}
	}
	return out
}

// namedValues reads variables or parameters: a list of {key, value}, or a mapping.
func namedValues(v *source.Value) []pmVar {
	out := readVars(v)
	for k, x := range v.Members() {
		if x.Kind == 'o' {
			x = x.Get("value")
		}
		out = append(out, pmVar{key: k, value: x.Str()})
	}
	return out
}

// settings reads how requests are to be sent.
func settings(v *source.Value) []pmSetting {
	var out []pmSetting
	for k, x := range v.Members() {
		out = append(out, pmSetting{k, settingText(x)})
	}
	return out
}

// settingText is the value of a setting; a list, or an object of names that are
// true, is its names.
func settingText(v *source.Value) string {
	if v.Kind != 'a' && v.Kind != 'o' {
		return v.Str()
	}
	var names []string
	for _, x := range v.List() {
		names = append(names, x.Str())
	}
	for k, x := range v.Members() {
		if x.IsTrue() {
			names = append(names, k)
		}
	}
	return strings.Join(names, ", ")
}

// docText is a description: text, or {content}.
func docText(v *source.Value) string {
	if v != nil && v.Kind == 'o' {
		v = v.Get("content")
	}
	return strings.TrimSpace(v.Str())
}
