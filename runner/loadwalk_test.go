package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/run"
)

// A shop is a service of sessions that boxes walk through: sign in, look, keep
// something, and forget it. What it does wrong, a test says.
type shop struct {
	mu     sync.Mutex
	tokens map[string]string // token: user
	kept   map[string]bool   // of users
	n      atomic.Int64
	wrong  func(w http.ResponseWriter, r *http.Request, s *shop) bool // true: it has answered
}

func newShop() *shop { return &shop{tokens: map[string]string{}, kept: map[string]bool{}} }

func (s *shop) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if s.wrong != nil && s.wrong(w, r, s) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/sign-in" {
		var in struct{ User string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.n.Add(1)
		random := make([]byte, 16)
		_, _ = rand.Read(random) // never fails
		token := hex.EncodeToString(random)
		s.tokens[token] = in.User
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: token, Path: "/"})
		fmt.Fprintf(w, `{"token":%q}`, token)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	user := s.tokens[token]
	cookie, err := r.Cookie("sid")
	if user == "" || err != nil || cookie.Value != token {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":401}`)
		return
	}
	switch r.Method {
	case "POST":
		s.kept[user] = true
		w.WriteHeader(http.StatusCreated)
	case "DELETE":
		if !s.kept[user] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		delete(s.kept, user)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	fmt.Fprintf(w, `{"user":%q,"path":%q}`, user, r.URL.Path)
}

const visitCase = `  - case: visit
    data: [{u: kim}, {u: lee}, {u: park}, {u: choi}]
    vars: {who: "{{u}}-{{$uuid}}"}
    steps:
      - step: sign in
        post: /sign-in
        side_effects: idempotent
        json: {user: "{{who}}"}
        rules: [{at: $.token, do: map, as: token, why: each side makes its own}]
        capture: {token: $.token}
      - {step: look, get: /look, auth: {bearer: "{{token}}"}}
      - step: keep
        post: /keep
        auth: {bearer: "{{token}}"}
        side_effects: compensated
        expect: {status: 201}
      - {step: last, get: /last, auth: {bearer: "{{token}}"}}
    cleanup:
      - {step: forget, delete: /keep, auth: {bearer: "{{token}}"}, side_effects: compensated, expect: {status: 204}}
`

func walks(t testing.TB, stage string, blue, green *shop) (*run.LoadResult, *run.End, *rig) {
	t.Helper()
	r, l, end := underLoad(t, visitCase, "writes: true, steps: [{case: visit}], "+stage, blue.ServeHTTP, green.ServeHTTP)
	return l, end, r
}

// Equal sides that are walked under load have no finding, whatever the measurement
// says, and nothing that the walks created is left.
func TestWalksOfEqualSides(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		blue, green := newShop(), newShop()
		l, end, _ := walks(t, "pairing: simultaneous", blue, green)
		if end.Verdict == run.Fail || end.Verdict == run.Broken || l.Judging == nil || len(l.Judging.Unmet) > 0 || l.Errors != (run.PerSide{}) {
			t.Fatalf("verdict %s, errors %v, reasons %v", end.Verdict, l.Errors, end.Reasons)
		}
		for _, f := range l.Findings {
			if f.Kind == run.LoadDiffers || f.Kind == run.LoadDiffersOnce {
				t.Errorf("a difference: %+v", f)
			}
		}
		if b, g := blue.left(), green.left(); b != 0 || g != 0 {
			t.Errorf("left on blue %d, on green %d", b, g)
		}
		if l.PerWalk != 5 || l.Requests.Blue < 5*60 || l.Requests.Green != l.Requests.Blue {
			t.Errorf("%g requests a walk, %v in all", l.PerWalk, l.Requests)
		}
		if !slices.Contains(l.Routes, "whole walk of s/visit") || !slices.Contains(l.Routes, "visit, look: GET /look") {
			t.Errorf("routes %q", l.Routes)
		}
		if blue.n.Load() != green.n.Load() {
			t.Errorf("%d walks of blue and %d of green", blue.n.Load(), green.n.Load())
		}
		for _, j := range l.Judging.Routes {
			if j.Pairs == 0 || j.Judged != j.Pairs {
				t.Errorf("route %s: %d of %d pairs were compared", j.Name, j.Judged, j.Pairs)
			}
		}
	})
}

// What a green may do wrong in the middle of a walk fails the stage.
func TestWalksFindAWrongGreen(t *testing.T) {
	t.Parallel()
	user := func(w http.ResponseWriter, name, path string) bool {
		fmt.Fprintf(w, `{"user":%q,"path":%q}`, name, path)
		return true
	}
	for _, c := range []struct {
		name  string
		wrong func(http.ResponseWriter, *http.Request, *shop) bool
		want  string
	}{
		{"another body in the fourth step", func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
			return r.URL.Path == "/last" && user(w, "nobody", "/last")
		}, "$.user changed"},
		{"the session of another walk", func(w http.ResponseWriter, r *http.Request, s *shop) bool {
			if r.URL.Path != "/last" {
				return false
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for token, name := range s.tokens { // any
				if "Bearer "+token != r.Header.Get("Authorization") {
					return user(w, name, "/last")
				}
			}
			return false
		}, "$.user changed"},
		{"the token of another walk", func(w http.ResponseWriter, r *http.Request, s *shop) bool {
			if r.URL.Path != "/sign-in" || s.n.Load() < 10 {
				return false
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for token := range s.tokens {
				http.SetCookie(w, &http.Cookie{Name: "sid", Value: token, Path: "/"})
				fmt.Fprintf(w, `{"token":%q}`, token)
				return true
			}
			return false
		}, "$.user"},
		{"a status in the third step", func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
			if r.Method == "POST" && r.URL.Path == "/keep" {
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
			return false
		}, "status 201"},
		{"nothing to capture", func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
			if r.URL.Path == "/sign-in" {
				fmt.Fprint(w, `{}`)
				return true
			}
			return false
		}, "token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				blue, green := newShop(), newShop()
				green.wrong = c.wrong
				_, end, _ := walks(t, "pairing: simultaneous", blue, green)
				want(t, end, run.Fail, c.want)
				if n := blue.left(); n != 0 {
					t.Errorf("left on blue: %d", n)
				}
			})
		})
	}
}

// A load that is cut short takes back what its walks have created by then.
func TestWalksThatAreCutLeaveNothing(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		blue, green := newShop(), newShop()
		paused := strings.Replace(visitCase, "{step: last, get", "{step: last, pause: 20s, get", 1)
		r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases:\n"+paused+
			"load:\n  - {load: peak, rate: 20/s, duration: 60s, warmup: 1s, writes: true, steps: [{case: visit}]}\n")
		r.options.Part = OnlyLoad
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		r.ctx = ctx
		var seen atomic.Int64
		blue.wrong = func(_ http.ResponseWriter, r *http.Request, _ *shop) bool {
			if r.URL.Path == "/keep" && seen.Add(1) == 20 {
				stop()
			}
			return false
		}
		end := r.run()
		if end.Verdict == run.Pass {
			t.Errorf("verdict %s", end.Verdict)
		}
		if b, g := blue.left(), green.left(); b != 0 || g != 0 || seen.Load() < 20 {
			t.Errorf("left on blue %d, on green %d of %d", b, g, seen.Load())
		}
	})
}
