package scout

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios"
)

// serve starts a service that calls itself name and runs build.
func serve(t *testing.T, name, build string) string {
	t.Helper()
	var count atomic.Int64
	mux := http.NewServeMux()
	json := func(path, format string, args ...any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("X-Cluster-Node", fmt.Sprintf("%s-%d", name, count.Add(1)))
			fmt.Fprintf(w, format, args...)
		})
	}
	json("/version", `{"app": {"git_commit": %q, "cluster": %q, "started": 17}, "version": "2.4"}`, build, name)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"region": "%s-%d"}`, name, count.Add(1)) // another one in each answer: a counter, no identity
	})
	json("/v1/channels", `{"channels": []}`)
	json("/v1/titles", `{"titles": []}`)
	json("/api", `{"links": ["/v1/channels?region=seoul", "/v1/session/logout", "//elsewhere.example/x", "/v1/channels/{id}", "/v1/gone"]}`)
	json("/openapi.json", `{"openapi": "3.0.3", "servers": [{"url": "https://api.example/v1"}], "paths": {
		"/titles": {"get": {"parameters": [{"name": "size", "in": "query"}]}, "post": {}},
		"/search": {"get": {"parameters": [{"name": "q", "in": "query", "required": true}]}},
		"/titles/{id}": {"get": {}}, "/orders": {"post": {}}}}`)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><p>sign in") })
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestLook(t *testing.T) {
	blue, green := serve(t, "kr-blue", "9f2c1e7"), serve(t, "kr-green", "9f2c1e7")
	found, err := Look(t.Context(), blue, green, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Identity{
		{Get: "/version", At: "$.app.cluster", Must: Differ, Blue: "kr-blue", Green: "kr-green"},
		{Get: "/version", At: "$.app.git_commit", Must: Same, Blue: "9f2c1e7", Green: "9f2c1e7"},
	}
	if !slices.Equal(found.Identity, want) {
		t.Errorf("identity %+v, want %+v", found.Identity, want)
	}
	var paths []string
	for _, e := range found.Endpoints {
		paths = append(paths, e.Path+" "+e.Media)
	}
	if want := []string{
		"/version application/json", "/status application/json", "/v1/titles application/json", "/v1/channels?region=seoul application/json",
	}; !slices.Equal(paths, want) {
		t.Errorf("endpoints %q, want %q", paths, want)
	}
	why := map[string]string{}
	for _, s := range found.Skipped {
		why[s.Path] = s.Why
	}
	for path, want := range map[string]string{
		"/health": "blue answers with a web page", "/ping": "both sides answer without a body", "/info": "both sides answer 404", "/v1/gone": "both sides answer 404",
	} {
		if why[path] != want {
			t.Errorf("%s is left out because %q, want %q", path, why[path], want)
		}
	}
}

// A path that only blue answers makes a case, which a run then fails; a path of health that
// neither side can answer is named.
func TestLookOneSided(t *testing.T) {
	serve := func(status map[string]int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			code, known := status[r.URL.Path]
			if !known {
				code = http.StatusNotFound
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprint(w, `{"cluster": "same"}`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	blue := serve(map[string]int{"/health": 200, "/ready": 503, "/ping": 404})
	green := serve(map[string]int{"/health": 503, "/ready": 503, "/ping": 200})
	found, err := Look(t.Context(), blue, green, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Endpoints) != 1 || found.Endpoints[0].Path != "/health" || found.Endpoints[0].Green != "answers 503" {
		t.Errorf("endpoints %+v, want /health that green answers with 503", found.Endpoints)
	}
	if len(found.Identity) > 0 {
		t.Errorf("identity %+v of a side that answers 503", found.Identity)
	}
	i := slices.IndexFunc(found.Skipped, func(s Skipped) bool { return s.Path == "/ready" })
	if i < 0 || found.Skipped[i].Guessed || found.Skipped[i].Why != "both sides answer 503" {
		t.Errorf("skipped %+v, want /ready with both sides' 503, not as a guess", found.Skipped)
	}
}

// pages serves a site of web pages; a site of one page sends it for any path.
func pages(t *testing.T, onePage bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Add("Server", "front")
		w.Header().Add("Server", r.Host) // a header of two values is never an identity
		switch {
		case r.URL.Path == "/" || onePage:
			fmt.Fprint(w, `<!doctype html><a class=x href="/about?a=1&amp;b=2#top">about</a> <a href="/sign-out">sign out</a> <a href="https://elsewhere.example/">x</a>`)
		case r.URL.Path == "/about":
			fmt.Fprint(w, "<html>about us")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Pages are cases where nothing else answers, or the user named them; a site of one page
// answers everything and shows nothing.
func TestLookAtPages(t *testing.T) {
	for _, row := range []struct {
		name    string
		onePage bool
		paths   []string
		want    []string
	}{
		{"a site", false, nil, []string{"/", "/about?a=1&b=2"}},
		{"a site of one page", true, nil, nil},
		{"a named page", true, []string{"/about"}, []string{"/about"}},
	} {
		found, err := Look(t.Context(), pages(t, row.onePage), pages(t, row.onePage), row.paths)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range found.Endpoints {
			got = append(got, e.Path)
		}
		if !slices.Equal(got, row.want) || len(found.Identity) > 0 {
			t.Errorf("%s: cases of %q, want %q; identity %v", row.name, got, row.want, found.Identity)
		}
	}
}

// A suite of health and version paths alone cannot pass a run.
func TestSuiteOfHealthIsAdvisory(t *testing.T) {
	for path, want := range map[string]bool{"/healthz": true, "/v1/channels": false} {
		suite := string(Suite(&Found{Endpoints: []Endpoint{{Path: path, Known: path == "/healthz"}}}))
		if got := strings.Contains(suite, "\ngate: advisory\n"); got != want {
			t.Errorf("%s: advisory %v, want %v\n%s", path, got, want, suite)
		}
	}
}

// Builds that differ are no identity that must be the same, and two names of one
// service are not told apart.
func TestLookFindsNoFalseIdentity(t *testing.T) {
	blue := serve(t, "kr", "9f2c1e7")
	for name, green := range map[string]string{"another build": serve(t, "kr", "aaaaaaa"), "the same service": blue} {
		found, err := Look(t.Context(), blue, green, []string{"/version"})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range found.Identity {
			if id.Must == Differ || strings.Contains(id.At, "commit") && name == "another build" {
				t.Errorf("%s: identity %+v", name, id)
			}
		}
	}
}

func TestLookUnreachable(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := Look(t.Context(), serve(t, "kr", "1"), gone.URL, []string{"/version"})
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || unreachable.Side != "green" {
		t.Errorf("got %v, want that green is unreachable", err)
	}
}

// What is written loads, whatever a service calls things.
func TestFilesLoad(t *testing.T) {
	found := &Found{
		Identity: []Identity{
			{Get: "/version?x=\"1\"", At: "$['a b'].cluster", Must: Differ, Blue: "b\n: {#", Green: "g"},
			{Get: "/v", Header: "x-cluster", Must: Differ, Blue: "b", Green: "g"},
		},
		Endpoints: []Endpoint{
			{Path: "/version?x=\"1\"", Media: "application/json"},
			{Path: "/", Media: ""},
			{Path: "/a/b"},
			{Path: "/a-b"},
			{Path: "/" + strings.Repeat("채널", 80), Media: "text/plain"},
			{Path: "/{id}:&*"},
		},
	}
	files := fstest.MapFS{
		ConfigFile: {Data: Config()}, EnvFile: {Data: Env("http://b.example", "http://g.example", found, []byte("rules: []\n"))},
		SuiteFile: {Data: Suite(found)},
	}
	if _, problems := scenarios.LoadConfig(files, ConfigFile); problems.HasErrors() {
		t.Errorf("%s: %v", ConfigFile, problems)
	}
	env, problems := scenarios.LoadEnv(files, EnvFile, scenarios.LoadOptions{})
	if problems.HasErrors() {
		t.Fatalf("%s: %v\n%s", EnvFile, problems, files[EnvFile].Data)
	}
	suites, problems := scenarios.Load(files, []string{SuiteDir}, scenarios.LoadOptions{Env: env})
	if problems.HasErrors() {
		t.Fatalf("%s: %v\n%s", SuiteFile, problems, files[SuiteFile].Data)
	}
	if got := len(suites[0].Cases); got != len(found.Endpoints) {
		t.Errorf("%d cases, want %d", got, len(found.Endpoints))
	}
}
