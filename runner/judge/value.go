package judge

import (
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios"
)

// RuleText is a rule in one line. It names the kind of the rule and its place: a path, a
// header, several headers, or a part of the answer.
func RuleText(r *diff.Rule) string {
	place := r.At
	switch {
	case r.Header != "":
		place = "header " + r.Header
	case len(r.Headers) > 0:
		place = "headers " + strings.Join(r.Headers, ", ")
	case r.Where != "":
		place = r.Where
	}
	return strings.TrimSpace(string(r.Do) + " " + r.Kind + " " + place)
}

// Count is 1 for true and 0 for false, for sums over conditions.
func Count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// numberValue is a value that is a whole number. Its text and its JSON are the same.
func numberValue(n int) scenarios.Value {
	text := strconv.Itoa(n)
	return scenarios.Value{Text: text, JSON: text}
}

// FileName is a file name without its folders, for messages.
func FileName(name string) string { return path.Base(filepath.ToSlash(name)) }
