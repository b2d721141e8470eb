package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What stands in the report and what the process ends with is the verdict.
func TestEvidenceReportAndExit(t *testing.T) {
	t.Parallel()
	var flips atomic.Int64
	var many strings.Builder
	many.WriteString("suite: one\ncases:\n")
	for i := range 256 {
		fmt.Fprintf(&many, "  - {case: item-%d, get: /item/%d}\n", i, i)
	}
	// illFirst answers 503 the first n times.
	illFirst := func(n int64) http.HandlerFunc {
		var asked atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) <= n {
				answers(503, "application/json", `{"code":50300}`)(w, r)
				return
			}
			says(`{"a":1}`)(w, r)
		}
	}
	prove(t, "report_and_exit", []proof{
		{
			name: "256 failures are not 0", suite: many.String(), blue: says(`{"a":1}`), green: says(`{"a":2}`),
			status: 1, reason: `\$\.a changed.*: 256 differences in 256 cases`,
		},
		{
			name: "retry until pass", suite: "suite: one\ncases:\n  - {case: item, get: /item, retry: {for: [503], max: 3}}\n", blue: says(`{"a":1}`),
			green: func(w http.ResponseWriter, r *http.Request) {
				if flips.Add(1) <= 2 {
					answers(503, "application/json", `{"code":50300}`)(w, r)
					return
				}
				says(`{"a":1}`)(w, r)
			}, status: 4, reason: `flaky: 1 of 1 cases passed only after a retry`,
		},
		{
			name: "retry until the setup passes", suite: "suite: one\nsetup: [{step: sign in, get: /in, retry: {for: [503], max: 3}}]\ncases:\n  - {case: item, get: /item}\n", blue: says(`{"a":1}`),
			green: illFirst(2), status: 4, reason: `flaky: 1 of 2 cases, setup and teardown included, passed only after a retry`,
		},
		{
			name: "poll until pass", suite: "suite: one\ncases:\n  - {case: item, get: /item, poll: {until: {body: {$.a: 1}}, every: 10ms, up_to: 20s}}\n", blue: says(`{"a":1}`),
			green: illFirst(2), status: 4, reason: `flaky: 1 of 1 cases`,
		},
	})
	t.Run("report_and_exit/judged again after a retry", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item, retry: {for: [503], max: 3}}\n")
		e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, illFirst(1)))
		e.bgverify("rediff", "latest", "--run-id", "it").ends(4, `flaky: 1 of 1 cases`, "")
	})
	t.Run("report_and_exit/judged again, cut", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		cut := func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nline one\nline tw")
				_ = conn.Close()
			}
		}
		e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, cut), "--green", serve(t, cut))
		e.bgverify("rediff", "latest", "--run-id", "it").ends(4, `nothing says that it is whole`, "")
	})
	t.Run("report_and_exit/dry run", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		r := e.bgverify("run", "suite.yaml", "--dry-run", "--output", "json", "--blue", "http://127.0.0.1:1", "--green", "http://127.0.0.2:1")
		if r.status != 4 || !strings.Contains(strings.ReplaceAll(r.out.String(), " ", ""), `"verdict":"incomplete"`) {
			t.Errorf("status %d, want 4 and an incomplete verdict:\n%s%s", r.status, &r.out, &r.err)
		}
		walked(t, r.status, "the verdict is incomplete, and no run folder is left")
		if _, err := os.Stat(filepath.Join(e.dir, "runs")); err == nil {
			t.Error("a dry run leaves a run folder behind")
		}
	})
}

