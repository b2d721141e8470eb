package redact

import (
	"io"
	"sync"
)

// A Stream replaces the secrets in what is written through it, also those that
// are split over several writes. It holds back only what may be the beginning
// of a secret; Flush writes that too. It is safe for concurrent use.
type Stream struct {
	r  *Redactor
	mu sync.Mutex // guards w, held and err
	w  io.Writer
	// held is text that may begin a secret.
	held []byte
	err  error
}

// Writer replaces every secret in what is written through it. The result is a
// *Stream: what ends in the middle of a possible secret waits for its Flush.
func (r *Redactor) Writer(w io.Writer) *Stream { return &Stream{r: r, w: w} }

// Write takes p whole, or returns the error of the writer below.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	// What was held back is searched again with what is new: a secret may be split over any number
	// of writes.
	s.held = append(s.held, p...)
	matches := findAll(&Hider{r: s.r}, s.held, false)
	s.pass(s.r.safe(s.held, matches), matches)
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// Flush writes what was held back.
func (s *Stream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && len(s.held) > 0 {
		s.pass(len(s.held), findAll(&Hider{r: s.r}, s.held, false))
	}
	return s.err
}

// pass writes the first n held bytes, redacted. No match straddles n.
func (s *Stream) pass(n int, matches []match) {
	// A match that ends later is replaced when all of it can be written.
	for len(matches) > 0 && matches[len(matches)-1].end > n {
		matches = matches[:len(matches)-1]
	}
	out := s.held[:n]
	if len(matches) > 0 {
		out = []byte(s.r.replace(string(out), matches, markOpen, markClose))
	}
	if len(out) > 0 {
		_, s.err = s.w.Write(out)
	}
	s.held = append(s.held[:0], s.held[n:]...)
}

// safe is how many bytes of text can be written before more of it is known.
func (r *Redactor) safe(text []byte, matches []match) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	// What follows n may be the beginning of a secret and waits. A match that begins before n and
	// ends after it waits as a whole.
	n := r.begunEscaped(string(text), maxViews)
	for i := len(matches) - 1; i >= 0; i-- { // a match is written whole or not at all
		if matches[i].start < n && matches[i].end > n {
			n = matches[i].start
		}
	}
	return n
}

// begun is the smallest index from which text may be the beginning of a form.
// The caller holds the lock.
func (r *Redactor) begun(text string) int {
	// Only the last bytes matter: a form that began earlier is in the text as a whole, and was
	// found.
	for start := max(0, len(text)-max(r.longest, window)+1); start < len(text); start++ {
		end := text[start:]
		if len(end) < window {
			if len(r.forms) > 0 && r.starts[len(end)].has(end) {
				return start
			}
		} else if r.first.has(gram(end)) && r.begins(end) {
			return start
		}
		if len(end) <= window && r.beginsAlone(end) {
			return start
		}
	}
	return len(text)
}

// begins reports whether end is a proper beginning of a form.
func (r *Redactor) begins(end string) bool {
	for at := r.first.head(gram(end)); at >= 0; at = r.forms[at].nextFirst {
		f := &r.forms[at]
		if len(end) < int(f.length) && r.textOf(at)[:len(end)] == end {
			return true
		}
	}
	return false
}

// beginsAlone reports whether end may become a short secret: also a whole one
// waits for the byte after it.
func (r *Redactor) beginsAlone(end string) bool {
	for _, id := range r.alone {
		if value := r.secrets[id].value; len(end) <= len(value) && value[:len(end)] == end {
			return true
		}
	}
	return false
}
