package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// budgetRequests are requests that net/http itself would send again: the
// first two because it believes them safe.
var budgetRequests = []struct {
	name, method string
	headers      []Field
	body         string
	most         int64
}{
	{"delete with key", "DELETE", []Field{{"Idempotency-Key", "1"}}, "", 1},
	{"post with key", "POST", []Field{{"Idempotency-Key", "1"}}, "", 1},
	{"post with key and body", "POST", []Field{{"X-Idempotency-Key", "1"}}, "body", 1},
	{"post", "POST", nil, "body", 1},
	{"put", "PUT", nil, "", 1},
	{"patch", "PATCH", nil, "body", 1},
	{"purge", "PURGE", nil, "", 1},
	{"get", "GET", nil, "", 2},
	{"get with body", "GET", nil, "body", 2},
	{"head", "HEAD", nil, "", 2},
}

// dyingServer answers requests to /warm, together once there are as many as warms, so that each
// has a connection, and closes the connection of every other without an answer, after it has
// read it whole. It counts those.
func dyingServer(t *testing.T, warms int64, reset bool) (base string, seen *atomic.Int64) {
	seen = new(atomic.Int64)
	var warm atomic.Int64
	all := make(chan struct{})
	base = rawServer(t, func(c net.Conn, r *bufio.Reader) {
		for {
			req := readRequest(r)
			if req == nil {
				return
			}
			if req.URL.Path != "/warm" {
				seen.Add(1)
				if tcp, ok := c.(*net.TCPConn); ok && reset {
					_ = tcp.SetLinger(0)
				}
				return
			}
			if warm.Add(1) == warms {
				close(all)
			}
			<-all
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	return base, seen
}

// warm opens n connections and leaves them idle.
func warm(t *testing.T, rt http.RoundTripper, base string, n int) {
	t.Helper()
	done := make(chan error, n)
	for range n {
		go func() {
			req, _ := http.NewRequest("GET", base+"/warm", nil)
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestBudgetOnDyingConnections(t *testing.T) {
	noLeak(t)
	const idle = 6
	for _, reset := range []bool{false, true} {
		bare := int64(0)
		for _, c := range budgetRequests {
			base, seen := dyingServer(t, idle, reset)
			tr := transport(t, Config{BaseURL: base})
			warm(t, loads(tr), base, idle)
			x := tr.Do(context.Background(), &Request{Method: c.method, URL: base + "/x", Headers: c.headers, Body: []byte(c.body)})
			if x.Err == nil || x.Err.Class != ClassReset {
				t.Errorf("%s: got %v, want class reset", c.name, x.Err)
			}
			if n := seen.Load(); n != c.most || int64(x.Attempts) != n {
				t.Errorf("%s, reset %v: the server saw %d requests, Attempts says %d, want %d", c.name, reset, n, x.Attempts, c.most)
			}
			// The same through the load generator's round tripper.
			base, seen = dyingServer(t, idle, reset)
			tr = transport(t, Config{BaseURL: base})
			warm(t, loads(tr), base, idle)
			_, err := loads(tr).RoundTrip(stdRequest(base+"/x", c.method, c.headers, c.body))
			if n := seen.Load(); err == nil || n != c.most {
				t.Errorf("%s, reset %v, load: the server saw %d requests, want %d (%v)", c.name, reset, n, c.most, err)
			}
			// And what net/http alone would do, so that this test is known to see it.
			base, seen = dyingServer(t, idle, reset)
			alone := &http.Transport{MaxIdleConnsPerHost: idle}
			warm(t, alone, base, idle)
			_, _ = alone.RoundTrip(stdRequest(base+"/x", c.method, c.headers, c.body))
			alone.CloseIdleConnections()
			bare = max(bare, seen.Load())
		}
		t.Logf("reset %v: net/http alone sends a request %d times", reset, bare)
		if bare < 3 {
			t.Errorf("net/http alone sends at most %d times: the test proves nothing", bare)
		}
	}
}

func stdRequest(url, method string, headers []Field, body string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body) // sets GetBody
	}
	req, err := http.NewRequest(method, url, reader)
	if err != nil {
		panic(err)
	}
	for _, f := range headers {
		req.Header.Add(f.Name, f.Value)
	}
	return req
}

func TestUnsafeAvoidsConnectionsLongIdle(t *testing.T) {
	noLeak(t)
	for _, body := range []string{"", "body"} {
		base, seen := dyingServer(t, 3, false)
		tr := transport(t, Config{BaseURL: base})
		tr.stale = time.Nanosecond
		warm(t, loads(tr), base, 3)
		x := tr.Do(context.Background(), &Request{Method: "POST", URL: base + "/warm", Body: []byte(body)})
		if x.Err != nil || x.Reused || x.Attempts != 1 || x.Status != 200 {
			t.Errorf("body %q: got %+v, %v", body, x, x.Err)
		}
		if x = get(t, tr, base+"/warm"); x.Attempts != 1 {
			t.Errorf("get: got %+v", x)
		}
		tr.stale = time.Nanosecond
		x = tr.Do(context.Background(), &Request{Method: "POST", URL: base + "/x", Body: []byte(body)})
		if x.Err == nil || x.Attempts != 1 || seen.Load() != 1 {
			t.Errorf("body %q: the server saw %d requests, got %+v", body, seen.Load(), x)
		}
		// Load: a stale connection is no failure either.
		tr = transport(t, Config{BaseURL: base})
		tr.stale = time.Nanosecond
		warm(t, loads(tr), base, 3)
		resp, err := loads(tr).RoundTrip(stdRequest(base+"/warm", "POST", nil, body))
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("load, body %q: got %v", body, err)
		} else {
			_ = resp.Body.Close()
		}
	}
}

func TestServerThatClosesIdleConnections(t *testing.T) {
	noLeak(t)
	var seen atomic.Int64
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		if readRequest(r) == nil {
			return
		}
		seen.Add(1)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // keep-alive, and then closes
	})
	tr := transport(t, Config{BaseURL: base})
	var failed int
	for i := range 200 {
		before := seen.Load()
		x := tr.Do(context.Background(), &Request{Method: "POST", URL: base, Body: []byte("x")})
		n := seen.Load() - before
		if n > 1 || x.Err == nil && (n != 1 || x.Attempts != 1) {
			t.Fatalf("request %d: the server saw %d, got %+v, %v", i, n, x, x.Err)
		}
		if x.Err != nil {
			failed++
			if x.Err.Class != ClassReset {
				t.Errorf("got %v", x.Err)
			}
		}
	}
	t.Logf("%d of 200 unsafe requests met a connection closed under them", failed)
}

// framerServer speaks HTTP/2 by hand: act is called for every HEADERS frame.
// It counts those.
func framerServer(t *testing.T, act func(*http2.Framer, net.Conn, uint32) bool) (string, *atomic.Int64) {
	t.Helper()
	seen := new(atomic.Int64)
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(r, preface); err != nil || string(preface) != http2.ClientPreface {
			return
		}
		fr := http2.NewFramer(c, r)
		if err := fr.WriteSettings(); err != nil {
			return
		}
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = fr.WriteSettingsAck()
				}
			case *http2.HeadersFrame:
				seen.Add(1)
				if !act(fr, c, f.StreamID) {
					return
				}
			}
		}
	})
	return base, seen
}

