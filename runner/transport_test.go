package runner

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
)

// A side whose answers a test bends.
type bent struct {
	mu     sync.Mutex
	probes []string // marked requests: method, path, Accept-Encoding
	others int
	bend   func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

func (b *bent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	if r.Header.Get(probeHeader) != "" {
		b.probes = append(b.probes, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Accept-Encoding")))
	} else {
		b.others++
	}
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if b.bend != nil && b.bend(w, r) {
		return
	}
	_, _ = io.WriteString(w, `{"v":1}`)
}

// compressed answers in gzip whoever asks for it.
func compressed(w http.ResponseWriter, r *http.Request) bool {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return false
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, `{"v":1}`)
	_ = z.Close()
	return true
}

// tagged answers 304 to clients that have the content, or to all that have any.
func tagged(always bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Etag", `"a"`)
		has := r.Header.Get("If-None-Match")
		if has == `"a"` || always && has != "" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
		return false
	}
}

// folded is an answer with a header field as it is given.
func folded(field string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n" + field + "\r\n\r\n{\"v\":1}"
}

// deflated answers in deflate whoever asks for it, in the zlib format or without its wrapper.
func deflated(wrapped bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Accept-Encoding") != "deflate" {
			return false
		}
		w.Header().Set("Content-Encoding", "deflate")
		z, _ := flate.NewWriter(w, flate.DefaultCompression)
		var out io.WriteCloser = z
		if wrapped {
			out = zlib.NewWriter(w)
		}
		_, _ = io.WriteString(out, `{"v":1}`)
		_ = out.Close()
		return true
	}
}

// failsWith answers 500 to requests with a header field.
func failsWith(name, value string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		fails := value != "" && r.Header.Get(name) == value
		if fails {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return fails
	}
}

func header(name, value string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header()[name] = []string{value}
		return false
	}
}

func clockOff(by time.Duration, age string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		if age != "" {
			w.Header().Set("Age", age)
		}
		return false
	}
}

// raw answers with bytes and ends the connection.
func raw(answer string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return true
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.(*net.TCPConn).CloseWrite() // the client closes when it has read it
		return true
	}
}

const (
	oneGet  = "suite: s\ncases:\n  - {case: c, get: /x}\n"
	onePost = "suite: s\ncases:\n  - {case: c, post: /x, json: {q: 1}, side_effects: none, repeat: 8}\n"
)

