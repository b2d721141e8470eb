package scenarios

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const selectable = `-- a.yaml --
suite: a
cases:
  - {case: one, tags: [smoke], get: /}
  - {case: two, tags: [smoke, write], get: /}
  - {case: rows, tags: [slow], get: "/{{x}}", data: {rows: [{x: p}, {x: q}, {x: r}, {x: s}, {x: t}], name: "{{x}}"}}
load: [{load: l1, steps: [{case: one}], rate: 1/s}, {load: l2, steps: [{case: b/three}], rate: 1/s}]
-- b.yaml --
suite: b
cases:
  - {case: three, get: /}
  - {case: skipped, get: /, skip: waits}
`

// picked lists ids, rows included, and load stages.
func picked(t testing.TB, suites []*Suite) []string {
	var out []string
	for _, s := range suites {
		for _, c := range s.Cases {
			if c.Data == nil {
				out = append(out, c.ID)
				continue
			}
			n := 0
			for row, err := range c.Data.Rows {
				if err != nil {
					t.Fatal(err)
				}
				id, _ := c.RowID(row)
				out = append(out, id)
				n++
			}
			if n != c.Data.Count || n == 0 {
				t.Errorf("%s: count %d, rows %d", c.ID, c.Data.Count, n)
			}
		}
		for _, l := range s.Loads {
			out = append(out, "load "+l.Name)
			if l.Steps[0].Target == nil || l.Steps[0].Home == nil {
				t.Errorf("load %s has lost its case", l.Name)
			}
		}
	}
	return out
}

func TestSelect(t *testing.T) {
	suites := load(t, selectable, LoadOptions{}, "a.yaml", "b.yaml")
	tests := []struct {
		name, why string
		sel       Selection
		want      string
	}{
		{"all", "nothing narrows", Selection{}, "a/one a/two a/rows[p] a/rows[q] a/rows[r] a/rows[s] a/rows[t] load l1 load l2 b/three b/skipped"},
		{"tag", "a tag", Selection{Tag: "smoke"}, "a/one a/two"},
		{"and not", "an expression", Selection{Tag: "smoke and not write"}, "a/one"},
		{"or", "precedence: and before or", Selection{Tag: "slow or smoke and write"}, "a/two a/rows[p] a/rows[q] a/rows[r] a/rows[s] a/rows[t]"},
		{"parentheses", "brackets bind", Selection{Tag: "(slow or smoke) and not (write)"}, "a/one a/rows[p] a/rows[q] a/rows[r] a/rows[s] a/rows[t]"},
		{"not", "cases without tags too", Selection{Tag: "not smoke and not slow"}, "b/three b/skipped"},
		{"not a tag of any case", "asks for nothing", Selection{Tag: "smoke and not (nope)"}, "a/one a/two"},
		{"none", "nothing is left", Selection{Tag: "smoke and slow"}, ""},
		{"glob of case", "without a slash it is the case", Selection{Case: []string{"t*"}}, "a/two b/three"},
		{"glob of suite", "with a slash it is the id", Selection{Case: []string{"b/*", "a/on?"}}, "a/one b/three b/skipped"},
		{"glob of rows", "rows by name", Selection{Case: []string{"rows[q]", "*[t]"}}, "a/rows[q] a/rows[t]"},
		{"ids", "exact ids", Selection{IDs: []string{"a/rows[s]", "b/three"}}, "a/rows[s] b/three"},
		{"id of a case", "stands for its rows", Selection{IDs: []string{"a/rows"}}, "a/rows[p] a/rows[q] a/rows[r] a/rows[s] a/rows[t]"},
		{"tag and glob", "both hold", Selection{Tag: "smoke", Case: []string{"*o"}}, "a/two"},
		{"first shard", "rows are counted", Selection{Shard: 1, Of: 3}, "a/one a/rows[q] a/rows[t] load l1"},
		{"last shard", "rows are counted", Selection{Shard: 3, Of: 3}, "a/rows[p] a/rows[s] b/skipped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Select(suites, tt.sel)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, strings.Join(picked(t, got), " ")); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.why, d)
			}
		})
	}
}

func TestSelectErrors(t *testing.T) {
	suites := load(t, selectable, LoadOptions{}, "a.yaml", "b.yaml")
	for _, tt := range []struct {
		sel  Selection
		want string
	}{
		{Selection{Tag: "smoke or nope"}, `tag "nope": no case matches`},
		{Selection{Tag: "not not nope"}, `tag "nope": no case matches`},
		{Selection{Tag: "smoke", Case: []string{"a/on?", "zzz", "a/rows[[qr]]"}}, `case "zzz", case "a/rows[[qr]]": no case matches`},
		{Selection{Tag: "smoke write"}, `select tags "smoke write": unexpected "write" at offset 6; write and or or between tags`},
		{Selection{Tag: "smoke and"}, `select tags "smoke and": a tag is missing at the end`},
		{Selection{Tag: "and smoke"}, `select tags "and smoke": a tag is missing before "and" at offset 0`},
		{Selection{Tag: "(smoke"}, `select tags "(smoke": a ( is not closed`},
		{Selection{Tag: "smoke)"}, `select tags "smoke)": unexpected ")" at offset 5; write and or or between tags`},
		{Selection{Tag: "a && b"}, `select tags "a && b": unexpected '&' at offset 2; write: smoke and not write`},
		{Selection{Tag: strings.Repeat("(", 1000)}, ""},
		{Selection{Shard: 0, Of: 3}, `select shard 0/3: want i/n with i from 1 to n`},
		{Selection{Shard: 4, Of: 3}, `select shard 4/3: want i/n with i from 1 to n`},
	} {
		_, err := Select(suites, tt.sel)
		if err == nil || tt.want != "" && err.Error() != tt.want {
			t.Errorf("select %+v: got %v, want %s", tt.sel, err, tt.want)
		}
	}
}

// The shards of any number share nothing and are together the whole, in order.
func TestShardsAreTheWhole(t *testing.T) {
	suites := load(t, selectable, LoadOptions{}, "a.yaml", "b.yaml")
	rapid.Check(t, func(rt *rapid.T) {
		sel := Selection{
			Tag:  rapid.SampledFrom([]string{"", "smoke", "slow", "not write"}).Draw(rt, "tag"),
			Case: rapid.SampledFrom([][]string{nil, {"a/*"}, {"*[p]", "*[t]", "three"}}).Draw(rt, "case"),
		}
		whole, err := Select(suites, sel)
		if err != nil {
			rt.Fatal(err)
		}
		want := picked(t, whole)
		n := rapid.IntRange(1, 12).Draw(rt, "shards")
		var got []string
		for i := range n {
			sel.Shard, sel.Of = i+1, n
			shard, err := Select(suites, sel)
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, picked(t, shard)...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("%d shards of %+v: got %v, want %v", n, sel, got, want)
		}
	})
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"a*c", "abc", true}, {"a*c", "ab", false}, {"*b*", "abc", true}, {"a?c", "a채c", true}, {"a?c", "ac", false}, {"**", "x", true}, {"a*b*c", "a1b2b3c", true}, {"", "", true}, {"", "a", false}, {"[a]", "[a]", true},
	} {
		if got := glob(tt.pattern).MatchString(tt.s); got != tt.want {
			t.Errorf("glob(%q, %q): got %v", tt.pattern, tt.s, got)
		}
	}
}
