package runner

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/run"
)

// visits loads a shop by a stage that writes its own rate, rates or users.
func visits(t testing.TB, stage string, blue, green *shop, options ...func(*rig)) (*run.LoadResult, *run.End) {
	t.Helper()
	r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases:\n"+visitCase+"load:\n  - {load: peak, writes: true, steps: [{case: visit}], "+stage+"}\n")
	r.options.Part = OnlyLoad
	for _, option := range options {
		option(r)
	}
	end := r.run()
	if len(r.sink.loads) != 1 {
		t.Fatalf("%d load results", len(r.sink.loads))
	}
	return &r.sink.loads[0], end
}

// sound reports what is wrong with a stage over equal sides, whatever was measured.
func sound(l *run.LoadResult, end *run.End, shops ...*shop) string {
	if end.Verdict == run.Fail && !onlySlow(l.Findings) || end.Verdict == run.Broken || l.Judging == nil || len(l.Judging.Unmet) > 0 || l.Errors != (run.PerSide{}) {
		return fmt.Sprintf("verdict %s, errors %v, reasons %v", end.Verdict, l.Errors, end.Reasons)
	}
	for _, j := range l.Judging.Routes {
		if j.Pairs == 0 || j.Judged < j.Pairs/2 || j.Differ > 0 {
			return fmt.Sprintf("route %s: %d of %d pairs were compared, %d differ", j.Name, j.Judged, j.Pairs, j.Differ)
		}
	}
	for i, s := range shops {
		if n := s.left(); n != 0 {
			return fmt.Sprintf("%d things are left in shop %d", n, i)
		}
	}
	return ""
}

// onlySlow reports that green fails for how long its new connections took, and for nothing else. That is a time which
// a busy machine makes: sides that are loaded in turns do not share it.
func onlySlow(findings []run.LoadFinding) bool {
	failed := slices.DeleteFunc(slices.Clone(findings), func(f run.LoadFinding) bool { return f.Verdict != run.Fail })
	return len(failed) > 0 && !slices.ContainsFunc(failed, func(f run.LoadFinding) bool { return f.Kind != run.LoadConnectionsSlow })
}

// Walks of users, of a ladder and of interleaved sides are compared step by step, and
// nothing that they create is left behind; so are those of blue against itself.
func TestWalksOfEveryStage(t *testing.T) {
	t.Parallel()
	const users = "users: {count: 4, ramp: 200ms, think: 20ms..60ms, duration: 3s}, warmup: 1s"
	for _, c := range []struct {
		name, stage string
		option      func(*rig)
	}{
		{"users", users, func(*rig) {}},
		{"users, interleaved", users + ", pairing: interleaved", func(*rig) {}},
		{"users, one of them shares connections", users + ", connections: 3, reconnect: 10%", func(*rig) {}},
		{"users, calibrated", users, func(r *rig) { r.options.Calibrate = true }},
		{"users, once more", users, func(r *rig) { r.options.OnInconclusive = RetryOnce }},
		{"a ladder", "rates: [10/s, 20/s], duration: 2s, warmup: 1s", func(*rig) {}},
		{"interleaved", "rate: 20/s, duration: 4s, warmup: 1s, pairing: interleaved", func(*rig) {}},
		{"calibrated", "rate: 20/s, duration: 3s, warmup: 1s", func(r *rig) { r.options.Calibrate = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				blue, green := newShop(), newShop()
				l, end := visits(t, c.stage, blue, green, c.option)
				if problem := sound(l, end, blue, green); problem != "" {
					t.Error(problem)
				}
				if l.PerWalk != 5 || !slices.Contains(l.Routes, "whole walk of s/visit") || l.Records == "" {
					t.Errorf("%g requests a walk, routes %q, records %q", l.PerWalk, l.Routes, l.Records)
				}
				if strings.HasPrefix(c.name, "users") != (l.Users != nil) {
					t.Errorf("users: %+v", l.Users)
				}
			})
		})
	}
}

// What a green may do wrong fails a closed loop as it fails walks at a rate.
func TestUsersFindAWrongGreen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wrong func(http.ResponseWriter, *http.Request, *shop) bool
		want  string
	}{
		{"another body in the last step", func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
			if r.URL.Path == "/last" {
				fmt.Fprint(w, `{"user":"nobody","path":"/last"}`)
				return true
			}
			return false
		}, "$.user changed"},
		{"a walk that ends early", func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
			if r.URL.Path == "/look" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		}, "status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				blue, green := newShop(), newShop()
				green.wrong = c.wrong
				l, end := visits(t, "users: {count: 6, think: 40ms..120ms, duration: 4s}, warmup: 1s", blue, green)
				want(t, end, run.Fail, c.want)
				if l.Verdict != run.Fail {
					t.Errorf("%s: %s", l.Verdict, l.Reason)
				}
				if b, g := blue.left(), green.left(); b+g != 0 {
					t.Errorf("left on blue %d, on green %d", b, g)
				}
			})
		})
	}
}

// Load is refused on a side that is marked live, and users where nothing holds them to a
// cap, with their place and before anything is sent.
func TestRefusedLoads(t *testing.T) {
	for _, c := range []struct{ name, env, stage, want string }{
		{"live", "sides: {green: {live: true}}", "rate: 10/s", "green is marked live"},
		{"live, users", "sides: {blue: {live: true}}", "users: {count: 2}", "blue is marked live"},
		{"no cap", "limits: {load: allow, max_rps: 10}", "users: {count: 2}", "nothing holds 2 users to it"},
		{"not enough to think", "limits: {load: allow, max_rps: 10}", "users: {count: 20, think: 500ms..9s}", "nothing holds 20 users to it"},
		{"enough to think", "limits: {load: allow, max_rps: 10}", "users: {count: 2, think: 2s}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
			r := newRig(t, http.HandlerFunc(asked), http.HandlerFunc(asked)).file("s.yaml", "suite: s\ncases:\n"+loadedCase+"load:\n  - {load: peak, steps: [{case: one}], "+c.stage+"}\n")
			r.env = c.env
			refused := Refused(t.Context(), r.plan())
			if got := len(refused) == 1 && strings.Contains(refused[0].String(), c.want); got != (c.want != "") || len(refused) > 0 && refused[0].Pos.Line == 0 {
				t.Errorf("refused %v, want %q", refused, c.want)
			}
		})
	}
}