// Each thing by which a client of green could lose, and what is near it and harmless.
func TestTransportFindings(t *testing.T) {
	closeAll := header("Connection", "close")
	for _, c := range []struct {
		name, suite string
		blue, green func(http.ResponseWriter, *http.Request) bool
		fact        run.TransportFact // empty: nothing is found
		verdict     run.Verdict
	}{
		{"alike", oneGet, nil, nil, "", run.Pass},
		{"green closes after each answer", oneGet, nil, closeAll, run.FactKeepAlive, run.Fail},
		{"blue closes, green keeps", oneGet, closeAll, nil, "", run.Pass},
		{"both close", oneGet, closeAll, closeAll, "", run.Pass},
		{"green closes, only POSTs", onePost, nil, closeAll, run.FactKeepAlive, run.Fail},
		{"green no longer compresses", oneGet, compressed, nil, run.FactCompression, run.Fail},
		{"green compresses, blue does not", oneGet, nil, compressed, "", run.Pass},
		{"green's gzip cannot be read", oneGet, compressed, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Accept-Encoding") == "gzip" {
				w.Header().Set("Content-Encoding", "gzip")
			}
			return false
		}, run.FactCompression, run.Fail},
		{"green's gzip is of something else", oneGet, compressed, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				return false
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `{"v":2}`)
			_ = z.Close()
			return true
		}, run.FactCompression, run.Fail},
		{"green fails when asked for br", oneGet, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Accept-Encoding") == "br" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return false
		}, run.FactCompression, run.Fail},
		{"green resets the connection when asked for gzip", oneGet, nil, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("Accept-Encoding") == "gzip" && raw("")(w, r)
		}, run.FactCompression, run.Fail},
		{"green sends a 103 first", oneGet, nil, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusEarlyHints)
			return false
		}, run.FactAnswerForm, run.Pass},
		{"green sends a header field of several lines", oneGet, raw(folded("A: b c")), raw(folded("A: b\r\n c")), run.FactAnswerForm, run.Fail},
		{"both send a 103 first", oneGet, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusEarlyHints)
			return false
		}, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusEarlyHints)
			return false
		}, "", run.Pass},
		{"green's deflate has no wrapper", oneGet, deflated(true), deflated(false), run.FactAnswerForm, run.Pass},
		{"blue fails when asked for gzip", oneGet, failsWith("Accept-Encoding", "gzip"), nil, "", run.Pass},
		{"blue fails when asked with a condition", oneGet, func(w http.ResponseWriter, r *http.Request) bool {
			return failsWith("If-None-Match", r.Header.Get("If-None-Match"))(w, r) || tagged(false)(w, r)
		}, tagged(true), "", run.Pass},
		{"green calls everything the present content", oneGet, tagged(false), tagged(true), run.FactConditional, run.Fail},
		{"both do", oneGet, tagged(true), tagged(true), "", run.Pass},
		{"green sends again what a client has", oneGet, tagged(false), header("Etag", `"a"`), run.FactConditional, run.Pass},
		{"clock of green an hour ahead", oneGet, nil, clockOff(time.Hour, ""), run.FactClock, run.Fail},
		{"clock of green an hour ahead, only POSTs", onePost, nil, clockOff(time.Hour, ""), run.FactClock, run.Fail},
		{"clock of green an hour behind", oneGet, nil, clockOff(-time.Hour, ""), run.FactClock, run.Fail},
		{"clock of green 20 s ahead", oneGet, nil, clockOff(20*time.Second, ""), run.FactClock, run.Pass},
		{"an answer of green cached an hour ago", oneGet, nil, clockOff(-time.Hour, "3600"), "", run.Pass},
		{"an answer of blue cached an hour ago", oneGet, clockOff(-time.Hour, "3600"), nil, "", run.Pass},
		{"a clock that is off, and answers cached a minute ago", oneGet, clockOff(-time.Minute, "60"), clockOff(9*time.Hour-time.Minute, "60"), run.FactClock, run.Fail},
		{"other spelling of header names", oneGet, header("X-Session-Id", "a"), header("x-session-id", "a"), run.FactHeaderNames, run.Pass},
		{"HEAD is refused", oneGet, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "HEAD" {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
			return r.Method == "HEAD"
		}, run.FactHead, run.Pass},
		{"OPTIONS allows less", oneGet, header("Allow", "GET, PUT"), header("Allow", "GET"), run.FactOptions, run.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, &bent{bend: c.blue}, &bent{bend: c.green})
			// Allow and Age are headers of the case's answer as well.
			r.file("s.yaml", strings.Replace(c.suite, "cases:", "rules: [{header: allow, do: drop, why: x}, {header: age, do: drop, why: x}]\ncases:", 1))
			end := r.run()
			var facts []string
			for _, f := range end.Transport {
				facts = append(facts, string(f.Fact))
			}
			if c.fact == "" && len(facts) > 0 || c.fact != "" && !slices.Contains(facts, string(c.fact)) {
				t.Errorf("facts %v, want %q: %v", facts, c.fact, end.Transport)
			}
			want(t, end, c.verdict)
		})
	}
}

