package scenarios

import (
	"errors"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// A compiledSchema is a schema that was compiled once, or why it cannot be.
type compiledSchema struct {
	schema *bodyschema.Schema
	err    error
}

// readExpectSchema reads schema: a JSON Schema file, a part of one, or a schema of a
// description of an API (api.yaml#/components/schemas/Pet).
func (w *walker) readExpectSchema(o *keys.Mapping, e *Expect) {
	name, fragment := o.FilePart("schema")
	if name == "" {
		return
	}
	n := o.At("schema")
	e.Schema = name + fragment
	data := w.readPayload(n, name)
	if data == nil {
		return
	}
	known, done := w.schemas[e.Schema]
	if !done {
		known.schema, known.err = w.compileSchema(n, name, fragment, data)
		w.schemas[e.Schema] = known
	}
	if known.err != nil {
		o.Fail(n, "", "%s: %s", e.Schema, known.err)
	}
	e.schema = known.schema
}

// compileSchema compiles a file, or the part that a fragment names.
func (w *walker) compileSchema(at *yaml.Node, name, fragment string, data []byte) (*bodyschema.Schema, error) {
	if f := w.schemaFiles[name]; f != nil {
		return f.Part(fragment)
	}
	if w.apis[name] == nil && !isAPI(name, data) {
		f, err := w.opts.Schemas.Read(name, data)
		if err != nil {
			return nil, err
		}
		w.schemaFiles[name] = f
		idle := f.Idle()
		for _, p := range idle[:min(len(idle), 5)] {
			w.Warnf(at, "the schema accepts more than it seems to say", "%s%s", name, p)
		}
		return f.Part(fragment)
	}
	if fragment == "" {
		return nil, errors.New("a description of an API has many schemas; name one: " + path.Base(name) + "#/components/schemas/NAME")
	}
	d := w.apis[name]
	if d == nil {
		var err error
		if d, err = openapi.Open(w.fsys, name); err != nil {
			return nil, err
		}
		w.apis[name] = d
	}
	n, err := d.Pointer(fragment[1:])
	if err != nil {
		return nil, err
	}
	text, dropped, err := d.JSONSchema(n)
	if err != nil {
		return nil, err
	}
	for _, f := range d.Files() {
		w.files[f] = true
	}
	for _, p := range dropped[:min(len(dropped), 5)] {
		w.Warnf(at, "the schema accepts more than the description says", "%s", p)
	}
	return bodyschema.Compile(name+".schema.json", "", text)
}

// isAPI reports whether a file is a description of an API. YAML is nothing else here.
func isAPI(name string, data []byte) bool {
	if ext := strings.ToLower(path.Ext(name)); ext == ".yaml" || ext == ".yml" {
		return true
	}
	v, err := diff.Read(data)
	return err == nil && (v.Member("openapi").Exists() || v.Member("swagger").Exists())
}

// isDescription reports whether a YAML file of a folder describes an API. Such a file
// may be larger than a suite, and is not read as one.
func (l *loader) isDescription(name string) bool {
	data, err := source.Read(l.fsys, name, maxPayload)
	return err == nil && openapi.IsDescription(data)
}
