package judge

import (
	"bytes"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/wire"
)

// An Answer is one side's exchange as expectations, captures and the comparison look at
// it. Its body is read at most once, when the first of them asks for it, and what was
// read serves all of them. It is not safe for concurrent use.
type Answer struct {
	*wire.Exchange
	Hidden  HiddenValues
	reading *reading
}

// A reading is a body as the comparison reads it, and why it cannot be read.
type reading struct {
	media.Doc
	done   bool       // the body has been read
	source []byte     // the body
	value  diff.Value // of Doc.JSON; absent where err is set
	err    error
}

// NewAnswer is an answer of which nothing has been read yet; nil for a side without an exchange.
func NewAnswer(x *wire.Exchange) *Answer {
	if x == nil {
		return nil
	}
	return &Answer{Exchange: x, reading: &reading{}}
}

// Forget gives back the memory of what was read of the body, which is a few times the
// size of the body. It is read again when it is asked for again.
func (a *Answer) Forget() {
	if a != nil {
		a.reading = &reading{}
	}
}

// exchange is what came back; nil for no answer.
func (a *Answer) exchange() *wire.Exchange {
	if a == nil {
		return nil
	}
	return a.Exchange
}

// withHidden is the answer with the hidden values of its pair.
func (a *Answer) withHidden(values HiddenValues) *Answer {
	if a == nil {
		return nil
	}
	own := *a
	own.Hidden = values
	return &own
}

// shareReading makes one reading serve two answers with the same body and type.
func shareReading(blue, green *Answer) {
	if blue == nil || green == nil || !bytes.Equal(blue.Answer, green.Answer) || blue.first("Content-Type") != green.first("Content-Type") {
		return
	}
	if !blue.reading.done && green.reading.done {
		blue.reading = green.reading
		return
	}
	green.reading = blue.reading
}

// read reads the body. Bytes that are compared as bytes and are JSON all the same are
// read as that JSON, so that paths lead into it.
func (a *Answer) read() *reading {
	r := a.reading
	if r.done {
		return r
	}
	r.done, r.source = true, a.Answer
	r.Doc, r.err = media.Read(a.Answer, a.first("Content-Type"))
	if r.Kind == media.Binary {
		if v, err := diff.ReadStrict(a.Answer); err == nil {
			r.JSON, r.Kind, r.value, r.err = a.Answer, media.JSON, v, nil
			return r
		}
	}
	if r.err == nil {
		r.value, r.err = diff.ReadStrict(r.JSON)
	}
	return r
}

// body is the body as a JSON value, or the error that says why there is none.
func (a *Answer) body() (diff.Value, error) {
	r := a.read()
	return r.value, r.err
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

// readMessage is Message with what was read of the body, so that the comparison does
// not read it again. Do not keep it: it holds more memory than the body.
func (a *Answer) readMessage() *diff.Message {
	m := a.Message()
	if r := a.reading; r.done {
		m.Body, m.Read = r.source, r.value
	}
	return m
}

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
