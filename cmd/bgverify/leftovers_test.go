package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A rowStore creates and deletes rows, and counts what it did.
type rowStore struct {
	mu   sync.Mutex
	name string
	made int
	rows map[string]bool
	// foreign are the deletions of rows that no request created.
	foreign int
}

func newRowStore(name string) *rowStore {
	return &rowStore{name: name, rows: map[string]bool{"1": true}}
}

func (s *rowStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Store", "rows")
	id := strings.TrimPrefix(r.URL.Path, "/rows/")
	switch {
	case r.Method == "POST":
		s.made++
		id := fmt.Sprintf("%s-%d", s.name, s.made+1)
		s.rows[id] = true
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "tags": []string{"a", "b"}, "all": []map[string]any{{"id": id}, {"id": "1"}}})
	case r.Method == "DELETE" && s.rows[id]:
		if id == "1" {
			s.foreign++
		}
		delete(s.rows, id)
		_ = json.NewEncoder(w).Encode(map[string]any{"deleted": true})
	case r.Method == "GET" && (s.rows[id] || r.URL.Path == "/"):
		_ = json.NewEncoder(w).Encode(map[string]any{"tags": []string{"a", "b"}})
	default:
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"message": "not found"})
	}
}

// left says what is there besides the row that was there before.
func (s *rowStore) left() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rows) == 1 && s.rows["1"] && s.foreign == 0 {
		return ""
	}
	return fmt.Sprintf("%v, %d foreign rows deleted", s.rows, s.foreign)
}

// created counts the rows that requests made.
func (s *rowStore) created() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made
}

const rowRules = "rules: [{at: $..id, do: ignore, why: each side numbers its rows}]\n"

// Flows whose compensation needs what an answer gave, in each place that it can be.
var flows = map[string]string{
	"cleanup": `
cases:
  - case: c
    steps:
      - {step: create, post: /rows, side_effects: compensated, json: {}, capture: {row: $.id}}
      - {step: read, get: '/rows/{{row}}'}
    cleanup: [{step: undo, delete: '/rows/{{row}}', side_effects: compensated}]
`,
	"a step of the flow, and its answer is not looked at": `
cases:
  - case: c
    steps:
      - {step: create, post: /rows, side_effects: compensated, compare: none, json: {}, expect: {status: [201, 203]}, capture: {row: $.id}}
      - {step: undo, delete: '/rows/{{row}}', side_effects: compensated, compensates: create}
      - {step: gone, get: '/rows/{{row}}', expect: {status: 404}}
`,
	"the id is in a list": `
cases:
  - case: c
    steps:
      - {step: create, post: /rows, side_effects: compensated, compare: none, json: {}, expect: {status: [201, 203]}, capture: {row: {at: '$.all[0].id'}}}
      - {step: look, get: /}
    cleanup: [{step: undo, delete: '/rows/{{row}}', side_effects: compensated, expect: {status: [200, 404]}}]
`,
	"without trace ids": `
cases:
  - case: c
    data: {rows: [{kind: 1}, {kind: 2}, {kind: 3}, {kind: 4}]}
    steps:
      - {step: create, trace: "off", post: /rows, side_effects: compensated, json: {}, capture: {row: $.id}}
    cleanup: [{step: undo, delete: '/rows/{{row}}', side_effects: compensated}]
`,
	"setup and teardown": `
setup: [{step: sign up, post: /rows, side_effects: compensated, json: {}, capture: {row: $.id}}]
teardown: [{step: sign out, delete: '/rows/{{row}}', side_effects: compensated}]
cases:
  - {case: c, get: '/rows/{{row}}'}
`,
	"crossover": `
cases:
  - case: c
    crossover: true
    steps:
      - {step: create, post: /rows, side_effects: compensated, json: {}, capture: {row: $.id}}
      - {step: look, get: /}
    cleanup: [{step: undo, delete: '/rows/{{row}}', side_effects: compensated, compare: none, expect: {status: [200, 404]}}]
`,
}

// Whatever a fault hides, selftest takes back what its runs created, and so does calibrate.
func TestNothingIsLeftBehind(t *testing.T) {
	for name, cases := range flows {
		t.Run(name, func(t *testing.T) {
			blue, green := newRowStore("b"), newRowStore("g")
			b, g := serve(t, blue.ServeHTTP), serve(t, green.ServeHTTP)
			e := newEvidence(t)
			e.file("s.yaml", "suite: s\n"+rowRules+cases)
			r := e.bgverify("selftest", "s.yaml", "--blue", b, "--green", g, "--stale-after", "0s", "--no-progress")
			if (r.status != 0 && r.status != 1) || !strings.Contains(r.out.String(), "created and taken back: ") {
				t.Errorf("exit %d\n%s%s", r.status, &r.out, &r.err)
			}
			for _, s := range []*rowStore{blue, green} {
				if left := s.left(); left != "" || s.created() < 5 {
					t.Errorf("after selftest: %s: %s, %d created\n%s", s.name, left, s.created(), &r.out)
				}
			}
			r = e.bgverify("calibrate", "s.yaml", "--blue", b, "--green", g, "--rounds", "2", "--settle", "0", "--no-progress")
			if r.status != 0 {
				t.Errorf("exit %d\n%s%s", r.status, &r.out, &r.err)
			}
			for _, s := range []*rowStore{blue, green} {
				if left := s.left(); left != "" {
					t.Errorf("after calibrate: %s: %s\n%s%s", s.name, left, &r.out, &r.err)
				}
			}
		})
	}
}
