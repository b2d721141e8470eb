package redact

import (
	"io"
	"sync"
)

// A JSONWriter replaces secrets in JSON that is written through it. Only the text
// of strings that are not member names is looked at, so that a secret that looks
// like a number cannot break the file.
func (r *Redactor) JSONWriter(to io.Writer) *jsonStream { return &jsonStream{r: r, w: to} }

// A jsonStream replaces secrets in the string values of JSON written through it.
type jsonStream struct {
	r  *Redactor
	mu sync.Mutex // guards everything below
	w  io.Writer
	// text is the string being read, from its quote; held is a whole string that
	// may be a member's name, with the white space after it.
	text, held []byte
	inside     bool
	escaped    bool
	out        []byte
}

// Write takes p whole, or returns the error of the writer below.
func (s *jsonStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range p {
		s.take(c)
	}
	if err := s.drain(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was held back.
func (s *jsonStream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A string that is not over is the end of a text that was cut off.
	s.release(false)
	s.out = append(s.out, s.r.JSON(s.text)...)
	s.text = nil
	return s.drain()
}

// drain writes what is ready.
func (s *jsonStream) drain() error {
	if len(s.out) == 0 {
		return nil
	}
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	return err
}

// take follows the JSON by one byte: the text of a string is gathered until its closing quote, so
// that a secret is found across writes.
func (s *jsonStream) take(c byte) {
	// Inside a string everything is gathered; a quote that is not escaped ends it. What follows
	// says whether the string was the name of a member: a colon does. Names are this program's
	// words and stay.
	switch {
	case s.inside:
		s.text = append(s.text, c)
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.held, s.text, s.inside = append(s.held, s.text...), s.text[:0], false
		}
	case c == '"':
		s.release(false)
		s.text, s.inside = append(s.text[:0], c), true
	case len(s.held) > 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
		s.held = append(s.held, c)
	default:
		s.release(c == ':')
		s.out = append(s.out, c)
	}
}

// release writes a held string: as it is when it names a member.
func (s *jsonStream) release(name bool) {
	if name {
		s.out = append(s.out, s.held...)
	} else if len(s.held) > 0 {
		s.out = append(s.out, s.r.JSON(s.held)...)
	}
	s.held = s.held[:0]
}
