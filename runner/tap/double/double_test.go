package double

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

func answerOf(body string, cookies ...string) *wire.Exchange {
	x := &wire.Exchange{Answer: []byte(body)}
	for _, c := range cookies {
		x.Headers = append(x.Headers, wire.Field{Name: "Set-Cookie", Value: c})
	}
	return x
}

// The values of one side take the place of the other's: tokens and ids wherever they
// appear, cookies by name, and nothing else.
func TestSession(t *testing.T) {
	s := newSession()
	s.learn(
		answerOf(`{"token":"blue-token-1","user":{"id":"user-0001","ids":["aaaaaaaa","bbbbbbbb"]},"n":5,"same":"same-value","short":"abc"}`, "sid=7; Path=/", "theme=1"),
		answerOf(`{"token":"green-token-1","user":{"id":"user-9999","ids":["cccccccc","dddddddd"]},"n":6,"same":"same-value","short":"xyz"}`, "sid=8; Path=/", "theme=2"),
	)
	for _, c := range []struct{ field, value, want, reason string }{
		{"Authorization", "Bearer blue-token-1", "Bearer green-token-1", "a token"},
		{"X-Ids", "user-0001,bbbbbbbb", "user-9999,dddddddd", "several ids in one text, and one below a list"},
		{"X-Same", "same-value", "same-value", "it is the same on both sides"},
		{"X-Short", "abc", "abc", "too short to be an id"},
		{"X-One", "7", "7", "a cookie's value counts in the field Cookie alone"},
		{"Cookie", "sid=7; theme=1; other=7", "sid=8; theme=2; other=7", "cookies by name, also short ones"},
		{"cookie", "sid=6", "sid=6", "not the one that was set"},
	} {
		if got := s.carryField(c.field, c.value); got != c.want {
			t.Errorf("%s: %s: got %s, want %s: %s", c.field, c.value, got, c.want, c.reason)
		}
	}
	for _, c := range []struct {
		of   credential
		want bool
	}{
		{credential{value: "blue-token-1"}, true},
		{credential{value: "another-token"}, false},
		{credential{cookie: "sid", value: "7"}, true},
		{credential{cookie: "sid", value: "6"}, false},
	} {
		if got := s.knows(c.of); got != c.want {
			t.Errorf("knows(%+v): got %v", c.of, got)
		}
	}
	s.learn(answerOf(`{"token":"blue-token-1"}`), answerOf(`{"token":"green-token-2"}`))
	if got := s.carry("blue-token-1"); got != "green-token-2" {
		t.Errorf("after another sign-in: got %s", got)
	}
	if got := newSession().carry("blue-token-1"); got != "blue-token-1" {
		t.Errorf("another client has the session of the first: %s", got)
	}
}

// A session stays bounded, whatever answers hold.
func TestSessionIsBounded(t *testing.T) {
	s := newSession()
	for i := range 3 * maxValues {
		a, b := string(rune('a'+i%26))+time.Duration(i).String()+"-value", "other-"+time.Duration(i).String()
		s.learn(answerOf(`{"v":"`+a+`"}`, "c"+a+"="+a), answerOf(`{"v":"`+b+`"}`, "c"+a+"="+b))
	}
	if s.values.Size() > maxSession || s.weight > maxSession+longest || len(s.cookies) > maxValues {
		t.Errorf("%d bytes of values, %d of %d cookies", s.values.Size(), s.weight, len(s.cookies))
	}
}

// All sessions of a worker stay bounded, and a client that was forgotten is not taken for a new one.
func TestSessionsAreBounded(t *testing.T) {
	all := newSessions()
	forgotten := 0
	learn := func(i int, signIn bool) bool {
		s, ok := all.get(strconv.Itoa(i), signIn)
		if !ok {
			return false
		}
		before := s.size()
		for j := range 40 {
			s.pair(fmt.Sprintf("value-%d-of-%d-%s", j, i, strings.Repeat("x", 1000)), "other")
		}
		forgotten += all.trim(s, before)
		return true
	}
	for i := range 300 {
		if !learn(i, false) {
			t.Fatalf("client %d is taken for one that was forgotten", i)
		}
	}
	size := 0
	for _, s := range all.of {
		size += s.size()
	}
	if size != all.size || size > maxMemory || forgotten == 0 || forgotten+len(all.of) != 300 {
		t.Errorf("%d bytes (counted %d) of %d clients, %d forgotten", size, all.size, len(all.of), forgotten)
	}
	if learn(0, false) || !learn(0, true) || !learn(0, false) {
		t.Error("a forgotten client is compared before its next sign-in, or not after it")
	}
}

