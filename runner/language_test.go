package runner

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// Every kind of body arrives on both sides as the same bytes, with its type.
func TestBodies(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("pixel.bin", "\x00\xff\x10").file("s.yaml", `
suite: s
vars: {title: '겨울 & <나그네> "1"'}
defaults: {side_effects: none}
cases:
  - case: c
    steps:
      - {step: json, post: /json, json: {title: "{{title}}", price: 1.50, list: [1, null, true, "{{$int: 5..5}}"]}}
      - {step: form, post: /form, form: {title: "{{title}}", tag: [a, b]}}
      - {step: xml, post: /xml, xml: "<q>{{title}}</q>"}
      - {step: text, post: /text, text: "t: {{title}}"}
      - {step: file, post: /file, file: pixel.bin, headers: {Content-Type: image/x-pixel}}
      - {step: base64, post: /base64, base64: AP8Q}
      - {step: graphql, post: /graphql, graphql: {query: "query($t: String) { vod(t: $t) { id } }", variables: {t: "{{title}}"}, operation: Vod}}
      - {step: multipart, post: /multipart, multipart: {title: "{{title}}", image: {file: pixel.bin, type: image/x-pixel}}}
`)
	want(t, r.run(), run.Pass)
	for _, tt := range []struct{ path, contentType, body string }{
		{"/json", "application/json", `{"title":"겨울 & <나그네> \"1\"","price":1.50,"list":[1,null,true,5]}`},
		{"/form", "application/x-www-form-urlencoded", "title=%EA%B2%A8%EC%9A%B8+%26+%3C%EB%82%98%EA%B7%B8%EB%84%A4%3E+%221%22&tag=a&tag=b"},
		{"/xml", "application/xml", "<q>겨울 &amp; &lt;나그네&gt; &quot;1&quot;</q>"},
		{"/text", "text/plain; charset=utf-8", `t: 겨울 & <나그네> "1"`},
		{"/file", "image/x-pixel", "\x00\xff\x10"},
		{"/base64", "application/octet-stream", "\x00\xff\x10"},
		{"/graphql", "application/json", `{"query":"query($t: String) { vod(t: $t) { id } }","operationName":"Vod","variables":{"t":"겨울 & <나그네> \"1\""}}`},
		{"/multipart", "multipart/form-data; boundary=", "Content-Disposition: form-data; name=\"image\"; filename=\"pixel.bin\"\r\nContent-Type: image/x-pixel\r\n\r\n\x00\xff\x10\r\n"},
	} {
		at := func(d *double) seen {
			i := slices.IndexFunc(d.seen, func(s seen) bool { return s.path == tt.path })
			return d.seen[i]
		}
		b, g := at(blue), at(green)
		if b.body != g.body || b.header.Get("Content-Type") != g.header.Get("Content-Type") {
			t.Errorf("%s: blue got %q, green %q", tt.path, b.body, g.body)
		}
		if got := b.header.Get("Content-Type"); !strings.HasPrefix(got, tt.contentType) {
			t.Errorf("%s: type %q, want %q", tt.path, got, tt.contentType)
		}
		if tt.path == "/multipart" && strings.Contains(b.body, tt.body) && strings.Contains(b.body, "name=\"title\"\r\n\r\n겨울 & <나그네> \"1\"\r\n") {
			continue
		}
		if b.body != tt.body {
			t.Errorf("%s: got\n%s, want\n%s", tt.path, b.body, tt.body)
		}
	}
}

