package scenarios

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// archiveOf reads data as an archive; what is none is one file. The archive
// reader itself panics at a line of "-- --".
func archiveOf(data []byte) (a *txtar.Archive) {
	alone := &txtar.Archive{Files: []txtar.File{{Name: "x.yaml", Data: data}}}
	defer func() {
		if recover() != nil {
			a = alone
		}
	}()
	if a = txtar.Parse(data); len(a.Files) == 0 {
		return alone
	}
	return a
}

// fuzzLoad holds a load to its laws:
//   - no panic, and problems that can be printed, each complete and in its line;
//   - the same input gives the same problems;
//   - nothing is accepted in silence: a file without errors has no unknown,
//     duplicate or null key and no second document;
//   - what is accepted renders, or says why not.
func fuzzLoad(t *testing.T, data []byte) {
	a := archiveOf(data)
	fsys := archiveFS(a)
	var paths []string
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, ".yaml") {
			paths = append(paths, f.Name)
		}
	}
	if len(paths) == 0 || len(data) > 1<<16 {
		return
	}
	opts := LoadOptions{Now: today, Getenv: noEnv}
	suites, problems := Load(fsys, paths, opts)
	_, again := Load(fsys, paths, opts)
	if one, two := written(t, problems), written(t, again); one != two {
		t.Fatalf("two loads differ:\n%s\n%s", one, two)
	}
	for _, p := range problems {
		if p.Summary == "" || p.Width < 1 || p.Kind != Error && p.Kind != Warning || p.Source != "" && (p.Pos.Col < 1 || p.Pos.Col > len([]rune(p.Source))+1) {
			t.Fatalf("incomplete problem %+v", p)
		}
	}
	if problems.HasErrors() {
		return
	}
	for _, name := range paths {
		if f := fsys[name]; f != nil {
			silentlyAccepted(t, name, f.Data)
		}
	}
	scope := mapScope{}
	for _, s := range suites {
		for _, c := range s.Cases {
			for _, step := range c.Steps {
				if _, err := step.Render(scope); err != nil && err.Error() == "" {
					t.Fatal("an error without text")
				}
			}
		}
	}
}

// silentlyAccepted looks at the tree with other eyes than the walker.
func silentlyAccepted(t *testing.T, name string, data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if err == io.EOF {
			t.Fatalf("%s: an empty file is accepted", name)
		}
		t.Fatalf("%s: not YAML, and accepted: %v", name, err)
	}
	if dec.Decode(&more) != io.EOF {
		t.Fatalf("%s: a second document is accepted", name)
	}
	root := map[string]string{"suite": "suite", "parts": "parts file", "rule": "rule file", "env": "env file", "config": "config"}[fileKind(topKeys(doc.Content[0]), name)]
	if root != "" {
		suspicious(t, name, &keys.Shape{Form: keys.FormObject, Table: root}, doc.Content[0], 0)
	}
}

// suspicious fails for keys that no table knows, stand twice or have no value.
func suspicious(t *testing.T, name string, s *keys.Shape, n *yaml.Node, depth int) {
	if n = source.Deref(n); depth > 64 {
		return
	}
	for _, alt := range s.Alts {
		if mapping := alt.Form == keys.FormObject || alt.Form == keys.FormMap; mapping == (n.Kind == yaml.MappingNode) && (alt.Form == keys.FormList) == (n.Kind == yaml.SequenceNode) {
			suspicious(t, name, alt, n, depth+1)
		}
	}
	if n.Kind == yaml.SequenceNode && s.Form == keys.FormList {
		for _, c := range n.Content {
			suspicious(t, name, s.Elem, c, depth+1)
		}
	}
	if n.Kind != yaml.MappingNode || s.Form != keys.FormObject && s.Form != keys.FormMap && s.Form != keys.FormJSON {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := source.Deref(n.Content[i]), source.Deref(n.Content[i+1])
		if seen[k.Value] {
			t.Fatalf("%s:%d: duplicate key %q is accepted", name, k.Line, k.Value)
		}
		seen[k.Value] = true
		if v.Kind == yaml.ScalarNode && v.Value == "" && v.Style == 0 {
			t.Fatalf("%s:%d: key %q without a value is accepted", name, k.Line, k.Value)
		}
		switch s.Form {
		case keys.FormObject:
			known := keys.Tables[s.Table].Key(k.Value)
			if known == nil {
				t.Fatalf("%s:%d: unknown key %q of %s is accepted", name, k.Line, k.Value, s.Table)
			}
			suspicious(t, name, known.Shape, v, depth+1)
		case keys.FormMap:
			suspicious(t, name, s.Elem, v, depth+1)
		}
	}
}

// FuzzTags holds tag expressions to their laws: no panic; what compiles answers
// every set of tags; not (x) answers the opposite of x, x and x the same.
func FuzzTags(f *testing.F) {
	for _, text := range []string{"smoke", "smoke and not write", "(a or b) and not (c)", "not not a", "and", "a b", "((", "한글 or a", "a or", ")"} {
		f.Add(text, "smoke write")
	}
	f.Fuzz(func(t *testing.T, text, tags string) {
		if len(text) > 1<<12 || strings.TrimSpace(text) == "" {
			return
		}
		match, _, err := parseTags(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatalf("%q: an error without text", text)
			}
			return
		}
		list := strings.Fields(tags)
		for wrapped, want := range map[string]bool{
			"not (" + text + ")":                match(list) == false,
			"(" + text + ") and (" + text + ")": match(list),
		} {
			again, _, err := parseTags(wrapped)
			if err != nil { // nested too deep by one
				continue
			}
			if again(list) != want {
				t.Fatalf("%q answers %v, and %q answers %v", text, match(list), wrapped, again(list))
			}
		}
	})
}
