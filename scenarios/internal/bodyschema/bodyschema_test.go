package bodyschema

import (
	"fmt"
	"strings"
	"testing"
)

// Schemas that are compiled one by one and linked say the same of every value as those
// of the file compiled as a whole, whatever keyword a reference is under.
func TestLink(t *testing.T) {
	ref := `{"$ref": "#/$defs/a~1b%20c"}`
	defs := map[string]string{
		"a/b c": `{"type": "integer", "$comment": "not {\"$ref\": 1}"}`,
		"next":  `{"properties": {"next": {"$ref": "#/$defs/next"}, "n": ` + ref + `}}`,
		"const": `{"const": {"$ref": "#/$defs/nothing"}, "enum": [{"$ref": "x"}]}`,
		"named": `{"properties": {"$ref": {"type": "string"}, "n": {"minimum": 3, "$ref": "#/$defs/a~1b%20c"}}}`,
		"open":  `{"allOf": [` + ref + `], "unevaluatedItems": false}`,
	}
	for _, key := range oneSchema {
		defs[key] = `{"` + key + `": ` + ref + `, "prefixItems": [true]}`
	}
	defs["then"], defs["else"] = `{"if": {"type": "string"}, "then": `+ref+"}", `{"if": {"type": "number"}, "else": `+ref+`, "then": {"minimum": 2}}`
	for _, key := range listOfSchemas {
		defs[key] = `{"` + key + `": [` + ref + `, {"minimum": 2}]}`
	}
	for _, key := range mapOfSchemas {
		defs[key] = `{"` + key + `": {"n": ` + ref + `, "x": {"$ref": "#/$defs/next"}}}`
	}
	var b strings.Builder
	b.WriteString(`{"$defs": {"last": true`)
	for name, text := range defs {
		fmt.Fprintf(&b, ", %q: %s", name, text)
	}
	b.WriteString("}}")
	values := []string{
		"1", "1.5", `"x"`, "null", "[1]", `[1, "x"]`, "[1.5, 2]", "{}", `{"n": 1}`, `{"n": 3}`, `{"n": "x"}`, `{"n": 1.5, "x": 1}`, `{"x": {"n": "1"}}`,
		`{"next": {"next": {"n": 1.5}}}`, `{"$ref": 1}`, `{"$ref": "#/$defs/nothing"}`, `{"other": "x"}`,
	}
	whole, err := Read("all.json", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	whole.linked = true // there is nothing to link
	parts, err := Read("all.json", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	parts.linked = true
	parts.link(1)
	if len(parts.defs) != len(defs)+1 {
		t.Fatalf("%d schemas were linked, want %d", len(parts.defs), len(defs)+1)
	}
	for name := range defs {
		fragment := "#/$defs/" + escape(name)
		want, err := whole.Part(fragment)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parts.Part(fragment)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if got, want := strings.Join(got.Check([]byte(v)), "; "), strings.Join(want.Check([]byte(v)), "; "); got != want {
				t.Errorf("%s of %s: got %q, want %q", v, name, got, want)
			}
		}
	}
}

// What cannot be compiled schema by schema is compiled as a whole.
func TestNotLinked(t *testing.T) {
	for _, text := range []string{
		`{"$defs": {"A": {"$ref": "#/$defs/B/properties/x"}, "B": {"properties": {"x": true}}}}`,
		`{"$defs": {"A": {"$anchor": "a"}, "B": {"$ref": "#a"}}}`,
		`{"$defs": {"A": {"$defs": {"B": true}}}}`,
		`{"$schema": "http://json-schema.org/draft-07/schema#", "$defs": {"A": true}}`,
		`{"type": "object", "$defs": {"A": true}}`,
		`{"$defs": {"A": {"type": "text"}}}`,
		`{"$defs": {"A": {"$ref": "#/$defs/none"}}}`,
		`{"$defs": {"A": {"$dynamicRef": "#/$defs/A"}}}`,
	} {
		f, err := Read("all.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if f.link(1); f.defs != nil {
			t.Errorf("%s was linked", text)
		}
	}
}

// manySchemas is a file of many schemas, each with the same property and a reference.
func manySchemas(property string) []byte {
	var b strings.Builder
	b.WriteString(`{"$defs": {"first": {}`)
	for i := range many + 1 {
		fmt.Fprintf(&b, `, "S%d": {"properties": {"a/b %%": %s, "next": {"$ref": "#/$defs/S%d"}}}`, i, property, (i+1)%(many+1))
	}
	b.WriteString("}}")
	return []byte(b.String())
}

func TestManySchemas(t *testing.T) {
	f, err := Read("all.json", manySchemas(`{"type": "string"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"#/$defs/S0", "#/$defs/S7"} {
		s, err := f.Part(part)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Check([]byte(`{"a/b %": "x", "next": {"next": {"a/b %": 1}}}`))
		if len(got) != 1 || !strings.HasPrefix(got[0], "/next/next/a~1b %: ") {
			t.Errorf("%s: got %q", part, got)
		}
	}
	f, err = Read("all.json", manySchemas(`{"type": "text"}`))
	if err == nil {
		_, err = f.Part("#/$defs/S0")
	}
	if err == nil || !strings.Contains(err.Error(), "not a JSON Schema") {
		t.Errorf("a mistake in a property: got %v", err)
	}
}
