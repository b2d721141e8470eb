package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A pool is a set of connections that requests share: one net/http transport
// and every connection it has open.
type pool struct {
	owner *Transport
	http  *http.Transport
	mayH2 bool
	ctx   context.Context // ends with the pool; dials under way end with it
	end   context.CancelFunc

	mu    sync.Mutex // guards open
	open  map[*conn]struct{}
	ended bool
}

// newPool makes connections with the limits of a transport. No proxy is taken from the
// environment: both sides must be reached in the way that the files say.
func (t *Transport) newPool() *pool {
	p := &pool{owner: t, open: map[*conn]struct{}{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	h := &http.Transport{
		Proxy:                  nil, // never http.ProxyFromEnvironment
		DialContext:            p.dial,
		TLSClientConfig:        t.tls.Clone(), // through a proxy; dialTLS otherwise
		TLSHandshakeTimeout:    t.limits.TLS,
		DisableCompression:     true, // an answer is decoded here, under limits, and its header kept
		MaxResponseHeaderBytes: t.limits.Header,
		MaxConnsPerHost:        t.limits.Connections,
		MaxIdleConnsPerHost:    t.limits.Connections,
		IdleConnTimeout:        keepIdle,
		ExpectContinueTimeout:  time.Second,
		Protocols:              new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream:     1 << 20,
			MaxReceiveBufferPerConnection: 3 << 20,
			SendPingTimeout:               15 * time.Second,
			PingTimeout:                   5 * time.Second,
		},
	}
	if t.proxy != nil {
		h.Proxy = http.ProxyURL(t.proxy)
		h.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return &connectError{fmt.Sprintf("the proxy answered %d", resp.StatusCode)}
			}
			return nil
		}
	} else {
		h.DialTLSContext = p.dialTLS
	}
	p.mayH2 = t.config.HTTP != "1.1" && (t.config.HTTP == "h2c" || t.base == nil || t.base.Scheme == "https")
	switch t.config.HTTP {
	case "1.1":
		h.Protocols.SetHTTP1(true)
	case "2":
		h.Protocols.SetHTTP2(true)
	case "h2c":
		h.Protocols.SetUnencryptedHTTP2(true)
	default:
		h.Protocols.SetHTTP1(true)
		h.Protocols.SetHTTP2(true)
	}
	p.http = h
	return p
}

// close ends the pool: dials, idle connections and those in use.
func (p *pool) close() {
	p.end()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.http.CloseIdleConnections()
	p.mu.Lock()
	open := slices.Collect(maps.Keys(p.open))
	p.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // it is given up either way
	}
}

// facts is what is known of a connection from its birth.
type facts struct {
	connect, tls time.Duration
	remote       netip.AddrPort
	certificate  string // SHA-256 of the leaf, hex
	h2           bool
	ended        atomic.Bool   // by the server, and counted
	closings     *atomic.Int64 // of the transport; see Transport.closings
}

// endedByServer counts the connection as one that the server ended, once.
func (f *facts) endedByServer() {
	if f.closings != nil && f.ended.CompareAndSwap(false, true) {
		f.closings.Add(1)
	}
}

// noteEnd counts the connection if a read shows that the server ended it. A read that we cut
// off, by closing or by a deadline, fails in another way.
func (f *facts) noteEnd(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		f.endedByServer()
	}
}

// errRefused is the write error of a connection that must not carry a request.
var errRefused = errors.New("the connection is not used")

// A conn is a TCP connection, or the TLS connection over one when it carries
// HTTP/1. It counts what is written and can be made to write nothing more.
type conn struct {
	net.Conn
	*facts
	frames  *frames // HTTP/1: follows the answers; nil: they pass unlooked at
	onClose func()
	refuse  atomic.Bool
	reset   atomic.Bool  // by the server, without closing it first
	begun   atomic.Int64 // writes begun: an answer may be read before the write has returned
	written atomic.Int64 // bytes
	over    bool         // frames found bytes that belong to no answer; read side only
}

// Write sends and counts bytes, so that a failure can be distinguished before and after the server
// could have read the request.
func (c *conn) Write(p []byte) (int, error) {
	if c.refuse.Load() {
		return 0, errRefused
	}
	c.begun.Add(1)
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	c.noteReset(err)
	return n, err
}

// noteReset remembers that the server reset the connection. Where it closed the
// connection first, Linux reports the reset that follows as a broken pipe.
func (c *conn) noteReset(err error) {
	if err != nil && errors.Is(err, syscall.ECONNRESET) {
		c.reset.Store(true)
	}
}

