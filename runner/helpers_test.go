package runner

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A memory is a Sink that keeps everything.
type memory struct {
	mu      sync.Mutex
	begin   *run.Header
	end     *run.End
	cases   []run.CaseResult
	loads   []run.LoadResult
	pairs   map[string]*run.Pair
	intents []run.Intent
	secrets map[string]string
	order   []string // kinds of events
	fail    func(run.Event) error
}

func (m *memory) Secret(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secrets == nil {
		m.secrets = map[string]string{}
	}
	m.secrets[value] = name
}

func (m *memory) Emit(e run.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(e); err != nil {
			return err
		}
	}
	switch {
	case e.Begin != nil:
		m.begin = e.Begin
		m.order = append(m.order, "begin")
	case e.Intent != nil:
		m.intents = append(m.intents, *e.Intent)
		m.order = append(m.order, "intent")
	case e.Pair != nil:
		if m.pairs == nil {
			m.pairs = map[string]*run.Pair{}
		}
		m.pairs[e.Pair.Key] = e.Pair
		m.order = append(m.order, "pair")
	case e.Case != nil:
		m.cases = append(m.cases, *e.Case)
		m.order = append(m.order, "case")
	case e.Load != nil:
		m.loads = append(m.loads, *e.Load)
		m.order = append(m.order, "load")
	case e.End != nil:
		m.end = e.End
		m.order = append(m.order, "end")
	}
	return nil
}

type memoryFile struct {
	bytes.Buffer
	name string
}

func (f *memoryFile) Name() string { return f.name }
func (f *memoryFile) Close() error { return nil }

func (m *memory) LoadFile(stage string) (run.RecordWriter, error) {
	return &memoryFile{name: "load/" + stage + ".bin"}, nil
}

// sorted are the cases in plan order.
func (m *memory) sorted() []run.CaseResult {
	out := slices.Clone(m.cases)
	slices.SortStableFunc(out, func(a, b run.CaseResult) int { return cmp.Compare(a.Index, b.Index) })
	return out
}

func (m *memory) find(t testing.TB, id string) *run.CaseResult {
	t.Helper()
	for i := range m.cases {
		if m.cases[i].ID == id {
			return &m.cases[i]
		}
	}
	t.Fatalf("no result of case %s among %d", id, len(m.cases))
	return nil
}

// stepOf finds a step of a case by its name.
func stepOf(t testing.TB, r *run.CaseResult, name string) *run.StepResult {
	t.Helper()
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	t.Fatalf("case %s has no step %q", r.ID, name)
	return nil
}

// A trial run: suites as YAML against two handlers.
type rig struct {
	t           testing.TB
	files       fstest.MapFS
	blue, green *httptest.Server
	vars        []scenarios.Named
	env         string // env file
	options     Options
	getenv      func(string) (string, bool)
	change      func(*Plan)
	sink        *memory
	progress    func(Progress)
	ctx         context.Context
	noURLs      bool // the suites name the sides' URLs themselves
}

func newRig(t testing.TB, blue, green http.Handler) *rig {
	t.Helper()
	r := &rig{t: t, files: fstest.MapFS{}, sink: &memory{}, ctx: t.Context(), options: Options{Seed: 7, Concurrency: 4}}
	r.blue, r.green = httptest.NewServer(unasked(blue)), httptest.NewServer(unasked(green))
	t.Cleanup(r.blue.Close)
	t.Cleanup(r.green.Close)
	return r
}

// unasked answers the requests that ask how a side is reached, so
// that a handler sees those of cases alone; a bent wants all.
func unasked(h http.Handler) http.Handler {
	if _, wanted := h.(*bent); wanted {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(probeHeader) == "" {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"asked":true}`))
	})
}

func (r *rig) file(name, text string) *rig {
	r.files[name] = &fstest.MapFile{Data: []byte(text)}
	return r
}

// plan loads the suites, which must have no problem.
func (r *rig) plan() *Plan {
	r.t.Helper()
	opts := scenarios.LoadOptions{Now: time.Now(), Seed: r.options.Seed, Vars: r.vars, Getenv: r.getenv, Demand: true, BlueURL: r.blue.URL, GreenURL: r.green.URL, SameSides: true}
	if r.noURLs {
		opts.BlueURL, opts.GreenURL = "", ""
	}
	if r.env != "" {
		r.files["stage.yaml"] = &fstest.MapFile{Data: []byte(r.env)}
		env, problems := scenarios.LoadEnv(r.files, "stage.yaml", opts)
		r.refuse(problems)
		delete(r.files, "stage.yaml")
		opts.Env = env
	}
	suites, problems := scenarios.Load(r.files, []string{"."}, opts)
	r.refuse(problems)
	p := &Plan{ID: "test", Tool: run.Tool{Name: "bgverify", Version: "test"}, Suites: suites, Env: opts.Env, Vars: r.vars, Options: r.options, World: World{Now: time.Now, Getenv: r.getenv, Files: r.files}}
	if r.change != nil {
		r.change(p)
	}
	return p
}

func (r *rig) refuse(problems scenarios.Problems) {
	r.t.Helper()
	if problems.HasErrors() {
		var b strings.Builder
		_ = problems.Write(&b)
		r.t.Fatalf("problems:\n%s", b.String())
	}
}

func (r *rig) run() *run.End {
	r.t.Helper()
	end, err := Execute(r.ctx, r.plan(), r.sink, r.progress)
	if err != nil {
		r.t.Fatalf("Execute: %v", err)
	}
	return end
}

// want holds the verdict and that every text is found in the reasons.
func want(t testing.TB, end *run.End, v run.Verdict, texts ...string) {
	t.Helper()
	all := strings.Join(end.Reasons, "\n")
	if end.Verdict == run.Pass && v != run.Pass {
		steady.Wrong(t, "verdict pass, want %s; warnings:\n%s", v, strings.Join(end.Warnings, "\n"))
		return
	}
	if end.Verdict != v {
		t.Errorf("verdict %s, want %s; reasons:\n%s\nwarnings:\n%s", end.Verdict, v, all, strings.Join(end.Warnings, "\n"))
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("no reason names %q; reasons:\n%s", text, all)
		}
	}
}

// jsonHandler answers fixed bodies by path; an unknown path is a 404 with JSON.
func jsonHandler(bodies map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, ok := bodies[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"message":"not found"}`
		}
		_, _ = w.Write([]byte(body))
	})
}

type mapFile = fstest.MapFile

func named1(name, value string) scenarios.Named { return scenarios.Named{Name: name, Value: value} }
