package tap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
)

// Options say where a proxy listens, and what it passes to whom.
type Options struct {
	// Listen is the address to listen on, such as :8080.
	Listen string
	// Cert and Key are PEM files; both or neither. With them the proxy speaks TLS.
	Cert, Key string
	// ClientConnections is how many connections, and requests, a client may have at once; 0:
	// the constant of that name.
	ClientConnections int
	// Services are those of one side. The first answers what no other is meant by.
	Services []Service
	// KeepBody is how many bytes of one body are kept; of all at once KeepAll.
	KeepBody, KeepAll int64
	// Observe gets what passed, after the last byte; it must return at once. The
	// exchange must be released when its bodies are no longer needed.
	Observe func(*Exchange)
	// Now is the clock.
	Now func() time.Time
}

// A Service is one service of a side.
type Service struct {
	// Name is empty for the side's own URL.
	Name string
	// URL is its base: scheme, host and perhaps a path, without query.
	URL *url.URL
	// Way carries requests to it. It must not wait for bodies, and pass upgrades.
	Way http.RoundTripper
}

// A Proxy passes requests to services.
type Proxy struct {
	opts     Options
	listener net.Listener
	secure   bool
	leaf     *x509.Certificate // that clients see
	pass     *httputil.ReverseProxy
	targets  []*target
	kept     atomic.Int64 // bytes of bodies that are kept now
	seen     findings
	requests *crowd
	stalled  time.Duration
}

// New makes a proxy and begins to listen: a certificate that does not fit and an
// address in use are mistakes of the caller, with a hint.
func New(opts Options) (*Proxy, error) {
	if opts.ClientConnections == 0 {
		opts.ClientConnections = ClientConnections
	}
	p := &Proxy{opts: opts, seen: findings{counts: map[finding]int{}}, requests: newCrowd(opts.ClientConnections), stalled: stalled}
	for _, s := range opts.Services {
		p.targets = append(p.targets, newTarget(s))
	}
	config, err := certificate(opts)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", opts.Listen)
	if err != nil {
		return nil, hint.Errorf("another --listen address, such as 127.0.0.1:0 for a free port", "listen on %s: %w", opts.Listen, unwrap(err))
	}
	if p.secure = config != nil; p.secure {
		p.leaf, config.GetConfigForClient = config.Certificates[0].Leaf, p.checkName
	}
	p.listener = newLimited(ln, opts.ClientConnections, func() {
		p.seen.add(fmt.Sprintf("a client had %d connections open, and another was refused", opts.ClientConnections), "")
	})
	if p.secure {
		p.listener = tls.NewListener(p.listener, config)
	}
	p.pass = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.answered, ErrorHandler: p.unanswered, Transport: byTarget{},
		FlushInterval: -1, BufferPool: &buffers{}, ErrorLog: log.New(io.Discard, "", 0),
	}
	return p, nil
}

// unwrap is what the system says, without the address again.
func unwrap(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// certificate reads the files of Cert and Key; nil without them.
func certificate(opts Options) (*tls.Config, error) {
	switch {
	case opts.Cert == "" && opts.Key == "":
		return nil, nil
	case opts.Cert == "" || opts.Key == "":
		return nil, hint.Errorf("give both --tls-cert and --tls-key", "a certificate needs its key, and a key its certificate")
	}
	pair, err := tls.LoadX509KeyPair(opts.Cert, opts.Key)
	if err != nil {
		return nil, hint.Errorf("PEM files of a certificate and of its private key", "read the certificate %s with the key %s: %w", opts.Cert, opts.Key, err)
	}
	if now := opts.Now(); pair.Leaf != nil && (now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore)) {
		return nil, hint.Errorf("a certificate that is valid now", "the certificate %s is valid from %s to %s", opts.Cert,
			pair.Leaf.NotBefore.UTC().Format(time.DateOnly), pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS10}, nil
}

// checkName notes the names that clients ask for and the certificate is not for.
func (p *Proxy) checkName(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if leaf := p.leaf; leaf != nil && hello.ServerName != "" && leaf.VerifyHostname(hello.ServerName) != nil {
		p.seen.add("clients ask for "+hello.ServerName+", which the certificate is not for", "")
	}
	return nil, nil
}

// Addr is the address that the proxy listens on.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// URL is the proxy as a client on this machine reaches it.
func (p *Proxy) URL() string {
	scheme := "http"
	if p.secure {
		scheme = "https"
	}
	return scheme + "://" + p.Addr().String()
}

// Serve passes requests until ctx ends, then waits a moment for what is under way.
func (p *Proxy) Serve(ctx context.Context) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: p, Protocols: protocols, ErrorLog: log.New(&p.seen, "", 0),
		ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 3 * time.Minute, MaxHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 256 << 10, MaxReceiveBufferPerStream: 128 << 10, WriteByteTimeout: stalled,
		},
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ending) != nil {
			_ = server.Close() // endless answers
		}
	})
	err := server.Serve(p.listener)
	if !stop() {
		<-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve clients: %w", err)
}