// Read returns the bytes that belong to answers. Bytes beyond one end the
// connection: the next request must not find them.
func (c *conn) Read(p []byte) (int, error) {
	if c.over {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	c.noteReset(err)
	c.noteEnd(err)
	if c.frames == nil || n == 0 {
		return n, err
	}
	keep := c.frames.feed(p[:n], c.begun.Load())
	if keep == n {
		return n, err
	}
	c.over = true
	c.refuse.Store(true)
	if keep == 0 {
		return 0, io.EOF
	}
	return keep, nil
}

// Close tells the owner of the connection before it is closed.
func (c *conn) Close() error {
	if c.onClose != nil {
		c.onClose()
	}
	return c.Conn.Close()
}

// connOf finds the conn that carries the requests of a net/http connection.
func connOf(nc net.Conn) *conn {
	for {
		switch c := nc.(type) {
		case *conn:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// dial opens a TCP connection: for http, and to a proxy.
func (p *pool) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := p.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.h2 = p.owner.config.HTTP == "h2c"
	if p.owner.proxy == nil && !c.h2 {
		c.frames = &frames{limit: p.owner.limits.Header}
	}
	return c, nil
}

// dialTLS opens a TLS connection. The handshake is done here for a timeout of
// its own; net/http takes over HTTP/2 when it gets the *tls.Conn itself.
func (p *pool) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := p.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	limits := p.owner.limits
	conf := p.owner.tls
	if conf.ServerName == "" {
		conf = conf.Clone()
		conf.ServerName = hostOnly(addr)
	}
	began := time.Now()
	secure, err := p.agree(ctx, raw, conf)
	if err != nil {
		_ = raw.Close() // the handshake's error says more
		return nil, err
	}
	state := secure.ConnectionState()
	raw.tls = time.Since(began)
	raw.h2 = state.NegotiatedProtocol == "h2"
	raw.certificate = Fingerprint(&state)
	if raw.h2 {
		return secure, nil
	}
	if p.owner.config.HTTP == "2" {
		_ = raw.Close() // the refusal below says more
		return nil, &tlsError{errors.New("the server does not offer HTTP/2")}
	}
	return &conn{Conn: secure, facts: raw.facts, frames: &frames{limit: limits.Header}}, nil
}

// agree does the handshake of TLS on a connection, within Limits.TLS.
func (p *pool) agree(ctx context.Context, raw net.Conn, conf *tls.Config) (*tls.Conn, error) {
	limit := p.owner.limits.TLS
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	secure := tls.Client(raw, conf)
	err := secure.HandshakeContext(ctx)
	switch {
	case err == nil:
		return secure, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &timeoutError{name: "tls", after: limit}
	case p.ctx.Err() != nil:
		return nil, net.ErrClosed
	}
	return nil, &tlsError{err}
}

// connect opens a TCP connection to addr, or to the pinned address: then no
// name is ever looked up.
func (p *pool) connect(ctx context.Context, network, addr string) (*conn, error) {
	limit := p.owner.limits.Connect
	if pin := p.owner.pin; pin.IsValid() {
		if pin.Port() == 0 {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, err
			}
			pin = netip.AddrPortFrom(pin.Addr(), uint16(n))
		}
		addr = pin.String()
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	nc, err := p.owner.config.Guard.dialer(addr).DialContext(ctx, network, addr)
	if err != nil {
		return nil, p.dialError(err, limit)
	}
	c := &conn{Conn: nc, facts: &facts{connect: time.Since(began), closings: &p.owner.closings}}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		c.remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	p.owner.opened.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		_ = nc.Close() // the pool ended while it was opened
		return nil, net.ErrClosed
	}
	p.open[c] = struct{}{}
	c.onClose = func() {
		p.mu.Lock()
		delete(p.open, c)
		ended := p.ended
		p.mu.Unlock()
		// A pool that ends closes connections that are being dialled too: what dial and dialTLS
		// are setting is not read then.
		if !ended && c.h2 { // a request that we cut off ends its stream alone, so that the server asked for this
			c.endedByServer()
		}
	}
	return c, nil
}

// dialError gives a failed dial its class: a pool that was closed, a limit that passed, or the
// error itself.
func (p *pool) dialError(err error, limit time.Duration) error {
	if p.ctx.Err() != nil {
		return net.ErrClosed
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && !is[*net.DNSError](err) {
		return &timeoutError{name: "connect", after: limit}
	}
	return err
}
