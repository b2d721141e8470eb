package double

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Requests with conditions, whose answer may be that nothing has changed (304). The rules:
//
//  1. The other side gets the conditions of a client as they are: after a switch it gets
//     them, too.
//  2. A side that answers 304, to the client or to this program, is asked again without
//     conditions. Where the client named the version of that answer, the 304 was right and
//     stands for it: it takes the place of the 304, so that both sides' contents are compared.
//  3. Where the client did not name it, the content may have changed in between, and the side
//     is asked once more in the same way. A 304 that is wrong twice is a fault of that side: one
//     of green differs from the content of blue, and of one of blue nothing is compared.
//  4. Conditions of writes and ranges are not sent. A range is only asked for where the client
//     got one.

// isConditional reports whether a request may be answered with 304.
func isConditional(h http.Header) bool {
	return h.Get("If-None-Match") != "" || h.Get("If-Modified-Since") != ""
}

// sends reports whether a field of a client is sent (rules 1 and 4).
func sends(name string, x *tap.Exchange, conditional bool) bool {
	switch name {
	case "if-none-match", "if-modified-since":
		return conditional
	case "if-match", "if-unmodified-since", "if-range":
		return false
	case "range":
		return x.Request.Header.Get("If-Range") == "" || x.Answer.Status == http.StatusPartialContent
	}
	return true
}

// askOther asks the side that did not answer the client.
func (t *Tap) askOther(ctx context.Context, x *tap.Exchange, s *session, a *answers) (why skip) {
	to := target{side: scenarios.Green, base: t.services[x.Service.Name].Green, carry: s}
	if t.opts.Answering == scenarios.Green {
		to.side, to.base = scenarios.Blue, t.services[x.Service.Name].Blue
	}
	first := t.ask(ctx, x, to, true, &a.sent)
	a.theirs, why = t.content(ctx, x, to, first, &a.sent)
	return why
}

// askMine finds what the answer to the client stands for.
func (t *Tap) askMine(ctx context.Context, x *tap.Exchange, a *answers) (why skip) {
	to := target{side: scenarios.Blue, base: t.services[x.Service.Name].Blue, carry: newSession()}
	if t.opts.Answering == scenarios.Green {
		to.side, to.base = scenarios.Green, t.services[x.Service.Name].Green
	}
	got := a.mine
	if a.mine, why = t.content(ctx, x, to, got, &a.sent); a.mine != got {
		a.client = got
	}
	return why
}

// content is what an answer of a side stands for (rules 2 and 3).
func (t *Tap) content(ctx context.Context, x *tap.Exchange, to target, first *wire.Exchange, sent *run.PerSide) (*wire.Exchange, skip) {
	if !notModified(first) || !isConditional(x.Request.Header) {
		return first, 0
	}
	for again := false; ; again = true {
		plain := t.ask(ctx, x, to, false, sent)
		switch {
		case plain.Err != nil || plain.Status >= 300 || namesVersion(x.Request.Header, plain):
			return plain, 0
		case !again && notModified(t.ask(ctx, x, to, true, sent)):
			continue
		case again && to.side == scenarios.Green:
			return first, 0
		}
		return plain, conditional
	}
}

// notModified reports whether an answer says that the client has the content already.
func notModified(x *wire.Exchange) bool { return x.Err == nil && x.Status == http.StatusNotModified }

// namesVersion reports whether the conditions of a client name the version of an answer, so that 304
// says the same (RFC 9110 section 13.1): one of the tags, weakly compared; where the answer has no
// tag or the client sent none, the date.
func namesVersion(conditions http.Header, answer *wire.Exchange) bool {
	tags, since := strings.Join(conditions.Values("If-None-Match"), ","), conditions.Get("If-Modified-Since")
	tag, modified := fieldOf(answer, "Etag"), fieldOf(answer, "Last-Modified")
	if tags != "" && tag != "" {
		tag = strings.TrimPrefix(tag, "W/")
		return strings.TrimSpace(tags) == "*" || slices.Contains(tagsIn(tags), tag)
	}
	than, err := http.ParseTime(since)
	at, err2 := http.ParseTime(modified)
	return err == nil && err2 == nil && !at.After(than)
}

// tagsIn are the entity tags of a list, without the mark of weak ones. A tag may hold a comma.
func tagsIn(list string) []string {
	var out []string
	for rest := list; ; {
		_, after, ok := strings.Cut(rest, `"`)
		tag, after, ok2 := strings.Cut(after, `"`)
		if !ok || !ok2 {
			return out
		}
		out, rest = append(out, `"`+tag+`"`), after
	}
}

// fieldOf is the first value of a header field, whatever its spelling; empty without one.
func fieldOf(x *wire.Exchange, name string) string {
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
