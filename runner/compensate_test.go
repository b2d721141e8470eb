package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// A store keeps rows that requests create and delete, and counts them.
type store struct {
	mu     sync.Mutex
	name   string
	next   int
	rows   map[string]bool
	answer func(w http.ResponseWriter, r *http.Request) bool // answers in its place
}

func newStore(name string) *store { return &store{name: name, rows: map[string]bool{}} }

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil && s.answer(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	switch {
	case r.Method == "POST" && strings.HasSuffix(id, "/cancel"):
		delete(s.rows, strings.TrimSuffix(id, "/cancel"))
		_, _ = io.WriteString(w, `{"state":"cancelled"}`)
	case r.Method == "POST":
		s.next++
		id := fmt.Sprintf("%s-%d", s.name, s.next)
		s.rows[id] = true
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id, "item": "title"})
	case r.Method == "DELETE" && s.rows[id]:
		delete(s.rows, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == "GET" && (s.rows[id] || r.URL.Path == "/open"):
		_, _ = io.WriteString(w, `{"item":"title"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"not found"}`)
	}
}

// left are the rows that are still there.
func (s *store) left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.rows))
}

const orderRules = "rules: [{at: $.id, do: ignore, why: each side numbers its orders}]\n"

// What a case creates is gone after it, however the case ends.
func TestWhatACaseCreatesIsTakenBack(t *testing.T) {
	fails := func(path string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, path) || r.Method != "GET" {
				return false
			}
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"message":"broken"}`)
			return true
		}
	}
	other := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/open" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"item":"another"}`)
		return true
	}
	refuses := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" {
			return false
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"message":"conflict"}`)
		return true
	}
	const create = `    - {step: create, post: /orders, side_effects: compensated, json: {item: title}, capture: {order: $.id}}
`
	for _, row := range []struct {
		name, why string
		green     func(http.ResponseWriter, *http.Request) bool
		head      string
		steps     string
		verdict   run.Verdict
		reasons   []string
	}{
		{"ends well", "the ordinary case", nil, "", create + "    - {step: read, get: '/orders/{{order}}'}\n  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]\n", run.Pass, nil},
		{"differs in its middle", "a difference is a finding and does not stop the walk", other, "", create + "    - {step: look, get: /open}\n    - {step: undo, delete: '/orders/{{order}}', side_effects: compensated}\n", run.Fail, []string{"$.item changed"}},
		{"expectation fails before the deleting step", "the later DELETE uses the capture, so it is sent all the same", fails("/open"), "", create + "    - {step: look, get: /open}\n    - {step: skipped, get: /open}\n    - {step: undo, delete: '/orders/{{order}}', side_effects: compensated}\n", run.Fail, []string{"look: "}},
		{"expectation fails, compensates names it", "a POST that cancels is named", fails("/open"), "", create + "    - {step: look, get: /open}\n    - {step: undo, post: '/orders/{{order}}/cancel', side_effects: compensated, compensates: create}\n", run.Fail, nil},
		{"expectation fails, cleanup takes it back", "", fails("/open"), "", create + "    - {step: look, get: /open}\n  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]\n", run.Fail, nil},
		{"green refuses to create", "only blue has something to take back", refuses, "", create + "    - {step: look, get: /open}\n  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]\n", run.Fail, nil},
		{"crossover", "each lane's order is deleted where it was created", nil, "    crossover: true\n", create + "    - {step: look, get: /open}\n    - {step: look again, get: /open}\n  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: [204, 404]}}]\n", run.Pass, nil},
		{"crossover ends early", "lanes that did not come to their end owe too", fails("/orders/"), "    crossover: true\n", create + "    - {step: read, get: '/orders/{{order}}'}\n  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: [204, 404]}}]\n", run.Fail, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			blue, green := newStore("b"), newStore("g")
			green.answer = row.green
			r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+orderRules+"cases:\n  - case: c\n"+row.head+"    steps:\n"+indent(row.steps))
			end := r.run()
			want(t, end, row.verdict)
			for side, s := range map[string]*store{"blue": blue, "green": green} {
				if left := s.left(); len(left) > 0 {
					t.Errorf("%s still has %v; case: %+v", side, left, r.sink.find(t, "s/c").Steps)
				}
			}
			if c := r.sink.find(t, "s/c"); row.green == nil && (c.Created == nil || c.Created.Open() != 0) {
				t.Errorf("account %+v, want everything taken back", c.Created)
			}
		})
	}
}

// What was created is told apart by what was captured, and it is taken back only by
// an answer that says so.
func TestTakenBackMeansGone(t *testing.T) {
	const undo = "  cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: [200, 204, 302, 404]}}]\n"
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "DELETE" {
				w.Header().Set("Location", "/login")
				w.WriteHeader(code)
			}
			return r.Method == "DELETE"
		}
	}
	const create = "{step: create, post: /orders, side_effects: compensated, json: {}, capture: {order: $.id}}"
	for _, row := range []struct {
		name, steps string
		green       func(http.ResponseWriter, *http.Request) bool
		verdict     run.Verdict
		left        int // rows on green
	}{
		{"a row for each round", strings.Replace(create, "post:", "repeat: 3, post:", 1), nil, run.Pass, 0},
		{"two steps capture one name", create + ", " + strings.Replace(create, "create", "another", 1), nil, run.Pass, 0},
		{"green does not find what it created", create, status(404), run.Fail, 1},
		{"green redirects", create, status(302), run.Fail, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			blue, green := newStore("b"), newStore("g")
			green.answer = row.green
			r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+orderRules+"cases:\n  - case: c\n    steps: ["+row.steps+"]\n"+indent(undo))
			end := r.run()
			want(t, end, row.verdict)
			if len(blue.left()) != 0 || len(green.left()) != row.left || end.Created.Open() != row.left {
				t.Errorf("left on blue %v, on green %v; account %+v", blue.left(), green.left(), end.Created)
			}
		})
	}
}

// indent moves the steps of a case below its steps: key.
func indent(steps string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(steps, "\n"), "\n", "\n  ") + "\n"
}

// A run that is stopped takes back what its cases and setups created.
func TestAStoppedRunTakesBack(t *testing.T) {
	for _, at := range []string{"/open", "/orders"} {
		t.Run(at, func(t *testing.T) {
			blue, green := newStore("b"), newStore("g")
			ctx, cancel := context.WithCancelCause(t.Context())
			inside := make(chan struct{}, 8)
			go func() {
				<-inside
				cancel(bySignal{})
			}()
			stop := func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == at {
					inside <- struct{}{}
					<-ctx.Done() // the request is on its way when the run is stopped
				}
				return false
			}
			green.answer = stop
			r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+orderRules+`
