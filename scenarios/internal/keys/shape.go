package keys

import (
	"github.com/bgverify/bgverify/internal/suggest"
)

// A Form is what a value of the language looks like. Zero is invalid.
type Form uint8

const (
	formText     Form = iota + 1 // text as written
	FormTemplate                 // text with placeholders
	formName                     // a name: letters, digits, - _ .
	formVar                      // the name of a variable
	FormWord                     // one of a closed list
	formBool                     // true or false
	FormInt                      // a whole number in bounds
	FormNumber                   // a number in bounds
	FormDuration                 // a number with a unit; bounds in seconds
	formSpan                     // a duration, or two of them: 500ms..2s; bounds in seconds
	FormPercent                  // a number with %; bounds as ratios
	formRate                     // requests per time: 200/s
	formMargin                   // a perf.Margin: 5%, 2ms, "5% or 2ms"
	formDate                     // 2027-03-31
	formPath                     // a path into a JSON body
	formFile                     // a file relative to the scenario file
	formStatus                   // 200 or 2xx
	FormJSON                     // any JSON value, templates at its leaves
	FormObject                   // a mapping with the keys of a table
	FormMap                      // a mapping with free keys, values of elem
	FormList                     // a list of elem
	FormUnion                    // one of alts, distinguished by the kind of YAML node
)

// A Shape says what one value may be. It is data: the walker checks by it, and
// the JSON Schema and docs/format.md are printed from it.
type Shape struct {
	Form     Form
	Table    string   // formObject: name of its key table
	Elem     *Shape   // formList, formMap
	Alts     []*Shape // formUnion
	Words    []string // formWord
	Min, Max float64  // formInt, formNumber, formDuration, formPercent
}

// A Key is one key of a table.
type Key struct {
	Name     string
	Shape    *Shape
	Doc      string
	Def      string // what counts without it; empty: nothing
	Example  string // a YAML value
	Required bool
	// field is the name of the struct field that the key is read into; empty where
	// code reads it, because the key is more than one value of one field.
	Field string
}

// A Table is the closed list of keys of one mapping.
type Table struct {
	Name string
	Doc  string
	Keys []Key
}

// Key is the row of a key; nil when the table has none of that name.
func (t *Table) Key(name string) *Key {
	for i := range t.Keys {
		if t.Keys[i].Name == name {
			return &t.Keys[i]
		}
	}
	return nil
}

// Names are the keys of the table in its order, for suggestions.
func (t *Table) Names() []string {
	names := make([]string, len(t.Keys))
	for i := range t.Keys {
		names[i] = t.Keys[i].Name
	}
	return names
}

// The shapes without parameters.
var (
	aText     = &Shape{Form: formText}
	aTemplate = &Shape{Form: FormTemplate}
	aName     = &Shape{Form: formName}
	aVar      = &Shape{Form: formVar}
	aBool     = &Shape{Form: formBool}
	aRate     = &Shape{Form: formRate}
	aMargin   = &Shape{Form: formMargin}
	aDate     = &Shape{Form: formDate}
	aPath     = &Shape{Form: formPath}
	aFile     = &Shape{Form: formFile}
	aStatus   = &Shape{Form: formStatus}
	aJSON     = &Shape{Form: FormJSON}
)

// The shapes that readers of single values name in their messages.
var (
	Text   = aText
	Rate   = aRate
	Status = aStatus
	File   = aFile
)

// Int is the shape of a whole number between two bounds, both included.
func Int(low, high float64) *Shape { return anInt(low, high) }

func object(table string) *Shape        { return &Shape{Form: FormObject, Table: table} }
func mapOf(elem *Shape) *Shape          { return &Shape{Form: FormMap, Elem: elem} }
func listOf(elem *Shape) *Shape         { return &Shape{Form: FormList, Elem: elem} }
func oneOf(alts ...*Shape) *Shape       { return &Shape{Form: FormUnion, Alts: alts} }
func aWord(words ...string) *Shape      { return &Shape{Form: FormWord, Words: words} }
func anInt(low, high float64) *Shape    { return &Shape{Form: FormInt, Min: low, Max: high} }
func aNumber(low, high float64) *Shape  { return &Shape{Form: FormNumber, Min: low, Max: high} }
func aPercent(low, high float64) *Shape { return &Shape{Form: FormPercent, Min: low, Max: high} }

// aDuration takes its bounds in seconds.
func aDuration(low, high float64) *Shape { return &Shape{Form: FormDuration, Min: low, Max: high} }

// aSpan takes its bounds in seconds.
func aSpan(low, high float64) *Shape { return &Shape{Form: formSpan, Min: low, Max: high} }

// orList is one element or a list of them.
func orList(elem *Shape) *Shape { return oneOf(elem, listOf(elem)) }

// scalar are the types of text in JSON Schema: it may look like a number in YAML.
var scalar = []string{"string", "number", "boolean"}

// oneDuration is a duration as a regular expression.
const oneDuration = `([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+`

// forms say what a value of a form is: in a word for people, and by type and pattern of JSON
// Schema. Forms that are more than that are in [Shape.Word] and in schema.
var forms = map[Form]struct {
	word    string
	types   []string
	pattern string
}{
	formText:     {"text", scalar, ""},
	FormTemplate: {"text", scalar, ""},
	formName:     {"a name", []string{"string", "number"}, ""},
	formVar:      {"the name of a variable", []string{"string", "number"}, ""},
	formFile:     {"the name of a file", []string{"string", "number"}, ""},
	formBool:     {"true or false", []string{"boolean"}, ""},
	FormInt:      {"a whole number", []string{"integer"}, ""},
	FormNumber:   {"a number", []string{"number"}, ""},
	FormDuration: {"a duration such as 500ms, 5s or 2m", []string{"string"}, `^` + oneDuration + `$`},
	formSpan: {
		"a duration such as 1s, or a range such as 500ms..2s",
		[]string{"string"},
		`^` + oneDuration + `(\.\.` + oneDuration + `)?$`,
	},
	FormPercent: {"a percentage such as 5%", []string{"string"}, `^[0-9]+(\.[0-9]+)? ?%$`},
	formRate:    {"a rate such as 200/s", []string{"string"}, `^[0-9]+(\.[0-9]+)? ?/ ?(s|m|h)$`},
	formMargin:  {`a margin such as 5%, 2ms or "5% or 2ms"`, []string{"string"}, `^[0-9]`},
	formDate:    {"a date such as 2027-03-31", []string{"string"}, `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`},
	formPath:    {"a path such as $.channels[*].id", []string{"string"}, `^\$`},
	formStatus:  {"a status such as 200 or a class such as 2xx", nil, ""},
	FormJSON:    {"a JSON value", nil, ""},
	FormObject:  {"a mapping", nil, ""},
	FormMap:     {"a mapping", nil, ""},
	FormList:    {"a list", nil, ""},
}

// Word names a shape for people: "a duration such as 5s".
func (s *Shape) Word() string {
	switch s.Form {
	case FormWord:
		return "one of " + suggest.Quoted(s.Words)
	case FormUnion:
		words := make([]string, len(s.Alts))
		for i, a := range s.Alts {
			words[i] = a.Word()
		}
		return suggest.Or(words)
	}
	return forms[s.Form].word
}
