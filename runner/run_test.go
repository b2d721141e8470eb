package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/run"
)

func TestFailFast(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", "suite: s\ncases: [{case: bad, get: /x}, {case: b, get: /a}, {case: c, get: /a}]\n")
	r.options = Options{FailFast: true, Concurrency: 1}
	end := r.run()
	want(t, end, run.Fail, "got 404")
	if end.Counts.Skip != 2 || end.Counts.Fail != 1 {
		t.Errorf("counts %+v", end.Counts)
	}
}

type bySignal struct{}

func (bySignal) Error() string     { return "stopped by interrupt" }
func (bySignal) SignalNumber() int { return 2 }

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	release := make(chan struct{})
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) { ok(w, `{"v":1}`) })
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" { // under way when the run is stopped; no answer ever comes
			cancel(bySignal{})
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		green.ServeHTTP(w, r)
	})
	r := newRig(t, blue, slow).file("s.yaml", "suite: s\ncases: [{case: one, get: /a}, {case: two, get: /slow}, {case: three, get: /a}]\n")
	defer close(release)
	r.ctx, r.options.Concurrency = ctx, 1
	end := r.run()
	want(t, end, run.Interrupted, "the run was stopped: stopped by interrupt after 1 of 3 cases")
	if end.Signal != 2 || end.Verdict.ExitStatus(end.Signal) != 130 {
		t.Errorf("signal %d, status %d", end.Signal, end.Verdict.ExitStatus(end.Signal))
	}
	if r.sink.end == nil || len(r.sink.cases) != 1 {
		t.Errorf("%d cases recorded, want the one that ended", len(r.sink.cases))
	}
}

func TestTimeLimit(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases: [{case: one, get: /a}, {case: two, get: /b, pause: 5s, steps: []}]\n")
	r.file("s.yaml", "suite: s\ncases:\n  - {case: one, get: /a}\n  - case: two\n    steps: [{step: a, get: /a}, {step: b, get: /b, pause: 30s}]\n")
	r.options.Timeout = time.Second
	want(t, r.run(), run.Broken, "the run reached its time limit after ") // 1 of 2 cases, or 0 on a busy machine
}

func TestSinkFailureIsBroken(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	for _, kind := range []string{"begin", "pair", "case", "end"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, good, good).file("s.yaml", oneCase)
			full := errors.New("no space left on device")
			r.sink.fail = func(e run.Event) error {
				if kind == "begin" && e.Begin != nil || kind == "pair" && e.Pair != nil || kind == "case" && e.Case != nil || kind == "end" && e.End != nil {
					return full
				}
				return nil
			}
			end, err := Execute(t.Context(), r.plan(), r.sink, nil)
			if !errors.Is(err, full) {
				t.Errorf("error %v, want %v", err, full)
			}
			want(t, end, run.Broken, "no space left on device")
		})
	}
}

