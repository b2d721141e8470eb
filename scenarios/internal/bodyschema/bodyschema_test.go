package bodyschema

import (
	"fmt"
	"strings"
	"testing"
)

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
