package main

import (
	"strings"
	"unicode"
)

// plainText is text of a run or an answer on one line, with nothing in it that a
// terminal or a CI log would obey.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
