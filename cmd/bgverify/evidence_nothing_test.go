package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestEvidenceControl shows that the rows of the other tests end as they do for
// the reason they name: the same suite passes where nothing is wrong.
func TestEvidenceControl(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	e.file("suite.yaml", one)
	r := e.bgverify("run", "suite.yaml", "--blue", serve(t, says(`{"a":1,"b":"x"}`)), "--green", serve(t, says(`{"a":1,"b":"x"}`)))
	if r.status != 0 || r.run.Verdict != "pass" {
		t.Errorf("status %d, verdict %q, want a pass\n%s%s", r.status, r.run.Verdict, &r.out, &r.err)
	}
}

func TestEvidenceNothingRan(t *testing.T) {
	t.Parallel()
	prove(t, "nothing_ran", []proof{
		{name: "empty file", suite: "", status: 2, reason: `suite\.yaml.*empty`},
		{name: "comment-only file", suite: "# cases: to do\n", status: 2, reason: `suite\.yaml.*empty`},
		{name: "cases empty", suite: "suite: one\ncases: []\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*case`},
		{name: "no cases", suite: "suite: one\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*case`},
		{name: "second YAML document", suite: one + "---\nsuite: two\ncases:\n  - {case: other, get: /other}\n", status: 2, reason: `suite\.yaml:\d+:\d+: error: .*document`},
		{name: "tag matching nothing", suite: one, args: []string{"--tag", "smoke"}, status: 2, reason: `no case|matches nothing|chose none`},
		{name: "case glob matching nothing", suite: one, args: []string{"--case", "one/itme"}, status: 2, reason: `case "one/itme": no case matches`},
		{name: "one of two globs matching nothing", suite: one, args: []string{"--case", "one/item", "--case", "zzz"}, status: 2, reason: `case "zzz": no case matches`},
		{name: "tag from the environment matching nothing", suite: "suite: one\ncases:\n  - {case: item, get: /item, tags: [smoke]}\n", env: []string{"BGVERIFY_TAG=smoke or smkoe"}, status: 2, reason: `tag "smkoe": no case matches`},
		{name: "empty value of a variable that is needed", suite: "suite: one\nneeds: [region]\ncases:\n  - {case: item, get: \"/item/{{region}}\"}\n", args: []string{"--var", "region="}, status: 2, reason: `suite\.yaml:2:9: error: the suite needs "region" from outside, and --var region= is empty`},
		{name: "steps switched off by the environment", suite: "suite: one\nenv: [FULL]\nvars: {full: \"{{env.FULL | default: ''}}\"}\ncases:\n  - {case: ping, get: /ping}\n  - {case: item, steps: [{step: x, get: /x}, {step: y, get: /y, when: \"{{full}}\"}]}\n", blue: says(`{"a":1}`), green: says(`{"a":1}`), status: 4, reason: `env\.FULL leaves out 1 step with when \(first y of one/item\)`},
		{name: "shard with nothing in it", suite: one, args: []string{"--shard", "2/2"}, status: 2, reason: `no case`},
		{name: "rows without data", suite: "suite: one\ncases:\n  - case: item\n    data: {rows: []}\n    get: /item\n", status: 2, reason: `row`},
		{
			name:  "data file with a header only",
			suite: "suite: one\ncases:\n  - case: item\n    data: {file: rows.csv}\n    get: /item/{{id}}\n",
			files: map[string]string{"rows.csv": "id,name\n"}, status: 2, reason: `no rows in rows\.csv`,
		},
		{
			name:  "use that brings no step",
			suite: "suite: one\ncases:\n  - case: item\n    steps: [{use: parts.yaml#nothing}]\n",
			files: map[string]string{"parts.yaml": "parts: {nothing: []}\n"}, status: 2, reason: `nothing`,
		},
		{name: "all skipped", suite: "suite: one\ncases:\n  - {case: item, get: /item, skip: not today}\n", status: 3, reason: `nothing was judged`},
		{
			name:  "all skipped by when",
			suite: "suite: one\nvars: {go: false}\ncases:\n  - {case: item, get: /item, when: \"{{go}}\"}\n", status: 3, reason: `nothing was judged`,
		},
		{
			name:  "unsafe requests that nobody has reviewed",
			suite: "suite: one\ncases:\n  - {case: item, get: /item}\n  - {case: write, post: /item, side_effects: unreviewed, json: {a: 1}}\n", blue: says(`{"a":1}`), green: says(`{"a":1}`), status: 4, reason: `1 case not run: a write is marked side_effects: unreviewed`,
		},
		{
			name:  "a setup that nobody has reviewed",
			suite: "suite: one\nsetup: [{step: in, post: /in, side_effects: unreviewed}]\ncases:\n  - {case: item, get: /item}\n", files: map[string]string{"two.yaml": "suite: two\ncases: [{case: item, get: /item}]\n"}, args: []string{"two.yaml"}, blue: says(`{"a":1}`), green: says(`{"a":1}`), status: 4, reason: `1 case not run: a write is marked`,
		},
		{
			name:  "all quarantined",
			suite: "suite: one\ncases:\n  - {case: item, get: /item, quarantine: {until: 2999-01-01, ticket: STB-1}}\n",
			blue:  says(`{"a":1}`), green: says(`{"a":2}`), status: 3, reason: `nothing was judged`,
		},
		{
			name:  "only advisory suites",
			suite: "suite: one\ngate: advisory\ncases:\n  - {case: item, get: /item}\n",
			blue:  says(`{"a":1}`), green: says(`{"a":2}`), status: 3, reason: `nothing was judged`,
		},
		{name: "nothing compared", suite: "suite: one\ncases:\n  - {case: item, get: /item, compare: none, expect: {status: 200}}\n", blue: says(`{"a":1}`), green: says(`{"a":2}`), status: 4, reason: `nothing was compared`},
		{
			name: "nothing compared, and the stage requires it", suite: "suite: one\ncases:\n  - {case: item, get: /item, compare: none, expect: {status: 200}}\n",
			files: map[string]string{"stage.yaml": "require: [compare]\n"}, args: []string{"--env", "stage.yaml"},
			blue: says(`{"a":1}`), green: says(`{"a":2}`), status: 4, reason: `the stage requires compare, and it did not run`,
		},
		{name: "only load, and there is none", suite: one, args: []string{"--only-load"}, status: 3, reason: `nothing (to run|was judged)`},
		{name: "time over before anything", suite: one, args: []string{"--timeout", "1ns"}, status: 3, reason: `time`},
	})
}

// An early stop leaves a verdict of its own: what ran was equal, but it was not all.
func TestEvidenceEarlyStop(t *testing.T) {
	t.Parallel()
	t.Run("nothing_ran/early stop by a signal", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", "suite: one\ncases:\n  - {case: first, get: /first}\n  - {case: second, get: /second}\n")
		cmd := e.command("run", "suite.yaml", "--run-id", "it", "--concurrency", "1")
		var once sync.Once
		h := func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/second" {
				<-e.begun
				once.Do(func() { _ = cmd.Process.Signal(syscall.SIGINT) }) // a second one would quit at once
				<-r.Context().Done()                                       // it hangs up
				return
			}
			says(`{"a":1}`)(w, r)
		}
		cmd.Args = append(cmd.Args, "--blue", serve(t, h), "--green", serve(t, h))
		e.wait(cmd).ends(130, `interrupted|stopped`, "")
		// Without an identity nothing shows that green is still the one that was judged.
		r := e.bgverify("resume", "it")
		if r.status != statusUsage || !strings.Contains(r.err.String(), "the run has no identity") || !strings.Contains(r.err.String(), "hint: --same-green") {
			t.Errorf("resume ends with %d, want 2 and a hint:\n%s%s", r.status, &r.out, &r.err)
		}
		if r.run.Verdict != "interrupted" {
			t.Errorf("after a refused resume run.json says %q", r.run.Verdict)
		}
	})
	t.Run("nothing_ran/early stop by --timeout", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", "suite: one\ncases:\n  - {case: first, get: /first}\n  - {case: second, get: /second, timeout: 60s}\n")
		h := func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/second" {
				<-r.Context().Done()
				return
			}
			says(`{"a":1}`)(w, r)
		}
		e.bgverify("run", "suite.yaml", "--concurrency", "1", "--timeout", "2s", "--blue", serve(t, h), "--green", serve(t, h)).ends(3, `time`, "")
	})
	t.Run("nothing_ran/killed", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		cmd := e.command("run", "suite.yaml", "--run-id", "it")
		h := func(_ http.ResponseWriter, r *http.Request) {
			<-e.begun
			_ = cmd.Process.Kill()
			<-r.Context().Done()
		}
		cmd.Args = append(cmd.Args, "--blue", serve(t, h), "--green", serve(t, h))
		r := e.wait(cmd)
		if r.status == 0 || r.run.Verdict != "incomplete" {
			t.Errorf("status %d, run.json says %q, want a killed run that is incomplete", r.status, r.run.Verdict)
		}
		if _, err := os.Lstat(filepath.Join(e.dir, "runs", "latest")); err == nil {
			t.Error("latest points at a run that did not end")
		}
		if gate := e.bgverify("gate", filepath.Join("runs", filepath.Base(r.folder))); gate.status != 3 {
			t.Errorf("gate ends with %d on an incomplete run, want 3\n%s%s", gate.status, &gate.out, &gate.err)
		} else {
			walked(t, gate.status, "gate: the run is incomplete, and latest does not point at it")
		}
	})
}

