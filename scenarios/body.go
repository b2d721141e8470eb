package scenarios

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