// What a 204 or 304 announces is seen in the answers of cases, also of unsafe ones.
func TestTransportFramingOfEmptyAnswers(t *testing.T) {
	const plain = "HTTP/1.1 204 No Content\r\n\r\n"
	for _, c := range []struct {
		name, blue, green string
		verdict           run.Verdict
		found             bool
	}{
		{"204 chunked", plain, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", run.Fail, true},
		{"204 with a length", plain, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", run.Fail, true},
		{"204 with a length of 0", plain, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", run.Pass, true},
		{"both chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", run.Pass, false},
		{"304 chunked", "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", run.Fail, true},
		{"304 with the length of what it saves", "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", run.Pass, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status := strings.Fields(c.blue)[1]
			end := newRig(t, &bent{bend: raw(c.blue)}, &bent{bend: raw(c.green)}).
				file("s.yaml", fmt.Sprintf("suite: s\ncases:\n  - {case: c, post: /x, side_effects: none, expect: {status: %s}}\n", status)).run()
			want(t, end, c.verdict)
			i := slices.IndexFunc(end.Transport, func(f run.TransportFinding) bool { return f.Fact == run.FactEmptyAnswerFraming })
			if (i >= 0) != c.found {
				t.Errorf("found %v, want %v: %v", i >= 0, c.found, end.Transport)
			}
		})
	}
}

// The requests that ask are few, safe, marked, and counted apart from cases;
// without a safe GET, in a dry run and for rediff there are none.
func TestTransportAsksLittle(t *testing.T) {
	blue, green := &bent{}, &bent{}
	end := newRig(t, blue, green).file("s.yaml", oneGet).run()
	want(t, end, run.Pass)
	asked := []string{"GET /x", "GET /x gzip", "GET /x deflate", "GET /x br", "HEAD /x", "OPTIONS /x"}
	for name, side := range map[string]*bent{"blue": blue, "green": green} {
		if !slices.Equal(side.probes, asked) || side.others != 1 {
			t.Errorf("%s got %q and %d others, want %q and 1", name, side.probes, side.others, asked)
		}
	}
	if end.Counts.Requests != (run.PerSide{Blue: 1, Green: 1}) {
		t.Errorf("cases account for %v, want 1 and 1", end.Counts.Requests)
	}
	blue, green = &bent{}, &bent{}
	want(t, newRig(t, blue, green).file("s.yaml", onePost).run(), run.Pass)
	if n := len(blue.probes) + len(green.probes); n != 0 {
		t.Errorf("%d requests for a suite without a safe GET: %q", n, blue.probes)
	}
	blue, green = &bent{}, &bent{}
	captured := "suite: s\ncases:\n  - case: c\n    steps:\n      - {post: /x, side_effects: none, capture: {v: $.v}}\n      - {step: two, get: \"/{{v}}\"}\n"
	want(t, newRig(t, blue, green).file("s.yaml", captured).run(), run.Pass)
	if n := len(blue.probes) + len(green.probes); n != 0 {
		t.Errorf("%d requests though the GET needs a captured value: %q", n, blue.probes)
	}
}

// A finding can be allowed with a why, by the suite and by the env file; it stays in
// the result. An allowance that nothing needs is a warning.
func TestTransportAllow(t *testing.T) {
	const allow = "transport: {allow: [{fact: keep-alive, why: the gateway closes}]}\n"
	for _, c := range []struct {
		name, suite, env string
		verdict          run.Verdict
	}{
		{"not allowed", oneGet, "", run.Fail},
		{"by the suite", allow + oneGet, "", run.Pass},
		{"by the env file", oneGet, allow, run.Pass},
		{"another fact", strings.ReplaceAll(allow, "keep-alive", "clock") + oneGet, "", run.Fail},
		{"of another service", strings.ReplaceAll(allow, "keep-alive,", "keep-alive, service: epg,") + oneGet, "", run.Fail},
		{"an advisory suite", "gate: advisory\n" + oneGet, "", run.Broken}, // nothing else was judged
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, &bent{}, &bent{bend: header("Connection", "close")}).file("s.yaml", c.suite)
			r.env = c.env
			end := r.run()
			want(t, end, c.verdict)
			if len(end.Transport) != 1 || (end.Transport[0].Allowed != "") != (c.verdict == run.Pass) || end.Transport[0].Weight != run.Fail {
				t.Errorf("findings %+v", end.Transport)
			}
			if unused := strings.Contains(strings.Join(end.Warnings, "\n"), "was not needed"); unused != strings.Contains(c.name, "another") {
				t.Errorf("warnings %q", end.Warnings)
			}
		})
	}
}

