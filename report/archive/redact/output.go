package redact

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Output is what a text may be shown as that another program has printed: without known
// secrets, also where the end of the text was cut off, and without who a URL in it signs in as.
func (r *Redactor) Output(s string) string { return r.CutString(r.userinfo(s)) }

// A Screen shows what another program prints, as it comes, by the rule of Output. It holds back
// only what may be the beginning of a secret or is a URL that has not ended; Flush
// shows that too. It is safe for concurrent use.
type Screen struct {
	r    *Redactor
	mu   sync.Mutex // guards held, and the order of writes
	held []byte
	to   *Stream
}

// Screen shows what is written to it on w.
func (r *Redactor) Screen(w io.Writer) *Screen { return &Screen{r: r, to: r.Writer(w)} }

// Hide is Output of the redactor.
func (s *Screen) Hide(text string) string { return s.r.Output(text) }

// mostURL bounds the text of a URL that is held back, in bytes.
const mostURL = 8 << 10

// Write takes p whole, or returns the error of the writer below.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, p...)
	n := len(s.held)
	switch at := bytes.LastIndex(s.held, []byte("://")); {
	case at >= 0 && !bytes.ContainsAny(s.held[at+3:], userinfoEnds) && n-at <= mostURL:
		n = at
	case bytes.HasSuffix(s.held, []byte(":/")):
		n -= 2
	case bytes.HasSuffix(s.held, []byte(":")):
		n--
	}
	if err := s.pass(n); err != nil {
		return 0, err
	}
	return len(p), nil
}

// pass shows the first n bytes of what is held.
func (s *Screen) pass(n int) error {
	_, err := io.Copy(s.to, strings.NewReader(s.r.userinfo(string(s.held[:n]))))
	s.held = append(s.held[:0], s.held[n:]...)
	return err
}

// Flush shows what was held back.
func (s *Screen) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.pass(len(s.held)); err != nil {
		return err
	}
	return s.to.Flush()
}
