package keys

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/layout"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// problems is a sink that keeps what is reported.
type problems struct {
	list   problem.Problems
	opened []*Mapping
}

func (s *problems) Add(p problem.Problem)                               { s.list = append(s.list, p) }
func (s *problems) Full() bool                                          { return false }
func (s *problems) Opened(o *Mapping)                                   { s.opened = append(s.opened, o) }
func (s *problems) Placed(*template.Template, *source.File, *yaml.Node) {}
func (s *problems) ReadField(*Mapping, *Key, any) bool                  { return false }

// newMapping is a new mapping of the language: what the table says is all there is.
type newMapping struct {
	Colour string
	Tries  int
	Wait   time.Duration
	Share  float64
	Only   []string
	On     bool
}

var newTable = Table{"new mapping", "What a test adds to the language.", []Key{
	{"colour", aWord("red", "no", "1"), "One of the words.", "", "red", true, "Colour"},
	{"tries", anInt(1, 9), "How often.", "1", "3", false, "Tries"},
	{"wait", aDuration(0, 60), "How long.", "0s", "5s", false, "Wait"},
	{"share", aPercent(0, 1), "How much.", "", "5%", false, "Share"},
	{"only", listOf(aText), "Which.", "all", "[a]", false, "Only"},
	{"active", aWord("yes", "never"), "Whether.", "never", "yes", false, "On"},
}}

// A key is one row: with it the key is read, refused when it is of the wrong kind,
// part of the schema, and written so that reading gives the same again.
func TestOneRowIsAWholeKey(t *testing.T) {
	read := func(text string) (newMapping, problem.Problems) {
		src, wrong := source.Open(fstest.MapFS{"x.yaml": {Data: []byte(text)}}, "x.yaml")
		into := &problems{list: wrong}
		var x newMapping
		NewReader(src, into).ObjectOf(src.Root, &newTable, "").Bind(&x)
		for _, o := range into.opened {
			o.RefuseUnread("")
		}
		return x, into.list
	}
	for _, want := range []newMapping{
		{Colour: "no", Tries: 3, Wait: 50 * time.Second, Share: 0.05, Only: []string{"yes", "{{a}}", "1", "a: b"}, On: true},
		{Colour: "1"},
	} {
		draft := newTable.Draft()
		draft.Fill(&want)
		text := layout.Write(draft.Node, nil, 0)
		if got, problems := read(text); len(problems) > 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v is written\n%s\nand read as %+v: %v", want, text, got, problems)
		}
	}
	for _, wrong := range []string{"colour: blue", "{colour: red, tries: 10}", "{colour: red, tries: three}", "{colour: red, wait: 5}", "{colour: red, share: 5}", "{colour: red, only: {a: b}}", "{colour: red, active: no}", "{colour: red, size: 1}", "{tries: 1}", "{colour: red, tries: }"} {
		if _, problems := read(wrong + "\n"); !problems.HasErrors() {
			t.Errorf("%s is accepted", wrong)
		}
	}
	schema := tableSchema(&newTable)
	if len(schema.Properties) != len(newTable.Keys) || schema.Properties[1].value.Description != "How often. Default: 1." {
		t.Errorf("the schema has %+v", schema.Properties)
	}
}

// Every key of every table can be written by a draft, and reading gives the same value again:
// its example as a tree, and where that is text alone also as text that the key quotes itself.
func TestEveryKeyIsWritten(t *testing.T) {
	for _, name := range Order {
		for _, k := range Tables[name].Keys {
			if k.Example == "" {
				t.Errorf("%s.%s has no example", name, k.Name)
				continue
			}
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(k.Example), &doc); err != nil {
				t.Fatalf("%s.%s: %v", name, k.Name, err)
			}
			example := doc.Content[0]
			values := []any{treeOf(example)}
			if example.Kind == yaml.ScalarNode && shapeOf(k.Shape, FormJSON) == nil {
				values = append(values, example.Value)
			}
			for _, value := range values {
				d := NewDraft(name)
				d.Set(k.Name, value)
				text := layout.Write(d.Node, nil, 0)
				src, into := readTable(name, text)
				for _, p := range into.list {
					if !strings.Contains(p.Summary, " without ") { // the other keys of the mapping
						t.Errorf("%s.%s is written\n%sand read with %v", name, k.Name, text, p)
					}
				}
				got := src.Root.Content[1]
				if got.Value != example.Value || NodeJSON(got) != NodeJSON(example) && len(values) == 1 {
					t.Errorf("%s.%s: %s is written\n%sand read as %s", name, k.Name, k.Example, text, NodeJSON(got))
				}
			}
		}
	}
}

// readTable opens a file as a mapping of a table.
func readTable(name, text string) (*source.File, *problems) {
	src, wrong := source.Open(fstest.MapFS{"x.yaml": {Data: []byte(text)}}, "x.yaml")
	into := &problems{list: wrong}
	NewReader(src, into).Object(src.Root, name, "")
	return src, into
}

// treeOf is a YAML tree to be written: literals of JSON plain, everything else as text.
func treeOf(n *yaml.Node) *layout.Node {
	switch n.Kind {
	case yaml.MappingNode:
		m := layout.Mapping()
		for i := 0; i+1 < len(n.Content); i += 2 {
			m.Pairs = append(m.Pairs, layout.Pair{Key: n.Content[i].Value, Value: treeOf(n.Content[i+1])})
		}
		return m
	case yaml.SequenceNode:
		list := layout.List()
		for _, c := range n.Content {
			list.Items = append(list.Items, treeOf(c))
		}
		return list
	}
	if IsLiteral(n) {
		return layout.Plain(n.Value)
	}
	return layout.Text(n.Value)
}

// What a draft cannot write is never lost unseen.
func TestDraftRefuses(t *testing.T) {
	for name, write := range map[string]func(){
		"an unknown key":   func() { NewDraft("case").Set("caes", "x") },
		"a key twice":      func() { d := NewDraft("case"); d.Set("case", "x"); d.Set("case", "y") },
		"an unknown type":  func() { NewDraft("case").Set("vars", map[string]string{"a": "b"}) },
		"a field's type":   func() { NewDraft("case").Fill(&struct{ Vars []int }{[]int{1}}) },
		"an unknown table": func() { NewDraft("cases") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is written", name)
				}
			}()
			write()
		}()
	}
	d := NewDraft("case")
	d.Set("steps", layout.List())
	d.Set("tags", []string{})
	d.Set("case", "c")
	if got := layout.Write(d.Node, nil, 0); got != "case: c\nsteps: []\n" {
		t.Errorf("in the order of the table, without what is empty: %q", got)
	}
}