// A case's jar is its own: cookies of one case are not sent by the next. Cookies
// of a step go beside them, and trace: off leaves out what bgverify adds.
func TestJarsAndTrace(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) {
		if r.path == "/set" {
			w.Header().Set("Set-Cookie", "sid=from-answer; Path=/")
		}
		ok(w, `{"cookie":%q,"traced":%t}`, r.header.Get("Cookie"), r.header.Get("traceparent") != "" || r.header.Get("X-Bgverify-Run") != "")
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: a-first
    steps:
      - {step: set, get: /set, expect: {cookies: {sid: from-answer}, body: {$.cookie: "", $.traced: true}}}
      - {step: carried, get: /x, cookies: {region: seoul}, expect: {body: {$.cookie: region=seoul; sid=from-answer}}}
      - {step: its own wins, get: /x, cookies: {sid: mine}, expect: {body: {$.cookie: sid=mine}}}
  - {case: b-second, get: /x, trace: "off", expect: {body: {$.cookie: "", $.traced: false}}}
`)
	r.options.Concurrency = 1
	want(t, r.run(), run.Pass)
}

// Smaller waves run first, whatever the files are called.
func TestWaves(t *testing.T) {
	var mu sync.Mutex
	var order []string
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		mu.Lock()
		defer mu.Unlock()
		if d.name == "blue" {
			order = append(order, r.path)
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green)
	for name, wave := range map[string]int{"a": 2, "b": 0, "c": 1} {
		r.file(name+".yaml", fmt.Sprintf("suite: %s\nwave: %d\ncases: [{case: c, get: /%s}]\n", name, wave, name))
	}
	r.options.Concurrency = 1
	want(t, r.run(), run.Pass)
	if got := strings.Join(order, " "); got != "/b /c /a" {
		t.Errorf("order %s", got)
	}
}

// Subset ignores additions, shape values; strict neither.
func TestModes(t *testing.T) {
	blue, green := jsonHandler(map[string]string{"/a": `{"v":1,"s":"x"}`}), jsonHandler(map[string]string{"/a": `{"v":1,"s":"x","more":true}`})
	other := jsonHandler(map[string]string{"/a": `{"v":2,"s":"y"}`})
	retyped := jsonHandler(map[string]string{"/a": `{"v":"1","s":"x"}`})
	for _, tt := range []struct {
		mode  string
		green http.Handler
		want  run.Verdict
	}{
		{"strict", green, run.Fail},
		{"subset", green, run.Pass},
		{"subset", other, run.Fail},
		{"shape", other, run.Pass},
		{"shape", retyped, run.Fail},
		{"shape", green, run.Fail},
	} {
		r := newRig(t, blue, tt.green).file("s.yaml", fmt.Sprintf("suite: s\ncases: [{case: a, get: /a, mode: %s}]\n", tt.mode))
		r.options.MaxMutants = -1
		if end := r.run(); end.Verdict != tt.want {
			t.Errorf("mode %s: %s, want %s: %v", tt.mode, end.Verdict, tt.want, end.Reasons)
		}
	}
}

// secure starts a TLS server that says what it was asked with, and writes its
// certificate and key, which serve as the client's as well.
func secure(t *testing.T, dir, name string, mutual bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		ok(w, `{"proto":%q,"client":%d,"host":%q}`, r.Proto, len(r.TLS.PeerCertificates), r.Host)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	if s.TLS = (&tls.Config{}); mutual {
		s.TLS.ClientAuth = tls.RequireAnyClientCert
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: s.Certificate().Raw}, name + ".key": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	return "https://example.com:" + port // a name of the certificate; resolve pins it
}

// TLS, client certificates, the version of HTTP and the pinned address are those
// that the file declares.
func TestSecureSides(t *testing.T) {
	for _, tt := range []struct {
		name, tls, expect string
		mutual            bool
		want              run.Verdict
		reason            string
	}{
		{"mutual, HTTP/2", `tls: {ca: x.pem, cert: x.pem, key: x.key}, http: "2"`, `$.proto: HTTP/2.0, $.client: 1`, true, run.Pass, ""},
		{"mutual, HTTP/1.1", `tls: {ca: x.pem, cert: x.pem, key: x.key}, http: "1.1"`, `$.proto: HTTP/1.1, $.client: 1`, true, run.Pass, ""},
		{"no client certificate", `tls: {ca: x.pem}`, `$.client: 1`, true, run.Broken, "asks for a client certificate"},
		{"an authority that nobody knows", `http: "1.1"`, `$.client: 0`, false, run.Broken, "certificate signed by unknown authority"},
		{"a name that it is not for", `tls: {ca: x.pem, server_name: other.example}`, `$.client: 0`, false, run.Broken, "not other.example"},
		{"unchecked", `tls: {insecure: true}`, `$.client: 0`, false, run.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			blue, green := secure(t, dir, "blue", tt.mutual), secure(t, dir, "green", tt.mutual)
			r := newRig(t, http.NotFoundHandler(), http.NotFoundHandler())
			r.noURLs = true
			r.change = func(p *Plan) { p.World.Root = dir }
			for _, file := range []string{"blue.pem", "blue.key", "green.pem", "green.key"} {
				data, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				r.file(file, string(data))
			}
			side := func(name, url string) string {
				return fmt.Sprintf("{url: %s, resolve: 127.0.0.1, %s}", url, strings.ReplaceAll(tt.tls, "x.", name+"."))
			}
			r.file("s.yaml", fmt.Sprintf("suite: s\nsides:\n  blue: %s\n  green: %s\nrules: [{at: $.host, do: ignore, why: ports}]\ncases: [{case: a, get: /a, expect: {body: {%s}}}]\n", side("blue", blue), side("green", green), tt.expect))
			want(t, r.run(), tt.want, tt.reason)
		})
	}
}

// h2c is spoken where it is declared, a proxy asked where it is declared, and a
// shared service may be one address.
func TestDeclaredTransports(t *testing.T) {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	start := func() string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			ok(w, `{"proto":%q}`, r.Proto)
		}))
		s.Config.Protocols = both
		s.Start()
		t.Cleanup(s.Close)
		return s.URL
	}
	var tunnelled atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		tunnelled.Add(1)
		r.Out.URL = r.In.URL
	}})
	t.Cleanup(proxy.Close)
	r := newRig(t, http.NotFoundHandler(), http.NotFoundHandler())
	r.noURLs = true
	r.file("h2c.yaml", fmt.Sprintf("suite: h2c\nsides: {blue: {url: %s, http: h2c}, green: {url: %s, http: h2c}}\ncases: [{case: a, get: /a, expect: {body: {$.proto: HTTP/2.0}}}]\n", start(), start()))
	r.file("proxy.yaml", fmt.Sprintf("suite: proxy\nsides: {blue: {url: %s, proxy: %s}, green: {url: %s, proxy: %s}}\ncases: [{case: a, get: /a}]\n", start(), proxy.URL, start(), proxy.URL))
	cdn := start()
	r.file("shared.yaml", fmt.Sprintf("suite: shared\nsides: {blue: {url: %s, services: {cdn: {url: %s, shared: true}}}, green: {url: %s, services: {cdn: {url: %s, shared: true}}}}\ncases: [{case: a, service: cdn, get: /a}, {case: b, get: /b}]\n", start(), cdn, start(), cdn))
	want(t, r.run(), run.Pass)
	if tunnelled.Load() < 2 {
		t.Errorf("%d requests went through the proxy", tunnelled.Load())
	}
}

// TestLackingCookiesAreNamed: a step that is asked who is there says which cookie its
// request lacked, unless the step sends that cookie itself; rediff says it too.
func TestLackingCookiesAreNamed(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) {
		switch {
		case r.path == "/in":
			w.Header().Set("Set-Cookie", "sid=from-answer; Path=/; Secure")
			ok(w, `{"in":true}`)
		case strings.Contains(r.header.Get("Cookie"), "sid="):
			ok(w, `{"me":1}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			ok(w, `{"message":"who?"}`)
		}
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: lacks
    steps: [{step: in, get: /in}, {step: me, get: /me}]
  - case: sends
    steps:
      - {step: in, get: /in, capture: {sid: {cookie: sid}}}
      - {step: me, get: /me, cookies: {sid: "{{sid}}"}}
`)
	end := r.run()
	want(t, end, run.Fail, "blue: the cookie sid was not sent: it is a Secure cookie, and the address is http", "green: the cookie sid was not sent")
	if v := r.sink.find(t, "s/sends").Verdict; v != run.Pass {
		t.Errorf("the case that sends the cookie itself: %v", v)
	}
}
