package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/runner/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The statuses of a gate, over every verdict and everything that may go wrong with a run:
// 2xx is for a pass alone, and with style=state all states have 200.
func TestGate(t *testing.T) {
	r := newRig(t, "")
	for _, verdict := range []run.Verdict{run.Skip, run.Inconclusive, run.Broken, run.Fail, run.Interrupted} {
		r.order("v-"+verdict.String(), verdict.String())
	}
	for _, id := range []string{"passed", "tampered", "lost", "swapped", "unlisted", "noend", "norecord", "othersuites", "otherflags", "remade", "cutlog"} {
		r.order(id, "")
	}
	for _, tag := range []string{"usage", "panic", "none"} {
		r.order("x-"+tag, tag)
	}
	damage(t, r)
	archived(t, r.opts.Root, Order{ID: "elsewhere", Suites: []string{"stb"}}, run.Pass, r.clock())
	for _, row := range []struct {
		path, why, state string
		status           int
	}{
		{"passed", "a pass", "passed", 200},
		{"passed?max_age=30m&green_build=9f2c1e7&suites=stb&env=stb", "a pass that has what is asked", "passed", 200},
		{"v-skip", "nothing was judged", "broken", 500},
		{"v-inconclusive", "", "inconclusive", 412},
		{"v-broken", "", "broken", 500},
		{"v-fail", "", "failed", 409},
		{"v-interrupted", "", "interrupted", 410},
		{"never", "an id that nobody ordered", "unknown", 404},
		{"latest", "the link to the newest run is not an id", "unknown", 404},
		{"elsewhere", "a run that this server did not start", "unknown", 404},
		{"norecord", "a run whose order is gone", "unknown", 404},
		{"x-usage", "nothing was sent", "broken", 500},
		{"x-panic", "the run panicked", "broken", 500},
		{"x-none", "exit status 0 without a run folder", "broken", 500},
		{"tampered", "a file was changed", "broken", 500},
		{"lost", "the folder was removed", "broken", 500},
		{"unlisted", "a file was added", "broken", 500},
		{"noend", "run.json says incomplete", "interrupted", 410},
		{"cutlog", "the log is torn", "broken", 500},
		{"swapped", "the folder of another run under this one's name", "broken", 500},
		{"othersuites", "a whole folder of that id, of other suites", "broken", 500},
		{"otherflags", "a whole folder of that id, with another tag", "broken", 500},
		{"remade", "a whole folder of that id and order, made later", "broken", 500},
		{"passed?suites=mdm.yaml", "ordered with other suites", "inconclusive", 412},
		{"passed?env=production", "ordered with another env file", "inconclusive", 412},
		{"passed?green_build=other", "another build", "broken", 500},
		{"passed?digest=sha256:00", "another digest", "broken", 500},
		{"passed?require=identity,load&without=writes", "asked for more", "inconclusive", 412},
		{"passed?service=epg", "of no suite", "broken", 500},
		{"passed?after=dev&green_build=9f2c1e7", "a stage before it did not pass", "inconclusive", 412},
	} {
		t.Run(row.path, func(t *testing.T) {
			status, body := r.do("GET", "/v1/gate/"+row.path, "")
			if status != row.status || !strings.Contains(body, `"state":"`+row.state+`"`) {
				t.Errorf("got %d %s, want %d %s (%s)", status, body, row.status, row.state, row.why)
			}
			join := "?"
			if strings.Contains(row.path, "?") {
				join = "&"
			}
			status, body = r.do("GET", "/v1/gate/"+row.path+join+"style=state", "")
			var got struct{ State string }
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.State != row.state {
				t.Errorf("style=state: got %d %s, want 200 and %s", status, body, row.state)
			}
		})
	}
	t.Run("stale", func(t *testing.T) {
		r.later(2 * time.Hour)
		if status, body := r.do("GET", "/v1/gate/passed", ""); status != 500 || !strings.Contains(body, "stale") {
			t.Errorf("got %d %s, want 500", status, body)
		}
		if status, body := r.do("GET", "/v1/gate/passed?max_age=100h", ""); status != 500 {
			t.Errorf("max_age beyond the server's: got %d %s, want 500", status, body)
		}
	})
}

// damage does to each folder what its name says.
func damage(t *testing.T, r *rig) {
	t.Helper()
	folder := func(id string) string {
		found, err := filepath.Glob(filepath.Join(r.opts.Root, "*Z-*-"+id))
		if err != nil || len(found) != 1 {
			t.Fatalf("folders of %s: %v %v", id, found, err)
		}
		return found[0]
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(filepath.Join(folder("tampered"), "report.html"), []byte("all is well"), 0o600))
	check(os.WriteFile(filepath.Join(folder("unlisted"), "more.txt"), nil, 0o600))
	check(os.RemoveAll(folder("lost")))
	check(os.Remove(filepath.Join(r.opts.Root, recordDir, "norecord.json")))
	check(os.Truncate(filepath.Join(folder("cutlog"), "events.ndjson"), 300))
	text, err := os.ReadFile(filepath.Join(folder("noend"), "run.json"))
	check(err)
	check(os.WriteFile(filepath.Join(folder("noend"), "run.json"), bytes.Replace(text, []byte(`"pass"`), []byte(`"incomplete"`), 1), 0o600))
	swapped := folder("swapped")
	check(os.RemoveAll(swapped))
	check(os.CopyFS(swapped, os.DirFS(folder("passed"))))
	for id, o := range map[string]Order{
		"othersuites": {Suites: []string{"mdm.yaml"}, Env: "stb.yaml"},
		"otherflags":  {Suites: []string{"stb"}, Env: "stb.yaml", Tag: "pass"},
		"remade":      {Suites: []string{"stb"}, Env: "stb.yaml"},
	} {
		check(os.RemoveAll(folder(id)))
		o.ID = id
		archived(t, r.opts.Root, o, run.Pass, r.clock().Add(time.Second))
	}
}

