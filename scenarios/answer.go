package scenarios

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
)

// A Capture reads a value from a response for later steps of the same lane. At, Header,
// Cookie and Status are places, of which it has one; Regex looks in the text at that place,
// or in the body where there is none.
type Capture struct {
	Name string
	// At is a path into the body that names one value.
	At string
	// Header and Cookie name what is read instead of the body.
	Header string
	Cookie string
	// Regex picks its first group, or the whole match where it has none.
	Regex string
	// Status captures the status itself, as a number.
	Status bool
	// Same demands that both sides have captured the same value.
	Same bool
	Pos  Pos
}

// An Expect is what must hold on a side whatever the comparison says. Parts that are empty
// demand nothing, but for the defaults: a status of 2xx and an answer of an API.
type Expect struct {
	// Status are the statuses of which the answer has one; empty: 2xx.
	Status []StatusMatch
	// Latency are tests of the time to the last byte, in seconds.
	Latency []Matcher
	// Headers, Cookies and Body are in the order of the file, the merged ones of the defaults
	// first.
	Headers []FieldExpect
	Cookies []FieldExpect
	Body    []PathExpect
	// Text are tests of the whole body as text.
	Text []Matcher
	// Schema is the path of a JSON Schema file below the root of the loaded files,
	// perhaps with #/a/pointer to a part of it; see CheckSchema.
	Schema string
	// Snapshot is the path of a stored body below the root of the loaded files.
	Snapshot string
	// SnapshotData is the stored body.
	SnapshotData []byte
	// schema is the compiled Schema.
	schema *bodyschema.Schema
	// HLS is what the body must be as a playlist; nil: nothing.
	HLS *HLSExpect
	// Answer is the suite's own test of successes; nil: the defaults.
	Answer *AnswerTest
	// Numbers says when a number of the body equals one that is expected; of the suite.
	Numbers diff.NumberReading
	// Written lists which parts the file itself wrote (status, headers, body, …);
	// the default API-answer expectation yields to a written content type or body.
	Written []string
	Pos     Pos
}

// An AnswerTest says which answers of a suite are successes. An answer that has
// at least one of the paths is a success when the values at those that it has pass.
// An answer with none of the paths is judged by the envelopes that bgverify knows.
type AnswerTest struct{ OK []PathExpect }

// A StatusMatch is a range of statuses, both ends included: {200, 200} or {200, 299}.
type StatusMatch struct{ Low, High int }

// A FieldExpect is what a header or cookie must be: all Matchers must hold of its value,
// which is text.
type FieldExpect struct {
	Name     string
	Matchers []Matcher
	Pos      Pos
}

// A PathExpect is what the values at a path must be: all Matchers must hold. The path may
// find several values, or none.
type PathExpect struct {
	Path string
	// Keyed is the path where it has placeholders: values of a filter, as in
	// $.list[?@.id=={{id}}]. They expand to JSON.
	Keyed    *Template
	Matchers []Matcher
	Pos      Pos
}

// HLSExpect is what an HLS playlist must be: numbers of variants and of segments, codecs,
// and the target duration in seconds.
type HLSExpect struct {
	Variants, Segments, Codecs, TargetDuration []Matcher
	Pos                                        Pos
}

// An Op names the test of a matcher. Zero is invalid.
type Op uint8

