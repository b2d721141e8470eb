package claim

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// Paths of the answer to a request that a script sends begin with @ and its number, so
// that whatever is made of them stays with that answer. Values without a path of the
// body (status, header, time, text) have the mark alone.

// Owner cuts the mark off a path: 0 is the answer of the request itself.
func Owner(path string) (sent int, own string) {
	mark, own := "", path
	if rest, ok := strings.CutPrefix(path, "@"); ok {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 0 {
			i = len(rest)
		}
		mark, own = rest[:i], rest[i:]
	}
	sent, _ = strconv.Atoi(mark)
	return sent, own
}

// KeyValue is a variable that a filter compares with.
var KeyValue = regexp.MustCompile(`\{\{[^{}'|]*\}\}`)

// ParsePath parses a path; variables of its filters stand for any value.
func ParsePath(path string) (*diff.Pattern, error) {
	return diff.ParsePath(KeyValue.ReplaceAllString(path, "0"))
}

// many finds the steps of a path that lead to all elements of a list, or to the first one
// if there is one.
var many = regexp.MustCompile(`\[\*\]|\[0:1\]`)

// IsMany reports whether a path names several values, or perhaps none.
func IsMany(path string) bool { return many.MatchString(path) }

// LastStep is where the last step of a path begins, or 0 for the root.
func LastStep(path string) int {
	if strings.HasSuffix(path, "]") {
		return strings.LastIndexByte(path, '[')
	}
	return max(strings.LastIndexByte(path, '.'), 0)
}

// IsChosen reports whether a path holds for elements that a filter chooses.
func IsChosen(path string) bool { return strings.Contains(path, "[?") }
