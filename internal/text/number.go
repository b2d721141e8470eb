package text

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Thousands writes a count with separators: 10,000.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes a number with its noun: 1 case, 10,000 cases. The noun is given
// in the singular and takes an s; no noun of this program needs another plural.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// CountAnd is Count followed by what else there is, each named as it is: 2 cases and setup.
// Without any noun counted it is the names alone.
func CountAnd(n int, noun string, others ...string) string {
	rest := strings.Join(others, " and ")
	switch {
	case rest == "":
		return Count(n, noun)
	case n == 0:
		return rest
	}
	return Count(n, noun) + " and " + rest
}

// Cut shortens text to at most n characters, the last of which is then an
// ellipsis. It cuts between runes, never inside one.
func Cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	for i := range s {
		if n--; n == 0 {
			return s[:i] + "…"
		}
	}
	return s
}
