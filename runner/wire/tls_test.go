package wire

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/internal/steady"
)

func echoHost(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name := ""
	if r.TLS != nil {
		name = r.TLS.ServerName
	}
	w.Header().Set("X-B", "2")
	w.Header().Set("X-A", "1")
	_, _ = io.WriteString(w, r.Proto+" "+r.Host+" "+name)
}

func TestTLS(t *testing.T) {
	noLeak(t)
	ca := newAuthority(t)
	_, _, pair := ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1", "api.example")
	sum := sha256.Sum256(pair.Certificate[0])
	hash := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name, server string
		config       Config
		proto, host  string
		sni          string
	}{
		{"alpn takes h2", "12", Config{CAFile: ca.file}, "HTTP/2.0", "", ""},
		{"1.1 asked for", "12", Config{CAFile: ca.file, HTTP: "1.1"}, "HTTP/1.1", "", ""},
		{"2 asked for", "12", Config{CAFile: ca.file, HTTP: "2"}, "HTTP/2.0", "", ""},
		{"server without h2", "1", Config{CAFile: ca.file}, "HTTP/1.1", "", ""},
		{"host sets sni", "12", Config{CAFile: ca.file, Host: "api.example:8443"}, "HTTP/2.0", "api.example:8443", "api.example"},
		{"host sets sni, 1.1", "1", Config{CAFile: ca.file, Host: "api.example"}, "HTTP/1.1", "api.example", "api.example"},
		{"server name wins", "1", Config{CAFile: ca.file, Host: "x.example", ServerName: "api.example"}, "HTTP/1.1", "x.example", "api.example"},
		{"insecure", "12", Config{Insecure: true, ServerName: "wrong.example"}, "HTTP/2.0", "", "wrong.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			steady.Try(t, func(t testing.TB) {
				base := httpServer(t, &tls.Config{Certificates: []tls.Certificate{pair}}, c.server, echoHost)
				c.config.BaseURL = base
				tr := transport(t, c.config)
				host := c.host
				if host == "" {
					host = strings.TrimPrefix(base, "https://")
				}
				for i := range 3 {
					x := tr.Do(context.Background(), &Request{Method: "POST", URL: base, Body: []byte("x"), Headers: []Field{{"x-a", "1"}, {"X-A", "2"}}})
					want := c.proto + " " + host + " " + c.sni
					if x.Err != nil || string(x.Answer) != want || x.Proto != c.proto {
						t.Fatalf("got %q, %v; want %q", x.Answer, x.Err, want)
					}
					if x.Certificate != hash || x.Reused != (i > 0) || (x.Timing.TLS > 0) != (i == 0) || x.Remote.String() != strings.TrimPrefix(base, "https://") || x.Attempts != 1 {
						t.Errorf("request %d: got %+v", i, x)
					}
					if value(x.Sent, "host") != host || value(x.Sent, "content-length") != "1" || value(x.Sent, "user-agent") != UserAgent || x.Sent[0].Name != "Host" {
						t.Errorf("Sent: got %v", x.Sent)
					}
					if c.proto == "HTTP/2.0" {
						if diff := cmp.Diff([]Field{{"Host", host}, {"content-length", "1"}, {"user-agent", "bgverify"}, {"x-a", "1"}, {"x-a", "2"}}, sortedValues(x.Sent)); diff != "" {
							t.Errorf("Sent (-want +got):\n%s", diff)
						}
						if value(x.Headers, "x-a") != "1" || x.Headers[len(x.Headers)-1].Name != "x-b" {
							t.Errorf("Headers: got %v", x.Headers)
						}
					}
				}
				if tr.Opened() != 1 {
					t.Errorf("connections: got %d, want 1", tr.Opened())
				}
				x := tr.Do(context.Background(), &Request{Method: "GET", URL: base, Fresh: true})
				if x.Err != nil || x.Reused || tr.Opened() != 2 {
					t.Errorf("fresh: got %+v, %d connections", x, tr.Opened())
				}
			})
		})
	}
}

// sortedValues sorts the values of x-a, which were declared under two
// spellings: HTTP/2 has one, and net/http keeps no order between them.
func sortedValues(fields []Field) []Field {
	if n := len(fields); n >= 2 && fields[n-1].Value < fields[n-2].Value {
		fields[n-1], fields[n-2] = fields[n-2], fields[n-1]
	}
	return fields
}

func TestTLSRefusals(t *testing.T) {
	noLeak(t)
	ca, stranger := newAuthority(t), newAuthority(t)
	_, _, good := ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	_, _, expired := ca.issue(t, time.Now().Add(-time.Minute), "127.0.0.1")
	_, _, named := ca.issue(t, time.Now().Add(time.Hour), "other.example")
	for _, c := range []struct {
		name   string
		pair   tls.Certificate
		config Config
		says   string
	}{
		{"expired", expired, Config{CAFile: ca.file}, "expired"},
		{"wrong name", named, Config{CAFile: ca.file}, "127.0.0.1"},
		{"unknown authority", good, Config{CAFile: stranger.file}, "unknown authority"},
		{"system roots", good, Config{}, "unknown authority"},
		{"wrong server name", good, Config{CAFile: ca.file, ServerName: "x.example"}, "x.example"},
		{"2 asked for, not offered", good, Config{CAFile: ca.file, HTTP: "2"}, ""},
	} {
		base := httpServer(t, &tls.Config{Certificates: []tls.Certificate{c.pair}}, "1", echoHost)
		c.config.BaseURL = base
		x := transport(t, c.config).Do(context.Background(), &Request{Method: "GET", URL: base})
		if x.Err == nil || x.Err.Class != ClassTLS || !strings.Contains(x.Err.Detail, c.says) || x.Attempts != 0 {
			t.Errorf("%s: got %v, attempts %d; want class tls with %q", c.name, x.Err, x.Attempts, c.says)
		}
	}
	plain := httpServer(t, nil, "1", echoHost)
	x := transport(t, Config{}).Do(context.Background(), &Request{Method: "GET", URL: strings.Replace(plain, "http", "https", 1)})
	if x.Err == nil || x.Err.Class != ClassTLS {
		t.Errorf("https to an http server: got %v", x.Err)
	}
	secure := httpServer(t, &tls.Config{Certificates: []tls.Certificate{good}}, "1", echoHost)
	x = transport(t, Config{}).Do(context.Background(), &Request{Method: "GET", URL: strings.Replace(secure, "https", "http", 1)})
	if x.Err == nil && x.Status != 400 {
		t.Errorf("http to an https server: got %+v", x)
	}
}

