package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The answers are the same, and a client of green would still lose.
func TestEvidenceTransport(t *testing.T) {
	t.Parallel()
	with := func(change func(h http.Header)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			change(w.Header())
			says(`{"a":1}`)(w, r)
		}
	}
	closing := with(func(h http.Header) { h.Set("Connection", "close") })
	zipped := func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			says(`{"a":1}`)(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"a":1}`)
		_ = z.Close()
	}
	clock := func(by time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
			says(`{"a":1}`)(w, r)
		}
	}
	empty := func(framing string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 204 No Content\r\n%s\r\n", framing)
			_ = conn.Close()
		}
	}
	posts := "suite: one\ncases:\n  - {case: item, post: /item, json: {q: 1}, side_effects: none, repeat: 4}\n"
	prove(t, "transport", []proof{
		{name: "green closes after each answer", suite: one, blue: says(`{"a":1}`), green: closing, status: 1, reason: `keep-alive: blue keeps a connection open, green closes it after each answer; transport: \{allow: `},
		{name: "green closes after each answer, POSTs alone", suite: posts, blue: says(`{"a":1}`), green: closing, status: 1, reason: `keep-alive: blue closes 0 of 4 times, green closes 4 of 4 times`},
		{name: "green no longer compresses", suite: one, blue: zipped, green: says(`{"a":1}`), status: 1, reason: `compression: blue answers with gzip when asked for it, green answers with none`},
		{name: "green's clock is nine hours ahead", suite: one, blue: says(`{"a":1}`), green: clock(9 * time.Hour), status: 1, reason: `clock: blue shows .* UTC, green .* later`},
		{name: "green announces a body in a 204", suite: "suite: one\ncases:\n  - {case: item, get: /item, expect: {status: 204}}\n", blue: empty(""), green: empty("Transfer-Encoding: chunked\r\n"), status: 1, reason: `framing of empty answers: blue sends 204 without body headers, green with Transfer-Encoding: chunked`},
		{name: "another fact is allowed", suite: "transport: {allow: [{fact: clock, why: x}]}\n" + one, blue: says(`{"a":1}`), green: closing, status: 1, reason: `keep-alive`, warns: `transport allow clock \(suite.yaml:1:21\) was not needed`},
		{name: "an allowance without a why", suite: "transport: {allow: [{fact: clock}]}\n" + one, status: 2, reason: `suite\.yaml:1:21: error: transport allow without "why"`},
	})
}