// Whatever a state is, also one that is none, only Passed has a 2xx.
func TestStatuses(t *testing.T) {
	for s := range State(255) {
		if status := s.HTTPStatus(); (status < 400) != (s == Passed) {
			t.Errorf("state %d has status %d", s, status)
		}
	}
	for v := range run.Verdict(255) {
		if (stateOf(v) == Passed) != (v == run.Pass) {
			t.Errorf("verdict %s has state %s", v, stateOf(v))
		}
	}
}

// Requests that are no question about one run are refused, also after redirects.
func TestRefused(t *testing.T) {
	r := newRig(t, "")
	r.order("passed", "")
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v1/gate/", "", 404},
		{"GET", "/v1/gate", "", 404},
		{"GET", "/v1/gate/..", "", 400},
		{"GET", "/v1/gate/../..", "", 400},
		{"GET", "/v1/gate/%2e%2e/..", "", 400},
		{"GET", "/v1/gate//passed", "", 400},
		{"GET", "/v1/gate/passed%2f..", "", 400},
		{"GET", "/v1/gate/passed/", "", 404},
		{"GET", "/v1/gate/passed/x", "", 404},
		{"POST", "/v1/gate/passed", "", 405},
		{"DELETE", "/v1/runs/passed", "", 405},
		{"GET", "/v1/gate/passed?style=flagger", "", 400},
		{"GET", "/v1/gate/passed?style=", "", 400},
		{"GET", "/v1/gate/passed?maxage=1h", "", 400},
		{"GET", "/v1/gate/passed?max_age=", "", 400},
		{"GET", "/v1/gate/passed?max_age=-1h", "", 400},
		{"GET", "/v1/gate/passed?partial=perhaps", "", 400},
		{"GET", "/v1/gate/passed?require=speed", "", 400},
		{"GET", "/v1/gate/passed?require=load&without=load", "", 400},
		{"GET", "/v1/gate/passed?after=dev,", "", 400},
		{"GET", "/v1/gate/passed?suites=../etc", "", 400},
		{"GET", "/v1/gate/passed?service=a&service=b", "", 400},
		{"GET", "/v1/gate/passed?a=%zz", "", 400},
		{"POST", "/v1/runs", `{"id":"a","suites":["../etc"],"env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","suites":["stb/../.."],"env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","suites":[""],"env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","env":"http://169.254.169.254/"}`, 400},
		{"POST", "/v1/runs", `{"id":"a"}`, 400}, // two env files are served
		{"POST", "/v1/runs", `{"id":"a","env":"stb","blue":"http://victim.example"}`, 400},
		{"POST", "/v1/runs", `{"env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"../a","env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","env":"stb"} {}`, 400},
		{"POST", "/v1/runs", `{"id":"a","env":"stb","env":"other"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","ID":"passed","env":"stb"}`, 400},
		{"POST", "/v1/runs", `{"id":"a","env":"stb","tag":"` + strings.Repeat("x", 2<<10) + `"}`, 400},
		{"POST", "/v1/runs", `{"id":"` + strings.Repeat("x", maxBody) + `"}`, 400},
		{"POST", "/v1/runs", ``, 400},
		{"POST", "/v1/runs", `{"id":"passed","suites":["stb"],"env":"stb","tag":"fail"}`, 409},
		{"POST", "/flagger/gate", `{"name":"a","metadata":{"env":"stb"}}`, 400},
		{"POST", "/flagger/gate", `{"checksum":"1","metadata":{"env":"stb","maxage":"1h"}}`, 400},
		{"POST", "/flagger/gate", `{"checksum":"1","metadata":{"env":"other","env":"stb"}}`, 400},
		{"POST", "/flagger/gate", `{"checksum":"1","metadata":{"env":"stb"}}`, 404},
		{"GET", "/flagger/gate", ``, 404},
		{"GET", "/.serve/passed.json", "", 404},
		{"GET", "/.redaction-key", "", 404},
		{"GET", "/history.ndjson", "", 404},
		{"GET", "/latest/report.html", "", 404},
	} {
		if status, body := r.do(row.method, row.path, row.body); status != row.status {
			t.Errorf("%s %s %.60s: got %d %s, want %d", row.method, row.path, row.body, status, body, row.status)
		}
	}
	if r.began[0] != "passed" || len(r.began) != 1 {
		t.Errorf("ran %v, want one run", r.began)
	}
}

