package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// maxSchemas is how many bytes the schemas may have when each file holds all that it
// refers to. Past it they are written into one file, which every suite names parts of.
const maxSchemas = 1 << 20

// schemaFiles are the schemas of answers.
type schemaFiles struct {
	roots []schemaRoot
	file  map[*openapi.Node]string // what expect: schema says
}

// A schemaRoot is the schema of a response.
type schemaRoot struct {
	node *openapi.Node // what the response refers to, where it is a reference
	name string
}

// schemaKey is the schema that a node stands for, and its name where it has one.
func (im *importer) schemaKey(n *openapi.Node) (*openapi.Node, string, *openapi.Error) {
	out, err := im.d.Resolve(n)
	if err != nil {
		return nil, "", err
	}
	ref := n.Str("$ref")
	return out, ref[strings.LastIndexAny(ref, "/#")+1:], nil
}

// writeSchemas writes the schema of every JSON answer, of errors too: cases that are
// written by hand need them.
func (im *importer) writeSchemas() {
	im.schemas.file = map[*openapi.Node]string{}
	seen := map[*openapi.Node]bool{}
	for _, o := range im.d.Operations {
		for _, r := range o.Responses {
			schema := jsonSchema(r)
			if schema == nil {
				continue
			}
			key, name, err := im.schemaKey(schema)
			if err != nil || seen[key] { // loseSchemas lists the error
				continue
			}
			seen[key] = true
			im.schemas.roots = append(im.schemas.roots, schemaRoot{key, cmp.Or(name, im.caseIDs[o]+"-"+strings.ToLower(r.Status))})
		}
	}
	if !im.singleSchemas() {
		im.sharedSchemas()
	}
}

// loseSchemas lists the schemas of an operation's answers that cannot be found.
func (im *importer) loseSchemas(c *model.Case, o *openapi.Operation) {
	for _, r := range o.Responses {
		schema := jsonSchema(r)
		if schema == nil {
			continue
		}
		if _, _, err := im.schemaKey(schema); err != nil {
			im.lose(c, model.Assertions, schema.Get("$ref").Pos().String(), "the schema of response "+r.Status+": "+err.Msg)
		}
	}
}

// singleSchemas writes a file for each schema; false: they are too large for that.
func (im *importer) singleSchemas() bool {
	var files []model.File
	var lost []*openapi.Error
	size := 0
	names := naming.NewNamer("-")
	at := map[*openapi.Node]string{}
	texts := make([][]byte, len(im.schemas.roots))
	for i, root := range im.schemas.roots {
		// The size is known before anything is compiled, which costs most.
		text, dropped, err := im.d.JSONSchema(root.node)
		if size += len(text); err != nil || size > maxSchemas {
			return false
		}
		texts[i] = text
		lost = addFaults(lost, dropped...)
	}
	for i, root := range im.schemas.roots { // compiled once it is known that they are written
		if !saysSomething(texts[i]) {
			continue
		}
		name := "schemas/" + names.Take(fileName(root.name)) + ".json"
		f, err := im.compiled.Read(name, texts[i])
		if err == nil {
			_, err = f.Part("")
		}
		if err != nil {
			lost = addFaults(lost, &openapi.Error{Pos: root.node.Pos(), Msg: "schema " + root.name + ": " + err.Error()})
			continue
		}
		files, at[root.node] = append(files, model.File{Name: name, Data: texts[i]}), name
	}
	im.assets, im.schemas.file = append(im.assets, files...), at
	im.loseParts(lost)
	return true
}

// addFaults adds what a list does not have yet.
func addFaults(list []*openapi.Error, more ...*openapi.Error) []*openapi.Error {
	for _, e := range more {
		if !slices.ContainsFunc(list, func(o *openapi.Error) bool { return *o == *e }) {
			list = append(list, e)
		}
	}
	return list
}

func (im *importer) loseParts(lost []*openapi.Error) {
	for _, e := range lost {
		im.lose(nil, model.Assertions, e.Pos.String(), e.Msg)
	}
}

// fileName keeps a schema's own name where that is one for files.
func fileName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
	clean = strings.Trim(clean, "-")
	return cmp.Or(clean[:min(len(clean), 80)], "schema")
}

// saysSomething reports whether a schema refuses any value, as far as can be seen.
func saysSomething(text []byte) bool {
	var doc map[string]json.RawMessage
	return json.Unmarshal(text, &doc) == nil && len(doc) >= 2
}

// sharedSchemas writes all schemas into one file.
func (im *importer) sharedSchemas() {
	const name = "schemas/all.json"
	b := im.d.NewBundle()
	at := map[*openapi.Node]string{}
	for _, root := range im.schemas.roots {
		at[root.node] = name + "#/$defs/" + b.Define(root.node, fileName(root.name))
	}
	defs, err := b.Defs()
	if err == nil {
		var pretty bytes.Buffer
		err = json.Indent(&pretty, []byte(`{"$schema":"`+openapi.Dialect+`","$defs":`+string(defs)+"}\n"), "", " ")
		if err == nil {
			err = im.compileAll(name, pretty.Bytes(), at)
		}
		if err == nil {
			im.assets = append(im.assets, model.File{Name: name, Data: pretty.Bytes()})
			im.schemas.file = at
			im.loseParts(b.Dropped)
			return
		}
	}
	im.lose(nil, model.Assertions, "schemas", "they cannot be written: "+err.Error())
}

// compileAll compiles the parts of a file that suites name.
func (im *importer) compileAll(name string, text []byte, at map[*openapi.Node]string) error {
	f, err := im.compiled.Read(name, text)
	for _, root := range im.schemas.roots {
		if err != nil {
			return err
		}
		_, err = f.Part(strings.TrimPrefix(at[root.node], name))
	}
	return err
}

// jsonSchema is the schema of a response's JSON; nil: it has none.
func jsonSchema(r *openapi.Response) *openapi.Node {
	if m := jsonMedia(r.Media); m != nil {
		return m.Schema
	}
	return nil
}

// jsonMedia is the form of an answer that is JSON, as far as the document says; */* is
// what generators write for it.
func jsonMedia(list []openapi.Media) *openapi.Media {
	i := slices.IndexFunc(list, func(m openapi.Media) bool { return m.JSON() })
	if i < 0 {
		i = slices.IndexFunc(list, func(m openapi.Media) bool { return m.Type == "*/*" })
	}
	if i < 0 {
		return nil
	}
	return &list[i]
}
