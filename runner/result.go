package runner

import (
	"fmt"
	"iter"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Header is what is known of a run before the first request: the first event.
type Header struct {
	Schema  int         `json:"schema"`
	ID      string      `json:"id"`
	Tool    Tool        `json:"tool"`
	Started time.Time   `json:"started"`
	Seed    uint64      `json:"seed"`
	Parent  string      `json:"parent,omitempty"` // the run it was re-judged from
	Sides   Sides       `json:"sides"`
	Suites  []SuiteHead `json:"suites"`
	Planned Planned     `json:"planned"`
	Audit   Audit       `json:"audit"`
	Flags   []string    `json:"flags"` // as given, secrets redacted
	Env     Environment `json:"environment"`
	// Verb made the run: demo, rediff; empty for run.
	Verb string `json:"verb,omitempty"`
	// Added are the header names that requests carry beyond what suites say.
	Added []string `json:"added_headers,omitempty"`
	// Narrowed are the flags, variables and marks that made the run smaller than
	// its suites.
	Narrowed []Narrowing `json:"narrowed,omitempty"`
	// Paths are the files and folders that the suites were named by.
	Paths []string `json:"paths,omitempty"`
	// Asks is what the suites ask; absent where an only has removed cases.
	Asks *Asks `json:"asks,omitempty"`
	// Weaker is what the suites ask less than in the last complete run of them.
	Weaker *WeakerThan `json:"weaker,omitempty"`
}

// Tool names the program that made a run.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Environment is the machine a run was made on.
type Environment struct {
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPUs     int    `json:"cpus"`
	Hostname string `json:"hostname"`
}

// Sides says what was compared with what.
type Sides struct {
	Blue  SideHead `json:"blue"`
	Green SideHead `json:"green"`
}

// A SideHead is one side as the run found it.
type SideHead struct {
	URL      string            `json:"url"`
	Services map[string]string `json:"services,omitempty"`
	Identity map[string]string `json:"identity,omitempty"` // what it said it is
	Protocol string            `json:"protocol,omitempty"`
	Insecure bool              `json:"insecure,omitempty"`
}

// A SuiteHead is a suite as planned.
type SuiteHead struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Service string `json:"service,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Wave    int    `json:"wave,omitempty"`
	Gate    string `json:"gate"`
	// Number says when numbers are equal: decimal or type. Empty in runs of versions
	// that knew decimal alone.
	Number string `json:"number,omitempty"`
	Cases  int    `json:"cases"`
	Loads  int    `json:"loads"`
}

// Planned counts what a run set out to do.
type Planned struct {
	Cases int `json:"cases"`
	Loads int `json:"loads"`
	// OfCases and OfLoads are what the suites hold, whatever was chosen of it;
	// absent in runs of versions that did not count them.
	OfCases int `json:"of_cases,omitempty"`
	OfLoads int `json:"of_loads,omitempty"`
}

// Partial reports whether cases were left out by a choice (--case, --tag, --shard,
// --rerun-failed, --only-load, only).
func (p Planned) Partial() bool { return p.Cases < p.OfCases }

// Audit says who ran what, for whom, and what was left out.
type Audit struct {
	ScenariosCommit string   `json:"scenarios_commit,omitempty"`
	Dirty           bool     `json:"dirty,omitempty"`
	Actor           string   `json:"actor,omitempty"`
	CI              string   `json:"ci,omitempty"`
	Ticket          string   `json:"ticket,omitempty"`
	VerifiedWithout []string `json:"verified_without,omitempty"`
}

// Coverage is the negative control's count: what the comparison would have found.
type Coverage struct {
	Mutants  int `json:"mutants"`  // copies of blue's body with one value changed
	Killed   int `json:"killed"`   // of those, found
	Leaves   int `json:"leaves"`   // scalar leaves seen in blue's bodies
	Compared int `json:"compared"` // by value
	Ignored  int `json:"ignored"`  // presence and type only, or dropped
	// Mutants of the status, of types and of presence are counted apart.
	Others       int `json:"others,omitempty"`
	OthersKilled int `json:"others_killed,omitempty"`
}

// Add sums two coverages.
func (c Coverage) Add(d Coverage) Coverage {
	return Coverage{
		c.Mutants + d.Mutants, c.Killed + d.Killed, c.Leaves + d.Leaves, c.Compared + d.Compared, c.Ignored + d.Ignored,
		c.Others + d.Others, c.OthersKilled + d.OthersKilled,
	}
}

// A SideResult is one side of a step's pair, as reports show it.
type SideResult struct {
	Status     int             `json:"status,omitempty"`
	ElapsedMS  float64         `json:"elapsed_ms"`
	Bytes      int64           `json:"bytes"`
	TraceID    string          `json:"trace_id,omitempty"`
	Method     string          `json:"method"`
	URL        string          `json:"url"`
	Attempts   int             `json:"attempts"`
	Protocol   string          `json:"protocol,omitempty"`
	Remote     string          `json:"remote,omitempty"`
	Err        *wire.Err       `json:"error,omitempty"`
	Connection *SideConnection `json:"connection,omitempty"`
}

// An Expectation is one that was checked, on one side.
type Expectation struct {
	Side string `json:"side"`
	What string `json:"what"` // status 200; $.channels count gte 100
	OK   bool   `json:"ok"`
	Got  string `json:"got"`
	At   string `json:"at,omitempty"` // file:line:col
}

// A StepResult is a judged pair.
type StepResult struct {
	Name             string            `json:"name"`
	At               string            `json:"at"`              // file:line:col
	Lane             string            `json:"lane,omitempty"`  // of a crossover; empty for blue beside green
	First            string            `json:"first,omitempty"` // the side whose request left first
	Verdict          Verdict           `json:"verdict"`
	Reasons          []string          `json:"reasons,omitempty"`
	Compared         bool              `json:"compared"` // the answers of two services were held against each other
	Blue             *SideResult       `json:"blue,omitempty"`
	Green            *SideResult       `json:"green,omitempty"`
	Expectations     []Expectation     `json:"expectations,omitempty"`
	Differences      []diff.Difference `json:"differences,omitempty"`
	DifferencesTotal int               `json:"differences_total"`
	Ignored          []diff.Difference `json:"ignored,omitempty"`
	IgnoredTotal     int               `json:"ignored_total,omitempty"`
	Coverage         Coverage          `json:"coverage"`
	// Vacuous: too few of the body's values are compared for a pass.
	Vacuous bool        `json:"vacuous,omitempty"`
	Notes   []string    `json:"notes,omitempty"`
	Forms   []diff.Form `json:"forms,omitempty"` // the harmless forms in which equal bodies are not the same bytes
	Flaky   bool        `json:"flaky,omitempty"`
	// NotSent says that the step was skipped because its case ended before it.
	NotSent bool `json:"not_sent,omitempty"`
	// ByWhen says that the step was switched off by its when; nil: it was not.
	ByWhen *SwitchedOff `json:"by_when,omitempty"`
	// onlyDiffers says that the comparison alone failed the step.
	onlyDiffers bool
	// Exchange is the key of the pair in exchanges.ndjson; empty when nothing was sent.
	Exchange string `json:"exchange,omitempty"`
	// DifferReason is the place in Reasons, counted from 1, of the one that sums the
	// differences up; 0: none does.
	DifferReason int `json:"differ_reason,omitempty"`
	// Planted are the faults that a proxy put in the step's answers (selftest).
	Planted []PlantedFault `json:"-"`
	// pair is what differed, to try proposed rules on; nil when read back from a log.
	pair *cause.Sample
}

// A CaseResult is a case walked to its end: the event that reports are made of.
type CaseResult struct {
	Suite   int      `json:"suite"`          // index into Header.Suites
	Kind    string   `json:"kind,omitempty"` // setup or teardown: shown, judged, and not counted as a case
	Index   int      `json:"index"`          // place in the plan, rows counted; orders every report
	ID      string   `json:"id"`             // suite/case or suite/case[row]
	Name    string   `json:"name"`
	Tags    []string `json:"tags,omitempty"`
	At      string   `json:"at"`
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	Flaky   bool     `json:"flaky,omitempty"`
	// Quarantine says until when and why the case does not decide.
	Quarantine string       `json:"quarantine,omitempty"`
	ElapsedMS  float64      `json:"elapsed_ms"`
	Coverage   Coverage     `json:"coverage"`
	Requests   PerSide      `json:"requests"`           // sent, lanes and polls included
	NotSent    *NotSent     `json:"not_sent,omitempty"` // nil: every step was sent
	Created    *Created     `json:"created,omitempty"`  // nil: nothing that must be taken back
	Rules      []RuleVisits `json:"rules,omitempty"`    // what each rule did in this case
	Second     Second       `json:"second_opinion"`
	Steps      []StepResult `json:"steps"`
}

// NotSent says that a case ended before all its steps were sent.
type NotSent struct {
	Steps   int    `json:"steps"`
	Of      int    `json:"of"` // steps of the case, cleanup included
	Because string `json:"because"`
}

// String is the short form for a line about the case.
func (n *NotSent) String() string {
	return fmt.Sprintf("%d of %s not sent: %s", n.Steps, plural(n.Of, "step"), n.Because)
}

// PerSide is a count for each side.
type PerSide struct {
	Blue  int `json:"blue"`
	Green int `json:"green"`
}

// RuleVisits is what a rule did; summed over cases in run.json.
type RuleVisits struct {
	At     string `json:"at"` // file:line:col
	Visits int    `json:"visits"`
	Hits   int    `json:"hits"`
	// What the rule says, filled in End.Rules alone.
	Rule  string `json:"rule,omitempty"`  // ignore $..serverTime
	Why   string `json:"why,omitempty"`   // as the file says
	Until string `json:"until,omitempty"` // 2006-01-02
}

// Second counts the second opinions.
type Second struct {
	Checked int `json:"checked"`
	Agreed  int `json:"agreed"`
	Skipped int `json:"skipped,omitempty"` // outside the common domain
}

// A LoadResult is a judged load stage.
type LoadResult struct {
	Suite       int               `json:"suite"`
	Name        string            `json:"name"`
	At          string            `json:"at"`
	Verdict     Verdict           `json:"verdict"`
	Reason      string            `json:"reason"`
	Cause       perf.Cause        `json:"cause,omitempty"` // when inconclusive
	Rate        float64           `json:"rate"`            // requests per second and side
	Blue        string            `json:"blue,omitempty"`  // its addresses under load, separated by spaces
	Seconds     float64           `json:"seconds"`
	Blocks      int               `json:"blocks"`
	Dropped     int               `json:"dropped"`
	Comparisons []perf.Comparison `json:"comparisons"`
	Alone       [2]float64        `json:"alone_p50_s,omitzero"` // blue, green; p50 in solo blocks, in seconds
	Errors      PerSide           `json:"errors"`
	Requests    PerSide           `json:"requests"`
	Generator   Generator         `json:"generator"`
	Routes      []string          `json:"routes,omitempty"`
	Warnings    []string          `json:"warnings,omitempty"`
	Records     string            `json:"records,omitempty"` // file under the run folder
	Series      *Series           `json:"series,omitempty"`  // for the plots
	Judging     *LoadJudging      `json:"judging,omitempty"`
	WarmUp      *LoadWarmUp       `json:"warm_up,omitempty"`
	// Findings are what the records alone do not say; their verdicts are part of Verdict.
	Findings []LoadFinding `json:"findings,omitempty"`
	// Services are those that the stage puts under load: of the suites that its cases
	// belong to, and those that their steps name. Absent in runs of versions that did not record it.
	Services []string `json:"services,omitempty"`
}

// Generator is the load generator's check of itself.
type Generator struct {
	LatenessP99MS float64 `json:"lateness_p99_ms"`
	Achieved      float64 `json:"achieved"` // sent / planned
	CPU           float64 `json:"cpu"`      // share of GOMAXPROCS
	GCPauseP99MS  float64 `json:"gc_pause_p99_ms"`
	Connections   PerSide `json:"connections"`
	Identities    PerSide `json:"identities"` // distinct back ends reached
	// ConnectMS and TLSMS are the mean times to open a connection, blue and green;
	// absent when none was opened, or without TLS.
	ConnectMS [2]float64 `json:"connect_ms,omitzero"`
	TLSMS     [2]float64 `json:"tls_ms,omitzero"`
	// FirstMS is the mean time from before a connection was opened to the first byte
	// of its first answer, blue and green.
	FirstMS [2]float64 `json:"first_answer_ms,omitzero"`
	Reused  PerSide    `json:"reused,omitzero"`      // requests on a connection that had carried another
	Died    PerSide    `json:"died,omitzero"`        // of those, whose connection died before the answer
	Resent  PerSide    `json:"resent,omitzero"`      // requests sent again on a new connection
	Slow    int        `json:"slow_green,omitempty"` // connections of green that took far longer than blue's
}

// Series is what the plots of a load stage are drawn from, bounded in size.
type Series struct {
	BucketS     float64     `json:"bucket_s"`
	Buckets     []Bucket    `json:"buckets"` // at most 300
	Percentiles []PercPoint `json:"percentiles"`
}

// A Bucket is a slice of time of a load stage.
type Bucket struct {
	Start                                float64 `json:"start"` // seconds since the schedule's start
	BlueP50, BlueP99, GreenP50, GreenP99 float64 // seconds; 0 without requests
	BlueErrors, GreenErrors              int
	Offered, Achieved                    float64 // requests per second, both sides
}

// A PercPoint is one point of both sides' percentile curves.
type PercPoint struct {
	Q           float64 `json:"q"`
	Blue, Green float64 // seconds
}

// Counts are a run's or suite's totals.
type Counts struct {
	Cases        int     `json:"cases"`
	Pass         int     `json:"pass"`
	Fail         int     `json:"fail"`
	Broken       int     `json:"broken"`
	Inconclusive int     `json:"inconclusive"`
	Skip         int     `json:"skip"`
	Flaky        int     `json:"flaky"`
	Requests     PerSide `json:"requests"`
}

// A SuiteEnd is a suite's totals.
type SuiteEnd struct {
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons,omitempty"`
	Counts   Counts   `json:"counts"`
	Coverage Coverage `json:"coverage"`
}

