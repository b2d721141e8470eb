package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// Links agrees with previousOf, entry by entry, and a cause is known since the end
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
			want := previousOf(entries, e)
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

func TestPreviousAndCauses(t *testing.T) {
	entry := func(id string, hour int, v run.Verdict, suites ...string) Entry {
		e := Entry{ID: id, Folder: id, Started: time.Unix(0, 0).Add(time.Duration(hour) * time.Hour), Verdict: v}
		for _, s := range suites {
			e.Suites = append(e.Suites, EntrySuite{Name: s})
		}
		return e
	}
	entries := []Entry{
		entry("old", 1, run.Pass, "stb"), entry("other", 2, run.Pass, "vod"),
		entry("good", 3, run.Fail, "stb"), entry("cut", 4, run.Interrupted, "stb"),
		entry("now", 5, run.Fail, "stb"), entry("later", 6, run.Fail, "stb"),
	}
	if got := previousOf(entries, &entries[4]); got == nil || got.ID != "good" {
		t.Errorf("previous: %+v", got)
	}
	if got := previousOf(entries, &entries[0]); got != nil {
		t.Errorf("previous of the first: %+v", got)
	}
	one := func(path string, id int) cause.Cause {
		return cause.Cause{ID: id, Kind: diff.Changed, Where: diff.InBody, Path: path, Edit: "x"}
	}
	fresh, known, fixed := CompareCauses([]cause.Cause{one("$.a", 0), one("$.b", 1)}, []cause.Cause{one("$.b", 0), one("$.c", 1)})
	paths := func(list []cause.Cause) (out []string) {
		for _, c := range list {
			out = append(out, c.Path)
		}
		return out
	}
	if got := fmt.Sprint(paths(fresh), paths(known), paths(fixed)); got != "[$.a] [$.b] [$.c]" {
		t.Errorf("got %s", got)
	}
}

// previousOf is the latest entry before e that ran the same suites and was not
// interrupted, found the slow way: what Links is held to. nil: there is none.
func previousOf(entries []Entry, e *Entry) *Entry {
	var best *Entry
	for i := range entries {
		o := &entries[i]
		if o.Folder == e.Folder || o.ID == e.ID || !o.Started.Before(e.Started) || o.Verdict == run.Interrupted {
			continue
		}
		if (best == nil || best.Started.Before(o.Started)) && sameSuites(o, e) {
			best = o
		}
	}
	return best
}

func sameSuites(a, b *Entry) bool {
	return slices.EqualFunc(a.Suites, b.Suites, func(s, t EntrySuite) bool { return s.Name == t.Name })
}
