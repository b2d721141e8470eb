package bodyschema

import (
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// many is from how many schemas of $defs on they are compiled one by one.
const many = 200

// The compiler keeps all schemas that it has met in a list and looks through the whole
// of it for each reference and property, so that a file of thousands of schemas that
// refer to each other takes minutes. Such a file is compiled schema by schema instead:
//
//  1. Each reference is replaced by one to a stub, which no value obeys.
//  2. Each schema of $defs is compiled on its own.
//  3. Each reference is then set to the schema that the file names there.
//
// The result is the same graph of schemas. Files that this cannot be said of (other
// dialects, anchors, ids, references elsewhere than to a schema of $defs) are compiled
// as a whole, and so are files with a mistake, for its message.

// stub is the schema that references lead to until they are linked.
const stub = "bgverify-stub:///"

// definition is a schema of $defs that was compiled on its own; nil: the file is
// compiled as a whole.
func (f *File) definition(fragment string) *jsonschema.Schema {
	name, ok := definitionName(fragment)
	if !ok {
		return nil
	}
	if !f.linked {
		f.linked = true
		f.link(many)
	}
	return f.defs[name]
}

// definitionName is NAME of #/$defs/NAME.
func definitionName(ref string) (string, bool) {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok || strings.Contains(name, "/") {
		return "", false
	}
	name, err := url.PathUnescape(name)
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name), err == nil
}

// link compiles the schemas of $defs one by one where the file has at least so many.
func (f *File) link(least int) {
	root, _ := f.doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	if len(defs) < least || root["$schema"] != nil && root["$schema"] != dialect {
		return
	}
	for key := range root {
		if key != "$defs" && key != "$schema" {
			return
		}
	}
	l := &linker{defs: defs, made: map[string]*jsonschema.Schema{}}
	if l.run() {
		f.defs, f.doc = l.made, nil
	}
}

const dialect = "https://json-schema.org/draft/2020-12/schema"

// A linker compiles the schemas of one file.
type linker struct {
	defs  map[string]any
	made  map[string]*jsonschema.Schema
	refs  int  // references of the file
	whole bool // the file has something that only the whole of it explains
}

// run reports whether all schemas were compiled and linked.
func (l *linker) run() bool {
	copies := make([]part, 0, len(l.defs))
	for name, def := range l.defs {
		if copies = append(copies, part{name: name, doc: l.schema(def)}); l.whole {
			return false
		}
	}
	if !compileParts(copies) {
		return false
	}
	for _, p := range copies {
		l.made[p.name] = p.compiled
	}
	set := 0
	for name, s := range l.made {
		set += l.connect(s, l.defs[name])
	}
	// One that was not found would refuse every value.
	return set == l.refs
}

// A part is a schema of $defs with its references led to stubs.
type part struct {
	name     string
	doc      any
	compiled *jsonschema.Schema
}

// atOnce is how many parts a compiler compiles. It holds all documents that it has seen.
const atOnce = 64

// compileParts compiles each part on its own, on all processors, and reports whether all
// are schemas. A compiler is used by one goroutine.
func compileParts(parts []part) bool {
	var workers sync.WaitGroup
	var failed atomic.Bool
	busy := make(chan struct{}, runtime.GOMAXPROCS(0))
	for chunk := range slices.Chunk(parts, atOnce) {
		busy <- struct{}{}
		workers.Go(func() {
			defer func() { <-busy }()
			c := newCompiler()
			if c.AddResource(stub, false) != nil {
				failed.Store(true)
				return
			}
			for i := range chunk {
				own := "bgverify-part:///" + escape(chunk[i].name)
				err := c.AddResource(own, chunk[i].doc)
				if err == nil {
					chunk[i].compiled, err = c.Compile(own)
				}
				if err != nil || failed.Load() {
					failed.Store(true)
					return
				}
				chunk[i].doc = nil
			}
		})
	}
	workers.Wait()
	return !failed.Load()
}

// escape writes a name as part of a JSON Pointer in a URL.
func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// What the keywords hold that have schemas in them, in the order in which connect goes
// through them. A keyword that is not here has none: what its value holds is not touched.
var (
	oneSchema = []string{
		"not", "if", "then", "else", "items", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems",
		"propertyNames",
	}
	listOfSchemas = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	mapOfSchemas  = []string{"properties", "patternProperties", "dependentSchemas"}
)

// schema copies a schema with its references led to stubs.
func (l *linker) schema(v any) any {
	obj, ok := v.(map[string]any)
	if !ok {
		return v // true or false; anything else is refused by the compiler
	}
	out := make(map[string]any, len(obj))
	for key, value := range obj {
		out[key] = value
		switch {
		case key == "$ref":
			out[key] = l.reference(value)
		case strings.HasPrefix(key, "$") && key != "$comment", key == "dependencies", key == "definitions":
			l.whole = true
		}
	}
	for _, key := range oneSchema {
		if value, has := obj[key]; has {
			out[key] = l.schema(value)
		}
	}
	for _, key := range listOfSchemas {
		if list, is := obj[key].([]any); is {
			copied := make([]any, len(list))
			for i, item := range list {
				copied[i] = l.schema(item)
			}
			out[key] = copied
		}
	}
	for _, key := range mapOfSchemas {
		if m, is := obj[key].(map[string]any); is {
			copied := make(map[string]any, len(m))
			for name, item := range m {
				copied[name] = l.schema(item)
			}
			out[key] = copied
		}
	}
	return out
}

// reference is the stub of a reference to a schema of $defs.
func (l *linker) reference(v any) any {
	text, _ := v.(string)
	name, ok := definitionName(text)
	if _, known := l.defs[name]; !ok || !known {
		l.whole = true
		return v
	}
	l.refs++
	return stub
}

// connect sets the references of a compiled schema and of those inside it, and returns
// how many there were; v is what the schema was compiled from.
func (l *linker) connect(s *jsonschema.Schema, v any) int {
	obj, ok := v.(map[string]any)
	if s == nil || !ok {
		return 0
	}
	n := 0
	if text, has := obj["$ref"].(string); has && s.Ref != nil {
		name, _ := definitionName(text)
		s.Ref = l.made[name]
		n++
	}
	additional, _ := s.AdditionalProperties.(*jsonschema.Schema)
	for i, one := range []*jsonschema.Schema{
		s.Not, s.If, s.Then, s.Else, s.Items2020, s.Contains, additional, s.UnevaluatedProperties, s.UnevaluatedItems, s.PropertyNames,
	} {
		n += l.connect(one, obj[oneSchema[i]])
	}
	for i, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		from, _ := obj[listOfSchemas[i]].([]any)
		for k, one := range list[:min(len(list), len(from))] {
			n += l.connect(one, from[k])
		}
	}
	patterns := make(map[string]*jsonschema.Schema, len(s.PatternProperties))
	for p, one := range s.PatternProperties {
		patterns[p.String()] = one
	}
	for i, m := range []map[string]*jsonschema.Schema{s.Properties, patterns, s.DependentSchemas} {
		from, _ := obj[mapOfSchemas[i]].(map[string]any)
		for name, one := range m {
			n += l.connect(one, from[name])
		}
	}
	return n
}
