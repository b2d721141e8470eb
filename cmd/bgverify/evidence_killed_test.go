package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tortureEnv asks for the long form of the tests that kill and starve: how many
// moments a run is killed at, and every call instead of a seeded share.
const tortureEnv = "BGVERIFY_TORTURE"

// tortureMoments is how often a seeded test does its worst.
func tortureMoments(t *testing.T, usually int) int {
	t.Helper()
	text := os.Getenv(tortureEnv)
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number", tortureEnv, text)
	}
	return n
}

// killedSuite has all that resume must put together again: setup, captures,
// rows, unsafe steps that may be sent twice, cases that differ, cases that pass.
const killedSuite = `
suite: killed
setup:
  - {step: sign in, post: /session, side_effects: idempotent, capture: {token: $.token}, expect: {status: 200}, rules: [{at: $.token, do: ignore, why: each side signs its own}]}
teardown:
  - {step: sign out, delete: /session, side_effects: idempotent, expect: {status: 200}}
cases:
  - {case: rows, get: "/item/{{n}}", headers: {Authorization: "Bearer {{token}}"}, data: {rows: [{n: 1}, {n: 2}, {n: 3}, {n: 4}, {n: 5}, {n: 6}, {n: 7}, {n: 8}], name: "{{n}}"}}
  - {case: price, get: /price}
  - case: order
    steps:
      - {step: put, put: /order, side_effects: idempotent, json: {item: 4}, capture: {id: $.id}}
      - {step: look, get: "/order/{{id}}"}
  - {case: crossing, crossover: true, steps: [{step: a, get: /item/9}, {step: b, put: /order, side_effects: none, json: {item: 5}}, {step: c, get: /item/10}]}
  - {case: large, get: /large}
`

// killedSide answers the suite; prices are the side's own.
func killedSide(price string, seen *atomic.Int64) http.HandlerFunc {
	large := `{"rows":[` + strings.TrimSuffix(strings.Repeat(`{"title":"a title of some length","n":12345},`, 2000), ",") + `]}`
	return func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		time.Sleep(4 * time.Millisecond) // so that a run has a middle
		switch path := r.URL.Path; {
		case path == "/price":
			says(`{"price":`+price+`}`)(w, r)
		case path == "/large":
			says(large)(w, r)
		case path == "/session":
			says(`{"token":"token-of-`+price+`"}`)(w, r)
		default:
			says(`{"id":"o-1","path":"`+path+`","method":"`+r.Method+`"}`)(w, r)
		}
	}
}

// A run that is killed at any moment leaves a folder that is complete and
// verified, or says incomplete; that resumes, as often as it is killed again,
// and ends as a run that was left alone. Set BGVERIFY_TORTURE=200 for as many
// moments.
func TestEvidenceKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes: skipped with -short")
	}
	t.Parallel()
	e := newEvidence(t)
	e.file("suite.yaml", killedSuite)
	var seen atomic.Int64
	blue, green := serve(t, killedSide("12.5", &seen)), serve(t, killedSide("13", &seen))
	start := func(id string) *exec.Cmd {
		return e.command("run", "suite.yaml", "--run-id", id, "--blue", blue, "--green", green, "--seed", "7", "--concurrency", "3", "--no-progress")
	}
	began := time.Now()
	if r := e.wait(start("quiet")); r.status != 1 {
		t.Fatalf("exit status %d of the undisturbed run, want 1\n%s%s", r.status, &r.out, &r.err)
	}
	k := &killer{evidence: e, rng: rand.New(rand.NewPCG(8, 200)), span: time.Since(began), seen: &seen, want: caseVerdicts(t, e.runFolder("quiet"))}
	moments := tortureMoments(t, 4)
	counts := map[string]int{}
	for i := range moments {
		id := fmt.Sprintf("k%03d", i)
		counts[k.once(start(id), id)]++
	}
	t.Logf("%d moments within %v: %v", moments, k.span, counts)
	if moments >= 20 && (counts["resumed"] < moments/4 || k.sentBefore < moments/4) {
		t.Errorf("%d runs were resumed, %d had sent something: the test tests nothing", counts["resumed"], k.sentBefore)
	}
	if r := e.bgverify("gate", "quiet"); r.status != 1 {
		t.Errorf("the undisturbed run is damaged: gate ends with %d\n%s%s", r.status, &r.out, &r.err)
	}
}

// runFolder is the folder of a run, "" when there is none.
func (e *evidence) runFolder(id string) string {
	e.t.Helper()
	found, err := filepath.Glob(filepath.Join(e.dir, "runs", "2*-"+id))
	if err != nil || len(found) > 1 {
		e.t.Fatalf("folders of %s: %v, %v", id, found, err)
	}
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

type killer struct {
	*evidence
	rng        *rand.Rand
	span       time.Duration // how long an undisturbed run takes
	seen       *atomic.Int64 // requests at both sides
	want       map[string]string
	sentBefore int // runs that were killed after their first request
}

// kill starts a process and kills it at a moment of its span; it says whether
// the process was still there.
func (k *killer) kill(cmd *exec.Cmd) bool {
	k.t.Helper()
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(k.rng.Int64N(int64(k.span))), func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var failed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &failed) {
		k.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode() < 0
}

// once kills one run and holds what is left to the promise.
func (k *killer) once(cmd *exec.Cmd, id string) string {
	k.t.Helper()
	before := k.seen.Load()
	killed := k.kill(cmd)
	sent := k.seen.Load() - before
	if sent > 0 && killed {
		k.sentBefore++
	}
	folder := k.runFolder(id)
	if folder == "" {
		if sent > 0 {
			k.t.Errorf("%s: %d requests were sent, and there is no folder", id, sent)
		}
		return "before its folder"
	}
	switch verdict := runVerdict(k.t, folder); verdict {
	case "fail":
		if r := k.bgverify("gate", id); r.status != 1 {
			k.t.Errorf("%s says fail, and gate ends with %d\n%s%s", id, r.status, &r.out, &r.err)
		}
		return "behind its end"
	case "incomplete":
	default:
		k.t.Fatalf("%s: run.json says %q", id, verdict)
	}
	if r := k.bgverify("gate", id); r.status != 3 {
		k.t.Errorf("%s is incomplete, and gate ends with %d\n%s%s", id, r.status, &r.out, &r.err)
	}
	if sent == 0 { // it may have been killed before it wrote what it is
		r := k.bgverify("resume", id, "--same-green", "--no-progress")
		if never := r.status == 3 && strings.Contains(r.err.String(), "before it began"); r.status != 1 && !never {
			k.t.Errorf("%s: resume ends with %d\n%s%s", id, r.status, &r.out, &r.err)
		}
		return "before its first request"
	}
	if k.rng.IntN(2) == 0 {
		k.kill(k.command("resume", id, "--same-green", "--no-progress"))
	}
	r := k.bgverify("resume", id, "--same-green", "--no-progress")
	if r.status != 1 {
		k.t.Errorf("%s: resume ends with %d, want 1\n%s%s", id, r.status, &r.out, &r.err)
	}
	if diff := cmp.Diff(k.want, caseVerdicts(k.t, folder)); diff != "" {
		k.t.Errorf("%s: verdicts (-undisturbed +resumed):\n%s", id, diff)
	}
	if r := k.bgverify("gate", id); r.status != 1 {
		k.t.Errorf("%s was resumed, and gate ends with %d\n%s%s", id, r.status, &r.out, &r.err)
	}
	return "resumed"
}
