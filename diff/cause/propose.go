package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// A Sample is a pair of answers in which differences were seen, with the rules it was compared
// under. A proposed rule is tried on it. The messages are kept as they were compared, and are
// not changed by a try.
type Sample struct {
	Blue, Green *diff.Message
	Rules       *diff.Rules
	// Floor is the least share of the values of blue's body that must still be
	// compared under a proposed rule.
	Floor float64
}

// size is in bytes, with something added for headers and the structures around them.
func (s *Sample) size() int { return len(s.Blue.Body) + len(s.Green.Body) + 1024 }

// Bounds on the pairs that are kept to try rules on: the size of one, and of all
// of them, and how many.
// A pair of more than a mebibyte takes too long to compare again.
const (
	maxSample  = 1 << 20
	maxSamples = 16 << 20
	mostKept   = 1000
)

// samples keeps the pairs of the first sites of the plan, as many as the bounds allow, in
// whatever order they come. That is what makes proposals the same in each run: cases end in any
// order.
type samples struct {
	kept map[Site]*Sample // by sites without their Sample
	// size is that of all kept pairs together.
	size  int
	limit *Site // from this site on nothing is kept
}

// put keeps the pair of a site. Where that is too much, the site that is latest in the plan
// goes, and no later one is kept from then on.
func (s *samples) put(at *Site) {
	sample := at.Sample
	if sample == nil || sample.size() > maxSample || s.limit != nil && at.compare(s.limit) >= 0 {
		return
	}
	if s.kept == nil {
		s.kept = map[Site]*Sample{}
	}
	site := *at
	site.Sample = nil
	if s.kept[site] != nil {
		return
	}
	s.kept[site] = sample
	s.size += sample.size()
	// A search through all of them is rare, since it only happens when a bound is passed.
	for s.size > maxSamples || len(s.kept) > mostKept {
		last := site
		for k := range s.kept {
			if k.compare(&last) > 0 {
				last = k
			}
		}
		s.size -= s.kept[last].size()
		delete(s.kept, last)
		s.limit = &last
	}
}

// The placeholder of a date is there to be replaced, so the try needs its own date.
// triedUntil is the date that a proposed rule is tried with, and triedOn the day
// of the try where the sample's rules know none.
var (
	triedUntil = diff.PlaceholderUntil.AddDate(0, 0, -1)
	triedOn    = diff.PlaceholderUntil.AddDate(-1, 0, 0)
)

// maxProposals bounds the causes, from the first of the list on, that rules are
// tried for: each try compares the examples again.
// Further causes have a reason instead of a rule.
const maxProposals = 100

// propose fills in the cause's rule. Its rules:
//
//  1. It names the places seen and no others: the narrowest path first (an index
//     or key where one element differs), the generalised path where that fails.
//  2. It is of the narrowest verb that accepts the values seen, and an allow rule
//     bounds how many it allows in one answer.
//  3. It has been tried: with its reason filled in it is valid after the rules
//     that are there, hides the cause's differences in the examples, and leaves
//     enough of their values compared. A rule that fails is not proposed, and the
//     cause says why.
func (c *Set) propose(f *found, id int) {
	if id >= maxProposals {
		f.NoRule = fmt.Sprintf("rules are tried for the first %d causes", maxProposals)
		return
	}
	// The examples are the first cases of the cause, at most three. Whether their pairs were
	// kept depends on their size.
	var tries []*Sample
	for i := range f.examples {
		if s := c.samples.kept[f.examples[i]]; s != nil {
			tries = append(tries, s)
		} else if f.examples[i].Suite != "" && f.NoRule == "" {
			f.NoRule = "the answers are too large or too many to try one"
		}
	}
	// No pair can be tried, although there are answers: an untried rule is not proposed. For
	// differences without a suite, as from Add, the rule is only checked for being valid.
	if f.NoRule != "" && len(tries) == 0 {
		return
	}
	f.NoRule = ""
	for _, rules := range f.candidates() { // Rule 1
		why := c.try(rules, id, tries) // Rule 3
		if why == "" {
			lines := make([]string, len(rules))
			for i := range rules {
				lines[i] = diff.RuleYAML(rules[i])
			}
			f.Rule, f.NoRule = strings.Join(lines, "\n"), ""
			return
		}
		// The first reason is kept, which is about the narrowest rule.
		f.NoRule = cmp.Or(f.NoRule, why)
	}
}

