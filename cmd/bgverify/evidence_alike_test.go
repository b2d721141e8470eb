package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// Both sides fail, and alike: nothing differs, and nothing is proven.
func TestEvidenceBothFailAlike(t *testing.T) {
	t.Parallel()
	var rows []proof
	for _, status := range []int{401, 403, 404, 429, 500, 502, 503, 504} {
		rows = append(rows, proof{
			name: fmt.Sprintf("both %d", status), suite: one, blue: answers(status, "application/json", `{"code":40100,"message":"no"}`),
			status: 1, reason: fmt.Sprintf("blue: expected status 2xx, got %d", status),
		})
	}
	page := "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
	hijack := func(raw string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, raw)
			_ = conn.Close()
		}
	}
	expired := func() http.HandlerFunc {
		var asked atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 3 {
				answers(401, "application/json", `{"code":40103,"message":"token expired"}`)(w, r)
				return
			}
			says(`{"a":1}`)(w, r)
		}
	}
	rows = append(
		rows,
		proof{name: "both the login page, declared", suite: one, blue: answers(200, "text/html; charset=utf-8", page), status: 1, reason: `answers with an HTML page`},
		proof{name: "both the login page, sniffed", suite: one, blue: answers(200, "application/json", page), status: 1, reason: `answers with an HTML page`},
		proof{name: "both a maintenance page", suite: one, blue: answers(503, "text/html", "<html><body>Back soon</body></html>"), status: 1, reason: `answers with an HTML page|expected status 2xx, got 503`},
		proof{name: "both an empty body", suite: one, blue: answers(200, "application/json", ""), status: 1, reason: `blue: expected an API answer, got an empty body`},
		proof{name: "both an error in a 200", suite: one, blue: says(`{"error":{"code":500,"message":"oops"}}`), status: 1, reason: `blue: expected an API answer, got an error in the body`},
		proof{name: "both success false in a 200", suite: one, blue: says(`{"success":false,"data":null}`), status: 1, reason: `blue: expected an API answer, got an error in the body: success false`},
		proof{name: "both time out", suite: "suite: one\ncases:\n  - {case: item, get: /item, timeout: 300ms}\n", blue: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, status: 3, reason: `blue: .*timeout`},
		proof{name: "both hang up", suite: one, blue: hijack(""), status: 3, reason: `blue: `},
		proof{
			name: "token expires half way", status: 1, reason: `expected status 2xx, got 401`, blue: expired(), green: expired(), args: []string{"--concurrency", "1"},
			suite: "suite: one\ncases:\n  - {case: a, get: /a}\n  - {case: b, get: /b}\n  - {case: c, get: /c}\n  - {case: d, get: /d}\n  - {case: e, get: /e}\n",
		},
		proof{name: "both cut at the same limit, length promised", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" + `{"a":1,"b":[`), status: 3, reason: `blue: .*(truncated|length|cut|EOF|incomplete)`},
		proof{name: "both cut at the same limit, length true", suite: one, blue: says(`{"a":1,"b":[1,2`), status: 1, reason: `\$ invalid, invalid: the body ends where`},
		proof{name: "both chunked without the last chunk", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n" + `{"a":1}` + "\r\n"), status: 3, reason: `blue: .*(truncated|chunk|cut|EOF|incomplete)`},
		proof{name: "both without length and cut", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nline one\nline tw"), status: 4, reason: `the body ended with the connection, and nothing says that it is whole`},
		proof{name: "both larger than the limit", suite: one, blue: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			row := `{"a":"` + strings.Repeat("x", 1<<16) + `"},`
			_, _ = io.WriteString(w, "[")
			for range 1200 {
				if _, err := io.WriteString(w, row); err != nil {
					return
				}
			}
		}, status: 3, reason: `blue: .*(limit|large)`},
	)
	prove(t, "both_fail_alike", rows)
	t.Run("both_fail_alike/both refused", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		e.bgverify("run", "suite.yaml", "--blue", closedPort(t), "--green", closedPort(t)).ends(3, `refused`, "")
	})
}

// closedPort is an address at which nobody listens: the port is bound, so that
// nobody else gets it, and never listened on.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}
