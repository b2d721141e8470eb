package runner

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios"
)

// A seen request.
type seen struct {
	method, path, query, body string
	header                    http.Header
	cookies                   map[string]string
}

// A double is a service whose answers a test writes and whose requests it reads back.
type double struct {
	name   string
	mu     sync.Mutex
	seen   []seen
	answer func(d *double, w http.ResponseWriter, r *seen)
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s := seen{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header, map[string]string{}}
	for _, c := range r.Cookies() {
		s.cookies[c.Name] = c.Value
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, s)
	w.Header().Set("Content-Type", "application/json")
	d.answer(d, w, &s)
}

// count is the number of requests to a path so far; d.mu is held by answer.
func (d *double) count(path string) int {
	n := 0
	for _, s := range d.seen {
		if s.path == path {
			n++
		}
	}
	return n
}

func (d *double) paths() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, s := range d.seen {
		out = append(out, s.method+" "+s.path)
	}
	return out
}

func doubles(answer func(d *double, w http.ResponseWriter, r *seen)) (blue, green *double) {
	return &double{name: "blue", answer: answer}, &double{name: "green", answer: answer}
}

func ok(w http.ResponseWriter, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func TestBothSidesGetTheSameRequest(t *testing.T) {
	run := func(seed uint64) (*double, *double) {
		blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
		r := newRig(t, blue, green).file("s.yaml", `
suite: s
vars: {device: "box-{{$hex: 6}}"}
setup:
  - {step: begin, post: /begin, side_effects: isolated, json: {device: "{{device}}"}}
cases:
  - case: one
    steps:
      - step: create
        post: /orders
        side_effects: compensated
        headers: {Idempotency-Key: "{{$uuid.side}}", X-Device: "{{device}}"}
        query: {n: "{{$int: 1..1000000}}"}
        json: {id: "{{$uuid}}", other: "{{$uuid}}"}
`)
		r.options.Seed = seed
		want(t, r.run(), Pass)
		return blue, green
	}
	blue, green := run(1)
	b, g := blue.seen[1], green.seen[1]
	if b.body != g.body || b.query != g.query || b.header.Get("X-Device") != g.header.Get("X-Device") {
		t.Errorf("blue got %s?%s %s, green %s?%s %s: not the same", b.path, b.query, b.body, g.path, g.query, g.body)
	}
	if b.header.Get("Idempotency-Key") == g.header.Get("Idempotency-Key") {
		t.Errorf("the .side value %q went to both sides", b.header.Get("Idempotency-Key"))
	}
	if b.header.Get("Traceparent") == "" || b.header.Get("Traceparent") == g.header.Get("Traceparent") {
		t.Errorf("traceparents %q and %q: want one for each side", b.header.Get("Traceparent"), g.header.Get("Traceparent"))
	}
	if b.header.Get("X-Bgverify-Run") != "test" {
		t.Errorf("X-Bgverify-Run is %q", b.header.Get("X-Bgverify-Run"))
	}
	if !strings.Contains(blue.seen[0].body, b.header.Get("X-Device")) {
		t.Errorf("the suite's device was %s in setup and %s in the case", blue.seen[0].body, b.header.Get("X-Device"))
	}
	if strings.Count(b.body, b.body[8:44]) != 1 {
		t.Errorf("two placeholders of one step drew the same value: %s", b.body)
	}
	again, _ := run(1)
	if again.seen[1].body != b.body || again.seen[1].header.Get("Idempotency-Key") != b.header.Get("Idempotency-Key") {
		t.Errorf("the same seed sent %s, then %s", b.body, again.seen[1].body)
	}
	other, _ := run(2)
	if other.seen[1].body == b.body {
		t.Errorf("another seed sent the same body %s", b.body)
	}
}

func TestCapturesBelongToTheLane(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		switch {
		case r.path == "/session":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: d.name + "-sid", Path: "/"})
			ok(w, `{"token":"%s-token","deep":[{"id":"%s-7"}]}`, d.name, d.name)
		case r.path == "/orders/"+d.name+"-7" && r.header.Get("Authorization") == "Bearer "+d.name+"-token" && r.cookies["sid"] == d.name+"-sid":
			ok(w, `{"order":true}`)
		default:
			w.WriteHeader(403)
			ok(w, `{"no":true}`)
		}
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
secrets: [token]
rules:
  - {at: $.token, do: format, is: regex, pattern: "^(blue|green)-token$"}
  - {at: "$.deep[*].id", do: map, as: id}
  - {header: set-cookie, do: ignore, why: session}
