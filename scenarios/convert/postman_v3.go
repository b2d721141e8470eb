package convert

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The YAML form of collections (v3): a folder is a folder, NAME.request.yaml a
// request, .resources/definition.yaml says what a folder is called, holds and
// inherits. Items stand in the order of their order:, then by name.

const (
	v3Request    = ".request.yaml"
	v3Definition = ".resources/definition.yaml"
	maxV3Files   = 20_000
)

type v3Reader struct {
	fsys  fs.FS
	files int
}

func readV3(fsys fs.FS, name string) (*pmCollection, error) {
	r := &v3Reader{fsys: fsys}
	root := &pmItem{name: name}
	c := &pmCollection{root: root}
	if err := r.folder(root, ".", c, 0); err != nil {
		return nil, err
	}
	c.name, c.doc = root.name, root.doc
	return c, nil
}

// ordered is an item with its place among its siblings.
type ordered struct {
	item  *pmItem
	order float64
	name  string
}

func (r *v3Reader) folder(f *pmItem, dir string, c *pmCollection, depth int) error {
	if depth > maxFolders {
		return fmt.Errorf("%s: folders nested more than %d deep", dir, maxFolders)
	}
	if err := r.definition(f, dir, c); err != nil {
		return err
	}
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	var list []ordered
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if r.files++; r.files > maxV3Files {
			return fmt.Errorf("more than %d files", maxV3Files)
		}
		var o ordered
		switch {
		case e.IsDir() && !strings.HasPrefix(e.Name(), "."):
			sub := &pmItem{name: e.Name(), parent: f}
			if err := r.folder(sub, name, c, depth+1); err != nil {
				return err
			}
			if len(sub.items) == 0 {
				continue
			}
			o = ordered{sub, r.orderOf(name + "/" + v3Definition), e.Name()}
		case strings.HasSuffix(e.Name(), v3Request):
			v, err := r.yaml(name)
			if err != nil {
				return err
			}
			item, err := r.request(f, v, name)
			if err != nil {
				return err
			}
			o = ordered{item, orderValue(v), e.Name()}
		default:
			continue
		}
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b ordered) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.name, b.name))
	})
	for _, o := range list {
		f.items = append(f.items, o.item)
	}
	return nil
}

func (r *v3Reader) orderOf(file string) float64 {
	v, err := r.yaml(file)
	if err != nil {
		return orderValue(nil)
	}
	return orderValue(v)
}

// orderValue is an item's order; those without one come last.
func orderValue(v *jsonValue) float64 {
	if x, err := strconv.ParseFloat(v.get("order").str(), 64); err == nil {
		return x
	}
	return 1e300
}

