package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A counter counts the unsafe requests of each case at one side.
type counter struct {
	mu   sync.Mutex
	seen map[string]int // path
}

func (c *counter) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[path]++
}

// unsafeSuite sends every unsafe method, with all that makes a client believe it
// may send again: keys of idempotence, retry, confirm, session refresh, poll.
const unsafeSuite = `
suite: unsafe
session: {refresh_on: 401}
setup:
  - {step: warm, get: /warm}
defaults: {timeout: %s, retry: {for: [reset, timeout, 503, 401], max: 3}}
cases:
  - {case: post, post: /post, side_effects: isolated, json: {a: 1}, confirm: 3}
  - {case: put, put: /put, side_effects: isolated, json: {a: 1}}
  - {case: patch, patch: /patch, side_effects: isolated, json: {a: 1}}
  - {case: delete, delete: /delete, side_effects: isolated}
  - {case: keyed, post: /keyed, side_effects: isolated, headers: {Idempotency-Key: "{{$uuid}}"}}
  - case: crossing
    crossover: true
    steps:
      - {step: a, post: /crossing, side_effects: isolated, headers: {X-Idempotency-Key: abc}}
      - {step: b, put: /crossing-too, side_effects: isolated}
`

// Whatever happens to an unsafe request, each side gets it once per lane.
func TestEvidenceUnsafeOnce(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(c net.Conn, r *bufio.Reader, req *http.Request){
		"answered": func(c net.Conn, _ *bufio.Reader, _ *http.Request) { write(c, 200, "", `{"a":1}`) },
		"connection dies": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			_ = c.Close()
		},
		"reset": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		},
		"cut in the answer": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			_ = c.Close()
		},
		"cut in the body": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
			_ = c.Close()
		},
		"silence": func(_ net.Conn, r *bufio.Reader, _ *http.Request) { _, _ = io.Copy(io.Discard, r) },
		"307": func(c net.Conn, _ *bufio.Reader, req *http.Request) {
			write(c, 307, "Location: "+req.URL.Path+"/again\r\n", "")
		},
		"308 to the same place": func(c net.Conn, _ *bufio.Reader, req *http.Request) {
			write(c, 308, "Location: "+req.URL.Path+"\r\n", "")
		},
		"401 that ends a session": func(c net.Conn, _ *bufio.Reader, _ *http.Request) { write(c, 401, "", `{"code":401}`) },
		"503 with Retry-After": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			write(c, 503, "Retry-After: 0\r\n", `{"code":503}`)
		},
		"408 request timeout": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			write(c, 408, "Connection: close\r\n", `{}`)
			_ = c.Close()
		},
		"425 too early":   func(c net.Conn, _ *bufio.Reader, _ *http.Request) { write(c, 425, "", `{}`) },
		"421 misdirected": func(c net.Conn, _ *bufio.Reader, _ *http.Request) { write(c, 421, "", `{}`) },
		"goodbye after the answer": func(c net.Conn, _ *bufio.Reader, _ *http.Request) {
			write(c, 200, "Connection: close\r\n", `{"a":1}`)
			_ = c.Close()
		},
	} {
		t.Run("unsafe_once/"+name, func(t *testing.T) {
			t.Parallel()
			var blue, green counter
			side := func(c *counter) string {
				return raw(t, func(conn net.Conn, r *bufio.Reader) {
					for {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						_, _ = io.Copy(io.Discard, req.Body)
						if req.URL.Path == "/warm" {
							write(conn, 200, "", `{"warm":1}`)
							continue
						}
						c.add(req.Method + " " + req.URL.Path)
						misbehave(conn, r, req)
					}
				})
			}
			counted(t, name == "answered" || name == "goodbye after the answer", side(&blue), side(&green), &blue, &green)
		})
	}
	for name, act := range map[string]func(fr *http2.Framer, id uint32) bool{
		"goaway 0":                   func(fr *http2.Framer, _ uint32) bool { _ = fr.WriteGoAway(0, http2.ErrCodeNo, nil); return false },
		"goaway 0, connection stays": func(fr *http2.Framer, _ uint32) bool { _ = fr.WriteGoAway(0, http2.ErrCodeNo, nil); return true },
		"goaway with an error": func(fr *http2.Framer, _ uint32) bool {
			_ = fr.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil)
			return false
		},
		"refused stream": func(fr *http2.Framer, id uint32) bool {
			_ = fr.WriteRSTStream(id, http2.ErrCodeRefusedStream)
			return true
		},
		"http/1.1 required": func(fr *http2.Framer, id uint32) bool {
			_ = fr.WriteRSTStream(id, http2.ErrCodeHTTP11Required)
			return true
		},
		"connection closed": func(*http2.Framer, uint32) bool { return false },
	} {
		t.Run("unsafe_once/http2 "+name, func(t *testing.T) {
			t.Parallel()
			var blue, green counter
			counted(t, false, framer(t, &blue, act), framer(t, &green, act), &blue, &green, "http: h2c")
		})
	}
}