cases:
  - case: one
    steps:
      - {step: in, post: /session, side_effects: isolated, capture: {token: $.token, id: "$.deep[0].id"}}
      - {step: use, get: "/orders/{{id}}", auth: {bearer: "{{token}}"}}
`)
	want(t, r.run(), Pass)
	for _, secret := range []string{"blue-token", "green-token"} {
		if r.sink.secrets[secret] == "" {
			t.Errorf("the captured %s was not made a secret", secret)
		}
	}
	if got := r.sink.order; slices.Index(got, "intent") > slices.Index(got, "pair") || len(r.sink.intents) != 2 {
		t.Errorf("events %v with intents %v: want one intent for each side before the pair", got, r.sink.intents)
	}
}

func TestCaptureThatFindsNothingNamesTheNearest(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, _ *seen) {
		if d.name == "green" {
			ok(w, `{"session":{"tokne":"x"}}`)
			return
		}
		ok(w, `{"session":{"token":"x"}}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: one
    steps:
      - {step: in, get: /s, capture: {token: $.session.token}}
      - {step: after, get: /t}
`)
	want(t, r.run(), Fail, `green: capture token finds a value, but: $.session.token finds nothing: $.session is an object with "tokne"`)
	if s := r.sink.cases[0].step(t, "after"); s.Verdict != Skip || !strings.Contains(s.Reasons[0], `step "in"`) {
		t.Errorf("the step after: %s %v, want skipped with the reason", s.Verdict, s.Reasons)
	}
}

func TestSameCaptureDemandsEquality(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, _ *seen) { ok(w, `{"id":"%s"}`, d.name) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: one
    get: /s
    expect: {body: {$.id: {type: string}}}
    capture: {id: {at: $.id, same: true}}
    rules: [{at: $.id, do: ignore, why: test}]
`)
	want(t, r.run(), Fail, "both: capture id is the same on both sides")
}

func TestPollWaitsOnEachSide(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		state, need := "WAITING", 2
		if d.name == "green" {
			need = 4
		}
		if d.count("/order") >= need {
			state = "SETTLED"
		}
		ok(w, `{"state":"%s"}`, state)
	})
	suite := `
suite: s
cases:
  - case: one
    get: /order
    poll: {until: {body: {$.state: SETTLED}}, every: 10ms, up_to: %s}
`
	r := newRig(t, blue, green).file("s.yaml", fmt.Sprintf(suite, "5s"))
	want(t, r.run(), Pass)
	if b, g := len(blue.seen), len(green.seen); b != 2 || g != 4 {
		t.Errorf("%d and %d requests, want 2 and 4", b, g)
	}
	if got := r.sink.cases[0].Requests; got != (PerSide{2, 4}) {
		t.Errorf("the case accounts for %v requests", got)
	}
	never := &double{name: "green", answer: func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"state":"WAITING"}`) }}
	r = newRig(t, never, never).file("s.yaml", fmt.Sprintf(suite, "60ms"))
	want(t, r.run(), Fail, "green: poll: the condition does not hold after 60ms", "blue: poll:")
}

func TestRetryIsFlakyAndNeverSilent(t *testing.T) {
	answer := func(d *double, w http.ResponseWriter, r *seen) {
		if d.name == "green" && d.count(r.path) < 2 {
			w.WriteHeader(503)
		}
		ok(w, `{"v":1}`)
	}
	suite := `
