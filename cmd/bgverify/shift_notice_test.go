package main

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A listener is a webhook that remembers what it got, and the weights at that moment.
type listener struct {
	url  string
	mu   sync.Mutex
	got  []string
	then []string
	came chan struct{} // once for each request
}

// newListener answers by answer, once it has remembered a request.
func newListener(t *testing.T, weights func() string, answer http.HandlerFunc) *listener {
	l := &listener{came: make(chan struct{}, 100)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		l.got, l.then = append(l.got, string(body)), append(l.then, weights())
		l.mu.Unlock()
		l.came <- struct{}{}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

const (
	stageSecret = "s3cr3t-of-the-stage"
	urlPassword = "hunter2-in-a-url"
)

// judged adds suites and an env file to a rig, and the check that uses them. green is what it answers.
func (r *shiftRig) judged(green, env string) {
	r.t.Helper()
	r.env = append(r.env, "TOKEN="+stageSecret)
	blue, other := serve(r.t, says(`{"a":1}`)), serve(r.t, says(green))
	r.write("suite.yaml", "suite: one\ncases: [{case: item, get: /item}]\n")
	r.write("stage.yaml", "env: [TOKEN]\nsecrets: [TOKEN]\nvars: {token: '{{env.TOKEN}}'}\nsides: {blue: {url: '"+blue+"'}, green: {url: '"+other+"'}}\n"+env)
}

const judgedAfter = "after: {run: {suites: [suite.yaml], env: stage.yaml}}\n"

// Whatever a command of the user prints, a secret of the env file and the password of a URL are
// neither in the record, the page, the terminal and the status, nor in what receivers get.
func TestShiftHidesSecrets(t *testing.T) {
	t.Parallel()
	leak := "echo \"token $TOKEN of https://ops:" + urlPassword + "@blue.example/\""
	for name, row := range map[string]struct {
		file, text string
		status     int
		say        string
	}{
		"set fails once":       {"set.sh", "#!/bin/sh\n" + leak + " >&2\n[ $SHIFT_GREEN = 100 ] && [ ! -e once ] && touch once && exit 1\ncat > weights\n", 0, "blue=0 green=100 not written: set: exit status 1"},
		"get prints something": {"get.sh", "#!/bin/sh\n[ \"$(grep -c 95 weights)\" = 1 ] && [ ! -e once ] && touch once && " + leak + " && exit\ncat weights\n", 0, "done"},
		"confirm says no":      {"ask.sh", "#!/bin/sh\n" + leak + " >&2\n" + leak + "\nexit 1\n", 4, "held"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newShiftRig(t, "hold: {min: 10ms, settle: 0s}\nconfirm: {at: [100%], exec: ./ask.sh}\n"+judgedAfter)
			hook := newListener(t, func() string { return r.read("weights") }, func(http.ResponseWriter, *http.Request) {})
			r.write("ask.sh", "#!/bin/sh\nexit 0\n")
			r.judged(`{"a":1}`, "notify: [{webhook: '"+hook.url+"', on: [pass, inconclusive, broken, fail, rollback]}]\n")
			r.write(row.file, row.text)
			shown := r.run(row.status, "shift.yaml", "--pause-timeout", "1s")
			if !strings.Contains(shown, row.say) {
				t.Errorf("it does not say %q:\n%s", row.say, shown)
			}
			shown += r.run(0, "status", "shift.yaml")
			hook.mu.Lock()
			defer hook.mu.Unlock()
			if len(hook.got) == 0 {
				t.Error("no receiver was notified")
			}
			places := map[string]string{"the terminal": shown, "a receiver": strings.Join(hook.got, "\n")}
			err := filepath.WalkDir(filepath.Join(r.dir, "shifts"), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				places[path] = string(text)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			marked := false
			for place, text := range places {
				for _, secret := range []string{stageSecret, urlPassword} {
					if at := strings.Index(text, secret); at >= 0 {
						t.Errorf("%s shows %q: …%s", place, secret, text[max(0, at-120):at])
					}
				}
				marked = marked || strings.Contains(text, "<secret:TOKEN#") || strings.Contains(text, "secret:TOKEN#")
			}
			if !marked {
				t.Errorf("what the command printed shows nowhere, so that nothing was tested:\n%s", shown)
			}
		})
	}
}

// Receivers hear of a rollback once the weights are back, and neither one that hangs nor one that
// answers 500 keeps the walk from saying how it ended.
func TestShiftTellsOfARollback(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 10ms, settle: 0s}\n"+judgedAfter)
	weights := func() string { return r.read("weights") }
	release := make(chan struct{})
	hangs := newListener(t, weights, func(http.ResponseWriter, *http.Request) { <-release })
	fails := newListener(t, weights, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	deaf := newListener(t, weights, func(http.ResponseWriter, *http.Request) {})
	r.judged(`{"a":2}`, "notify: [{webhook: '"+hangs.url+"'}, {webhook: '"+fails.url+"'}, {webhook: '"+deaf.url+"', on: [pass]}]\n")
	cmd, out := r.start("shift.yaml")
	select {
	case <-hangs.came:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("no receiver was notified:\n%s", out)
	}
	r.until("weights", begun)
	if at := strings.Index(r.record(), `"kind":"end"`); at < 0 {
		t.Error("a receiver was notified before the walk had ended")
	}
	close(release)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("status %d, want 1\n%s", cmd.ProcessState.ExitCode(), out)
	}
	text := out.String()
	if !strings.Contains(text, "outcome=rolled-back exit=1") || !strings.Contains(text, "answered 500 (3 attempts)") {
		t.Errorf("it says\n%s", text)
	}
	if strings.Index(text, "outcome=rolled-back") > strings.Index(text, "answered 500") {
		t.Errorf("a receiver was waited for before the outcome was printed:\n%s", text)
	}
	for _, l := range []*listener{hangs, fails} {
		for i, body := range l.got {
			if l.then[i] != begun || !strings.Contains(body, `"event":"rollback"`) || !strings.Contains(body, "rolled back: run: ") {
				t.Errorf("told with weights %s: %s", l.then[i], body)
			}
		}
	}
	if len(deaf.got) > 0 {
		t.Errorf("told although it wants to hear of a pass alone: %s", deaf.got)
	}
}

// record is the record of the only walk.
func (r *shiftRig) record() string {
	folders, err := filepath.Glob(filepath.Join(r.dir, "shifts", "2*", "audit.ndjson"))
	if err != nil || len(folders) != 1 {
		r.t.Fatalf("want one record, got %v, %v", folders, err)
	}
	text, err := os.ReadFile(folders[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}
