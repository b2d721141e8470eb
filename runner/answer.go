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

// message is the answer as the comparison sees it.
func (a *answer) message() *diff.Message {
	m := &diff.Message{Status: a.Status, Body: a.Answer, ContentType: a.first("Content-Type")}
	m.Headers = make([]diff.Header, len(a.Headers))
	for i, f := range a.Headers {
		m.Headers[i] = diff.Header{Name: f.Name, Value: f.Value}
	}
	return m
}

// bodiless reports whether HTTP gives this answer no body.
func (a *answer) bodiless() bool {
	return a.Method == "HEAD" || a.Status == 204 || a.Status == 205 || a.Status == 304
}

// whole reports whether the body itself shows that it is complete: JSON that
// closes what it opened.
func (a *answer) whole() bool {
	_, err := a.body()
	return err == nil || len(a.Answer) == 0
}

// isHTML reports whether the answer is a page, declared or by its first bytes.
func (a *answer) isHTML() bool {
	declared := strings.ToLower(a.first("Content-Type"))
	if strings.HasPrefix(declared, "text/html") || strings.HasPrefix(declared, "application/xhtml") {
		return true
	}
	start := bytes.ToLower(bytes.TrimLeft(a.Answer[:min(len(a.Answer), 512)], "\xef\xbb\xbf \t\r\n"))
	for _, mark := range []string{"<!doctype html", "<html", "<head>", "<body"} {
		if bytes.HasPrefix(start, []byte(mark)) {
			return true
		}
	}
	return false
}
