// Package scenarios reads scenario files: strict YAML in, typed, validated and
// positioned suites out, with every mistake of every file reported at once.
// Nothing here sends anything or knows a verdict.
//
// How data flows:
//
//	files -> yaml.Node trees -> one strict walker driven by key tables ->
//	defaults merged, parts inlined, rules and margins compiled -> []*Suite
//	or Problems (all of them, sorted by position)
//
// One table for each mapping of the language (package internal/keys) has a row for
// each key: its name, what its value may be, its documentation and the field it is
// read into. The reader, the JSON Schema, docs/format.md and [Marshal] all follow the rows.
//
// Templates stay unexpanded in the types; [Step.Render] expands them for one side
// in a scope that the runner supplies.
package scenarios

import (
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/rows"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Side is one of the two clusters. Zero is invalid.
type Side uint8

// The sides, always in this order.
const (
	Blue  Side = iota + 1 // trusted
	Green                 // under judgement
)

// The vocabulary of problems and of values at run time, which every type of this
// package is made of; see packages problem, template and rows.
type (
	Pos         = problem.Pos
	ProblemKind = problem.Kind
	Problem     = problem.Problem
	Problems    = problem.Problems

	Template = template.Template
	Value    = template.Value
	Var      = template.Var
	Named    = template.Named
	JSONNode = template.Node

	Data = rows.Data
	Row  = rows.Row
)

// The kinds of problem.
const (
	Error   = problem.Error
	Warning = problem.Warning
)

// A Gate says whether a suite's verdict can stop the shift.
type Gate uint8

// The gates. Required is the default; zero is invalid after loading.
const (
	Required Gate = iota + 1
	Advisory      // reported, never decides
)

// DefaultCompared is the least share of a body's values that a step must compare,
// where its suite does not demand less (coverage: {min: …}).
const DefaultCompared = 0.20

// A Suite is one scenario file as it is run: defaults are merged into its steps,
// parts are inlined, the env file and flags are merged into its sides. It is not
// changed after [Load] has returned it.
type Suite struct {
	// Name is the first half of every case id; Doc is a sentence for reports.
	Name, Doc string
	Pos       Pos
	// Service names the row of the services matrix. A step goes to the service of this
	// name where the sides have one and the step names none.
	Service string
	// Owner answers for a failure.
	Owner string
	// Wave orders the suites of a staged change-over: smaller waves run first.
	Wave int
	Gate Gate
	// Env lists the only environment variables that the suite's templates may read.
	Env []string
	// Secrets name the variables whose values never appear in any output.
	Secrets []string
	// Vars are the suite's common variables; those of a side are in Blue and Green.
	Vars []Var
	// Needs name the variables that must come from outside the file.
	Needs []string
	// Blue and Green are merged from the file and the env file; their URLs may be
	// empty until the flags --blue and --green are applied.
	Blue, Green SideConfig
	// Identity is asked before and after the run; those of the env file come first.
	Identity []Identity
	// Rules are the suite's own; each step carries the merged list that judges it.
	Rules []diff.Rule
	// Numbers says when numbers of bodies are equal, in every step: Decimal or Typed.
	Numbers diff.NumberReading
	// Answer says which answers are successes; nil: the envelopes that bgverify knows.
	Answer *AnswerTest
	// Transport are the accepted differences of connections: the suite's, then the
	// env file's.
	Transport []TransportAllow
	// Session says when Setup is walked again; nil: never.
	Session *Session
	// MinCoverage is the share of mutants that the comparison must notice, as a ratio; 0:
	// none is demanded.
	MinCoverage float64
	// MinCompared is the least share of a body's values that a step must compare, as a ratio.
	MinCompared float64
	// MaxFlaky is the accepted share of cases that pass only on a retry, as a ratio.
	MaxFlaky float64
	// Setup and Teardown are walked once in each lane, before the first case and after
	// the last one.
	Setup, Teardown []*Step
	// Cases are in the order of the file.
	Cases []*Case
	// LeftOut counts what is not run because other cases are marked only; Only are the
	// places of those marks.
	LeftOut Size
	Only    []Pos
	Loads   []*LoadStage
	// Files are all files the suite was read from, sorted; the archive keeps them.
	Files []string
	// Stage is the env file that was merged in; nil: none.
	Stage *Env
}

// A SideConfig is where a side lives and what differs for it.
type SideConfig struct {
	URL      string
	Services []Service // in file order
	Vars     []Var
	Headers  []Field
	Auth     *Auth
	Resolve  string // address that every host of the side is pinned to
	Host     string // Host header and SNI
	Proxy    string
	TLS      TLS
	HTTP     string // "", "1.1", "2", "h2c"
	Pos      Pos
	// late are the texts whose placeholders wait for what comes from outside.
	late      []lateField
	urlFailed bool // the url was written and reported
}

// A Service is a named base URL of a side. Empty fields fall back to the side's.
type Service struct {
	Name    string
	URL     string
	Shared  bool // the same on both sides on purpose
	Headers []Field
	Auth    *Auth
	Resolve string
	Host    string
	TLS     *TLS
	HTTP    string
	Pos     Pos
}

// TLS is how a side's certificates are checked. Files are relative to the scenario file.
type TLS struct {
	CA, Cert, Key, ServerName string
	Insecure                  bool
}

// A Field is one header, query, cookie or form field; order and repetition are kept.
type Field struct {
	Name     string
	Value    *Template
	HasValue bool // false: a query name without "="
	Pos      Pos
}

// An Identity says what a side must be, asked before and after the run.
type Identity struct {
	Service string
	Path    string
	At      string // path into the answer; empty: the whole body
	Header  string // instead of At
	Must    string // "same" or "differ"
	Blue    *Template
	Green   *Template // value that the side must show; nil: any
	Samples int
	Pos     Pos
}

// Order says when the two requests of a step leave.
type Order uint8

// The orders. Zero means Together.
const (
	Together Order = iota // both at once, which one first is chosen by the seed
	BlueThenGreen
	GreenThenBlue
)

// SideEffects says what an unsafe request leaves behind.
type SideEffects uint8

// The side effects. Zero means the method is safe and nothing was declared.
const (
	Undeclared SideEffects = iota
	NoEffects              // a POST that only reads
	Idempotent
	Isolated
	Compensated
	Unreviewed // as import writes it: the step is skipped
)

// A Step is one request sent to both sides.
type Step struct {
	Name string // unique in its case
	Pos  Pos
	// Service is the named service of the sides that the URL belongs to; empty: the
	// side's own url.
	Service     string
	Request     Request
	Auth        *Auth // nil: the service's, then the side's; Auth.Kind AuthNone: none
	SideEffects SideEffects
	// Compensates are the earlier steps of its case (of setup, for a step of
	// teardown) whose effects this step takes back.
	Compensates []*Step
	// Timeout bounds one request, from connecting to the last byte.
	Timeout     time.Duration
	Expect      Expect
	ExpectBlue  *Expect // overrides for one side; nil: Expect
	ExpectGreen *Expect
	// Compare is false where only expectations judge the answers.
	Compare     bool
	Mode        diff.Mode
	ModeWritten bool               // the file says so itself
	Numbers     diff.NumberReading // of the suite
	MinCompared float64            // of the suite
	Rules       []diff.Rule        // suite, case and step rules, merged in that order
	Captures    []Capture
	Poll        *Poll
	Retry       *Retry
	When        *Expect   // asked of the previous step's answer; nil: always
	WhenVar     *Template // a template that must not be empty, false or 0
	WhenVars    []VarExpect
	Repeat      int // at least 1
	// Pause is waited before the request is sent.
	Pause time.Duration
	// Continue goes on with the case when this step fails.
	Continue bool
	Sides    []Side  // empty: both
	With     [][]Var // arguments of the parts it was inlined from, outermost first
	Trace    bool    // add traceparent and X-Bgverify-Run
	named    bool    // compensates: is written
	prefix   string  // of its name, where a part was inlined
}

// A Poll repeats a step on each side until its own condition holds.
type Poll struct {
	Until Expect
	Every time.Duration
	UpTo  time.Duration
}

// A Retry resends after a transport failure or status; passing on a retry is flaky.
type Retry struct {
	Statuses []int
	Failures []string // wire failure classes: connect, timeout, reset, …
	Max      int
	Wait     time.Duration
}

// A Session re-runs setup when it grows old or a step answers RefreshOn.
type Session struct {
	TTL       time.Duration
	RefreshOn []int
}

// A LoadStage is one load stage of a suite.
type LoadStage struct {
	Name        string
	Pos         Pos
	Steps       []LoadStep
	Rate        float64   // requests per second and side; 0 when Rates is used
	Rates       []float64 // a ladder, requests per second and side
	Duration    time.Duration
	WarmUp      time.Duration // 0: the default of perf
	Margins     perf.Margins
	Connections int     // per side, default 64
	Reconnect   float64 // share of requests that open a new connection
	Interleaved bool
	Writes      bool
	Timeout     time.Duration
	Identity    string // response header that tells back ends apart; empty: that of the suite's identity, else their address

	line string // of Pos, as the file has it
}

// A LoadStep is one route of a load stage.
type LoadStep struct {
	Suite, Case string // a case of one step; its suite's setup runs once per side before the load
	Weight      int
	// Home and Target are the suite and case named, whatever a Selection leaves of them.
	Home   *Suite
	Target *Case
	Pos    Pos
}

// Limits are what a stage allows: load and writes off loopback, the rest everywhere.
type Limits struct {
	Load, Writes bool
	MaxRPS       float64 // 0: no cap
	Rows         int     // most rows of one case; 0: all
}

// An Env is an env file: what a stage adds to every suite.
type Env struct {
	File        string
	Blue, Green SideConfig
	Vars        []Var
	Rules       []diff.Rule
	Numbers     diff.NumberReading // of every suite that does not say itself
	Limits      Limits
	Require     []string // compare, load, writes, identity; empty: none is
	Identity    []Identity
	Answer      *AnswerTest // which answers are successes, for every suite
	Transport   []TransportAllow
	Env         []string // environment variables its templates may read
	Secrets     []string
}

// Schema is the JSON Schema of scenario files (draft 7, which editors know
// best), made from the key tables. It is one schema for every kind of file; the
// first key that tells them apart decides.
func Schema() []byte { return keys.Schema() }

// Marshal writes one mapping of a scenario file as YAML: name is a table of
// docs/format.md, such as "limits" or "session", and from points to the struct that
// its keys are read into, *Limits or *Session. What it writes reads as the same
// struct again.
//
// It writes only what it can write whole. A table with a key that is not simply one
// field is an error that names the key, and so is a name without a table.
func Marshal(name string, from any) ([]byte, error) { return keys.Marshal(name, from) }
