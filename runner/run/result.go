package run

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

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

// A SideResult is one side of a step's pair, as reports show it. Of a step that was
// resent or polled it is the last exchange.
type SideResult struct {
	// Status is the HTTP status; 0 where no answer came. ElapsedMS is the time from the
	// first byte sent to the last byte read, in milliseconds. Bytes is the size of the
	// decoded body. Attempts counts what was sent, resends included.
	//
	// Protocol is as in HTTP/1.1, and Remote the address that answered. Err says why no
	// usable answer came, and Connection what was seen of the connection; nil: nothing.
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

// An Expectation is one that was checked, on one side. Side is blue or green, What is the
// test in words, and Got is what was there instead, cut to MaxGot bytes.
type Expectation struct {
	Side string `json:"side"`
	What string `json:"what"` // status 200; $.channels count gte 100
	OK   bool   `json:"ok"`
	Got  string `json:"got"`
	At   string `json:"at,omitempty"` // file:line:col
	// Root says that other expectations of the answer depend on this one: those of
	// its status, and that it is an API's.
	Root bool `json:"-"`
	// Failure says why it could not be tested; 0: it was.
	Failure Failure `json:"-"`
}

// A Failure is why an expectation could not be held against an answer. It counts as
// not met.
type Failure uint8

// The failures.
const (
	ValueHidden Failure = iota + 1 // the archive did not keep the value that would decide
	Unreadable                     // the body has no tree that a path leads into
)

// A StepResult is a judged pair: one request to each side and what the two answers came
// to. Differences and Ignored are the first ones of DifferencesTotal and IgnoredTotal; a
// difference that a rule removed is in Ignored. Reasons are there for every verdict but
// pass; Notes weigh nothing.
type StepResult struct {
	Name             string            `json:"name"`
	At               string            `json:"at"`              // file:line:col
	Lane             string            `json:"lane,omitempty"`  // of a crossover; empty for blue and green together
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
	// Barred says what kept the step from being sent; empty: nothing did.
	Barred Bar `json:"-"`
	// ByWhen says that the step was switched off by its when; nil: it was not.
	ByWhen *SwitchedOff `json:"by_when,omitempty"`
	// OnlyDiffers says that the comparison alone failed the step.
	OnlyDiffers bool `json:"-"`
	// Exchange is the key of the pair in exchanges.ndjson; empty when nothing was sent.
	Exchange string `json:"exchange,omitempty"`
	// DifferReason is the place in Reasons, counted from 1, of the one that sums the
	// differences up; 0: none does.
	DifferReason int `json:"differ_reason,omitempty"`
	// Planted are the faults that a proxy put in the step's answers (selftest).
	Planted []PlantedFault `json:"-"`
	// Pair is what differed, to try proposed rules on; nil when read back from a log.
	Pair *cause.Sample `json:"-"`
}

// A CaseResult is a case walked to its end: the event that reports are made of. Its
// verdict is the worst of its steps, unless the case was not allowed to run; ElapsedMS is
// the time of the walk, pauses included.
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
	// Session is the number of the setup whose captures and cookies the case had, as in
	// SUITE/(setup)~2; 0: those of the first. Of a case whose session was renewed in its
	// middle it is the last.
	Session int `json:"session,omitempty"`
	// Barred says what kept a step of the case, or of its setup, from being sent.
	Barred Bar `json:"barred,omitempty"`
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
	return fmt.Sprintf("%d of %s not sent: %s", n.Steps, text.Count(n.Of, "step"), n.Because)
}

// PerSide is a count for each side.
type PerSide struct {
	Blue  int `json:"blue"`
	Green int `json:"green"`
}

// RuleVisits is what a rule did; summed over cases in run.json. Visits counts the places
// that it matched, and Hits those of them where it removed a difference. A rule without
// hits in a whole run is reported, for it may hide a regression later.
type RuleVisits struct {
	At     string `json:"at"` // file:line:col
	Visits int    `json:"visits"`
	Hits   int    `json:"hits"`
	// What the rule says, filled in End.Rules alone.
	Rule  string `json:"rule,omitempty"`  // ignore $..serverTime
	Why   string `json:"why,omitempty"`   // as the file says
	Until string `json:"until,omitempty"` // 2006-01-02
}

// Second is what `second_opinion` holds. It is deprecated: runs since 2026-11 have zeros
// there, for pairs are no longer judged again by other code (docs/adr/0011).
type Second struct {
	Checked int `json:"checked"`
	Agreed  int `json:"agreed"`
	Skipped int `json:"skipped,omitempty"` // outside the common domain
}

// Count adds one to a side.
func (p *PerSide) Count(side scenarios.Side) { p.CountOne(side == scenarios.Green) }

// CountOne is Count for packages that know a side only as green or not.
func (p *PerSide) CountOne(green bool) {
	if green {
		p.Green++
	} else {
		p.Blue++
	}
}

// Add adds the counts of both sides.
func (p *PerSide) Add(other PerSide) {
	p.Blue += other.Blue
	p.Green += other.Green
}

// Milliseconds is a duration as results keep it: a microsecond is the smallest step.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// MaxGot bounds what an expectation shows of a value.
const MaxGot = 256

// CouldNot begins the reason of what the archive does not keep enough for.
const CouldNot = "could not be compared: "

// NotKept is shown in the place of a value that would decide an expectation.
const NotKept = CouldNot + "the archive hid the value"

// Withheld reports whether the expectation could not be held against the answer.
func (e *Expectation) Withheld() bool { return e.Failure == ValueHidden }

// A PlantedFault is what was done to an answer of a step, and whether a comparison
// of the true answer with the broken one notices it.
type PlantedFault struct {
	What string
	// Invisible: without any rule the two answers are equal too.
	Invisible bool
	// Rules are the origins of the rules that hide the difference; empty where
	// rules do not hide all of it.
	Rules []string
}
