package attack

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/wire"
)

// lookAt is how much of an answer's body an Accept sees: what fails in a hurry
// answers in few bytes.
const lookAt = 512

// classContent is the failure of an answer that came and is none.
const classContent wire.Class = "content"

// An Answer is the beginning of an answer under load, as an Accept looks at it.
type Answer struct {
	Status int
	Header http.Header
	Start  []byte // of the decoded body, at most lookAt bytes
	Whole  bool   // Start is all of it
	Coded  bool   // it has a coding that is not undone here: Start says nothing
}

// A look collects the beginning of a body for an Accept.
type look struct {
	accept func(*Answer) string
	answer Answer
}

func newLook(accept func(*Answer) string, resp *http.Response) *look {
	return &look{accept, Answer{Status: resp.StatusCode, Header: resp.Header, Whole: true}}
}

// take notes what was read.
func (l *look) take(p []byte) {
	room := lookAt - len(l.answer.Start)
	if len(p) > room {
		p, l.answer.Whole = p[:room], false
	}
	l.answer.Start = append(l.answer.Start, p...)
}

// end says why the answer, read to its end, is none; nil when it is one.
func (l *look) end() error {
	a := &l.answer
	coding := strings.ToLower(strings.TrimSpace(a.Header.Get("Content-Encoding")))
	switch {
	case coding == "" || coding == "identity" || len(a.Start) == 0:
	case coding == "gzip" && a.Whole:
		a.Start, a.Whole = gunzip(a.Start)
		a.Coded = a.Start == nil
	default:
		a.Coded = true
	}
	if why := l.accept(a); why != "" {
		return &sendError{classContent, why}
	}
	return nil
}

var gunzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// gunzip decodes a small body; whole says that nothing is missing.
func gunzip(body []byte) (start []byte, whole bool) {
	z := gunzippers.Get().(*gzip.Reader)
	defer gunzippers.Put(z)
	if z.Reset(bytes.NewReader(body)) != nil {
		return nil, false
	}
	start = make([]byte, lookAt+1)
	n, err := io.ReadFull(z, start)
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return start[:n], true
	case nil:
		return start[:lookAt], false
	}
	return nil, false
}

// A hollow counts the answers of a side that an Accept refused.
type hollow struct {
	n     int
	first string
}

func (h *hollow) add(why string) {
	if h.n++; h.n == 1 {
		h.first = why
	}
}
