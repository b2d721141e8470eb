// Package bodyschema holds a response body to the JSON Schema that an expectation
// names.
//
// In comes the text of a schema file, out comes a [Schema] that lists how a body
// breaks it, in English whatever the locale is. A schema is one file: references to
// other files and hosts are refused, so that checking never opens anything.
package bodyschema

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// noLoader refuses references to other files and hosts: a schema is one file.
type noLoader struct{}

// Load refuses.
func (noLoader) Load(name string) (any, error) {
	return nil, fmt.Errorf("a schema may not refer to %s", name)
}

// A Schema is a compiled JSON Schema.
type Schema struct{ compiled *jsonschema.Schema }

// Compile reads a JSON Schema (draft 2020-12 unless it says otherwise), or the part of
// it that a fragment names (#/$defs/Pet; empty: all). name is the file's, for messages;
// formats are asserted. The error lists what is wrong with the
// schema itself, at most three mistakes.
func Compile(name, fragment string, data []byte) (*Schema, error) {
	f, err := Read(name, data)
	if err != nil {
		return nil, err
	}
	return f.Part(fragment)
}

// A File is a schema file that was read once, to compile many parts of.
type File struct {
	name string
	data []byte
	// doc is the parsed file until its schemas were compiled one by one, and compiler holds
	// it where that is not so. Both are much larger than the text.
	doc      any
	compiler *jsonschema.Compiler
	// defs are the compiled schemas of $defs where they were compiled one by one; see link.
	defs   map[string]*jsonschema.Schema
	linked bool // that was tried
}

// Read reads a schema file.
func Read(name string, data []byte) (*File, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return &File{name: name, data: data, doc: doc}, nil
}

// whole is a compiler of the file as a whole.
func (f *File) whole() (*jsonschema.Compiler, error) {
	if f.compiler != nil {
		return f.compiler, nil
	}
	doc, err := f.doc, error(nil)
	if doc == nil {
		if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(f.data)); err != nil {
			return nil, err
		}
	}
	c := newCompiler()
	if err := c.AddResource("scenario:///"+f.name, doc); err != nil {
		return nil, err
	}
	f.compiler, f.doc = c, nil
	return c, nil
}

// newCompiler is a compiler that opens nothing and asserts formats.
func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.AssertFormat()
	return c
}

// A Cache holds schema files that were read, by name and content, so that loading a
// folder that was just written does not compile its schemas once more. It is used by one
// goroutine. The nil Cache keeps nothing.
type Cache struct{ files map[string]*File }

// Read is [Read] of a file that may be known.
func (c *Cache) Read(name string, data []byte) (*File, error) {
	if c == nil {
		return Read(name, data)
	}
	sum := sha256.Sum256(data)
	key := name + string(sum[:])
	if f := c.files[key]; f != nil {
		return f, nil
	}
	f, err := Read(name, data)
	if err != nil {
		return nil, err
	}
	if c.files == nil {
		c.files = map[string]*File{}
	}
	c.files[key] = f
	return f, nil
}

// Part compiles the part that a fragment names; see Compile.
func (f *File) Part(fragment string) (*Schema, error) {
	if s := f.definition(fragment); s != nil {
		return &Schema{s}, nil
	}
	c, err := f.whole()
	if err != nil {
		return nil, fmt.Errorf("not a JSON Schema: %w", err)
	}
	s, err := c.Compile("scenario:///" + f.name + fragment)
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		if list := violations(invalid.Err); len(list) > 0 {
			return nil, fmt.Errorf("not a JSON Schema: %s", strings.Join(list[:min(3, len(list))], "; "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("not a JSON Schema: %s", strings.ReplaceAll(err.Error(), "scenario:///", ""))
	}
	return &Schema{s}, nil
}

// Check lists how a body breaks the schema, each as "/json/pointer: what is
// wrong", sorted; empty when it obeys.
func (s *Schema) Check(body []byte) []string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{": not JSON: " + err.Error()}
	}
	if err = s.compiled.Validate(doc); err == nil {
		return nil
	}
	return violations(err)
}

// violations lists the leaves of a validation error.
func violations(err error) []string {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []string{": " + err.Error()}
	}
	var out []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			var at strings.Builder
			for _, token := range e.InstanceLocation {
				at.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
			}
			if at.Len() == 0 {
				at.WriteString("the whole body")
			}
			out = append(out, at.String()+": "+e.ErrorKind.LocalizedString(english))
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	sort.Strings(out)
	return slices.Compact(out)
}

// english prints the messages of the validator.
var english = message.NewPrinter(language.English)
