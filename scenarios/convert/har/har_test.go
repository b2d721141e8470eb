package har

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// harOf writes a recording of entries.
func harOf(entries ...string) string {
	return `{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[` + strings.Join(entries, ",\n") + `]}}`
}

// harCall is one entry; more goes into the request, answer into the response.
func harCall(method, url, more string, status int, mime, body string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"request":{"method":%q,"url":%q%s},"response":{"status":%d,"content":{"mimeType":%q,"text":%s}}}`, method, url, more, status, mime, converttest.QuoteJSON(body))
}

func importHAR(t testing.TB, text string, opts Options) *model.Result {
	t.Helper()
	r, err := Convert(source.Input{Files: fstest.MapFS{"x.har": {Data: []byte(text)}}, Name: "x.har"}, opts)
	if err != nil {
		t.Fatalf("import: %v\n%s", err, text)
	}
	return r
}

// shape is the cases of an import in lines: what is sent, captured and expected.
func shape(r *model.Result) string {
	var b strings.Builder
	for _, c := range r.Tree.Suites[0].Cases {
		fmt.Fprintf(&b, "%s\n", c.ID)
		for _, s := range c.Steps {
			fmt.Fprintf(&b, "  %s %s", s.Method, s.URL)
			for _, q := range s.Query {
				fmt.Fprintf(&b, " ?%s=%s", q.Name, q.Text)
			}
			for _, h := range s.Headers {
				fmt.Fprintf(&b, " %s:%s", h.Name, h.Text)
			}
			for _, k := range s.Cookies {
				fmt.Fprintf(&b, " cookie:%s=%s", k.Name, k.Text)
			}
			if s.Auth != nil {
				fmt.Fprintf(&b, " auth:%s", s.Auth.User+s.Auth.Token+s.Auth.Value)
			}
			for _, x := range s.Captures {
				fmt.Fprintf(&b, " %s<-%s", x.Name, x.At)
			}
			b.WriteString("\n")
		}
		if c.Skip != "" {
			fmt.Fprintf(&b, "  skip: %s\n", c.Skip)
		}
	}
	return b.String()
}

const aToken = "eyJhbGciOiJI.eyJzdWIiOiI0.c2lnbmF0dXJl"

func TestHARCases(t *testing.T) {
	bearer := func(token string) string {
		return `"headers":[{"name":"Authorization","value":"Bearer ` + token + `"}]`
	}
	signIn := harCall("POST", "https://h/session", `"postData":{"mimeType":"application/json","text":"{\"user\":\"kim\"}"}`, 200, "application/json", `{"token":"`+aToken+`","user":{"id":1234567,"no":"ORD-90817263"}}`)
	setCookie := `{"request":{"method":"GET","url":"https://h/start"},"response":{"status":200,"headers":[{"name":"Set-Cookie","value":"sid=s-123; Path=/\nlang=ko"}],"content":{"mimeType":"application/json","text":"{}"}}}`
	cookies := func(text string) string { return `"headers":[{"name":"cookie","value":"` + text + `"}]` }
	tests := []struct {
		name, reason string
		entries      []string
		opts         Options
		want         string
	}{
		{"alone", "a case each", []string{harCall("GET", "https://h/v1/a?x=1&y=a%3Ab", "", 200, "application/json", "{}"), harCall("GET", "https://h/v1/b", "", 404, "application/json", "{}")}, Options{}, "get-v1-a\n  GET /v1/a?x=1&y=a%3Ab\nget-v1-b\n  GET /v1/b\n"},
		{"token", "captured where it came from", []string{signIn, harCall("GET", "https://h/me", bearer(aToken), 200, "application/json", "{}")}, Options{}, "post-session\n  POST /session token<-$.token\n  GET /me auth:{{token}}\n"},
		{"path, query and header", "whole segments and values", []string{signIn, harCall("GET", "https://h/orders/ORD-90817263/x?user=1234567&z=12345678", `"headers":[{"name":"X-Order","value":"no ORD-90817263."}]`, 200, "application/json", "{}")}, Options{}, "post-session\n  POST /session user_no<-$.user.no user_id<-$.user.id\n  GET /orders/{{user_no}}/x ?user={{user_id}} ?z=12345678 X-Order:no {{user_no}}.\n"},
		{"unrelated", "stays a case of its own between", []string{signIn, harCall("GET", "https://h/other", "", 200, "application/json", "{}"), harCall("GET", "https://h/me", bearer(aToken), 200, "application/json", "{}")}, Options{}, "post-session\n  POST /session token<-$.token\n  GET /me auth:{{token}}\nget-other\n  GET /other\n"},
		{"token from elsewhere", "is read from the environment", []string{harCall("GET", "https://h/me", bearer(aToken), 200, "application/json", "{}")}, Options{}, "get-me\n  GET /me auth:{{env.TOKEN}}\n"},
		{"known before", "an echo is no source", []string{harCall("GET", "https://h/a?id=ORD-90817263", "", 200, "application/json", `{"no":"ORD-90817263"}`), harCall("GET", "https://h/b?id=ORD-90817263", "", 200, "application/json", "{}")}, Options{}, "get-a\n  GET /a ?id=ORD-90817263\nget-b\n  GET /b ?id=ORD-90817263\n"},
		{"words and dates", "are not drawn", []string{harCall("GET", "https://h/a", "", 200, "application/json", `{"a":"2026-01-01T00:00:00Z","b":"channels","c":"application/json","d":"1.2.3.4567","n":1234}`), harCall("GET", "https://h/channels/1234?d=2026-01-01T00:00:00Z&v=1.2.3.4567", "", 200, "application/json", "{}")}, Options{}, "get-a\n  GET /a\nget-channels-id\n  GET /channels/1234 ?d=2026-01-01T00:00:00Z ?v=1.2.3.4567\n"},
		{"address", "a whole address from an answer", []string{harCall("GET", "https://h/play", "", 200, "application/json", `{"playlistUrl":"https://cdn.h/a/1.m3u8?k=2"}`), harCall("GET", "https://cdn.h/a/1.m3u8?k=2", "", 200, "application/vnd.apple.mpegurl", "#EXTM3U")}, Options{}, "get-play\n  GET /play playlistUrl<-$.playlistUrl\n  GET {{playlistUrl}}\n"},
		{"cookie of an answer", "is left to the jar, in one case", []string{setCookie, harCall("GET", "https://h/a", cookies("sid=s-123; other=9"), 200, "application/json", "{}")}, Options{}, "get-start\n  GET /start\n  GET /a cookie:other={{env.COOKIE_OTHER}}\n"},
		{"cookie with another value", "comes from outside", []string{setCookie, harCall("GET", "https://h/a", cookies("sid=old-one; _ga=1.2"), 200, "application/json", "{}")}, Options{}, "get-start\n  GET /start\nget-a\n  GET /a cookie:sid={{env.COOKIE_SID}}\n"},
		{"volatile", "is dropped", []string{harCall("GET", "https://h/a", `"headers":[{"name":":path","value":"/a"},{"name":"sec-ch-ua","value":"x"},{"name":"User-Agent","value":"Mozilla/5.0"},{"name":"Referer","value":"https://h/"},{"name":"X-Device","value":"STB"},{"name":"traceparent","value":"00"}]`, 200, "application/json", "{}"), harCall("GET", "https://h/b", `"headers":[{"name":"User-Agent","value":"stb/2"}]`, 200, "application/json", "{}")}, Options{}, "get-a\n  GET /a X-Device:STB\nget-b\n  GET /b User-Agent:stb/2\n"},
		{"sent again", "stands once", []string{harCall("GET", "https://h/a", "", 200, "application/json", "{}"), harCall("GET", "https://h/a", "", 200, "application/json", "{}")}, Options{}, "get-a\n  GET /a\n"},
		{"sent again after a write", "stands twice", []string{harCall("GET", "https://h/a", "", 200, "application/json", "{}"), harCall("DELETE", "https://h/a", "", 204, "", ""), harCall("GET", "https://h/a", "", 200, "application/json", "{}")}, Options{}, "get-a\n  GET /a\ndelete-a\n  DELETE /a\nget-a-2\n  GET /a\n"},
		{"types", "only calls of APIs", []string{harCall("GET", "https://h/", "", 200, "text/html", "<p>"), harCall("GET", "https://h/x.png", "", 200, "image/png", ""), harCall("GET", "https://h/x.js", "", 200, "application/javascript", ""), harCall("OPTIONS", "https://h/a", `"headers":[{"name":"Access-Control-Request-Method","value":"GET"}]`, 204, "", ""), harCall("GET", "https://h/a", "", 200, "application/json", "{}"), harCall("GET", "https://h/seg.ts", "", 200, "video/mp2t", "")}, Options{}, "get-a\n  GET /a\n"},
		{"all types", "as asked", []string{harCall("GET", "https://h/", "", 200, "text/html", "<p>"), harCall("GET", "https://h/x.png", "", 200, "image/png", "")}, Options{All: true}, "get-root\n  GET /\nget-x-png\n  GET /x.png\n"},
		{"hosts", "by glob, with or without port", []string{harCall("GET", "https://api.h/a", "", 200, "application/json", "{}"), harCall("GET", "https://api.h:8443/b", "", 200, "application/json", "{}"), harCall("GET", "https://ads.x/c", "", 200, "application/json", "{}")}, Options{Hosts: []string{"*.H"}}, "get-a\n  GET /a\nget-b\n  GET /b\n"},
		{"no answer", "is left out", []string{harCall("GET", "https://h/a", "", 0, "", ""), harCall("GET", "https://h/b", "", 200, "application/json", "{}"), `{"request":{"method":"GET","url":"wss://h/s"}}`}, Options{}, "get-b\n  GET /b\n"},
		{"file of a part", "is not in recordings", []string{harCall("POST", "https://h/up", `"postData":{"mimeType":"multipart/form-data; boundary=x","text":"--x\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nhello\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\r\n--x--\r\n"}`, 200, "application/json", "{}")}, Options{}, "post-up\n  POST /up\n  skip: the file a.png is not in the recording\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := importHAR(t, harOf(tt.entries...), tt.opts)
			_, text := converttest.Load(t, write.Files(&r.Tree))
			if d := cmp.Diff(tt.want, shape(r)); d != "" {
				t.Errorf("%s (%s) (-want +got)\n%s\n%s", tt.name, tt.reason, d, text)
			}
		})
	}
}

// Bodies are read from text, base64 and params, and values of answers are in
// them as captures of their own type.
func TestHARBodies(t *testing.T) {
	first := harCall("GET", "https://h/a", "", 200, "application/json", `{"list":[{"orderId":9081726354,"key":"AbC-12345678","text":"5551234567"}]}`)
	for _, tt := range []struct{ name, post, want string }{
		{"json", `{"mimeType":"application/json","text":"{\"id\": 9081726354, \"k\":\"AbC-12345678\", \"password\":\"hunter22\"}"}`, `{"id":<orderId>,"k":"<list_key>","password":"<PASSWORD>"}`},
		{"types", `{"mimeType":"application/json","text":"{\"id\":\"9081726354\",\"n\":5551234567,\"s\":\"5551234567\"}"}`, `{"id":"<orderId>","n":5551234567,"s":"<text>"}`},
		{"form", `{"mimeType":"application/x-www-form-urlencoded","text":"k=AbC-12345678&a=x%20y"}`, "k=%3Clist_key%3E&a=x+y"},
		{"params", `{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"k","value":"AbC-12345678"},{"name":"a b","value":"c&d"}]}`, "k=%3Clist_key%3E&a+b=c%26d"},
		{"text", `{"mimeType":"text/plain","text":"k=AbC-12345678;"}`, "k=<list_key>;"},
		{"base64", `{"mimeType":"application/octet-stream","encoding":"base64","text":"AAH/"}`, "\x00\x01\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := importHAR(t, harOf(first, harCall("POST", "https://h/b", `"postData":`+tt.post, 200, "application/json", "{}")), Options{})
			suites, text := converttest.Load(t, write.Files(&r.Tree))
			steps := suites[0].Cases[len(suites[0].Cases)-1].Steps
			out, err := steps[len(steps)-1].Render(capturedScope{})
			if err != nil {
				t.Fatal(err)
			}
			if string(out.Body) != tt.want {
				t.Errorf("body %q, want %q\n%s", out.Body, tt.want, text)
			}
		})
	}
}

// capturedScope answers captures of numbers as such.
type capturedScope struct{ converttest.EnvScope }

func (s capturedScope) Lookup(name string) (scenarios.Value, bool, error) {
	if strings.HasPrefix(name, "env.") {
		return s.EnvScope.Lookup(name)
	}
	out := scenarios.Value{Text: "<" + name + ">", JSON: `"<` + name + `>"`}
	if name == "orderId" {
		out.JSON = out.Text
	}
	return out, true, nil
}

func TestHARExpectations(t *testing.T) {
	entries := harOf(
		harCall("GET", "https://h/a", "", 200, "application/json; charset=utf-8", `{"x":1}`),
		harCall("GET", "https://h/b", "", 304, "application/json", `{"x":1}`),
		harCall("GET", "https://h/c", "", 200, "application/json", `{"accessToken":"abcdefgh"}`),
		`{"request":{"method":"GET","url":"https://h/d"},"response":{"status":201,"content":{"mimeType":"application/xml","encoding":"base64","text":"`+base64.StdEncoding.EncodeToString([]byte("<a/>"))+`"}}}`,
	)
	r := importHAR(t, entries, Options{Snapshots: true})
	_, text := converttest.Load(t, write.Files(&r.Tree))
	for _, want := range []string{
		"get: /a\n    expect:\n      status: 200\n      headers: {content-type: {contains: application/json}}\n      snapshot: snapshots/get-a.json\n",
		"get: /b\n\n", "expect: {status: 201, headers: {content-type: {contains: application/xml}}, snapshot: snapshots/get-d.xml}",
		"-- snapshots/get-d.xml --\n<a/>", "# not converted: snapshot: $.accessToken",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "abcdefgh") {
		t.Errorf("a secret was written\n%s", text)
	}
}

// What the format demands is demanded with its path and byte.
func TestHARRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", `{"log":`, "$.log: the file ends where a value is expected (byte 7)"},
		{"no log", `{"entries":[]}`, "$: has no log (byte 0)"},
		{"a list", `[]`, "$: must be an object, not a list (byte 0)"},
		{"no entries", `{"log": {"version":"1.2"}}`, "$.log: has no entries (byte 8)"},
		{"version", `{"log":{"version":"2.0","entries":[]}}`, "$.log.version: version 2.0 is not known, 1.1 and 1.2 are (byte 18)"},
		{"no url", harOf(`{"request":{"method":"GET"}}`), "$.log.entries[0].request: has no url (byte 83)"},
		{"url", harOf(`{"request":{"method":"GET","url":5}}`), "$.log.entries[0].request.url: must be text, not a number (byte 105)"},
		{"headers", harOf(`{"request":{"method":"GET","url":"http://h/","headers":[{"value":"x"}]}}`), "$.log.entries[0].request.headers[0]: has no name (byte 128)"},
		{"nothing", harOf(), "the recording has no entries"},
		{"nothing taken", harOf(harCall("GET", "https://h/x.png", "", 200, "image/png", "")), "none of 1 entries is taken; left out: images (1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Convert(source.Input{Files: fstest.MapFS{"x.har": {Data: []byte(tt.text)}}, Name: "x.har"}, Options{})
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// Wherever a secret stands, it is in no file that is written.
func TestHARWritesNoSecret(t *testing.T) {
	const secret = "Hunter22Hunter22"
	header := func(name, value string) string {
		return fmt.Sprintf(`"headers":[{"name":%q,"value":%q}]`, name, value)
	}
	for _, more := range []string{
		header("Authorization", "Bearer "+secret), header("Authorization", secret), header("X-Csrf-Token", secret), header("Cookie", "a="+secret+"; b=1"),
		`"cookies":[{"name":"a","value":"` + secret + `"}]`, `"postData":{"mimeType":"application/json","text":"{\"a\":{\"password\":\"` + secret + `\"}}"}`,
		`"postData":{"mimeType":"application/x-www-form-urlencoded","text":"password=` + secret + `&a"}`, `"postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"token","value":"` + secret + `"}]}`,
		`"postData":{"mimeType":"multipart/form-data","params":[{"name":"secret","value":"` + secret + `"}]}`,
	} {
		for _, url := range []string{"https://h/a", "https://h/a?access_token=" + secret, "https://h/a?x&access_token=" + secret, "https://kim:" + secret + "@h/a"} {
			r := importHAR(t, harOf(harCall("POST", url, more, 200, "application/json", `{"sessionToken":"`+secret+`"}`)), Options{Snapshots: true})
			if _, text := converttest.Load(t, write.Files(&r.Tree)); strings.Contains(text, secret) {
				t.Errorf("%s %s\nis written as\n%s", url, more, text)
			}
		}
	}
}

