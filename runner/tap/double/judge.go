package double

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// maxSecrets bounds the bytes of credentials that are hidden. Requests with further ones are not
// compared.
const maxSecrets = 16 << 20

// work asks and judges what comes, one after the other.
func (t *Tap) work(ctx context.Context, queue chan *tap.Exchange) {
	all := newSessions()
	for x := range queue {
		if s, ok := all.get(x.Client, t.signsIn(x)); ok {
			before := s.size()
			t.judge(ctx, x, s)
			t.account.add(&t.account.forgotten, all.trim(s, before))
		} else {
			t.account.skip(withSession)
		}
		x.Release()
	}
}

// hide makes a credential unreadable in what is written; false: too many are hidden already. When
// it returns the sink knows the credential, also one that another worker met at the same time.
func (t *Tap) hide(value string) bool {
	t.hiding.Lock()
	defer t.hiding.Unlock()
	if t.secrets[value] {
		return true
	}
	if t.hidden+len(value) > maxSecrets {
		return false
	}
	t.sink.Secret("credential", value)
	t.secrets[value] = true
	t.hidden += len(value) + entrySize
	return true
}

// judge asks the other side and judges the pair.
func (t *Tap) judge(ctx context.Context, x *tap.Exchange, s *session) {
	for _, c := range t.credentials(x) {
		if !unsafe(x.Request.Method) && !s.knows(c) || !t.hide(c.value) {
			t.account.skip(withSession)
			return
		}
	}
	a, why := t.answersTo(ctx, x, s)
	blue, green := a.mine, a.theirs
	if t.opts.Answering == scenarios.Green {
		blue, green = a.theirs, a.mine
	}
	if why == 0 && (blue.Err != nil || blue.Status >= 500) {
		why = blueFailed
	}
	if why != 0 {
		t.live.Drop(a.sent)
		t.account.skip(why)
		return
	}
	t.account.add(&t.account.asked, 1)
	if t.separate && a.mine.Err == nil && a.theirs.Err == nil {
		s.learn(a.mine, a.theirs)
	}
	t.judging <- struct{}{}
	defer func() { <-t.judging }()
	booked, compared, err := t.live.Judge(&runner.LivePair{
		Step:  t.routes.stepOf(x.Request.Method, &x.Request.URL, blue.Status),
		Route: routeName(x.Service.Name, x.Request.Method, x.Request.URL.Path), Blue: blue, Green: green,
		Client: a.client, Took: x.Ended.Sub(x.Began), Sent: a.sent,
	})
	switch {
	case err != nil:
		t.mu.Lock()
		t.broken = err
		t.mu.Unlock()
	case !booked:
		t.account.skip(nothing)
	case !compared && green.Err != nil:
		t.account.skip(noAnswer)
	case !compared:
		t.account.skip(byExpectations)
	case isEvidence(x, a.mine):
		t.account.add(&t.account.compared, 1)
	}
}

// isEvidence reports whether an answer shows that the service works: it is not an error,
// and not a page where the client asked for data. Others are judged, but do not count.
func isEvidence(x *tap.Exchange, answer *wire.Exchange) bool {
	if answer.Status >= 400 || answer.Status == http.StatusNotModified {
		return false
	}
	page := slices.ContainsFunc(answer.Headers, func(f wire.Field) bool {
		return strings.EqualFold(f.Name, "Content-Type") && strings.HasPrefix(strings.ToLower(f.Value), "text/html")
	})
	last := x.Request.URL.Path[strings.LastIndexByte(x.Request.URL.Path, '/')+1:]
	return !page || strings.Contains(x.Request.Header.Get("Accept"), "text/html") || strings.Contains(last, ".htm")
}
