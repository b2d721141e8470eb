package diff

import (
	"strconv"
	"strings"
	"testing"
)

// Hostile pairs end, and never as "equal" when they are not. How long they take
// is measured by the benchmark.
func TestHostilePairs(t *testing.T) {
	const n = 20_000
	list := func(value func(i int) int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("," + strconv.Itoa(value(i)))
		}
		return "[" + b.String()[1:] + "]"
	}
	members := func(value func(i int) int) string {
		var b strings.Builder
		for i := range n {
			k := strconv.Itoa(value(i))
			b.WriteString(`,"k` + k + `":` + k)
		}
		return "{" + b.String()[1:] + "}"
	}
	count := func(i int) int { return i }
	deep := strings.Repeat("[", 1_000_000)
	long := strings.Repeat("x", 5<<20)
	for _, tt := range []struct {
		name, blue, green string
		kind              Kind // of the first difference; 0: equal
		most              int  // differences
	}{
		{"depth", deep, deep, Limit, 2},
		{"depth of objects", strings.Repeat(`{"a":`, 1_000_000), strings.Repeat(`{"a":`, 1_000_000), Limit, 2},
		{"members in another order", members(count), members(func(i int) int { return n - 1 - i }), 0, 0},
		{"rotated by one", list(count), list(func(i int) int { return (i + 1) % n }), Moved, 1},
		{"rotated by half", list(count), list(func(i int) int { return (i + n/2) % n }), Order, 1},
		{"reversed", list(count), list(func(i int) int { return n - 1 - i }), Order, 1},
		{"all others", list(count), list(func(i int) int { return i + n }), Changed, n},
		{"equal elements, one changed", list(func(int) int { return 1 }), list(func(i int) int { return 1 + i/(n-1) }), Changed, 1},
		{"two values", list(func(i int) int { return i % 2 }), list(func(i int) int { return i / 3 % 2 }), 0xff, n},
		{"long text", `"` + long + `a"`, `"` + long + `b"`, Changed, 1},
		{"long number", strings.Repeat("1", 1<<20) + "1", strings.Repeat("1", 1<<20) + "2", Changed, 1},
	} {
		r := Compare([]byte(tt.blue), []byte(tt.green), nil)
		switch {
		case tt.kind == 0 && !r.Equal():
			t.Errorf("%s: %d differences, want none", tt.name, r.Total)
		case tt.kind != 0 && (r.Equal() || tt.kind != 0xff && r.Differences[0].Kind != tt.kind):
			t.Errorf("%s: %s", tt.name, brief(r.Differences[:min(len(r.Differences), 3)]))
		case r.Total > tt.most:
			t.Errorf("%s: %d differences, want at most %d", tt.name, r.Total, tt.most)
		}
		for _, d := range r.Differences[:min(len(r.Differences), 3)] {
			if len(d.Blue.JSON) > 256 || len(d.Green.JSON) > 256 {
				t.Errorf("%s: an excerpt of %d and %d bytes", tt.name, len(d.Blue.JSON), len(d.Green.JSON))
			}
		}
		checkResult(t, r, tt.name, "")
	}
}
