package replay

import (
	"path/filepath"
	"slices"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// opened bounds the runs that WeakerThanLast opens: those that do not say what they asked are
// passed over. Each is a file to read before the run may begin.
const opened = 5

// judged reports whether a run came to a verdict about green, by cases or by load.
func judged(e *history.Entry) bool {
	switch e.Verdict {
	case run.Pass, run.Fail, run.Inconclusive:
		return e.Counts.Judged() > 0 || slices.ContainsFunc(e.Suites, func(s history.EntrySuite) bool { return len(s.Loads) > 0 })
	}
	return false
}

// WeakerThanLast says what a plan checks less than the last run of the same suites that judged
// anything, in an archive; nil if there is none, or it checked no more. A history that cannot be read gives
// nil too: it is a convenience, and no reason for a run to fail. Runs are the same where they
// were given the same paths, or where their suites have the same names in the same order. The
// newest run that says what it asked decides.
func WeakerThanLast(root string, plan *runner.Plan) *run.WeakerThan {
	entries, _, err := history.Read(root)
	if err != nil || plan.Asks == nil {
		return nil
	}
	names := make([]string, len(plan.Asks.Suites))
	for i, s := range plan.Asks.Suites {
		names[i] = s.Name
	}
	tried := 0
	for i := len(entries) - 1; i >= 0 && tried < opened; i-- {
		e := &entries[i]
		// A run that judged nothing, and a judgement of archived exchanges, is not what a release
		// was held to. One that failed is: what its successor leaves out has to be seen.
		if !judged(e) || e.Parent != "" || !slices.Equal(e.Paths, plan.Paths) && !slices.Equal(e.SuiteNames(), names) {
			continue
		}
		tried++
		folder, err := archive.Open(filepath.Join(root, e.Folder))
		if err != nil {
			continue
		}
		if last, err := folder.Run(); err == nil && last.Header.Asks != nil {
			return run.NewWeakerThan(last.Header.ID, last.Header.Asks, plan.Asks)
		}
	}
	return nil
}
