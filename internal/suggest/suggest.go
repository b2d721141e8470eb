// Package suggest finds what a mistyped word was meant to be and writes lists of
// words for people. In comes a word with the words that are known; out comes a
// hint or nothing. It reads no file and keeps no state.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the candidate that a mistyped word most likely means: the
// smallest edit distance (a swap of neighbours counts as one), at most a third
// of the word's length and never more than three. Equal distances: the first.
// When none is near, the one candidate that a word of three characters or more
// begins is meant: int for integer.
func Nearest(word string, candidates []string) string {
	n := len([]rune(word))
	best, limit := "", min(3, max(1, n/3), n-1)
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if d := Distance(lower, strings.ToLower(c), limit); d <= limit {
			best, limit = c, d-1
		}
		if limit < 0 {
			break
		}
	}
	if best != "" || n < 3 {
		return best
	}
	begun := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return !strings.HasPrefix(strings.ToLower(c), lower) })
	if len(begun) == 1 {
		return begun[0]
	}
	return ""
}

// Distance is the optimal string alignment distance of two words, or a number
// above limit; words of more than 100 characters are never near.
func Distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > limit || -d > limit || len(x) > 100 {
		return limit + 1
	}
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(x); i++ {
		rows[2][0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[1][j]+1, rows[2][j-1]+1, rows[1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[0][j-2]+1)
			}
			rows[2][j] = d
		}
		rows[0], rows[1], rows[2] = rows[1], rows[2], rows[0]
	}
	return rows[1][len(y)]
}

// Hint is the hint for a mistyped word: did you mean "query"? Where no candidate
// is near it lists them, when they are few, and is empty otherwise.
func Hint(word string, candidates []string) string {
	if c := Nearest(word, candidates); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	if len(candidates) == 0 || len(candidates) > 20 {
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

// Quoted joins words in quotes: "a", "b" or "c".
func Quoted(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return Or(quoted)
}

// Or joins words as they are, neighbours that are equal once: a, b or c.
func Or(words []string) string {
	words = slices.Compact(slices.Clone(words))
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}
