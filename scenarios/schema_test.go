package scenarios

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the generated files anew")

// golden compares got with a file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the key tables say; run go test ./scenarios -update", name)
	}
}

// compiled returns a function that compiles the schema at a pointer.
func compiled(t *testing.T) func(pointer string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(keys.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(pointer string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile("mem:///schema.json" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestSchemaFile(t *testing.T) { golden(t, "scenario.schema.json", keys.Schema()) }

// Every shipped scenario file obeys the schema that editors are given.
func TestShippedFilesObeyTheSchema(t *testing.T) {
	s := compiled(t)("")
	n := 0
	for _, dir := range []string{"stb", "httpbin"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			n++
			checkAgainst(t, s, name, data)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		t.Fatal("no shipped file was checked")
	}
}

func checkAgainst(t *testing.T, s *jsonschema.Schema, name string, data []byte) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	inst, err := jsonschema.UnmarshalJSON(strings.NewReader(keys.NodeJSON(doc.Content[0])))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := s.Validate(inst); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// Every example in the key tables obeys the shape of its key.
func TestExamplesObeyTheirShapes(t *testing.T) {
	compile := compiled(t)
	for _, name := range keys.Order {
		for _, k := range keys.Tables[name].Keys {
			if k.Example == "" {
				t.Errorf("%s.%s has no example", name, k.Name)
				continue
			}
			s := compile("#/definitions/" + strings.ReplaceAll(name, " ", "_") + "/properties/" + k.Name)
			checkAgainst(t, s, name+"."+k.Name, []byte(k.Example))
		}
	}
}

// The schema refuses what the loader refuses, where a schema can say it.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)("")
	for _, text := range []string{
		"suite: a\ncases: [{case: x, gett: /}]",
		"suite: a\ncasess: []",
		"suite: a",
		"suite: a\ncases: [{case: x, get: /, timeout: 5}]",
		"suite: a\ncases: [{case: x, get: /, expect: {status: 700}}]",
		"parts: {a: [{step: x, gte: /}]}",
		"rules: [{at: $.a, do: ignroe}]",
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		inst, err := jsonschema.UnmarshalJSON(strings.NewReader(keys.NodeJSON(doc.Content[0])))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(inst) == nil {
			t.Errorf("schema takes %q", text)
		}
	}
}