// Clients of whom nothing was learned cost nothing, however many they are, and are compared.
func TestClientsWithoutSessions(t *testing.T) {
	all := newSessions()
	for i := range 2 * maxMemory / newSession().size() {
		s, ok := all.get(strconv.Itoa(i), false)
		if !ok {
			t.Fatalf("client %d is not compared", i)
		}
		if n := all.trim(s, s.size()); n > 0 {
			t.Fatalf("client %d: %d forgotten", i, n)
		}
	}
	if len(all.of) != 0 || all.size != 0 || all.many || len(all.lost) != 0 {
		t.Errorf("%d sessions of %d bytes are kept, %d lost", len(all.of), all.size, len(all.lost))
	}
}

// A slowSink takes its time to hide a secret.
type slowSink struct {
	run.Sink
	asked, goOn chan bool
	known       atomic.Bool
}

func (s *slowSink) Secret(string, string) {
	s.asked <- true
	<-s.goOn
	s.known.Store(true)
}

// No worker goes on with a credential that the sink does not know yet.
func TestHiddenBeforeUse(t *testing.T) {
	sink := &slowSink{asked: make(chan bool, 2), goOn: make(chan bool)}
	tap := &Tap{secrets: map[string]bool{}, sink: sink}
	var workers sync.WaitGroup
	for i := range 2 {
		workers.Go(func() {
			if !tap.hide("token") || !sink.known.Load() {
				t.Error("a worker goes on before the credential is hidden")
			}
		})
		if i == 0 {
			<-sink.asked
		}
	}
	for range 10_000 {
		runtime.Gosched() // time for the second worker, which does not need it
	}
	close(sink.goOn)
	workers.Wait()
}

const rulesFile = `suite: one
rules: [{do: ignore, at: $.all, why: t}]
identity:
  - {get: /version, at: $.cluster, must: differ}
sides: {blue: {services: {auth: /auth}}, green: {services: {auth: /auth}}}
setup:
  - {post: /v1/session, service: auth, side_effects: isolated}
cases:
  - case: title
    rules: [{do: ignore, at: $.title, why: t}]
    get: /titles/VOD-1001
  - case: missing
    get: /titles/VOD-0000
    expect: {status: 404}
  - case: page
    get: /titles
    query: {genre: drama}
    rules: [{do: ignore, at: $.genre, why: t}, {do: ignore, at: $.more, why: t}]
  - case: list
    get: /titles
    mode: shape
  - case: search
    post: /search
    side_effects: none
  - case: order
    post: /orders
    side_effects: isolated
  - case: try
    post: /orders
    side_effects: none
  - case: beat
    get: /watch/{{id}}
    side_effects: idempotent
    vars: {id: x}
`

func planOf(t *testing.T, state string) *runner.Plan {
	t.Helper()
	files := fstest.MapFS{"one.yaml": {Data: []byte(rulesFile)}, "env.yaml": {Data: []byte("state: " + state + "\n")}}
	opts := scenarios.LoadOptions{Now: time.Now(), BlueURL: "http://blue.example", GreenURL: "http://green.example"}
	env, problems := scenarios.LoadEnv(files, "env.yaml", opts)
	opts.Env = env
	suites, more := scenarios.Load(files, []string{"one.yaml"}, opts)
	if all := append(problems, more...); all.HasErrors() {
		t.Fatal(all)
	}
	return &runner.Plan{Suites: suites, Env: env}
}

