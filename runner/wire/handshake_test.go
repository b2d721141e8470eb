package wire

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// A handshake shows the versions and protocols that a server accepts, and never
// sends a request.
func TestHandshakeShowsWhatIsAccepted(t *testing.T) {
	noLeak(t)
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	server.Config.ErrorLog = nil
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	tr := transport(t, Config{BaseURL: server.URL}) // its certificate is not trusted, which does not matter here
	for _, c := range []struct {
		name     string
		hello    Hello
		ok       bool
		protocol string
	}{
		{"the version it has", Hello{Min: tls.VersionTLS12, Max: tls.VersionTLS12}, true, ""},
		{"a newer one", Hello{Min: tls.VersionTLS13, Max: tls.VersionTLS13}, false, ""},
		{"an older one", Hello{Min: tls.VersionTLS11, Max: tls.VersionTLS11}, false, ""},
		{"HTTP/2", Hello{Min: tls.VersionTLS12, Max: tls.VersionTLS13, Protocols: []string{"h2"}}, true, "h2"},
	} {
		got, err := tr.Handshake(t.Context(), c.hello)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want accepted %v", c.name, err, c.ok)
			continue
		}
		if c.ok && (got.Protocol != c.protocol || got.Version != tls.VersionTLS12 || len(got.Certificates) == 0) {
			t.Errorf("%s: %+v, want protocol %q", c.name, got, c.protocol)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	plain := transport(t, Config{BaseURL: "http://127.0.0.1:1"})
	if _, err := plain.Handshake(t.Context(), Hello{}); err == nil || err.Class != ClassRequest {
		t.Errorf("without TLS: %v", err)
	}
}

// A reset of a reused connection is told from one that was closed before, and
// Resend lets an unsafe request leave again in both cases.
func TestResetsAreToldFromCloses(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(conn net.Conn)
		resets int
	}{
		{"reset", func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, 1},
		{"closed", func(net.Conn) {}, 0},
	} {
		l := listen(t)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer func() { _ = conn.Close() }()
					r := bufio.NewReader(conn)
					for i := range 2 {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						_, _ = io.Copy(io.Discard, req.Body)
						if i == 1 {
							c.end(conn)
							return
						}
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					}
				}()
			}
		}()
		tr := transport(t, Config{BaseURL: "http://" + l.Addr().String()})
		ask := func(resend bool) *Exchange {
			return tr.Do(t.Context(), &Request{Method: "POST", URL: "http://" + l.Addr().String() + "/", Body: []byte("q"), Resend: resend})
		}
		if x := ask(true); x.Err != nil || x.Attempts != 1 || x.Resets != 0 {
			t.Fatalf("%s: first: %+v", c.name, x)
		}
		if x := ask(true); x.Err != nil || x.Attempts != 2 || x.Resets != c.resets {
			t.Errorf("%s: with Resend: attempts %d, resets %d (%v), want 2 and %d", c.name, x.Attempts, x.Resets, x.Err, c.resets)
		}
		if x := ask(false); x.Err == nil || x.Attempts != 1 || x.Resets != c.resets {
			t.Errorf("%s: without: attempts %d, resets %d (%v), want a failure after 1, and %d", c.name, x.Attempts, x.Resets, x.Err, c.resets)
		}
		for _, f := range ask(true).Sent {
			if f.Name == "Idempotency-Key" {
				t.Errorf("%s: Idempotency-Key %q was sent", c.name, f.Value)
			}
		}
	}
}
