package scenarios

import (
	"github.com/bgverify/bgverify/internal/suggest"
)

// A form is what a value of the language looks like. Zero is invalid.
type form uint8

const (
	formText     form = iota + 1 // text as written
	formTemplate                 // text with placeholders
	formName                     // a name: letters, digits, - _ .
	formVar                      // the name of a variable
	formWord                     // one of a closed list
	formBool                     // true or false
	formInt                      // a whole number in bounds
	formNumber                   // a number in bounds
	formDuration                 // a number with a unit; bounds in seconds
	formPercent                  // a number with %; bounds as ratios
	formRate                     // requests per time: 200/s
	formMargin                   // a perf.Margin: 5%, 2ms, "5% or 2ms"
	formDate                     // 2027-03-31
	formPath                     // a path into a JSON body
	formFile                     // a file relative to the scenario file
	formStatus                   // 200 or 2xx
	formJSON                     // any JSON value, templates at its leaves
	formObject                   // a mapping with the keys of a table
	formMap                      // a mapping with free keys, values of elem
	formList                     // a list of elem
	formUnion                    // one of alts, told apart by the kind of YAML node
)

// A shape says what one value may be. It is data: the walker checks by it, and
// the JSON Schema and docs/format.md are printed from it.
type shape struct {
	form     form
	table    string   // formObject: name of its key table
	elem     *shape   // formList, formMap
	alts     []*shape // formUnion
	words    []string // formWord
	min, max float64  // formInt, formNumber, formDuration, formPercent
}

// A key is one key of a table.
type key struct {
	name     string
	shape    *shape
	doc      string
	def      string // what counts without it; empty: nothing
	example  string // a YAML value
	required bool
	// field is the name of the struct field that the key is read into; empty where
	// code reads it, because the key is more than one value of one field.
	field string
}

// A table is the closed list of keys of one mapping.
type table struct {
	name string
	doc  string
	keys []key
}

func (t *table) key(name string) *key {
	for i := range t.keys {
		if t.keys[i].name == name {
			return &t.keys[i]
		}
	}
	return nil
}

func (t *table) names() []string {
	names := make([]string, len(t.keys))
	for i := range t.keys {
		names[i] = t.keys[i].name
	}
	return names
}

// The shapes without parameters.
var (
	aText     = &shape{form: formText}
	aTemplate = &shape{form: formTemplate}
	aName     = &shape{form: formName}
	aVar      = &shape{form: formVar}
	aBool     = &shape{form: formBool}
	aRate     = &shape{form: formRate}
	aMargin   = &shape{form: formMargin}
	aDate     = &shape{form: formDate}
	aPath     = &shape{form: formPath}
	aFile     = &shape{form: formFile}
	aStatus   = &shape{form: formStatus}
	aJSON     = &shape{form: formJSON}
)

func object(table string) *shape        { return &shape{form: formObject, table: table} }
func mapOf(elem *shape) *shape          { return &shape{form: formMap, elem: elem} }
func listOf(elem *shape) *shape         { return &shape{form: formList, elem: elem} }
func oneOf(alts ...*shape) *shape       { return &shape{form: formUnion, alts: alts} }
func aWord(words ...string) *shape      { return &shape{form: formWord, words: words} }
func anInt(low, high float64) *shape    { return &shape{form: formInt, min: low, max: high} }
func aNumber(low, high float64) *shape  { return &shape{form: formNumber, min: low, max: high} }
func aPercent(low, high float64) *shape { return &shape{form: formPercent, min: low, max: high} }

// aDuration takes its bounds in seconds.
func aDuration(low, high float64) *shape { return &shape{form: formDuration, min: low, max: high} }

// orList is one element or a list of them.
func orList(elem *shape) *shape { return oneOf(elem, listOf(elem)) }

// word names a shape for people: "a duration such as 5s".
func (s *shape) word() string {
	switch s.form {
	case formText, formTemplate:
		return "text"
	case formName:
		return "a name"
	case formVar:
		return "the name of a variable"
	case formWord:
		return "one of " + suggest.Quoted(s.words)
	case formBool:
		return "true or false"
	case formInt:
		return "a whole number"
	case formNumber:
		return "a number"
	case formDuration:
		return "a duration such as 500ms, 5s or 2m"
	case formPercent:
		return "a percentage such as 5%"
	case formRate:
		return "a rate such as 200/s"
	case formMargin:
		return `a margin such as 5%, 2ms or "5% or 2ms"`
	case formDate:
		return "a date such as 2027-03-31"
	case formPath:
		return "a path such as $.channels[*].id"
	case formFile:
		return "the name of a file"
	case formStatus:
		return "a status such as 200 or a class such as 2xx"
	case formJSON:
		return "a JSON value"
	case formObject, formMap:
		return "a mapping"
	case formList:
		return "a list"
	case formUnion:
		words := make([]string, len(s.alts))
		for i, a := range s.alts {
			words[i] = a.word()
		}
		return suggest.Or(words)
	}
	return "a value"
}
