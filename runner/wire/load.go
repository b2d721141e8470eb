package wire

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// LoadOptions are what a load stage asks of the transport.
type LoadOptions struct {
	// Fresh is the share of requests, 0 to 1, that open a connection of their
	// own and close it afterwards; they are spread evenly.
	Fresh float64
	// Identity names a response header whose distinct values are counted: how
	// many back ends answered. Empty: none.
	Identity string
}

// LoadStats are what a Loader has seen.
type LoadStats struct {
	Requests    int64
	Fresh       int64 // on their own connection
	Connections int64 // opened
	Closed      int64 // of those: ended by the server, not by us
	Resent      int64 // requests that reached the wire twice
	Reused      int64 // times a request was given a connection that had carried another
	Died        int64 // of those: times the connection died before any of the answer came
	Identities  int   // distinct values, at most maxIdentities
	Remotes     int   // distinct addresses, at most maxIdentities
	// Connect and TLS are the mean times to open a connection, and to agree on
	// TLS over it, of the connections that carried an answer; 0 without any.
	Connect, TLS time.Duration
	// First is how long each new connection took to bring the first byte of its
	// first answer, from before it was opened; of the first maxFirst of them.
	First []time.Duration
}

// maxFirst bounds the times to open a connection that are kept.
const maxFirst = 1 << 12

// maxIdentities bounds what is remembered of a server that invents names.
const maxIdentities = 4096

// A Loader is the transport as the load generator uses it: the same rules of
// connection, limits, timeouts and budget as Do, without decoding and without
// keeping what was sent. Bodies are as they come from the wire and end with an
// error above Limits.Body. Its errors are *Err.
type Loader struct {
	t       *Transport
	options LoadOptions

	mu       sync.Mutex // guards what follows
	stats    LoadStats
	opened   int64 // by the transport when the Loader was made
	resent   int64
	closings int64
	identity map[string]struct{}
	remote   map[netip.AddrPort]struct{}
	fresh    struct{ n, connect, tls time.Duration } // sums over new connections
}

// Loader makes a round tripper with its own counts.
func (t *Transport) Loader(options LoadOptions) *Loader {
	return &Loader{
		t: t, options: options, opened: t.opened.Load(), resent: t.resent.Load(), closings: t.closings.Load(),
		identity: map[string]struct{}{}, remote: map[netip.AddrPort]struct{}{},
	}
}

// RoundTripper is the transport as the load generator uses it, without options.
func (t *Transport) RoundTripper() http.RoundTripper { return t.Loader(LoadOptions{}) }

// Stats are the counts so far.
func (l *Loader) Stats() LoadStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.First = slices.Clone(s.First)
	s.Connections = l.t.opened.Load() - l.opened
	s.Resent = l.t.resent.Load() - l.resent
	s.Closed = l.t.closings.Load() - l.closings
	s.Identities, s.Remotes = len(l.identity), len(l.remote)
	if n := l.fresh.n; n > 0 {
		s.Connect, s.TLS = l.fresh.connect/n, l.fresh.tls/n
	}
	return s
}

// RoundTrip sends one request. The answer's body must be read to its end or
// closed. The request's own context ends it too.
func (l *Loader) RoundTrip(given *http.Request) (*http.Response, error) {
	req, refused := l.t.adopt(given)
	if refused != nil {
		if given.Body != nil {
			_ = given.Body.Close() // RoundTripper's duty; the refusal says more
		}
		return nil, refused
	}
	p, fresh := l.t.main, l.nextFresh()
	if fresh {
		p = l.t.newPool()
	}
	began := time.Now()
	ctx, w := watched(given.Context(), l.t.limits.Total)
	c := newCall(l.t, req.Method, w)
	c.keepSent = false
	resp, failed := c.send(ctx, p, req)
	if c.attempts() > 1 {
		l.t.resent.Add(1)
	}
	end := func() {
		w.stop()
		w.cancel(nil)
		if fresh {
			p.close()
		}
	}
	if failed == nil {
		if failed = odd(resp); failed != nil {
			_ = resp.Body.Close() // a switched connection knows no timeouts
		}
	}
	l.reuses(c, failed)
	if failed != nil {
		end()
		return nil, failed
	}
	l.note(c, resp, began)
	w.arm("idle", l.t.limits.Idle, "in the body")
	if resp.Body == http.NoBody {
		end()
		return resp, nil
	}
	resp.Body = &loadBody{
		meter: meter{r: resp.Body, watch: w, limit: l.t.limits.Body},
		body:  resp.Body, call: c, end: end,
	}
	return resp, nil
}