// End is a run's totals: the last event. A run without one is incomplete.
type End struct {
	ElapsedMS float64            `json:"elapsed_ms"`
	Verdict   Verdict            `json:"verdict"`
	Reasons   []string           `json:"reasons"` // gravest first
	Signal    int                `json:"signal,omitempty"`
	Sides     Sides              `json:"sides"`  // with what the probes found
	Suites    []SuiteEnd         `json:"suites"` // parallel to Header.Suites
	Counts    Counts             `json:"counts"`
	Coverage  Coverage           `json:"coverage"`
	Second    Second             `json:"second_opinion"`
	Causes    []cause.Cause      `json:"causes"`
	Rules     []RuleVisits       `json:"rules"`
	Gates     []GateResult       `json:"gates"`
	Transport []TransportFinding `json:"transport,omitempty"`
	Warnings  []string           `json:"warnings,omitempty"`
	Created   *Created           `json:"created,omitempty"` // nil: nothing that must be taken back
	Audit     Audit              `json:"audit"`
	// LeftOut is what the run did not show; also empty in runs of versions that did not record it.
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// A GateResult is one question that the run had to answer for a pass.
type GateResult struct {
	Name     string  `json:"name"`     // responses equal; load evening peak p95
	Measured string  `json:"measured"` // 97.35 % (265 of 10000 differ, 3 causes)
	Limit    string  `json:"limit"`
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason,omitempty"`
	Load     string  `json:"load,omitempty"` // the stage it is about
}

// A Pair is the exchanges of a step: one that went to blue and one that went to
// green; nil where a side was not asked. In a crossover one of the two is the
// crossing lane's, and the other is that of the straight lane on the other side.
type Pair struct {
	Key         string // see PairKey: unique in the run
	Blue, Green *wire.Exchange
	// Hidden are the texts that stand for what an archive did not keep; none in a
	// pair that was just sent.
	Hidden []Hidden
}

// PairKey names the pair of a case's step. lane is empty for blue beside green,
// and a round beyond the first (repeat) is part of the step.
func PairKey(caseID, step, lane string) string {
	if lane == "" {
		return caseID + "/" + step
	}
	return caseID + "/" + step + "/" + lane
}

// An Event is one entry of the run's log. Exactly one field is set.
type Event struct {
	Begin  *Header
	Intent *Intent // before an unsafe request leaves
	Pair   *Pair
	Case   *CaseResult
	Load   *LoadResult
	End    *End
	Sides  *Sides // what the sides said they are, before the first case
}

// An Intent says that a case is about to start, or an unsafe request about to leave.
type Intent struct {
	Case string `json:"case"`
	Step string `json:"step,omitempty"`
	Side string `json:"side,omitempty"`
	// Began is when the case began: what it generates from the time depends on it.
	Began time.Time `json:"began,omitzero"`
}

// A Sink takes the events of a run in the order they happen. The event log is
// the truth: what a Sink has accepted is on disk, redacted, and every report is
// made from it. Emit is safe for concurrent use; an error ends the run as broken.
type Sink interface {
	// Secret makes a value unreadable in everything written from now on.
	Secret(name, value string)
	Emit(Event) error
	// LoadFile opens the file that keeps a load stage's records.
	LoadFile(stage string) (RecordWriter, error)
}

// A RecordWriter keeps the records of a load stage.
type RecordWriter interface {
	Write(p []byte) (int, error)
	Name() string // under the run folder
	Close() error
}

// A Run is an execution read back: its header, its totals, and its cases in
// plan order, read from the log each time they are ranged over.
type Run struct {
	Header Header
	End    End
	Loads  []LoadResult
	Cases  iter.Seq2[*CaseResult, error]
	// Before is what the sides said they are before the first case; nil: nobody asked.
	Before *Sides
	// Pair reads the exchanges of a step back; nil when they were not kept.
	Pair func(key string) (*Pair, error)
}

// LaneKind says how a lane walks.
type LaneKind uint8

// The lanes. Zero is invalid.
const (
	LaneBlue       LaneKind = iota + 1 // every step on blue
	LaneGreen                          // every step on green
	LaneCrossBlue                      // B-G-B-G
	LaneCrossGreen                     // G-B-G-B
)

// SideOf says which side the step at index i of this lane goes to.
func (k LaneKind) SideOf(i int) scenarios.Side {
	switch {
	case k == LaneBlue, k == LaneCrossBlue && i%2 == 0, k == LaneCrossGreen && i%2 == 1:
		return scenarios.Blue
	default:
		return scenarios.Green
	}
}