setup: [{step: sign up, post: /orders, side_effects: compensated, json: {}, capture: {account: $.id}}]
teardown: [{step: close, delete: '/orders/{{account}}', side_effects: compensated, compare: none, expect: {status: 204}}]
cases:
  - case: c
    steps:
      - {step: create, post: /orders, side_effects: compensated, json: {item: title}, capture: {order: $.id}}
      - {step: look, get: /open}
      - {step: never, get: /open}
    cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]
  - {case: d, get: /open}
`)
			r.ctx, r.options.Concurrency = ctx, 1
			end := r.run()
			want(t, end, run.Interrupted)
			if left := append(blue.left(), green.left()...); len(left) > 0 {
				t.Errorf("still there: %v; account %+v", left, end.Created)
			}
			if end.Created == nil || end.Created.Open() != 0 {
				t.Errorf("account %+v, want everything taken back", end.Created)
			}
		})
	}
}

// A leftover is listed with the request that would take it back.
func TestLeftoversAreListed(t *testing.T) {
	blue, green := newStore("b"), newStore("g")
	green.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "DELETE" {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"message":"broken"}`)
		return true
	}
	r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+orderRules+`
cases:
  - case: c
    steps: [{step: create, post: /orders, side_effects: compensated, json: {item: title}, capture: {order: $.id}}]
    cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]
`)
	end := r.run()
	want(t, end, run.Fail)
	if end.Created == nil || len(end.Created.Left) != 1 {
		t.Fatalf("account %+v, want one leftover", end.Created)
	}
	l := end.Created.Left[0]
	if l.Side != "green" || l.Undo != "DELETE "+r.green.URL+"/orders/g-1" || !strings.Contains(l.Why, "503") {
		t.Errorf("leftover %+v", l)
	}
	if !slices.ContainsFunc(end.Warnings, func(w string) bool { return strings.Contains(w, l.Undo) }) {
		t.Errorf("no warning names it: %q", end.Warnings)
	}
}

// A resumed run takes back what the killed one created, before it walks again.
func TestAResumedRunTakesBackFirst(t *testing.T) {
	blue, green := newStore("b"), newStore("g")
	const suite = "suite: s\n" + orderRules + `
setup: [{step: sign up, post: /orders, side_effects: compensated, json: {}, capture: {account: $.id}}]
teardown: [{step: close, delete: '/orders/{{account}}', side_effects: compensated, compare: none, expect: {status: 204}}]
cases:
  - case: c
    steps:
      - {step: create, post: /orders, side_effects: compensated, json: {item: title}, capture: {order: $.id}}
      - {step: look, get: /open}
    cleanup: [{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compare: none, expect: {status: 204}}]
`
	first := newRig(t, blue, green).file("s.yaml", suite)
	// It stands for a killed run: the rows stay, because their deletion is refused.
	blue.answer, green.answer = refuseDelete, refuseDelete
	_ = first.run()
	if len(blue.left()) == 0 || len(green.left()) == 0 {
		t.Fatalf("the killed run left nothing: %v %v", blue.left(), green.left())
	}
	blue.answer, green.answer = nil, nil
	second := newRig(t, blue, green).file("s.yaml", suite)
	second.blue, second.green = first.blue, first.green
	second.change = func(p *Plan) {
		p.Earlier = func(key string) (*run.Pair, error) { return first.sink.pairs[key], nil }
		p.Unfinished = map[string]*run.Unfinished{
			"s/(setup)": {Keys: []string{"s/(setup)/sign up"}},
			"s/c":       {Keys: []string{"s/c/create"}},
		}
	}
	end := second.run()
	want(t, end, run.Pass)
	if left := append(blue.left(), green.left()...); len(left) > 0 {
		t.Errorf("still there: %v; account %+v", left, end.Created)
	}
	if end.Created == nil || end.Created.Made != (run.PerSide{Blue: 4, Green: 4}) || end.Created.Open() != 0 {
		t.Errorf("account %+v, want 4 a side, all taken back", end.Created)
	}
}