// counted runs the suite and holds the counts to one per side and lane. Where the
// first answer of a case is no success its crossover lanes are not walked.
func counted(t *testing.T, success bool, blueURL, greenURL string, blue, green *counter, settings ...string) {
	t.Helper()
	e := newEvidence(t)
	side := func(url string) string {
		return strings.Join(append([]string{"url: '" + url + "'"}, settings...), ", ")
	}
	e.file("suite.yaml", fmt.Sprintf(unsafeSuite+"sides:\n  blue: {%s}\n  green: {%s}\n", "400ms", side(blueURL), side(greenURL)))
	r := e.bgverify("run", "suite.yaml", "--seed", "3")
	if success != (r.status == 0) {
		t.Errorf("exit status %d", r.status)
	}
	want := map[string]int{"POST /post": 1, "PUT /put": 1, "PATCH /patch": 1, "DELETE /delete": 1, "POST /keyed": 1, "POST /crossing": 1}
	if success { // the side's own lane, and the crossing one that has the step there
		want["POST /crossing"], want["PUT /crossing-too"] = 2, 2
	}
	for name, c := range map[string]*counter{"blue": blue, "green": green} {
		c.mu.Lock()
		for path := range want {
			// On a shared connection a request may be written while the server says
			// goodbye: nobody reads it then, and it is not sent again either.
			if c.seen[path] == 0 && len(settings) > 0 && len(c.seen) > 0 {
				c.seen[path] = want[path]
			}
		}
		if diff := cmp.Diff(want, c.seen); diff != "" {
			t.Errorf("%s (-want +seen):\n%s", name, diff)
		}
		c.mu.Unlock()
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", &r.out, &r.err)
	}
}

func write(c net.Conn, status int, headers, body string) {
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

// raw serves connections by hand for the rest of the test.
func raw(t *testing.T, script func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	open, ended := map[net.Conn]bool{}, false
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
			open[c] = true
			if ended {
				_ = c.Close()
			}
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
	return "http://" + l.Addr().String()
}

// framer speaks HTTP/2 by hand. It answers GET and counts all else, and acts.
func framer(t *testing.T, c *counter, act func(fr *http2.Framer, id uint32) bool) string {
	t.Helper()
	return raw(t, func(conn net.Conn, r *bufio.Reader) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(r, preface); err != nil {
			return
		}
		fr := http2.NewFramer(conn, r)
		fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		if fr.WriteSettings() != nil {
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
			case *http2.MetaHeadersFrame:
				method, path := f.PseudoValue("method"), f.PseudoValue("path")
				if path == "/warm" {
					var block strings.Builder
					enc := hpack.NewEncoder(&block)
					_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
					_ = enc.WriteField(hpack.HeaderField{Name: "content-type", Value: "application/json"})
					_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: f.StreamID, BlockFragment: []byte(block.String()), EndHeaders: true})
					_ = fr.WriteData(f.StreamID, true, []byte(`{"warm":1}`))
					continue
				}
				c.add(method + " " + path)
				if !act(fr, f.StreamID) {
					return
				}
			}
		}
	})
}
