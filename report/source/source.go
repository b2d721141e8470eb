package source

import (
	"iter"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
)

// A Run is a run as renderers read it: gaps of an unfinished run filled, causes indexed.
// Renderers share one, one after another; it is not safe for concurrent use.
type Run struct {
	// Result is the run as it was read, and is not changed.
	Result *run.Run
	Head   *run.Header
	// End is a copy with the gaps filled: every suite has a verdict, and the sides have their
	// URLs.
	End   run.End
	Loads [][]run.LoadResult // by suite
	// FindCause gives the id of a difference's cause; false where the run has none for it.
	FindCause func(*diff.Difference) (id int, ok bool)

	// lastKey and lastPair are the pair that was read last; see Pair.
	lastKey  string
	lastPair *PairView
}

// New works for a run that is still being written as well as for one that was killed. The
// verdict is then incomplete, with the reason first.
func New(r *run.Run) *Run {
	s := &Run{Result: r, Head: &r.Header, End: r.End}
	if s.End.Verdict == 0 {
		s.End.Verdict = run.Incomplete
		s.End.Reasons = append([]string{"the run has no end: it is still running, or it was killed"}, s.End.Reasons...)
	}
	// The end knows more of the sides, such as what they are, but a killed run has none.
	if s.End.Sides.Blue.URL == "" {
		s.End.Sides.Blue = r.Header.Sides.Blue
	}
	if s.End.Sides.Green.URL == "" {
		s.End.Sides.Green = r.Header.Sides.Green
	}
	// Suites that have no result yet are there all the same, for tables of all suites.
	suites := make([]run.SuiteEnd, len(r.Header.Suites))
	copy(suites, s.End.Suites)
	for i := range suites {
		if suites[i].Verdict == 0 {
			suites[i].Verdict = run.Incomplete
		}
	}
	s.End.Suites = suites
	// Stages are grouped by suite once, as every table asks for them that way.
	s.Loads = make([][]run.LoadResult, len(suites))
	for _, l := range r.Loads {
		// A log that was damaged may name a suite that is not there.
		if l.Suite >= 0 && l.Suite < len(suites) {
			s.Loads[l.Suite] = append(s.Loads[l.Suite], l)
		}
	}
	s.FindCause = causeFinder(s.End.Causes)
	return s
}

// Cases is the run's cases; a run without any has an empty list. They are read from the log
// each time it is walked, one case in memory at a time.
func (s *Run) Cases() iter.Seq2[*run.CaseResult, error] {
	// A run made in a test, or one that ended before its cases, has no log to read.
	if s.Result.Cases == nil {
		return func(func(*run.CaseResult, error) bool) {}
	}
	return s.Result.Cases
}

// Audit is who ran what: the end's, where the run has one. Until then it is the header's, which
// does not know yet what was left out.
func (s *Run) Audit() run.Audit {
	if s.Result.End.Verdict == 0 {
		return s.Head.Audit
	}
	return s.End.Audit
}
