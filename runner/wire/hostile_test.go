package wire

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/http2"

	"github.com/bgverify/bgverify/internal/steady"
)

// repeat writes s until the connection ends.
func repeat(c net.Conn, s string) {
	for {
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// drip writes a byte of s every so often, for ever when it is at its end.
func drip(c net.Conn, s string, every time.Duration) {
	for i := 0; ; i++ {
		if _, err := io.WriteString(c, s[min(i, len(s)-1):min(i, len(s)-1)+1]); err != nil {
			return
		}
		time.Sleep(every)
	}
}

// hold keeps the connection open without a word.
func hold(r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }

var bombs sync.Map

// bomb is n zero bytes, compressed; made once.
func bomb(t testing.TB, coding string, n int) string {
	t.Helper()
	key := fmt.Sprint(coding, n)
	if made, found := bombs.Load(key); found {
		return made.(string)
	}
	made := makeBomb(t, coding, n)
	bombs.Store(key, made)
	return made
}

func makeBomb(t testing.TB, coding string, n int) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w, _ = gzip.NewWriterLevel(&b, 1)
	case "deflate":
		w, _ = zlib.NewWriterLevel(&b, 1)
	case "br":
		w = brotli.NewWriterLevel(&b, 2)
	case "zstd":
		w, _ = zstd.NewWriter(&b, zstd.WithWindowSize(1<<20), zstd.WithEncoderConcurrency(1))
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// framed is an answer with its length.
func framed(coding, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", coding, len(body), body)
}

// A hostileRow is one way a server can behave badly. A row whose class in the
// load generator differs says so: it does not decode.
type hostileRow struct {
	name   string
	script func(net.Conn, *bufio.Reader) // after the request
	class  Class
	detail string // begins the detail
	load   Class  // "-": no failure
	method string
}

func hostileRows(t testing.TB) []hostileRow {
	text := func(s string) func(net.Conn, *bufio.Reader) {
		return func(c net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(c, s) }
	}
	held := func(s string) func(net.Conn, *bufio.Reader) {
		return func(c net.Conn, r *bufio.Reader) { _, _ = io.WriteString(c, s); hold(r) }
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	gz := bomb(t, "gzip", 1<<20)
	return []hostileRow{
		{name: "nothing", script: text(""), class: ClassReset},
		{name: "silence", script: func(_ net.Conn, r *bufio.Reader) { hold(r) }, class: ClassTimeout, detail: "first byte: "},
		{name: "slow-loris headers", script: func(c net.Conn, _ *bufio.Reader) { drip(c, ok+"A: b", 5*time.Millisecond) }, class: ClassTimeout, detail: "total: 300ms passed in the headers"},
		{name: "headers that stop", script: held(ok + "A: b\r\n"), class: ClassTimeout, detail: "total: 300ms passed in the headers"},
		{name: "slow-loris body", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Content-Length: 100000\r\n\r\n")
			drip(c, "x", 5*time.Millisecond)
		}, class: ClassTimeout, detail: "total: 300ms passed in the body"},
		{name: "body that stops", script: held(ok + "Content-Length: 9\r\n\r\nabc"), class: ClassTimeout, detail: "idle: 100ms passed"},
		{name: "chunk that stops", script: held(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"), class: ClassTimeout, detail: "idle: "},
		{name: "gzip that stops", script: held(ok + "Content-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n" + gz[:20]), class: ClassTimeout, detail: "idle: "},
		{name: "endless body", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"\r\n")
			repeat(c, strings.Repeat("x", 1<<16))
		}, class: ClassLimit, detail: "body above 1048576 bytes"},
		{name: "endless chunks", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			repeat(c, "10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n")
		}, class: ClassLimit, detail: "body above"},
		{name: "endless small chunks", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			repeat(c, strings.Repeat("20\r\n"+strings.Repeat("x", 32)+"\r\n", 1000))
		}, class: ClassLimit},
		{name: "endless chunk extension", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n1;")
			repeat(c, strings.Repeat("x", 1<<12))
		}, class: ClassProtocol},
		{name: "endless trailers", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n")
			repeat(c, "A: b\r\n")
		}, class: ClassProtocol},
		{name: "huge chunk size", script: text(ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"), class: ClassProtocol},
		{name: "huge length", script: text(ok + "Content-Length: 9223372036854775807\r\n\r\nx"), class: ClassTruncated},
		{name: "length too long", script: text(ok + "Content-Length: 9\r\n\r\nabc"), class: ClassTruncated},
		{name: "length too short", script: held(ok + "Content-Length: 3\r\n\r\nabcdef"), class: ClassProtocol, detail: "bytes after the end", load: "-"},
		{name: "negative length", script: text(ok + "Content-Length: -1\r\n\r\nabc"), class: ClassProtocol},
		{name: "length no number", script: text(ok + "Content-Length: 3a\r\n\r\nabc"), class: ClassProtocol},
		{name: "two lengths", script: text(ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), class: ClassProtocol},
		{name: "two answers", script: held(ok + "Content-Length: 1\r\n\r\na" + ok + "Content-Length: 1\r\n\r\nb"), class: ClassProtocol, detail: "bytes after the end", load: "-"},
		{name: "body after 204", script: held("HTTP/1.1 204 No Content\r\n\r\nbody"), class: ClassProtocol, detail: "bytes after the end", load: "-"},
		{name: "body after HEAD", method: "HEAD", script: held(ok + "Content-Length: 4\r\n\r\nbody"), class: ClassProtocol, detail: "bytes after the end", load: "-"},
		{name: "bytes after the last chunk", script: held(ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nmore"), class: ClassProtocol, detail: "bytes after the end", load: "-"},
		{name: "truncated chunk", script: text(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"), class: ClassTruncated},
		{name: "no last chunk", script: text(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), class: ClassTruncated},
		{name: "chunk size no number", script: text(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"), class: ClassProtocol},
		{name: "chunk without its end", script: text(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"), class: ClassProtocol},
		{name: "unknown transfer encoding", script: text(ok + "Transfer-Encoding: gzip\r\n\r\nab"), class: ClassProtocol},
		{name: "transfer encoding twice", script: text(ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), class: ClassProtocol},
		{name: "100k headers", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok)
			for i := range 100_000 {
				if _, err := fmt.Fprintf(c, "X-%d: y\r\n", i); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "\r\n")
		}, class: ClassLimit, detail: "response headers"},
		{name: "one endless header", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"A: ")
			repeat(c, strings.Repeat("x", 1<<12))
		}, class: ClassLimit, detail: "response headers"},
		{name: "endless status line", script: func(c net.Conn, _ *bufio.Reader) { repeat(c, strings.Repeat("x", 1<<12)) }, class: ClassLimit, detail: "response headers"},
		{name: "endless 1xx", script: func(c net.Conn, _ *bufio.Reader) { repeat(c, "HTTP/1.1 100 Continue\r\n\r\n") }, class: ClassLimit, detail: "more than 100 informational answers"},
		{name: "endless early hints", script: func(c net.Conn, _ *bufio.Reader) {
			repeat(c, "HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("x", 1<<12)+"\r\n\r\n")
		}, class: ClassLimit, detail: "more than 100 informational answers"},
		{name: "status 999", script: text("HTTP/1.1 999 Odd\r\nContent-Length: 1\r\n\r\nx"), class: ClassProtocol, detail: "status 999"},
		{name: "status 099", script: text("HTTP/1.1 099 Odd\r\nContent-Length: 1\r\n\r\nx"), class: ClassProtocol, detail: "status 099"},
		{name: "status 99", script: text("HTTP/1.1 99 Odd\r\nContent-Length: 1\r\n\r\nx"), class: ClassProtocol},
		{name: "status -20", script: text("HTTP/1.1 -20 Odd\r\nContent-Length: 1\r\n\r\nx"), class: ClassProtocol},
		{name: "status 101 unasked", script: held("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"), class: ClassProtocol, detail: "status 101"},
		{name: "not http", script: text("SSH-2.0-OpenSSH_9.6\r\n"), class: ClassProtocol},
		{name: "http/0.9", script: text("<html>hello</html>"), class: ClassProtocol},
		{name: "http/7", script: text("HTTP/7.0 200 OK\r\n\r\n"), class: ClassProtocol},
		{name: "header without colon", script: text(ok + "nonsense\r\n\r\n"), class: ClassProtocol},
		{name: "headers cut", script: text(ok + "A: b\r\n"), class: ClassReset},
		{name: "reset before the answer", script: resets(""), class: ClassReset},
		{name: "reset in the headers", script: resets(ok + "A:"), class: ClassReset},
		{name: "reset in the body", script: resets(ok + "Content-Length: 9\r\n\r\nabc"), class: ClassReset},
		{name: "gzip bomb", script: text(framed("gzip", bomb(t, "gzip", 32<<20))), class: ClassLimit, load: "-"},
		{name: "deflate bomb", script: text(framed("deflate", bomb(t, "deflate", 32<<20))), class: ClassLimit, load: "-"},
		{name: "br bomb", script: text(framed("br", bomb(t, "br", 32<<20))), class: ClassLimit, load: "-"},
		{name: "zstd bomb", script: text(framed("zstd", bomb(t, "zstd", 32<<20))), class: ClassLimit, load: "-"},
		{name: "bomb in a bomb", script: text(framed("gzip, gzip", gzipOf(bomb(t, "gzip", 32<<20)))), class: ClassLimit, load: "-"},
		{name: "many codings", script: text(framed("gzip, gzip, gzip, gzip, gzip, gzip", gz)), class: ClassLimit, detail: "more than 3 content codings", load: "-"},
		{name: "zstd window of 2 GiB", script: text(framed("zstd", "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00")), class: ClassLimit, detail: "zstd window", load: "-"},
		{name: "gzip that is none", script: text(framed("gzip", "plain text")), class: ClassDecode, load: "-"},
		{name: "br that is none", script: text(framed("br", "plain text, and more of it")), class: ClassDecode, load: "-"},
		{name: "zstd that is none", script: text(framed("zstd", "plain text")), class: ClassDecode, load: "-"},
		{name: "deflate that is none", script: text(framed("deflate", "plain text")), class: ClassDecode, load: "-"},
		{name: "gzip cut inside", script: text(framed("gzip", gz[:len(gz)/2])), class: ClassDecode, load: "-"},
		{name: "gzip with a wrong checksum", script: text(framed("gzip", gz[:len(gz)-8]+"\x00\x00\x00\x00"+gz[len(gz)-4:])), class: ClassDecode, load: "-"},
		{name: "gzip and more", script: text(framed("gzip", gz+"more")), class: ClassDecode, load: "-"},
		{name: "deflate and more", script: text(framed("deflate", bomb(t, "deflate", 1<<20)+"more")), class: ClassDecode, load: "-"},
		{name: "gzip cut by the connection", script: text(ok + "Content-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n" + gz[:len(gz)/2]), class: ClassTruncated},
		{name: "endless empty gzip members", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Content-Encoding: gzip\r\n\r\n")
			repeat(c, strings.Repeat(gzipOf(""), 1000))
		}, class: ClassLimit, detail: "body above"},
		{name: "endless zstd skippable frames", script: func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, ok+"Content-Encoding: zstd\r\n\r\n")
			repeat(c, strings.Repeat("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", 1000))
		}, class: ClassLimit, detail: "body above"},
	}
}

func gzipOf(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// resets writes s and ends the connection with an RST.
func resets(s string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(c, s)
		time.Sleep(20 * time.Millisecond) // an RST overtakes what was not read
		_ = c.(*net.TCPConn).SetLinger(0)
	}
}

// hostileLimits are short, and small, so that the rows end soon.
var hostileLimits = Limits{
	Connect: 200 * time.Millisecond, TLS: 200 * time.Millisecond,
	FirstByte: 150 * time.Millisecond, Idle: 100 * time.Millisecond, Total: 300 * time.Millisecond,
	Body: 1 << 20, Ratio: 200,
}

// limitsFor are short where a timeout is wanted, and only the one that detail
// names where it names one; the others are long: the machine may be busy.
func limitsFor(class Class, detail string) Limits {
	limits, short := hostileLimits, hostileLimits
	limits.Connect, limits.TLS, limits.FirstByte, limits.Idle, limits.Total = 0, 0, 0, 0, 0
	switch name, _, _ := strings.Cut(detail, ":"); {
	case class != ClassTimeout:
	case name == "first byte":
		limits.FirstByte = short.FirstByte
	case name == "idle":
		limits.Idle = short.Idle
	case name == "total":
		limits.Total = short.Total
	default:
		return short
	}
	return limits
}

func TestHostileAnswers(t *testing.T) {
	noLeak(t)
	for _, row := range hostileRows(t) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
				if readRequest(r) != nil {
					row.script(c, r)
				}
			})
			tr := transport(t, Config{BaseURL: base, Limits: limitsFor(row.class, row.detail)})
			method := row.method
			if method == "" {
				method = "GET"
			}
			x := tr.Do(context.Background(), &Request{Method: method, URL: base})
			if x.Err == nil || x.Err.Class != row.class || !strings.HasPrefix(x.Err.Detail, row.detail) {
				t.Errorf("got %v, want class %s, detail %q", x.Err, row.class, row.detail)
			}
			if x.Attempts != 1 || len(x.Answer) > 1<<20 {
				t.Errorf("attempts %d, %d bytes kept", x.Attempts, len(x.Answer))
			}
			if x.Err != nil && (strings.Contains(x.Err.Detail, "127.0.0.1") || len(x.Err.Detail) > maxDetail+8) {
				t.Errorf("the detail is not of a closed set: %q", x.Err.Detail)
			}
			t.Logf("%v", x.Err)
			want := row.load
			if want == "" {
				want = row.class
			}
			err := loadOnce(tr, method, base)
			if want == "-" && err != nil || want != "-" && (err == nil || Classify(err).Class != want) {
				t.Errorf("load: got %v, want %s", err, want)
			}
		})
	}
}

