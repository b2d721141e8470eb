package serve

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// flagger posts what Flagger's controller posts to a webhook.
func (r *rig) flagger(hook, checksum, metadata string) (int, string) {
	r.t.Helper()
	return r.do("POST", "/flagger/"+hook, fmt.Sprintf(
		`{"name":"app","namespace":"prod","phase":"Progressing","checksum":%q,"metadata":{"suites":"stb","env":"stb"%s}}`, checksum, metadata))
}

// settle asks the gate until the run is over.
func (r *rig) settle(checksum, metadata string) int {
	r.t.Helper()
	for {
		status, _ := r.flagger("gate", checksum, metadata)
		if status != http.StatusTooEarly {
			return status
		}
		time.Sleep(time.Millisecond)
	}
}

// A canary: pre-rollout starts one run however often it asks, the gate opens for a pass,
// and rollback is asked for by a fail alone.
func TestFlagger(t *testing.T) {
	r := newRig(t, "")
	for _, row := range []struct {
		tag                 string
		run, gate, rollback int
	}{
		{"", 202, 200, 403},
		{"fail", 409, 409, 200},
		{"inconclusive", 412, 412, 403},
		{"broken", 500, 500, 403},
	} {
		meta := ""
		if row.tag != "" {
			meta = fmt.Sprintf(`,"tag":%q`, row.tag)
		}
		checksum := "sum-" + row.tag
		if status, body := r.flagger("rollback", checksum, meta); status != 403 || !strings.Contains(body, "unknown") {
			t.Errorf("%s: rollback before the run: %d %s", checksum, status, body)
		}
		if status, body := r.flagger("run", checksum, meta); status != 202 && status != row.run {
			t.Errorf("%s: %d %s", checksum, status, body)
		}
		if status := r.settle(checksum, meta); status != row.gate {
			t.Errorf("%s: gate %d, want %d", checksum, status, row.gate)
		}
		if status, body := r.flagger("run", checksum, meta); status != row.run {
			t.Errorf("%s: run again %d %s, want %d", checksum, status, body, row.run)
		}
		if status, body := r.flagger("rollback", checksum, meta); status != row.rollback {
			t.Errorf("%s: rollback %d %s, want %d", checksum, status, body, row.rollback)
		}
	}
	r.flagger("rollback", "sum-fail", `,"tag":"fail"`)
	r.tasks.Wait()
	if len(r.rolls) != 1 {
		t.Errorf("rollbacks were reported for %v, want one", r.rolls)
	}
	if len(r.began) != 4 {
		t.Errorf("%d runs, want one a canary: %v", len(r.began), r.began)
	}
	// Another build, and other conditions of the order, are another key.
	if status, _ := r.flagger("gate", "sum-", `,"green_build":"9f2c1e7"`); status != 404 {
		t.Errorf("another build: %d, want 404", status)
	}
	if status, _ := r.do("POST", "/flagger/gate", `{"name":"app","namespace":"prod","checksum":"sum-","metadata":{"env":"stb"}}`); status != 404 {
		t.Errorf("other suites: %d, want 404", status)
	}
	// A checksum that comes again later is judged again; the old pass opens nothing.
	r.later(2 * time.Hour)
	if status, body := r.flagger("gate", "sum-", ""); status != 500 {
		t.Errorf("a stale pass: %d %s, want 500", status, body)
	}
	if status, body := r.flagger("run", "sum-", ""); status != 202 || !strings.Contains(body, "-2: ") {
		t.Errorf("deployed again: %d %s, want run number 2", status, body)
	}
	if status := r.settle("sum-", ""); status != 200 {
		t.Errorf("the second run: gate %d, want 200", status)
	}
}

// Pages carry their own policy, other files none that runs anything; nothing outside a run
// folder is sent.
func TestPages(t *testing.T) {
	r := newRig(t, "")
	if status, _ := r.do("GET", "/", ""); status != 404 {
		t.Errorf("an empty archive: %d", status)
	}
	r.order("p", "")
	found, err := filepath.Glob(filepath.Join(r.opts.Root, "*-p"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	folder := "/" + filepath.Base(found[0])
	for _, row := range []struct{ path, kind, policy string }{
		{folder + "/report.html", "text/html; charset=utf-8", "default-src 'none'; script-src 'sha256-x'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-popups"},
		{folder + "/run.json", "application/json", closed},
		{folder + "/events.ndjson", "text/plain; charset=utf-8", closed},
	} {
		res, err := http.Get(r.url + row.path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Security-Policy"); res.StatusCode != 200 || got != row.policy || res.Header.Get("Content-Type") != row.kind {
			t.Errorf("%s: %d %s %s", row.path, res.StatusCode, res.Header.Get("Content-Type"), got)
		}
	}
	for _, path := range []string{folder, folder + "/", folder + "/..", "/..%2f..%2fetc%2fpasswd", folder + "/scenarios", "/etc/passwd"} {
		if status, body := r.do("GET", path, ""); status < 400 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, body := r.do("GET", "/metrics", ""); !strings.Contains(body, `bgverify_runs_total{env="stb.yaml",state="passed"} 1`) {
		t.Errorf("metrics: %s", body)
	}
}
