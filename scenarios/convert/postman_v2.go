package convert

import (
	"fmt"
	"strconv"
	"strings"
)

// v2Reader reads a collection of v2.0 or v2.1. The first mistake ends it.
type v2Reader struct {
	file string
	err  *SourceError
}

func (r *v2Reader) fail(v *jsonValue, path, format string, args ...any) {
	if r.err == nil {
		at := -1
		if v != nil {
			at = v.at
		}
		r.err = &SourceError{r.file, path, at, fmt.Sprintf(format, args...)}
	}
}

// readV2 reads the JSON export of a collection, also wrapped in {"collection": …}.
func readV2(file string, data []byte) (*pmCollection, error) {
	v, err := parseJSON(file, data)
	if err != nil {
		return nil, err
	}
	r := &v2Reader{file: file}
	path := "$"
	if inner := v.get("collection"); inner.has() && v.get("item") == nil {
		v, path = inner, "$.collection"
	}
	c := r.collection(v, path)
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

func (r *v2Reader) collection(v *jsonValue, path string) *pmCollection {
	if v.kind != 'o' {
		r.fail(v, path, "a collection must be an object, not %s", v.word())
		return nil
	}
	info := v.get("info")
	switch {
	case v.get("requests").has() || v.get("folders").has():
		r.fail(v, path, "this is a collection of form v1, which Postman itself reads no more; export it again as v2.1")
	case v.get("values").has() && v.get("item") == nil:
		r.fail(v, path, "this is an environment, not a collection; give it with --env")
	case v.get("run").has() && v.get("item") == nil:
		r.fail(v, path, "this is a run or its settings, not a collection")
	case v.get("item") == nil:
		r.fail(v, path, `no "item": this is not a collection`)
	case v.get("item").kind != 'a':
		r.fail(v.get("item"), path+".item", "must be a list, not %s", v.get("item").word())
	case info.has() && info.kind != 'o':
		r.fail(info, path+".info", "must be an object, not %s", info.word())
	}
	if r.err != nil {
		return nil
	}
	c := &pmCollection{name: orElse(info.get("name").str(), v.get("name").str()), root: &pmItem{}}
	c.doc = docText(info.get("description"))
	c.vars = r.vars(v.get("variable"), path+".variable")
	c.root.name, c.root.doc = c.name, c.doc
	c.root.auth = r.auth(v.get("auth"), path+".auth")
	c.root.scripts = r.scripts(v.get("event"), path+".event")
	c.root.settings = settings(v.get("protocolProfileBehavior"))
	r.items(c.root, v.get("item"), path+".item", 0)
	return c
}

// maxFolders bounds how deep folders may be nested.
const maxFolders = 60

func (r *v2Reader) items(parent *pmItem, list *jsonValue, path string, depth int) {
	if depth > maxFolders {
		r.fail(list, path, "folders nested more than %d deep", maxFolders)
		return
	}
	for i, v := range list.list() {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch v.kind {
		case 's': // a request that is its address alone
			parent.items = append(parent.items, &pmItem{name: v.text, parent: parent, request: r.request(v, at)})
		case 'o':
			if item := r.item(parent, v, at, depth); item != nil {
				parent.items = append(parent.items, item)
			}
		default:
			r.fail(v, at, "an item must be an object, not %s", v.word())
		}
		if r.err != nil {
			return
		}
	}
}

func (r *v2Reader) item(parent *pmItem, v *jsonValue, path string, depth int) *pmItem {
	item := &pmItem{
		name: v.get("name").str(), doc: docText(v.get("description")), parent: parent,
		auth: r.auth(v.get("auth"), path+".auth"), scripts: r.scripts(v.get("event"), path+".event"), settings: settings(v.get("protocolProfileBehavior")),
	}
	if inner := v.get("item"); inner.has() {
		if inner.kind != 'a' {
			r.fail(inner, path+".item", "must be a list, not %s", inner.word())
			return nil
		}
		item.name = orElse(item.name, "folder")
		r.items(item, inner, path+".item", depth+1)
		return item
	}
	request := v.get("request")
	if !request.has() {
		r.fail(v, path, `an item needs "request" or "item"`)
		return nil
	}
	item.request = r.request(request, path+".request")
	if r.err != nil {
		return nil
	}
	item.doc = orElse(item.doc, item.request.doc)
	if a := r.auth(request.get("auth"), path+".request.auth"); a != nil {
		item.auth = a
	}
	item.name = orElse(item.name, item.request.url.raw)
	item.scripts = append(item.scripts, r.scripts(request.get("event"), path+".request.event")...)
	for _, e := range v.get("response").list() {
		item.examples = append(item.examples, example(e))
	}
	return item
}

func example(v *jsonValue) pmExample {
	e := pmExample{name: v.get("name").str(), body: v.get("body").str(), json: v.get("_postman_previewlanguage").str() == "json"}
	e.code, _ = strconv.Atoi(v.get("code").str())
	for _, h := range v.get("header").list() {
		if strings.EqualFold(h.get("key").str(), "content-type") && strings.Contains(h.get("value").str(), "json") {
			e.json = true
		}
	}
	return e
}

func (r *v2Reader) request(v *jsonValue, path string) *pmRequest {
	if v.kind == 's' {
		return &pmRequest{method: "GET", url: parseURL(v.text)}
	}
	if v.kind != 'o' {
		r.fail(v, path, "a request must be an object or an address, not %s", v.word())
		return nil
	}
	out := &pmRequest{method: strings.ToUpper(strings.TrimSpace(orElse(v.get("method").str(), "GET"))), doc: docText(v.get("description"))}
	out.url = r.url(v.get("url"), path+".url")
	out.headers = r.headers(v.get("header"), path+".header")
	out.body = r.body(v.get("body"), path+".body")
	return out
}

// headers reads a list, or the old form: lines of name: value in one text.
func (r *v2Reader) headers(v *jsonValue, path string) []pmField {
	switch {
	case !v.has():
		return nil
	case v.kind == 's':
		return headerLines(v.text)
	case v.kind == 'a':
		var out []pmField
		for _, h := range v.items {
			if h.kind == 's' {
				out = append(out, headerLines(h.text)...)
			} else if h.has() {
				out = append(out, field(h))
			}
		}
		return out
	case v.kind == 'o':
		var out []pmField
		for i, k := range v.keys {
			out = append(out, pmField{key: k, value: v.items[i].str()})
		}
		return out
	}
	r.fail(v, path, "headers must be a list or text, not %s", v.word())
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

func field(v *jsonValue) pmField {
	f := pmField{key: v.get("key").str(), value: v.get("value").str(), disabled: v.get("disabled").yes(), mime: v.get("contentType").str(), filename: v.get("fileName").str()}
	if value := v.get("value"); value != nil && (value.kind == 'o' || value.kind == 'a') {
		f.value = value.compact()
	}
	if v.get("type").str() == "file" {
		f.file = true
		src := v.get("src")
		for _, s := range src.list() {
			f.files = append(f.files, s.str())
		}
		if s := src.str(); s != "" {
			f.files = append(f.files, s)
		}
	}
	return f
}

func fields(v *jsonValue) []pmField {
	if v != nil && v.kind == 's' {
		return queryFields(v.text)
	}
	var out []pmField
	for _, x := range v.list() {
		if x.has() {
			out = append(out, field(x))
		}
	}
	return out
}

func (r *v2Reader) body(v *jsonValue, path string) *pmBody {
	if !v.has() {
		return nil
	}
	if v.kind == 's' {
		return &pmBody{mode: "raw", raw: v.text}
	}
	if v.kind != 'o' {
		r.fail(v, path, "a body must be an object, not %s", v.word())
		return nil
	}
	b := &pmBody{mode: v.get("mode").str(), disabled: v.get("disabled").yes()}
	b.language = v.get("options").get("raw").get("language").str()
	switch b.mode {
	case "raw":
		b.raw = v.get("raw").str()
		if raw := v.get("raw"); raw != nil && (raw.kind == 'o' || raw.kind == 'a') {
			b.raw = raw.compact()
		}
	case "urlencoded", "formdata":
		b.fields = fields(v.get(b.mode))
	case "file":
		if f := v.get("file"); f != nil && f.kind == 's' {
			b.file = f.text
		} else {
			b.file, b.raw = f.get("src").str(), f.get("content").str()
		}
	case "graphql":
		g := v.get("graphql")
		b.query, b.operation = g.get("query").str(), g.get("operationName").str()
		b.variables = g.get("variables").str()
		if vars := g.get("variables"); vars != nil && vars.kind == 'o' {
			b.variables = vars.compact()
		}
	case "":
		return nil
	default:
		r.fail(v.get("mode"), path+".mode", "unknown mode %q: raw, urlencoded, formdata, file or graphql", oneLine(b.mode, 40))
	}
	return b
}

// auth reads {type, <type>: [...]} of v2.1 or {type, <type>: {...}} of v2.0.
func (r *v2Reader) auth(v *jsonValue, path string) *pmAuth {
	if !v.has() {
		return nil
	}
	if v.kind != 'o' {
		r.fail(v, path, "auth must be an object, not %s", v.word())
		return nil
	}
	a := &pmAuth{kind: strings.ToLower(v.get("type").str())}
	if a.kind == "" || a.kind == "none" {
		a.kind = "noauth"
	}
	params := v.get(v.get("type").str())
	switch {
	case !params.has():
	case params.kind == 'a':
		for _, p := range params.items {
			a.params = append(a.params, pmVar{key: p.get("key").str(), value: p.get("value").str()})
		}
	case params.kind == 'o':
		for i, k := range params.keys {
			a.params = append(a.params, pmVar{key: k, value: params.items[i].str()})
		}
	default:
		r.fail(params, path+"."+a.kind, "must be a list or an object, not %s", params.word())
	}
	return a
}

func (r *v2Reader) scripts(v *jsonValue, path string) []pmScript {
	var out []pmScript
	for i, e := range v.list() {
		script, listen := e.get("script"), e.get("listen").str()
		if e.get("disabled").yes() || listen != "test" && listen != "prerequest" {
			continue
		}
		code := ""
		switch exec := script.get("exec"); {
		case script != nil && script.kind == 's':
			code = script.text
		case exec != nil && exec.kind == 's':
			code = exec.text
		case exec != nil && exec.kind == 'a':
			lines := make([]string, len(exec.items))
			for j, l := range exec.items {
				lines[j] = l.str()
			}
			code = strings.Join(lines, "\n")
		case exec.has():
			r.fail(exec, fmt.Sprintf("%s[%d].script.exec", path, i), "must be a list of lines, not %s", exec.word())
		}
		if strings.TrimSpace(code) != "" {
			out = append(out, pmScript{listen == "test", strings.ReplaceAll(code, "\r\n", "\n")})
		}
	}
	return out
}

// vars reads variables: a list of {key|id, value}.
func (r *v2Reader) vars(v *jsonValue, path string) []pmVar {
	if v.has() && v.kind != 'a' {
		r.fail(v, path, "must be a list, not %s", v.word())
	}
	return readVars(v)
}

func readVars(v *jsonValue) []pmVar {
	var out []pmVar
	for _, x := range v.list() {
		key := orElse(x.get("key").str(), x.get("id").str())
		if key == "" {
			key = x.get("name").str()
		}
		value := x.get("value")
		y := pmVar{key: key, value: value.str(), secret: x.get("type").str() == "secret"}
		y.disabled = x.get("disabled").yes() || x.get("enabled") != nil && !x.get("enabled").yes()
		if value != nil {
			y.literal = value.kind == 'n' || value.kind == 'b'
			if value.kind == 'o' || value.kind == 'a' {
				y.value = value.compact()
			}
		}
		if key != "" {
			out = append(out, y)
		}
	}
	return out
}

func settings(v *jsonValue) []pmSetting {
	var out []pmSetting
	if v == nil || v.kind != 'o' {
		return nil
	}
	for i, k := range v.keys {
		out = append(out, pmSetting{k, settingText(v.items[i])})
	}
	return out
}

// settingText is the value of a setting; a list, or an object of names that are
// true, is its names.
func settingText(v *jsonValue) string {
	var names []string
	switch v.kind {
	case 'a':
		for _, x := range v.items {
			names = append(names, x.str())
		}
	case 'o':
		for i, k := range v.keys {
			if v.items[i].yes() {
				names = append(names, k)
			}
		}
	default:
		return v.str()
	}
	return strings.Join(names, ", ")
}

// docText is a description: text, or {content}.
func docText(v *jsonValue) string {
	if v != nil && v.kind == 'o' {
		v = v.get("content")
	}
	return strings.TrimSpace(v.str())
}

// word names what a value is.
func (v *jsonValue) word() string {
	switch v.kind {
	case 'o':
		return "an object"
	case 'a':
		return "a list"
	case 's':
		return "text"
	case 'n':
		return "a number"
	case '0':
		return "null"
	}
	return v.text
}