// Do sends one request and reads its answer whole, as Transport.Do does, and
// counts it as RoundTrip does.
func (l *Loader) Do(ctx context.Context, request *Request) *Exchange {
	own, began := *request, time.Now()
	own.Fresh = l.nextFresh()
	return l.t.exchange(ctx, &own, func(c *call, resp *http.Response, failed *Err) {
		l.reuses(c, failed)
		if failed == nil {
			l.note(c, resp, began)
		}
	})
}

// adopt makes a request that net/http would send the transport's own.
func (t *Transport) adopt(given *http.Request) (*http.Request, *Err) {
	if given.URL == nil {
		return nil, refuse("url: none")
	}
	u := *given.URL
	if err := t.within(&u); err != nil {
		return nil, err
	}
	req := new(http.Request)
	*req = *given
	req.URL = &u
	if _, declared := req.Header["User-Agent"]; !declared {
		req.Header = given.Header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		req.Header["User-Agent"] = []string{UserAgent}
	}
	if t.host != "" && (req.Host == "" || req.Host == given.URL.Host) {
		req.Host = t.host
	}
	// GetBody stays: net/http then resends what it has not written at all
	// (rule 5), and the call's budget stops every other second sending.
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	return req, nil
}

// nextFresh spreads the fresh connections evenly over the requests.
func (l *Loader) nextFresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Requests++
	if due := int64(float64(l.stats.Requests)*l.options.Fresh + 1e-9); l.stats.Fresh >= due {
		return false
	}
	l.stats.Fresh++
	return true
}

// reuses counts the reused connections that the request was given, and those that
// died under it. net/http sends again only after a reused one has.
func (l *Loader) reuses(c *call, failed *Err) {
	c.mu.Lock()
	reused, died := c.reuses, min(c.spent, c.reuses)
	last := c.reused && c.reached() && c.firstByte.IsZero()
	c.mu.Unlock()
	if failed != nil && last && (failed.Class == ClassReset || failed.Class == ClassTruncated) {
		died++
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Reused += int64(reused)
	l.stats.Died += int64(died)
}

// note keeps how a request under load was carried: its connection, and how long connecting took.
func (l *Loader) note(c *call, resp *http.Response, began time.Time) {
	c.mu.Lock()
	remote, connect, secure, reused, first := c.facts.remote, c.facts.connect, c.facts.tls, c.reused, c.firstByte
	if resp.Close && !resp.Request.Close && !strings.EqualFold(resp.Request.Header.Get("Connection"), "close") {
		c.facts.endedByServer()
	}
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !reused {
		l.fresh.n++
		l.fresh.connect += connect
		l.fresh.tls += secure
		if len(l.stats.First) < maxFirst && !first.IsZero() {
			l.stats.First = append(l.stats.First, first.Sub(began))
		}
	}
	if _, known := l.remote[remote]; !known && len(l.remote) < maxIdentities {
		l.remote[remote] = struct{}{}
	}
	if l.options.Identity == "" {
		return
	}
	value := resp.Header.Get(l.options.Identity)
	if _, known := l.identity[value]; !known && value != "" && len(value) < 1<<10 && len(l.identity) < maxIdentities {
		l.identity[value] = struct{}{}
	}
}

// A loadBody is an answer's body under the limits of the transport.
type loadBody struct {
	meter
	body io.ReadCloser
	call *call
	end  func()
	once sync.Once
}

// Read ends the request at the end of the body, or at its first error.
func (b *loadBody) Read(p []byte) (int, error) {
	n, err := b.meter.Read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.once.Do(b.end)
		return n, io.EOF
	}
	failed := b.call.failure(err, true)
	b.once.Do(b.end)
	return n, failed
}

// Close gives up what was not read; its connection is not used again.
func (b *loadBody) Close() error {
	err := b.body.Close()
	b.once.Do(b.end)
	return err
}
