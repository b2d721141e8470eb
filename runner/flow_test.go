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

	"github.com/bgverify/bgverify/runner/run"
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
		want(t, r.run(), run.Pass)
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
	want(t, r.run(), run.Pass)
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
	want(t, r.run(), run.Fail, `green: capture token finds a value, but: $.session.token finds nothing: $.session is an object with "tokne"`)
	if s := stepOf(t, &r.sink.cases[0], "after"); s.Verdict != run.Skip || !strings.Contains(s.Reasons[0], `step "in"`) {
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
	want(t, r.run(), run.Fail, "both: capture id is the same on both sides")
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
	want(t, r.run(), run.Pass)
	if b, g := len(blue.seen), len(green.seen); b != 2 || g != 4 {
		t.Errorf("%d and %d requests, want 2 and 4", b, g)
	}
	if got := r.sink.cases[0].Requests; got != (run.PerSide{Blue: 2, Green: 4}) {
		t.Errorf("the case accounts for %v requests", got)
	}
	never := &double{name: "green", answer: func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"state":"WAITING"}`) }}
	r = newRig(t, never, never).file("s.yaml", fmt.Sprintf(suite, "60ms"))
	want(t, r.run(), run.Fail, "green: poll: the condition does not hold after 60ms", "blue: poll:")
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
	want(t, end, run.Inconclusive, "flaky: 1 of 2 cases passed only after a retry")
	if end.Counts.Flaky != 1 || !r.sink.find(t, "s/one").Flaky {
		t.Errorf("%d flaky cases counted", end.Counts.Flaky)
	}
	blue, green2 := doubles(answer)
	green2.answer = green.answer
	r = newRig(t, blue, green2).file("s.yaml", fmt.Sprintf(suite, "flaky: {max: 50%}"))
	want(t, r.run(), run.Pass)
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
	want(t, r.run(), run.Fail, "got 503")
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
			want(t, r.run(), run.Fail, "$.v changed")
			if notes := strings.Join(r.sink.cases[0].Steps[0].Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

// Variables are tested with the matchers of expectations; what is only text (a
// flag, a cell) equals the number that it spells.
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
	want(t, r.run(), run.Fail, "got 404")
	wantOrder := []string{"green/a", "blue/a", "green/a", "blue/a", "green/a", "blue/a", "green/b", "blue/b", "green/bad", "blue/bad", "green/only"}
	if !slices.Equal(order, wantOrder) {
		t.Errorf("order %v, want %v", order, wantOrder)
	}
	if times[0].Sub(begun) < 60*time.Millisecond {
		t.Errorf("the pause was %s", times[0].Sub(begun))
	}
	c := r.sink.cases[0]
	if s := stepOf(t, &c, "one side"); s.Verdict != run.Pass || s.Blue != nil || s.Green == nil {
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

// A pause is waited before every step, the first of setup, case and teardown too.
func TestPauseOfFirstStep(t *testing.T) {
	const pause = 40 * time.Millisecond
	var mu sync.Mutex
	var began time.Time
	at := map[string]time.Duration{}
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		mu.Lock()
		defer mu.Unlock()
		if d.name == "blue" {
			at[r.path] = time.Since(began)
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
setup: [{step: in, get: /in, pause: 40ms}]
teardown: [{step: out, get: /out, pause: 40ms}]
cases: [{case: one, get: /one, pause: 40ms, cleanup: [{step: undo, get: /undo, pause: 40ms}]}]
`)
	began = time.Now()
	want(t, r.run(), run.Pass)
	for i, path := range []string{"/in", "/one", "/undo", "/out"} {
		if least := time.Duration(i+1) * pause; at[path] < least {
			t.Errorf("%s was asked after %s, want at least %s", path, at[path], least)
		}
	}
}

// A variable that cannot be computed breaks its step: a farther one of the same
// name would ask the sides different things.
func TestVariableThatCannotBeComputed(t *testing.T) {
	for _, tt := range []struct{ name, ask, blue, green string }{
		{"on green", "{{next}}", "41", "p41"},
		{"on blue", "{{next}}", "p41", "41"},
		{"on both", "{{next}}", "a", "b"},
		{"with a default", "{{next | default: 1}}", "41", "p41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
				if r.path == "/a" {
					ok(w, `{"page":%q,"n":1}`, map[string]string{"blue": tt.blue, "green": tt.green}[d.name])
					return
				}
				ok(w, `{"items":[1,2]}`)
			})
			r := newRig(t, blue, green).file("s.yaml", `
suite: s
vars: {next: "1"}
cases:
  - case: paging
    vars: {next: "{{page | add: 1}}"}
    steps:
      - {step: a, get: /a, capture: {page: $.page}, rules: [{at: $.page, do: ignore, why: cursors are per cluster}]}
      - {step: b, get: "/b?page=`+tt.ask+`"}
`)
			want(t, r.run(), run.Broken)
			s := stepOf(t, r.sink.find(t, "s/paging"), "b")
			if text := strings.Join(s.Reasons, "; "); !strings.Contains(text, `variable "next": {{page | add: 1}}: add: `) {
				t.Errorf("step b: %s, want the filter's error", text)
			}
			for _, d := range []*double{blue, green} {
				for _, x := range d.seen {
					if x.path == "/b" && x.query == "page=1" {
						t.Errorf("%s was asked for the suite's page 1", d.name)
					}
				}
			}
		})
	}
}
