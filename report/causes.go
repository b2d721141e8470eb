package report

import "github.com/bgverify/bgverify/diff"

// causeFinder links differences read back from the log to the causes of their run.
func causeFinder(causes []diff.Cause) func(*diff.Difference) (int, bool) {
	return diff.NewFinder(causes).Find
}
