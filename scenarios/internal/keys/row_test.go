package keys

import (
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"gopkg.in/yaml.v3"

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
		node, err := newTable.write(&want)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(node)
		if err != nil {
			t.Fatal(err)
		}
		if got, problems := read(string(text)); len(problems) > 0 || !reflect.DeepEqual(got, want) {
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
