// Package scenarios reads scenario files: strict YAML in, typed, validated and
// positioned suites out, with every mistake of every file reported at once.
// Nothing here sends anything or knows a verdict.
//
// # The way of a file
//
//	bytes        internal/source   bounded, UTF-8, one document, unquoted {{ found by a text scan
//	-> tree      yaml.Node         places of keys and values, nothing decided yet
//	-> mappings  internal/keys     one key table a mapping: known, unique, of the right shape, in bounds
//	-> Suite     this package      defaults merged, parts inlined, sides merged, names and rules checked
//	or Problems  problem           all of them, sorted by place, with the source line and a hint
//
// [Load] walks this way for every file and says by which rules; it goes on after a
// mistake, so that one look at the output is enough to correct all files. A mapping that is
// wrong is left out of what is checked afterwards, so that one mistake is one problem.
//
// One table for each mapping of the language (package internal/keys) has a row for
// each key: its name, what its value may be, its documentation and the field it is
// read into. The reader, the JSON Schema, docs/format.md and what `import` writes all follow the rows.
// Only keys that are more than one field are read by code of this package.
//
// # Where what is
//
//	load.go loader.go                    Load and its rules; which files, and what is shared while reading
//	suite.go case.go step.go             one file a level of the language, types next to their readers
//	request.go auth.go render.go         what is sent: reading it, and expanding it at run time
//	answer.go expect.go expectschema.go  what must hold; how expectations are merged
//	matchers.go                          tests of values, and the conditions of steps made of them
//	rules.go                             rules of the comparison and the files they come from
//	sides.go address.go env.go           both sides, the env file over them, what an address may be
//	names.go check.go warn.go            placeholders, whole suites, and what is true but worth knowing
//	compensate.go data.go loadstage.go   undoing, rows, load
//	select.go                            which cases run
//
// Templates stay unexpanded in the types; [Step.Render] expands them for one side
// in a scope that the runner supplies. All durations are time.Duration, shares are ratios
// (0.2 is 20 %), rates are requests per second and side.
package scenarios

