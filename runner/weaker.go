package runner

import (
	"fmt"
	"slices"
	"strings"
)

// A WeakerKind is a way in which suites ask less than an earlier run of them did.
type WeakerKind string

// The kinds.
const (
	SuiteGone     WeakerKind = "suite-gone"
	SuiteAdvisory WeakerKind = "suite-advisory"  // its verdict no longer decides
	CaseGone      WeakerKind = "case-gone"       // a load stage's case too
	CaseOut       WeakerKind = "case-out"        // skipped or quarantined now
	RowsFewer     WeakerKind = "rows-fewer"      // of a case's data
	AskGone       WeakerKind = "ask-gone"        // a request, a comparison or an expectation
	RuleAdded     WeakerKind = "rule-added"      // to a case that did not have it
	WhenAdded     WeakerKind = "condition-added" // to a step that was sent without it
	AnswerOther   WeakerKind = "answer-changed"  // which answers are successes
	IdentityGone  WeakerKind = "identity-gone"   // or its value of a side
	CoverageLower WeakerKind = "coverage-lower"  // the minimum that is demanded, or in force by default
	FlakyHigher   WeakerKind = "flaky-higher"    // the share that is accepted
	LoadGone      WeakerKind = "load-gone"       // a stage, or a case in it
	LoadShorter   WeakerKind = "load-shorter"    // its duration
	LoadSlower    WeakerKind = "load-rate-lower" // its rate
	MarginWider   WeakerKind = "margin-wider"
	NotRun        WeakerKind = "not-run" // what the earlier run did, such as load
)

// A Weaker is one way in which a run asks less.
type Weaker struct {
	Kind  WeakerKind `json:"kind"`
	What  string     `json:"what"`            // the case, stage, rule or text
	Count int        `json:"count,omitempty"` // cases that an ask or a rule is of
	// Was and Now are the figures that changed.
	Was float64 `json:"was,omitempty"`
	Now float64 `json:"now,omitempty"`
}

// WeakerThan is what the suites of a run ask less than in an earlier run of them.
type WeakerThan struct {
	Run   string   `json:"run"`
	Found []Weaker `json:"found"`
}

// NewWeakerThan holds what a run asks against an earlier run; nil when either does
// not say what it asks, or it asks no less.
func NewWeakerThan(run string, was, now *Asks) *WeakerThan {
	if was == nil || now == nil {
		return nil
	}
	if found := FindWeaker(was, now); len(found) > 0 {
		return &WeakerThan{run, found}
	}
	return nil
}

// FindWeaker lists in what way suites ask less than they did:
//
//  1. A suite, case, load stage, request, comparison or expectation that was there
//     is not, nor an identity or a test of which answers are successes. One that was
//     changed counts as gone. What holds by default counts as written.
//  2. A case has a rule or a when that it did not have, fewer rows, or no longer decides.
//  3. A margin or an accepted share is larger, a demanded one smaller, a load stage
//     shorter or slower.
//
// Asking the same, or more, finds nothing; the order of files and cases is of no matter.
func FindWeaker(was, now *Asks) []Weaker {
	f := &weakening{}
	for i := range was.Suites {
		old := &was.Suites[i]
		j := slices.IndexFunc(now.Suites, func(s SuiteAsks) bool { return s.Name == old.Name })
		if j < 0 {
			f.add(Weaker{Kind: SuiteGone, What: old.Name, Count: len(old.Cases)})
			continue
		}
		f.suite(old, &now.Suites[j])
	}
	return f.found
}

// weakening collects what is weaker; asks and rules once for all cases.
type weakening struct{ found []Weaker }

func (f *weakening) add(w Weaker) {
	i := slices.IndexFunc(f.found, func(o Weaker) bool {
		return o.Kind == w.Kind && o.What == w.What && slices.Contains([]WeakerKind{AskGone, RuleAdded, WhenAdded}, w.Kind)
	})
	if i < 0 {
		f.found = append(f.found, w)
		return
	}
	f.found[i].Count += w.Count
}

