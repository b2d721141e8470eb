package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// sidesAt is a suite whose sides are written in the file.
func sidesAt(blue, green, rest string) string {
	return fmt.Sprintf("suite: one\nsides:\n  blue: {%s}\n  green: {%s}\n%scases:\n  - {case: item, get: /item}\n", blue, green, rest)
}

// Blue and green are one place, however it is spelled.
func TestEvidenceSamePlace(t *testing.T) {
	t.Parallel()
	at := func(spelling string) func(string) string {
		return func(real string) string { return strings.Replace(real, "127.0.0.1", spelling, 1) }
	}
	for _, row := range []struct {
		name        string
		blue, green func(real string) string
		status      int // 2: the spelling alone shows it; 3: the address does, before anything is sent
	}{
		{"literally", at("127.0.0.1"), at("127.0.0.1"), 2},
		{"upper case", at("localhost"), at("LOCALHOST"), 2},
		{"localhost and 127.0.0.1", at("127.0.0.1"), at("localhost"), 2},
		{"localhost and ::1", at("localhost"), at("[::1]"), 2},
		{"127.0.0.1 and ::1", at("127.0.0.1"), at("[::1]"), 2},
		{"trailing dot", at("localhost"), at("localhost."), 2},
		{"trailing slash", at("127.0.0.1"), func(real string) string { return real + "/" }, 2},
		{"mapped address", at("127.0.0.1"), at("[::ffff:127.0.0.1]"), 3},
		{"unspecified address", at("127.0.0.1"), at("0.0.0.0"), 3},
		{"default port", func(string) string { return "http://api.invalid" }, func(string) string { return "http://api.invalid:80" }, 2},
		{"default port of https", func(string) string { return "https://api.invalid" }, func(string) string { return "https://api.invalid:443" }, 2},
	} {
		t.Run("wrong_thing_tested/same address/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", one)
			real := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("nothing may be sent, but somebody asks for %s", r.URL)
			})
			e.bgverify("run", "suite.yaml", "--blue", row.blue(real), "--green", row.green(real)).ends(row.status, `same address`, "")
		})
	}
}

// An ingress is one address for both clusters. backends answer by Host.
func ingress(t *testing.T, backends map[string]http.HandlerFunc) (port string) {
	t.Helper()
	u, err := url.Parse(serve(t, func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if h := backends[host]; h != nil {
			h(w, r)
			return
		}
		http.Error(w, "no such host", http.StatusMisdirectedRequest)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// cluster answers /version with its name and everything else with body.
func clusterOf(name, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			says(`{"cluster":"`+name+`","commit":"c0ffee"}`)(w, r)
			return
		}
		says(body)(w, r)
	}
}

func TestEvidenceSharedIngress(t *testing.T) {
	t.Parallel()
	differ := "identity: [{get: /version, at: $.cluster, must: differ, samples: 4}]\n"
	for _, row := range []struct {
		name        string
		blue, green string // YAML of the sides; PORT is the ingress's
		identity    string
		backends    map[string]http.HandlerFunc
		status      int
		reason      string
	}{
		{
			"same IP, port, Host", "url: 'http://blue.invalid:PORT', resolve: 127.0.0.1, host: api.example", "url: 'http://green.invalid:PORT', resolve: 127.0.0.1, host: api.example",
			"",
			map[string]http.HandlerFunc{"api.example": says(`{"a":1}`)},
			3, `are the same place: .* as host "api\.example"`,
		},
		{
			"same IP, port, Host, identity or not", "url: 'http://blue.invalid:PORT', resolve: 127.0.0.1, host: api.example", "url: 'http://green.invalid:PORT', resolve: 127.0.0.1, host: api.example",
			differ,
			map[string]http.HandlerFunc{"api.example": clusterOf("b", `{"a":1}`)},
			3, `are the same place`,
		},
		{
			"other Host, no identity", "url: 'http://blue.invalid:PORT', resolve: 127.0.0.1", "url: 'http://green.invalid:PORT', resolve: 127.0.0.1",
			"",
			map[string]http.HandlerFunc{"blue.invalid": says(`{"a":1}`), "green.invalid": says(`{"a":1}`)},
			3, `share .* add an identity that must differ`,
		},
		{
			"other Host, one cluster behind it", "url: 'http://blue.invalid:PORT', resolve: 127.0.0.1", "url: 'http://green.invalid:PORT', resolve: 127.0.0.1",
			differ,
			map[string]http.HandlerFunc{"blue.invalid": clusterOf("b", `{"a":1}`), "green.invalid": clusterOf("b", `{"a":1}`)},
			3, `must differ, but both sides are "b"`,
		},
	} {
		t.Run("wrong_thing_tested/shared ingress/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			port := ingress(t, row.backends)
			e.file("suite.yaml", strings.ReplaceAll(sidesAt(row.blue, row.green, row.identity), "PORT", port))
			e.bgverify("run", "suite.yaml").ends(row.status, row.reason, "")
		})
	}
}