func (r *v3Reader) yaml(file string) (*jsonValue, error) {
	data, err := ReadFile(r.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return parseYAML(file, data)
}

// definition reads what a folder says of itself, if it does.
func (r *v3Reader) definition(f *pmItem, dir string, c *pmCollection) error {
	file := path.Join(dir, v3Definition)
	if _, err := fs.Stat(r.fsys, file); err != nil {
		return nil
	}
	v, err := r.yaml(file)
	if err != nil {
		return err
	}
	f.name = orElse(v.get("name").str(), f.name)
	f.doc = strings.TrimSpace(v.get("description").str())
	f.auth, f.scripts, f.settings = r.auth(v), r.scripts(v), settings(v.get("settings"))
	if f.parent == nil || len(c.vars) == 0 {
		c.vars = append(c.vars, v3Vars(v.get("variables"))...)
	}
	return nil
}

// v3Vars reads variables: a list of {key, value}, or a mapping.
func v3Vars(v *jsonValue) []pmVar {
	if v == nil || v.kind != 'o' {
		return readVars(v)
	}
	var out []pmVar
	for i, k := range v.keys {
		x := v.items[i]
		if x.kind == 'o' {
			x = x.get("value")
		}
		out = append(out, pmVar{key: k, value: x.str()})
	}
	return out
}

func (r *v3Reader) auth(v *jsonValue) *pmAuth {
	a := v.get("auth")
	if a != nil && a.kind == 'a' {
		if len(a.items) == 0 {
			return nil
		}
		a = a.items[0]
	}
	if !a.has() {
		return nil
	}
	out := &pmAuth{kind: strings.ToLower(orElse(a.get("type").str(), a.str()))}
	if out.kind == "none" || out.kind == "" {
		out.kind = "noauth"
	}
	credentials := a.get("credentials")
	if credentials != nil && credentials.kind == 'a' {
		out.params = readVars(credentials)
	} else if credentials.has() {
		for i, k := range credentials.keys {
			out.params = append(out.params, pmVar{key: k, value: credentials.items[i].str()})
		}
	}
	return out
}

func (r *v3Reader) scripts(v *jsonValue) []pmScript {
	var out []pmScript
	for _, s := range v.get("scripts").list() {
		typ, code := s.get("type").str(), s.get("code").str()
		if strings.TrimSpace(code) == "" || s.get("disabled").yes() {
			continue
		}
		test := strings.HasPrefix(typ, "after") || typ == "test" || strings.HasSuffix(typ, "afterResponse")
		out = append(out, pmScript{test, code})
	}
	return out
}

func (r *v3Reader) request(parent *pmItem, v *jsonValue, file string) (*pmItem, error) {
	if kind := v.get("$kind").str(); kind != "" && kind != "http-request" {
		return nil, &SourceError{file, "$.$kind", v.at, fmt.Sprintf("a request of kind %q is not sent over HTTP", kind)}
	}
	base := strings.TrimSuffix(path.Base(file), v3Request)
	item := &pmItem{name: orElse(v.get("name").str(), base), doc: strings.TrimSpace(v.get("description").str()), parent: parent, auth: r.auth(v), scripts: r.scripts(v), settings: settings(v.get("settings"))}
	q := &pmRequest{method: strings.ToUpper(strings.TrimSpace(orElse(v.get("method").str(), "GET"))), url: parseURL(v.get("url").str())}
	if params := v3Fields(v.get("queryParams")); len(params) > 0 {
		q.url.query = mergeQuery(q.url.query, params)
	}
	q.url.vars = v3Vars(v.get("pathVariables"))
	q.headers = v3Fields(v.get("headers"))
	q.body = v3Body(v.get("body"))
	item.request = q
	return item, nil
}

// mergeQuery lays the list of parameters over those of the address: the list
// also holds the disabled ones.
func mergeQuery(address, list []pmField) []pmField {
	var out []pmField
	for _, f := range list {
		if f.key == "" && f.value == "" {
			continue
		}
		out = append(out, f)
	}
	for _, f := range address {
		if !slices.ContainsFunc(out, func(o pmField) bool { return o.key == f.key }) {
			out = append(out, f)
		}
	}
	return out
}

// v3Fields reads a mapping of names to values, or a list of {key, value}.
func v3Fields(v *jsonValue) []pmField {
	if v == nil || v.kind != 'o' {
		var out []pmField
		for _, x := range v.list() {
			f := field(x)
			f.novalue = !x.get("value").has()
			out = append(out, f)
		}
		return out
	}
	var out []pmField
	for i, k := range v.keys {
		x := v.items[i]
		switch x.kind {
		case 'a':
			for _, one := range x.items {
				out = append(out, pmField{key: k, value: one.str()})
			}
		case 'o':
			f := field(x)
			f.key = k
			out = append(out, f)
		default:
			out = append(out, pmField{key: k, value: x.str(), novalue: x.kind == '0'})
		}
	}
	return out
}

func v3Body(v *jsonValue) *pmBody {
	if !v.has() {
		return nil
	}
	content := v.get("content")
	b := &pmBody{mode: "raw", disabled: v.get("disabled").yes()}
	switch typ := v.get("type").str(); typ {
	case "json", "xml", "html", "javascript":
		b.language, b.raw = typ, content.str()
	case "urlencoded", "x-www-form-urlencoded":
		b.mode, b.fields = "urlencoded", v3Fields(content)
	case "formdata", "form-data", "multipart":
		b.mode, b.fields = "formdata", v3Fields(content)
	case "file", "binary":
		b.mode, b.file = "file", orElse(content.get("src").str(), content.str())
	case "graphql":
		b.mode, b.query, b.operation = "graphql", content.get("query").str(), content.get("operationName").str()
		b.variables = content.get("variables").str()
		if vars := content.get("variables"); vars != nil && vars.kind == 'o' {
			b.variables = vars.compact()
		}
	default:
		b.raw = content.str()
	}
	return b
}

// parseYAML reads one YAML document as the same tree that JSON gives. Scalars
// keep the text they were written with.
func parseYAML(file string, data []byte) (*jsonValue, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &jsonValue{kind: 'o'}, nil
		}
		return nil, &SourceError{file, "", -1, strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	count := 0
	v, err := yamlValue(doc.Content[0], 0, &count)
	if err != nil {
		return nil, &SourceError{file, "", -1, err.Error()}
	}
	return v, nil
}

func yamlValue(n *yaml.Node, depth int, count *int) (*jsonValue, error) {
	*count++
	switch {
	case depth > maxJSONDepth:
		return nil, fmt.Errorf("line %d: nested more than %d deep", n.Line, maxJSONDepth)
	case *count > maxJSONValues/10:
		return nil, fmt.Errorf("line %d: too many values", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return yamlValue(n.Alias, depth+1, count)
	case yaml.MappingNode, yaml.SequenceNode:
		v := &jsonValue{kind: 'a', at: -1}
		if n.Kind == yaml.MappingNode {
			v.kind = 'o'
		}
		for i, c := range n.Content {
			if v.kind == 'o' && i%2 == 0 {
				v.keys = append(v.keys, c.Value)
				continue
			}
			item, err := yamlValue(c, depth+1, count)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	}
	v := &jsonValue{kind: 's', text: n.Value, at: -1}
	switch n.ShortTag() {
	case "!!null":
		v.kind = '0'
	case "!!bool":
		v.kind = 'b'
	case "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			v.kind = 'n'
		}
	}
	return v, nil
}
