package report

import "github.com/bgverify/bgverify/diff"

// causeFinder links differences read back from the log to the causes of their run.
func causeFinder(causes []diff.Cause) func(*diff.Difference) (int, bool) {
	return diff.NewFinder(causes).Find
}

// edit says in words what a cause did.
func edit(c *diff.Cause) string {
	if c.Edit == "" {
		return c.Kind.String()
	}
	return c.Edit
}

// editBeside is the edit where the kind stands beside it: nothing where both say the same.
func editBeside(c *diff.Cause) string {
	if c.Edit == c.Kind.String() {
		return ""
	}
	return c.Edit
}
