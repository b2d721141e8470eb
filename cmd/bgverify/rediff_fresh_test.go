package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRediffIsAFreshRun: re-judging an archive under changed rules and
// expectations gives what a fresh run of the same files gives on the same
// answers: verdict, reasons, gates, differences, causes, rules and coverage.
func TestRediffIsAFreshRun(t *testing.T) {
	t.Parallel()
	side := func(green bool) http.HandlerFunc {
		pick := func(blue, other string) string {
			if green {
				return other
			}
			return blue
		}
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Pod", pick("b-1", "g-7"))
			switch r.URL.Path {
			case "/list":
				fmt.Fprintf(w, `{"items":[{"id":"a","price":%s},{"id":"b","price":%s}],"total":2,"at":"2026-11-23T03:00:0%s"}`, pick("1000", `"1000"`), pick("2", `"2"`), pick("1Z", "4Z"))
			case "/order":
				fmt.Fprint(w, pick(`{"tags":["x","y","z"]}`, `{"tags":["y","x","z"]}`))
			case "/gone":
				w.WriteHeader(map[bool]int{false: 200, true: 404}[green])
				fmt.Fprint(w, `{"code":0}`)
			case "/token":
				fmt.Fprintf(w, `{"next":%q,"left":%s}`, pick("n-blue", "n-green"), pick("3.001", "3.002"))
			default:
				fmt.Fprintf(w, `{"seen":%q,"page":%s}`, r.URL.Query().Get("after"), pick("1", "1"))
			}
		}
	}
	suite := func(rules, cases string) string {
		return "suite: shop\n" + rules + `
cases:
  - {case: list, get: /list}
  - {case: order, get: /order}
  - {case: gone, get: /gone` + cases + `}
  - case: walk
    steps:
      - {get: /token, capture: {after: $.next}}
      - {get: /page, query: {after: "{{after}}"}}
`
	}
	const overlook = `rules:
  - {header: x-pod, do: ignore, why: a test}
  - {at: $..price, do: ignore, why: a test}
  - {at: $.at, do: ignore, why: a test}
  - {at: $.tags, do: ignore, why: a test}
  - {at: $.next, do: ignore, why: a test}
  - {at: $.left, do: ignore, why: a test}
`
	variants := []struct{ name, suite string }{
		{"no rule", suite("", "")},
		{"types may change", suite("rules:\n  - {at: $..price, do: allow, kind: type, why: a test, until: 2036-01-01}\n", "")},
		{"time, order and tolerance", suite(`rules:
  - {at: $..at, do: time, within: 1h, why: a test}
  - {at: $.tags, do: match, by: set, why: a test}
  - {at: $.left, do: tolerance, abs: 0.01, why: a test}
  - {at: $.nowhere, do: ignore, why: a test}
`, "")},
		{"what varies is ignored", suite(overlook, "")},
		{"another expectation", suite("", ", expect: {status: 200}")},
	}
	e := newEvidence(t)
	blue, green := serve(t, side(false)), serve(t, side(true))
	// One case at a time: how many connections a side takes is then the same each time.
	// The first run is told to overlook what would end the walk early: a step that
	// was never sent cannot be judged again.
	e.file("suite.yaml", suite(overlook, ""))
	if r := e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green, "--seed", "7", "--concurrency", "1", "--run-id", "base"); r.status != 1 {
		t.Fatalf("the first run ends with %d, want 1:\n%s%s", r.status, &r.out, &r.err)
	}
	verdicts := map[string]bool{}
	for i, v := range variants {
		e.file("suite.yaml", v.suite)
		fresh, again := fmt.Sprintf("fresh-%d", i), fmt.Sprintf("again-%d", i)
		f := e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green, "--seed", "7", "--concurrency", "1", "--run-id", fresh)
		r := e.wait(e.command("rediff", "base", "suite.yaml", "--run-id", again))
		if f.status == statusUsage {
			t.Fatalf("%s: %s", v.name, &f.err)
		}
		if f.status != r.status {
			t.Errorf("%s: a fresh run ends with %d, rediff with %d:\n%s%s%s", v.name, f.status, r.status, &f.err, &r.out, &r.err)
			continue
		}
		want, got := judgement(t, e.dir, fresh), judgement(t, e.dir, again)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: rediff differs from a fresh run (-fresh +rediff)\n%s", v.name, d)
		}
		text, _ := json.Marshal(want)
		verdicts[string(text)] = true
	}
	if len(verdicts) != len(variants) {
		t.Errorf("%d variants came to %d judgements: the test tells nothing apart", len(variants), len(verdicts))
	}
}

// Cases that the files of a rediff no longer have are left out of it, and an archive that was
// changed is not judged again: either made a pass of a run that fails.
func TestRediffLeavesNothingOut(t *testing.T) {
	t.Parallel()
	answer := func(other string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":1,"name":%q}`, map[bool]string{true: other, false: "x"}[r.URL.Path == "/b"])
		}
	}
	e := newEvidence(t)
	const one, both = "suite: s\ncases:\n  - {case: a, get: /a}\n", "suite: s\ncases:\n  - {case: a, get: /a}\n  - {case: b, get: /b}\n"
	e.file("suite.yaml", both)
	if r := e.bgverify("run", "suite.yaml", "--blue", serve(t, answer("x")), "--green", serve(t, answer("y")), "--run-id", "base"); r.status != 1 {
		t.Fatalf("the run ends with %d, want 1:\n%s%s", r.status, &r.out, &r.err)
	}
	e.file("suite.yaml", one)
	if r := e.bgverify("rediff", "base", "suite.yaml", "--run-id", "less"); r.status != 0 {
		t.Fatalf("rediff of one case ends with %d, want 0:\n%s%s", r.status, &r.out, &r.err)
	}
	for want, args := range map[int][]string{4: {"gate", "less"}, 0: {"gate", "less", "--partial"}} {
		if r := e.bgverify(append(args, "--without", "identity,load")...); r.status != want {
			t.Errorf("%v ends with %d, want %d:\n%s%s", args, r.status, want, &r.out, &r.err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(e.dir, "runs", "*-base", "scenarios", "*"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("the run keeps no scenario files (%v)", err)
	}
	for _, name := range kept {
		if err := os.WriteFile(name, []byte(one), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := e.bgverify("rediff", "base", "--run-id", "changed"); r.status != 3 {
		t.Errorf("rediff of a changed archive ends with %d, want 3:\n%s%s", r.status, &r.out, &r.err)
	}
}

// judgement is what run.json says of the answers, without when and by whom.
func judgement(t *testing.T, dir, id string) any {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(dir, "runs", "*-"+id))
	if err != nil || len(folders) != 1 {
		t.Fatalf("run %s has %d folders (%v)", id, len(folders), err)
	}
	text, err := os.ReadFile(filepath.Join(folders[0], "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "started", "parent", "answered", "verb", "flags", "audit", "environment", "tool"} {
		delete(v, name)
	}
	return without(v, "weaker", "elapsed_ms", "trace_id", "remote", "first", "requests", "connection")
}

// without drops members by name at any depth, and the number of requests sent.
func without(v any, names ...string) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			if slices.Contains(names, name) {
				delete(v, name)
				continue
			}
			v[name] = without(v[name], names...)
		}
	case []any:
		for i := range v {
			v[i] = without(v[i], names...)
		}
	case string:
		return sentText.ReplaceAllString(v, "requests")
	}
	return v
}

// sentText is what accounting says of requests: rediff sends none.
var sentText = regexp.MustCompile(`\d+ and \d+ requests`)
