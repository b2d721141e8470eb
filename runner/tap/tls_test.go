package tap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a self-signed certificate and its key, and returns their files and
// a pool that trusts it.
func writeCertificate(t *testing.T, until time.Time, names ...string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(cert, public, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return cert, key, pool
}

// Clients that speak TLS: HTTP/2 by ALPN, services by the name of the handshake, and a name
// that the certificate is not for is a finding. The proxy goes on.
func TestTLS(t *testing.T) {
	cert, key, pool := writeCertificate(t, time.Now().Add(time.Hour), "api.stb.example", "epg.stb.example")
	say := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", name, r.URL.Path) }
	}
	p, err := New(Options{
		Listen: "127.0.0.1:0", Cert: cert, Key: key, Now: time.Now, KeepBody: 1 << 10, KeepAll: 1 << 20,
		Services: []Service{service(t, "", "", say("main")), service(t, "epg", "", say("epg"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	dial := func(name string, protocols ...string) (*tls.Conn, error) {
		return tls.Dial("tcp", p.Addr().String(), &tls.Config{ServerName: name, RootCAs: pool, NextProtos: protocols})
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "api.stb.example"}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(p.URL() + "/a")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.ProtoMajor != 2 || string(body) != "main /a" {
		t.Errorf("HTTP/2: got %s over %s", body, res.Proto)
	}
	conn, err := dial("epg.stb.example", "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /b HTTP/1.0\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	conn.Close()
	if !strings.HasSuffix(string(answer), "epg /b") {
		t.Errorf("the name of the handshake: got %s", answer)
	}
	if _, err := dial("other.stb.example", "h2"); err == nil {
		t.Error("a name that the certificate is not for is accepted")
	}
	if got := raw(t, p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 400") {
		t.Errorf("no TLS: got %q", got)
	}
	conn, err = dial("api.stb.example", "http/1.1")
	if err != nil {
		t.Fatalf("after them: %v", err)
	}
	conn.Close()
	for _, want := range []string{"clients ask for other.stb.example, which the certificate is not for", "a client ended the TLS handshake: "} {
		found := func() bool { return strings.Contains(strings.Join(p.Findings(), "\n"), want) }
		for range 20_000 { // the server learns of the end of a handshake in its own time
			if found() {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !found() {
			t.Errorf("no %q in\n%s", want, strings.Join(p.Findings(), "\n"))
		}
	}
}

// Files that do not make a certificate are mistakes that name both.
func TestCertificateMistakes(t *testing.T) {
	cert, key, _ := writeCertificate(t, time.Now().Add(time.Hour), "a.example")
	_, other, _ := writeCertificate(t, time.Now().Add(time.Hour), "b.example")
	old, oldKey, _ := writeCertificate(t, time.Now().Add(-time.Hour), "c.example")
	for _, c := range []struct{ cert, key, want string }{
		{cert, other, "private key does not match"},
		{cert, "", "needs its key"},
		{key, cert, "read the certificate"},
		{old, oldKey, "is valid from"},
	} {
		if _, err := New(Options{Listen: "127.0.0.1:0", Cert: c.cert, Key: c.key, Now: time.Now}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: got %v, want %s", filepath.Base(c.cert), filepath.Base(c.key), err, c.want)
		}
	}
}
