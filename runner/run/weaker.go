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
	if !f.less(CoverageLower, now.Name, was.MinCoverage, now.MinCoverage) {
		f.less(CoverageLower, now.Name, was.MinCompared, now.MinCompared)
	}
	for _, text := range missing(was.Answer, now.Answer) {
		f.add(Weaker{Kind: AnswerOther, What: now.Name + " " + text})
	}
	for _, text := range missing(was.Identity, now.Identity) {
		f.add(Weaker{Kind: IdentityGone, What: text})
	}
	f.more(FlakyHigher, now.Name, was.MaxFlaky, now.MaxFlaky)
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
		f.less(RowsFewer, c.ID, float64(old.Rows), float64(c.Rows))
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
	f.less(LoadShorter, now.Name, was.DurationS, now.DurationS)
	f.less(LoadSlower, now.Name, was.Rate, now.Rate)
	if now.Rate == 0 {
		f.less(FewerUsers, now.Name, float64(was.Users), float64(now.Users))
	}
	for _, m := range now.Margins {
		j := slices.IndexFunc(was.Margins, func(o MarginAsks) bool { return o.Metric == m.Metric })
		if j >= 0 && !f.more(MarginWider, now.Name+" "+m.Metric, was.Margins[j].Rel, m.Rel) {
			f.more(MarginWider, now.Name+" "+m.Metric+" in seconds", was.Margins[j].AbsS, m.AbsS)
		}
	}
}

// less adds a figure that is lower than it was, and reports whether it is.
func (f *weakening) less(kind WeakerKind, what string, was, now float64) bool {
	if now < was {
		f.add(Weaker{Kind: kind, What: what, Was: was, Now: now})
	}
	return now < was
}

// more adds a figure that is higher than it was, and reports whether it is.
func (f *weakening) more(kind WeakerKind, what string, was, now float64) bool {
	if now > was {
		f.add(Weaker{Kind: kind, What: what, Was: was, Now: now})
	}
	return now > was
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
