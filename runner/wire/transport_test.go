package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bgverify/bgverify/internal/steady"
)

var quiet = log.New(io.Discard, "", 0)

func TestDoSaysWhatWasSentAndReceived(t *testing.T) {
	noLeak(t)
	var got *http.Request
	raw := make(chan string, 1)
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		var text strings.Builder
		got, _ = http.ReadRequest(bufio.NewReader(io.TeeReader(r, &text)))
		body, _ := io.ReadAll(got.Body)
		raw <- text.String() + string(body)
		_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nx-LOWER: 1\r\nSet-Cookie: a=1\r\nZeta: 2\r\nset-cookie: b=2\r\nPragma: no-cache\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
	})
	tr := transport(t, Config{BaseURL: base})
	x := tr.Do(context.Background(), &Request{
		Method: "POST", URL: base + "/v1/채널?q=a b&r=한#frag",
		Headers: []Field{{"x-device", "B1"}, {"X-A", "2"}, {"X-A", "1"}, {"content-type", "text/plain"}},
		Body:    []byte("request"),
	})
	if x.Err != nil {
		t.Fatal(x.Err)
	}
	text := <-raw
	if want := "POST /v1/%EC%B1%84%EB%84%90?q=a%20b&r=%ED%95%9C HTTP/1.1\r\n"; !strings.HasPrefix(text, want) {
		t.Errorf("request line: got %q, want %q", text, want)
	}
	host := strings.TrimPrefix(base, "http://")
	if diff := cmp.Diff([]Field{
		{"Host", host},
		{"User-Agent", "bgverify"},
		{"Content-Length", "7"},
		{"Content-Type", "text/plain"},
		{"X-A", "2"},
		{"X-A", "1"},
		{"x-device", "B1"},
	}, x.Sent); diff != "" {
		t.Errorf("Sent (-want +got):\n%s", diff)
	}
	for _, f := range x.Sent {
		if !strings.Contains(text, "\r\n"+f.Name+": "+f.Value+"\r\n") {
			t.Errorf("Sent has %v, the wire has not:\n%s", f, text)
		}
	}
	if n := strings.Count(strings.TrimSuffix(text, "request"), "\r\n") - 2; n != len(x.Sent) {
		t.Errorf("the wire has %d fields, Sent %d", n, len(x.Sent))
	}
	if diff := cmp.Diff([]Field{
		{"x-LOWER", "1"},
		{"Set-Cookie", "a=1"},
		{"Zeta", "2"},
		{"set-cookie", "b=2"},
		{"Pragma", "no-cache"},
		{"Transfer-Encoding", "chunked"},
		{"Trailer", "X-Sum"},
	}, x.Headers); diff != "" {
		t.Errorf("Headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Field{{"X-Sum", "7"}}, x.Trailers); diff != "" {
		t.Errorf("Trailers (-want +got):\n%s", diff)
	}
	if x.Status != 201 || string(x.Answer) != "hello" || x.WireBytes != 5 || x.Proto != "HTTP/1.1" || x.Attempts != 1 || x.Reused || x.Unframed {
		t.Errorf("got %+v", x)
	}
	if x.Remote != netip.MustParseAddrPort(host) {
		t.Errorf("Remote: got %v, want %s", x.Remote, host)
	}
	if x.Timing.Connect <= 0 || x.Timing.TLS != 0 || x.Timing.FirstByte < x.Timing.Connect || x.Timing.Total < x.Timing.FirstByte {
		t.Errorf("Timing: got %+v", x.Timing)
	}
	if want := base + "/v1/%EC%B1%84%EB%84%90?q=a%20b&r=%ED%95%9C"; x.URL != want {
		t.Errorf("URL: got %q, want %q", x.URL, want)
	}
}