// The verdict cannot be told: that is no PASS either.
func TestEvidenceWriteError(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	for _, format := range []string{"text", "json"} {
		t.Run("report_and_exit/write error after the verdict/"+format, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", one)
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip(err)
			}
			defer full.Close()
			cmd := e.command("run", "suite.yaml", "--run-id", "it", "--output", format, "--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, says(`{"a":1}`)))
			cmd.Stdout = full
			r := e.wait(cmd)
			if r.status != 3 || !strings.Contains(r.err.String(), "no space left") {
				t.Errorf("exit status %d, want 3 and the reason on stderr: %s", r.status, &r.err)
			}
			walked(t, r.status, "no space left on device")
		})
	}
	t.Run("report_and_exit/archive cannot be written", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		e.file("runs", "a file where the folder should be\n")
		nobody := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("nothing may be sent, but somebody asks for %s", r.URL)
		})
		r := e.bgverify("run", "suite.yaml", "--blue", nobody, "--green", strings.Replace(serve(t, says(`{}`)), "127.0.0.1", "localhost", 1))
		if r.status != 3 || !strings.Contains(r.err.String(), "runs") {
			t.Errorf("exit status %d, want 3 and the reason on stderr: %s", r.status, &r.err)
		}
		walked(t, r.status, "the folder of the runs cannot be made, and nothing is sent")
	})
	// The folder of the run is taken away while the last case is under way.
	t.Run("report_and_exit/archive goes away", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		var once sync.Once
		h := func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() {
				found, _ := filepath.Glob(filepath.Join(e.dir, "runs", "*-it"))
				if len(found) != 1 || os.RemoveAll(found[0]) != nil {
					t.Error("the run folder is not there while the run sends")
				}
			})
			says(`{"a":1}`)(w, r)
		}
		r := e.bgverify("run", "suite.yaml", "--blue", serve(t, h), "--green", serve(t, h))
		if r.status != 3 || !strings.Contains(r.err.String(), "error: ") {
			t.Errorf("exit status %d, want 3 and the reason on stderr:\n%s%s", r.status, &r.out, &r.err)
		}
		walked(t, r.status, "the run's folder is gone")
	})
}

