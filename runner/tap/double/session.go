package double

import (
	"encoding/json"
	"strings"

	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
)

// What is remembered of sessions. All workers together keep workers * maxMemory.
const (
	maxValues  = 500       // values of a client: those that it sent last are kept
	shortest   = 8         // bytes of a value that is carried over wherever it appears
	longest    = 4 << 10   // bytes of a value or cookie; a longer one is not learned
	maxSession = 128 << 10 // bytes of the values of a client, and of its cookies
	maxMemory  = 4 << 20   // bytes of all clients of one worker
	entrySize  = 200       // bytes that a cookie costs in addition
)

// A session is what a client's answers gave on the answering side, and what the other side
// gave in its place. It belongs to one worker.
//
//  1. Values of answers (tokens, ids) of shortest bytes or more are replaced wherever
//     the client sends them, the longest first.
//  2. Cookies are replaced by name, and only in the field Cookie: theirs may be short.
type session struct {
	values  *tap.Replacer
	cookies map[string][2]string // by name: of the answering side, of the other
	client  string
	weight  int // bytes of the cookies
	used    int // turn of the worker
}

// newSession is that of a client of which nothing is known yet.
func newSession() *session {
	return &session{values: tap.NewReplacer(tap.ReplacerLimits{Shortest: shortest, Longest: longest, Values: maxValues, Bytes: maxSession}), cookies: map[string][2]string{}}
}

// size is about how many bytes it takes.
func (s *session) size() int { return 1<<10 + s.values.Size() + s.weight }

// sessions are those of the clients of one worker. A client whose session was forgotten is not
// compared until it signs in again: what it sends belongs to one side alone.
type sessions struct {
	of   map[string]*session
	turn int
	size int // of all
	lost map[string]bool
	many bool // more clients than lost has room for were forgotten
}

// newSessions are those of one worker, which alone uses them.
func newSessions() *sessions { return &sessions{of: map[string]*session{}, lost: map[string]bool{}} }

// maxLost bounds the forgotten clients that are known by their address.
const maxLost = 2000

// get is the session of a client; false: it was forgotten, unless the client signs in now.
func (l *sessions) get(client string, signIn bool) (*session, bool) {
	s := l.of[client]
	switch {
	case s == nil && (l.lost[client] || l.many) && !signIn:
		return nil, false
	case s == nil:
		s = newSession()
		s.client = client
		l.of[client] = s
		l.size += s.size()
		delete(l.lost, client)
	}
	l.turn++
	s.used = l.turn
	return s, true
}

// trim forgets the sessions that were quiet for longest, where all together are too large, and
// returns how many. before is the size that the session of the latest turn had; where nothing was
// learned there is no session to forget, and the client stays one that may be compared.
func (l *sessions) trim(s *session, before int) (forgotten int) {
	l.size += s.size() - before
	if s.values.Size()+s.weight == 0 {
		l.size -= s.size()
		delete(l.of, s.client)
	}
	for ; l.size > maxMemory; forgotten++ {
		oldest := ""
		for client, other := range l.of {
			if oldest == "" || other.used < l.of[oldest].used {
				oldest = client
			}
		}
		l.size -= l.of[oldest].size()
		delete(l.of, oldest)
		if l.many = l.many || len(l.lost) >= maxLost; !l.many {
			l.lost[oldest] = true
		}
	}
	return forgotten
}

// learn pairs the values of two answers to one request.
func (s *session) learn(answering, other *wire.Exchange) {
	theirs := cookiesOf(other)
	for name, value := range cookiesOf(answering) {
		to, ok := theirs[name]
		if !ok {
			continue
		}
		old, known := s.cookies[name]
		if len(name)+len(value)+len(to) > longest || !known && (len(s.cookies) >= maxValues || s.weight >= maxSession) {
			continue
		}
		s.weight += len(value) + len(to) - len(old[0]) - len(old[1])
		if !known {
			s.weight += len(name) + entrySize
		}
		s.cookies[name] = [2]string{value, to}
		s.pair(value, to)
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

// walk pairs the texts at the same place of two documents. Lists of different lengths are
// passed over: nothing says which elements belong together. Below 20 levels nothing is learned.
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
	if a != b && len(a) >= shortest && b != "" && !strings.ContainsAny(a, " \n") {
		s.values.Set(a, b)
	}
}

// carry puts the other side's values into a text.
func (s *session) carry(text string) string { return s.values.Replace(text) }

// carryField is carry for a field of a request (rule 2 for Cookie).
func (s *session) carryField(name, value string) string {
	if !strings.EqualFold(name, "Cookie") {
		return s.carry(value)
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
	to := s.carry(value)
	return to, to != value
}

// knows reports whether the other side gave a value in place of the credential.
func (s *session) knows(c credential) bool {
	if c.cookie != "" {
		_, ok := s.cookie(c.cookie, c.value)
		return ok
	}
	return s.carry(c.value) != c.value
}