// loadOnce sends a request as a load does and reads the answer.
func loadOnce(tr *Transport, method, url string) error {
	x := tr.Loader(0).Send(context.Background(), tr.Prepare(&Request{Method: method, URL: url}), func(*http.Response) io.Writer { return io.Discard })
	if x.Err != nil {
		return x.Err
	}
	return nil
}

// The next request never gets what came after an answer: the connection is
// closed as soon as it comes.
func TestSurplusIsNeverTheNextAnswer(t *testing.T) {
	noLeak(t)
	for name, lie := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"204":     "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		for _, late := range []bool{false, true} {
			closed, answered := make(chan bool), make(chan bool)
			base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
				if readRequest(r) == nil {
					return
				}
				const more = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
				if late {
					_, _ = io.WriteString(c, lie)
					<-answered
					_, _ = io.WriteString(c, more)
				} else {
					_, _ = io.WriteString(c, lie+more)
					<-answered
				}
				closed <- readRequest(r) == nil
			})
			tr := transport(t, Config{BaseURL: base})
			for range 5 {
				x := tr.Do(context.Background(), &Request{Method: "POST", URL: base})
				if (x.Err == nil) != late || string(x.Answer) == "smuggled" {
					t.Fatalf("%s, late %v: got %q, %v", name, late, x.Answer, x.Err)
				}
				answered <- true
				if !<-closed {
					t.Fatalf("%s, late %v: another request came on the connection", name, late)
				}
			}
		}
	}
}

