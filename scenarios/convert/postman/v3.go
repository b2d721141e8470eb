package postman

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

	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
	"github.com/bgverify/bgverify/scenarios/template"
)

// The YAML form of collections (v3): a folder is a folder, NAME.request.yaml a
// request, .resources/definition.yaml says what a folder is called, holds and
// inherits. Items are in the order of their order:, then by name.

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

// folder reads what is in a folder, and below it. Folders whose names begin with a dot are
// settings of Postman; a folder without requests is none of the collection.
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
	v, _ := r.yaml(file) // the folder itself reports what is wrong with it
	return orderValue(v)
}

// orderValue is an item's order; those without one come last.
func orderValue(v *source.Value) float64 {
	if x, err := strconv.ParseFloat(v.Get("order").Str(), 64); err == nil {
		return x
	}
	return 1e300
}

func (r *v3Reader) yaml(file string) (*source.Value, error) {
	data, err := source.ReadFile(r.fsys, file)
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
	f.name = cmp.Or(v.Get("name").Str(), f.name)
	f.doc = strings.TrimSpace(v.Get("description").Str())
	f.auth, f.scripts, f.settings = r.auth(v), r.scripts(v), settings(v.Get("settings"))
	if f.parent == nil || len(c.vars) == 0 {
		c.vars = append(c.vars, namedValues(v.Get("variables"))...)
	}
	return nil
}

func (r *v3Reader) auth(v *source.Value) *pmAuth {
	a := v.Get("auth")
	if a != nil && a.Kind == 'a' {
		if len(a.Items) == 0 {
			return nil
		}
		a = a.Items[0]
	}
	if !a.Exists() {
		return nil
	}
	out := &pmAuth{kind: strings.ToLower(cmp.Or(a.Get("type").Str(), a.Str()))}
	if out.kind == "none" || out.kind == "" {
		out.kind = "noauth"
	}
	out.params = namedValues(a.Get("credentials"))
	return out
}

func (r *v3Reader) scripts(v *source.Value) []script.Source {
	var out []script.Source
	for _, s := range v.Get("scripts").List() {
		typ, code := s.Get("type").Str(), s.Get("code").Str()
		if strings.TrimSpace(code) == "" || s.Get("disabled").IsTrue() {
			continue
		}
		test := strings.HasPrefix(typ, "after") || typ == "test" || strings.HasSuffix(typ, "afterResponse")
		out = append(out, script.Source{After: test, Code: code})
	}
	return out
}

func (r *v3Reader) request(parent *pmItem, v *source.Value, file string) (*pmItem, error) {
	if kind := v.Get("$kind").Str(); kind != "" && kind != "http-request" {
		return nil, &source.Error{
			File: file, Path: "$.$kind", Offset: v.Offset,
			Msg: fmt.Sprintf("a request of kind %q is not sent over HTTP", kind),
		}
	}
	base := strings.TrimSuffix(path.Base(file), v3Request)
	item := &pmItem{
		name: cmp.Or(v.Get("name").Str(), base), doc: strings.TrimSpace(v.Get("description").Str()), parent: parent,
		auth: r.auth(v), scripts: r.scripts(v), settings: settings(v.Get("settings")),
	}
	q := &pmRequest{method: strings.ToUpper(strings.TrimSpace(cmp.Or(v.Get("method").Str(), "GET"))), url: parseURL(v.Get("url").Str())}
	if params := v3Fields(v.Get("queryParams")); len(params) > 0 {
		q.url.query = mergeQuery(q.url.query, params)
	}
	q.url.vars = namedValues(v.Get("pathVariables"))
	q.headers = v3Fields(v.Get("headers"))
	q.body = v3Body(v.Get("body"))
	item.request = q
	return item, nil
}

// mergeQuery merges the list of parameters over those of the address: the list
// also holds the disabled ones.
func mergeQuery(address, list []pmField) []pmField {
	out := slices.DeleteFunc(list, func(f pmField) bool { return f.key == "" && f.value == "" })
	for _, f := range address {
		if !slices.ContainsFunc(out, func(o pmField) bool { return o.key == f.key }) {
			out = append(out, f)
		}
	}
	return out
}

// v3Fields reads a mapping of names to values, or a list of {key, value}.
func v3Fields(v *source.Value) []pmField {
	var out []pmField
	for _, x := range v.List() {
		f := field(x)
		f.novalue = !x.Get("value").Exists()
		out = append(out, f)
	}
	for k, x := range v.Members() {
		switch x.Kind {
		case 'a':
			for _, one := range x.Items {
				out = append(out, pmField{key: k, value: one.Str()})
			}
		case 'o':
			f := field(x)
			f.key = k
			out = append(out, f)
		default:
			out = append(out, pmField{key: k, value: x.Str(), novalue: x.Kind == '0'})
		}
	}
	return out
}

func v3Body(v *source.Value) *pmBody {
	if !v.Exists() {
		return nil
	}
	content := v.Get("content")
	b := &pmBody{mode: "raw", disabled: v.Get("disabled").IsTrue()}
	switch typ := v.Get("type").Str(); typ {
	case "json", "xml", "html", "javascript":
		b.language, b.raw = typ, content.Str()
	case "urlencoded", "x-www-form-urlencoded":
		b.mode, b.fields = "urlencoded", v3Fields(content)
	case "formdata", "form-data", "multipart":
		b.mode, b.fields = "formdata", v3Fields(content)
	case "file", "binary":
		b.mode, b.file = "file", cmp.Or(content.Get("src").Str(), content.Str())
	case "graphql":
		b.graphql(content)
	default:
		b.raw = content.Str()
	}
	return b
}

// parseYAML reads one YAML document as the same tree that JSON gives. Scalars
// keep the text they were written with.
func parseYAML(file string, data []byte) (*source.Value, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &source.Value{Kind: 'o'}, nil
		}
		return nil, &source.Error{File: file, Path: "", Offset: -1, Msg: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	count := 0
	v, err := yamlValue(doc.Content[0], 0, &count)
	if err != nil {
		return nil, &source.Error{File: file, Path: "", Offset: -1, Msg: err.Error()}
	}
	return v, nil
}

func yamlValue(n *yaml.Node, depth int, count *int) (*source.Value, error) {
	*count++
	switch {
	case depth > source.MaxJSONDepth:
		return nil, fmt.Errorf("line %d: nested more than %d deep", n.Line, source.MaxJSONDepth)
	case *count > source.MaxJSONValues/10:
		return nil, fmt.Errorf("line %d: too many values", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return yamlValue(n.Alias, depth+1, count)
	case yaml.MappingNode, yaml.SequenceNode:
		v := &source.Value{Kind: 'a', Offset: -1}
		if n.Kind == yaml.MappingNode {
			v.Kind = 'o'
		}
		for i, c := range n.Content {
			if v.Kind == 'o' && i%2 == 0 {
				v.Keys = append(v.Keys, c.Value)
				continue
			}
			item, err := yamlValue(c, depth+1, count)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, item)
		}
		return v, nil
	}
	v := &source.Value{Kind: 's', Text: n.Value, Offset: -1}
	switch n.ShortTag() {
	case "!!null":
		v.Kind = '0'
	case "!!bool":
		v.Kind = 'b'
	case "!!int", "!!float":
		if template.IsNumber(n.Value) {
			v.Kind = 'n'
		}
	}
	return v, nil
}
