package tap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What clients send that is unusual: it passes with its one meaning, or is refused, and the
// proxy goes on. Each row is one connection.
func TestUnusualRequests(t *testing.T) {
	var reached atomic.Int64
	s := service(t, "", "", func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Content-Type", "application/octet-stream")
		fmt.Fprintf(w, "%s %s te=%q up=%q body=%q t=%q", r.Method, r.URL.Path, r.Header.Get("Te"), r.Header.Get("Upgrade"), body, r.Trailer.Get("X-End"))
		w.Header().Set("X-Sum", "42")
	})
	p := start(t, nil, s)
	long := strings.Repeat("x", 300<<10)
	for _, c := range []struct {
		name, send string
		status     string // of the first answer; empty: the connection is closed without one
		want       string
		reaches    int64
	}{
		{"a folded field", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: one\r\n two\r\nConnection: close\r\n\r\n", "200", "GET /a", 1},
		{"an extension of a chunk", "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;name=value\r\nabc\r\n0\r\n\r\n", "200", `body="abc"`, 1},
		{"trailers", "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-End: e\r\n\r\n", "200", `t="e"`, 1},
		{"length and chunks", "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "200", `body="a"`, 1},
		{"two hosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400", "", 0},
		{"no host", "GET /a HTTP/1.1\r\n\r\n", "400", "", 0},
		{"a huge field", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + long + "\r\n\r\n", "431", "", 0},
		{"a line feed in a field", "GET /a HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n", "400", "", 0},
		{"an unknown version", "GET /a HTTP/3.0\r\nHost: x\r\n\r\n", "505", "", 0},
		{"no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400", "", 0},
		{"expect", "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "100", `body="abc"`, 1},
		{"HEAD", "HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "", 1},
		{"an absolute URL of another host", "GET http://evil.example/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "GET /a", 1},
		{"a path with dots", "GET /../../a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "GET /../../a", 1},
		{"an upgrade to HTTP/2", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" +
			"GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", `up=""`, 2},
		{"lines that end in a line feed", "GET /a HTTP/1.1\nHost: x\nConnection: close\n\n", "200", "GET /a", 1},
		{"all of a server", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "", 0},
		{"pipelined", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "GET /b", 2},
	} {
		before := reached.Load()
		got := raw(t, p, c.send)
		status := ""
		if fields := strings.Fields(got); len(fields) > 1 {
			status = fields[1]
		}
		if n := strings.Count(got, "100 Continue"); n > 1 {
			t.Errorf("%s: %d answers ask to go on", c.name, n)
		}
		if status != c.status || !strings.Contains(got, c.want) || reached.Load()-before != c.reaches {
			t.Errorf("%s: status %s and %d requests at the service, want %s and %d with %s\n%.300q", c.name, status, reached.Load()-before, c.status, c.reaches, c.want, got)
		}
	}
	if res, _ := get(t, p.URL()+"/after", ""); res.StatusCode != 200 {
		t.Errorf("after them: %d", res.StatusCode)
	}
}

// One client cannot take the connections of the others, and what it left is free again.
func TestConnectionsOfAClient(t *testing.T) {
	p, err := New(Options{
		Listen: "127.0.0.1:0", Now: time.Now, ClientConnections: 2,
		Services: []Service{service(t, "", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, p)
	open := func() (net.Conn, error) {
		conn, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err = http.ReadResponse(bufio.NewReader(conn), nil)
		return conn, err
	}
	var conns []net.Conn
	for i := range 3 {
		conn, err := open()
		if (err == nil) != (i < 2) {
			t.Fatalf("connection %d: %v", i+1, err)
		}
		conns = append(conns, conn)
	}
	for _, c := range conns {
		c.Close()
	}
	for { // the proxy learns of it in its own time
		conn, err := open()
		conn.Close()
		if err == nil {
			break
		}
	}
	if all := strings.Join(p.Findings(), "\n"); !strings.Contains(all, "a client had 2 connections open") {
		t.Errorf("the limit is not reported: %s", all)
	}
	crowd := newCrowd(1)
	for _, c := range []struct {
		address string
		want    bool
	}{
		{"10.0.0.1:1", true},
		{"[::ffff:10.0.0.1]:2", false},
		{"10.0.0.2:1", true},
		{"[2001:db8::1]:1", true},
		{"[2001:db8::2]:1", false},
		{"[2001:db8:0:1::1]:1", true},
		{"[fe80::1%eth0]:1", true},
		{"[fe80::2%eth1]:1", false},
		{"@", true},
		{"", false},
	} {
		if got := crowd.enter(clientNet(c.address)); got != c.want {
			t.Errorf("%s enters: %t, want %t", c.address, got, c.want)
		}
	}
}

// A client that sends nothing more of its body, and one that takes nothing of its answer, are
// left, and the service with them.
func TestClientsThatStall(t *testing.T) {
	left := make(chan struct{})
	s := service(t, "", "", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				panic(http.ErrAbortHandler)
			}
			return
		}
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil || r.Context().Err() != nil {
				close(left)
				return
			}
		}
	})
	p, err := New(Options{Listen: "127.0.0.1:0", Now: time.Now, Services: []Service{s}})
	if err != nil {
		t.Fatal(err)
	}
	p.stalled = 50 * time.Millisecond
	serve(t, p)
	for _, c := range []struct{ name, send, want string }{
		{"half a body", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 408"},
		{"a bad chunk", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX\r\n", "HTTP/1.1 400"},
		{"a body that nobody reads", "CONNECT a:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 405"},
	} {
		if got := raw(t, p, c.send); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %.100q", c.name, got)
		}
	}
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	<-left
}

// Services that answer badly: the client gets what there is, or an error, and the next
// request is served.
func TestUnusualAnswers(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(bytes.Repeat([]byte(`{"a":"b"}`), 50_000))
	_ = z.Close()
	answers := map[string]string{
		"/short":     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: video/mp2t\r\n\r\nshort",
		"/shorttext": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{}",
		"/garbage":   "not HTTP\r\n\r\n",
		"/nothing":   "",
		"/badgzip":   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nplain",
		"/gzip":      fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), zipped.String()),
		"/range":     "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\nhttp",
		"/two":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					_, _ = io.WriteString(conn, answers[r.URL.Path])
				}
			}()
		}
	}()
	s := service(t, "", "", nil)
	s.URL.Host = ln.Addr().String()
	p := start(t, nil, s)
	for _, c := range []struct {
		path   string
		status int
		length int // -1: cut
		reason string
	}{
		{"/short", 200, -1, "what arrived passes, and the cut shows"},
		{"/shorttext", 502, 0, "a text is read whole before it is passed on"},
		{"/garbage", 502, 0, "it is not HTTP"},
		{"/nothing", 502, 0, "the service closed the connection"},
		{"/badgzip", 200, -1, "what is declared as gzip and is not"},
		{"/gzip", 200, 450_000, "a text is unpacked on its way"},
		{"/range", 206, 4, "a part of a text is not rewritten"},
		{"/two", 502, 0, "its length is ambiguous"},
	} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: 20 * time.Second}
		req, err := http.NewRequest(http.MethodGet, p.URL()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		res, err := client.Do(req)
		if err != nil {
			if c.path != "/badgzip" { // nothing of that body arrives: the answer may be cut before its fields
				t.Errorf("%s: %v", c.path, err)
			}
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if cut := err != nil; res.StatusCode != c.status || cut != (c.length < 0) || c.length > 0 && len(body) != c.length {
			t.Errorf("%s: %d with %d bytes, %v; want %d with %d: %s", c.path, res.StatusCode, len(body), err, c.status, c.length, c.reason)
		}
	}
}

// A poll that is answered late passes when it is answered, and a client that leaves, or says
// that it sends no more, ends the request at the service and gets no made-up answer.
func TestLongPollAndLeaving(t *testing.T) {
	release, arrived, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := service(t, "", "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/leave" {
			close(arrived)
			<-r.Context().Done()
			close(left)
			return
		}
		<-release
		_, _ = io.WriteString(w, "late")
	})
	p := start(t, nil, s)
	answer := make(chan string, 1)
	go func() {
		_, body := get(t, p.URL()+"/poll", "")
		answer <- body
	}()
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /leave HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("a client that sends no more got %q, %v", got, err)
	}
	conn.Close()
	<-left
	close(release)
	if got := <-answer; got != "late" {
		t.Errorf("got %q", got)
	}
}