func TestHostileHTTP2(t *testing.T) {
	noLeak(t)
	data := bytes.Repeat([]byte("x"), 1<<14)
	for _, row := range []struct {
		name   string
		act    func(*http2.Framer, net.Conn, uint32) bool
		class  Class
		detail string
	}{
		{"silence", func(*http2.Framer, net.Conn, uint32) bool { return true }, ClassTimeout, "first byte: "},
		{"body that stops", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			_ = fr.WriteData(id, false, []byte("abc"))
			return true
		}, ClassTimeout, "idle: "},
		{"endless body", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			for range 2 << 20 / len(data) {
				if fr.WriteData(id, false, data) != nil {
					return false
				}
			}
			return true
		}, "", ""}, // flow control or the limit, whichever comes first: checked below
		{"reset in the body", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			_ = fr.WriteData(id, false, []byte("abc"))
			_ = fr.WriteRSTStream(id, http2.ErrCodeInternal)
			return true
		}, ClassReset, ""},
		{"connection closed in the body", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			_ = fr.WriteData(id, false, []byte("abc"))
			return false
		}, "", ""}, // reset or truncated: an RST may overtake the data
		{"length too long", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false, Field{"content-length", "9"})
			_ = fr.WriteData(id, true, []byte("abc"))
			return true
		}, ClassTruncated, ""},
		{"length too short", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false, Field{"content-length", "1"})
			_ = fr.WriteData(id, true, []byte("abc"))
			return true
		}, ClassProtocol, ""},
		{"endless 1xx", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			for range 5000 {
				h2Answer(fr, id, false, Field{":status", "100"})
			}
			return true
		}, ClassLimit, "more than 100"},
		{"too many headers", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			for range 400 {
				h2Answer(fr, id, false, Field{"x-large", strings.Repeat("x", 1000)})
			}
			return true
		}, "", ""},
		{"header bomb", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			fields := []Field{{"x", strings.Repeat("x", 3000)}}
			for range 3000 {
				fields = append(fields, fields[0]) // one byte each on the wire
			}
			h2Answer(fr, id, true, fields...)
			return true
		}, ClassLimit, ""},
		{"headers twice", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false)
			h2Answer(fr, id, false)
			return true
		}, "", ""},
		{"unknown stream", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			_ = fr.WriteData(id+100, true, []byte("abc"))
			return true
		}, "", ""},
		{"http/1 answer", func(_ *http2.Framer, c net.Conn, _ uint32) bool {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			return true
		}, ClassProtocol, ""},
		{"status 999", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, true, Field{":status", "999"})
			return true
		}, "", ""},
		{"gzip bomb", func(fr *http2.Framer, _ net.Conn, id uint32) bool {
			h2Answer(fr, id, false, Field{"content-encoding", "gzip"})
			_ = fr.WriteData(id, true, []byte(bomb(t, "gzip", 8<<20)))
			return true
		}, ClassLimit, ""},
		{"ping flood", func(fr *http2.Framer, _ net.Conn, _ uint32) bool {
			for fr.WritePing(false, [8]byte{}) == nil {
			}
			return false
		}, ClassTimeout, ""},
		{"settings flood", func(fr *http2.Framer, _ net.Conn, _ uint32) bool {
			for fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535}) == nil {
			}
			return false
		}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			base, seen := framerServer(t, row.act)
			class := row.class
			if class == "" {
				class = ClassTimeout
			}
			tr := transport(t, Config{BaseURL: base, HTTP: "h2c", Limits: limitsFor(class, row.detail)})
			x := tr.Do(context.Background(), &Request{Method: "POST", URL: base, Body: []byte("x")})
			if x.Err == nil || row.class != "" && x.Err.Class != row.class || !strings.HasPrefix(x.Err.Detail, row.detail) {
				t.Errorf("got %v (status %d), want class %q, detail %q", x.Err, x.Status, row.class, row.detail)
			}
			if x.Attempts != 1 || seen.Load() != 1 || len(x.Answer) > 1<<20 {
				t.Errorf("attempts %d, seen %d, %d bytes kept", x.Attempts, seen.Load(), len(x.Answer))
			}
			t.Logf("%v", x.Err)
		})
	}
	t.Run("goaway before any request", func(t *testing.T) {
		base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
			fr := http2.NewFramer(c, r)
			_ = fr.WriteSettings()
			_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
		})
		tr := transport(t, Config{BaseURL: base, HTTP: "h2c", Limits: hostileLimits})
		for _, method := range []string{"POST", "GET"} {
			x := tr.Do(context.Background(), &Request{Method: method, URL: base})
			if x.Err == nil || x.Attempts > 2 || method == "POST" && x.Attempts > 1 {
				t.Errorf("%s: got %+v", method, x)
			}
			t.Logf("%s: %v, attempts %d, %d connections", method, x.Err, x.Attempts, tr.Opened())
		}
	})
}

