package judge

import (
	"bytes"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/wire"
)

// An Answer is one side's exchange as expectations and captures look at it.
type Answer struct {
	*wire.Exchange
	reading *reading
	Hidden  HiddenValues
	twin    *Answer // has the same bytes and content type: one reading serves both
}

// A reading is a body as the comparison reads it, and why it cannot be read.
type reading struct {
	media.Doc
	err error
}

func NewAnswer(x *wire.Exchange) *Answer {
	if x == nil {
		return nil
	}
	return &Answer{Exchange: x}
}

// read reads the body, once. Its tree is valid JSON unless err is set. Bytes that
// are compared as bytes and are JSON all the same have the tree of that JSON, so
// that paths lead into it.
func (a *Answer) read() *reading {
	if a.twin != nil {
		return a.twin.read()
	}
	if a.reading == nil {
		doc, err := media.Read(a.Answer, a.first("Content-Type"))
		if doc.Kind == media.Binary && diff.Validate(a.Answer) == nil {
			doc.JSON, doc.Kind, err = a.Answer, media.JSON, nil
		}
		if err == nil {
			err = diff.Validate(doc.JSON)
		}
		a.reading = &reading{doc, err}
	}
	return a.reading
}

// body is the tree of the body as JSON, or the error that says why there is none.
func (a *Answer) body() ([]byte, error) {
	r := a.read()
	return r.JSON, r.err
}

// text is the body as text in UTF-8; as received where it is not text.
func (a *Answer) text() []byte {
	if t := a.read().Text; t != nil {
		return t
	}
	return a.Answer
}

// isJSON reports whether the body itself is valid JSON in UTF-8.
func (a *Answer) isJSON() bool {
	r := a.read()
	return r.Kind == media.JSON && r.err == nil && len(r.JSON) == len(a.Answer)
}

// header returns all values of a header.
func (a *Answer) header(name string) []string {
	var out []string
	for _, f := range a.Headers {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// first returns the first value of a header, or "".
func (a *Answer) first(name string) string {
	for _, f := range a.Headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// cookie finds the value that a Set-Cookie header gave a cookie.
func (a *Answer) cookie(name string) (string, bool) {
	for _, v := range a.header("Set-Cookie") {
		pair, _, _ := strings.Cut(v, ";")
		if n, value, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// trailerName begins the name under which a trailer is compared: no header
// field can have it, so that a field that moves behind the body is a difference.
const trailerName = "trailer:"

// Message is the answer as the comparison sees it.
func (a *Answer) Message() *diff.Message {
	m := &diff.Message{Status: a.Status, Body: a.Answer, ContentType: a.first("Content-Type"), Bodiless: a.Method == "HEAD"}
	if !a.Started.IsZero() {
		m.At = a.Started.Add(a.Timing.Total)
	}
	m.Headers = make([]diff.Header, len(a.Headers), len(a.Headers)+len(a.Trailers))
	for i, f := range a.Headers {
		m.Headers[i] = diff.Header{Name: f.Name, Value: f.Value}
	}
	for _, f := range a.Trailers {
		m.Headers = append(m.Headers, diff.Header{Name: trailerName + f.Name, Value: f.Value})
	}
	return m
}

// bodiless reports whether HTTP gives this answer no body.
func (a *Answer) bodiless() bool {
	return a.Method == "HEAD" || a.Status == 204 || a.Status == 205 || a.Status == 304
}

// whole reports whether the body itself shows that it is complete: JSON that
// closes what it opened. A number may go on.
func (a *Answer) whole() bool {
	if !a.isJSON() {
		return len(a.Answer) == 0
	}
	text := bytes.TrimRight(a.Answer, " \t\r\n")
	return len(text) == 0 || text[len(text)-1] < '0' || text[len(text)-1] > '9'
}
