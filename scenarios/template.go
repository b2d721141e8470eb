package scenarios

import "iter"

// A Template is text with placeholders: {{name}}, {{env.NAME}}, {{$uuid}},
// each with filters after |. It is parsed once, at load time.
type Template struct {
	Text string
	Pos  Pos
	// parts is what Text was parsed into; see parseTemplate.
	parts []part
	// literal is the JSON text of an operand that was written as a number, true,
	// false or null; empty where Text is text.
	literal string
	// signs is set where the parts of the request being sent are known.
	signs bool
	// node is an operand that was written as a list or mapping.
	node *JSONNode
}

type part struct {
	literal string
	// name is empty for a literal, quotedName for quoted text, and begins with $
	// for a generator.
	name    string
	quoted  string
	args    []string // of a generator
	perSide bool
	filters []filter
	offset  int // of the {{ in Text
}

type filter struct {
	name string
	args []string
}

// A Value is what a placeholder stands for. A template that is one whole
// placeholder keeps the value's type; inside text a value is its text.
type Value struct {
	Text string // as text: a string without quotes, a number as written
	JSON string // as JSON: a string quoted, a number as written, an object or array whole
}

// A Scope answers a template's placeholders for one lane and step. The runner
// implements it; Sources says in which order names are looked up.
type Scope interface {
	// Lookup finds a variable: not found when nothing answers the name, an error
	// when what answers it cannot be computed.
	Lookup(name string) (v Value, found bool, err error)
	// Generate draws a value for a $generator: the same for both sides of a
	// pair, unless perSide. key tells apart the placeholders of a step.
	Generate(generator string, args []string, key string, perSide bool) (Value, error)
}

// A Rendered request is a step's request with every placeholder expanded and
// escaped for its position.
type Rendered struct {
	Method      string
	URL         string  // path with query, or an absolute URL
	Headers     []Named // ordered, repeatable
	Cookies     []Named
	Body        []byte
	ContentType string // from the body's kind; empty without a body
}

// Named is a name with its value.
type Named struct{ Name, Value string }

// A Data is the rows of a case, read again at each iteration so that memory
// does not grow with them.
type Data struct {
	File    string
	Name    *Template // names a row; nil: its number
	Columns []string
	Count   int // rows, after sampling
	Left    int // rows that the stage's limits: {data} left out of what the file asks for
	Rows    iter.Seq2[Row, error]
}

// A Row is one row of data: cells in column order.
type Row struct {
	Number int // from 1, of the file; 0: the case has no data
	Cells  []Value
}

// A Body is a request body, unexpanded.
type Body struct {
	Kind BodyKind
	Text *Template // text, xml, base64, graphql's query
	// Node is the JSON value of json (and graphql's variables).
	Node *JSONNode
	// Fields are those of form.
	Fields []Field
	Parts  []Part // multipart
	// Operation is graphql's operationName.
	Operation string
	File      string // file, a path below the root of the loaded files
	Data      []byte // the file's bytes, read at load time
	Pos       Pos
}

// A Part is one part of a multipart body: a text or a file's bytes.
type Part struct {
	Name     string
	Value    *Template // nil: Data
	Data     []byte
	File     string
	FileName string
	Type     string // Content-Type; empty: none is written
	Pos      Pos
}

// A JSONNode is a JSON value with templates at its leaves and as the names of its
// members, in the file's order. A name is always text: {"{{n}}": 1} with n = 7 is
// {"7": 1}. Two members that get the same name are an error when it is rendered.
type JSONNode struct {
	Kind    byte        // 'o' object, 'a' array, 's' a string template, 'l' a literal
	Keys    []*Template // object: member names
	Items   []*JSONNode // object: member values; array: elements
	Literal string      // JSON text as written
	Text    *Template
}