// Off loopback load and writes are left out unless they are allowed; the banner
// says so, and a stage that requires them is not satisfied.
func TestEvidenceOffLoopback(t *testing.T) {
	t.Parallel()
	t.Run("nothing_ran/load that the stage requires, off loopback", func(t *testing.T) {
		t.Parallel()
		blue, green := serveOutside(t, says(`{"a":1}`)), serveOutside(t, says(`{"a":1}`))
		e := newEvidence(t)
		e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item}\n  - {case: save, put: /item, side_effects: idempotent, json: {a: 1}}\n"+
			"load:\n  - {load: peak, steps: [{case: item}], rate: 10/s, duration: 1s}\n")
		e.file("stage.yaml", "require: [compare, load]\n")
		r := e.bgverify("run", "suite.yaml", "--run-id", "free", "--blue", blue, "--green", green)
		if r.status != 2 || !strings.Contains(r.err.String(), "suite.yaml:6:5: error: load \"peak\" is not allowed") || !strings.Contains(r.err.String(), "suite.yaml:4:5: error: case \"one/save\" leaves something behind") || r.folder != "" {
			t.Errorf("exit status %d, want 2 with both places and no run:\n%s%s", r.status, &r.out, &r.err)
		}
		e.file("compare.yaml", "require: [compare]\n")
		r = e.bgverify("run", "suite.yaml", "--run-id", "settled", "--env", "compare.yaml", "--blue", blue, "--green", green)
		if r.status != 0 || !strings.Contains(r.out.String(), "verified without load (require: [compare]) and writes (require: [compare])") {
			t.Errorf("exit status %d, want 0 and a banner that says what was left out:\n%s%s", r.status, &r.out, &r.err)
		}
		e.bgverify("run", "suite.yaml", "--env", "stage.yaml", "--no-load", "--blue", blue, "--green", green).ends(4, `the stage requires load, and it did not run`, "")
	})
}

// serveOutside starts a service at an address of this machine that is not loopback.
func serveOutside(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil || ip.IsLoopback() || ip.To4() == nil || !ip.IsGlobalUnicast() {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		if err != nil {
			continue
		}
		s := httptest.NewUnstartedServer(h)
		_ = s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		return s.URL
	}
	leftOut(t)
	t.Skip("this machine has no address off loopback")
	return ""
}
