package double

import (
	"encoding/json"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
)

const (
	maxValues = 500 // values that are carried over for a client; further ones are not learned
	shortest  = 8   // characters of a value that is carried over
)

// A session is what a client's answers gave on the answering side, and what the
// other side gave in its place: tokens, cookies, ids. It belongs to one worker.
type session struct{ other map[string]string }

// learn pairs the values of two answers to one request.
func (s *session) learn(answering, other *wire.Exchange) {
	cookies := func(x *wire.Exchange) map[string]string {
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
	theirs := cookies(other)
	for name, value := range cookies(answering) {
		s.pair(value, theirs[name], 1)
	}
	var a, b any
	if json.Unmarshal(answering.Answer, &a) == nil && json.Unmarshal(other.Answer, &b) == nil {
		s.walk(a, b, 0)
	}
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
			s.pair(a, b, shortest)
		}
	}
}

func (s *session) pair(a, b string, least int) {
	if a == b || len(a) < least || b == "" || strings.ContainsAny(a, " \n") {
		return
	}
	if _, known := s.other[a]; known || len(s.other) < maxValues {
		s.other[a] = b
	}
}

// carry puts the other side's values into a text; all reports whether it held one.
func (s *session) carry(text string) (out string, any bool) {
	if to, ok := s.other[text]; ok {
		return to, true
	}
	for a, b := range s.other {
		if len(a) >= shortest && strings.Contains(text, a) {
			text, any = strings.ReplaceAll(text, a, b), true
		}
	}
	return text, any
}
