package runner

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/run"
)

// underLoad runs one short load stage over a suite of cases and returns it.
func underLoad(t testing.TB, cases, stage string, blue, green http.HandlerFunc) (*rig, *run.LoadResult, *run.End) {
	t.Helper()
	r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases:\n"+cases+"load:\n  - {load: peak, rate: 30/s, duration: 4s, warmup: 1s, "+stage+"}\n")
	r.options.Part = OnlyLoad
	end := r.run()
	if len(r.sink.loads) != 1 {
		t.Fatalf("%d load results", len(r.sink.loads))
	}
	return r, &r.sink.loads[0], end
}

func kinds(l *run.LoadResult) (out []run.LoadFindingKind) {
	for _, f := range l.Findings {
		out = append(out, f.Kind)
	}
	return out
}

const loadedCase = "  - {case: one, get: /a}\n"

func sends(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}
}

// What a green may do wrong under load alone, each found by the comparison of its
// answers with blue's. None of it is an error by its status, its length or its
// first bytes.
func TestLoadJudgesAnswers(t *testing.T) {
	t.Parallel()
	list := func(last string) string {
		return `{"items":[` + strings.Repeat(`{"id":1,"name":"한빛"},`, 40) + last + `]}`
	}
	good := sends("application/json", list(`{"id":2}`))
	later := func(n int64, wrong http.HandlerFunc) http.HandlerFunc { // right at first
		var seen atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1) > n {
				wrong(w, r)
				return
			}
			good(w, r)
		}
	}
	zipped := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(body))
			_ = z.Close()
		}
	}
	chunks := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for part := range slices.Chunk([]byte(body), 300) {
				_, _ = w.Write(part)
				w.(http.Flusher).Flush()
			}
		}
	}
	large := func(middle string) string {
		return `{"pad":"` + strings.Repeat("x", 90<<10) + `","v":"` + middle + `","more":"` + strings.Repeat("y", 1000) + `"}`
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		sends("application/json", fmt.Sprintf(`{"path":%q}`, r.URL.Path))(w, r)
	}
	users := `  - {case: one, get: "/u/{{u}}", data: [{u: kim}, {u: lee}, {u: park}]}` + "\n"
	for _, c := range []struct {
		name, cases, stage string
		blue, green        http.HandlerFunc
		place              string
	}{
		{"an empty list", loadedCase, "steps: [{case: one}]", good, sends("application/json", `{"items":[]}`), "removed body $.items[*]"},
		{"the last of many elements", loadedCase, "steps: [{case: one}]", good, sends("application/json", list(`{"id":3}`)), "changed body $.items[*].id"},
		{"only after 60 requests", loadedCase, "steps: [{case: one}]", good, later(60, sends("application/json", list(`{"id":3}`))), "changed body $.items[*].id"},
		{"compressed", loadedCase, "steps: [{case: one}]", zipped(list(`{"id":2}`)), zipped(list(`{"id":3}`)), "changed body $.items[*].id"},
		{"compressed on one side", loadedCase, "steps: [{case: one}]", good, zipped(list(`{"id":3}`)), "changed body $.items[*].id"},
		{"in chunks", loadedCase, "steps: [{case: one}]", chunks(list(`{"id":2}`)), chunks(list(`{"id":3}`)), "changed body $.items[*].id"},
		{"inside a large body", loadedCase, "steps: [{case: one}]", sends("application/json", large("a")), sends("application/json", large("b")), "changed body $.v"},
		{"another user", users, "steps: [{case: one}]", echo, func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "kim", "lee", 1)
			echo(w, r)
		}, "changed body $.path"},
		{"another user, one side at a time", users, "pairing: interleaved, steps: [{case: one}]", echo, func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "kim", "lee", 1)
			echo(w, r)
		}, "changed body $.path"},
		{"one route of three", loadedCase + "  - {case: two, get: /b}\n  - {case: three, get: /c}\n", "steps: [{case: one, weight: 4}, {case: two, weight: 4}, {case: three}]", good, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/c" {
				sends("application/json", list(`{"id":3}`))(w, r)
				return
			}
			good(w, r)
		}, "changed body $.items[*].id"},
		{"a header", loadedCase, "steps: [{case: one}]", good, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=86400")
			good(w, r)
		}, "header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				r, l, end := underLoad(t, c.cases, c.stage, c.blue, c.green)
				want(t, end, run.Fail, "responses differ in")
				if len(l.Findings) == 0 || l.Findings[0].Kind != run.LoadDiffers || !strings.Contains(l.Findings[0].Place, c.place) {
					t.Fatalf("findings %+v, want a difference at %s", l.Findings, c.place)
				}
				gate := slices.IndexFunc(end.Gates, func(g run.GateResult) bool { return g.Name == "load peak responses equal" })
				if gate < 0 || end.Gates[gate].Verdict != run.Fail {
					t.Errorf("no gate fails for the responses: %+v", end.Gates)
				}
				if len(l.Judging.Causes) == 0 || l.Judging.Causes[0].Blocks < findings.ManyBlocks {
					t.Errorf("causes %+v", l.Judging.Causes)
				}
				if n := len(l.Judging.Examples); n == 0 || n > findings.MaxPairs {
					t.Fatalf("%d examples", n)
				}
				for _, x := range l.Judging.Examples {
					pair := r.sink.pairs[x.Exchange]
					if pair == nil || pair.Blue == nil || pair.Green == nil || len(pair.Green.Answer) == 0 || len(x.Differences) == 0 {
						t.Fatalf("example %q has no exchanges: %+v", x.Exchange, pair)
					}
				}
			})
		})
	}
}

