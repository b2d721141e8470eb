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
	wantsJSON := "suite: one\ncases:\n  - {case: item, get: /item, expect: {headers: {content-type: {contains: json}}}}\n"
	noError := "suite: one\ncases:\n  - {case: item, get: /item, expect: {text: {not: {contains: error}, count: {lt: 1000}}}}\n"
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
		proof{name: "both success false in a 200", suite: one, blue: says(`{"success":false,"data":null}`), status: 1, reason: `blue: expected an API answer, got an error in the body: \$\.success false; if it is right, write expect: .* or answer: `},
		proof{name: "both null", suite: one, blue: says("null\n"), status: 1, reason: `blue: expected an API answer, got an empty body: null`},
		proof{name: "both white space", suite: one, blue: answers(200, "text/plain", " \r\n"), status: 1, reason: `blue: expected an API answer, got an empty body`},
		proof{name: "both status error in a 200", suite: one, blue: says(`{"status":"error","message":"oops"}`), status: 1, reason: `an error in the body: \$\.status "error"`},
		proof{name: "both an error code in a 200", suite: one, blue: says(`{"code":50301,"message":"try later","data":null}`), status: 1, reason: `an error in the body: \$\.code 50301`},
		proof{name: "both a problem in a 200", suite: one, blue: answers(200, "application/problem+json", `{"title":"oops"}`), status: 1, reason: `an error in the body: declared as application/problem`},
		proof{name: "both a SOAP fault in a 200", suite: one, blue: answers(200, "text/xml", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>`), status: 1, reason: `an error in the body: \$\.Envelope\[0\]\.Body\[0\]\.Fault\[0\]`},
		proof{name: "both a code of failure below header", suite: one, blue: says(`{"response":{"header":{"resultCode":"30","resultMsg":"not registered"}}}`), status: 1, reason: `an error in the body: \$\.response\.header\.resultCode "30"`},
		proof{name: "both a failure in a batch", suite: one, blue: says(`[{"data":{"a":1}},{"errors":[{"message":"x"}],"data":null}]`), status: 1, reason: `an error in the body: \$\[1\]\.errors`},
		proof{name: "both a failure in a line", suite: one, blue: answers(200, "application/x-ndjson", "{\"id\":1}\n{\"error\":\"aborted\"}\n"), status: 1, reason: `an error in the body: \$\[1\]\.error "aborted"`},
		proof{name: "both a failure in a part", suite: one, blue: answers(200, "multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n{\"error\":\"x\"}\r\n--b--\r\n"), status: 1, reason: `an error in the body: a part: \$\.error "x"`},
		proof{name: "both an error in XML", suite: one, blue: answers(200, "application/xml", `<error><code>500</code></error>`), status: 1, reason: `an error in the body: \$\.error\[0\]`},
		proof{name: "both what a proxy writes", suite: one, blue: answers(200, "text/plain", "no healthy upstream"), status: 1, reason: `an error in the body: "no healthy upstream"`},
		proof{name: "both grpc-status 13 in a header", suite: one, blue: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Grpc-Status", "13")
			answers(200, "application/grpc", "\x00\x00\x00\x00\x00")(w, r)
		}, status: 1, reason: `an error in the body: grpc-status 13 \(INTERNAL\)`},
		proof{name: "both grpc-status 13 in a trailer", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTrailer: grpc-status\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\x00\x00\x00\x00\x00\r\n0\r\ngrpc-status: 13\r\n\r\n"), status: 1, reason: `an error in the body: grpc-status 13 \(INTERNAL\)`},
		proof{name: "both grpc-status 14 in a frame", suite: one, blue: answers(200, "application/grpc-web+proto", "\x80\x00\x00\x00\x10grpc-status: 14\r\n"), status: 1, reason: `an error in the body: grpc-status 14 \(UNAVAILABLE\)`},
		proof{name: "both an error, where little is expected of the body", suite: "suite: one\ncases:\n  - {case: item, get: /item, expect: {body: {\"$.message\": {exists: true}}}}\n", blue: says(`{"code":"E1","message":"oops"}`), status: 1, reason: `an error in the body: \$\.code "E1"`},
		proof{name: "both another code than the suite's answer", suite: "suite: one\nanswer: {ok: {\"$.rc\": 7}}\ncases:\n  - {case: item, get: /item}\n", blue: says(`{"rc":0,"items":[1]}`), status: 1, reason: `an error in the body: \$\.rc 0`},
		proof{name: "both {}", suite: one, blue: says(`{}`), status: 4, reason: `blue: the answer is empty: {}; if that is right, write expect: {body: {\$: {count: 0}}}`},
		proof{name: "both []", suite: one, blue: says(`[]`), status: 4, reason: `blue: the answer is empty: \[\]`},
		proof{name: "both no data", suite: one, blue: says(`{"data":null}`), status: 4, reason: `blue: the answer is empty: {"data":null}`},
		proof{name: "both the login page, behind an XML declaration", suite: one, blue: answers(200, "application/xml", `<?xml version="1.0"?><!-- v2 --><!DOCTYPE html>`+"<html><body/></html>"), status: 1, reason: `answers with an HTML page`},
		proof{name: "both the login page, in pieces", suite: one, blue: answers(200, "text/plain", `<div class="login">Sign in</div>`), status: 1, reason: `answers with an HTML page`},
		proof{name: "both an error where JSON is expected", suite: wantsJSON, blue: says(`{"error":"oops"}`), status: 1, reason: `an error in the body: \$\.error "oops"`},
		proof{name: "both nothing where JSON is expected", suite: wantsJSON, blue: says(""), status: 1, reason: `blue: expected an API answer, got an empty body`},
		proof{name: "both the login page where JSON is expected", suite: wantsJSON, blue: says(page), status: 1, reason: `answers with an HTML page`},
		proof{name: "both the login page, of whose text little is asked", suite: noError, blue: answers(200, "text/html", page), status: 1, reason: `answers with an HTML page`},
		proof{name: "both nothing, of whose text little is asked", suite: noError, blue: says(""), status: 1, reason: `blue: expected an API answer, got an empty body`},
		proof{name: "both a part that nobody asked for", suite: one, blue: answers(206, "application/json", `{"a":1}`), status: 1, reason: `a part \(206\) of what was asked for whole`},
		proof{name: "both a number without length, cut", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n12"), status: 4, reason: `nothing says that it is whole`},
		proof{name: "both time out", suite: "suite: one\ncases:\n  - {case: item, get: /item, timeout: 300ms}\n", blue: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, status: 3, reason: `blue: .*timeout`},
		proof{name: "both hang up", suite: one, blue: hijack(""), status: 3, reason: `blue: `},
		proof{
			name: "token expires half way", status: 1, reason: `expected status 2xx, got 401`, blue: expired(), green: expired(), args: []string{"--concurrency", "1"},
			suite: "suite: one\ncases:\n  - {case: a, get: /a}\n  - {case: b, get: /b}\n  - {case: c, get: /c}\n  - {case: d, get: /d}\n  - {case: e, get: /e}\n",
		},
		proof{name: "both cut at the same limit, length promised", suite: one, blue: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" + `{"a":1,"b":[`), status: 3, reason: `blue: .*(truncated|length|cut|EOF|incomplete)`},
		proof{name: "both cut at the same limit, length true", suite: one, blue: says(`{"a":1,"b":[1,2`), status: 1, reason: `\$ invalid: the body ends where`},
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
