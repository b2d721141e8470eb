package bodyschema

import (
	"strings"
	"testing"
)

// What a schema says that refuses nothing is listed, and nothing else is.
func TestIdle(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"mistyped", `{"requird": ["id"]}`, `#: "requird" is not a keyword of JSON Schema and tests nothing; did you mean required?`},
		{"inside", `{"properties": {"a/b": {"anyOf": [{"maxLenght": 3}]}}}`, `#/properties/a~1b/anyOf/0: "maxLenght" is not`},
		{"names of members are no keywords", `{"properties": {"requird": {"type": "string"}}, "enum": [{"requird": 1}]}`, ""},
		{"format", `{"format": "datetime"}`, `#: format "datetime" is unknown`},
		{"draft", `{"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{"type": "integer"}]}`, "#: prefixItems is not a keyword of the draft"},
		{"dependencies", `{"dependencies": {"a": ["b"]}}`, "#: dependencies is not a keyword of the draft"},
		{"next to $ref", `{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "allOf": [{"$ref": "#/definitions/a", "minimum": 1}]}`, "#/allOf/0: minimum next to $ref"},
		{"next to $ref today", `{"$defs": {"a": {}}, "allOf": [{"$ref": "#/$defs/a", "minimum": 1}]}`, ""},
		{"partner", `{"then": {"type": "null"}}`, "#: then tests nothing without if"},
		{"notes", `{"x-owner": "us", "nullable": true, "description": "d", "format": "int64"}`, ""},
		{"true", `true`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read("a.json", []byte(c.schema))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(f.Idle(), "\n")
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if _, err := f.Part(""); err != nil {
				t.Error(err) // the compiler accepts each of them: that is why they are listed
			}
		})
	}
}
