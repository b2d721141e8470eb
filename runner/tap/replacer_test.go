package tap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// It replaces what strings.Replacer does when it is given the values longest first.
func TestReplacer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab]{2,5}`), 0, 8, rapid.ID).Draw(t, "values")
		gone := rapid.SliceOfN(rapid.StringMatching(`[ab]{2,5}`), 0, 4).Draw(t, "gone")
		text := rapid.StringMatching(`[abc]{0,40}`).Draw(t, "text")
		r := NewReplacer(ReplacerLimits{Shortest: 2, Longest: 9, Values: max(1, len(values)), Bytes: 1 << 20})
		for _, v := range append(gone, values...) {
			r.Set(v, "old")
		}
		slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
		var pairs []string
		for _, v := range values {
			r.Set(v, "<"+v+">")
			pairs = append(pairs, v, "<"+v+">")
		}
		if len(values) == 0 {
			return
		}
		if got, want := r.Replace(text), strings.NewReplacer(pairs...).Replace(text); got != want {
			t.Errorf("%q with %q: got %q, want %q", text, values, got, want)
		}
	})
}

// It keeps what was used last, and no more than its limits.
func TestReplacerIsBounded(t *testing.T) {
	r := NewReplacer(ReplacerLimits{Shortest: 3, Longest: 100, Values: 50, Bytes: 20_000})
	r.Set("token", "other")
	r.Set(strings.Repeat("x", 101), "too long")
	for i := range 1000 {
		r.Set(fmt.Sprintf("value-%d-%s", i, strings.Repeat("y", i%90)), "z")
		if got := r.Replace("Bearer token"); got != "Bearer other" {
			t.Fatalf("after %d values: %s", i, got)
		}
	}
	if n := len(r.by); n > 50 || r.Size() > 20_000 || r.latest.Len() != n || len(r.lengths) > n {
		t.Errorf("%d values in %d bytes, %d in order, %d beginnings", n, r.Size(), r.latest.Len(), len(r.lengths))
	}
	r.Set("ab", "x")
	if by, ok := r.Get("ab"); r.Replace("abab") != "abab" || by != "x" || !ok {
		t.Error("a short value is known and not replaced")
	}
	r.Set("token", strings.Repeat("x", 101))
	if by, ok := r.Get("token"); ok {
		t.Errorf("what took its place before is kept: %s", by)
	}
	for r.latest.Len() > 0 {
		r.forget(r.latest.Back())
	}
	if r.Size() != 0 || len(r.by) != 0 || len(r.lengths) != 0 {
		t.Errorf("of nothing %d bytes are left", r.Size())
	}
}