// Names that a case generates are generated again when they are taken back, those
// made of the time included: a 404 would be taken for "gone already".
func TestAResumedRunGeneratesTheSameNames(t *testing.T) {
	for _, name := range []string{"{{$hex: 10}}", "{{$hex.side: 10}}", "{{$uuid}}", "{{$ulid}}", "{{$now | format: unix_ms}}"} {
		t.Run(name, func(t *testing.T) {
			blue, green := newStore("b"), newStore("g")
			suite := "suite: s\n" + `
cases:
  - case: c
    vars: {id: "n` + name + `"}
    steps:
      - {step: create, put: '/orders/{{id}}', side_effects: compensated, json: {item: title}, expect: {status: 201}}
    cleanup: [{step: undo, delete: '/orders/{{id}}', side_effects: compensated, compare: none, expect: {status: 204}}]
`
			accept := func(s *store, refuse bool) func(http.ResponseWriter, *http.Request) bool {
				return func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPut {
						id := strings.TrimPrefix(r.URL.Path, "/orders/")
						status := http.StatusCreated
						if s.rows[id] {
							status = http.StatusConflict
						}
						s.rows[id] = true
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(status)
						_, _ = io.WriteString(w, `{"item":"title"}`)
						return true
					}
					return refuse && refuseDelete(w, r)
				}
			}
			first := newRig(t, blue, green).file("s.yaml", suite)
			blue.answer, green.answer = accept(blue, true), accept(green, true)
			_ = first.run()
			if len(blue.left()) != 1 || len(green.left()) != 1 {
				t.Fatalf("the killed run left %v %v, want one row a side", blue.left(), green.left())
			}
			left := &run.Unfinished{Keys: []string{"s/c/create"}, Began: first.sink.intents[0].Began}
			blue.answer, green.answer = accept(blue, false), accept(green, false)
			second := newRig(t, blue, green).file("s.yaml", suite)
			second.blue, second.green = first.blue, first.green
			second.change = func(p *Plan) {
				p.Earlier = func(key string) (*run.Pair, error) { return first.sink.pairs[key], nil }
				p.Unfinished = map[string]*run.Unfinished{"s/c": left}
			}
			want(t, second.run(), run.Pass)
			if left := append(blue.left(), green.left()...); len(left) > 0 {
				t.Errorf("still there: %v", left)
			}
		})
	}
}

// refuseDelete answers every DELETE with 502.
func refuseDelete(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == "DELETE" {
		w.WriteHeader(http.StatusBadGateway)
	}
	return r.Method == "DELETE"
}

// A sign-up that must be unique works with crossing lanes, and when a load stage
// walks setup again.
func TestSetupThatMustBeUnique(t *testing.T) {
	signUp := func() http.Handler {
		seen, mu := map[string]int{}, sync.Mutex{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path != "/users" {
				_, _ = io.WriteString(w, `{"v":1}`)
				return
			}
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			if seen[string(body)]++; seen[string(body)] > 1 {
				w.WriteHeader(http.StatusConflict)
				_, _ = io.WriteString(w, `{"message":"the name is taken"}`)
				return
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"u-1"}`)
		})
	}
	suite := func(name string) string {
		return "suite: s\nvars: {name: \"" + name + `"}
setup: [{step: sign up, post: /users, side_effects: isolated, json: {name: "{{name}}"}, expect: {status: 201}, capture: {user: $.id}}]
session: {refresh_on: [401]}
cases:
  - case: c
    crossover: true
    steps: [{step: a, get: "/a?{{user}}"}, {step: b, get: /b}]
`
	}
	r := newRig(t, signUp(), signUp()).file("s.yaml", suite("{{$uuid}}"))
	want(t, r.run(), run.Pass)

	again := func(name string) *run.CaseResult {
		r := newRig(t, signUp(), signUp()).file("s.yaml", suite(name))
		e := newExecution(r.plan(), r.sink, nil)
		e.stop = func(error) {}
		if problems := e.build(); len(problems) > 0 {
			t.Fatal(problems)
		}
		defer e.pool.Close()
		s := e.suites[0]
		s.loopback = true
		s.session.mu.Lock()
		defer s.session.mu.Unlock()
		s.setup(t.Context(), &s.session)
		s.setup(t.Context(), &s.session)
		return r.sink.find(t, "s/(setup)~2")
	}
	if c := again("{{$uuid}}"); c.Verdict != run.Pass {
		t.Errorf("the second walk of setup is %s: %q", c.Verdict, c.Reasons)
	}
	if c := again("kim"); c.Verdict != run.Broken || !strings.Contains(c.Reasons[0], "walked again") {
		t.Errorf("a setup that fails only the second time is %s: %q", c.Verdict, c.Reasons)
	}
}
