package scenarios

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bgverify/bgverify/diff"
)

// A Capture reads a value from a response for later steps of the same lane.
type Capture struct {
	Name   string
	At     string // body path with a single result
	Header string
	Cookie string
	Regex  string // first group, or the whole match, of the body
	Status bool
	Same   bool // both sides must have captured the same value
	Pos    Pos
}

// An Expect is what must hold on a side whatever the comparison says.
type Expect struct {
	Status   []StatusMatch // any of; empty: 2xx
	Latency  []Matcher     // seconds
	Headers  []FieldExpect
	Cookies  []FieldExpect
	Body     []PathExpect
	Text     []Matcher // of the whole body
	Schema   string    // path of a JSON Schema file below the root of the loaded files; see CheckSchema
	Snapshot string    // path of a stored body below the root of the loaded files
	// SnapshotData is the stored body.
	SnapshotData []byte
	// schema is the compiled Schema.
	schema *jsonschema.Schema
	HLS    *HLSExpect
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
type AnswerTest struct{ OK []PathExpect }

// A StatusMatch is a range of statuses: {200, 200} or {200, 299}.
type StatusMatch struct{ Low, High int }

// A FieldExpect is what a header or cookie must be.
type FieldExpect struct {
	Name     string
	Matchers []Matcher
	Pos      Pos
}

// A PathExpect is what the values at a path must be.
type PathExpect struct {
	Path     string
	Matchers []Matcher
	Pos      Pos
}

// HLSExpect is what an HLS playlist must be.
type HLSExpect struct {
	Variants, Segments, Codecs, TargetDuration []Matcher
	Pos                                        Pos
}

// A Matcher is one test on a value: Op names it (eq, ne, lt, lte, gt, gte, in,
// contains, matches, type, count, format, unique, each, exists, empty, not).
type Matcher struct {
	Op    string
	Value *Template   // the operand; nil where Sub or List holds it
	List  []*Template // in
	Sub   []Matcher   // count, each, not
	Pos   Pos
}
