package cause

import (
	"fmt"
	"testing"

	"github.com/bgverify/bgverify/diff"
)

// titles are the differences of a catalogue asked in several cases, every title
// wrong in its own way.
func titles(n, cases int) [][]diff.Difference {
	out := make([][]diff.Difference, cases)
	for c := range out {
		for i := range n {
			blue, green := fmt.Sprintf(`"%s story"`, word(i)), fmt.Sprintf(`"%s tale"`, word(i*7+1))
			out[c] = append(out[c], diff.Difference{
				Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: fmt.Sprintf("$.items[%d].title", i),
				Blue: diff.Excerpt{Type: diff.StringType, JSON: blue, Size: len(blue)}, Green: diff.Excerpt{Type: diff.StringType, JSON: green, Size: len(green)},
			})
		}
	}
	return out
}

// word spells a number in letters: no two numbers share a class of edits.
func word(i int) string {
	s := ""
	for ; ; i = i/26 - 1 {
		s = string(rune('a'+i%26)) + s
		if i < 26 {
			return s
		}
	}
}

func BenchmarkCausesList(b *testing.B) {
	for _, n := range []int{512, 1024, 2048, 4096, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := titles(n, 2)
			for b.Loop() {
				c := NewSet()
				for i, diffs := range all {
					c.Add(fmt.Sprint("case-", i), diffs)
				}
				b.ReportMetric(float64(len(c.List())), "causes")
			}
		})
	}
}
