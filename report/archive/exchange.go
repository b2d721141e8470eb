package archive

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// pairRecord is a pair as exchanges.ndjson keeps it.
type pairRecord struct {
	// Blue is nil when nothing was sent to blue.
	Blue *exchangeRecord `json:"blue,omitempty"`
	// Green is nil when nothing was sent to green.
	Green *exchangeRecord `json:"green,omitempty"`
	// Redacted says where in the pair secrets were replaced, and by which mark.
	Redacted []redact.Redaction `json:"redacted,omitempty"`
}

// exchangeRecord is an exchange as exchanges.ndjson keeps it. An absent body is
// nil, an empty one is the digest of nothing.
type exchangeRecord struct {
	Method string `json:"method"`
	// URL is the address with its query, secrets replaced.
	URL string `json:"url"`
	// Sent are the request headers in the order in which they were sent.
	Sent fieldRecords `json:"sent"`
	// Body is the request's; nil: it has none.
	Body *bodyRef `json:"body,omitempty"`
	// Started is when the request was handed to the transport.
	Started time.Time `json:"started"`
	// Timing is in nanoseconds.
	Timing wire.Timing `json:"timing"`
	// Status is 0 when no answer came.
	Status int    `json:"status,omitempty"`
	Proto  string `json:"proto,omitempty"`
	// Headers are the answer's, in the order received.
	Headers  fieldRecords `json:"headers,omitempty"`
	Trailers fieldRecords `json:"trailers,omitempty"`
	// Answer is the answer's body, decoded; nil: it has none.
	Answer *bodyRef `json:"answer,omitempty"`
	// WireBytes is the length of the body as received, still encoded.
	WireBytes int64 `json:"wire_bytes"`
	// Encoding is the content-encoding that was undone.
	Encoding string `json:"encoding,omitempty"`
	// Err is what failed, after the answer began or before.
	Err *wire.Err `json:"error,omitempty"`
	// Remote is the address that answered.
	Remote netip.AddrPort `json:"remote,omitzero"`
	// Reused says that an earlier request had opened the connection.
	Reused bool `json:"reused,omitempty"`
	// Attempts counts the requests sent for this exchange, retries included.
	Attempts int `json:"attempts"`
	// Certificate is the SHA-256 of the certificate that the server showed.
	Certificate string `json:"certificate,omitempty"`
	Unframed    bool   `json:"unframed,omitempty"`
	// Resets counts connections that were reset and tried again.
	Resets int `json:"resets,omitempty"`
	// Form is how the answer was written that other clients may not read.
	Form string `json:"form,omitempty"`
	// Streamed is how long a stream was read, in nanoseconds.
	Streamed time.Duration `json:"streamed,omitempty"`
}

// A fieldRecord is a header field: ["name","value"], or
// ["name","","base64"] when the value is not UTF-8.
type fieldRecord wire.Field

// fieldRecords are written by one call: most of an exchange's record is headers.
type fieldRecords []fieldRecord

// MarshalJSON writes each field as an array.
func (list fieldRecords) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 64*len(list)), '[')
	for i, f := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = text.AppendQuote(append(b, '['), f.Name)
		if utf8.ValidString(f.Value) {
			b = text.AppendQuote(append(b, ','), f.Value)
		} else {
			b = text.AppendQuote(append(b, `,"",`...), base64.StdEncoding.EncodeToString([]byte(f.Value)))
		}
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *fieldRecord) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	list = append(list, "", "", "")
	f.Name, f.Value = list[0], list[1]
	if list[2] != "" {
		raw, err := base64.StdEncoding.DecodeString(list[2])
		if err != nil {
			return err
		}
		f.Value = string(raw)
	}
	return nil
}

// A pairHider turns the exchanges of a pair into records without secrets.
type pairHider struct {
	*redact.Hider
	red    *redact.Redactor
	bodies *bodyStore
	found  []string // credentials in the pair's headers
	facts  []redact.Redaction
	alike  []string // cookies of the pair, see diff.AlikeCookies
}

// hidePair turns a pair into its record. It returns the credentials that the
// pair's headers carried.
func hidePair(r *redact.Redactor, bodies *bodyStore, p *run.Pair) (*pairRecord, []string, error) {
	h := &pairHider{red: r, bodies: bodies}
	for _, e := range []*wire.Exchange{p.Blue, p.Green} {
		if e != nil {
			h.collect(e)
		}
	}
	h.Hider = r.NewHider(h.found)
	if p.Blue != nil && p.Green != nil {
		at := [2]time.Time{p.Blue.Started, p.Green.Started}
		h.alike = diff.AlikeCookies(fieldValues(p.Blue.Headers, setCookie), fieldValues(p.Green.Headers, setCookie), at)
	}
	var rec pairRecord
	var err error
	if rec.Blue, err = h.exchange(p.Blue, "blue"); err != nil {
		return nil, nil, err
	}
	if rec.Green, err = h.exchange(p.Green, "green"); err != nil {
		return nil, nil, err
	}
	rec.Redacted = h.facts
	slices.Sort(h.found)
	return &rec, slices.Compact(h.found), nil
}

