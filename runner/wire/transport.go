package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// A Transport carries the requests of one service of one side. It is safe for
// concurrent use.
//
// Rules:
//
//  1. A transport with a BaseURL sends to that origin (scheme, host, port) and
//     to no other; a request elsewhere is refused, not sent.
//  2. The environment has no say: no proxy, no credentials, no certificates
//     but the system's roots.
//  3. A redirect is an answer like any other. It is never followed.
//  4. An unsafe request (any method but GET, HEAD, OPTIONS and TRACE) reaches
//     the wire at most once, a safe one and one with Resend at most twice. A request of which not a
//     byte was written has not reached it and is tried once more on a new
//     connection.
//  5. Over HTTP/1 an unsafe request does not ride on a connection that was idle
//     for longer than staleAfter: the server may be about to close it.
//  6. An answer ends where its framing says. What follows on the connection is
//     never taken for the answer of a later request.
type Transport struct {
	config Config
	limits Limits
	base   *url.URL // nil: any origin
	pin    netip.AddrPort
	proxy  *url.URL
	host   string // Host header; empty: the URL's
	tls    *tls.Config
	main   *pool
	stale  time.Duration // staleAfter
	opened atomic.Int64
	resent atomic.Int64
	// closings counts the connections that the server ended: closed, reset, or announced to close.
	closings atomic.Int64
	answered atomic.Bool // once at least
	noCert   atomic.Bool // a server asked for a client certificate, and the side names none
}

// staleAfter is how long a connection may have been idle before an unsafe
// request avoids it. The shortest keep-alive in common use is 2 s.
const staleAfter = time.Second

// keepIdle is how long an unused connection is kept.
const keepIdle = 30 * time.Second

// New makes the transport of a service. It reads the certificate files and
// opens no connection.
func New(config Config) (*Transport, error) {
	t := &Transport{config: config, stale: staleAfter}
	var err error
	if t.limits, err = config.Limits.withDefaults(); err != nil {
		return nil, err
	}
	if err := t.setAddresses(); err != nil {
		return nil, err
	}
	if err := t.setProtocol(); err != nil {
		return nil, err
	}
	if t.tls, err = t.tlsConfig(); err != nil {
		return nil, err
	}
	t.main = t.newPool()
	return t, nil
}

// withDefaults fills in the default of every bound that is zero. A negative one is an error.
func (l Limits) withDefaults() (Limits, error) {
	err := cmp.Or(
		preset("connect", &l.Connect, 5*time.Second),
		preset("tls", &l.TLS, 5*time.Second),
		preset("first byte", &l.FirstByte, 0),
		preset("idle", &l.Idle, 10*time.Second),
		preset("total", &l.Total, 30*time.Second),
		preset("header", &l.Header, 256<<10),
		preset("body", &l.Body, 64<<20),
		preset("ratio", &l.Ratio, defaultRatio),
		preset("connections", &l.Connections, 64),
	)
	return l, err
}

// preset fills in the default of one bound.
func preset[N time.Duration | int64 | int](name string, bound *N, standard N) error {
	if *bound < 0 {
		return fmt.Errorf("limit %s: %v is negative", name, *bound)
	}
	*bound = cmp.Or(*bound, standard)
	return nil
}

// setAddresses checks where the requests of the transport go.
func (t *Transport) setAddresses() error {
	c := t.config
	if c.BaseURL != "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil {
			return fmt.Errorf("base url: %w", err)
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("base url %q: scheme must be http or https", c.BaseURL)
		}
		if err := asciiHost(u); err != nil {
			return fmt.Errorf("base url: %w", err)
		}
		t.base = u
	}
	if c.Host != "" {
		host, err := cleanHost(c.Host)
		if err != nil {
			return err
		}
		t.host = host
	}
	if c.Resolve != "" {
		pin, err := netip.ParseAddrPort(c.Resolve)
		if err != nil {
			addr, addrErr := netip.ParseAddr(strings.Trim(c.Resolve, "[]"))
			if addrErr != nil {
				return fmt.Errorf("resolve %q: want an IP address or IP:port", c.Resolve)
			}
			pin = netip.AddrPortFrom(addr, 0) // port 0: the URL's
		}
		t.pin = pin
	}
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		if err != nil || u.Host == "" {
			return errors.New("proxy: not an absolute URL") // the text may hold a password
		}
		if u.Scheme != "http" && u.Scheme != "socks5" {
			return fmt.Errorf("proxy: scheme %q is not http or socks5", u.Scheme)
		}
		if t.base != nil && !c.Guard.Allows(t.base.Hostname()) { // the proxy alone is dialled
			return fmt.Errorf("%s %w", t.base.Host, errGuarded)
		}
		if t.pin.IsValid() {
			return errors.New("proxy and resolve exclude each other: the proxy decides the address")
		}
		t.proxy = u
	}
	return nil
}

// setProtocol checks that the protocol asked for fits the scheme.
func (t *Transport) setProtocol() error {
	https := t.base != nil && t.base.Scheme == "https"
	plain := t.base != nil && t.base.Scheme == "http"
	switch t.config.HTTP {
	case "", "1.1":
	case "2":
		if plain {
			return errors.New(`http "2" needs an https URL; without TLS it is "h2c"`)
		}
	case "h2c":
		if https {
			return errors.New(`http "h2c" needs an http URL; with TLS it is "2"`)
		}
		if t.proxy != nil {
			return errors.New("h2c cannot go through a proxy")
		}
	default:
		return fmt.Errorf(`http %q: want "1.1", "2" or "h2c"`, t.config.HTTP)
	}
	return nil
}