func TestDoDecodes(t *testing.T) {
	noLeak(t)
	text := strings.Repeat(`{"channels":[1,2,3]}`, 500)
	write := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.Bytes()
	}
	packed := map[string][]byte{"": []byte(text), "identity": []byte(text), "unknown": []byte("as it came")}
	var gz, zl, fl, br, zs, twice bytes.Buffer
	packed["gzip"] = write(gzip.NewWriter(&gz), &gz)
	packed["x-gzip"] = packed["gzip"]
	packed["deflate"] = write(zlib.NewWriter(&zl), &zl)
	flw, _ := flate.NewWriter(&fl, 6)
	packed["deflate "] = write(flw, &fl) // raw; the space is trimmed
	packed["br"] = write(brotli.NewWriter(&br), &br)
	zsw, _ := zstd.NewWriter(&zs)
	packed["zstd"] = write(zsw, &zs)
	tw := gzip.NewWriter(&twice)
	_, _ = tw.Write(packed["br"])
	_ = tw.Close()
	packed["br, gzip"] = twice.Bytes()
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Accept-Encoding"); e != "" {
			t.Errorf("Accept-Encoding %q was sent though not asked for", e)
		}
		coding := r.Header.Get("X-Coding")
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		if r.Header.Get("X-Empty") == "" {
			_, _ = w.Write(packed[coding+r.Header.Get("X-Raw")])
		}
	})
	tr := transport(t, Config{BaseURL: base})
	for coding, body := range packed {
		raw := ""
		if strings.HasSuffix(coding, " ") {
			coding, raw = strings.TrimSpace(coding), " "
		}
		x := get(t, tr, base, Field{"X-Coding", coding}, Field{"X-Raw", raw})
		want, decoded := text, strings.ReplaceAll(coding, "x-", "")
		if coding == "unknown" {
			want = "as it came"
		}
		if coding == "unknown" || coding == "identity" {
			decoded = ""
		}
		if raw == "" || coding == "deflate" { // X-Raw's value is trimmed on the wire
			body = packed[coding]
		}
		if string(x.Answer) != want || x.WireBytes != int64(len(body)) || x.Encoding != decoded {
			t.Errorf("%q: got %d bytes, %d on the wire, encoding %q; want %d, %d, %q", coding, len(x.Answer), x.WireBytes, x.Encoding, len(want), len(body), decoded)
		}
		if got := value(x.Headers, "Content-Encoding"); got != coding {
			t.Errorf("Content-Encoding: got %q, want %q kept", got, coding)
		}
		x = get(t, tr, base, Field{"X-Coding", coding}, Field{"X-Empty", "1"})
		if len(x.Answer) != 0 {
			t.Errorf("%q, empty: got %q", coding, x.Answer)
		}
	}
}

