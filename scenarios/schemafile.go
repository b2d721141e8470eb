package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// noLoader refuses references to other files and hosts: a schema is one file.
type noLoader struct{}

// Load refuses.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema may not refer to %s", url)
}

// compileSchema compiles a JSON Schema (draft 2020-12 unless it says otherwise).
func compileSchema(name string, data []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.AssertFormat()
	if err := c.AddResource("scenario:///"+name, doc); err != nil {
		return nil, fmt.Errorf("not a JSON Schema: %w", err)
	}
	s, err := c.Compile("scenario:///" + name)
	if err != nil {
		return nil, fmt.Errorf("not a JSON Schema: %s", strings.ReplaceAll(err.Error(), "scenario:///", ""))
	}
	return s, nil
}

// CheckSchema lists how a body breaks the expectation's JSON Schema, each as
// "/json/pointer: what is wrong", sorted; empty when it obeys or there is none.
func (e *Expect) CheckSchema(body []byte) []string {
	if e.schema == nil {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{": not JSON: " + err.Error()}
	}
	err = e.schema.Validate(doc)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []string{": " + err.Error()}
	}
	var out []string
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error != nil {
			out = append(out, unit.InstanceLocation+": "+unit.Error.String())
		}
	}
	sort.Strings(out)
	return out
}
