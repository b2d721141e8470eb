package run

import (
	"slices"
	"strings"
)

// NewWeakerThan holds what a run asks against an earlier run; nil when either does
// not say what it asks, or it asks no less.
func NewWeakerThan(walked string, was, now *Asks) *WeakerThan {
	if was == nil || now == nil {
		return nil
	}
	if found := FindWeaker(was, now); len(found) > 0 {
		return &WeakerThan{Run: walked, Found: found}
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
	f.found[i].Setup = f.found[i].Setup || w.Setup
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
			f.add(inCase(AskGone, text, c.ID))
		}
		for _, rule := range missing(pickTexts(now.Rules, c.Rules), pickTexts(was.Rules, old.Rules)) {
			f.add(inCase(RuleAdded, rule, c.ID))
		}
		if len(was.Answer) == 0 {
			continue // recorded by a version that did not record conditions
		}
		for _, text := range missing(pickTexts(now.Conditions, c.When), pickTexts(was.Conditions, old.When)) {
			f.add(inCase(WhenAdded, text, c.ID))
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
	if now.Users < was.Users && now.Rate == 0 {
		f.add(Weaker{Kind: FewerUsers, What: now.Name, Was: float64(was.Users), Now: float64(now.Users)})
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

// SetupID ends the id under which the asks of a suite's setup and teardown are recorded, after
// the name of the suite.
const SetupID = "/(setup and teardown)"

// inCase is what a case, or setup and teardown, asks less.
func inCase(kind WeakerKind, what, id string) Weaker {
	if strings.HasSuffix(id, SetupID) {
		return Weaker{Kind: kind, What: what, Setup: true}
	}
	return Weaker{Kind: kind, What: what, Count: 1}
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