func TestRedirectIsTheAnswer(t *testing.T) {
	steady.Try(t, func(t testing.TB) {
		base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		})
		tr := transport(t, Config{BaseURL: base})
		for _, method := range []string{"GET", "POST"} {
			x := tr.Do(context.Background(), &Request{Method: method, URL: base + "/a"})
			if x.Err != nil || x.Status != 307 || value(x.Headers, "Location") != "/elsewhere" || x.Attempts != 1 {
				t.Errorf("%s: got %+v", method, x)
			}
		}
		if n := tr.Opened(); n != 1 {
			t.Errorf("connections: got %d, want 1", n)
		}
	})
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	base := rawServer(t, func(net.Conn, *bufio.Reader) { t.Error("something was sent") })
	tr := transport(t, Config{BaseURL: base})
	for _, c := range []struct {
		name, method, url string
		header            Field
		reason            string
	}{
		{"crlf in a value", "GET", "", Field{"X-A", "1\r\nX-B: 2"}, "header injection"},
		{"crlf in a name", "GET", "", Field{"X-A\r\nX-B", "1"}, "header injection"},
		{"nul in a value", "GET", "", Field{"X-A", "\x00"}, "some servers cut there"},
		{"empty name", "GET", "", Field{"", "1"}, "is no field"},
		{"space in a name", "GET", "", Field{"X A", "1"}, "is no token"},
		{"crlf in the host", "GET", "", Field{"Host", "a\r\nb"}, "header injection"},
		{"slash in the host", "GET", "", Field{"Host", "a/b"}, "net/http sends it empty"},
		{"space in the host", "GET", "", Field{"Host", "a b"}, "net/http sends it empty"},
		{"user in the host", "GET", "", Field{"Host", "u@a"}, "names another host to some parsers"},
		{"port out of range", "GET", "", Field{"Host", "a:70000"}, "is no port"},
		{"wrong length", "POST", "", Field{"Content-Length", "5"}, "request smuggling"},
		{"transfer encoding", "POST", "", Field{"Transfer-Encoding", "chunked"}, "request smuggling"},
		{"upgrade", "GET", "", Field{"Upgrade", "h2c"}, "another protocol"},
		{"method", "GE T", "", Field{}, "is no token"},
		{"connect", "CONNECT", "", Field{}, "opens a tunnel"},
		{"no method", "", "", Field{}, "a default would hide a mistake"},
		{"other host", "GET", "http://127.0.0.2:1/", Field{}, "not this side"},
		{"other port", "GET", "http://127.0.0.1:1/", Field{}, "not this service"},
		{"other scheme", "GET", strings.Replace(base, "http", "https", 1), Field{}, "not this service"},
		{"file", "GET", "file:///etc/passwd", Field{}, "not http"},
		{"relative", "GET", "/v1", Field{}, "no host"},
		{"unreadable", "GET", "http://[::1", Field{}, "no url"},
		{"control character", "GET", base + "/\x01", Field{}, "no url"},
	} {
		url := c.url
		if url == "" {
			url = base
		}
		r := &Request{Method: c.method, URL: url}
		if c.header != (Field{}) || c.name == "empty name" {
			r.Headers = []Field{c.header}
		}
		x := tr.Do(context.Background(), r)
		if x.Err == nil || x.Err.Class != ClassRequest || x.Attempts != 0 {
			t.Errorf("%s (%s): got %+v, attempts %d, want class request", c.name, c.reason, x.Err, x.Attempts)
		}
	}
	if n := tr.Opened(); n != 0 {
		t.Errorf("connections: got %d, want none", n)
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		says   string
	}{
		{"scheme", Config{BaseURL: "ftp://a"}, "scheme"},
		{"host", Config{BaseURL: "http://a b"}, "host"},
		{"no host", Config{BaseURL: "http:///x"}, "host"},
		{"host field", Config{Host: "a/b"}, "host"},
		{"resolve a name", Config{Resolve: "localhost"}, "IP address"},
		{"protocol", Config{HTTP: "3"}, "1.1"},
		{"h2 without tls", Config{BaseURL: "http://a", HTTP: "2"}, "h2c"},
		{"h2c with tls", Config{BaseURL: "https://a", HTTP: "h2c"}, "http URL"},
		{"proxy and resolve", Config{Resolve: "127.0.0.1", Proxy: "http://127.0.0.1:1"}, "exclude"},
		{"proxy scheme", Config{Proxy: "ftp://a"}, "socks5"},
		{"no ca", Config{CAFile: "/nowhere"}, "tls ca"},
		{"no certificate in ca", Config{CAFile: "help_test.go"}, "no certificate"},
		{"key alone", Config{KeyFile: "x"}, "without a certificate"},
		{"negative", Config{Limits: Limits{Idle: -1}}, "negative"},
		{"negative body", Config{Limits: Limits{Body: -1}}, "negative"},
	} {
		if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.says)
		}
	}
}

func TestHostAndResolve(t *testing.T) {
	noLeak(t)
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
	addr := strings.TrimPrefix(base, "http://")
	port := addr[strings.LastIndexByte(addr, ':'):]
	for _, c := range []struct {
		name   string
		config Config
		url    string
		header []Field
		want   string
	}{
		{"plain", Config{BaseURL: base}, base, nil, addr},
		{"address and port", Config{BaseURL: "http://api.invalid", Resolve: addr}, "http://api.invalid/x", nil, "api.invalid"},
		{"address alone", Config{BaseURL: "http://api.invalid" + port, Resolve: "127.0.0.1"}, "http://api.invalid" + port + "/x", nil, "api.invalid" + port},
		{"host", Config{BaseURL: base, Host: "api.example"}, base, nil, "api.example"},
		{"host of one request", Config{BaseURL: base, Host: "api.example"}, base, []Field{{"host", "other.example:8080"}}, "other.example:8080"},
		{"in korean", Config{BaseURL: "http://한국.invalid", Resolve: addr}, "http://한국.invalid/", nil, "xn--3e0b707e.invalid"},
		{"underscore", Config{BaseURL: "http://my_svc", Resolve: addr}, "http://my_svc/", nil, "my_svc"},
		{"case and dot", Config{BaseURL: "http://API.invalid.", Resolve: addr}, "http://api.invalid:80/", nil, "api.invalid:80"},
	} {
		tr := transport(t, c.config)
		x := tr.Do(context.Background(), &Request{Method: "GET", URL: c.url, Headers: c.header})
		if x.Err != nil || string(x.Answer) != c.want || value(x.Sent, "Host") != c.want {
			t.Errorf("%s: got %q, %v, Sent %v; want %q", c.name, x.Answer, x.Err, x.Sent, c.want)
		}
	}
	// A pinned host never falls back to DNS, also when nobody answers there.
	l := listen(t)
	dead := l.Addr().String()
	_ = l.Close()
	tr := transport(t, Config{BaseURL: "http://localhost" + port, Resolve: dead})
	x := tr.Do(context.Background(), &Request{Method: "GET", URL: "http://localhost" + port})
	if x.Err == nil || x.Err.Class != ClassRefused {
		t.Errorf("pinned to a dead address: got %+v, %v", x, x.Err)
	}
}

