package archive

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// Links agrees with Previous, entry by entry, and a cause is known since the end
// of the walk back through the entries that have it.
func TestLinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := make([]Entry, rapid.IntRange(0, 30).Draw(t, "runs"))
		for i := range entries {
			e := &entries[i]
			e.ID, e.Folder = fmt.Sprint("id", i), fmt.Sprint("folder", i)
			e.Started = time.Unix(int64(rapid.IntRange(0, 20).Draw(t, "started")), 0)
			e.Verdict = rapid.SampledFrom([]run.Verdict{run.Pass, run.Fail, run.Interrupted}).Draw(t, "verdict")
			e.Suites = []EntrySuite{{Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "suite")}}
			for _, path := range []string{"$.x", "$.y", "$.z"} {
				if rapid.Bool().Draw(t, path) {
					e.Causes = append(e.Causes, cause.Cause{Path: path})
				}
			}
		}
		for i, link := range Links(entries) {
			e := &entries[i]
			var previous *Entry
			if link.Previous >= 0 {
				previous = &entries[link.Previous]
			}
			want := Previous(entries, e)
			if (previous == nil) != (want == nil) || (want != nil && !previous.Started.Equal(want.Started)) {
				t.Fatalf("run %d comes after %v, want %v", i, previous, want)
			}
			for k, c := range e.Causes {
				first := i
				for at := link.Previous; at >= 0 && has(entries[at].Causes, c); at = Links(entries)[at].Previous {
					first = at
				}
				if link.Since[k] != first {
					t.Errorf("run %d has %s since %d, want %d", i, c.Path, link.Since[k], first)
				}
			}
		}
	})
}

func has(causes []cause.Cause, c cause.Cause) bool {
	for _, o := range causes {
		if KeyOf(o) == KeyOf(c) {
			return true
		}
	}
	return false
}

// What Links allocates grows with the entries, not with their square.
func TestLinksAreLinear(t *testing.T) {
	work := func(n int) float64 {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{ID: fmt.Sprint(i), Started: time.Unix(int64(i), 0), Suites: []EntrySuite{{Name: "a"}}, Causes: []cause.Cause{{Path: "$.x"}, {Path: "$.y"}}}
		}
		return testing.AllocsPerRun(1, func() { Links(entries) })
	}
	if small, large := work(500), work(5000); large > 12*small {
		t.Errorf("10 times the runs cost %.0f allocations instead of %.0f", large, small)
	}
}
