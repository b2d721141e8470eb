package double

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
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
		Method: x.Request.Method, URL: x.Request.URL.String(), Sent: wire.SortedFields(x.Request.Header), Body: bytes.Clone(x.Request.Body.Data),
		Started: x.Began, Timing: wire.Timing{Total: x.Ended.Sub(x.Began)}, Status: x.Answer.Status, Proto: x.Answer.Proto,
		Headers: wire.SortedFields(x.Answer.Header), Answer: bytes.Clone(body), WireBytes: x.Answer.Body.Size, Encoding: x.Answer.Header.Get("Content-Encoding"), Attempts: 1,
		Err: failed,
	}, nil
}

// connectionFields are those of one connection. The proxy takes them out of the
// answer that passes it, and so they are taken out of the other.
var connectionFields = []string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer"}

// An answers is what both sides answered to one request of a client.
type answers struct {
	mine, theirs *wire.Exchange
	// client is what the client got, where mine is the answer to another request.
	client *wire.Exchange
	// sent counts the requests of this program.
	sent run.PerSide
}

// answersTo asks the other side what a client asked, and the answering side where that told the
// client to use what it has. A reason comes back where there is nothing to compare.
func (t *Tap) answersTo(ctx context.Context, x *tap.Exchange, s *session) (a answers, why skip) {
	mine, err := answered(x, t.greenFailed(x))
	if broken := wire.Classify(err); broken != nil && broken.Class == wire.ClassDecode && t.opts.Answering == scenarios.Green {
		mine, err = answered(x, broken) // what the client cannot read either
	}
	if err != nil {
		return a, notWhole
	}
	if ctx.Err() != nil {
		return a, dropped
	}
	a.mine = mine
	if why = t.askOther(ctx, x, s, &a); why == 0 && x.Answer.Status == http.StatusNotModified && isConditional(x.Request.Header) {
		why = t.askMine(ctx, x, &a)
	}
	if why == 0 && (isCanceled(a.theirs) || isCanceled(a.mine)) {
		why = dropped
	}
	return a, why
}

// isCanceled reports whether this program stopped waiting: that says nothing of the side.
func isCanceled(x *wire.Exchange) bool { return x.Err != nil && x.Err.Class == wire.ClassCanceled }

// A target is where a request goes, and what takes the place of values that the client sent.
type target struct {
	side  scenarios.Side
	base  *url.URL
	carry *session
}

// ask sends what a client asked; conditional: with its conditions.
func (t *Tap) ask(ctx context.Context, x *tap.Exchange, to target, conditional bool, sent *run.PerSide) *wire.Exchange {
	path := to.carry.carry(strings.TrimPrefix(x.Request.URL.EscapedPath(), strings.TrimRight(x.Service.URL.EscapedPath(), "/")))
	address := to.base.Scheme + "://" + to.base.Host + strings.TrimRight(to.base.EscapedPath(), "/") + path
	if q := x.Request.URL.RawQuery; q != "" {
		address += "?" + to.carry.carry(q)
	}
	req := &wire.Request{Method: x.Request.Method, URL: address, Timeout: patience}
	if len(x.Request.Body.Data) > 0 {
		req.Body = []byte(to.carry.carry(string(x.Request.Body.Data)))
	}
	for _, f := range wire.SortedFields(x.Request.Header) {
		if name := strings.ToLower(f.Name); name != "content-length" && !slices.Contains(connectionFields, name) && sends(name, x, conditional) {
			req.Headers = append(req.Headers, wire.Field{Name: f.Name, Value: to.carry.carryField(f.Name, f.Value)})
		}
	}
	out, more := t.live.Ask(ctx, to.side, x.Service.Name, req)
	sent.Add(more)
	out.Headers = slices.DeleteFunc(out.Headers, func(f wire.Field) bool { return slices.Contains(connectionFields, strings.ToLower(f.Name)) })
	return out
}