func TestEnvironmentHasNoSay(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "direct") })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	// net/http exempts loopback from the environment's proxy; a pinned name is not loopback to it.
	tr := transport(t, Config{BaseURL: "http://api.invalid:" + port, Resolve: "127.0.0.1"})
	if x := get(t, tr, "http://api.invalid:"+port); string(x.Answer) != "direct" {
		t.Errorf("got %q", x.Answer)
	}
}

func TestDeclaredProxy(t *testing.T) {
	noLeak(t)
	var through []string
	target := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "target") })
	proxy := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		req := readRequest(r)
		if req == nil {
			return
		}
		through = append(through, req.RequestURI+" "+req.Header.Get("Proxy-Authorization"))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nproxy")
	})
	tr := transport(t, Config{BaseURL: target, Proxy: strings.Replace(proxy, "://", "://user:pass@", 1)})
	x := get(t, tr, target+"/x")
	if string(x.Answer) != "proxy" || len(through) != 1 || through[0] != target+"/x Basic dXNlcjpwYXNz" {
		t.Errorf("got %q through %v", x.Answer, through)
	}
	for _, f := range x.Sent {
		if strings.EqualFold(f.Name, "Proxy-Authorization") {
			t.Error("Sent holds the proxy's password")
		}
	}
}

func TestUserOfTheURL(t *testing.T) {
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	})
	tr := transport(t, Config{BaseURL: base})
	url := strings.Replace(base, "://", "://u:p@", 1)
	x := get(t, tr, url)
	if string(x.Answer) != "Basic dTpw" || strings.Contains(x.URL, "p@") {
		t.Errorf("got %q, URL %q", x.Answer, x.URL)
	}
	if x = get(t, tr, url, Field{"Authorization", "Bearer t"}); string(x.Answer) != "Bearer t" {
		t.Errorf("declared: got %q", x.Answer)
	}
}

func TestConnectionsAreReusedUnlessFresh(t *testing.T) {
	noLeak(t)
	steady.Try(t, func(t testing.TB) {
		base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") })
		tr := transport(t, Config{BaseURL: base})
		for i := range 3 {
			if x := get(t, tr, base); x.Reused != (i > 0) || x.Reused && x.Timing.Connect != 0 {
				t.Errorf("request %d: reused %v, %+v", i, x.Reused, x.Timing)
			}
		}
		for range 3 {
			if x := tr.Do(context.Background(), &Request{Method: "GET", URL: base, Fresh: true}); x.Reused || x.Err != nil {
				t.Errorf("fresh: got %+v", x)
			}
		}
		if n := tr.Opened(); n != 4 {
			t.Errorf("connections: got %d, want 4", n)
		}
	})
}