// A junit.xml is always readable, has a testcase, and does not say success where
// the run does not.
func TestEvidenceJUnit(t *testing.T) {
	t.Parallel()
	hostile := "\x00\x01\x0b<![CDATA[ ]]> ]]> \u202e \ufffe & \x1b[32m"
	for _, row := range []struct {
		name, suite string
		blue, green http.HandlerFunc
		status      int
	}{
		{"control characters", one, answers(200, "text/plain", hostile), answers(200, "text/plain", hostile+"\x02"), 1},
		{"nothing judged", "suite: one\ncases:\n  - {case: item, get: /item, skip: not today}\n", says(`{}`), says(`{}`), 3},
		{"inconclusive", "suite: one\nrules: [{at: '$.*', do: ignore, why: lazy}]\ncases:\n  - {case: item, get: /item}\n", says(`{"a":1}`), says(`{"a":2}`), 4},
		{"wrong identity, no case ran", "suite: one\nidentity: [{get: /v, at: $.a, must: differ}]\ncases:\n  - {case: item, get: /item}\n", says(`{"a":1}`), says(`{"a":1}`), 3},
	} {
		t.Run("report_and_exit/junit/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", row.suite)
			r := e.bgverify("run", "suite.yaml", "--blue", serve(t, row.blue), "--green", serve(t, row.green))
			if r.status != row.status {
				t.Errorf("exit status %d, want %d: %q", r.status, row.status, r.run.Reasons)
			}
			text, err := os.ReadFile(filepath.Join(r.folder, "junit.xml"))
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Suites []struct {
					Cases []struct {
						Name     string     `xml:"name,attr"`
						Failures []struct{} `xml:"failure"`
						Errors   []struct{} `xml:"error"`
						Skipped  []struct{} `xml:"skipped"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal(text, &doc); err != nil {
				t.Fatalf("junit.xml cannot be read: %v\n%q", err, text)
			}
			cases, bad := 0, 0
			for _, s := range doc.Suites {
				for _, c := range s.Cases {
					cases++
					bad += len(c.Failures) + len(c.Errors)
				}
			}
			if cases == 0 || bad == 0 {
				t.Errorf("junit.xml has %d testcases and %d failures or errors; a reader would call it a success:\n%s", cases, bad, text)
			}
			walked(t, r.status, "junit.xml can be read, and says a failure or an error")
		})
	}
}

// A pass of chosen cases is no pass of the suite: the gate stays shut.
func TestEvidencePartial(t *testing.T) {
	t.Parallel()
	two := "suite: one\ncases:\n  - {case: a, get: /a, tags: [smoke]}\n  - {case: b, get: /b}\n"
	marked := strings.Replace(two, "/a,", "/a, only: true,", 1)
	for _, row := range []struct {
		name, suite string
		args        []string
	}{
		{"case", two, []string{"--case", "one/a"}},
		{"tag", two, []string{"--tag", "smoke"}},
		{"shard", two, []string{"--shard", "1/2"}},
		{"only", marked, nil},
		{"variable", two, nil},
		{"rerun-failed", two, []string{"--rerun-failed", "all"}},
	} {
		t.Run("report_and_exit/a pass of chosen cases/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", row.suite)
			if row.name == "variable" {
				e.env = append(e.env, "BGVERIFY_TAG=smoke")
			}
			blue := serve(t, says(`{"a":1}`))
			var asked atomic.Int64 // /a differs once
			green := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/a" && asked.Add(1) == 1 && row.name == "rerun-failed" {
					says(`{"a":2}`)(w, r)
					return
				}
				says(`{"a":1}`)(w, r)
			})
			if row.name == "rerun-failed" {
				if r := e.bgverify("run", "suite.yaml", "--run-id", "all", "--blue", blue, "--green", green); r.status != 1 {
					t.Fatalf("exit status %d, want 1 to begin with", r.status)
				}
			}
			r := e.bgverify(append([]string{"run", "suite.yaml", "--blue", blue, "--green", green}, row.args...)...)
			switch row.name { // a file or the environment made the run smaller
			case "only":
				r.ends(4, "only: true at suite.yaml:3:12 leaves out 1 of 2 cases", "")
				return
			case "variable":
				r.ends(4, "BGVERIFY_TAG leaves out 1 of 2 cases", "")
				return
			}
			if r.status != 0 || !strings.Contains(r.out.String(), "verified without 1 of 2 cases") {
				t.Errorf("exit status %d, want 0 and a banner that says what was left out:\n%s", r.status, &r.out)
			}
			if r := e.bgverify("gate", "it"); r.status != 4 || !strings.Contains(r.out.String(), "the run judged 1 of 2 cases") {
				t.Errorf("gate ends with %d, want 4 and why\n%s", r.status, &r.out)
			} else {
				walked(t, r.status, "gate: the run judged 1 of 2 cases")
			}
			if r := e.bgverify("gate", "it", "--partial", "--without", "identity"); r.status != 0 {
				t.Errorf("gate --partial ends with %d, want 0\n%s", r.status, &r.out)
			}
		})
	}
}

// latest is never older than the run that was just made, unless that run did not
// end: then gate with --max-age is what tells.
func TestEvidenceStaleLatest(t *testing.T) {
	t.Parallel()
	t.Run("report_and_exit/stale latest", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", one)
		blue, green := serve(t, says(`{"a":1}`)), serve(t, says(`{"a":2}`))
		same := serve(t, says(`{"a":1}`))
		latest := func() string {
			to, err := os.Readlink(filepath.Join(e.dir, "runs", "latest"))
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		if r := e.bgverify("run", "suite.yaml", "--run-id", "good", "--blue", blue, "--green", same); r.status != 0 {
			t.Fatalf("exit status %d, want a pass to begin with: %s%s", r.status, &r.out, &r.err)
		}
		good := latest()
		if r := e.bgverify("gate", "latest", "--without", "identity"); r.status != 0 {
			t.Errorf("gate ends with %d on a fresh pass\n%s", r.status, &r.out)
		}
		if r := e.bgverify("gate", "latest", "--max-age", "1ns"); r.status != 3 {
			t.Errorf("gate ends with %d on a run that is too old, want 3\n%s", r.status, &r.out)
		} else {
			walked(t, r.status, "gate --max-age: the run is stale")
		}
		if r := e.bgverify("run", "suite.yaml", "--run-id", "bad", "--blue", blue, "--green", green); r.status != 1 {
			t.Errorf("exit status %d, want 1", r.status)
		}
		if latest() == good {
			t.Error("latest still points at the pass before")
		}
		if r := e.bgverify("gate", "latest"); r.status != 1 {
			t.Errorf("gate ends with %d after a fail, want 1\n%s", r.status, &r.out)
		}
		e.file(filepath.Join("runs", good, "run.json"), `{"schema":1,"verdict":"pass"}`)
		if r := e.bgverify("gate", filepath.Join("runs", good)); r.status != 3 {
			t.Errorf("gate ends with %d on a changed run.json, want 3\n%s", r.status, &r.out)
		}
	})
}