func (f *weakening) suite(was, now *SuiteAsks) {
	if now.Advisory && !was.Advisory {
		f.add(Weaker{Kind: SuiteAdvisory, What: now.Name})
	}
	switch {
	case now.MinCoverage < was.MinCoverage:
		f.add(Weaker{Kind: CoverageLower, What: now.Name, Was: was.MinCoverage, Now: now.MinCoverage})
	case now.MinCompared < was.MinCompared:
		f.add(Weaker{Kind: CoverageLower, What: now.Name, Was: was.MinCompared, Now: now.MinCompared})
	}
	for _, text := range missing(was.Answer, now.Answer) {
		f.add(Weaker{Kind: AnswerOther, What: now.Name + " " + text})
	}
	for _, text := range missing(was.Identity, now.Identity) {
		f.add(Weaker{Kind: IdentityGone, What: text})
	}
	if now.MaxFlaky > was.MaxFlaky {
		f.add(Weaker{Kind: FlakyHigher, What: now.Name, Was: was.MaxFlaky, Now: now.MaxFlaky})
	}
	cases := map[string]*CaseAsks{}
	for i := range now.Cases {
		cases[now.Cases[i].ID] = &now.Cases[i]
	}
	for i := range was.Cases {
		old := &was.Cases[i]
		c := cases[old.ID]
		if c == nil {
			f.add(Weaker{Kind: CaseGone, What: old.ID})
			continue
		}
		if c.Out && !old.Out {
			f.add(Weaker{Kind: CaseOut, What: c.ID})
		}
		if c.Rows < old.Rows {
			f.add(Weaker{Kind: RowsFewer, What: c.ID, Was: float64(old.Rows), Now: float64(c.Rows)})
		}
		for _, text := range missing(pickTexts(was.Texts, old.Asks), pickTexts(now.Texts, c.Asks)) {
			f.add(Weaker{Kind: AskGone, What: text, Count: 1})
		}
		for _, rule := range missing(pickTexts(now.Rules, c.Rules), pickTexts(was.Rules, old.Rules)) {
			f.add(Weaker{Kind: RuleAdded, What: rule, Count: 1})
		}
		if len(was.Answer) == 0 {
			continue // recorded by a version that did not record conditions
		}
		for _, text := range missing(pickTexts(now.Conditions, c.When), pickTexts(was.Conditions, old.When)) {
			f.add(Weaker{Kind: WhenAdded, What: text, Count: 1})
		}
	}
	for i := range was.Loads {
		f.load(&was.Loads[i], now.Loads)
	}
}

func (f *weakening) load(was *LoadAsks, stages []LoadAsks) {
	i := slices.IndexFunc(stages, func(l LoadAsks) bool { return l.Name == was.Name })
	if i < 0 {
		f.add(Weaker{Kind: LoadGone, What: was.Name})
		return
	}
	now := &stages[i]
	for _, id := range missing(was.Cases, now.Cases) {
		f.add(Weaker{Kind: LoadGone, What: was.Name + " of " + id})
	}
	if now.DurationS < was.DurationS {
		f.add(Weaker{Kind: LoadShorter, What: now.Name, Was: was.DurationS, Now: now.DurationS})
	}
	if now.Rate < was.Rate {
		f.add(Weaker{Kind: LoadSlower, What: now.Name, Was: was.Rate, Now: now.Rate})
	}
	for _, m := range now.Margins {
		j := slices.IndexFunc(was.Margins, func(o MarginAsks) bool { return o.Metric == m.Metric })
		if j < 0 {
			continue
		}
		switch old := was.Margins[j]; {
		case m.Rel > old.Rel:
			f.add(Weaker{Kind: MarginWider, What: now.Name + " " + m.Metric, Was: old.Rel, Now: m.Rel})
		case m.AbsS > old.AbsS:
			f.add(Weaker{Kind: MarginWider, What: now.Name + " " + m.Metric + " in seconds", Was: old.AbsS, Now: m.AbsS})
		}
	}
}

// missing are the texts of a list that another does not have.
func missing(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(text string) bool { return slices.Contains(other, text) })
}

// pickTexts are the texts at some indexes; those of a table that was cut are left out.
func pickTexts(table []string, at []int) []string {
	out := make([]string, 0, len(at))
	for _, i := range at {
		if i >= 0 && i < len(table) {
			out = append(out, table[i])
		}
	}
	return out
}

// String says in one line what is asked less.
func (w Weaker) String() string {
	in := func(text string) string {
		return fmt.Sprintf("%s in %s: %s", text, plural(w.Count, "case"), cut(w.What, 120))
	}
	figures := func(text string) string { return fmt.Sprintf("%s %s, was %g, is %g", w.What, text, w.Was, w.Now) }
	switch w.Kind {
	case SuiteGone:
		return fmt.Sprintf("suite %s was removed", w.What)
	case SuiteAdvisory:
		return fmt.Sprintf("suite %s is only advisory", w.What)
	case CaseGone:
		return fmt.Sprintf("case %s was removed", w.What)
	case CaseOut:
		return fmt.Sprintf("case %s no longer decides", w.What)
	case RowsFewer:
		return figures("has fewer rows")
	case AskGone:
		return in("removed")
	case RuleAdded:
		return in("rule added")
	case WhenAdded:
		return in("condition added")
	case AnswerOther:
		return "another test of which answers are successes, without that of suite " + w.What
	case IdentityGone:
		return "identity removed: " + w.What
	case CoverageLower:
		return figures("demands less coverage")
	case FlakyHigher:
		return figures("accepts more flaky cases")
	case LoadGone:
		return fmt.Sprintf("load %s was removed", w.What)
	case LoadShorter:
		return "load " + figures("is shorter (seconds)")
	case LoadSlower:
		return "load " + figures("has a lower rate")
	case MarginWider:
		return "load " + figures("has a wider margin")
	case NotRun:
		return fmt.Sprintf("%s was not run", w.What)
	}
	return string(w.Kind) + " " + w.What
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
