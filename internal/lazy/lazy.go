// Package lazy makes values when they are asked for the first time: the tables of the program, and
// the entries of maps that count. Every verb starts the whole
// program, and most verbs need few of its tables: what is dear to make belongs here.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that gives a regular expression, compiled at the first call. The
// expressions of an importer, or for answers that most services never give, would otherwise
// cost each start of the program time and memory. As with [regexp.MustCompile], a mistake in
// the expression panics. The function may be called by several goroutines.
func Regexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// Entry is the value of a key in a map, which made becomes where there is none.
func Entry[K comparable, V any](m map[K]*V, key K, made V) *V {
	v := m[key]
	if v == nil {
		v = &made
		m[key] = v
	}
	return v
}