// h2Answer writes the headers of an answer.
func h2Answer(fr *http2.Framer, stream uint32, end bool, fields ...Field) {
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	if len(fields) == 0 || fields[0].Name != ":status" {
		fields = append([]Field{{":status", "200"}}, fields...)
	}
	for _, f := range fields {
		_ = enc.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value})
	}
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(block.String()), EndHeaders: true, EndStream: end})
}

func TestBudgetInAGoAwayStorm(t *testing.T) {
	noLeak(t)
	for _, storm := range []struct {
		name string
		act  func(*http2.Framer, net.Conn, uint32) bool
	}{
		{"goaway 0 and close", func(fr *http2.Framer, c net.Conn, id uint32) bool {
			_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
			return false
		}},
		{"goaway 0, stays open", func(fr *http2.Framer, c net.Conn, id uint32) bool {
			_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
			return true
		}},
		{"refused stream", func(fr *http2.Framer, c net.Conn, id uint32) bool {
			_ = fr.WriteRSTStream(id, http2.ErrCodeRefusedStream)
			return true
		}},
		{"protocol error", func(fr *http2.Framer, c net.Conn, id uint32) bool {
			_ = fr.WriteRSTStream(id, http2.ErrCodeProtocol)
			return true
		}},
		{"close", func(fr *http2.Framer, c net.Conn, id uint32) bool { return false }},
	} {
		t.Run(storm.name, func(t *testing.T) {
			t.Parallel()
			var rows sync.WaitGroup
			for _, c := range budgetRequests {
				base, seen := framerServer(t, storm.act)
				tr := transport(t, Config{BaseURL: base, HTTP: "h2c", Limits: Limits{Total: 3 * time.Second}})
				rows.Go(func() {
					x := tr.Do(context.Background(), &Request{Method: c.method, URL: base, Headers: c.headers, Body: []byte(c.body)})
					if n := seen.Load(); n > c.most || n == 0 || int64(x.Attempts) != n {
						t.Errorf("%s, %s: the server saw %d requests, Attempts says %d, want at most %d", storm.name, c.name, n, x.Attempts, c.most)
					}
					if x.Err == nil || x.Err.Class != ClassReset {
						t.Errorf("%s, %s: got %v, want class reset", storm.name, c.name, x.Err)
					}
				})
			}
			rows.Wait()
		})
	}
	// What net/http alone does with the first: it sends until nobody waits.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var again atomic.Int64
	base, seen := framerServer(t, func(fr *http2.Framer, c net.Conn, id uint32) bool {
		if again.Add(1) >= 3 {
			cancel()
		}
		_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
		return false
	})
	alone := &http.Transport{Protocols: new(http.Protocols)}
	alone.Protocols.SetUnencryptedHTTP2(true)
	_, _ = alone.RoundTrip(stdRequest(base, "POST", []Field{{"Idempotency-Key", "1"}}, "").WithContext(ctx))
	alone.CloseIdleConnections()
	if seen.Load() < 3 {
		t.Errorf("the storm is none: the test proves nothing")
	}
}

