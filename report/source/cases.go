package source

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// A PairView is the exchanges of a step, as far as the archive kept them.
type PairView struct {
	Blue, Green *wire.Exchange
}

// Pair reads the exchanges of a step back; nil where there are none. The last
// one read is kept, since every format asks for the same in turn.
func (s *Run) Pair(key string) *PairView {
	if key == "" || s.Result.Pair == nil {
		return nil
	}
	if s.lastKey == key {
		return s.lastPair
	}
	s.lastKey, s.lastPair = key, nil
	if p, err := s.Result.Pair(key); err == nil && p != nil {
		s.lastPair = &PairView{p.Blue, p.Green}
	}
	return s.lastPair
}

// Leading is the step that a case is shown by: the first that did not pass, or
// its first. nil when the case has none.
func Leading(c *run.CaseResult) *run.StepResult {
	for i := range c.Steps {
		if c.Steps[i].Verdict > run.Pass {
			return &c.Steps[i]
		}
	}
	if len(c.Steps) > 0 {
		return &c.Steps[0]
	}
	return nil
}

// MethodPath is what a step asked for, without the side.
func MethodPath(s *run.StepResult) (method, path string) {
	if s == nil {
		return "", ""
	}
	side := s.Green
	if s.Blue != nil {
		side = s.Blue
	}
	if side == nil {
		return "", ""
	}
	return side.Method, pathOf(side.URL)
}

// pathOf is a URL without scheme, authority and fragment.
func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil { // as written, without what is before the path
		if _, rest, ok := strings.Cut(raw, "://"); ok {
			if at := strings.IndexByte(rest, '/'); at >= 0 {
				return rest[at:]
			}
		}
		return raw
	}
	path := u.EscapedPath()
	if decoded, err := url.PathUnescape(path); err == nil && !strings.ContainsAny(decoded, "?#%") {
		path = decoded
	}
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + readable(u.RawQuery)
	}
	return path
}

var escapedText = regexp.MustCompile(`(?:%[89A-Fa-f][0-9A-Fa-f])+`)

// readable decodes what a query escapes beyond ASCII, so that Korean reads as Korean.
func readable(query string) string {
	return escapedText.ReplaceAllStringFunc(query, func(s string) string {
		if text, err := url.PathUnescape(s); err == nil && utf8.ValidString(text) {
			return text
		}
		return s
	})
}

// RequestLine is a case's leading request: GET /v2/channels.
func RequestLine(c *run.CaseResult) string {
	method, path := MethodPath(Leading(c))
	return strings.TrimSpace(method + " " + path)
}

// RouteOf is a case's leading request with what varies taken out: path segments
// that hold a digit become {}, the query goes.
func RouteOf(c *run.CaseResult) string {
	method, path := MethodPath(Leading(c))
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.ContainsAny(s, "0123456789") && !isVersion(s) {
			segments[i] = "{}"
		}
	}
	return strings.TrimSpace(method + " " + strings.Join(segments, "/"))
}

// isVersion tells v2 from an id.
func isVersion(s string) bool {
	return len(s) > 1 && len(s) <= 3 && (s[0] == 'v' || s[0] == 'V') && strings.Trim(s[1:], "0123456789") == ""
}
