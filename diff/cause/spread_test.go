package cause

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
)

func TestSpreads(t *testing.T) {
	cause := func(kind diff.Kind, where diff.Where, path, edit string) Cause {
		return Cause{Kind: kind, Where: where, Path: path, Edit: edit, Count: 1}
	}
	leak := func(path, name string) Cause {
		c := cause(diff.Changed, diff.InBody, path, diff.LeakNote(name))
		c.Leak = name
		return c
	}
	for _, tt := range []struct {
		name   string
		why    string
		causes []Cause
		want   []string
	}{
		{
			name: "one member in many lists", why: "rule 1",
			causes: []Cause{
				cause(diff.TypeChanged, diff.InBody, "$.items[*].price", "number -> string"),
				cause(diff.TypeChanged, diff.InBody, "$.price", "number -> string"),
				cause(diff.TypeChanged, diff.InBody, "$.rows[*].items[*].price", "number -> string"),
			},
			want: []string{"$..price number -> string at 3 places"},
		},
		{
			name: "one member with another edit", why: "the edit tells them apart",
			causes: []Cause{cause(diff.Changed, diff.InBody, "$.a.n", "+1"), cause(diff.Changed, diff.InBody, "$.b.n", "x10")},
			want:   []string{"$.a.n +1", "$.b.n x10"},
		},
		{
			name: "elements moved", why: "rule 2; the lists have no name in common",
			causes: []Cause{cause(diff.Moved, diff.InBody, "$.items[*]", ""), cause(diff.Moved, diff.InBody, "$.rows[*]", "")},
			want:   []string{"elements moved at 2 places"},
		},
		{
			name: "a leak", why: "rule 3",
			causes: []Cause{leak("$.licence", "a:1"), leak("$.list", "a:1"), leak("$.list", "b:2")},
			want:   []string{"green names blue: a:1 at 2 places", "$.list green names blue: b:2"},
		},
		{
			name: "a member with a name that needs quotes", why: "the path stays one that a rule can be written with",
			causes: []Cause{cause(diff.Removed, diff.InBody, "$.a['x.y']", ""), cause(diff.Removed, diff.InBody, "$.b['x.y']", "")},
			want:   []string{"$..['x.y'] removed at 2 places"},
		},
		{
			name: "elements of lists of one name", why: "the indices belong to the member",
			causes: []Cause{cause(diff.Added, diff.InBody, "$.a.tags[*]", ""), cause(diff.Added, diff.InBody, "$.b.tags[*]", ""), cause(diff.Added, diff.InBody, "$.b.names[*]", "")},
			want:   []string{"$..tags[*] added at 2 places", "$.b.names[*] added"},
		},
		{
			name: "status and headers", why: "a part is never merged with another",
			causes: []Cause{cause(diff.Changed, diff.InStatus, "", "200 -> 500"), cause(diff.Changed, diff.InHeader, "etag", "200 -> 500"), cause(diff.Changed, diff.InHeader, "age", "200 -> 500")},
			want:   []string{"status 200 -> 500", "header etag 200 -> 500", "header age 200 -> 500"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Spreads(tt.causes)
			if len(got) != len(tt.want) {
				t.Fatalf("%v is %d spreads (%v), want %d: %s", tt.causes, len(got), got, len(tt.want), tt.why)
			}
			for i := range got {
				if got[i].String() != tt.want[i] {
					t.Errorf("spread %d of %v is %q, want %q: %s", i, tt.causes, got[i], tt.want[i], tt.why)
				}
			}
		})
	}
}

// Spreads lose no cause, invent none and count what the causes count.
func TestSpreadsKeepEveryCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		causes := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Cause {
			edit := rapid.SampledFrom([]string{"", "+1", "leak"}).Draw(t, "edit")
			return Cause{
				Leak: strings.TrimPrefix(edit, "+1"), Edit: edit,
				Kind: diff.Kind(rapid.IntRange(int(diff.Added), int(diff.Limit)).Draw(t, "kind")), Where: diff.Where(rapid.IntRange(1, 3).Draw(t, "where")),
				Path:  rapid.StringMatching(`(\$(\.[a-c]|\[\*\]|\['[a-c.]'\]){0,4})?`).Draw(t, "path"),
				Count: rapid.IntRange(1, 9).Draw(t, "count"),
			}
		})).Draw(t, "causes")
		want := map[int]int{}
		total := 0
		for i := range causes {
			causes[i].ID = i
			want[i]++
			total += causes[i].Count
		}
		for _, s := range Spreads(causes) {
			total -= s.Count()
			for i := range s.Causes {
				want[s.Causes[i].ID]--
				if s.Causes[i].Kind != s.Kind() || s.Causes[i].Where != s.Causes[0].Where || s.Causes[i].Edit != s.Causes[0].Edit {
					t.Fatalf("the spread %v holds %+v", s, s.Causes[i])
				}
			}
		}
		for id, n := range want {
			if n != 0 {
				t.Errorf("cause %d is in %d spreads, want 1", id, 1-n)
			}
		}
		if total != 0 {
			t.Errorf("%d differences are not in the spreads' counts", total)
		}
	})
}