// tlsConfig reads the certificate files.
func (t *Transport) tlsConfig() (*tls.Config, error) {
	c := t.config
	conf := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.Insecure, MinVersion: tls.VersionTLS12}
	if conf.ServerName == "" && t.host != "" {
		conf.ServerName = hostOnly(t.host)
	}
	switch c.HTTP {
	case "1.1":
		conf.NextProtos = []string{"http/1.1"}
	case "2":
		conf.NextProtos = []string{"h2"}
	default:
		conf.NextProtos = []string{"h2", "http/1.1"}
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca %s: no certificate in it", c.CAFile)
		}
	}
	if c.CertFile == "" && c.KeyFile != "" {
		return nil, errors.New("tls key without a certificate")
	}
	if c.CertFile != "" {
		key := c.KeyFile
		if key == "" {
			key = c.CertFile // both in one file
		}
		pair, err := tls.LoadX509KeyPair(c.CertFile, key)
		if err != nil {
			return nil, fmt.Errorf("tls certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
		return conf, nil
	}
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		t.noCert.Store(true)
		return &tls.Certificate{}, nil // many servers ask and do without
	}
	return conf, nil
}

// Close closes every connection of the transport, those in use included, and
// ends dials under way.
func (t *Transport) Close() { t.main.close() }

// Opened is how many connections the transport has opened.
func (t *Transport) Opened() int64 { return t.opened.Load() }

// Resent is how many requests reached the wire a second time.
func (t *Transport) Resent() int64 { return t.resent.Load() }

// Do sends one request and reads its answer whole. It never returns nil and
// never fails otherwise than by Exchange.Err. It may be called concurrently.
//
// A status outside 200 to 599 is a protocol error (an informational one is not
// an answer, and no request asked to switch protocols); the status is kept.
func (t *Transport) Do(ctx context.Context, request *Request) *Exchange {
	s := &sending{t: t, request: request, x: newExchange(request), fresh: request.Fresh}
	s.prepareAndSend(ctx)
	return s.x
}

// newExchange begins the exchange of a request, whose time counts from here.
func newExchange(r *Request) *Exchange {
	return &Exchange{Method: r.Method, URL: r.URL, Body: r.Body, Started: time.Now()}
}

// A sending is one request on its way to becoming an exchange.
type sending struct {
	t       *Transport
	request *Request
	req     *http.Request // as prepared; it is never changed
	x       *Exchange
	fresh   bool    // on its own connection, closed afterwards
	loader  *Loader // counts each time that the request is sent; nil: nobody does
	// sink takes the answer's body as it comes, and neither what was sent nor the answer's
	// head is kept; nil: both are, and the body is decoded.
	sink func(*http.Response) io.Writer
}

// prepareAndSend sends a request that was not prepared, and reads its answer whole.
func (s *sending) prepareAndSend(ctx context.Context) {
	if s.req, s.x.Err = s.t.prepare(s.request); s.x.Err != nil {
		s.x.Timing.Total = time.Since(s.x.Started)
		return
	}
	s.x.URL = s.req.URL.String()
	s.send(ctx)
}

// send sends the request, and once more on a new connection where rule 4 allows it.
func (s *sending) send(ctx context.Context) {
	t, x := s.t, s.x
	total := s.request.Timeout
	if total <= 0 {
		total = t.limits.Total
	}
	ctx, w := watched(ctx, total)
	defer w.stop()
	defer w.cancel(nil)
	p := t.main
	for {
		if s.fresh {
			p = t.newPool()
		}
		c := newCall(s, w)
		resp, failed := c.send(ctx, p, s.req, s.request.Body)
		if x.Err = failed; failed == nil {
			s.receive(c, resp)
		}
		x.Timing.Total = time.Since(x.Started)
		c.report(s.req, x)
		if s.loader != nil {
			s.loader.count(c, resp, x)
		}
		if x.Attempts > 1 {
			t.resent.Add(1)
		}
		if s.fresh {
			p.close()
		}
		// Rule 4: nothing was written on a connection of the pool.
		if failed == nil || s.fresh || x.Attempts > 0 || !x.Reused || ctx.Err() != nil {
			return
		}
		s.fresh, x.Err = true, nil
		x.Reused, x.Remote, x.Certificate = false, netip.AddrPort{}, ""
	}
}

// receive reads an answer into the exchange.
func (s *sending) receive(c *call, resp *http.Response) {
	t, x := s.t, s.x
	defer func() { _ = resp.Body.Close() }() // the answer is read or given up by then
	x.Status, x.Proto = resp.StatusCode, resp.Proto
	if c.keepSent {
		x.Headers = c.fields(resp)
	}
	if x.Err = odd(resp); x.Err != nil {
		return
	}
	if s.sink != nil {
		t.drain(c, resp, x, s.sink(resp))
		return
	}
	x.Unframed = resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && !resp.Uncompressed
	c.watch.arm("idle", t.limits.Idle, "in the body")
	body := readBody(resp, t.limits, c.watch)
	x.Answer, x.WireBytes, x.Encoding, x.Streamed = body.answer, body.wire, body.encoding, body.streamed
	if body.form != "" {
		c.addForm(body.form)
	}
	if body.err != nil {
		x.Err = c.failure(body.err, true)
		if body.held > largeBody {
			runtime.GC()
		}
		return
	}
	x.Trailers = SortedFields(resp.Trailer)
	if c.beyond() {
		x.Err = &Err{Class: ClassProtocol, Detail: "bytes after the end of the answer"}
	}
}

// odd finds what net/http takes and no answer to a request of ours may have.
func odd(resp *http.Response) *Err {
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 599:
		return &Err{Class: ClassProtocol, Detail: fmt.Sprintf("status %03d", resp.StatusCode)}
	case resp.ProtoMajor != 1 && resp.ProtoMajor != 2:
		return &Err{Class: ClassProtocol, Detail: "version " + tidyText(resp.Proto)}
	}
	return nil
}
