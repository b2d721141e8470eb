package source

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// A PairView is the exchanges of a step, as far as the archive kept them. A side that was not
// asked, or was not kept, is nil.
type PairView struct {
	Blue, Green *wire.Exchange
}

// Pair reads the exchanges of a step back; nil where there are none. The last one read is kept,
// since every format asks for the same in turn. It is not safe for concurrent use. A pair that
// cannot be read is nil, as one that was not kept: a report is written without it.
func (s *Run) Pair(key string) *PairView {
	if key == "" || s.Result.Pair == nil {
		return nil
	}
	if s.lastKey == key {
		return s.lastPair
	}
	// The key is kept before reading, so that a pair that fails is not read again.
	s.lastKey, s.lastPair = key, nil
	if p, err := s.Result.Pair(key); err == nil && p != nil {
		s.lastPair = &PairView{p.Blue, p.Green}
	}
	return s.lastPair
}

// Leading is the step that a case is shown by: the first that did not pass, or its first. nil
// when the case has none. Later steps often fail because an earlier one did.
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

// MethodPath is what a step asked for, without the side. Blue's request is taken where there is
// one, since both sides get the same. Both are empty for a step that was not sent.
func MethodPath(s *run.StepResult) (method, path string) {
	if s == nil {
		return "", ""
	}
	// A case may have asked green alone, as a crossover does at some steps.
	side := s.Green
	if s.Blue != nil {
		side = s.Blue
	}
	if side == nil {
		return "", ""
	}
	return side.Method, pathOf(side.URL)
}

// pathOf is a URL without scheme, authority and fragment. Escapes are undone where the path
// stays the same for a reader: not if ?, # or % would appear.
func pathOf(raw string) string {
	u, err := url.Parse(raw)
	// A URL of a case may be wrong on purpose. It is then shown as far as it can be.
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
	// An empty path asks for the root.
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + readable(u.RawQuery)
	}
	return path
}

// Escaped bytes from 0x80 on, as runs: a character beyond ASCII is several of them.
var escapedText = regexp.MustCompile(`(?:%[89A-Fa-f][0-9A-Fa-f])+`)

// readable decodes what a query escapes beyond ASCII, so that Korean reads as Korean.
// Bytes that are not UTF-8 stay escaped.
func readable(query string) string {
	return escapedText.ReplaceAllStringFunc(query, func(s string) string {
		if text, err := url.PathUnescape(s); err == nil && utf8.ValidString(text) {
			return text
		}
		return s
	})
}

// RequestLine is a case's leading request: GET /v2/channels. It is empty for a case without a
// step that was sent.
func RequestLine(c *run.CaseResult) string {
	method, path := MethodPath(Leading(c))
	return strings.TrimSpace(method + " " + path)
}

// RouteOf is a case's leading request with what varies taken out: path segments that hold a
// digit become {}, the query goes. It groups cases that ask for the same thing under different
// ids.
func RouteOf(c *run.CaseResult) string {
	method, path := MethodPath(Leading(c))
	// Ids have digits as a rule, and names of resources do not.
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.ContainsAny(s, "0123456789") && !isVersion(s) {
			segments[i] = "{}"
		}
	}
	return strings.TrimSpace(method + " " + strings.Join(segments, "/"))
}

// isVersion tells v2 from an id. A version has one or two digits.
func isVersion(s string) bool {
	return len(s) > 1 && len(s) <= 3 && (s[0] == 'v' || s[0] == 'V') && strings.Trim(s[1:], "0123456789") == ""
}
