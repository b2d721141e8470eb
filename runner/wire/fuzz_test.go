package wire

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
)

// frames never takes from net/http a byte of the answer it is reading: what
// net/http reads from the bytes that frames lets pass is what it reads from all
// of them. And it does not matter how the bytes come.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\nmore",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nbody",
		"HTTP/1.0 200 OK\n\nuntil the end",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length : 1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nab",
		"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\nxyz",
	} {
		f.Add([]byte(seed), byte(1), false)
		f.Add([]byte(seed), byte(7), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, step byte, head bool) {
		if len(input) == 0 || len(input) > 1<<15 {
			return
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		run := func(step int) int {
			fr := &frames{limit: 256 << 10}
			fr.begin(&call{method: method, keepSent: true}, 0)
			for at := 0; at < len(input); at += step {
				part := input[at:min(at+step, len(input))]
				if n := fr.feed(part, 1); n < len(part) {
					return at + n
				}
			}
			return len(input)
		}
		whole, parts := run(len(input)), run(int(step)+1)
		if whole != parts {
			t.Fatalf("in one piece %d bytes pass, in pieces of %d %d", whole, int(step)+1, parts)
		}
		all, okAll := readAnswer(input, method)
		cut, okCut := readAnswer(input[:whole], method)
		if okAll && (!okCut || !bytes.Equal(all, cut)) {
			t.Fatalf("of %q pass %d bytes: net/http reads %q (%v), of all of them %q", input, whole, cut, okCut, all)
		}
	})
}

// readAnswer is the answer as net/http's transport reads it.
func readAnswer(input []byte, method string) ([]byte, bool) {
	r := bufio.NewReader(bytes.NewReader(input))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return nil, false
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != 101 {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		return body, err == nil
	}
}

// A body never passes its limit, and a failure is always told.
func FuzzReadBody(f *testing.F) {
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		f.Add(coding, []byte(bomb(f, coding, 1<<20)), int64(-1))
	}
	f.Add("gzip, br", []byte(gzipOf("x")), int64(3))
	f.Add("", []byte("abc"), int64(2))
	f.Add("zstd", []byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"), int64(0))
	f.Fuzz(func(t *testing.T, coding string, input []byte, length int64) {
		const limit = 1 << 16
		_, w := watched(context.Background(), time.Minute)
		defer w.stop()
		resp := &http.Response{
			Header: http.Header{"Content-Encoding": {coding}}, ContentLength: max(-1, length),
			Body: io.NopCloser(bytes.NewReader(input)),
		}
		b := readBody(resp, Limits{Body: limit, Ratio: 100, Idle: time.Minute}, w)
		if len(b.answer) > limit || b.err != nil && len(b.answer) > keepOfFailed {
			t.Fatalf("%d bytes of a body, limit %d", len(b.answer), limit)
		}
		if b.err == nil && b.encoding == "" && len(contentCodings(resp.Header)) == 0 && !bytes.Equal(b.answer, input) {
			t.Fatalf("got %q of %q without an error", b.answer, input)
		}
		if b.err != nil && classify(b.err, true).Class == "" {
			t.Fatalf("%v has no class", b.err)
		}
	})
}

// Whatever a server sets, the jar stays bounded and its header is one.
func FuzzJar(f *testing.F) {
	f.Add("https://api.example.com/a", "a=1; Domain=example.com; Path=/; Secure")
	f.Add("http://127.0.0.1", `a="b"; Max-Age=1`)
	f.Fuzz(func(t *testing.T, url, line string) {
		j := NewJar()
		for range 3 {
			j.Set(url, setting(line, line+"2", "x"+line))
		}
		got := j.Header(url)
		if !httpguts.ValidHeaderFieldValue(got) || len(got) > maxCookies*(maxCookieBytes+4) {
			t.Fatalf("%q set by %q gives the header %q", line, url, got)
		}
	})
}

// A host that is let through names one host to everybody.
func FuzzCleanHost(f *testing.F) {
	for _, seed := range []string{"a.example:80", "[::1]:80", "한국.example", "a/b", "u@h", "a:b:c", "1.2.3.4", "a_b", "[::1", "a..b", "xn--a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		clean, err := cleanHost(host)
		if err != nil {
			return
		}
		if !httpguts.ValidHostHeader(clean) || strings.ContainsAny(clean, "/\\@?# \r\n\t") || !isASCII(clean) {
			t.Fatalf("%q became %q", host, clean)
		}
		if again, err := cleanHost(clean); err != nil || again != clean {
			t.Fatalf("%q became %q, and that %q, %v", host, clean, again, err)
		}
	})
}
