package report

import (
	"iter"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
)

// A source is a run as renderers read it: gaps of an unfinished run filled,
// causes indexed.
type source struct {
	run   *run.Run
	head  *run.Header
	end   run.End
	loads [][]run.LoadResult // by suite
	cause func(*diff.Difference) (id int, ok bool)

	lastKey  string
	lastPair *pairView
}

func newSource(r *run.Run) *source {
	s := &source{run: r, head: &r.Header, end: r.End}
	if s.end.Verdict == 0 {
		s.end.Verdict = run.Incomplete
		s.end.Reasons = append([]string{"the run has no end: it is still running, or it was killed"}, s.end.Reasons...)
	}
	if s.end.Sides.Blue.URL == "" {
		s.end.Sides.Blue = r.Header.Sides.Blue
	}
	if s.end.Sides.Green.URL == "" {
		s.end.Sides.Green = r.Header.Sides.Green
	}
	suites := make([]run.SuiteEnd, len(r.Header.Suites))
	copy(suites, s.end.Suites)
	for i := range suites {
		if suites[i].Verdict == 0 {
			suites[i].Verdict = run.Incomplete
		}
	}
	s.end.Suites = suites
	s.loads = make([][]run.LoadResult, len(suites))
	for _, l := range r.Loads {
		if l.Suite >= 0 && l.Suite < len(suites) {
			s.loads[l.Suite] = append(s.loads[l.Suite], l)
		}
	}
	s.cause = causeFinder(s.end.Causes)
	return s
}

// cases is the run's cases; a run without any has an empty list.
func (s *source) cases() iter.Seq2[*run.CaseResult, error] {
	if s.run.Cases == nil {
		return func(func(*run.CaseResult, error) bool) {}
	}
	return s.run.Cases
}

// audit is who ran what: the end's, where the run has one.
func (s *source) audit() run.Audit {
	if s.run.End.Verdict == 0 {
		return s.head.Audit
	}
	return s.end.Audit
}
