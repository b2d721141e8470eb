package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// causeFinder links differences read back from the log to the causes of their run. It works
// from the causes alone, so that reports need no differences in memory.
func causeFinder(causes []cause.Cause) func(*diff.Difference) (int, bool) {
	return cause.NewFinder(causes).Find
}

// Edit says in words what a cause did. Some kinds, such as an added member, need no edit.
func Edit(c *cause.Cause) string {
	if c.Edit == "" {
		return c.Kind.String()
	}
	return c.Edit
}

// EditBeside is the edit where the kind is next to it: nothing where both say the same. It is
// for tables that have a column for the kind.
func EditBeside(c *cause.Cause) string {
	if c.Edit == c.Kind.String() {
		return ""
	}
	return c.Edit
}

// CauseText is a cause in one line: $.balance number -> string.
func CauseText(c *cause.Cause) string { return words.Place(c.Where, c.Path) + " " + Edit(c) }

// KindWord is a kind as a heading reads it. The words say which side has something, as readers
// think in sides and not in additions.
func KindWord(k diff.Kind) string {
	switch k {
	case diff.TypeChanged:
		return "type changed"
	case diff.Added:
		return "only green"
	case diff.Removed:
		return "only blue"
	default:
		return k.String()
	}
}

// Spreads are the run's causes as a reader takes them in, with the cases of
// each: a case counts once for a spread, however many of its causes it has.
// List is in the order of the causes, so that the first spread has the first cause.
type Spreads struct {
	// List has the spreads in the order of their first causes.
	List []cause.Spread
	of   []int // cause id to its place in list
	// Cases has a number for each spread of List; see Add and Count.
	Cases []int      // of each spread
	parts [][]string // of each spread: setup and teardown that have it too; they are not cases
}

// NewSpreads groups the causes of a run by what they have in common. The ids of causes have to
// be their places in the list, as Set.List gives them. Counts start at 0.
func NewSpreads(causes []cause.Cause) *Spreads {
	s := &Spreads{List: cause.Spreads(causes), of: make([]int, len(causes))}
	s.Cases, s.parts = make([]int, len(s.List)), make([][]string, len(s.List))
	for i := range s.List {
		for _, c := range s.List[i].Causes {
			if c.ID >= 0 && c.ID < len(s.of) {
				s.of[c.ID] = i
			}
		}
	}
	return s
}

// Seen says where a spread was seen, in words: 2 cases, setup, or 2 cases and setup.
func (s *Spreads) Seen(i int) string { return text.CountAnd(s.Cases[i], "case", s.parts[i]...) }

// Add counts a case under the spreads of its causes, and says which they are. ids are those of
// the causes of one case, kind its kind. The result has indices of List.
func (s *Spreads) Add(ids []int, kind string) []int {
	// Two causes of one case in one spread count the case once.
	var found []int
	for _, id := range ids {
		if i := s.of[id]; !slices.Contains(found, i) {
			found = append(found, i)
			switch {
			case kind == "":
				s.Cases[i]++
			case !slices.Contains(s.parts[i], kind):
				s.parts[i] = append(s.parts[i], kind)
			}
		}
	}
	return found
}

// Count reads all cases; a run whose spreads are single causes needs none of them. After it,
// Cases holds the number of cases of each spread. Any error is that of reading the log.
func (s *Spreads) Count(src *Run) error {
	single := true
	for i := range s.List {
		single = single && len(s.List[i].Causes) == 1
		// The number of a single cause was counted by the run.
		s.Cases[i], s.parts[i] = s.List[i].Causes[0].Cases, s.List[i].Causes[0].Parts
	}
	if single {
		return nil
	}
	// Causes of one spread may share cases, so that their numbers cannot be added.
	clear(s.Cases)
	clear(s.parts)
	for c, err := range src.Cases() {
		if err != nil {
			return err
		}
		// Differences of a case that passed do not count, such as one in quarantine.
		if c.Verdict > run.Pass {
			s.Add(src.CausesOfCase(c), c.Kind)
		}
	}
	return nil
}

// Number is what a reader knows a cause by: reports count causes from 1, where
// run.json and its ids count from 0.
func Number(id int) int { return id + 1 }

// SpreadIDs are the numbers of a spread's causes: 1, 4-7. sep comes between two numbers or
// ranges. Neighbouring numbers become a range.
func SpreadIDs(s *cause.Spread, sep string) string {
	var b strings.Builder
	for i := 0; i < len(s.Causes); {
		k := i
		for k+1 < len(s.Causes) && s.Causes[k+1].ID == s.Causes[k].ID+1 {
			k++
		}
		if i > 0 {
			b.WriteString(sep)
		}
		fmt.Fprint(&b, Number(s.Causes[i].ID))
		if k > i {
			fmt.Fprintf(&b, "-%d", Number(s.Causes[k].ID))
		}
		i = k + 1
	}
	return b.String()
}

// SpreadCount is how many places share a name; nothing where the place itself
// says how many there are.
func SpreadCount(s *cause.Spread) string {
	if n := len(s.Causes); n > 1 && s.Place != "" {
		return fmt.Sprintf("at %d places", n)
	}
	return ""
}

// SpreadPlace names where a spread is; several places without a name in common are counted, and
// the first of them named. It is for a column; SpreadCount has what is left to say.
func SpreadPlace(s *cause.Spread) string {
	c := &s.Causes[0]
	n := len(s.Causes)
	if s.Place == "" && n > 1 {
		return fmt.Sprintf("%s and %d more", words.Place(c.Where, c.Path), n-1)
	}
	return words.Place(c.Where, s.Place)
}

// CausesOfStep lists the causes of a step's differences, each once. They are in the order in
// which the differences come. A difference without a cause is left out.
func (s *Run) CausesOfStep(step *run.StepResult) []int {
	var ids []int
	for i := range step.Differences {
		if id, ok := s.FindCause(&step.Differences[i]); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// CausesOfCase lists the causes of a case's differences, each once. They are in the order of
// the steps.
func (s *Run) CausesOfCase(k *run.CaseResult) []int {
	var ids []int
	for i := range k.Steps {
		for _, id := range s.CausesOfStep(&k.Steps[i]) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