// What is not a difference under load, and what cannot fail a stage.
func TestLoadAcceptsAnswers(t *testing.T) {
	t.Parallel()
	counting := func() http.HandlerFunc {
		var n atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			sends("application/json", fmt.Sprintf(`{"v":"same","n":%d}`, n.Add(1)))(w, r)
		}
	}
	wrongOnce := func(at int64) func() http.HandlerFunc {
		return func() http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				v := "same"
				if n.Add(1) == at {
					v = "other"
				}
				sends("application/json", fmt.Sprintf(`{"v":%q}`, v))(w, r)
			}
		}
	}
	always := func(status int) func() http.HandlerFunc {
		return func() http.HandlerFunc { return answersStatus(status) }
	}
	for _, c := range []struct {
		name, cases string
		blue, green func() http.HandlerFunc // each attempt counts anew
		findings    []run.LoadFindingKind
		pairs       bool
	}{
		{"a rule hides it", "  - {case: one, get: /a, rules: [{at: $.n, do: ignore, why: counts}]}\n", counting, counting, nil, true},
		{"the case does not compare", "  - {case: one, get: /a, compare: none, expect: {status: 200}}\n", counting, counting, nil, false},
		{"once in a run", loadedCase, wrongOnce(-1), wrongOnce(40), []run.LoadFindingKind{run.LoadDiffersOnce}, true},
		{"other statuses for each side", "  - {case: one, get: /a, expect: {status: 404, green: {status: 410}}, rules: [{where: status, do: ignore, why: gone for good}]}\n", always(404), always(410), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				_, l, end := underLoad(t, c.cases, "steps: [{case: one}]", c.blue(), c.green())
				if got := kinds(l); !slices.Equal(got, c.findings) {
					t.Errorf("findings %+v, want kinds %v", l.Findings, c.findings)
				}
				pairs, judged, _ := l.Judging.Sum()
				if (pairs > 0) != c.pairs || judged > pairs || l.Errors != (run.PerSide{}) || len(l.Judging.Unmet) > 0 {
					t.Errorf("judged %d of %d pairs, errors %+v, unmet %+v", judged, pairs, l.Errors, l.Judging.Unmet)
				}
				if len(c.findings) > 0 {
					want(t, end, run.Inconclusive, "all in one block")
				}
			})
		})
	}
}

