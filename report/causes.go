package report

import (
	"regexp"

	"github.com/bgverify/bgverify/diff"
)

// A causeKey is what a difference and its cause have in common.
type causeKey struct {
	kind  diff.Kind
	where diff.Where
	path  string
}

// inBrackets finds the indices and key values of a normalized path, which a
// cause generalises.
var inBrackets = regexp.MustCompile(`\[(?:\d+|\?[^\]]*)\]`)

// causeFinder links differences to the causes of their run.
func causeFinder(causes []diff.Cause) func(*diff.Difference) (int, bool) {
	byKey := make(map[causeKey]int, len(causes))
	for _, c := range causes {
		k := causeKey{c.Kind, c.Where, c.Path}
		if _, ok := byKey[k]; !ok {
			byKey[k] = c.ID
		}
	}
	return func(d *diff.Difference) (int, bool) {
		id, ok := byKey[causeKey{d.Kind, d.Where, inBrackets.ReplaceAllString(d.Path, "[*]")}]
		return id, ok
	}
}
