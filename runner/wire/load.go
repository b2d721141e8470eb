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

// LoadStats are what a Loader has seen.
type LoadStats struct {
	Requests    int64
	Fresh       int64 // on their own connection
	Connections int64 // opened
	Closed      int64 // of those: ended by the server, not by us
	Resent      int64 // requests that reached the wire twice
	Reused      int64 // times a request was given a connection that had carried another
	Died        int64 // of those: times the connection died before any of the answer came
	Remotes     int   // distinct addresses, at most maxRemotes
	// Connect and TLS are the mean times to open a connection, and to agree on
	// TLS over it, of the connections that carried an answer; 0 without any.
	Connect, TLS time.Duration
	// First is how long each new connection took to bring the first byte of its
	// first answer, from before it was opened; of the first maxFirst of them.
	First []time.Duration
}

const (
	// maxFirst bounds the times to open a connection that are kept.
	maxFirst = 1 << 12
	// maxRemotes bounds the addresses that are kept, since a name may resolve to any number.
	maxRemotes = 1 << 12
)

// A Loader is the transport as the load generator uses it: the same rules of
// connection, limits, timeouts and budget, with counts of what the connections did.
// It is safe for concurrent use.
type Loader struct {
	t     *Transport
	fresh float64

	mu       sync.Mutex // guards what follows
	stats    LoadStats
	opened   int64 // by the transport when the Loader was made
	resent   int64
	closings int64
	remote   map[netip.AddrPort]struct{}
	firsts   struct{ n, connect, tls time.Duration } // sums over new connections
}

// Loader makes a loader with its own counts. fresh is the share of requests, 0 to 1,
// that open their own connection and close it afterwards; they are spread evenly.
func (t *Transport) Loader(fresh float64) *Loader {
	return &Loader{
		t: t, fresh: fresh, opened: t.opened.Load(), resent: t.resent.Load(), closings: t.closings.Load(),
		remote: map[netip.AddrPort]struct{}{},
	}
}

// Stats are the counts so far.
func (l *Loader) Stats() LoadStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.First = slices.Clone(s.First)
	s.Connections = l.t.opened.Load() - l.opened
	s.Resent = l.t.resent.Load() - l.resent
	s.Closed = l.t.closings.Load() - l.closings
	s.Remotes = len(l.remote)
	if n := l.firsts.n; n > 0 {
		s.Connect, s.TLS = l.firsts.connect/n, l.firsts.tls/n
	}
	return s
}

// A Prepared request has been read and checked once, and may be sent any number of times,
// at once and over every transport that has the same Config as the one that prepared it.
type Prepared struct {
	request Request
	req     *http.Request
	refused *Err // why it cannot be sent
}

// Prepare reads and checks a request. One that cannot be sent fails when it is sent.
func (t *Transport) Prepare(r *Request) *Prepared {
	p := &Prepared{request: *r}
	p.req, p.refused = t.prepare(r)
	if p.refused == nil && len(r.Body) > 0 {
		// net/http then resends what it has not written at all (rule 5 of Transport), and
		// the call's budget stops every other second sending.
		p.req.GetBody = bodyOf(r.Body)
	}
	return p
}

// Send sends a prepared request and reads its answer to the end without decoding it: the
// bytes go to the writer that sink returns for the answer's head, and neither they nor the
// header fields are in the exchange. sink is not called for a request without an answer.
// A body above Limits.Body is a failure.
func (l *Loader) Send(ctx context.Context, p *Prepared, sink func(*http.Response) io.Writer) *Exchange {
	x := &Exchange{Method: p.request.Method, URL: p.request.URL, Started: time.Now(), Err: p.refused}
	if p.refused != nil {
		return x
	}
	s := &sending{t: l.t, request: &p.request, req: p.req, x: x, fresh: l.nextFresh(), loader: l, sink: sink}
	s.send(ctx)
	return x
}

// Do sends one request and reads its answer whole, as Transport.Do does, and
// counts it as Send does.
func (l *Loader) Do(ctx context.Context, request *Request) *Exchange {
	s := &sending{t: l.t, request: request, x: newExchange(request), fresh: l.nextFresh(), loader: l}
	s.prepareAndSend(ctx)
	return s.x
}

// drain reads an answer's body to its end as it comes from the wire.
func (t *Transport) drain(c *call, resp *http.Response, x *Exchange, to io.Writer) {
	if resp.Body == http.NoBody {
		return
	}
	c.watch.arm("idle", t.limits.Idle, "in the body")
	m := &meter{r: resp.Body, watch: c.watch, limit: t.limits.Body}
	buffer := scratch.Get().(*[32 << 10]byte)
	defer scratch.Put(buffer)
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, m, buffer[:]); err != nil {
		x.Err = c.failure(err, true)
	}
	x.WireBytes = m.n
}

// nextFresh spreads the fresh connections evenly over the requests.
func (l *Loader) nextFresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Requests++
	if due := int64(float64(l.stats.Requests)*l.fresh + 1e-9); l.stats.Fresh >= due {
		return false
	}
	l.stats.Fresh++
	return true
}

// count keeps how a request was carried that has ended; resp is nil where it got no answer.
//
// A reused connection died where net/http took another one after it, which it does only then,
// or where it was the last and nothing of an answer came.
func (l *Loader) count(c *call, resp *http.Response, x *Exchange) {
	c.mu.Lock()
	facts, reused, first := c.facts, c.reused, c.firstByte
	reuses, died := c.reuses, min(c.spent, c.reuses)
	if reused && resp == nil && c.reached() && first.IsZero() && (x.Err.Class == ClassReset || x.Err.Class == ClassTruncated) {
		died++
	}
	if resp != nil && resp.Close && !resp.Request.Close && !strings.EqualFold(resp.Request.Header.Get("Connection"), "close") {
		facts.endedByServer()
	}
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Reused += int64(reuses)
	l.stats.Died += int64(died)
	if resp == nil {
		return
	}
	if !reused {
		l.firsts.n++
		l.firsts.connect += facts.connect
		l.firsts.tls += facts.tls
		if len(l.stats.First) < maxFirst && !first.IsZero() {
			l.stats.First = append(l.stats.First, first.Sub(x.Started))
		}
	}
	if _, known := l.remote[facts.remote]; !known && len(l.remote) < maxRemotes {
		l.remote[facts.remote] = struct{}{}
	}
}
