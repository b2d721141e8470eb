package template

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// RequestPrefix begins the names of parts of the request being sent.
const RequestPrefix = "request."

// requestParts are those parts; headers is followed by a name, as in request.headers.Date.
var requestParts = []string{"method", "path", "query", "host", "body", "signature"}

// badRequestPart says what is wrong with a name that begins with request.; empty
// when nothing is.
func badRequestPart(name string) (msg, hint string) {
	name = strings.TrimPrefix(name, RequestPrefix)
	if field, ok := strings.CutPrefix(name, "headers."); ok {
		if IsToken(field) {
			return "", ""
		}
		return quoted(field) + " is not the name of a header", ""
	}
	if slices.Contains(requestParts, name) {
		return "", ""
	}
	return "a request has no " + quoted(name), "known: " + strings.Join(requestParts, ", ") + " and headers.NAME"
}

// IsToken reports whether text is a token of RFC 9110, as names of headers and
// cookies and methods are.
func IsToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return true
}

// quoted is a word in quotes as messages show it.
func quoted(s string) string { return `"` + problem.Cut(s, 40) + `"` }