suite: s
%s
cases:
  - {case: one, get: /a, retry: {for: [503, connect], max: 2}}
  - {case: two, get: /b}
`
	blue, green := doubles(answer)
	green.answer = func(d *double, w http.ResponseWriter, r *seen) {
		if r.path == "/b" {
			ok(w, `{"v":1}`)
			return
		}
		answer(d, w, r)
	}
	r := newRig(t, blue, green).file("s.yaml", fmt.Sprintf(suite, ""))
	end := r.run()
	want(t, end, Inconclusive, "flaky: 1 of 2 cases passed only after a retry")
	if end.Counts.Flaky != 1 || !r.sink.find(t, "s/one").Flaky {
		t.Errorf("%d flaky cases counted", end.Counts.Flaky)
	}
	blue, green2 := doubles(answer)
	green2.answer = green.answer
	r = newRig(t, blue, green2).file("s.yaml", fmt.Sprintf(suite, "flaky: {max: 50%}"))
	want(t, r.run(), Pass)
}

func TestUnsafeStepIsSentOnceEvenWithRetry(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) {
		w.WriteHeader(503)
		ok(w, `{}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - {case: one, post: /a, side_effects: isolated, json: {}}
`)
	r.change = func(p *Plan) { // the loader refuses it, and the runner does not rely on that
		p.Suites[0].Cases[0].Steps[0].Retry = &scenarios.Retry{Statuses: []int{503}, Max: 3}
	}
	want(t, r.run(), Fail, "got 503")
	if b, g := len(blue.seen), len(green.seen); b != 1 || g != 1 {
		t.Errorf("%d and %d requests, want one each", b, g)
	}
}

func TestConfirmLabels(t *testing.T) {
	tests := []struct {
		name   string
		answer func(d *double, w http.ResponseWriter, r *seen)
		note   string
	}{
		{"always", func(d *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":"%s"}`, d.name) }, "green differs in 3/3"},
		{"once", func(d *double, w http.ResponseWriter, _ *seen) {
			v := 1
			if d.name == "green" && d.count("/a") == 1 {
				v = 2
			}
			ok(w, `{"v":%d}`, v)
		}, "green differs in 1/3"},
		{"unstable blue", func(d *double, w http.ResponseWriter, _ *seen) {
			v := 0
			if d.name == "blue" {
				v = d.count("/a")
			}
			ok(w, `{"v":%d}`, v)
		}, "blue disagrees with itself in 2/2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(tt.answer)
			r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases:\n  - {case: one, get: /a, confirm: 2}\n")
			want(t, r.run(), Fail, "$.v changed")
			if notes := strings.Join(r.sink.cases[0].Steps[0].Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

func TestWhen(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		switch r.path {
		case "/page":
			ok(w, `{"next":"","more":false}`)
		case "/split":
			ok(w, `{"go":%t}`, d.name == "blue")
		default:
			ok(w, `{"v":1}`)
		}
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: no
    steps:
      - {step: page, get: /page, capture: {next: $.next}}
      - {step: by value, get: /more, when: "{{next}}"}
      - {step: by answer, get: /more, when: {body: {$.more: true}}}
  - case: split
    steps:
      - {step: page, get: /split, rules: [{at: $.go, do: ignore, why: test}], expect: {body: {$.go: {type: boolean}}}}
      - {step: next, get: /more, when: {body: {$.go: true}}}
`)
	want(t, r.run(), Fail, "when holds on blue and not on green")
	for _, name := range []string{"by value", "by answer"} {
		if s := r.sink.find(t, "s/no").step(t, name); s.Verdict != Skip {
			t.Errorf("step %s is %s, want skipped", name, s.Verdict)
		}
	}
	if slices.Contains(blue.paths(), "GET /more") {
		t.Error("a step whose condition does not hold was sent")
	}
}

// Variables are tested with the matchers of expectations; what is only text (a
// flag, a cell) equals the number that it spells.
func TestWhenVariables(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) { ok(w, `{"plan":"premium","items":3,"gone":null}`) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
vars: {yes: premium}
cases:
  - case: c
    data: [{size: "10"}]
    steps:
      - {step: first, get: /first, capture: {plan: $.plan, items: $.items, gone: $.gone}}
      - {step: sent 1, get: /1, when: {vars: {plan: premium}}}
      - {step: sent 2, get: /2, when: {vars: {items: {gt: 2}, size: {gte: 10}, flag: 5}}}
      - {step: sent 3, get: /3, when: {vars: {plan: "{{yes}}", gone: {empty: true}}, body: {$.items: 3}}}
      - {step: skipped 1, get: /no, when: {vars: {plan: basic}}}
      - {step: skipped 2, get: /no, when: {vars: {plan: premium, items: {lt: 3}}}}
      - {step: skipped 3, get: /no, when: {vars: {size: {in: [9, 11]}}}}
      - {step: skipped 4, get: /no, when: {vars: {plan: {exists: false}}}}
      - {step: skipped 5, get: /no, when: {vars: {plan: premium}, body: {$.items: 4}}}
`)
	r.vars = append(r.vars, named1("flag", "5"))
	want(t, r.run(), Pass)
	for _, s := range r.sink.find(t, "s/c[1]").Steps {
		if skipped := strings.HasPrefix(s.Name, "skipped"); skipped != (s.Verdict == Skip) {
			t.Errorf("step %s: %s %v", s.Name, s.Verdict, s.Reasons)
		}
	}
}

func TestRepeatPauseContinueSidesOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	var times []time.Time
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, d.name+r.path)
		if r.path == "/b" {
			times = append(times, time.Now())
		}
		if r.path == "/bad" {
			w.WriteHeader(404)
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: one
    order: green-then-blue
    steps:
      - {step: thrice, get: /a, repeat: 3}
      - {step: paused, get: /b, pause: 60ms}
      - {step: bad, get: /bad, continue: true}
      - {step: one side, get: /only, sides: [green], compare: none, expect: {body: {$.v: 1}}}
`)
	begun := time.Now()
	want(t, r.run(), Fail, "got 404")
	wantOrder := []string{"green/a", "blue/a", "green/a", "blue/a", "green/a", "blue/a", "green/b", "blue/b", "green/bad", "blue/bad", "green/only"}
	if !slices.Equal(order, wantOrder) {
		t.Errorf("order %v, want %v", order, wantOrder)
	}
	if times[0].Sub(begun) < 60*time.Millisecond {
		t.Errorf("the pause was %s", times[0].Sub(begun))
	}
	c := r.sink.cases[0]
	if s := c.step(t, "one side"); s.Verdict != Pass || s.Blue != nil || s.Green == nil {
		t.Errorf("one side: %s %v, blue %v", s.Verdict, s.Reasons, s.Blue)
	}
	names := map[string]bool{}
	for key := range r.sink.pairs {
		names[key] = true
	}
	if len(names) != 6 || !names["s/one/thrice#3"] {
		t.Errorf("pairs %v", slices.Sorted(maps.Keys(names)))
	}
}

func TestSetupTeardownCleanup(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		if r.path == "/fail" {
			w.WriteHeader(500)
		}
		ok(w, `{"token":"t"}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
setup: [{step: in, post: /in, side_effects: isolated, capture: {token: $.token}}]
teardown: [{step: out, post: /out, side_effects: isolated, auth: {bearer: "{{token}}"}}]
cases:
  - case: one
    get: /fail
    cleanup: [{step: clean, delete: /clean, side_effects: compensated}]
  - {case: two, get: "/two/{{token}}"}
`)
	r.options.Concurrency = 1
	end := r.run()
	want(t, end, Fail, "got 500")
	wantPaths := []string{"POST /in", "GET /fail", "DELETE /clean", "GET /two/t", "POST /out"}
	if got := blue.paths(); !slices.Equal(got, wantPaths) {
		t.Errorf("blue got %v, want %v", got, wantPaths)
	}
	if end.Counts.Cases != 2 || end.Counts.Requests != (PerSide{5, 5}) {
		t.Errorf("counts %+v: setup and teardown are no cases, their requests count", end.Counts)
	}
	kinds := []string{}
	for _, c := range r.sink.sorted() {
		kinds = append(kinds, c.Kind+c.ID)
	}
	if !slices.Equal(kinds, []string{"setups/(setup)", "s/one", "s/two", "teardowns/(teardown)"}) {
		t.Errorf("results in plan order: %v", kinds)
	}
}

func TestFailedSetupBreaksItsCases(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		if r.path == "/in" && d.name == "green" {
			w.WriteHeader(503)
		}
		ok(w, `{"token":"t"}`)
	})
	r := newRig(t, blue, green).file("a.yaml", `
suite: a
setup: [{step: in, post: /in, side_effects: isolated, capture: {token: $.token}}]
cases: [{case: one, get: /one}]
`).file("b.yaml", "suite: b\ncases: [{case: two, get: /two}]\n")
	end := r.run()
	want(t, end, Fail, "green: expected status 2xx, got 503 (a/(setup))", `setup failed: step "in"`)
	if c := r.sink.find(t, "a/one"); c.Verdict != Broken {
		t.Errorf("the case is %s, want broken", c.Verdict)
	}
	if c := r.sink.find(t, "b/two"); c.Verdict != Pass {
		t.Errorf("the other suite's case is %s, want pass", c.Verdict)
	}
}

func TestSessionRefresh(t *testing.T) {
	answer := func(expires map[string]int) func(d *double, w http.ResponseWriter, r *seen) {
		return func(d *double, w http.ResponseWriter, r *seen) {
			n := d.count("/in")
			switch {
			case r.path == "/in":
				ok(w, `{"token":"t%d"}`, n)
			case r.header.Get("Authorization") != fmt.Sprintf("Bearer t%d", n) || n <= expires[d.name]:
				w.WriteHeader(401)
				ok(w, `{"no":1}`)
			default:
				ok(w, `{"v":1}`)
			}
		}
	}
	suite := `
suite: s
session: {refresh_on: 401}
defaults: {auth: {bearer: "{{token}}"}}
setup: [{step: in, post: /in, side_effects: isolated, auth: none, capture: {token: $.token}}]
cases: [{case: one, get: /one}]
`
	blue, green := doubles(answer(map[string]int{"blue": 1, "green": 1}))
	r := newRig(t, blue, green).file("s.yaml", suite)
	want(t, r.run(), Pass)
	if got := blue.paths(); !slices.Equal(got, []string{"POST /in", "GET /one", "POST /in", "GET /one"}) {
		t.Errorf("blue got %v", got)
	}
	blue, green = doubles(answer(map[string]int{"green": 1}))
	r = newRig(t, blue, green).file("s.yaml", suite)
	want(t, r.run(), Inconclusive, "flaky")
	if notes := strings.Join(r.sink.find(t, "s/one").Steps[0].Notes, ";"); !strings.Contains(notes, "green answered 401: the session was renewed") {
		t.Errorf("notes %q", notes)
	}
}

func TestSessionTTL(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
session: {ttl: 60s}
setup: [{step: in, post: /in, side_effects: isolated}]
cases: [{case: one, get: /1}, {case: two, get: /2}, {case: three, get: /3}]
`)
	r.options.Concurrency = 1
	clock := time.Now()
	var mu sync.Mutex
	r.change = func(p *Plan) {
		p.World.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	}
	r.progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Last == "s/two" {
			clock = clock.Add(2 * time.Minute)
		}
	}
	want(t, r.run(), Pass)
	if got := blue.paths(); !slices.Equal(got, []string{"POST /in", "GET /1", "GET /2", "POST /in", "GET /3"}) {
		t.Errorf("blue got %v", got)
	}
}
