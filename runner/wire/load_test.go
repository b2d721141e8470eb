package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A loading is a Loader in the shape of an http.RoundTripper, whose answers have been read.
type loading struct{ *Loader }

func (l loading) RoundTrip(req *http.Request) (*http.Response, error) {
	r := &Request{Method: req.Method, URL: req.URL.String()}
	for name, values := range req.Header {
		for _, v := range values {
			r.Headers = append(r.Headers, Field{name, v})
		}
	}
	if req.Body != nil {
		var err error
		if r.Body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	var head *http.Response
	var body bytes.Buffer
	x := l.Send(req.Context(), l.t.Prepare(r), func(resp *http.Response) io.Writer {
		head = resp
		return &body
	})
	if x.Err != nil {
		return nil, x.Err
	}
	head.Body = io.NopCloser(&body)
	return head, nil
}

// loads is the transport as a load without fresh connections uses it.
func loads(t *Transport) http.RoundTripper { return loading{t.Loader(0)} }

func TestLoader(t *testing.T) {
	noLeak(t)
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip") // is not: a loader does not look
		_, _ = io.WriteString(w, r.Host+" "+r.UserAgent())
	})
	tr := transport(t, Config{BaseURL: base, Host: "api.example"})
	for _, c := range []struct {
		fresh     float64
		wantFresh int64
	}{{0, 0}, {0.1, 10}, {0.25, 25}, {1, 100}} {
		l := tr.Loader(c.fresh)
		for range 100 {
			req, _ := http.NewRequest("GET", base, nil)
			resp, err := loading{l}.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err = errors.Join(err, resp.Body.Close()); err != nil || string(body) != "api.example bgverify" {
				t.Fatalf("got %q, %v", body, err)
			}
		}
		s := l.Stats()
		if s.Requests != 100 || s.Fresh != c.wantFresh || s.Remotes != 1 || s.Resent != 0 {
			t.Errorf("share %v: got %+v", c.fresh, s)
		}
		// net/http gives up a connection whose writer was late by 50 ms, as on a busy machine.
		if s.Connections+s.Reused != 100 || s.Connections < c.wantFresh || s.Reused < (100-c.wantFresh)/2 {
			t.Errorf("share %v: %d connections were opened and %d times one was reused", c.fresh, s.Connections, s.Reused)
		}
	}
}

func TestLoaderThroughAClient(t *testing.T) {
	noLeak(t)
	base := httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	tr := transport(t, Config{BaseURL: base, Limits: Limits{Total: 50 * time.Millisecond}})
	client := &http.Client{Transport: loads(tr)}
	_, err := client.Get(base)
	if got := Classify(err); got == nil || got.Class != ClassTimeout {
		t.Errorf("got %v (%v), want class timeout", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", base, nil)
	if _, err = client.Do(req); Classify(err).Class != ClassCanceled {
		t.Errorf("stopped: got %v", err)
	}
	if _, err = client.Get("http://127.0.0.1:1/"); Classify(err).Class != ClassRequest {
		t.Errorf("other origin: got %v", err)
	}
	if Classify(nil) != nil {
		t.Error("an error of nil")
	}
}

// A request that is stopped in its answer's body gives its connection up and leaves nothing behind.
func TestLoaderStoppedInTheBody(t *testing.T) {
	noLeak(t)
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		if readRequest(r) != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
			hold(r)
		}
	})
	tr := transport(t, Config{BaseURL: base})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		x := tr.Loader(0).Send(ctx, tr.Prepare(&Request{Method: "GET", URL: base}), func(*http.Response) io.Writer {
			cancel()
			return io.Discard
		})
		if x.Err == nil || x.Err.Class != ClassCanceled || x.Status != 200 {
			t.Errorf("got %d, %v", x.Status, x.Err)
		}
	}
	if tr.Opened() != 20 {
		t.Errorf("got %d connections", tr.Opened())
	}
}

func TestManyAtOnce(t *testing.T) {
	noLeak(t)
	for _, protocol := range []string{"1.1", "h2c"} {
		var inside, most atomic.Int64
		base := httpServer(t, nil, "1 h2c", func(w http.ResponseWriter, r *http.Request) {
			for n, old := inside.Add(1), most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			defer inside.Add(-1)
			_, _ = io.Copy(w, r.Body)
		})
		tr := transport(t, Config{BaseURL: base, HTTP: protocol, Limits: Limits{Connections: 8}})
		tr.stale = time.Hour // on a busy machine an idle connection would be replaced
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for k := range 10 {
					body := fmt.Sprint(i, " ", k)
					x := tr.Do(context.Background(), &Request{Method: "POST", URL: base, Body: []byte(body)})
					if x.Err != nil || string(x.Answer) != body || x.Attempts != 1 {
						t.Errorf("%s: got %q, %v; want %q", protocol, x.Answer, x.Err, body)
					}
				}
			})
		}
		wg.Wait()
		// HTTP/1.1 asks one thing at a time on a connection. A connection may be given up
		// and replaced, since net/http keeps one only if its request was written in time.
		if protocol == "1.1" && most.Load() > 8 {
			t.Errorf("%d requests at once over 1.1, want at most 8", most.Load())
		}
		if protocol != "1.1" && tr.Opened() > 8 {
			t.Errorf("%s: %d connections, want at most 8", protocol, tr.Opened())
		}
	}
}

// Closings by the server count, whether it announces them or not; those that follow from what
// the caller cut off do not.
func TestLoaderCountsClosings(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	defer close(slow)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("Connection", "close")
		case "/silent":
			fmt.Fprint(w, "ok")
			_ = http.NewResponseController(w).Flush()
			nc, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = nc.Write([]byte("0\r\n\r\n"))
				_ = nc.Close()
			}
			return
		case "/slow":
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		}
		fmt.Fprint(w, "ok")
	}))
	defer server.Close()
	for path, all := range map[string]bool{"/": false, "/announced": true, "/silent": true, "/slow": false} {
		tr, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		l := tr.Loader(0)
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			if path == "/slow" {
				time.AfterFunc(20*time.Millisecond, cancel)
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = loading{l}.RoundTrip(req) // what comes of it is counted
			cancel()
		}
		// All that were opened; a request that is given a connection which ends at this moment opens none.
		want := int64(0)
		if all {
			want = l.Stats().Connections
		}
		closed := l.Stats().Closed
		for wait := 0; closed != want && wait < 500; wait++ { // the end of a connection is read after its answer
			time.Sleep(10 * time.Millisecond)
			closed = l.Stats().Closed
		}
		tr.Close()
		if got := l.Stats(); closed != want || got.Closed != want || all && want < 2 {
			t.Errorf("%s: closed %d, after our own closing %d, want %d; opened %d", path, closed, got.Closed, want, got.Connections)
		}
	}
}
