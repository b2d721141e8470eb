package path

import (
	"strings"

	"github.com/bgverify/bgverify/diff/notation"
)

// Generalise turns a difference's path into the path of all places like it: indices, key values
// and members named by a number, a UUID or a long hex string become [*]. Names with such values
// are keys of data, so that two differences under different ids are one cause. Names made of
// letters alone are kept: they say what the place is.
func Generalise(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); {
		end := SegmentEnd(path, i)
		seg := path[i:end]
		switch {
		// The quotes and brackets take two bytes on each side.
		case strings.HasPrefix(seg, "['"):
			if name := seg[2 : len(seg)-2]; dynamicName(name) {
				seg = "[*]"
			}
		case strings.HasPrefix(seg, "["):
			seg = "[*]"
		case strings.HasPrefix(seg, ".") && dynamicName(seg[1:]):
			seg = "[*]"
		}
		b.WriteString(seg)
		i = end
	}
	return b.String()
}

// SegmentEnd is the offset after the segment of a normalized path at i. The filter of a keyed
// element may hold brackets: [?@['@id']=='a' && @.n==1]. The path has to be normalized, as this
// package writes it: an unclosed bracket takes the rest.
func SegmentEnd(path string, i int) int {
	// Without a bracket the segment ends where the next one begins.
	if path[i] != '[' {
		if n := strings.IndexAny(path[i+1:], ".["); n >= 0 {
			return i + 1 + n
		}
		return len(path)
	}
	// Quotes hide brackets, and a backslash hides a quote.
	quoted, depth := false, 0
	for j := i; j < len(path); j++ {
		switch c := path[j]; {
		case quoted && c == '\\':
			j++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return len(path)
}

// Segments splits a normalized path; the first one is $. The parts together are the path again.
func Segments(path string) []string {
	var out []string
	for i := 0; i < len(path); {
		end := SegmentEnd(path, i)
		out = append(out, path[i:end])
		i = end
	}
	return out
}

// dynamicName reports whether a member's name is a value rather than a name. A value is all
// digits, a UUID, or at least 16 hex digits of which one is a decimal digit, so that a long
// word of the letters a to f is not taken for one.
func dynamicName(s string) bool {
	const digits = "0123456789"
	number := s != "" && strings.Trim(s, digits) == ""
	return number || notation.IsUUID(s) || len(s) >= 16 && strings.ContainsAny(s, digits) && notation.IsHex(s)
}