// The step that asks a route judges it: by status, literal segments, parameters and rules.
func TestRulesOfARoute(t *testing.T) {
	r := readRoutes(planOf(t, "separate"), scenarios.Blue)
	for _, c := range []struct {
		path   string
		status int
		want   string // the place of its last rule, or the mode
	}{
		{"/titles/VOD-1001", 200, "$.title"},
		{"/titles/VOD-7777", 200, "$.title"},
		{"/titles/VOD-7777", 404, "$.all"},
		{"/titles?genre=x", 200, "$.more"},
		{"/titles", 200, "shape"},
		{"/version", 200, "$.cluster"},
		{"/unknown", 200, "$.all"},
	} {
		u, err := url.Parse("http://blue.example" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		step := r.stepOf(http.MethodGet, u, c.status)
		got := "none"
		if n := len(step.Rules); n > 0 {
			got = step.Rules[n-1].At
		}
		if step.ModeWritten {
			got = "shape"
		}
		if got != c.want {
			t.Errorf("%s with %d: judged by %s, want %s", c.path, c.status, got, c.want)
		}
	}
}

// What may reach the other side, and what never does.
func TestRefuses(t *testing.T) {
	service := tap.Service{URL: &url.URL{Scheme: "http", Host: "blue.example"}}
	make2 := func(state string) *Tap {
		plan := planOf(t, state)
		return &Tap{
			opts: Options{Plan: plan, Answering: scenarios.Blue, Secret: func(name, _ string) bool { return name == "token" }}, separate: plan.Env.SeparateState,
			routes: readRoutes(plan, scenarios.Blue), services: map[string]runner.LiveService{"": {}}, written: writes{of: map[string][]string{}},
		}
	}
	separate, shared := make2("separate"), make2("shared")
	shared.routes.never = append(shared.routes.never, Route{Path: "/private/**"})
	for _, c := range []struct {
		method, url string
		status      int
		field       string // of the request: name: value
		separate    skip
		shared      skip
	}{
		{"GET", "/titles/1", 200, "", 0, 0},
		{"HEAD", "/titles/1", 200, "", 0, 0},
		{"GET", "/titles/1", 304, "", 0, 0},
		{"GET", "/titles/1", 412, "", conditional, conditional},
		{"GET", "/titles/1", 503, "", blueFailed, blueFailed},
		{"GET", "/titles/1", 0, "", notAnswered, notAnswered},
		{"GET", "/mine", 200, "Cookie: a=b", 0, withSession},
		{"GET", "/mine?token=x", 200, "", 0, withSession},
		{"GET", "/mine", 200, "Authorization: Bearer x", 0, withSession},
		{"POST", "/auth/v1/session", 200, "", 0, unsafeMethod},
		{"POST", "/v1/session", 200, "", unsafeMethod, unsafeMethod},
		{"POST", "/search", 200, "", 0, 0},
		{"POST", "/orders", 201, "", unsafeMethod, unsafeMethod},
		{"GET", "/orders/7", 200, "", written, 0},
		{"DELETE", "/titles/1", 204, "", unsafeMethod, unsafeMethod},
		{"PATCH", "/x", 200, "", unsafeMethod, unsafeMethod},
		{"GET", "/watch/7", 200, "", actingGet, actingGet},
		{"GET", "/play/heartbeat", 200, "", actingGet, actingGet},
		{"GET", "/a/logout.do", 200, "", actingGet, actingGet},
		{"GET", "/private/x/y", 200, "", 0, actingGet},
	} {
		u, err := url.Parse("http://blue.example" + c.url)
		if err != nil {
			t.Fatal(err)
		}
		x := &tap.Exchange{Client: "1.2.3.4", Service: service}
		x.Request.Method, x.Request.URL, x.Request.Header = c.method, *u, http.Header{}
		x.Answer.Status, x.Answer.Header, x.Answer.Body.Whole = c.status, http.Header{}, true
		if c.field != "" {
			for i := range c.field {
				if c.field[i] == ':' {
					x.Request.Header.Set(c.field[:i], c.field[i+2:])
					break
				}
			}
		}
		for _, side := range []struct {
			name string
			tap  *Tap
			want skip
		}{{"separate", separate, c.separate}, {"shared", shared, c.shared}} {
			if got := side.tap.refuses(x); got != side.want {
				t.Errorf("%s: %s %s %s with %d: got %q, want %q", side.name, c.method, c.url, c.field, c.status, skipWords[got], skipWords[side.want])
			}
		}
		if x.Client = "5.6.7.8"; c.url == "/orders/7" && separate.refuses(x) != 0 {
			t.Error("another client's write keeps a request from being compared")
		}
	}
}

// A 304 is right where the client named the version.
func TestNamesVersion(t *testing.T) {
	const old, now = "Sat, 28 Nov 2026 06:00:00 GMT", "Sun, 29 Nov 2026 06:00:00 GMT"
	for _, c := range []struct {
		tags, since, tag, modified string
		want                       bool
		reason                     string
	}{
		{`"v1"`, "", `"v1"`, "", true, "the same"},
		{`"v1"`, "", `"v2"`, "", false, "another"},
		{`"v"`, "", `"v1"`, "", false, "a part of another"},
		{`W/"v1"`, "", `"v1"`, "", true, "weakly compared"},
		{`"a,b", "v1"`, "", `W/"v1"`, "", true, "one of several"},
		{`"a,b"`, "", `"a,b"`, "", true, "a comma in a tag"},
		{"*", "", `"v1"`, "", true, "any"},
		{`"v1"`, "", "", "", false, "an answer without a version"},
		{`"v1"`, now, `"v2"`, old, false, "tags come before dates"},
		{`"v1"`, now, "", old, true, "a date where there is no tag"},
		{"", now, `"v2"`, now, true, "not modified since"},
		{"", old, "", now, false, "modified since"},
		{"", "yesterday", "", now, false, "not a date"},
	} {
		sent := http.Header{}
		for name, value := range map[string]string{"If-None-Match": c.tags, "If-Modified-Since": c.since} {
			if value != "" {
				sent.Set(name, value)
			}
		}
		answer := &wire.Exchange{Headers: []wire.Field{{Name: "ETag", Value: c.tag}, {Name: "Last-Modified", Value: c.modified}}}
		if got := namesVersion(sent, answer); got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
}