// The tests, in the order in which the language lists them. Of the operand they
// take: a value, a number (lt, lte, gt, gte), a text (matches, type, format, instant), true or
// false (unique, exists, empty), a list (in) or further tests (count, each, not).
const (
	// OpEq is equality, type included: "1" is not 1, and 1.0 is 1 where numbers are decimal.
	OpEq Op = iota + 1 // equal, type included
	OpNe               // not equal
	// OpLt and the three after it compare numbers by their value.
	OpLt // a number below
	OpLte
	OpGt // a number above
	OpGte
	// OpIn holds where one of the values of a list is equal.
	OpIn
	// OpContains holds of a text with a text in it, and of a list with an element.
	OpContains
	// OpMatches holds of a text in which a regular expression finds something.
	OpMatches
	// OpType names a type of JSON; integer is a number without a fraction.
	OpType // of a JSON type
	// OpFormat names a format of text, such as uuid or date-time.
	OpFormat
	// OpInstant holds of a time that is the same instant as another, however both are written.
	OpInstant
	// OpCount tests the number of elements, members or characters.
	OpCount
	// OpUnique holds where all values that were found differ.
	OpUnique
	// OpEach holds where every element passes tests.
	OpEach
	// OpExists holds where there is a value; false: where there is none.
	OpExists
	// OpEmpty holds where nothing is in the value; false: where something is.
	OpEmpty
	// OpNot holds where there is a value and none of the tests holds.
	OpNot
)

// opWords are the keys of the tests in a file.
var opWords = []string{
	OpEq: "eq", OpNe: "ne", OpLt: "lt", OpLte: "lte", OpGt: "gt", OpGte: "gte", OpIn: "in", OpContains: "contains",
	OpMatches: "matches", OpType: "type", OpFormat: "format", OpInstant: "instant", OpCount: "count", OpUnique: "unique", OpEach: "each",
	OpExists: "exists", OpEmpty: "empty", OpNot: "not",
}

// String is the key of the test in a file.
func (op Op) String() string { return word(opWords, uint8(op), "Op") }

// opOf is the test of a key; zero for a word that is not a test.
// Words that are not tests cannot come from a file: the key tables list the same words.
func opOf(key string) Op { return Op(max(0, slices.Index(opWords, key))) }

// A Matcher is one test of a value.
// Which of Value, List and Sub is set follows from Op; see its constants.
type Matcher struct {
	Op Op
	// Value is the operand; nil where List or Sub holds it.
	Value *Template
	// List are the values of in.
	List []*Template
	// Sub are the tests of count, each and not.
	Sub []Matcher
	// Pos is the place of the key.
	Pos Pos
}

// word is the name of an enum's value, or Type(7) for one that has none: String is total.
func word(names []string, i uint8, typ string) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", typ, i)
}

// String is blue or green.
func (s Side) String() string { return word([]string{Blue: "blue", Green: "green"}, uint8(s), "Side") }

// String is required or advisory.
func (g Gate) String() string {
	return word([]string{Required: "required", Advisory: "advisory"}, uint8(g), "Gate")
}

// String is the word of the file.
func (o Order) String() string {
	return word([]string{"together", "blue-then-green", "green-then-blue"}, uint8(o), "Order")
}

// String is the word of the file; undeclared where there is none.
func (s SideEffects) String() string {
	return word([]string{"undeclared", "none", "idempotent", "isolated", "compensated", "unreviewed"}, uint8(s), "SideEffects")
}

// String is the key of the body in the file.
func (k BodyKind) String() string {
	return word([]string{
		BodyJSON: "json", BodyForm: "form", BodyMultipart: "multipart", BodyGraphQL: "graphql", BodyXML: "xml",
		BodyText: "text", BodyFile: "file", BodyBase64: "base64",
	}, uint8(k), "BodyKind")
}

// String is the word of the file.
func (k AuthKind) String() string {
	return word([]string{
		AuthNone: "none", AuthBasic: "basic", AuthBearer: "bearer", AuthAPIKey: "api_key",
		AuthOAuth2Client: "oauth2 client_credentials", AuthOAuth2Password: "oauth2 password",
		AuthDigest: "digest", AuthHMAC: "hmac", AuthAWS: "aws",
	}, uint8(k), "AuthKind")
}

// CheckSchema lists how a body breaks the expectation's JSON Schema, each as
// "/json/pointer: what is wrong", sorted; empty when it obeys or there is none.
// It is here and not in the runner, because the compiled schema is not part of the language.
func (e *Expect) CheckSchema(body []byte) []string {
	if e.schema == nil {
		return nil
	}
	return e.schema.Check(body)
}
