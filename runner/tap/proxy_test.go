package tap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// start serves a proxy in front of the services and returns its address.
func start(t *testing.T, observe func(*Exchange), services ...Service) *Proxy {
	t.Helper()
	p, err := New(Options{
		Listen: "127.0.0.1:0", Services: services, KeepBody: 64 << 10, KeepAll: 1 << 20, Now: time.Now,
		Observe: observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, p)
	return p
}

// serve serves a proxy until the end of the test.
func serve(t *testing.T, p *Proxy) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func service(t *testing.T, name, path string, h http.HandlerFunc) Service {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	way := &http.Transport{DisableCompression: true}
	t.Cleanup(way.CloseIdleConnections)
	return Service{Name: name, URL: u, Way: way}
}

func get(t *testing.T, address, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// Services are told apart by host, by the first label of it, and by a path that
// the proxy wrote itself.
func TestServicesByHost(t *testing.T) {
	say := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", name, r.URL.RequestURI()) }
	}
	p := start(t, nil, service(t, "", "/base", say("main")), service(t, "epg", "", say("epg")))
	for _, c := range []struct{ path, host, want, reason string }{
		{"/a?x=1;y", "", "main /base/a?x=1;y", "no other service is meant; the query passes as it came"},
		{"/a%2Fb", "", "main /base/a%2Fb", "an escaped slash stays escaped"},
		{"/a", "epg.stb.example", "epg /a", "the first label is the service's name"},
		{"/.bgverify/epg/a", "", "epg /a", "the path names the service"},
	} {
		if _, got := get(t, p.URL()+c.path, c.host); got != c.want {
			t.Errorf("%s of %s: got %q, want %q: %s", c.path, c.host, got, c.want, c.reason)
		}
	}
}

// Addresses in answers lead back to the proxy, whatever they are written in.
func TestAddressesLeadBack(t *testing.T) {
	var main, epg Service
	epg = service(t, "epg", "", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/next"); w.WriteHeader(302) })
	main = service(t, "", "/v1", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", main.URL.String()+"/there")
		w.Header().Set("Set-Cookie", "a=b; Domain=stb.example; Path=/")
		w.Header().Set("Content-Type", "application/json")
		body := fmt.Sprintf(`{"a":%q,"b":"%s","c":%q,"d":"https://cdn.example/x"}`, main.URL.String()+"/ch",
			strings.ReplaceAll(main.URL.String()+"/ch", "/", `\/`), epg.URL.String()+"/day")
		if r.URL.Query().Has("gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(body))
			_ = z.Close()
			return
		}
		_, _ = io.WriteString(w, body)
	})
	p := start(t, nil, main, epg)
	want := fmt.Sprintf(`{"a":"%[1]s/ch","b":"%[2]s\/ch","c":"%[1]s/.bgverify/epg/day","d":"https://cdn.example/x"}`, p.URL(), strings.ReplaceAll(p.URL(), "/", `\/`))
	for _, query := range []string{"", "?gzip"} {
		res, got := get(t, p.URL()+"/x"+query, "")
		if got != want {
			t.Errorf("%s: got %s\nwant %s", query, got, want)
		}
		if at := res.Header.Get("Location"); at != p.URL()+"/there" {
			t.Errorf("Location: got %s", at)
		}
		if c := res.Header.Get("Set-Cookie"); c != "a=b; Path=/" {
			t.Errorf("Set-Cookie: got %s", c)
		}
	}
	if res, _ := get(t, p.URL()+"/.bgverify/epg/x", ""); res.Header.Get("Location") != "/.bgverify/epg/next" {
		t.Errorf("Location of a named service: got %s", res.Header.Get("Location"))
	}
	if all := strings.Join(p.Findings(), "\n"); !strings.Contains(all, "https://cdn.example, which is not one of the services (2 times)") {
		t.Errorf("the address that leads past the proxy is missing in:\n%s", all)
	}
}

// An address is found wherever the text is cut.
func TestRewriterAtEveryCut(t *testing.T) {
	text := `x http://a.b/base/c "http:\/\/a.b\/base\/c" http://a.bc/ https://a.b http http:// htt`
	want := `x http://P/c "http:\/\/P\/c" http://a.bc/ https://a.b http http:// htt`
	for cut := range len(text) {
		from := io.MultiReader(strings.NewReader(text[:cut]), strings.NewReader(text[cut:]))
		r := newRewriter(io.NopCloser(from), func(scheme, host string, rest []byte) (string, int) {
			if scheme == "http" && host == "a.b" && bytes.HasPrefix(rest, []byte("/base")) {
				return "http://P", len("/base")
			}
			return "", 0
		})
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Fatalf("cut at %d: got %s, %v\nwant %s", cut, got, err, want)
		}
	}
}

