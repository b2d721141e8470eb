package double

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
)

const (
	maxValues = 500 // values that are carried over for a client; further ones are not learned
	shortest  = 8   // characters of a value that is carried over wherever it appears
)

// A session is what a client's answers gave on the answering side, and what the other side
// gave in its place. It belongs to one worker.
//
//  1. Values of answers (tokens, ids) of shortest characters or more are replaced wherever
//     the client sends them, the longest first.
//  2. Cookies are replaced by name, and only in the field Cookie: theirs may be short.
type session struct {
	other    map[string]string
	cookies  map[string][2]string // by name: of the answering side, of the other
	replacer *strings.Replacer    // of other; nil: it has grown since
}

func newSession() *session {
	return &session{other: map[string]string{}, cookies: map[string][2]string{}}
}

// learn pairs the values of two answers to one request.
func (s *session) learn(answering, other *wire.Exchange) {
	theirs := cookiesOf(other)
	for name, value := range cookiesOf(answering) {
		if to, ok := theirs[name]; ok && (len(s.cookies) < maxValues || s.cookies[name][0] != "") {
			s.cookies[name] = [2]string{value, to}
			s.pair(value, to)
		}
	}
	var a, b any
	if json.Unmarshal(answering.Answer, &a) == nil && json.Unmarshal(other.Answer, &b) == nil {
		s.walk(a, b, 0)
	}
}

// cookiesOf are the cookies that an answer sets.
func cookiesOf(x *wire.Exchange) map[string]string {
	out := map[string]string{}
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, "Set-Cookie") {
			pair, _, _ := strings.Cut(f.Value, ";")
			name, value, _ := strings.Cut(pair, "=")
			out[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return out
}

func (s *session) walk(a, b any, depth int) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok && depth < 20 {
			for name, v := range a {
				s.walk(v, b[name], depth+1)
			}
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) && depth < 20 {
			for i := range a {
				s.walk(a[i], b[i], depth+1)
			}
		}
	case string:
		if b, ok := b.(string); ok {
			s.pair(a, b)
		}
	}
}

// pair remembers a value. One that is learned again has a new counterpart: that of the
// newest session counts.
func (s *session) pair(a, b string) {
	if a == b || len(a) < shortest || b == "" || strings.ContainsAny(a, " \n") {
		return
	}
	if old, known := s.other[a]; known && old == b || !known && len(s.other) >= maxValues {
		return
	}
	s.other[a], s.replacer = b, nil
}

// carry puts the other side's values into a text; any reports whether it held one.
func (s *session) carry(text string) (out string, any bool) {
	if len(s.other) == 0 {
		return text, false
	}
	if s.replacer == nil {
		keys := make([]string, 0, len(s.other))
		for a := range s.other {
			keys = append(keys, a)
		}
		slices.SortFunc(keys, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
		var pairs []string
		for _, a := range keys {
			pairs = append(pairs, a, s.other[a])
		}
		s.replacer = strings.NewReplacer(pairs...)
	}
	out = s.replacer.Replace(text)
	return out, out != text
}

// carryField is carry for a field of a request (rule 2 for Cookie).
func (s *session) carryField(name, value string) string {
	if !strings.EqualFold(name, "Cookie") {
		out, _ := s.carry(value)
		return out
	}
	pairs := strings.Split(value, ";")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if to, ok := s.cookie(strings.TrimSpace(name), strings.TrimSpace(value)); ok {
			pairs[i] = name + "=" + to
		}
	}
	return strings.Join(pairs, ";")
}

// cookie is what the other side set in place of a cookie.
func (s *session) cookie(name, value string) (string, bool) {
	if c, ok := s.cookies[name]; ok && c[0] == value {
		return c[1], true
	}
	return s.carry(value)
}

// knows reports whether the other side gave a value in place of the credential.
func (s *session) knows(c credential) bool {
	if c.cookie != "" {
		_, ok := s.cookie(c.cookie, c.value)
		return ok
	}
	_, ok := s.carry(c.value)
	return ok
}
