package double

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
)

// answered is what passed, as an exchange of the answering side.
func answered(x *tap.Exchange) (*wire.Exchange, error) {
	body, err := decoded(&x.Answer)
	if err != nil {
		return nil, err
	}
	return &wire.Exchange{
		Method: x.Request.Method, URL: x.Request.URL.String(), Sent: fieldsOf(x.Request.Header), Body: bytes.Clone(x.Request.Body.Data),
		Started: x.Began, Timing: wire.Timing{Total: x.Ended.Sub(x.Began)}, Status: x.Answer.Status, Proto: x.Answer.Proto,
		Headers: fieldsOf(x.Answer.Header), Answer: body, WireBytes: x.Answer.Body.Size, Encoding: x.Answer.Header.Get("Content-Encoding"), Attempts: 1,
	}, nil
}

// decoded is a copy of a body without its content coding.
func decoded(m *tap.Message) ([]byte, error) {
	switch strings.ToLower(m.Header.Get("Content-Encoding")) {
	case "", "identity":
		return bytes.Clone(m.Body.Data), nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(m.Body.Data))
		if err != nil {
			return nil, err
		}
		out, err := io.ReadAll(io.LimitReader(z, maxDecoded+1))
		if len(out) > maxDecoded {
			return nil, errors.New("the body is too large")
		}
		return out, err
	}
	return nil, errors.New("its content coding is not known")
}

func fieldsOf(h map[string][]string) []wire.Field {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []wire.Field
	for _, name := range names {
		for _, value := range h[name] {
			out = append(out, wire.Field{Name: name, Value: value})
		}
	}
	return out
}

// connectionFields are those of one connection. The proxy takes them out of the
// answer that passes it, and so they are taken out of the other.
var connectionFields = []string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer"}

// ask sends what a client asked to the other side. carry replaces the values of a
// session.
func (t *Tap) ask(ctx context.Context, x *tap.Exchange, carry func(string) string) *wire.Exchange {
	to := t.others[x.Service.Name]
	path := strings.TrimPrefix(x.Request.URL.EscapedPath(), strings.TrimRight(x.Service.URL.EscapedPath(), "/"))
	address := strings.TrimRight(to.base.String(), "/") + carry(path)
	if q := x.Request.URL.RawQuery; q != "" {
		address += "?" + carry(q)
	}
	req := &wire.Request{Method: x.Request.Method, URL: address, Body: bytes.Clone(x.Request.Body.Data), Timeout: patience}
	if body := carry(string(req.Body)); len(req.Body) > 0 {
		req.Body = []byte(body)
	}
	for _, f := range fieldsOf(x.Request.Header) {
		if strings.EqualFold(f.Name, "Content-Length") || slices.Contains(connectionFields, strings.ToLower(f.Name)) {
			continue
		}
		req.Headers = append(req.Headers, wire.Field{Name: f.Name, Value: carry(f.Value)})
	}
	out := to.wire.Do(ctx, req)
	out.Headers = slices.DeleteFunc(out.Headers, func(f wire.Field) bool { return slices.Contains(connectionFields, strings.ToLower(f.Name)) })
	return out
}

// credentials are the values of a request by which a service knows its client.
func (t *Tap) credentials(x *tap.Exchange) []string {
	var out []string
	for name, values := range x.Request.Header {
		for _, v := range values {
			switch {
			case strings.EqualFold(name, "Cookie"):
				for pair := range strings.SplitSeq(v, ";") {
					_, value, _ := strings.Cut(pair, "=")
					out = append(out, strings.TrimSpace(value))
				}
			case strings.EqualFold(name, "Authorization"), strings.EqualFold(name, "Proxy-Authorization"):
				if _, rest, ok := strings.Cut(v, " "); ok {
					v = rest
				}
				out = append(out, v)
			case t.opts.Secret(name, v):
				out = append(out, v)
			}
		}
	}
	query, err := url.ParseQuery(x.Request.URL.RawQuery)
	if err != nil {
		return append(out, x.Request.URL.RawQuery) // unknown: taken for a session
	}
	for name, values := range query {
		for _, v := range values {
			if t.opts.Secret(name, v) {
				out = append(out, v)
			}
		}
	}
	return out
}