// A finding survives being written and read: the archive keeps it for rediff.
func TestTransportFindingIsKept(t *testing.T) {
	f := run.TransportFinding{Fact: run.FactClock, Service: "epg", Suites: []string{"s"}, Verdict: run.Fail, Weight: run.Fail, Blue: "a", Green: "b"}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back run.TransportFinding
	if err := json.Unmarshal(text, &back); err != nil || fmt.Sprint(back) != fmt.Sprint(f) || back.Verdict != run.Fail || back.Weight != run.Fail {
		t.Errorf("%s read back as %+v (%v)", text, back, err)
	}
}

// ending closes each connection when a second request comes, with a reset or in order.
func ending(t *testing.T, reset bool) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 1<<16)
				if _, err := c.Read(buf); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"v\":1}")
				if _, err := c.Read(buf); err == nil && reset {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
			}()
		}
	}()
	return &httptest.Server{URL: "http://" + l.Addr().String(), Listener: l}
}

// Reused connections that green resets fail, by the requests that ask and by the cases; so do
// those that it ends under the requests.
func TestTransportResets(t *testing.T) {
	for _, tt := range []struct {
		name, suite, reason string
		reset               bool
	}{
		{"asked", oneGet, "reused connections", true},
		{"in the cases", onePost, "reused connections", true},
		{"ended in the cases", onePost, "resent requests", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, &bent{}, &bent{})
			r.green.Close()
			r.green = &httptest.Server{URL: ending(t, tt.reset).URL, Listener: r.green.Listener, Config: r.green.Config}
			end := r.file("s.yaml", tt.suite).run()
			want(t, end, run.Fail, tt.reason)
		})
	}
}

// A POST that only reads survives a connection that dies, one that writes does not
// leave twice.
func TestReadingPostIsResent(t *testing.T) {
	for effects, sent := range map[string]int{"none": 2, "isolated": 1} {
		var got [2]atomic.Int64
		dies := func(i int) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n := got[i].Add(1); n == 2 {
					conn, _, _ := w.(http.Hijacker).Hijack()
					_ = conn.Close()
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"v":1}`)
			})
		}
		r := newRig(t, dies(0), dies(1)).file("s.yaml", "suite: s\ncases:\n  - {case: c, post: /x, json: {q: 1}, side_effects: "+effects+", repeat: 2}\n")
		end := r.run()
		for i := range got {
			if n := got[i].Load(); n != int64(sent)+1 {
				t.Errorf("%s: side %d got %d requests, want %d", effects, i, n, sent+1)
			}
		}
		if (end.Verdict == run.Pass) != (sent == 2) {
			t.Errorf("%s: verdict %s: %q", effects, end.Verdict, end.Reasons)
		}
	}
}

// The median of cases decides, with both bounds.
func TestSlower(t *testing.T) {
	for _, c := range []struct {
		blue, green float64
		want        bool
	}{{1, 1500, true}, {1, 150, false}, {200, 550, false}, {200, 700, true}, {1500, 1, false}} {
		var blue, green verdict.Histogram
		for range 5 {
			blue.Add(c.blue)
			green.Add(c.green)
		}
		green.Add(1e6) // one outlier moves no median
		if got := slower(blue.Median(), green.Median()); got != c.want {
			t.Errorf("slower(%v, %v) = %v by medians %v and %v", c.blue, c.green, got, blue.Median(), green.Median())
		}
	}
}

// A green that is far slower makes a run without load inconclusive; a run that
// judged load has better evidence.
func TestMuchSlowerOutsideLoad(t *testing.T) {
	t.Parallel()
	slow := func(http.ResponseWriter, *http.Request) bool { time.Sleep(260 * time.Millisecond); return false }
	end := newRig(t, &bent{}, &bent{bend: slow}).file("s.yaml", oneGet).run()
	if !slices.ContainsFunc(end.Transport, func(f run.TransportFinding) bool { return f.Fact == run.FactTime }) {
		t.Skipf("blue was slow as well: %q", end.Reasons)
	}
	want(t, end, run.Inconclusive, "time of cases outside load")
	e := &execution{totals: verdict.NewTotals(0)}
	if f := e.findSlow(t.Context(), []run.LoadResult{{Verdict: run.Pass}}); f != nil {
		t.Errorf("with a load verdict: %v", f)
	}
}
