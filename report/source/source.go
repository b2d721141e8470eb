package source

import (
	"iter"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
)

// A source is a run as renderers read it: gaps of an unfinished run filled,
// causes indexed.
type Run struct {
	Result    *run.Run
	Head      *run.Header
	End       run.End
	Loads     [][]run.LoadResult // by suite
	FindCause func(*diff.Difference) (id int, ok bool)

	lastKey  string
	lastPair *PairView
}

func New(r *run.Run) *Run {
	s := &Run{Result: r, Head: &r.Header, End: r.End}
	if s.End.Verdict == 0 {
		s.End.Verdict = run.Incomplete
		s.End.Reasons = append([]string{"the run has no end: it is still running, or it was killed"}, s.End.Reasons...)
	}
	if s.End.Sides.Blue.URL == "" {
		s.End.Sides.Blue = r.Header.Sides.Blue
	}
	if s.End.Sides.Green.URL == "" {
		s.End.Sides.Green = r.Header.Sides.Green
	}
	suites := make([]run.SuiteEnd, len(r.Header.Suites))
	copy(suites, s.End.Suites)
	for i := range suites {
		if suites[i].Verdict == 0 {
			suites[i].Verdict = run.Incomplete
		}
	}
	s.End.Suites = suites
	s.Loads = make([][]run.LoadResult, len(suites))
	for _, l := range r.Loads {
		if l.Suite >= 0 && l.Suite < len(suites) {
			s.Loads[l.Suite] = append(s.Loads[l.Suite], l)
		}
	}
	s.FindCause = causeFinder(s.End.Causes)
	return s
}

// Cases is the run's cases; a run without any has an empty list.
func (s *Run) Cases() iter.Seq2[*run.CaseResult, error] {
	if s.Result.Cases == nil {
		return func(func(*run.CaseResult, error) bool) {}
	}
	return s.Result.Cases
}

// Audit is who ran what: the end's, where the run has one.
func (s *Run) Audit() run.Audit {
	if s.Result.End.Verdict == 0 {
		return s.Head.Audit
	}
	return s.End.Audit
}