// Close ends the listening of a proxy that was not served.
func (p *Proxy) Close() error { return p.listener.Close() }

// ServeHTTP passes one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A chunked request may have had a length, too, which net/http has left out: what follows it
	// is not read as a request (RFC 9112 section 6.3).
	closes := r.ProtoMajor == 1 && len(r.TransferEncoding) > 0
	out := &patient{ResponseWriter: w, control: http.NewResponseController(w), limit: p.stalled, closes: closes}
	if r.Body != nil && r.Body != http.NoBody { // also for what the server reads of a body that nobody wants
		_ = out.control.SetReadDeadline(time.Now().Add(p.stalled))
	}
	switch r.Method {
	case http.MethodConnect:
		http.Error(out, "this is a reverse proxy: CONNECT is not passed", http.StatusMethodNotAllowed)
		return
	case "PRI": // the beginning of HTTP/2, without the rest
		out.closes = true
		http.Error(out, "bgverify: this is not a request", http.StatusBadRequest)
		return
	}
	client := clientNet(r.RemoteAddr)
	if !p.requests.enter(client) {
		p.seen.add(fmt.Sprintf("a client waited for %d answers, and another request was refused", p.opts.ClientConnections), "")
		http.Error(out, "bgverify: too many requests of this client at once", http.StatusServiceUnavailable)
		return
	}
	defer p.requests.leave(client)
	x := &Exchange{Began: p.opts.Now(), Client: clientOf(r), proxy: p}
	x.target, x.inside, r.URL.Path, r.URL.RawPath = p.route(r)
	x.Service, x.host = x.target.Service, r.Host
	x.Request.Method, x.Request.Proto = r.Method, r.Proto
	if r.Body != nil && r.Body != http.NoBody {
		// No EnableFullDuplex: with it net/http keeps a connection open whose body was
		// cut short by a bad chunk, and takes what follows for the next request.
		x.Request.Body.reader = r.Body
		r.Body = &watched{Body: &x.Request.Body, proxy: p, wait: out.control.SetReadDeadline}
	} else {
		x.Request.Body.Whole = true
	}
	defer x.over()
	p.pass.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
}

// byTarget carries each request the way of its service.
type byTarget struct{}

// RoundTrip sends a request to the service that route found for it.
func (byTarget) RoundTrip(r *http.Request) (*http.Response, error) {
	return exchangeOf(r.Context()).target.Way.RoundTrip(r)
}

// exchangeKey is where the exchange of a request is kept in its context, since httputil's hooks
// get nothing else.
type exchangeKey struct{}

// exchangeOf is the exchange of a request that ServeHTTP passes; nil for any other context.
func exchangeOf(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// clientOf is the address of a client without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// rewrite makes the request for the service. The query is passed as it came:
// what net/http thinks unparsable may be what the box sends. Compression is
// limited to gzip, which the proxy can undo to rewrite addresses.
func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In.Context())
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.SetURL(x.target.URL)
	pr.Out.Trailer = pr.In.Trailer // filled when the body has been read
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"} {
		if v := pr.In.Header.Values(name); len(v) > 0 {
			pr.Out.Header[name] = v
		}
	}
	if accepts := pr.Out.Header.Get("Accept-Encoding"); accepts != "" {
		pr.Out.Header.Set("Accept-Encoding", onlyGzip(accepts))
	}
	// A client that would go on in HTTP/2 with the service would pass unread from there on.
	if strings.EqualFold(pr.Out.Header.Get("Upgrade"), "h2c") {
		for _, name := range []string{"Upgrade", "Connection", "Http2-Settings"} {
			pr.Out.Header.Del(name)
		}
	}
	x.Request.URL = *pr.Out.URL
	x.Request.Header = pr.Out.Header.Clone()
}

// unanswered answers a client whose service did not answer, or whose own request broke off.
func (p *Proxy) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	x.Err = err
	switch cut := x.Request.Body.broken(); {
	case errors.Is(cut, os.ErrDeadlineExceeded):
		http.Error(w, "bgverify: the body of the request did not arrive", http.StatusRequestTimeout)
	case cut != nil:
		http.Error(w, "bgverify: the body of the request cannot be read", http.StatusBadRequest)
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client is gone, or sends no more: without an answer it would get an empty 200
	default:
		http.Error(w, "bgverify: the service did not answer", http.StatusBadGateway)
	}
}

// buffers lends the buffers that bodies are copied with.
type buffers struct{ pool sync.Pool }

// Get is a buffer of 32 KiB: one that was used before where there is one.
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
