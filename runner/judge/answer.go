package judge

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/wire"
)

// An Answer is one side's exchange as expectations, captures and the comparison look at
// it. Its body is read at most once, when the first of them asks for it, and what was
// read serves all of them. It is not safe for concurrent use.
// The reading is shared by copies of the answer, so a copy costs nothing.
type Answer struct {
	// Exchange is the request that was sent with what came back. It is not changed.
	*wire.Exchange
	// Hidden are the values that an archive did not keep; empty in a run that sends.
	Hidden  HiddenValues
	reading *reading
}

// A reading is a body as the comparison reads it, and why it cannot be read.
type reading struct {
	// Doc says what kind of body it is, with its JSON form, its text, or both.
	media.Doc
	done   bool       // the body has been read
	source []byte     // the body
	value  diff.Value // of Doc.JSON; absent where err is set
	err    error
}

// NewAnswer is an answer of which nothing has been read yet; nil for a side without an
// exchange. The exchange is kept and not copied, so it must not change while the answer is in
// use.
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

// exchange is what came back; nil for no answer. It lets callers ask without testing for nil.
func (a *Answer) exchange() *wire.Exchange {
	if a == nil {
		return nil
	}
	return a.Exchange
}

// withHidden is the answer with the hidden values of its pair. The copy shares the reading of
// the original, so that nothing is read twice.
func (a *Answer) withHidden(values HiddenValues) *Answer {
	if a == nil {
		return nil
	}
	own := *a
	own.Hidden = values
	return &own
}

// shareReading makes one reading serve two answers with the same body and type. Equal bodies
// are what most pairs have, and reading them is the largest part of judging. The type has to
// agree too, because it decides how the bytes are read.
func shareReading(blue, green *Answer) {
	if blue == nil || green == nil || !bytes.Equal(blue.Answer, green.Answer) || blue.first("Content-Type") != green.first("Content-Type") {
		return
	}
	// Whichever side was read already gives the reading to the other.
	if !blue.reading.done && green.reading.done {
		blue.reading = green.reading
		return
	}
	green.reading = blue.reading
}

// read reads the body. Bytes that are compared as bytes and are JSON all the same are read as
// that JSON, so that paths lead into it. An error is kept with the reading: a body that is not
// valid is not read again either.
func (a *Answer) read() *reading {
	r := a.reading
	if r.done {
		return r
	}
	r.done, r.source = true, a.Answer
	r.Doc, r.err = media.Read(a.Answer, a.first("Content-Type"))
	// ReadStrict refuses duplicate names and other doubtful JSON, so that bytes are taken for
	// JSON only where all readers agree.
	if r.Kind == media.Binary {
		if v, err := diff.ReadStrict(a.Answer); err == nil {
			r.JSON, r.Kind, r.value, r.err = a.Answer, media.JSON, v, nil
			return r
		}
	}
	// Other kinds, such as XML and forms, have a JSON form made by package media.
	if r.err == nil {
		r.value, r.err = diff.ReadStrict(r.JSON)
	}
	return r
}

// body is the body as a JSON value, or the error that says why there is none. The value is
// absent where there is an error.
func (a *Answer) body() (diff.Value, error) {
	r := a.read()
	return r.value, r.err
}

// text is the body as text in UTF-8; as received where it is not text. Text in another
// character set was converted, so an expectation need not know of it.
func (a *Answer) text() []byte {
	if t := a.read().Text; t != nil {
		return t
	}
	return a.Answer
}

// isJSON reports whether the body itself is valid JSON in UTF-8. A body that was converted, or
// that had a byte order mark taken off, has another length and is not: mutants of its bytes
// would not be what came over the wire.
func (a *Answer) isJSON() bool {
	r := a.read()
	return r.Kind == media.JSON && r.err == nil && len(r.JSON) == len(a.Answer)
}

// header returns all values of a header. Names are compared without letter case (RFC 9110,
// 5.1). The order is that of the answer.
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
	value, _ := wire.Header(a.Headers, name)
	return value
}

// cookie finds the value that a Set-Cookie header gave a cookie. Where several headers set it,
// the last one counts, as for a client.
func (a *Answer) cookie(name string) (value string, found bool) {
	value, _, found = a.setCookie(name)
	return value, found
}

// setCookie is cookie with the attributes that follow.
func (a *Answer) setCookie(name string) (value, attributes string, found bool) {
	for _, v := range a.header("Set-Cookie") {
		pair, rest, _ := strings.Cut(v, ";")
		if n, text, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(n) == name {
			value, attributes, found = strings.TrimSpace(text), rest, true
		}
	}
	return value, attributes, found
}

// deletesCookie reports whether the answer sets a cookie that is over at once, by which clients
// are made to forget it (RFC 6265, 5.2.2: Max-Age wins over Expires).
func (a *Answer) deletesCookie(name string) bool {
	_, attributes, _ := a.setCookie(name)
	over := false
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, text, _ := strings.Cut(strings.TrimSpace(attribute), "=")
		switch {
		case strings.EqualFold(key, "Max-Age"):
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				return seconds <= 0
			}
		case strings.EqualFold(key, "Expires"):
			at, err := parseDate(strings.ReplaceAll(text, "-", " "))
			over = err == nil && !at.After(a.Started)
		}
	}
	return over
}

// trailerName begins the name under which a trailer is compared: no header
// field can have it, so that a field that moves behind the body is a difference.
const trailerName = "trailer:"

// readMessage is Message with what was read of the body, so that the comparison does
// not read it again. Do not keep it: it holds more memory than the body.
func (a *Answer) readMessage() *diff.Message {
	m := a.Message()
	// The source is what was read, which must be the body that the message has.
	if r := a.reading; r.done {
		m.Body, m.Read = r.source, r.value
	}
	return m
}

// Message is the answer as the comparison sees it. Trailers follow the headers, under their own
// names. At is the time when the last byte came, for rules that compare times; it is zero for
// an answer that was never sent.
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

// bodiless reports whether HTTP gives this answer no body. Whatever such an answer carries is
// not a body (RFC 9110, 6.4.1 and 15.3.5, 15.3.6, 15.4.5).
func (a *Answer) bodiless() bool {
	return a.Method == "HEAD" || a.Status == 204 || a.Status == 205 || a.Status == 304
}

// whole reports whether the body itself shows that it is complete: JSON that closes what it
// opened. A number may go on. It serves answers that ended with the connection, for which HTTP
// gives no length. A body that is not JSON is only known to be whole where it is empty.
func (a *Answer) whole() bool {
	if !a.isJSON() {
		return len(a.Answer) == 0
	}
	// 123 may be the beginning of 1234, so a number at the end shows nothing.
	text := bytes.TrimRight(a.Answer, " \t\r\n")
	return len(text) == 0 || text[len(text)-1] < '0' || text[len(text)-1] > '9'
}