// collect finds the credentials in an exchange's headers.
func (h *pairHider) collect(e *wire.Exchange) {
	for _, list := range [][]wire.Field{e.Sent, e.Headers, e.Trailers} {
		for _, f := range list {
			if h.red.Credential(f.Name) {
				_, found := h.red.HeaderCredentials(f.Name, f.Value)
				h.found = append(h.found, found...)
			}
		}
	}
}

// exchange makes the record of one side: every text in it is searched for secrets, and
// its bodies are kept.
func (h *pairHider) exchange(e *wire.Exchange, side string) (*exchangeRecord, error) {
	if e == nil {
		return nil, nil
	}
	rec := &exchangeRecord{
		Method: h.Text(e.Method), URL: h.Text(e.URL), Started: e.Started, Timing: e.Timing,
		Status: e.Status, Proto: e.Proto, WireBytes: e.WireBytes, Encoding: h.Text(e.Encoding),
		Remote: e.Remote, Reused: e.Reused, Attempts: e.Attempts, Certificate: e.Certificate, Unframed: e.Unframed, Resets: e.Resets,
		Streamed: e.Streamed, Form: e.Form,
		Sent:    h.fields(e.Sent, side+".sent"),
		Headers: h.fields(e.Headers, side+".header"), Trailers: h.fields(e.Trailers, side+".trailer"),
	}
	if e.Err != nil {
		rec.Err = &wire.Err{Class: e.Err.Class, Detail: h.Text(e.Err.Detail)}
	}
	var err error
	if rec.Body, err = h.body(e.Body, false, side+".body"); err != nil {
		return nil, err
	}
	rec.Answer, err = h.body(e.Answer, e.Err != nil, side+".answer")
	return rec, err
}

// fields replaces secrets in header values; of a credential header the value goes as a
// whole.
func (h *pairHider) fields(list []wire.Field, in string) fieldRecords {
	out := make(fieldRecords, len(list))
	for i, f := range list {
		value := h.red.Header(f.Name, f.Value)
		if !h.red.Credential(f.Name) {
			value = h.Text(value)
		}
		if value != f.Value {
			h.facts = append(h.facts, redact.Redaction{
				Mark: value, In: in + ":" + f.Name, Type: "text", Length: len(f.Value),
				Alike: strings.EqualFold(f.Name, setCookie) && slices.Contains(h.alike, cookieName(f.Value)),
			})
		}
		out[i] = fieldRecord{h.Text(f.Name), value}
	}
	return out
}

const setCookie = "set-cookie"

// fieldValues are the values of a header's fields.
func fieldValues(list []wire.Field, name string) []string {
	var out []string
	for _, f := range list {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// cookieName is the name that a Set-Cookie field sets.
func cookieName(field string) string {
	pair, _, _ := strings.Cut(field, ";")
	name, _, _ := strings.Cut(pair, "=")
	return strings.TrimSpace(name)
}

// body keeps a body without its secrets. cut says that its end may be missing.
func (h *pairHider) body(b []byte, cut bool, in string) (*bodyRef, error) {
	if b == nil {
		return nil, nil
	}
	b, facts := h.Hider.Body(b, cut)
	for _, f := range facts {
		f.In = in
		h.facts = append(h.facts, f)
	}
	ref, err := h.bodies.put(b)
	if err != nil {
		return nil, err
	}
	return &ref, nil
}

// restore is the inverse of exchange.
func (rec *exchangeRecord) restore(bodies *bodyStore) (*wire.Exchange, error) {
	if rec == nil {
		return nil, nil
	}
	e := &wire.Exchange{
		Method: rec.Method, URL: rec.URL, Sent: restoreFields(rec.Sent), Started: rec.Started, Timing: rec.Timing,
		Status: rec.Status, Proto: rec.Proto, Headers: restoreFields(rec.Headers), Trailers: restoreFields(rec.Trailers),
		WireBytes: rec.WireBytes, Encoding: rec.Encoding, Err: rec.Err, Remote: rec.Remote,
		Reused: rec.Reused, Attempts: rec.Attempts, Certificate: rec.Certificate, Unframed: rec.Unframed, Resets: rec.Resets,
		Streamed: rec.Streamed, Form: rec.Form,
	}
	var err error
	if rec.Body != nil {
		if e.Body, err = bodies.get(*rec.Body); err != nil {
			return nil, err
		}
	}
	if rec.Answer != nil {
		if e.Answer, err = bodies.get(*rec.Answer); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// restoreFields is the inverse of fields, marks included.
func restoreFields(list fieldRecords) []wire.Field {
	if len(list) == 0 {
		return nil
	}
	out := make([]wire.Field, len(list))
	for i, f := range list {
		out[i] = wire.Field(f)
	}
	return out
}