// One wrong answer in a block decides also under --on-inconclusive warn.
func TestWarnDoesNotCoverAnswers(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		var n atomic.Int64
		right := sends("application/json", `{"v":1}`)
		green := func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 150 {
				sends("application/json", `{"v":"other"}`)(w, r)
				return
			}
			right(w, r)
		}
		r := newRig(t, right, http.HandlerFunc(green)).file("s.yaml", "suite: s\ncases:\n"+loadedCase+"load:\n  - {load: peak, rate: 30/s, duration: 4s, warmup: 1s, steps: [{case: one}]}\n")
		r.options.Part, r.options.OnInconclusive = OnlyLoad, Warn
		want(t, r.run(), run.Inconclusive, "all in one block")
	})
}

func answersStatus(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"v":1}`))
	}
}

// An answer that misses an expectation is an error of its side and is named, with
// its exchange; latency is the stage's own matter.
func TestLoadChecksExpectations(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		pad := `"pad":"` + strings.Repeat("x", 900) + `"`
		cases := `  - {case: one, get: /a, rules: [{at: $.ok, do: ignore, why: for the test}], expect: {latency: {lt: 1ns}, body: {$.ok: true}}}` + "\n"
		r, l, end := underLoad(t, cases, "steps: [{case: one}]", sends("application/json", `{`+pad+`,"ok":true}`), sends("application/json", `{`+pad+`,"ok":false}`))
		want(t, end, run.Fail, "green: ", "did not meet an expectation: expected $.ok is true, got false")
		if u := l.Judging.Unmet; len(u) != 1 || u[0].Side != "green" || u[0].What != "$.ok is true" || u[0].Count == 0 {
			t.Errorf("unmet %+v", l.Judging.Unmet)
		}
		if n := len(l.Judging.Examples); n != findings.ExamplesEach {
			t.Errorf("%d examples, want %d", n, findings.ExamplesEach)
		}
		for _, x := range l.Judging.Examples {
			if pair := r.sink.pairs[x.Exchange]; pair == nil || pair.Blue != nil || pair.Green == nil {
				t.Errorf("example %q: %+v", x.Exchange, pair)
			}
		}
	})
}

// A cold green, and connections that only green loses.
func TestLoadComparesConnections(t *testing.T) {
	t.Parallel()
	good := sends("application/json", `{"v":1}`)
	cold := func() http.HandlerFunc {
		var n atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			if i := n.Add(1); i < 40 && i%3 == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			good(w, r)
		}
	}
	var mu sync.Mutex
	known := map[string]bool{}
	resets := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		again := known[r.RemoteAddr]
		known[r.RemoteAddr] = true
		mu.Unlock()
		if again {
			panic(http.ErrAbortHandler)
		}
		good(w, r)
	}
	closes := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		good(w, r)
	}
	quiet := "  - {case: one, get: /a, rules: [{header: connection, do: ignore, why: for the test}]}\n"
	for _, c := range []struct {
		name  string
		green func() http.HandlerFunc // each attempt begins anew
		kind  run.LoadFindingKind
		gate  string
	}{
		{"fails while it is cold", cold, run.LoadColdErrors, "warm-up"},
		{"resets what is reused", func() http.HandlerFunc { return resets }, run.LoadConnectionsDie, "connections"},
		{"closes what blue keeps", func() http.HandlerFunc { return closes }, run.LoadConnectionsClose, "connections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				_, l, end := underLoad(t, quiet, "connections: 8, steps: [{case: one}]", good, c.green())
				want(t, end, run.Fail, "load peak: ")
				if !slices.Contains(kinds(l), c.kind) {
					t.Errorf("findings %+v, want %s", l.Findings, c.kind)
				}
				if !slices.ContainsFunc(end.Gates, func(g run.GateResult) bool { return g.Name == "load peak "+c.gate && g.Verdict == run.Fail }) {
					t.Errorf("gates %+v", end.Gates)
				}
			})
		})
	}
}