// The first event of an endless answer arrives while the answer goes on, and an
// endless body is neither kept nor waited for.
func TestEndlessBodiesPass(t *testing.T) {
	gone := make(chan struct{})
	seen := make(chan *Exchange, 1)
	s := service(t, "", "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		for block := bytes.Repeat([]byte("x"), 32<<10); ; {
			if _, err := w.Write(block); err != nil || r.Context().Err() != nil {
				close(gone)
				return
			}
		}
	})
	p := start(t, func(x *Exchange) { seen <- x }, s)
	res, err := (&http.Client{Transport: &http.Transport{}}).Get(p.URL() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if line != "data: one\n" {
		t.Errorf("got %q, %v", line, err)
	}
	_, _ = io.CopyN(io.Discard, res.Body, 1<<20)
	res.Body.Close()
	<-gone
	x := <-seen
	if x.Answer.Body.Kept || x.Answer.Body.Whole || x.Answer.Body.Data != nil || p.kept.Load() != 0 {
		t.Errorf("an endless body: kept %v, whole %v, %d bytes counted", x.Answer.Body.Kept, x.Answer.Body.Whole, p.kept.Load())
	}
}

// An upgraded connection passes in both directions.
func TestUpgradesPass(t *testing.T) {
	s := service(t, "", "", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		fmt.Fprint(rw, "echo "+line)
		_ = rw.Flush()
	})
	p := start(t, nil, s)
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", res, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := in.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// raw sends bytes and returns everything that comes back until the end.
func raw(t *testing.T, p *Proxy, send string) string {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(conn)
	return string(out)
}

// A message whose length has two meanings never becomes two requests at the
// service, and the proxy goes on.
func TestSmuggling(t *testing.T) {
	paths := make(chan string, 100)
	s := service(t, "", "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		paths <- r.URL.Path
	})
	p := start(t, nil, s)
	for _, c := range []struct{ name, send string }{
		{"two lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"an unknown coding", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a space before the colon", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length : 40\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a length in HTTP/1.0 chunks", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a length and chunks", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"half of HTTP/2", "PRI * HTTP/2.0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"chunks twice", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"chunks and another coding", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a folded coding", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n xchunked\r\nContent-Length: 4\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a signed length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a chunk of many digits", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a chunk that ends in a line feed", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a field name with a line feed", "POST /a HTTP/1.1\r\nHost: x\r\nX\nContent-Length: 40\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a bad chunk", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"CONNECT", "CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\nConnection: close\r\n\r\n"},
	} {
		raw(t, p, c.send)
		for len(paths) > 0 {
			if path := <-paths; path == "/evil" {
				t.Errorf("%s: a second request came out", c.name)
			}
		}
	}
	if res, _ := get(t, p.URL()+"/after", ""); res.StatusCode != 200 {
		t.Errorf("after them: %d", res.StatusCode)
	}
	if got := raw(t, p, "GET /old HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 200") || strings.Contains(got, "chunked") {
		t.Errorf("HTTP/1.0: got %q", got)
	}
}

// A port in use and files that are not a certificate are mistakes with a hint.
func TestMistakes(t *testing.T) {
	p := start(t, nil, service(t, "", "", func(http.ResponseWriter, *http.Request) {}))
	opts := Options{Listen: p.Addr().String(), Services: p.opts.Services, Now: time.Now}
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port in use: %v", err)
	}
	opts.Cert, opts.Key = "doc.go", "doc.go"
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "doc.go") {
		t.Errorf("no certificate: %v", err)
	}
}
