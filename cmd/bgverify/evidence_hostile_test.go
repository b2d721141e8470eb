package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// raced reports whether this binary carries the race detector, whose memory is
// not the product's.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return true
	}
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}

func gzipped(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for ; n > 0; n -= 1 << 20 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// programRSS is what a run takes without large bodies, in MiB: 45 are there when it starts, most of them pages of the
// program, which Kubernetes, NATS and AWS have made larger.
const programRSS = 84

// A hostile answer of green makes its case fail or broken; the other case is
// judged all the same, and the process stays below 64 MB and the body limit of
// 64 MiB, also with both sides answering so.
func TestEvidenceHostileAnswers(t *testing.T) {
	t.Parallel()
	forever := func(c net.Conn, head, s string) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, s)
		}
	}
	whole := func(c net.Conn, headers, body string) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n", headers, len(body))
		_, _ = io.WriteString(c, body)
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	bombed, named, both, one := 96<<20, 250_000, int64(80), int64(68)
	switch {
	case os.Getenv("BGVERIFY_LONG") != "":
		bombed, named, both, one = 256<<20, 1_000_000, 2*64+32, 64+48
	case raced(): // ten times as slow, and not measured
		named = 50_000
	}
	bomb := gzipped(t, bombed)
	var keys strings.Builder
	keys.WriteString("{")
	for i := range named {
		fmt.Fprintf(&keys, `"k%d":%d,`, i, i)
	}
	manyKeys := keys.String()
	for _, row := range []struct {
		name   string
		answer func(c net.Conn)
		both   bool  // blue answers so too: two bodies at the limit are there at once
		rss    int64 // MiB; 0: 64 and the body limit
		passes bool  // equal and harmless: it may pass
		once   bool  // asked for once but in the long form: each answer takes seconds to judge
	}{
		{name: "endless body", answer: func(c net.Conn) { forever(c, ok+"\r\n", strings.Repeat("x", 1<<16)) }},
		{name: "endless bodies on both sides", answer: func(c net.Conn) { forever(c, ok+"\r\n", strings.Repeat("x", 1<<16)) }, both: true, rss: programRSS + 2*64},
		{name: "endless chunks", answer: func(c net.Conn) {
			forever(c, ok+"Transfer-Encoding: chunked\r\n\r\n", "10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n")
		}},
		{name: "gzip bomb", answer: func(c net.Conn) { whole(c, "Content-Encoding: gzip\r\n", bomb) }},
		{name: "depth of a million", answer: func(c net.Conn) { whole(c, "", strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000)) }},
		{name: "depth of a million, open", answer: func(c net.Conn) { whole(c, "", strings.Repeat(`{"a":`, 1_000_000)) }},
		{name: "very many keys", answer: func(c net.Conn) { whole(c, "", manyKeys+`"z":1}`) }, both: true, rss: programRSS + both, passes: true, once: true},
		// A pair that differs is kept to try proposed rules on, up to 16 MiB of a run.
		{name: "very many keys on green", answer: func(c net.Conn) { whole(c, "", manyKeys+`"z":1}`) }, rss: programRSS + one, once: true},
		{name: "a hundred thousand headers", answer: func(c net.Conn) {
			_, _ = io.WriteString(c, ok)
			for i := range 100_000 {
				if _, err := fmt.Fprintf(c, "X-%d: y\r\n", i); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "\r\n")
		}},
		{name: "cookie flood", answer: func(c net.Conn) {
			var b strings.Builder
			for i := range 2000 {
				fmt.Fprintf(&b, "Set-Cookie: c%d=%s; Path=/\r\n", i, strings.Repeat("x", 60))
			}
			whole(c, b.String(), `{"a":1}`)
		}, passes: true, both: true},
		{name: "endless 1xx", answer: func(c net.Conn) { forever(c, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") }},
		{name: "status 999", answer: func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n") }},
		{name: "redirect to itself", answer: func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 302 X\r\nLocation: /hostile\r\nContent-Length: 0\r\n\r\n")
		}},
		{name: "unique error strings", answer: func(c net.Conn) { _, _ = fmt.Fprintf(c, "HTTP/1.1 %p\r\n\r\n", c) }},
	} {
		t.Run("hostile_answers/"+row.name, func(t *testing.T) { // one after the other: they are large
			e := newEvidence(t)
			repeat := 2
			if row.once && os.Getenv("BGVERIFY_LONG") == "" {
				repeat = 1
			}
			e.file("suite.yaml", fmt.Sprintf("suite: s\ndefaults: {timeout: 20s}\ncases:\n  - {case: fine, get: /fine}\n  - {case: hostile, get: /hostile, repeat: %d}\n", repeat))
			side := func(hostile bool) string {
				return raw(t, func(c net.Conn, r *bufio.Reader) {
					for {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						if req.URL.Path == "/fine" || !hostile {
							whole(c, "", `{"a":1}`)
							continue
						}
						row.answer(c)
						return
					}
				})
			}
			cmd := e.command("run", "suite.yaml", "--run-id", "it", "--no-progress", "--blue", side(row.both), "--green", side(true))
			peak := peakRSS(t, e, cmd)
			r := e.wait(cmd)
			kib, known := peak()
			if !row.passes {
				if r.status != 1 && r.status != 3 {
					t.Errorf("exit status %d, want a failure", r.status)
				}
				if r.run.Counts.Pass != 1 || r.run.Counts.Cases != 2 {
					t.Errorf("%+v, want the other case to pass", r.run.Counts)
				}
			}
			if r.status == 2 || r.status < 0 || t.Failed() {
				t.Errorf("exit status %d, reasons %q\n%s%s", r.status, r.run.Reasons, &r.out, &r.err)
			}
			t.Logf("exit status %d, peak RSS %d MiB, %q", r.status, kib>>10, r.run.Reasons)
			limit := int64(programRSS+64) << 10
			if row.rss > 0 {
				limit = row.rss << 10
			}
			if known && !raced() && kib > limit {
				t.Errorf("peak RSS %d MiB, want at most %d", kib>>10, limit>>10)
			}
		})
	}
	t.Run("hostile_answers/http2 floods", func(t *testing.T) {
		e := newEvidence(t)
		var blue, green counter
		flood := func(fr *http2.Framer, _ uint32) bool {
			for fr.WritePing(false, [8]byte{}) == nil {
			}
			return false
		}
		e.file("suite.yaml", fmt.Sprintf("suite: s\ndefaults: {timeout: 1s}\nsides: {blue: {url: %q, http: h2c}, green: {url: %q, http: h2c}}\ncases:\n  - {case: hostile, post: /x, side_effects: none}\n", framer(t, &blue, flood), framer(t, &green, flood)))
		r := e.bgverify("run", "suite.yaml", "--no-progress")
		r.ends(3, `timeout`, "")
	})
}

// A careless or hostile scenario file is refused as a whole, with the place of
// each problem, and nothing is sent.
func TestEvidenceHostileFiles(t *testing.T) {
	t.Parallel()
	rows := []proof{
		{name: "unknown key", suite: "suite: s\ncases:\n  - {case: a, get: /, querry: {a: 1}}\n", reason: `suite\.yaml:3:\d+: error: unknown key "querry"`},
		{name: "duplicate key", suite: "suite: s\nsuite: t\ncases:\n  - {case: a, get: /}\n", reason: `suite\.yaml:2:1: error: `},
		{name: "null key", suite: "suite: s\nvars:\ncases:\n  - {case: a, get: /}\n", reason: `suite\.yaml:2:\d+: error: `},
		{name: "alias bomb", suite: "suite: s\nvars:\n  a: &a [x,x,x,x,x,x,x,x,x,x]\n  b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n  c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n  e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n  f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ncases:\n  - {case: a, get: /}\n", reason: `suite\.yaml:\d+:\d+: error: .*200000`},
		{name: "100 k nesting", suite: "suite: s\nvars: " + strings.Repeat("[", 100_000), reason: `suite\.yaml:2:\d+: error: `},
		{name: "above 1 MB", suite: "suite: s\ncases:\n  - {case: a, get: /}\n#" + strings.Repeat("x", 1<<20), reason: `suite\.yaml.*larger than 1 MiB`},
		{name: "path outside", suite: "suite: s\ncases:\n  - {case: a, post: /, side_effects: none, file: ../../etc/passwd}\n", reason: `suite\.yaml:3:\d+: error: .*leaves the scenario folder`},
		{name: "absolute path", suite: "suite: s\ncases:\n  - {case: a, get: /, data: {file: /etc/passwd}}\n", reason: `suite\.yaml:3:\d+: error: .*not a relative path`},
		{name: "include cycle", suite: "suite: s\ncases:\n  - {case: a, steps: [{use: p.yaml#a}]}\n", files: map[string]string{"p.yaml": "parts:\n  a: [{use: p.yaml#b}]\n  b: [{use: p.yaml#a}]\n"}, reason: `p\.yaml:\d+:\d+: error: `},
		{name: "undeclared environment", suite: "suite: s\ncases:\n  - {case: a, get: /, query: {q: \"{{env.HOME}}\"}}\n", reason: `suite\.yaml:3:\d+: error: .*HOME`},
		{name: "CRLF in a header", suite: "suite: s\ncases:\n  - {case: a, get: /, headers: {A: \"x\\r\\nB: y\"}}\n", reason: `suite\.yaml:3:\d+: error: `},
		{name: "CRLF in a header's name", suite: "suite: s\ncases:\n  - {case: a, get: /, headers: {\"A\\r\\nB\": x}}\n", reason: `suite\.yaml:3:\d+: error: `},
		{name: "invalid host", suite: "suite: s\nsides: {blue: {host: \"a b\"}}\ncases:\n  - {case: a, get: /}\n", reason: `suite\.yaml:2:\d+: error: `},
		{name: "number out of bounds", suite: "suite: s\ncases:\n  - {case: a, get: /, repeat: 100000000}\n", reason: `suite\.yaml:3:\d+: error: `},
		{name: "no unit", suite: "suite: s\ndefaults: {timeout: 5}\ncases:\n  - {case: a, get: /}\n", reason: `suite\.yaml:2:\d+: error: `},
		{name: "second document", suite: "suite: s\ncases:\n  - {case: a, get: /}\n---\nsuite: t\n", reason: `suite\.yaml:4:\d+: error: `},
		{name: "every problem at once", suite: "suite: s\ndefaults: {timeout: 5}\ncases:\n  - {case: a, gett: /}\n", reason: `(?s)suite\.yaml:2:\d+: error: .*suite\.yaml:4:\d+: error: `},
	}
	for i := range rows {
		rows[i].status = 2
	}
	prove(t, "hostile_files", rows)
}
