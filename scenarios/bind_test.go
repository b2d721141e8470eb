package scenarios

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
)

// bound are the structs that the keys of each table are read into.
var bound = map[string][]any{
	"suite": {&Suite{}}, "case": {&Case{}, &Step{}}, "step": {&Step{}}, "defaults": {&stepDefaults{}}, "request": {&Request{}},
	"multipart part": {&Part{}}, "graphql": {&Body{}}, "auth": {&Auth{}}, "basic": {&Auth{}}, "digest": {&Auth{}}, "api_key": {&Auth{}},
	"oauth2": {&Auth{}}, "hmac": {&HMACAuth{}}, "aws": {&AWSAuth{}}, "capture": {&Capture{}}, "poll": {&Poll{}}, "retry": {&Retry{}},
	"quarantine": {&Quarantine{}}, "rule": {&diff.Rule{}}, "side": {&SideConfig{}}, "service": {&Service{}}, "tls": {&TLS{}},
	"identity": {&Identity{}}, "transport allow": {&TransportAllow{}}, "session": {&Session{}}, "coverage": {&Suite{}}, "flaky": {&Suite{}},
	"load": {&LoadStage{}}, "load step": {&LoadStep{}}, "margins": {&perf.Margins{}}, "env file": {&Env{}}, "limits": {&Limits{}}, "config": {&Config{}},
}

// readOne reads a mapping of one key by a table into a struct.
func readOne(t *testing.T, tb *table, k *key, text string, into any) Problems {
	t.Helper()
	l := newLoader(fstest.MapFS{"x.yaml": {Data: []byte(k.name + ": " + text + "\n")}}, LoadOptions{})
	src := l.open("x.yaml")
	if src == nil {
		t.Fatal(l.done())
	}
	o := (&walker{l, src}).objectOf(src.Root, tb, "")
	o.bindKeys([]key{*k}, into)
	return l.done()
}

// Every key that names a field reads its own example into it, and refuses a mapping
// or a list of lists.
func TestEveryKeyBinds(t *testing.T) {
	for name, tb := range tables {
		for i := range tb.keys {
			k := &tb.keys[i]
			if k.field == "" {
				continue
			}
			var into any
			for _, x := range bound[name] {
				if reflect.ValueOf(x).Elem().FieldByName(k.field).IsValid() {
					into = reflect.New(reflect.TypeOf(x).Elem()).Interface()
				}
			}
			if into == nil {
				t.Errorf("%s.%s: no struct has the field %s", name, k.name, k.field)
				continue
			}
			for _, p := range readOne(t, tb, k, k.example, into) {
				if !strings.Contains(p.Summary, "without") && !strings.Contains(p.Summary, "cannot read") { // other keys and files are not there
					t.Errorf("%s.%s: %s: %s", name, k.name, k.example, p)
				}
			}
			if reflect.ValueOf(into).Elem().FieldByName(k.field).IsZero() && k.example != "none" && k.name != "trace" && k.example != "false" && k.name != "compare" {
				t.Errorf("%s.%s: %s leaves %s zero", name, k.name, k.example, k.field)
			}
			if problems := readOne(t, tb, k, "[[1]]", into); !problems.HasErrors() {
				t.Errorf("%s.%s: a list of lists is accepted", name, k.name)
			}
		}
	}
}

// newMapping is a new mapping of the language: what the table says is all there is.
type newMapping struct {
	Colour string
	Tries  int
	Wait   time.Duration
	Share  float64
	Only   []string
	On     bool
}

var newTable = table{"new mapping", "What a test adds to the language.", []key{
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
	read := func(text string) (newMapping, Problems) {
		l := newLoader(fstest.MapFS{"x.yaml": {Data: []byte(text)}}, LoadOptions{})
		o := (&walker{l, l.open("x.yaml")}).objectOf(l.open("x.yaml").Root, &newTable, "")
		var x newMapping
		o.bind(&x)
		return x, l.done()
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
	if len(schema.Properties) != len(newTable.keys) || schema.Properties[1].value.Description != "How often. Default: 1." {
		t.Errorf("the schema has %+v", schema.Properties)
	}
}

// What has a key that code reads is not written: the key would be lost.
func TestWriteRefusesWhatItWouldLose(t *testing.T) {
	if _, err := caseTable.write(&Case{}); err == nil {
		t.Error("a case is written without its steps")
	}
}

// Every key of a test has an Op, and every Op is a key of the matchers.
func TestEveryMatcherHasAnOp(t *testing.T) {
	for _, tb := range []*table{&matchersTable, &countTable, &notTable, &latencyTable} {
		for _, k := range tb.keys {
			if op := opOf(k.name); op == 0 || op.String() != k.name {
				t.Errorf("%s.%s has the op %v", tb.name, k.name, op)
			}
		}
	}
	for op := OpEq; op <= OpNot; op++ {
		if matchersTable.key(op.String()) == nil {
			t.Errorf("%v is no key of the matchers", op)
		}
	}
}