// candidates are the rules to try in turn, each a list of one or, for a renamed member, two.
// Without one NoRule says why. The narrow form of the path comes first. silence has decided the
// verb and its bounds.
func (f *found) candidates() [][]diff.Rule {
	r, why := f.silence.rule(&f.Cause)
	if why != "" {
		f.NoRule = why
		return nil
	}
	if f.Where == diff.InHeader {
		return [][]diff.Rule{{r}}
	}
	if r.Do == diff.DoAllow { // Rule 2
		r.Max = diff.Bound{Count: f.most}
	}
	at := func(path string) diff.Rule {
		r := r
		r.At = path
		return r
	}
	// A renamed member needs one rule for the old name and one for the new.
	if f.RenamedTo != "" {
		added := func(path string) diff.Rule {
			r := at(path)
			r.Kind = diff.Added.String()
			return r
		}
		return [][]diff.Rule{{at(f.places.Path()), added(f.to.Path())}, {at(f.Path), added(f.RenamedTo)}}
	}
	narrow, wide := f.places, f.Path
	// A move is seen at an element, and its rule belongs to the array around it.
	if f.Kind == diff.Moved { // the order is the array's
		narrow, wide = narrow[:max(len(narrow)-1, 1)], wide[:len(wide)-len("[*]")]
	}
	out := [][]diff.Rule{{at(narrow.Path())}}
	if narrow.Path() != wide {
		out = append(out, []diff.Rule{at(wide)})
	}
	return out
}

// try compares the samples again under their rules and those proposed, and says what speaks
// against them; "" nothing. It is called for each candidate. The rules get a reason and a date
// for the try only.
func (c *Set) try(proposed []diff.Rule, id int, tries []*Sample) string {
	rules := slices.Clone(proposed)
	for i := range rules {
		rules[i].Why, rules[i].Origin = "tried", "proposed"
		if !rules[i].Until.IsZero() {
			rules[i].Until = triedUntil
		}
	}
	// Without samples, validity is all that can be checked.
	if len(tries) == 0 {
		_, errs := diff.Compile(rules, diff.Options{Now: triedOn})
		return invalid(errs)
	}
	for _, s := range tries {
		if why := c.tryOn(s, rules, id); why != "" {
			return why
		}
	}
	return ""
}

// tryOn tries rules on one pair. They come after those of the sample, as they would in a file.
func (c *Set) tryOn(s *Sample, rules []diff.Rule, id int) string {
	compiled, errs := s.Rules.With(rules, triedOn)
	if len(errs) > 0 {
		return invalid(errs)
	}
	before := diff.CompareMessages(s.Blue, s.Green, s.Rules, nil)
	after := diff.CompareMessages(s.Blue, s.Green, compiled, nil)
	// What is left must not be of the cause. Differences of other causes do not matter.
	for i := range after.Differences {
		if of, ok := c.finder.Find(&after.Differences[i]); ok && of == id {
			return "no rule hides all of its differences"
		}
	}
	// A rule that leaves too little compared would turn a failure into a pass that proves
	// nothing.
	switch was, is := before.Leaves, after.Leaves; {
	case was.Compared > 0 && is.Compared == 0:
		return fmt.Sprintf("it would leave none of the body's %d values compared", is.Seen)
	case float64(is.Compared) < s.Floor*float64(is.Seen):
		const tooFew = "it would leave %d of the body's %d values compared, less than the least share of %.4g %%"
		return fmt.Sprintf(tooFew, is.Compared, is.Seen, 100*s.Floor)
	}
	return ""
}

// invalid is empty where there are no errors.
func invalid(errs []diff.RuleError) string {
	if len(errs) == 0 {
		return ""
	}
	return "the rule would not be valid: " + errs[0].Msg
}
