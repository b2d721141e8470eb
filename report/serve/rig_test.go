package serve

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner/run"
)

// A rig is a server over an archive in a temporary folder. Its runs are archived as the
// command does it, with the verdict that the order's tag names.
type rig struct {
	*Server
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	now   time.Time
	rolls []string      // ids that a rollback was reported for
	began []string      // ids in the order in which they began
	hold  chan struct{} // a run waits for this, or for its context, when the tag is hold
}

const token = "0123456789abcdef"

func newRig(t *testing.T, token string) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now(), hold: make(chan struct{})}
	r.start(t.TempDir(), token)
	return r
}

func (r *rig) start(root, token string) {
	r.t.Helper()
	var err error
	r.Server, err = New(Options{
		Root: root, Suites: []string{".", "mdm.yaml", "stb"}, Envs: []string{"production.yaml", "stb.yaml"}, Token: token,
		MaxAge: time.Hour, Execute: r.execute, RolledBack: r.rolled, Clock: r.clock, Log: io.Discard,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ln, err := Listen("127.0.0.1:0", token)
	if err != nil {
		r.t.Fatal(err)
	}
	r.url = "http://" + ln.Addr().String()
	ctx, stop := context.WithCancel(r.t.Context())
	r.stop, r.done = stop, make(chan error, 1)
	done := r.done
	go func(s *Server) { done <- s.Serve(ctx, ln) }(r.Server)
	r.t.Cleanup(func() { r.close(); http.DefaultClient.CloseIdleConnections() })
}

// close stops the server and waits until it is gone.
func (r *rig) close() {
	r.stop()
	if r.done != nil {
		if err := <-r.done; err != nil {
			r.t.Error(err)
		}
		r.done = nil
	}
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// execute archives a run; the tag is the verdict, or what goes wrong.
func (r *rig) execute(ctx context.Context, o Order, log io.Writer) int {
	r.mu.Lock()
	r.began = append(r.began, o.ID)
	r.mu.Unlock()
	switch o.Tag {
	case "usage":
		fmt.Fprintln(log, "bgverify: error: no case is left to run")
		return 2
	case "panic":
		panic("out of cheese")
	case "hold":
		select {
		case <-r.hold:
		case <-ctx.Done():
			return archived(r.t, r.opts.Root, o, run.Interrupted, r.clock())
		}
	case "none":
		return 0 // claims a pass and archives nothing
	}
	verdict := run.Pass
	if o.Tag != "" && o.Tag != "hold" {
		if err := verdict.UnmarshalText([]byte(o.Tag)); err != nil {
			r.t.Error(err)
		}
	}
	return archived(r.t, r.opts.Root, o, verdict, r.clock())
}

// archived writes a complete run folder.
func archived(t *testing.T, root string, o Order, verdict run.Verdict, now time.Time) int {
	w, err := archive.Create(root, archive.Options{ID: o.ID, Clock: func() time.Time { return now }})
	if err != nil {
		t.Error(err)
		return 3
	}
	defer w.Close() //nolint:errcheck // the test reads it back
	sides := run.Sides{
		Blue: run.SideHead{URL: "http://blue.test"}, Green: run.SideHead{URL: "http://green.test", Identity: map[string]string{"commit": "9f2c1e7"}},
	}
	head := &run.Header{
		Schema: 1, ID: o.ID, Started: now, Sides: sides, Paths: o.Suites, Flags: o.Flags(), Planned: run.Planned{Cases: 1, OfCases: 1},
		Suites: []run.SuiteHead{{Name: "stb", File: "stb.yaml", Gate: "required", Cases: 1}}, Asks: &run.Asks{},
	}
	counts := run.Counts{Cases: 1, Pass: 1}
	end := &run.End{
		ElapsedMS: 1, Verdict: verdict, Sides: sides, Suites: []run.SuiteEnd{{Verdict: verdict, Counts: counts}}, Counts: counts,
	}
	if verdict != run.Pass {
		end.Reasons = []string{"the reason"}
	}
	result := &run.CaseResult{ID: "stb/one", Name: "one", Verdict: verdict}
	for _, ev := range []run.Event{{Begin: head}, {Case: result}, {End: end}} {
		if err := w.Emit(ev); err != nil {
			t.Error(err)
			return 3
		}
	}
	ran, err := w.Run()
	if err != nil {
		t.Error(err)
		return 3
	}
	format, _ := report.Lookup("json")
	err = w.WriteFiles([]string{"run.json", "report.html"}, func(ws []io.Writer) error {
		fmt.Fprint(ws[1], `<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; script-src &#39;sha256-x&#39;">the report`)
		return format.Write(ws[0], ran)
	})
	if err == nil {
		_, err = w.Finish()
	}
	if err != nil {
		t.Error(err)
	}
	return verdict.ExitStatus(15)
}

// do sends a request and returns status and body. Redirects are followed, as hosts do.
func (r *rig) do(method, path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read whole
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// order posts an order and waits until it is over.
func (r *rig) order(id, tag string) {
	r.t.Helper()
	status, body := r.do("POST", "/v1/runs", fmt.Sprintf(`{"id":%q,"suites":["stb"],"env":"stb","tag":%q}`, id, tag))
	if status != http.StatusAccepted {
		r.t.Fatalf("order %s: %d %s", id, status, body)
	}
	r.wait(id)
}

func (r *rig) wait(id string) {
	r.t.Helper()
	for r.gate(id, Ask{}).State == Running {
		select {
		case <-r.t.Context().Done():
			r.t.Fatal("the run does not end")
		case <-time.After(time.Millisecond):
		}
	}
}

func (r *rig) rolled(_ context.Context, o Order, _ Answer, _ io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rolls = append(r.rolls, o.ID)
}