func TestPanicBreaksItsCaseAlone(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", "suite: s\nenv: [BOOM]\ncases: [{case: one, get: \"/a?{{env.BOOM}}\"}, {case: two, get: /a}]\n")
	r.getenv = func(string) (string, bool) { return "1", true }
	r.change = func(p *Plan) {
		p.World.Getenv = func(name string) (string, bool) {
			if name == "BOOM" {
				panic("boom")
			}
			return "", false
		}
	}
	end := r.run()
	want(t, end, run.Broken, "internal error: boom at run_test.go")
	if c := r.sink.find(t, "s/two"); c.Verdict != run.Pass {
		t.Errorf("the other case is %s", c.Verdict)
	}
}

func TestResumeWalksOnlyWhatIsMissing(t *testing.T) {
	bodies := jsonHandler(map[string]string{"/a": `{"v":1}`, "/b": `{"v":1}`})
	file := "suite: s\ncases: [{case: one, get: /a}, {case: two, get: /b}, {case: three, get: /a}]\n"
	first := newRig(t, bodies, bodies).file("s.yaml", file)
	want(t, first.run(), run.Pass)
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("s.yaml", file)
	r.change = func(p *Plan) {
		done := *first.sink.find(t, "s/one")
		p.Done = func(yield func(*run.CaseResult, error) bool) { yield(&done, nil) }
		p.Doubtful = map[string]string{"s/three": "a write was under way when the run was killed"}
	}
	end := r.run()
	want(t, end, run.Broken, "a write was under way")
	if got := blue.paths(); !slices.Equal(got, []string{"GET /b"}) {
		t.Errorf("blue got %v", got)
	}
	if end.Counts.Cases != 3 || end.Counts.Pass != 2 || end.Counts.Broken != 1 {
		t.Errorf("counts %+v", end.Counts)
	}
}

// A run that was killed between its last case and its teardown owes the
// teardown: a difference there decides like any other.
func TestResumeWalksTheTeardownThatIsOwed(t *testing.T) {
	bodies := jsonHandler(map[string]string{"/a": `{"v":1}`, "/in": `{"v":1}`, "/out": `{"v":1}`})
	differs := jsonHandler(map[string]string{"/a": `{"v":1}`, "/in": `{"v":1}`, "/out": `{"v":2}`})
	file := "suite: s\nsetup: [{step: in, get: /in}]\nteardown: [{step: out, get: /out}]\ncases: [{case: one, get: /a}]\n"
	first := newRig(t, bodies, differs).file("s.yaml", file)
	want(t, first.run(), run.Fail)
	for _, row := range []struct {
		done []string // results that the earlier execution left
		want run.Verdict
		sent []string
	}{
		{[]string{"s/(setup)", "s/one"}, run.Fail, []string{"GET /in", "GET /out"}},
		{[]string{"s/(setup)", "s/one", "s/(teardown)"}, run.Fail, nil},
		{[]string{"s/(setup)"}, run.Fail, []string{"GET /in", "GET /a", "GET /out"}},
	} {
		blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
			if r.path == "/out" && d.name == "green" {
				ok(w, `{"v":2}`)
				return
			}
			ok(w, `{"v":1}`)
		})
		r := newRig(t, blue, green).file("s.yaml", file)
		r.change = func(p *Plan) {
			p.Done = func(yield func(*run.CaseResult, error) bool) {
				for _, id := range row.done {
					done := *first.sink.find(t, id)
					if !yield(&done, nil) {
						return
					}
				}
			}
		}
		want(t, r.run(), row.want)
		if got := blue.paths(); !slices.Equal(got, row.sent) {
			t.Errorf("done %v: blue got %v, want %v", row.done, got, row.sent)
		}
	}
}

func TestOrderOfResultsIsThePlans(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) { ok(w, `{"v":"%s"}`, r.query) })
	var rows strings.Builder
	for i := range 300 {
		fmt.Fprintf(&rows, "%d\n", i)
	}
	walked := func() (*run.End, *memory) {
		r := newRig(t, blue, green).file("rows.csv", "n\n"+rows.String()).file("s.yaml", "suite: s\ncases: [{case: one, data: {file: rows.csv}, get: /a, query: {n: \"{{n}}\"}}]\n")
		r.options.Concurrency = 16
		return r.run(), r.sink
	}
	a, first := walked()
	b, second := walked()
	want(t, a, run.Pass)
	if a.Coverage != b.Coverage {
		t.Errorf("coverage %v and %v: want the same from the same seed", a.Coverage, b.Coverage)
	}
	x, y := first.sorted(), second.sorted()
	for i := range x {
		if x[i].Index != i || x[i].ID != y[i].ID || x[i].Steps[0].First != y[i].Steps[0].First {
			t.Fatalf("result %d: index %d, ids %s and %s, first sides %s and %s", i, x[i].Index, x[i].ID, y[i].ID, x[i].Steps[0].First, y[i].Steps[0].First)
		}
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{}`) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
setup: [{step: in, post: /in, side_effects: isolated, json: {n: 1}, capture: {token: $.token, link: $.link}}]
cases:
  - case: one
    steps:
      - {step: a, get: "/a/{{token}}", query: {q: "{{token}}"}, auth: {bearer: "{{token}}"}}
      - {step: b, get: "{{link}}"}
`)
	var got []string
	for p, err := range DryRun(r.plan(), r.sink.Secret) {
		if err != nil {
			t.Fatal(err)
		}
		var line strings.Builder
		line.WriteString(p.Case + " " + p.Side + " " + p.Method + " " + strings.TrimPrefix(strings.TrimPrefix(p.URL, r.blue.URL), r.green.URL))
		for _, h := range p.Headers {
			if h.Name == "Authorization" {
				line.WriteString(" " + h.Value)
			}
		}
		got = append(got, line.String())
	}
	wantLines := []string{
		"s/(setup) blue POST /in", "s/(setup) green POST /in",
		"s/one blue GET /a/{{token}}?q={{token}} Bearer {{token}}", "s/one green GET /a/{{token}}?q={{token}} Bearer {{token}}",
		"s/one blue GET {{link}}", "s/one green GET {{link}}",
	}
	if !slices.Equal(got, wantLines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantLines, "\n"))
	}
	if len(blue.seen)+len(green.seen) != 0 {
		t.Error("something was sent")
	}
}