func TestMutualTLS(t *testing.T) {
	noLeak(t)
	ca, stranger := newAuthority(t), newAuthority(t)
	_, _, pair := ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	certFile, keyFile, _ := ca.issue(t, time.Now().Add(time.Hour), "client")
	badCert, badKey, _ := stranger.issue(t, time.Now().Add(time.Hour), "client")
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	for _, max := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, protocols := range []string{"1", "12"} {
			base := httpServer(t, &tls.Config{
				Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: max,
			}, protocols, echoHost)
			tr := transport(t, Config{BaseURL: base, CAFile: ca.file, CertFile: certFile, KeyFile: keyFile})
			if x := get(t, tr, base); x.Status != 200 {
				t.Errorf("with certificate: got %+v", x)
			}
			for name, config := range map[string]Config{
				"none":     {BaseURL: base, CAFile: ca.file},
				"stranger": {BaseURL: base, CAFile: ca.file, CertFile: badCert, KeyFile: badKey},
			} {
				x := transport(t, config).Do(context.Background(), &Request{Method: "GET", URL: base})
				if x.Err == nil || x.Err.Class != ClassTLS && (name == "none" || x.Err.Class != ClassReset) {
					t.Errorf("%s, %x, %s: got %v; want class tls", name, max, protocols, x.Err)
				}
				t.Logf("%s, %x, %s: %v", name, max, protocols, x.Err)
			}
		}
	}
}

func TestH2C(t *testing.T) {
	noLeak(t)
	base := httpServer(t, nil, "1 h2c", echoHost)
	tr := transport(t, Config{BaseURL: base, HTTP: "h2c"})
	for i := range 3 {
		x := tr.Do(context.Background(), &Request{Method: "PUT", URL: base, Body: []byte("x")})
		if x.Err != nil || x.Proto != "HTTP/2.0" || x.Reused != (i > 0) || x.Attempts != 1 || !strings.HasPrefix(string(x.Answer), "HTTP/2.0 127.0.0.1") {
			t.Fatalf("got %+v, %v", x, x.Err)
		}
	}
	if x := transport(t, Config{BaseURL: base}).Do(context.Background(), &Request{Method: "GET", URL: base}); x.Proto != "HTTP/1.1" {
		t.Errorf("not asked for: got %+v", x)
	}
	old := httpServer(t, nil, "1", echoHost)
	x := transport(t, Config{BaseURL: old, HTTP: "h2c"}).Do(context.Background(), &Request{Method: "GET", URL: old})
	if x.Err == nil {
		t.Errorf("h2c to an HTTP/1 server: got %+v", x)
	}
	t.Log(x.Err)
	only := rawServer(t, func(c net.Conn, r *bufio.Reader) { // as nginx with http2 and without ssl does
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(c, "\x00\x00\x12\x04\x00\x00\x00\x00\x00"+strings.Repeat("\x00\x03\x00\x00\x00\x80", 3))
	})
	x = transport(t, Config{BaseURL: only}).Do(context.Background(), &Request{Method: "GET", URL: only})
	if x.Err == nil || x.Err.Class != ClassProtocol || !strings.Contains(x.Err.Detail, "http: h2c") {
		t.Errorf("HTTP/1 to an h2c server: got %+v", x.Err)
	}
}

func TestTunnelThroughAProxy(t *testing.T) {
	noLeak(t)
	ca := newAuthority(t)
	_, _, pair := ca.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	for _, protocols := range []string{"1", "12"} {
		base := httpServer(t, &tls.Config{Certificates: []tls.Certificate{pair}}, protocols, echoHost)
		asked := make(chan string, 9)
		proxy := rawServer(t, func(c net.Conn, r *bufio.Reader) {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			asked <- req.Method + " " + req.Host
			to, err := net.Dial("tcp", req.Host)
			if err != nil {
				return
			}
			defer func() { _ = to.Close() }()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			go func() { _, _ = io.Copy(to, r); _ = to.Close() }()
			_, _ = io.Copy(c, to)
		})
		tr := transport(t, Config{BaseURL: base, CAFile: ca.file, Proxy: proxy})
		for range 2 {
			x := get(t, tr, base)
			if x.Status != 200 || x.Attempts != 1 || value(x.Headers, "X-B") != "2" {
				t.Errorf("got %+v", x)
			}
		}
		if got, want := <-asked, "CONNECT "+strings.TrimPrefix(base, "https://"); got != want || tr.Opened() != 1 {
			t.Errorf("proxy: got %q, want %q", got, want)
		}
		tr.Close()
	}
}