func TestConnectingFails(t *testing.T) {
	noLeak(t)
	refused := "http://" + steady.Address(t) // nobody listens there
	// Accepts nothing: the queue is full after the first connections.
	silent := listen(t)
	secure := "https://" + silent.Addr().String()
	resetting := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadByte()
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	for _, row := range []struct {
		name, url string
		config    Config
		class     Class
		detail    string
	}{
		{"refused", refused, Config{}, ClassRefused, "connect: connection refused"},
		{"no such name", "http://no.such.name.invalid", Config{}, ClassDNS, ""},
		{"handshake that stops", secure, Config{}, ClassTimeout, "tls: 200ms passed"},
		{"reset in the handshake", strings.Replace(resetting, "http", "https", 1), Config{}, ClassTLS, ""},
		{"proxy refuses", "http://api.invalid", Config{Proxy: refused}, ClassRefused, ""},
		{"proxy refuses the tunnel", "https://api.invalid", Config{Proxy: rawServer(t, says("HTTP/1.1 403 Forbidden\r\n\r\n"))}, ClassConnect, ""},
	} {
		row.config.Limits = hostileLimits
		tr := transport(t, row.config)
		x := tr.Do(context.Background(), &Request{Method: "GET", URL: row.url})
		if x.Err == nil || x.Err.Class != row.class || !strings.HasPrefix(x.Err.Detail, row.detail) || x.Attempts != 0 {
			t.Errorf("%s: got %v, attempts %d; want class %s, %q", row.name, x.Err, x.Attempts, row.class, row.detail)
		}
		if len(x.Sent) == 0 {
			t.Errorf("%s: Sent is empty", row.name)
		}
		t.Logf("%s: %v", row.name, x.Err)
		tr.Close()
	}
}

