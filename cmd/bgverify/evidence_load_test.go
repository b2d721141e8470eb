package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// loaded is a suite with one load stage over its cases.
func loaded(stage string, cases ...string) string {
	var b strings.Builder
	b.WriteString("suite: one\ncases:\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "  - {case: %s, get: /%s, timeout: 1s}\n", c, c)
	}
	b.WriteString("load:\n  - load: peak\n    steps: [")
	for i, c := range cases {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "{case: %s, weight: %d}", c, 9-8*i)
	}
	return b.String() + "]\n" + stage
}

const margins = "    margins: {p50: 10%, p95: 10%, p99: 20%, errors: 0.5%}\n"

// after answers when d has passed.
func after(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			h(w, r)
		case <-r.Context().Done():
		}
	}
}

// share answers every nth request with other.
func share(n int64, other, rest http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%n == 0 {
			other(w, r)
			return
		}
		rest(w, r)
	}
}

// A load stage that measured nothing, or the wrong thing, proves nothing.
func TestEvidenceLoad(t *testing.T) {
	t.Parallel()
	short := "    rate: 40/s\n    duration: 1s\n" + margins
	fine := after(5*time.Millisecond, says(`{"a":1}`))
	fails := answers(500, "application/json", `{"code":50000}`)
	page := "<html><body>" + strings.Repeat("sign in ", 200) + "</body></html>"
	moved := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	onlyLoad := []string{"--only-load"}
	prove(t, "load_verdict_empty", []proof{
		{name: "no results", suite: loaded(short, "item"), args: onlyLoad, blue: silent, status: 4, reason: `load peak: .*(baseline|circuit breaker).*blue`},
		{name: "100 % errors on both sides", suite: loaded(short, "item"), args: onlyLoad, blue: fails, status: 4, reason: `load peak: .*(baseline|circuit breaker).*blue`},
		{name: "fast errors improving latency", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: fails, status: 1, reason: `load peak: .*green`},
		{name: "some fast errors improving latency", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: share(2, fails, says(`{"a":1}`)), status: 1, reason: `load peak: .*(green|errors)`},
		{name: "fast errors in a 200", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: says(`{"error":"busy"}`), status: 1, reason: `load peak: .*green: \d+ answers of GET /\S* did not meet an expectation: expected an API answer, got an error in the body`},
		{name: "empty answers under load", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: says(""), status: 1, reason: `load peak: .*got an empty body`},
		{name: "the login page under load", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: answers(200, "text/html", page), status: 1, reason: `load peak: .*got an HTML page`},
		{name: "an answer under load that is not what is expected", suite: strings.Replace(loaded(short, "item"), "timeout: 1s", "expect: {body: {$.a: 1}}", 1), args: onlyLoad, blue: fine, green: says(`{"b":1}`), status: 1, reason: `load peak: .*expected \$\.a is 1, got nothing there`},
		{name: "errors in a 200 on both sides", suite: loaded(short, "item"), args: onlyLoad, blue: says(`{"error":"busy"}`), status: 4, reason: `load peak: .*(baseline|circuit breaker).*blue`},
		{name: "3xx counted as success", suite: loaded(short, "item"), args: onlyLoad, blue: fine, green: moved, status: 1, reason: `load peak: .*(green|errors)`},
		{name: "3xx on both sides", suite: loaded(short, "item"), args: onlyLoad, blue: moved, status: 4, reason: `load peak: .*(baseline|circuit breaker).*blue`},
		{name: "blue itself ill", suite: loaded(short, "item"), args: onlyLoad, blue: share(2, fails, says(`{"a":1}`)), green: says(`{"a":1}`), status: 4, reason: `load peak: .*circuit breaker: blue failed`},
		{name: "too few samples for the percentile", suite: loaded("    rate: 300/s\n    duration: 1s\n"+margins, "item"), args: onlyLoad, blue: fine, status: 4, reason: `load peak: .*blocks`},
		{
			name: "client saturated", suite: loaded("    rate: 50000/s\n    duration: 1s\n    warmup: 0s\n"+margins, "item"), args: onlyLoad, env: []string{"GOMAXPROCS=1"},
			blue: says(`{"a":1}`), status: 4, reason: `load peak: (generator: |stopped by the circuit breaker: blue failed)`,
		},
		{name: "blue itself ill, a little", suite: loaded(short, "item"), args: onlyLoad, blue: share(12, fails, says(`{"a":1}`)), green: says(`{"a":1}`), status: 4, reason: `load peak: baseline: blue itself failed \d+`},
		{name: "margin without a unit", suite: loaded("    rate: 40/s\n    duration: 1s\n    margins: {p95: 10}\n", "item"), status: 2, reason: `suite\.yaml:\d+:\d+: error: margin p95: .*unit`},
		{name: "rate without a unit", suite: loaded("    rate: 40\n    duration: 1s\n", "item"), status: 2, reason: `suite\.yaml:\d+:\d+: error: rate must be requests per time`},
		{name: "duration without a unit", suite: loaded("    rate: 40/s\n    duration: 3\n", "item"), status: 2, reason: `suite\.yaml:\d+:\d+: error: .*duration`},
		{name: "latency without a unit", suite: "suite: one\ncases:\n  - {case: item, get: /item, expect: {latency: {lt: 10}}}\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: `},
		{name: "load too short for its margins, strict", suite: loaded("    rate: 30/s\n    duration: 30s\n", "item"), args: []string{"--strict"}, status: 2, reason: `suite\.yaml:\d+:\d+: error: load "peak": 30/s for 30 s cannot prove errors below 0\.5 %: at least \d+ s`},
		{name: "load step of no case", suite: loaded(short, "item") + "  - load: other\n    steps: [{case: itme}]\n    rate: 4/s\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*itme`},
		{
			name: "required load that did not run", suite: one, files: map[string]string{"stage.yaml": "require: [compare, load]\n"}, args: []string{"--env", "stage.yaml"},
			blue: fine, status: 4, reason: `the stage requires load, and it did not run`,
		},
		{
			name: "required load switched off", suite: strings.Replace(loaded(short, "item"), "timeout: 1s", "timeout: 20s", 1), files: map[string]string{"stage.yaml": "require: [compare, load]\n"}, args: []string{"--env", "stage.yaml", "--no-load"},
			blue: fine, status: 4, reason: `the stage requires load, and it did not run`,
		},
	})
}

func TestEvidenceLoadStopped(t *testing.T) {
	t.Parallel()
	t.Run("load_verdict_empty/attack stopped early", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", loaded("    rate: 20/s\n    duration: 60s\n"+margins, "item"))
		cmd := e.command("run", "suite.yaml", "--run-id", "it", "--only-load")
		var asked atomic.Int64
		var once sync.Once
		h := func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 20 {
				<-e.begun
				once.Do(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
			}
			says(`{"a":1}`)(w, r)
		}
		cmd.Args = append(cmd.Args, "--blue", serve(t, h), "--green", serve(t, h))
		e.wait(cmd).ends(143, `interrupted|stopped`, "")
	})
	// Two stages are two attacks: the second one has results of its own.
	t.Run("load_verdict_empty/an attacker used twice", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		stage := "    rate: 300/s\n    duration: 1s\n" + margins
		e.file("suite.yaml", loaded(stage, "item")+"  - load: again\n    steps: [{case: item}]\n"+stage)
		h := says(`{"a":1}`)
		r := e.bgverify("run", "suite.yaml", "--only-load", "--blue", serve(t, h), "--green", serve(t, h))
		r.ends(4, `load again: .*blocks`, "")
		var loads []loadRun
		if len(r.run.Suites) != 1 || json.Unmarshal(r.run.Suites[0].Loads, &loads) != nil || len(loads) != 2 {
			t.Fatalf("run.json does not have the two stages: %+v", r.run.Suites)
		}
		for _, l := range loads {
			if l.Requests.Blue == 0 || l.Requests.Green == 0 {
				t.Errorf("stage %s sent nothing: %+v", l.Name, l.Requests)
			}
		}
	})
}

// One slow route of two, with a tenth of the traffic and below the other's
// latency: no percentile of the whole shows it. It is guarded from 20 requests
// a block and side on. A minute of load, for a machine of its own.
func TestEvidenceLoadSlowRoute(t *testing.T) {
	if os.Getenv("BGVERIFY_EVIDENCE_LOAD") == "" {
		t.Skip("a minute of load: set BGVERIFY_EVIDENCE_LOAD=1")
	}
	t.Parallel()
	t.Run("load_verdict_empty/one slow route hidden in an aggregate", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", loaded("    rate: 300/s\n    duration: 60s\n    margins: {p50: 20%, p95: 50%, errors: 0.5%}\n", "item", "rare"))
		side := func(rare time.Duration) http.HandlerFunc {
			return routes(map[string]http.HandlerFunc{"/item": after(40*time.Millisecond, says(`{"a":1}`)), "/rare": after(rare, says(`{"a":1}`))})
		}
		r := e.bgverify("run", "suite.yaml", "--only-load", "--blue", serve(t, side(20*time.Millisecond)), "--green", serve(t, side(40*time.Millisecond)))
		r.ends(1, `load peak: .*rare`, "")
	})
}
