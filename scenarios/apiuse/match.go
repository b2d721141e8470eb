package apiuse

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/openapi"
)

// unknown represents in a path a value that only a run knows.
const unknown = "\x00"

// A route is a path of the description, with or without that of a server.
type route struct {
	segments []segment
	literal  int // segments without a parameter
}

// A segment is what is between two slashes: a literal, or a pattern where it has a
// parameter.
type segment struct {
	literal string
	pattern *regexp.Regexp // nil: literal
}

var parameter = regexp.MustCompile(`\{[^{}/]*\}`)

// routesOf are the paths at which an operation may be asked (rule 2).
func routesOf(o *openapi.Operation) []route {
	paths := []string{o.Path}
	for _, s := range o.Servers {
		if u, err := url.Parse(parameter.ReplaceAllString(s.URL, "x")); err == nil {
			if prefix := strings.TrimRight(u.Path, "/"); prefix != "" && !slices.Contains(paths, prefix+o.Path) {
				paths = append(paths, prefix+o.Path)
			}
		}
	}
	var out []route
	for _, p := range paths {
		out = append(out, newRoute(p))
	}
	return out
}

func newRoute(path string) route {
	var r route
	path, _, _ = strings.Cut(path, "?") // some descriptions tell operations apart by their query
	for text := range strings.SplitSeq(path, "/") {
		holes := parameter.FindAllStringIndex(text, -1)
		if len(holes) == 0 {
			r.segments = append(r.segments, segment{literal: decoded(text)})
			r.literal++
			continue
		}
		var b strings.Builder
		at := 0
		for _, h := range holes {
			b.WriteString(regexp.QuoteMeta(decoded(text[at:h[0]])) + `(?s:.+)`)
			at = h[1]
		}
		b.WriteString(regexp.QuoteMeta(decoded(text[at:])))
		// What the document writes is quoted, so that the pattern is always valid.
		r.segments = append(r.segments, segment{pattern: regexp.MustCompile("^" + b.String() + "$")})
	}
	return r
}

// decoded is the text of a segment without its percent escapes.
func decoded(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// matches reports whether the segments of a step's path are those of the route.
func (r *route) matches(path []string) bool {
	if len(path) != len(r.segments) {
		return false
	}
	for i, s := range r.segments {
		if s.pattern == nil && s.literal != path[i] || s.pattern != nil && !s.pattern.MatchString(path[i]) {
			return false
		}
	}
	return true
}

// find is the operation that a request to one of the paths asks; nil: none. Of several
// the one with most literal segments counts, then the first of the document.
func (u *Use) find(method string, paths []string) *Operation {
	var best *Operation
	literal := -1
	for _, p := range paths {
		segments := strings.Split(p, "/")
		for i, s := range segments {
			segments[i] = decoded(s)
		}
		for _, o := range u.Operations {
			if o.Method != method {
				continue
			}
			for i := range o.routes {
				if r := &o.routes[i]; r.literal > literal && r.matches(segments) {
					best, literal = o, r.literal
				}
			}
		}
	}
	return best
}
