package wire

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// transport makes a transport that ends with the test and leaves no goroutine.
func transport(t testing.TB, config Config) *Transport {
	t.Helper()
	tr, err := New(config)
	if err != nil {
		t.Fatalf("New(%+v): %v", config, err)
	}
	t.Cleanup(tr.Close)
	return tr
}

// noLeak fails the test when goroutines of this package or net/http are left
// once everything registered after it has been cleaned up.
func noLeak(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		var stacks []byte
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			stacks = make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			if !strings.Contains(string(stacks), "net/http.(*persistConn)") && !strings.Contains(string(stacks), "http2ClientConn") &&
				!strings.Contains(string(stacks), "net/http.(*Transport).dialConn") {
				return
			}
		}
		t.Errorf("goroutines left behind:\n%s", stacks)
	})
}

// listen opens a loopback listener that ends with the test.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// rawServer answers each connection with script and closes it afterwards.
// Connections end with the test.
func rawServer(t testing.TB, script func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l := listen(t)
	serve(t, l, script)
	return "http://" + l.Addr().String()
}

func serve(t testing.TB, l net.Listener, script func(net.Conn, *bufio.Reader)) {
	t.Helper()
	var mu sync.Mutex
	var ended bool
	var wg sync.WaitGroup
	open := map[net.Conn]struct{}{}
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		ended = true
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if ended {
				_ = c.Close()
			}
			open[c] = struct{}{}
			mu.Unlock()
			wg.Go(func() {
				script(c, bufio.NewReader(c))
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
}

// readRequest reads a request with its body; nil at the end of the connection.
func readRequest(r *bufio.Reader) *http.Request {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	return req
}

// says is a script that answers every request with the same bytes.
func says(answer string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		for readRequest(r) != nil {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// httpServer runs a handler with the given protocols; https when conf is not nil.
func httpServer(t testing.TB, conf *tls.Config, protocols string, h http.HandlerFunc) string {
	t.Helper()
	l := listen(t)
	var p http.Protocols
	p.SetHTTP1(strings.Contains(protocols, "1"))
	p.SetHTTP2(strings.Contains(protocols, "2"))
	p.SetUnencryptedHTTP2(strings.Contains(protocols, "h2c"))
	s := &http.Server{Handler: h, TLSConfig: conf, Protocols: &p, ErrorLog: quiet}
	done := make(chan error, 1)
	go func() {
		if conf != nil {
			done <- s.ServeTLS(l, "", "")
		} else {
			done <- s.Serve(l)
		}
	}()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	if conf != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// authority is a certificate authority of a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	n    atomic.Int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{dir: t.TempDir(), cert: cert, key: key}
	a.file = filepath.Join(a.dir, "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue makes a certificate for names and addresses, good until notAfter.
func (a *authority) issue(t testing.TB, notAfter time.Time, names ...string) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := a.n.Add(1)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(n + 1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile = filepath.Join(a.dir, big.NewInt(n).String()+".pem")
	keyFile = filepath.Join(a.dir, big.NewInt(n).String()+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", keyDER)
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pair
}

// get sends a GET and fails the test when there is no answer.
func get(t testing.TB, tr *Transport, url string, headers ...Field) *Exchange {
	t.Helper()
	x := tr.Do(context.Background(), &Request{Method: "GET", URL: url, Headers: headers})
	if x.Err != nil {
		t.Fatalf("GET %s: %v", url, x.Err)
	}
	return x
}

// value is the first value of a field.
func value(fields []Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