func TestTotalNamesWhatWasGoingOn(t *testing.T) {
	silent := listen(t)
	tr := transport(t, Config{Limits: Limits{Total: 50 * time.Millisecond}})
	x := tr.Do(context.Background(), &Request{Method: "GET", URL: "https://" + silent.Addr().String()})
	if x.Err == nil || x.Err.Detail != "total: 50ms passed waiting for a connection" {
		t.Errorf("got %v", x.Err)
	}
}

// Ten thousand bombs cost no more memory than one.
func TestHostileAnswersInBoundedMemory(t *testing.T) {
	noLeak(t)
	gz, br := framed("gzip", bomb(t, "gzip", 32<<20)), framed("br", bomb(t, "br", 32<<20))
	base := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		req := readRequest(r)
		if req == nil {
			return
		}
		switch req.URL.Path {
		case "/gzip":
			_, _ = io.WriteString(c, gz)
		case "/br":
			_, _ = io.WriteString(c, br)
		default:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			repeat(c, strings.Repeat("x", 1<<16))
		}
	})
	const limit = 16 << 20
	tr := transport(t, Config{BaseURL: base, Limits: Limits{Body: limit, Ratio: 1 << 40}})
	runtime.GC()
	var before, m runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak uint64
	for range 4 {
		for _, path := range []string{"/gzip", "/br", "/endless"} {
			x := tr.Do(context.Background(), &Request{Method: "GET", URL: base + path})
			if x.Err == nil || x.Err.Class != ClassLimit || len(x.Answer) > keepOfFailed {
				t.Errorf("%s: got %v, %d bytes", path, x.Err, len(x.Answer))
			}
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	grown := int64(peak) - int64(before.HeapInuse)
	t.Logf("heap grew by at most %d KiB over a body limit of %d KiB", grown>>10, limit>>10)
	if grown > limit+64<<20 {
		t.Errorf("heap grew by %d MiB", grown>>20)
	}
}

func TestDescriptorsAreOurFault(t *testing.T) {
	for _, err := range []error{
		&net.OpError{Op: "dial", Err: fmt.Errorf("socket: %w", syscall.EMFILE)},
		&net.DNSError{Err: "dial udp 127.0.0.1:53: socket: too many open files", Name: "a"},
		&tls.CertificateVerificationError{Err: errors.New("open /etc/ssl/certs: too many open files")},
	} {
		if got := Classify(err); got.Class != ClassDescriptors {
			t.Errorf("%v: got %v", err, got)
		}
	}
}