// An ingress that decides once per connection where it leads, by the first Host:
// were green to ride on a connection of blue's, it would be blue.
func TestEvidenceOneTransport(t *testing.T) {
	t.Parallel()
	t.Run("wrong_thing_tested/one transport for both sides", func(t *testing.T) {
		t.Parallel()
		backends := map[string]http.HandlerFunc{"blue.invalid": clusterOf("b", `{"a":1}`), "green.invalid": clusterOf("g", `{"a":2}`)}
		var mixed atomic.Int64
		key := new(int)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.Host)
			first := r.Context().Value(key).(*atomic.Value)
			if !first.CompareAndSwap(nil, host) && first.Load() != host {
				mixed.Add(1)
			}
			if h := backends[first.Load().(string)]; h != nil {
				h(w, r)
			}
		}))
		server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, key, new(atomic.Value))
		}
		server.Start()
		t.Cleanup(server.Close)
		e := newEvidence(t)
		u, _ := url.Parse(server.URL)
		var suite strings.Builder
		suite.WriteString(sidesAt("url: 'http://blue.invalid:PORT', resolve: 127.0.0.1", "url: 'http://green.invalid:PORT', resolve: 127.0.0.1",
			"identity: [{get: /version, at: $.cluster, must: differ}]\n"))
		for i := range 20 {
			suite.WriteString(fmt.Sprintf("  - {case: again-%d, get: /item/%d}\n", i, i))
		}
		e.file("suite.yaml", strings.ReplaceAll(suite.String(), "PORT", u.Port()))
		r := e.bgverify("run", "suite.yaml")
		r.ends(1, `\$\.a changed.*: 21 differences in 21 cases`, "")
		if n := mixed.Load(); n > 0 {
			t.Errorf("%d requests went out on a connection of the other side", n)
		}
	})
}

func TestEvidenceProxy(t *testing.T) {
	t.Parallel()
	t.Run("wrong_thing_tested/proxy from the environment", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		blue, green := serve(t, says(`{"a":1}`)), serve(t, says(`{"a":2}`))
		var asked atomic.Int64
		proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			says(`{"a":"from the proxy"}`)(w, r)
		})
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
			e.env = append(e.env, name+"="+proxy)
		}
		// Not 127.0.0.1: Go itself takes no proxy for that.
		pin := func(name, real string) string {
			return fmt.Sprintf("url: 'http://%s.invalid', resolve: '%s'", name, strings.TrimPrefix(real, "http://"))
		}
		e.file("suite.yaml", sidesAt(pin("blue", blue), pin("green", green), ""))
		e.bgverify("run", "suite.yaml").ends(1, `\$\.a changed`, "")
		if n := asked.Load(); n > 0 {
			t.Errorf("%d requests went to the proxy of the environment", n)
		}
	})
}