import (
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/rows"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Side is one of the two clusters. Zero is invalid.
// It is Blue + Green - side that names the other one.
type Side uint8

// The sides, always in this order.
const (
	// Blue is the trusted side.
	Blue  Side = iota + 1
	Green      // under judgement
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
// A run has the verdict of its required suites.
type Gate uint8

// The gates. Required is the default; zero is invalid after loading.
const (
	Required Gate = iota + 1
	// Advisory suites are reported and never decide.
	Advisory
)

// DefaultCompared is the least share of a body's values that a step must compare,
// where its suite does not demand less (coverage: {min: …}).
// Below it a step passes on too little: most of the body was ignored by rules.
const DefaultCompared = 0.20

// A Suite is one scenario file as it is run: defaults are merged into its steps,
// parts are inlined, the env file and flags are merged into its sides. It is not
// changed after [Load] has returned it.
// The fields are those of the file after all merging. A reader of the types needs to know
// nothing of defaults, parts or stages.
type Suite struct {
	// Name is the first half of every case id; Doc is a sentence for reports.
	Name, Doc string
	// Pos is the place of the suite's name.
	Pos Pos
	// Service names the row of the services matrix. A step goes to the service of this
	// name where the sides have one and the step names none.
	Service string
	// Owner answers for a failure.
	Owner string
	// Wave orders the suites of a staged change-over: smaller waves run first.
	Wave int
	// Gate says whether the suite's verdict decides; [Required] without a word of the file.
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
	// Loads are the load stages in the order of the file; they run after the cases of all suites.
	Loads []*LoadStage
	// Files are all files the suite was read from, sorted; the archive keeps them.
	Files []string
	// Stage is the env file that was merged in; nil: none.
	Stage *Env
}

// A SideConfig is where a side lives and what is sent only to it, merged from the suite,
// the env file and the flags. Texts are expanded; empty means that nothing is written.
type SideConfig struct {
	// URL is the base that paths of steps are joined to: http or https, without query.
	URL string
	// Services are the named base URLs, in file order; both sides have the same names.
	Services []Service
	// Vars have another value on each side. They stay templates until a lane asks for them.
	Vars    []Var
	Headers []Field
	Auth    *Auth
	// Resolve is the IP or IP:port that every host of the side is pinned to; empty: DNS.
	Resolve string
	// Host is the Host header and the TLS server name; empty: the URL's host.
	Host string
	// Proxy is an http or socks5 URL; empty: none, the environment's proxy is never used.
	Proxy string
	TLS   TLS
	// HTTP is the version to insist on: 1.1, 2 or h2c; empty: as TLS negotiates.
	HTTP string
	// Live is set where the side carries customers' traffic: it takes no load.
	Live bool
	Pos  Pos
	// late are the texts whose placeholders wait for what comes from outside.
	late []lateField
	// urlFailed is set where the url is written and wrong, so that it is not reported as
	// missing too.
	urlFailed bool // the url was written and reported
}

// A Service is a named base URL of a side. Empty fields fall back to the side's, which the
// runner does when it sends: a service that is written once keeps following its side.
type Service struct {
	Name string
	// URL is absolute, or begins with / and is joined to the side's.
	URL string
	// Shared allows the same address on both sides, which is otherwise a problem.
	Shared  bool
	Headers []Field
	Auth    *Auth
	Resolve string
	Host    string
	TLS     *TLS
	HTTP    string
	Pos     Pos
}

// TLS is how a side's certificates are checked, and the client certificate it is sent.
// CA, Cert and Key are paths of PEM files below the root of the loaded files; ServerName is
// the name that the certificate must be for. Insecure checks nothing, and reports show it.
type TLS struct {
	CA, Cert, Key, ServerName string
	Insecure                  bool
}

// A Field is one header, query, cookie or form field; order and repetition are kept.
// Names are kept as the file has them.
type Field struct {
	Name  string
	Value *Template
	// HasValue is false for a query name without "=".
	HasValue bool
	Pos      Pos
}

// An Identity says what a side must be, asked before and after the run over connections of
// its own: the proof that blue is blue and green is green while traffic is compared.
type Identity struct {
	Service string
	// Path is asked from Service with GET.
	Path string
	// At is a path into the answer; empty: the whole body. Header is read instead of it.
	At     string
	Header string
	// Must is "same" or "differ": what the two values are to each other.
	Must string
	Blue *Template
	// Blue and Green are the values that the sides must show; nil: any.
	Green *Template
	// Samples is how many fresh connections ask; a side whose answers disagree is not one thing.
	Samples int
	Pos     Pos
}

// Order says when the two requests of a step leave.
// The order of the two requests must not matter; where it does, the case says so.
type Order uint8

// The orders. Zero means Together.
const (
	// Together sends both at once; the seed decides which is first.
	Together Order = iota
	BlueThenGreen
	GreenThenBlue
)

// SideEffects says what an unsafe request leaves behind.
// The runner decides by them what is sent where writes are not allowed, and what is sent
// again after a failure.
type SideEffects uint8

// The side effects. Zero means the method is safe and nothing was declared.
const (
	Undeclared SideEffects = iota
	// NoEffects is a POST that only reads.
	NoEffects
	// Idempotent requests may be sent twice without harm.
	Idempotent
	// Isolated requests touch no data of others.
	Isolated
	// Compensated requests are taken back by a later step; see linkCompensation.
	Compensated
	// Unreviewed is what import writes: the step is skipped until somebody decides.
	Unreviewed
)

// A Step is one request sent to both sides, with everything that judges its answers. Every
// field is merged: what the step does not write comes from the suite's defaults, so that
// the runner never looks at a suite to know what a step does.
// Steps of setup, teardown and cleanup are of the same type as those of cases.
type Step struct {
	// Name is unique in its case. Without a name of the file it is the method and the path; a
	// step of a part has the names of the uses around it in front.
	Name string
	Pos  Pos
	// Service is the named service of the sides that the URL belongs to; empty: the
	// side's own url.
	Service string
	Request Request
	// Auth is nil where the service's counts, then the side's; of the kind [AuthNone] the step
	// is sent without any.
	Auth        *Auth
	SideEffects SideEffects
	// Compensates are the earlier steps of its case (of setup, for a step of
	// teardown) whose effects this step takes back.
	Compensates []*Step
	// Timeout bounds one request, from connecting to the last byte.
	Timeout time.Duration
	// Expect is what must hold on both sides.
	Expect Expect
	// ExpectBlue and ExpectGreen take its place on one side; nil: Expect counts there too.
	ExpectBlue  *Expect
	ExpectGreen *Expect
	// Compare is false where only expectations judge the answers.
	Compare bool
	// Mode says which differences count; ModeWritten whether the file says so itself.
	Mode        diff.Mode
	ModeWritten bool // the file says so itself
	// Numbers says when numbers of bodies are equal, and MinCompared is the least share of the
	// body's values that is compared; both are of the suite.
	Numbers     diff.NumberReading
	MinCompared float64
	// Rules judge the answers: those of flags, env file, suite, case and step, in this order.
	Rules []diff.Rule
	// Captures are read from the answer in this order, each side's for its own lane.
	Captures []Capture
	// Poll repeats the request until a condition holds, Retry resends it after a failure of the
	// transport; nil: the request is sent once. A step has not both poll and repeat.
	Poll  *Poll
	Retry *Retry
	// When is asked of the previous step's answer, WhenVar is a placeholder that must not be
	// empty, false or 0, and WhenVars are tests of variables. All that are given must hold;
	// without any the step always runs.
	When     *Expect
	WhenVar  *Template // a template that must not be empty, false or 0
	WhenVars []VarExpect
	// Repeat is how often the step is sent; at least 1.
	Repeat int
	// Pause is waited before the request is sent.
	Pause time.Duration
	// Continue goes on with the case when this step fails.
	// Continue is for steps whose failure leaves the next ones meaningful.
	Continue bool
	// Sides are those that the step is sent to; empty: both. A step of one side compares nothing.
	Sides []Side
	// With are the arguments of the parts it was inlined from, outermost first.
	With [][]Var
	// Trace adds the headers traceparent and X-Bgverify-Run.
	Trace bool
	// named is set where compensates: is written.
	named bool
	// prefix is what the parts around put before its name.
	prefix string
}

// A Poll repeats a step on each side until the side's own condition holds. Every is the
// pause between two requests, at most UpTo, after which the step fails.
type Poll struct {
	Until Expect
	Every time.Duration
	UpTo  time.Duration
}

// A Retry resends after a transport failure or a status of a gateway, at most Max times with
// Wait between two. Statuses are 4xx and 5xx; Failures are classes of the transport: dns,
// refused, connect, tls, reset, timeout, truncated. A case that passes on a retry is flaky.
type Retry struct {
	Statuses []int
	Failures []string // wire failure classes: connect, timeout, reset, …
	Max      int
	Wait     time.Duration
}

// A Session walks setup again when it is older than TTL or an answer has one of the
// statuses of RefreshOn. A TTL of 0 never makes it old.
// A token that ends during a long run would otherwise fail every case after it.
type Session struct {
	TTL       time.Duration
	RefreshOn []int
}

// Schema is the JSON Schema of scenario files (draft 7, which editors know
// best), made from the key tables. It is one schema for every kind of file; the
// first key that tells them apart decides.
// The file in the repository is this text; a test compares both.
func Schema() []byte { return keys.Schema() }