func TestLoadStage(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		answer := func(_ *double, w http.ResponseWriter, r *seen) {
			if r.path == "/in" {
				ok(w, `{"token":"t"}`)
				return
			}
			if r.header.Get("Authorization") != "Bearer t" {
				w.WriteHeader(401)
			}
			ok(w, `{"v":1}`)
		}
		file := `
suite: s
setup: [{step: in, post: /in, side_effects: isolated, capture: {token: $.token}}]
teardown: [{step: out, post: /out, side_effects: isolated, auth: {bearer: "{{token}}"}}]
cases:
  - {case: one, get: /one, auth: {bearer: "{{token}}"}}
  - {case: row, data: {rows: [{x: 1}, {x: 2}]}, get: "/row/{{x}}", auth: {bearer: "{{token}}"}}
  - {case: write, post: /w, side_effects: isolated, auth: {bearer: "{{token}}"}, json: {}}
load:
  - {load: peak, steps: [{case: one}, {case: row, weight: 2}], rate: 40/s, duration: 2s, warmup: 10ms}
  - {load: writing, steps: [{case: write}], rate: 40/s, duration: 2s, warmup: 10ms, writes: true}
`
		blue, green := doubles(answer)
		r := newRig(t, blue, green).file("s.yaml", file)
		r.change = func(p *Plan) { p.Suites[0].Loads[1].Writes = false } // the loader would refuse it
		var shown int
		r.progress = func(p Progress) {
			if p.Load != nil {
				shown++
			}
		}
		end := r.run()
		want(t, end, run.Inconclusive, "load peak:")
		if len(r.sink.loads) != 2 {
			t.Fatalf("%d load results", len(r.sink.loads))
		}
		l := r.sink.loads[0]
		if l.Requests.Blue < 30 || l.Errors != (run.PerSide{}) || l.Records == "" || len(l.Warnings) == 0 || shown == 0 {
			t.Errorf("load %+v, shown %d times", l, shown)
		}
		if w := r.sink.loads[1]; w.Verdict != run.Skip || !strings.Contains(w.Reason, "writes: true") {
			t.Errorf("writing: %s %s", w.Verdict, w.Reason)
		}
		if got := blue.count("/out"); got != 2 {
			t.Errorf("%d teardowns, want one after the cases and one after the session of the load", got)
		}
		for _, s := range blue.seen {
			if s.path == "/one" && strings.HasSuffix(s.header.Get("Traceparent"), "-00") {
				return
			}
		}
		t.Error("load does not carry a traceparent that is not sampled")
	})
}

func TestLoadOffLoopbackIsSkippedAndSaid(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", "suite: s\ncases: [{case: one, get: /a}]\nload: [{load: peak, steps: [{case: one}], rate: 40/s, duration: 1s}]\n")
	e := newExecution(r.plan(), r.sink, nil)
	e.remote = true
	end, err := e.execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, end, run.Inconclusive, "load peak was not run")
	if !slices.Contains(end.Audit.VerifiedWithout, "load") {
		t.Errorf("verified without %v", end.Audit.VerifiedWithout)
	}
	r = newRig(t, good, good).file("s.yaml", "suite: s\ncases: [{case: one, get: /a}]\nload: [{load: peak, steps: [{case: one}], rate: 40/s, duration: 1s}]\n")
	r.options.Part = OnlyCompare
	end = r.run()
	want(t, end, run.Pass)
	if !slices.Contains(end.Audit.VerifiedWithout, "load") {
		t.Errorf("--no-load: verified without %v", end.Audit.VerifiedWithout)
	}
}