func TestEvidenceWrongThing(t *testing.T) {
	t.Parallel()
	identity := func(text string) string {
		return "suite: one\nidentity:\n  - {" + text + "}\ncases:\n  - {case: item, get: /item}\n"
	}
	is := func(commit, cluster string) http.HandlerFunc {
		return routes(map[string]http.HandlerFunc{
			"/version": says(`{"commit":"` + commit + `","cluster":"` + cluster + `"}`), "/item": says(`{"a":1}`),
		})
	}
	// becomes is one build for the first n requests and another from then on.
	becomes := func(n int64) http.HandlerFunc {
		var asked atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			commit := "c1"
			if r.URL.Path == "/version" && asked.Add(1) > n {
				commit = "c2"
			}
			is(commit, "g")(w, r)
		}
	}
	// every nth connection leads to a pod of the old build.
	podsOf := func(n int64) http.HandlerFunc {
		var asked atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			commit := "c2"
			if r.URL.Path == "/version" && asked.Add(1)%n == 0 {
				commit = "c1"
			}
			is(commit, "g")(w, r)
		}
	}
	cached := func(headers map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for name, v := range headers {
				w.Header().Set(name, v)
			}
			says(`{"a":1}`)(w, r)
		}
	}
	prove(t, "wrong_thing_tested", []proof{
		{name: "unresolved variable", suite: "suite: one\ncases:\n  - {case: item, get: \"/item/{{id}}\"}\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*id`},
		{name: "unresolved variable in a body", suite: "suite: one\ncases:\n  - {case: item, post: /item, side_effects: none, json: {a: \"{{nope}}\"}}\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*nope`},
		{name: "unresolved variable in a rule's place", suite: "suite: one\nneeds: [baseUrl]\ncases:\n  - {case: item, get: \"/{{baseUrl}}\"}\n", status: 2, reason: `baseUrl`},
		{name: "environment variable not set", suite: "suite: one\nenv: [NOT_SET_ANYWHERE]\ncases:\n  - {case: item, get: /item, headers: {x-key: \"{{env.NOT_SET_ANYWHERE}}\"}}\n", status: 2, reason: `NOT_SET_ANYWHERE`},
		{name: "invalid Host", suite: sidesAt("url: 'http://blue.invalid', host: 'a b'", "url: 'http://green.invalid', host: 'a b'", ""), status: 2, reason: `host`},
		{name: "invalid Host with a line end", suite: "suite: one\ncases:\n  - {case: item, get: /item, headers: {Host: \"a\\r\\nb\"}}\n", status: 2, reason: `(?i)host|line`},
		{
			name: "identity must be the same and differs", suite: identity("get: /version, at: $.commit, must: same"),
			blue: is("c1", "b"), green: is("c2", "g"), status: 3, reason: `identity /version \$\.commit: must be the same, but blue is "c1" and green is "c2"`,
		},
		{
			name: "identity must differ and is the same", suite: identity("get: /version, at: $.cluster, must: differ"),
			blue: is("c1", "b"), status: 3, reason: `identity /version \$\.cluster: must differ, but both sides are "b"`,
		},
		{
			name: "identity of green is not the expected one", suite: identity("get: /version, at: $.commit, must: differ, green: c3"),
			blue: is("c1", "b"), green: is("c2", "g"), status: 3, reason: `green must be "c3", but is "c2"`,
		},
		{
			name: "green-build is another", suite: identity("get: /version, at: $.commit, must: differ"), args: []string{"--green-build", "c3"},
			blue: is("c1", "b"), green: is("c2", "g"), status: 3, reason: `green is not the build "c3": .* is "c2"`,
		},
		{
			name: "green-build and nothing that says it", suite: one, args: []string{"--green-build", "c3"},
			blue: is("c1", "b"), status: 3, reason: `green is not the build "c3": no identity says what it is`,
		},
		{
			name: "green cannot say what it is", suite: identity("get: /version, at: $.commit, must: differ"),
			blue: is("c1", "b"), green: says(`{"a":1}`), status: 3, reason: `identity /version \$\.commit: green cannot say what it is`,
		},
		{
			name: "changed mid-run", suite: identity("get: /version, at: $.commit, must: same, samples: 3"),
			blue: is("c1", "b"), green: becomes(3), status: 3, reason: `green was "c1" before the run and is "c2" after it`,
		},
		{
			name: "half-deployed green", suite: identity("get: /version, at: $.commit, must: differ, samples: 30"),
			blue: is("c0", "b"), green: podsOf(12), status: 1, reason: `green is not one thing: 28 of its answers say "c2", 2 of its answers say "c1"`,
		},
		{
			name: "cache answers for both, by Age", suite: one, status: 4, reason: `one answer for both sides`,
			blue: cached(map[string]string{"Age": "31", "Etag": `"v1"`, "Date": "Mon, 23 Nov 2026 03:00:00 GMT"}),
		},
		{
			name: "cache answers for both, by X-Cache", suite: one, status: 4, reason: `one answer for both sides`,
			blue: cached(map[string]string{"X-Cache": "HIT from edge-3", "Etag": `"v1"`, "Date": "Mon, 23 Nov 2026 03:00:00 GMT"}),
		},
		{
			name: "mesh answers for both, by Via and request id", suite: one, status: 4, reason: `the same X-Request-Id "r-1"; a cache or mesh`,
			blue: cached(map[string]string{"Via": "1.1 mesh", "X-Request-Id": "r-1"}),
		},
	})
}

// A killed run goes on only with the green that it began with: the cases that ended
// were answered by that one.
func TestEvidenceResumedOnAnother(t *testing.T) {
	t.Parallel()
	t.Run("wrong_thing_tested/resumed on another build", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", "suite: one\nidentity: [{get: /version, at: $.build, must: differ}]\ncases:\n  - {case: first, get: /first}\n  - {case: second, get: /second}\n")
		cmd := e.command("run", "suite.yaml", "--run-id", "it", "--concurrency", "1")
		var killed atomic.Bool
		side := func(before, after string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				again := killed.Load()
				switch {
				case r.URL.Path == "/second" && !again:
					<-e.begun
					_ = cmd.Process.Kill()
					<-r.Context().Done()
				case r.URL.Path != "/version":
					says(`{"a":1}`)(w, r)
				case again:
					says(`{"build":"`+after+`"}`)(w, r)
				default:
					says(`{"build":"`+before+`"}`)(w, r)
				}
			}
		}
		cmd.Args = append(cmd.Args, "--blue", serve(t, side("b1", "b1")), "--green", serve(t, side("g1", "g2")))
		if r := e.wait(cmd); r.status == 0 {
			t.Fatal("the run was not killed")
		}
		killed.Store(true)
		e.bgverify("resume", "it").ends(3, `identity /version \$\.build: green was "g1" when the run began and is "g2" now`, "")
	})
}

