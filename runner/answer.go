package runner

import (
	"bytes"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
)

// An answer is one side's exchange as expectations and captures look at it.
type answer struct {
	*wire.Exchange
	validated bool
	invalid   error
	hidden    hiddenValues
	twin      *answer // has the same bytes; what is known of it holds here too
}

func newAnswer(x *wire.Exchange) *answer {
	if x == nil {
		return nil
	}
	return &answer{Exchange: x}
}

// body is the body as valid JSON, or the error that says why it is none. It is
// parsed strictly, once.
func (a *answer) body() ([]byte, error) {
	if a.twin != nil {
		_, err := a.twin.body()
		return a.Answer, err
	}
	if !a.validated {
		a.validated, a.invalid = true, diff.Validate(a.Answer)
	}
	return a.Answer, a.invalid
}

// header returns all values of a header.
func (a *answer) header(name string) []string {
	var out []string
	for _, f := range a.Headers {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// first returns the first value of a header, or "".
func (a *answer) first(name string) string {
	for _, f := range a.Headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// cookie finds the value that a Set-Cookie header gave a cookie.
func (a *answer) cookie(name string) (string, bool) {
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

// message is the answer as the comparison sees it.
func (a *answer) message() *diff.Message {
	m := &diff.Message{Status: a.Status, Body: a.Answer, ContentType: a.first("Content-Type"), Bodiless: a.Method == "HEAD"}
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
func (a *answer) bodiless() bool {
	return a.Method == "HEAD" || a.Status == 204 || a.Status == 205 || a.Status == 304
}

// whole reports whether the body itself shows that it is complete: JSON that
// closes what it opened. A number may go on.
func (a *answer) whole() bool {
	if _, err := a.body(); err != nil {
		return len(a.Answer) == 0
	}
	text := bytes.TrimRight(a.Answer, " \t\r\n")
	return len(text) == 0 || text[len(text)-1] < '0' || text[len(text)-1] > '9'
}