// The same order twice is one run; others wait and say their place; a stopped server ends
// all of them as interrupted, and knows that when it is started again.
func TestQueueAndStop(t *testing.T) {
	r := newRig(t, "")
	post := func(id string) string {
		t.Helper()
		status, body := r.do("POST", "/v1/runs", fmt.Sprintf(`{"id":%q,"env":"stb.yaml","tag":"hold"}`, id))
		if status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", id, status, body)
		}
		return body
	}
	post("a")
	for r.place("a") != 0 {
		time.Sleep(time.Millisecond)
	}
	post("b")
	if body := post("c"); !strings.Contains(body, `"place":2`) {
		t.Errorf("got %s, want place 2", body)
	}
	if body := post("b"); !strings.Contains(body, `"place":1`) {
		t.Errorf("the order again: got %s, want place 1", body)
	}
	if status, body := r.do("GET", "/v1/gate/b", ""); status != http.StatusTooEarly {
		t.Errorf("a gate of a run that waits: %d %s", status, body)
	}
	if status, body := r.do("GET", "/v1/runs/c", ""); status != 200 || !strings.Contains(body, `"state":"running","place":2`) {
		t.Errorf("got %d %s", status, body)
	}
	if _, body := r.do("GET", "/metrics", ""); !strings.Contains(body, "bgverify_queue_length 2\n") {
		t.Errorf("got %s, want 2 in the queue", body)
	}
	r.hold <- struct{}{}
	r.wait("a")
	r.close()
	if got := strings.Join(r.began, " "); !strings.HasPrefix(got, "a b") || strings.Contains(got, "c") {
		t.Errorf("began %s, want a b", got)
	}
	r.start(r.opts.Root, "")
	for id, want := range map[string]int{"a": 200, "b": 410, "c": 410} {
		if status, body := r.do("GET", "/v1/gate/"+id, ""); status != want {
			t.Errorf("gate %s after the restart: got %d %s, want %d", id, status, body, want)
		}
	}
	post("c") // the same order starts nothing
	if status, _ := r.do("GET", "/v1/gate/c", ""); status != 410 {
		t.Errorf("an order that was interrupted ran again")
	}
}

func (r *rig) place(id string) int {
	rec, place := r.queue.place(id)
	if rec == nil {
		return -1
	}
	return place
}

// A second server over the same archive says of the orders of the first one what that one says: that they
// run, or wait, and how they ended. An order that it knows starts nothing. Those of a killed server are interrupted.
func TestTwoServers(t *testing.T) {
	first := newRig(t, "")
	second := &rig{t: t, now: time.Now(), hold: make(chan struct{})}
	second.start(first.opts.Root, "")
	post := func(r *rig, id string) (int, string) {
		return r.do("POST", "/v1/runs", fmt.Sprintf(`{"id":%q,"env":"stb.yaml","tag":"hold"}`, id))
	}
	post(first, "a")
	for first.place("a") != 0 {
		time.Sleep(time.Millisecond)
	}
	post(first, "b")
	for _, id := range []string{"a", "b"} {
		if status, body := second.do("GET", "/v1/gate/"+id, ""); status != http.StatusTooEarly {
			t.Errorf("%s at the second server: %d %s", id, status, body)
		}
		if status, body := post(second, id); status != http.StatusAccepted || !strings.Contains(body, `"running"`) {
			t.Errorf("%s, ordered again at the second server: %d %s", id, status, body)
		}
	}
	if status, body := second.do("GET", "/v1/gate/b?style=state", ""); !strings.Contains(body, "another server") {
		t.Errorf("the second server says %d %s", status, body)
	}
	first.hold <- struct{}{}
	first.wait("a")
	_ = first.records.lock.Close() // killed while it has b
	for id, want := range map[string]int{"a": 200, "b": 410} {
		if status, body := second.do("GET", "/v1/gate/"+id, ""); status != want {
			t.Errorf("%s at the end: %d %s, want %d", id, status, body, want)
		}
	}
	if len(second.began) > 0 {
		t.Errorf("the second server began %s", second.began)
	}
}

// An order that a killed server had accepted is interrupted, and not unknown.
func TestKilled(t *testing.T) {
	r := newRig(t, "")
	rec := &record{Order: Order{ID: "k", Suites: []string{"."}, Env: "stb.yaml"}, Asked: r.clock()}
	if err := r.records.write(rec); err != nil {
		t.Fatal(err)
	}
	if status, body := r.do("GET", "/v1/gate/k", ""); status != 410 {
		t.Errorf("got %d %s, want 410", status, body)
	}
	// Damaged records never answer with a pass.
	r.order("p", "")
	for _, text := range []string{"", "{}", "null", `{"order":{"id":"q"}}`, "\x00"} {
		if err := os.WriteFile(r.records.file("p"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, body := r.do("GET", "/v1/gate/p", ""); status != 500 {
			t.Errorf("record %q: got %d %s, want 500", text, status, body)
		}
	}
}
