package scenarios

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"gopkg.in/yaml.v3"
)

// A spot is a mapping of a scenario file and what its keys may be.
type spot struct {
	n     *yaml.Node
	shape *keys.Shape
}

// spots lists the mappings of a tree.
func spots(s *keys.Shape, n *yaml.Node, out *[]spot) {
	switch {
	case n.Kind == yaml.MappingNode && (s.Form == keys.FormObject || s.Form == keys.FormMap || s.Form == keys.FormJSON):
		*out = append(*out, spot{n, s})
		for i := 0; i+1 < len(n.Content); i += 2 {
			next := s
			switch s.Form {
			case keys.FormObject:
				next = keys.Tables[s.Table].Key(n.Content[i].Value).Shape
			case keys.FormMap:
				next = s.Elem
			}
			spots(next, n.Content[i+1], out)
		}
	case n.Kind == yaml.SequenceNode && s.Form == keys.FormList:
		for _, c := range n.Content {
			spots(s.Elem, c, out)
		}
	case n.Kind == yaml.SequenceNode && s.Form == keys.FormJSON:
		for _, c := range n.Content {
			spots(s, c, out)
		}
	case s.Form == keys.FormUnion:
		for _, alt := range s.Alts {
			if alt.Form == keys.FormList && n.Kind == yaml.SequenceNode || (alt.Form == keys.FormObject || alt.Form == keys.FormMap) && n.Kind == yaml.MappingNode {
				spots(alt, n, out)
				return
			}
		}
		if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
			spots(&keys.Shape{Form: keys.FormJSON}, n, out)
		}
	}
}

// An unknown key, a key written twice and a key without a value are problems
// wherever a mapping stands in a file that uses the whole language.
func TestNothingIsAcceptedInSilence(t *testing.T) {
	fsys := archiveFS(whole(t))
	opts := LoadOptions{Now: today, Getenv: environment("STB_KEY", "k-123456")}
	edits := []struct {
		name string
		edit func(n *yaml.Node) (undo func(), ok bool)
	}{
		{"unknown key", func(n *yaml.Node) (func(), bool) {
			old := n.Content
			n.Content = append(append([]*yaml.Node(nil), old...), &yaml.Node{Kind: yaml.ScalarNode, Value: "zzqq"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
			return func() { n.Content = old }, true
		}},
		{"duplicate key", func(n *yaml.Node) (func(), bool) {
			old := n.Content
			if len(old) == 0 {
				return nil, false
			}
			n.Content = append(append([]*yaml.Node(nil), old...), old[0], old[1])
			return func() { n.Content = old }, true
		}},
		{"key without a value", func(n *yaml.Node) (func(), bool) {
			old := n.Content
			if len(old) == 0 {
				return nil, false
			}
			n.Content = append([]*yaml.Node{old[0], {Kind: yaml.ScalarNode, Value: "ZZNULLZZ"}}, old[2:]...)
			return func() { n.Content = old }, true
		}},
	}
	tried, times := 0, map[string]int{}
	for _, file := range []string{"suites/whole.yaml", "envs/stage.yaml", "bgverify.yaml", "suites/parts/session.yaml", "suites/rules/common.yaml"} {
		var doc yaml.Node
		if err := yaml.Unmarshal(fsys[file].Data, &doc); err != nil {
			t.Fatal(err)
		}
		inlineAliases(&doc)
		root := map[string]string{"suite": "suite", "parts": "parts file", "rule": "rule file", "env": "env file", "config": "config"}[fileKind(topKeys(doc.Content[0]), file)]
		var all []spot
		spots(&keys.Shape{Form: keys.FormObject, Table: root}, doc.Content[0], &all)
		for _, at := range all {
			for _, e := range edits {
				if e.name == "unknown key" && at.shape.Form != keys.FormObject {
					continue
				}
				// Two mappings of each kind are enough.
				kind := e.name + " " + at.shape.Table + " " + at.shape.Word()
				if times[kind]++; times[kind] > 2 {
					continue
				}
				undo, ok := e.edit(at.n)
				if !ok {
					continue
				}
				var text bytes.Buffer
				if err := yaml.NewEncoder(&text).Encode(&doc); err != nil {
					t.Fatal(err)
				}
				undo()
				tried++
				changed := fstest.MapFS{}
				maps.Copy(changed, fsys)
				changed[file] = &fstest.MapFile{Data: bytes.ReplaceAll(text.Bytes(), []byte("ZZNULLZZ"), nil)}
				if problems := loadAny(changed, file, root, opts); !problems.HasErrors() {
					t.Errorf("%s: %s in the mapping of line %d is accepted:\n%s", file, e.name, at.n.Line, text.String())
					return
				}
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d edits were tried", tried)
	}
}

func loadAny(fsys fstest.MapFS, file, root string, opts LoadOptions) Problems {
	var problems Problems
	switch root {
	case "env file":
		_, problems = LoadEnv(fsys, file, opts)
	case "config":
		_, problems = LoadConfig(fsys, file)
	case "rule file":
		_, problems = LoadRules(fsys, file, opts)
	default:
		_, problems = Load(fsys, []string{"suites/whole.yaml"}, opts)
	}
	return problems
}

// inlineAliases writes what aliases stand for in their place.
func inlineAliases(n *yaml.Node) {
	n.Anchor = ""
	for i, c := range n.Content {
		if c.Kind == yaml.AliasNode {
			copied := *c.Alias
			n.Content[i] = &copied
		}
		inlineAliases(n.Content[i])
	}
}

// The walker knows only tables that exist, and every table is reachable.
func TestTablesAreConnected(t *testing.T) {
	reached := map[string]bool{}
	var visit func(s *keys.Shape)
	visit = func(s *keys.Shape) {
		if s == nil {
			return
		}
		if s.Form == keys.FormObject {
			if keys.Tables[s.Table] == nil {
				t.Errorf("no table %q", s.Table)
				return
			}
			if reached[s.Table] {
				return
			}
			reached[s.Table] = true
			for _, k := range keys.Tables[s.Table].Keys {
				visit(k.Shape)
			}
		}
		visit(s.Elem)
		for _, a := range s.Alts {
			visit(a)
		}
	}
	for _, root := range []string{"suite", "parts file", "rule file", "env file", "config", "shift file"} {
		visit(&keys.Shape{Form: keys.FormObject, Table: root})
	}
	if len(keys.Order) != len(keys.Tables) {
		t.Errorf("%d tables in order, %d in all", len(keys.Order), len(keys.Tables))
	}
	for _, name := range keys.Order {
		if !reached[name] {
			t.Errorf("table %q is not reached from a file", name)
		}
		for _, k := range keys.Tables[name].Keys {
			if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") && !strings.HasSuffix(k.Doc, ")") {
				t.Errorf("%s.%s: doc %q is no sentence", name, k.Name, k.Doc)
			}
		}
	}
}
