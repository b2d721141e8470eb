// Package template is the language between {{ and }}: the values that scenario
// files leave open until a request is made.
//
// In comes text of a file, which [Parse] cuts into literals and placeholders, or
// says at which byte it cannot be read. Out comes a [Value] once a [Scope]
// answers the placeholders. [Sources] is the one order in which names are
// answered, for the addresses of the sides, for requests and for the check of
// names while files are read; a name that cannot be computed is an error and
// never passed over. Generators are pure functions of a seed.
//
// The package reads no file, no clock and no environment: all three are passed in.
// It knows nothing of YAML, suites or steps.
//
// # The rules
//
//  1. {{name}} is a variable, {{env.NAME}} an environment variable, {{$uuid}} a generator,
//     {{'text'}} the text itself. There are no expressions.
//  2. Filters follow a bar and are applied from left to right: {{name | default: x | upper}}.
//  3. A template that is one whole placeholder keeps the type of the value; inside text a
//     value is its text.
//  4. A value is never expanded again: braces in an answer that was captured stay braces.
//  5. Every value is escaped for the place it is put in by who puts it there: see ExpandURL,
//     ExpandText and [Node.Render].
//  6. What can be found out from the text alone (names of filters and generators, arguments)
//     is a [ParseError]; what needs a value is an error of the expansion, which names the
//     placeholder.
package template

import (
	"strings"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Template is text with placeholders: {{name}}, {{env.NAME}}, {{$uuid}},
// each with filters after |. It is parsed once, while files are read, and never
// changed afterwards. Exactly one of Parts, JSON and Node says what it expands to.
type Template struct {
	// Text is the template as written.
	Text string
	// Pos is the place of Text in its file.
	Pos problem.Pos
	// Parts is what Text was parsed into.
	Parts []Part
	// JSON is the JSON text of an operand that was written as a number, true, false
	// or null, with its spelling kept; empty where Text is text.
	JSON string
	// Node is an operand that was written as a list or mapping.
	Node *Node
	// Signs is set where the parts of the request being sent are known: in what an
	// HMAC signs and in the header that carries the signature.
	Signs bool
}

// A Part is a piece of a template: literal text, or one placeholder.
type Part struct {
	// Literal is the text of a piece without placeholder.
	Literal string
	// Name is what the placeholder asks for: a variable, env.NAME or request.PART, a
	// generator with its $, or [QuotedName]. It is empty for literal text.
	Name string
	// Quoted is the text that a placeholder of the name [QuotedName] expands to.
	Quoted string
	// Args are the arguments of a generator.
	Args []string
	// PerSide is set where a generator makes one value for each side: $uuid.side.
	PerSide bool
	// Filters are applied to the value from first to last.
	Filters []Filter
	// Offset is the byte offset of the {{ in the template's text.
	Offset int
}

// QuotedName is the name of a placeholder that holds quoted text: {{'x'}}.
const QuotedName = "'"

// IsVariable reports whether the part asks for a variable: neither literal text,
// nor quoted text, nor a generator.
func (p *Part) IsVariable() bool {
	return p.Name != "" && p.Name != QuotedName && !strings.HasPrefix(p.Name, "$")
}

// HasDefault reports whether the first filter gives a value to a variable that is
// not there.
func (p *Part) HasDefault() bool { return len(p.Filters) > 0 && p.Filters[0].Name == "default" }

// Keys are the variables that the part's filters read besides its own: those
// that hold the key of an hmac.
func (p *Part) Keys() []string {
	var names []string
	for _, f := range p.Filters {
		if f.Name == "hmac" && len(f.Args) > 0 {
			names = append(names, f.Args[0])
		}
	}
	return names
}

// A Filter is one filter of a placeholder, with its arguments.
// Its arguments were checked when the template was parsed.
type Filter struct {
	Name string
	Args []string
}

// A Value is what a placeholder expands to. A template that is one whole
// placeholder keeps the value's type; inside text a value is its text.
type Value struct {
	Text string // as text: a string without quotes, a number as written
	JSON string // as JSON: a string quoted, a number as written, an object or array whole
}

// A Scope answers a template's placeholders for one lane and step. The runner
// implements it; [Sources] says in which order names are looked up.
// A scope must answer the same name in the same way for as long as one request is made:
// the URL, the headers and the body of a request may name it.
type Scope interface {
	// Lookup finds a variable: not found when nothing answers the name, an error
	// when what answers it cannot be computed.
	Lookup(name string) (v Value, found bool, err error)
	// Generate makes the value of a $generator: the same for both sides of a
	// pair, unless perSide. key tells apart the placeholders of a step.
	Generate(generator string, args []string, key string, perSide bool) (Value, error)
}

// A Var is one named template: a variable of a file.
type Var struct {
	Name  string
	Value *Template
	Pos   problem.Pos
}

// FindVar is the first variable of a name in a list; nil when there is none.
// Lists are short, and their order is that of the file.
func FindVar(list []Var, name string) *Var {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// Named is a name with its value, such as a variable given by a flag.
// Its value is never expanded.
type Named struct {
	Name, Value string
	// JSON is set where Value is JSON text, whose type counts: --var name:=5. Otherwise
	// Value is text.
	JSON bool
}

// Typed is the value with its type.
func (n Named) Typed() Value {
	if n.JSON {
		return JSONValue(n.Value)
	}
	return TextValue(n.Value)
}
