package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
)

// Asks is what suites ask of green: what a later run of them is held against, to
// see whether they ask less. It is that of the whole files, whatever was chosen.
type Asks struct {
	Suites []SuiteAsks `json:"suites"`
}

// SuiteAsks is what one suite asks. Cases name their requests, comparisons,
// expectations and rules by index into Texts and Rules.
type SuiteAsks struct {
	Name        string     `json:"name"`
	Advisory    bool       `json:"advisory,omitempty"`
	MinCoverage float64    `json:"min_coverage,omitempty"`
	MinCompared float64    `json:"min_compared,omitempty"` // share of a step's values, the default where none is written
	MaxFlaky    float64    `json:"max_flaky,omitempty"`
	Writes      bool       `json:"writes,omitempty"`     // a case has a step with side effects
	Answer      []string   `json:"answer,omitempty"`     // which answers are successes; never empty, see defaultAnswer
	Identity    []string   `json:"identity,omitempty"`   // what shows that the sides are two places
	Conditions  []string   `json:"conditions,omitempty"` // under which steps are sent
	Texts       []string   `json:"texts"`
	Rules       []string   `json:"rules,omitempty"`
	Cases       []CaseAsks `json:"cases"`
	Loads       []LoadAsks `json:"loads,omitempty"`
}

// CaseAsks is what one case asks.
type CaseAsks struct {
	ID    string `json:"id"`
	Rows  int    `json:"rows"`            // 1 where it has no data
	Out   bool   `json:"out,omitempty"`   // skipped or quarantined
	Asks  []int  `json:"asks,omitempty"`  // into Texts
	Rules []int  `json:"rules,omitempty"` // into Rules
	When  []int  `json:"when,omitempty"`  // into Conditions
}

// LoadAsks is what one load stage asks. Rates are in requests per second and side.
type LoadAsks struct {
	Name      string       `json:"name"`
	Cases     []string     `json:"cases"`
	Rate      float64      `json:"rate"`
	Users     int          `json:"users,omitempty"` // of a closed loop, which has no rate
	DurationS float64      `json:"duration_s"`
	Margins   []MarginAsks `json:"margins"`
}

// MarginAsks is the margin of one metric.
type MarginAsks struct {
	Metric string  `json:"metric"`
	Rel    float64 `json:"rel"`             // a ratio
	AbsS   float64 `json:"abs_s,omitempty"` // seconds
}

// Write reports whether any suite has a case with side effects.
func (a *Asks) Write() bool {
	return a != nil && slices.ContainsFunc(a.Suites, func(s SuiteAsks) bool { return s.Writes })
}

// A WeakerKind is a way in which suites ask less than an earlier run of them did.
type WeakerKind string

// The kinds.
const (
	SuiteGone     WeakerKind = "suite-gone"
	SuiteAdvisory WeakerKind = "suite-advisory"   // its verdict no longer decides
	CaseGone      WeakerKind = "case-gone"        // a load stage's case too
	CaseOut       WeakerKind = "case-out"         // skipped or quarantined now
	RowsFewer     WeakerKind = "rows-fewer"       // of a case's data
	AskGone       WeakerKind = "ask-gone"         // a request, a comparison or an expectation
	RuleAdded     WeakerKind = "rule-added"       // to a case that did not have it
	WhenAdded     WeakerKind = "condition-added"  // to a step that was sent without it
	AnswerOther   WeakerKind = "answer-changed"   // which answers are successes
	IdentityGone  WeakerKind = "identity-gone"    // or its value of a side
	CoverageLower WeakerKind = "coverage-lower"   // the minimum that is demanded, or in force by default
	FlakyHigher   WeakerKind = "flaky-higher"     // the share that is accepted
	LoadGone      WeakerKind = "load-gone"        // a stage, or a case in it
	LoadShorter   WeakerKind = "load-shorter"     // its duration
	LoadSlower    WeakerKind = "load-rate-lower"  // its rate
	FewerUsers    WeakerKind = "load-users-fewer" // of a closed loop
	MarginWider   WeakerKind = "margin-wider"
	NotRun        WeakerKind = "not-run" // what the earlier run did, such as load
)

// A Weaker is one way in which a run asks less.
type Weaker struct {
	Kind  WeakerKind `json:"kind"`
	What  string     `json:"what"`            // the case, stage, rule or text
	Count int        `json:"count,omitempty"` // cases that an ask or a rule is of
	Setup bool       `json:"setup,omitempty"` // it is of a setup or teardown too, which are not cases
	// Was and Now are the figures that changed.
	Was float64 `json:"was,omitempty"`
	Now float64 `json:"now,omitempty"`
}

// WeakerThan is what the suites of a run ask less than in an earlier run of them.
type WeakerThan struct {
	Run   string   `json:"run"`
	Found []Weaker `json:"found"`
}

// weakerTexts are the sentences by kind: [1] is What, [2] and [3] are Was and Now, [4] the cases
// and setups, and [5] the beginning of What.
var weakerTexts = map[WeakerKind]string{
	SuiteGone:     "suite %[1]s was removed",
	SuiteAdvisory: "suite %[1]s is only advisory",
	CaseGone:      "case %[1]s was removed",
	CaseOut:       "case %[1]s no longer decides",
	RowsFewer:     "%[1]s has fewer rows, was %[2]g, is %[3]g",
	AskGone:       "removed in %[4]s: %[5]s",
	RuleAdded:     "rule added in %[4]s: %[5]s",
	WhenAdded:     "condition added in %[4]s: %[5]s",
	AnswerOther:   "another test of which answers are successes, without that of suite %[1]s",
	IdentityGone:  "identity removed: %[1]s",
	CoverageLower: "%[1]s demands less coverage, was %[2]g, is %[3]g",
	FlakyHigher:   "%[1]s accepts more flaky cases, was %[2]g, is %[3]g",
	LoadGone:      "load %[1]s was removed",
	LoadShorter:   "load %[1]s is shorter (seconds), was %[2]g, is %[3]g",
	LoadSlower:    "load %[1]s has a lower rate, was %[2]g, is %[3]g",
	FewerUsers:    "load %[1]s has fewer users, was %[2]g, is %[3]g",
	MarginWider:   "load %[1]s has a wider margin, was %[2]g, is %[3]g",
	NotRun:        "%[1]s was not run",
}

// String says in one line what is asked less.
func (w Weaker) String() string {
	format, known := weakerTexts[w.Kind]
	if !known { // of a newer version
		return string(w.Kind) + " " + w.What
	}
	var setup []string
	if w.Setup {
		setup = []string{"setup"}
	}
	return fmt.Sprintf(format, w.What, w.Was, w.Now, text.CountAnd(w.Count, "case", setup...), text.Cut(w.What, 120))
}

// String names the run and the first ways in which this one asks less.
func (w *WeakerThan) String() string {
	const shown = 4
	parts := make([]string, 0, shown)
	for _, found := range w.Found[:min(shown, len(w.Found))] {
		parts = append(parts, found.String())
	}
	text := fmt.Sprintf("weaker than run %s: %s", w.Run, strings.Join(parts, "; "))
	if n := len(w.Found) - shown; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}
