package runner

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

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
	want(t, r.run(), run.Fail, "when holds on blue and not on green")
	for _, name := range []string{"by value", "by answer"} {
		if s := stepOf(t, r.sink.find(t, "s/no"), name); s.Verdict != run.Skip {
			t.Errorf("step %s is %s, want skipped", name, s.Verdict)
		}
	}
	if slices.Contains(blue.paths(), "GET /more") {
		t.Error("a step whose condition does not hold was sent")
	}
}

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
	want(t, r.run(), run.Pass)
	for _, s := range r.sink.find(t, "s/c[1]").Steps {
		if skipped := strings.HasPrefix(s.Name, "skipped"); skipped != (s.Verdict == run.Skip) {
			t.Errorf("step %s: %s %v", s.Name, s.Verdict, s.Reasons)
		}
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
	want(t, end, run.Fail, "got 500")
	wantPaths := []string{"POST /in", "GET /fail", "DELETE /clean", "GET /two/t", "POST /out"}
	if got := blue.paths(); !slices.Equal(got, wantPaths) {
		t.Errorf("blue got %v, want %v", got, wantPaths)
	}
	if end.Counts.Cases != 2 || end.Counts.Requests != (run.PerSide{Blue: 5, Green: 5}) {
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
	want(t, end, run.Fail, "green: expected status 2xx, got 503 (a/(setup))", `setup failed: step "in"`)
	if c := r.sink.find(t, "a/one"); c.Verdict != run.Broken {
		t.Errorf("the case is %s, want broken", c.Verdict)
	}
	if c := r.sink.find(t, "b/two"); c.Verdict != run.Pass {
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
	want(t, r.run(), run.Pass)
	if got := blue.paths(); !slices.Equal(got, []string{"POST /in", "GET /one", "POST /in", "GET /one"}) {
		t.Errorf("blue got %v", got)
	}
	blue, green = doubles(answer(map[string]int{"green": 1}))
	r = newRig(t, blue, green).file("s.yaml", suite)
	want(t, r.run(), run.Inconclusive, "flaky")
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
	want(t, r.run(), run.Pass)
	if got := blue.paths(); !slices.Equal(got, []string{"POST /in", "GET /1", "GET /2", "POST /in", "GET /3"}) {
		t.Errorf("blue got %v", got)
	}
}
