package double

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// answered is what passed, as an exchange of the answering side. Of one that failed the body is
// left out.
func answered(x *tap.Exchange, failed *wire.Err) (*wire.Exchange, error) {
	var body []byte
	if failed == nil {
		var err error
		if body, _, err = wire.Decode(x.Answer.Header, x.Answer.Body.Data, maxDecoded); err != nil {
			return nil, err
		}
	}
	return &wire.Exchange{
		Method: x.Request.Method, URL: x.Request.URL.String(), Sent: fieldsOf(x.Request.Header), Body: bytes.Clone(x.Request.Body.Data),
		Started: x.Began, Timing: wire.Timing{Total: x.Ended.Sub(x.Began)}, Status: x.Answer.Status, Proto: x.Answer.Proto,
		Headers: fieldsOf(x.Answer.Header), Answer: bytes.Clone(body), WireBytes: x.Answer.Body.Size, Encoding: x.Answer.Header.Get("Content-Encoding"), Attempts: 1,
		Err: failed,
	}, nil
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

// conditions are fields that ask for an answer only where it has changed. The other side is
// asked without them, as it may name its versions otherwise, but for what stays asks.
var conditions = []string{"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"}

// stays reports whether the other side is asked with a condition of the client: If-None-Match where
// the answering side says that the client's version is an old one. However the other side names its
// versions, the old one is not its present one: a 304 would leave the client with what is outdated.
// Where the versions are equal, the answering side takes no notice of the condition, and the other may.
func stays(name, value string, answer http.Header) bool {
	version := strings.TrimPrefix(answer.Get("Etag"), "W/")
	return name == "if-none-match" && version != "" && value != "*" && !strings.Contains(value, version)
}

// ask sends what a client asked to the other side, with the values of its session there.
func (t *Tap) ask(ctx context.Context, x *tap.Exchange, s *session) (*wire.Exchange, run.PerSide) {
	to := t.services[x.Service.Name].Green
	if t.opts.Answering == scenarios.Green {
		to = t.services[x.Service.Name].Blue
	}
	path, _ := s.carry(strings.TrimPrefix(x.Request.URL.EscapedPath(), strings.TrimRight(x.Service.URL.EscapedPath(), "/")))
	address := to.Scheme + "://" + to.Host + strings.TrimRight(to.EscapedPath(), "/") + path
	if q := x.Request.URL.RawQuery; q != "" {
		q, _ = s.carry(q)
		address += "?" + q
	}
	req := &wire.Request{Method: x.Request.Method, URL: address, Timeout: patience}
	if len(x.Request.Body.Data) > 0 {
		body, _ := s.carry(string(x.Request.Body.Data))
		req.Body = []byte(body)
	}
	for _, f := range fieldsOf(x.Request.Header) {
		name := strings.ToLower(f.Name)
		if name == "content-length" || slices.Contains(connectionFields, name) ||
			slices.Contains(conditions, name) && !stays(name, f.Value, x.Answer.Header) {
			continue
		}
		req.Headers = append(req.Headers, wire.Field{Name: f.Name, Value: s.carryField(f.Name, f.Value)})
	}
	out, sent := t.live.Ask(ctx, x.Service.Name, req)
	out.Headers = slices.DeleteFunc(out.Headers, func(f wire.Field) bool { return slices.Contains(connectionFields, strings.ToLower(f.Name)) })
	return out, sent
}