func FuzzHAR(f *testing.F) {
	f.Add(harOf(harCall("POST", "https://h/session?a=%00&b", `"cookies":[{"name":"a","value":"b"}],"postData":{"mimeType":"application/json","text":"{\"a\":1}"}`, 200, "application/json", `{"token":"`+aToken+`","u":"https://h/x?a=Ab-12345678","n":1234567}`), harCall("GET", "https://h/x/1234567?t="+aToken, `"headers":[{"name":"Authorization","value":"Bearer `+aToken+`"},{"name":"cookie","value":"a=b; c"}]`, 200, "text/plain", "[]"), harCall("GET", "https://h/x?a=Ab-12345678", "", 404, "", "")))
	f.Add(harOf(harCall("PUT", "http://[::1]:80//a", `"postData":{"mimeType":"multipart/form-data; boundary=x","text":"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nq\r\n--x--","params":[{"name":"a","value":"b","fileName":"c","contentType":"d"}]}`, 304, "a/b", "x")))
	f.Add(`{"log":{"entries":[{"request":{"method":"a b","url":"://"}},{"startedDateTime":"2026-01-01T00:00:00Z","_resourceType":"xhr","request":{"method":"GET","url":"http://h/\u0000"}}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8192 {
			return
		}
		fsys := fstest.MapFS{"x.har": {Data: []byte(text)}}
		for _, opts := range []Options{{}, {All: true, Snapshots: true}} {
			converttest.CheckImport(t, write.Files, func() (*model.Result, error) { return Convert(source.Input{Files: fsys, Name: "x.har"}, opts) })
		}
	})
}

// TestHARWithFaults: an answer that cannot be read costs no request, and neither does a
// body that is not the base64 that it is said to be; each is listed.
func TestHARWithFaults(t *testing.T) {
	good := harCall("GET", "https://h/ok", "", 200, "application/json", `{"ok":1}`)
	bad := func(answer string) string {
		return `{"request":{"method":"GET","url":"https://h/bad"},"response":` + answer + `}`
	}
	for _, tt := range []struct{ name, entry, line, listed string }{
		{"text that is not base64", bad(`{"status":200,"content":{"mimeType":"application/json","text":"{\"v\":1}","encoding":"base64"}}`), "get: /bad", "content.text: is not the base64 that encoding says; it is taken as text"},
		{"base64 without padding", bad(`{"status":200,"content":{"mimeType":"application/json","text":"eyJ2IjoxfQ","encoding":"base64"}}`), "get: /bad", ""},
		{"base64 of URLs", bad(`{"status":200,"content":{"mimeType":"text/plain","text":"_-8","encoding":"base64"}}`), "get: /bad", ""},
		{"headers that are none", bad(`{"status":200,"headers":[{"value":"x"}],"content":{"mimeType":"application/json"}}`), "get: /bad", "response.headers[0]: has no name"},
		{"text that is a number", bad(`{"status":200,"content":{"mimeType":"application/json","text":7}}`), "get: /bad", "content.text: must be text, not a number"},
		{"no status", bad(`{"status":"x"}`), "get: /ok", "response.status: must be a number, not text"},
		{"a body that is sent", `{"request":{"method":"POST","url":"https://h/bad","postData":{"mimeType":"application/json","text":"{\"a\":1}","encoding":"base64"}},"response":{"status":200,"content":{"mimeType":"application/json"}}}`, "json: {a: 1}", "postData.text — is not the base64 that encoding says"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := importHAR(t, harOf(tt.entry, good), Options{Snapshots: true})
			_, text := converttest.Load(t, write.Files(&r.Tree))
			if !strings.Contains(text, "get: /ok") || !strings.Contains(text, tt.line) {
				t.Errorf("want %q in\n%s", tt.line, text)
			}
			var report strings.Builder
			if err := r.Report.Write(&report); err != nil {
				t.Fatal(err)
			}
			if got := report.String(); !strings.Contains(got, tt.listed) || tt.listed == "" && strings.Contains(got, "base64") {
				t.Errorf("want %q in\n%s", tt.listed, got)
			}
		})
	}
}