// A service that both sides share on purpose shows nothing of green.
func TestEvidenceAllShared(t *testing.T) {
	t.Parallel()
	t.Run("wrong_thing_tested/every service is shared", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		api := fmt.Sprintf("services: {api: {url: '%s', shared: true}}", serve(t, says(`{"a":1}`)))
		e.file("suite.yaml", strings.Replace(sidesAt(api, api, ""), "get: /item", "service: api, get: /item", 1))
		e.bgverify("run", "suite.yaml").ends(4, `nothing was compared`, "")
	})
}

// A redirect is not followed: neither green's to blue, nor both sides' to one place.
func TestEvidenceRedirect(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, suite, reason string }{
		{"default expectation", one, `status changed, 200 -> 302`},
		{"redirect expected", "suite: one\ncases:\n  - {case: item, get: /item, expect: {status: 302}}\n", `(?i)location`},
	} {
		t.Run("wrong_thing_tested/green redirects to blue/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", row.suite)
			blue := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/real" || row.suite == one {
					says(`{"a":1}`)(w, r)
					return
				}
				http.Redirect(w, r, "http://"+r.Host+"/real", http.StatusFound)
			})
			green := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, blue+"/real", http.StatusFound) })
			e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green).ends(1, row.reason, "")
		})
	}
}

func TestEvidenceProtocol(t *testing.T) {
	t.Parallel()
	t.Run("wrong_thing_tested/HTTP version differs", func(t *testing.T) {
		t.Parallel()
		secure := func(h2 bool) string {
			s := httptest.NewUnstartedServer(says(`{"a":1}`))
			s.EnableHTTP2 = h2
			s.StartTLS()
			t.Cleanup(s.Close)
			return fmt.Sprintf("url: '%s', tls: {insecure: true}", s.URL)
		}
		e := newEvidence(t)
		e.file("suite.yaml", sidesAt(secure(true), secure(false), ""))
		e.bgverify("run", "suite.yaml").ends(4, `blue answers over HTTP/2\.0 and green over HTTP/1\.1`, "")
	})
}