func TestAnswersWithoutABody(t *testing.T) {
	noLeak(t)
	steady.Try(t, func(t testing.TB) {
		for _, c := range []struct{ name, method, answer string }{
			{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n"},
			{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n"},
			{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
			{"length 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		} {
			base := rawServer(t, says(c.answer))
			tr := transport(t, Config{BaseURL: base})
			for i := range 3 {
				x := tr.Do(context.Background(), &Request{Method: c.method, URL: base})
				if x.Err != nil || x.Answer != nil || x.Reused != (i > 0) {
					t.Errorf("%s, request %d: got %+v, %v", c.name, i, x, x.Err)
				}
			}
		}
	})
}

func TestInformationalAnswersAreSkipped(t *testing.T) {
	steady.Try(t, func(t testing.TB) {
		base := rawServer(t, says("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nok"))
		tr := transport(t, Config{BaseURL: base})
		for range 2 {
			x := get(t, tr, base)
			if diff := cmp.Diff([]Field{{"Content-Length", "2"}, {"A", "b"}}, x.Headers); diff != "" || string(x.Answer) != "ok" {
				t.Errorf("got %q (-want +got):\n%s", x.Answer, diff)
			}
		}
		if tr.Opened() != 1 {
			t.Errorf("connections: got %d, want 1", tr.Opened())
		}
	})
}

// TestForms lists what net/http reads and other clients may not.
func TestForms(t *testing.T) {
	pack := func(parts ...string) string {
		var b bytes.Buffer
		for _, p := range parts {
			z := gzip.NewWriter(&b)
			_, _ = io.WriteString(z, p)
			_ = z.Close()
		}
		return b.String()
	}
	coded := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for _, tt := range []struct{ answer, want string }{
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b \r\n\r\nok", ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n", ""},
		{"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "a 100 before it, a 103 before it"},
		{"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", "lines that end in LF alone"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n c: d\r\n\r\nok", "a header field of several lines"},
		{"HTTP/1.1 200 OK\r\nContent-Length : 2\r\nContent-Length: 2\r\n\r\nok", "a space after the name of a header field"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok", "Content-Length twice"},
		{
			"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
			"Content-Length next to Transfer-Encoding",
		},
		{coded(pack("ok")), ""},
		{coded(pack("o", "k")), "gzip of several members"},
		{coded(pack("o", "", "k", "")), "gzip of several members"},
	} {
		base := rawServer(t, says(tt.answer))
		if x := get(t, transport(t, Config{BaseURL: base}), base); x.Err != nil || x.Form != tt.want || string(x.Answer) != "ok" {
			t.Errorf("%q: %q as %q (%v), want %q", tt.answer, x.Answer, x.Form, x.Err, tt.want)
		}
	}
}

func TestUnframed(t *testing.T) {
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		readRequest(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nuntil the end")
	})
	tr := transport(t, Config{BaseURL: base})
	if x := get(t, tr, base); !x.Unframed || string(x.Answer) != "until the end" {
		t.Errorf("got %+v", x)
	}
}

func TestStopped(t *testing.T) {
	noLeak(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) { // no answer ever comes
		readRequest(r)
		cancel()
		_, _ = r.ReadByte()
	})
	tr := transport(t, Config{BaseURL: base})
	x := tr.Do(ctx, &Request{Method: "POST", URL: base, Body: []byte("x")})
	if x.Err == nil || x.Err.Class != ClassCanceled || x.Attempts != 1 {
		t.Errorf("got %+v, attempts %d", x.Err, x.Attempts)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	noLeak(t)
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) { readRequest(r); _, _ = r.ReadByte() })
	tr := transport(t, Config{BaseURL: base})
	time.AfterFunc(30*time.Millisecond, tr.Close)
	x := tr.Do(context.Background(), &Request{Method: "POST", URL: base, Body: []byte("x")})
	if x.Err == nil || x.Status != 0 {
		t.Errorf("got %+v", x)
	}
	if x = tr.Do(context.Background(), &Request{Method: "GET", URL: base}); x.Err == nil {
		t.Error("a closed transport still sends")
	}
}

func TestLargeBodies(t *testing.T) {
	noLeak(t)
	const limit = 3 << 20
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		n := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
		if r.URL.Query().Get("length") != "" {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		chunk := bytes.Repeat([]byte("x"), 1<<16)
		for n > 0 {
			k := min(n, len(chunk))
			if _, err := w.Write(chunk[:k]); err != nil {
				return
			}
			n -= k
		}
	})
	tr := transport(t, Config{BaseURL: base, Limits: Limits{Body: limit}})
	for _, n := range []int{0, 1, 8191, 8192, 8193, 1<<20 - 1, 1 << 20, 1<<20 + 1, limit - 1, limit, limit + 1, 2 * limit} {
		for _, length := range []string{"", "&length=1"} {
			x := tr.Do(context.Background(), &Request{Method: "GET", URL: fmt.Sprintf("%s/?n=%d%s", base, n, length)})
			if n > limit {
				if x.Err == nil || x.Err.Class != ClassLimit || len(x.Answer) != keepOfFailed {
					t.Errorf("%d%s: got %d bytes, %v; want class limit", n, length, len(x.Answer), x.Err)
				}
			} else if x.Err != nil || len(x.Answer) != n || int(x.WireBytes) != n {
				t.Errorf("%d%s: got %d bytes, %v", n, length, len(x.Answer), x.Err)
			}
		}
	}
}