func TestUnsafeOnceThroughTimeoutsAndRedirects(t *testing.T) {
	noLeak(t)
	var seen atomic.Int64
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		http.Redirect(w, r, "/slow", http.StatusPermanentRedirect)
	})
	tr := transport(t, Config{BaseURL: base})
	for _, path := range []string{"/slow", "/redirect", "/slow", "/redirect"} {
		// On a busy machine the time may pass before the request has left.
		var x *Exchange
		timeout, before := 25*time.Millisecond, seen.Load()
		for seen.Load() == before && timeout < time.Minute {
			timeout *= 2
			x = tr.Do(context.Background(), &Request{Method: "POST", URL: base + path, Body: []byte("x"), Timeout: timeout})
		}
		if x.Attempts != 1 || seen.Load() != before+1 {
			t.Errorf("%s: the server saw %d, got %+v, %v", path, seen.Load()-before, x, x.Err)
		}
		if want := fmt.Sprintf("timeout: total: %s passed waiting for the first byte", timeout); path == "/slow" && fmt.Sprint(x.Err) != want {
			t.Errorf("%s: got %v, want %s", path, x.Err, want)
		}
	}
}

// A server that says goodbye after every answer costs a connection each, and
// never a request: also when connections are few.
func TestGoAwayAfterEveryAnswer(t *testing.T) {
	noLeak(t)
	for _, closes := range []bool{false, true} {
		base, seen := framerServer(t, func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			_ = fr.WriteData(id, true, []byte("ok"))
			_ = fr.WriteGoAway(id, http2.ErrCodeNo, nil)
			return !closes
		})
		tr := transport(t, Config{BaseURL: base, HTTP: "h2c", Limits: Limits{Connections: 2, Total: 5 * time.Second}})
		sent := int64(0)
		for i := range 50 {
			method := []string{"GET", "POST"}[i%2]
			x := tr.Do(context.Background(), &Request{Method: method, URL: base, Body: []byte("x")})
			// A request that crosses the goodbye on the wire: a safe one goes
			// again, an unsafe one is told apart, and the next one is served.
			crossed := x.Err != nil && x.Err.Class == ClassReset || method == "GET" && x.Attempts == 2
			if x.Attempts > 2 || method == "POST" && x.Attempts != 1 || !crossed && (x.Err != nil || string(x.Answer) != "ok") {
				t.Fatalf("request %d, closes %v: got %q, %v, attempts %d, after %d connections", i, closes, x.Answer, x.Err, x.Attempts, tr.Opened())
			}
			sent += int64(x.Attempts)
		}
		if n := seen.Load(); n > sent {
			t.Errorf("closes %v: the server saw %d requests, Attempts say %d", closes, n, sent)
		}
	}
}
