package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// markHeader numbers the items of a collection, so that requests of both tools find
// their item again.
const markHeader = "X-Wire-Item"

// A wireProxy answers for every host at once. It speaks HTTP and TLS on one port, takes
// requests to itself and those to a proxy, records them and answers for their item.
type wireProxy struct {
	ln      net.Listener
	cert    tls.Certificate
	answers []answer

	mu   sync.Mutex
	list []wireRequest
}

// A wireRequest is one request as it left its tool: its item, -1 for those that a
// script sent, and all of it in the form that is compared.
type wireRequest struct {
	item int
	text string
}

func newWireProxy(answers []answer) (*wireProxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cert, err := selfSigned()
	if err != nil {
		return nil, err
	}
	p := &wireProxy{ln: ln, cert: cert, answers: answers}
	go p.accept()
	return p, nil
}

// selfSigned is a certificate that nobody trusts: both tools are asked not to check it.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "importwire"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func (p *wireProxy) address() string { return p.ln.Addr().String() }

func (p *wireProxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

// serve speaks TLS where a connection begins with it, and HTTP otherwise.
func (p *wireProxy) serve(c net.Conn) {
	b := &buffered{c, bufio.NewReader(c)}
	first, err := b.r.Peek(1)
	if err != nil {
		c.Close()
		return
	}
	var conn net.Conn = b
	if first[0] == 0x16 { // a TLS handshake
		conn = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{p.cert}, NextProtos: []string{"http/1.1"}})
	}
	http.Serve(&oneConn{conn: conn}, p) //nolint:errcheck // it ends with its connection
}

// A buffered connection was read ahead.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// A oneConn is a listener with one connection.
type oneConn struct {
	conn net.Conn
	once bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.once {
		return nil, io.EOF
	}
	l.once = true
	return l.conn, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

func (p *wireProxy) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodConnect {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") //nolint:errcheck // the next read fails
		p.serve(c)
		return
	}
	body, _ := io.ReadAll(req.Body)
	item := -1
	if _, err := fmt.Sscan(req.Header.Get(markHeader), &item); err != nil || item >= len(p.answers) {
		item = -1
	}
	req.Header.Del(markHeader)
	if req.Header.Get("X-Bgverify-Probe") == "" {
		for _, name := range []string{"Postman-Token", "Cache-Control", "Proxy-Connection"} {
			req.Header.Del(name)
		}
		if req.Header.Get("Accept") == "*/*" {
			req.Header.Del("Accept")
		}
		p.mu.Lock()
		p.list = append(p.list, wireRequest{item, req.Host + " " + describe(req, body, req.URL.RawQuery)})
		p.mu.Unlock()
	}
	a := answer{status: 200, body: []byte("{}")}
	if item >= 0 {
		a = p.answers[item]
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	for _, f := range a.headers {
		h.Set(f[0], f[1])
	}
	for _, name := range a.cookies {
		http.SetCookie(w, &http.Cookie{Name: name, Value: "c-" + name, Path: "/"})
	}
	w.WriteHeader(a.status)
	if a.status != 204 && a.status != 304 && req.Method != http.MethodHead {
		w.Write(a.body) //nolint:errcheck // the client sees it
	}
}

// take returns what was recorded since the last call, by item.
func (p *wireProxy) take() map[int][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[int][]string{}
	for _, r := range p.list {
		out[r.item] = append(out[r.item], r.text)
	}
	p.list = nil
	return out
}
