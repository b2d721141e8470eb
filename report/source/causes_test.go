package source

import (
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
)

// Setup and teardown can have a cause, and are not cases.
func TestSpreadsOfSetup(t *testing.T) {
	s := NewSpreads([]cause.Cause{{Kind: diff.Changed, Where: diff.InBody, Path: "$.token"}})
	for _, step := range []struct{ kind, want string }{
		{"setup", "setup"}, {"setup", "setup"}, {"", "1 case and setup"}, {"teardown", "1 case and setup and teardown"},
	} {
		if s.Add([]int{0}, step.kind); s.Seen(0) != step.want {
			t.Errorf("after %q it was seen in %q, want %q", step.kind, s.Seen(0), step.want)
		}
	}
}
