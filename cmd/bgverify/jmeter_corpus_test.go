package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plansDir holds plans of public repositories, read and never copied.
const plansDir = "../../../shared/corpus/jmeter"

// A requestLog remembers all requests, and answers them so that most plans go on.
type requestLog struct {
	mu   sync.Mutex
	seen []string
}

// clock is a time of now in seconds or milliseconds, or in words, as plans send it; one of
// them makes user names of the time of day.
var clock = regexp.MustCompile(`\bru%3A\d+%3A\d{6}|\b1[789]\d{8}(\d{3})?\b|\b20\d\d-\d\d-\d\dT[0-9:.]+`)

func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text := fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/") {
		_, boundary, _ := strings.Cut(kind, "boundary=")
		text = strings.ReplaceAll(text, boundary, "boundary")
	}
	l.mu.Lock()
	l.seen = append(l.seen, clock.ReplaceAllString(text, "now"))
	l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Okapi-Token", "t")
	if r.URL.Path == "/authn/login" {
		w.WriteHeader(http.StatusCreated)
	}
	fmt.Fprint(w, `{"id": "1", "funds": [{"id": "1"}], "organizations": [{"id": "1"}], "data": [{"id": "1"}], "text": "category=1 page=1"}`)
}

// take is what was sent since the last call, in order of its text: cases run side by side.
func (l *requestLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.seen
	l.seen = nil
	slices.Sort(out)
	return out
}

// filesOf reads all files below a folder.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		out[name] = string(data)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(out), err)
	}
	return out
}

// Plans of public repositories import to the same bytes, validate, and the command that
// the import prints, with values put in, sends the same requests each time.
func TestJMeterPlans(t *testing.T) {
	plans, err := filepath.Glob(plansDir + "/*.jmx")
	if err != nil || len(plans) == 0 {
		t.Skipf("no plans in %s", plansDir)
	}
	for _, plan := range plans {
		t.Run(strings.TrimSuffix(filepath.Base(plan), ".jmx"), func(t *testing.T) {
			t.Parallel()
			plan, err := filepath.Abs(plan)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			run := func(want []int, env []string, args ...string) string {
				t.Helper()
				cmd, out := bgverifyIn(t, dir, args...)
				cmd.Env = append(cmd.Env, env...)
				if got := statusOf(t, cmd); !slices.Contains(want, got) {
					t.Fatalf("%s: exit %d, want one of %d\n%s", strings.Join(args, " "), got, want, out)
				}
				return out.String()
			}
			printed := run([]int{0}, nil, "import", "jmeter", plan, "-o", "made")
			run([]int{0}, nil, "import", "jmeter", plan, "-o", "again")
			if d := cmp.Diff(filesOf(t, filepath.Join(dir, "made")), filesOf(t, filepath.Join(dir, "again"))); d != "" {
				t.Errorf("a second import writes other files (-first +second)\n%s", d)
			}
			review(t, filepath.Join(dir, "made"))
			run([]int{0}, nil, "validate", "made")
			blue, green := &requestLog{}, &requestLog{}
			env, args := nextCommand(t, printed, serve(t, blue.ServeHTTP), serve(t, green.ServeHTTP))
			var first []string
			for range 2 {
				// The server does not answer as the plan expects, so that a run may pass,
				// fail or be inconclusive, or stop at a setup that fails alike on both
				// sides, but never be refused or break.
				cmd, log := bgverifyIn(t, dir, append(args, "--no-progress", "--seed", "7")...)
				cmd.Env = append(cmd.Env, env...)
				status, out := statusOf(t, cmd), log.String()
				if status == 2 || status == 3 && !strings.Contains(out, "- setup failed: ") || status > 4 {
					t.Fatalf("exit %d\n%s", status, out)
				}
				sent := blue.take()
				if d := cmp.Diff(sent, green.take()); d != "" {
					t.Errorf("the sides were sent other requests (-blue +green)\n%s", d)
				}
				if len(sent) == 0 {
					t.Fatalf("nothing was sent\n%s", out)
				}
				if first == nil {
					first = sent
				} else if d := cmp.Diff(first, sent); d != "" {
					t.Errorf("a second run sends other requests (-first +second)\n%s", d)
				}
			}
			t.Logf("%d requests for each side", len(first))
		})
	}
}

// review says of all requests that they leave nothing, as the server here keeps nothing.
func review(t *testing.T, dir string) {
	t.Helper()
	for name, text := range filesOf(t, dir) {
		if strings.HasSuffix(name, ".yaml") {
			text = strings.ReplaceAll(text, "side_effects: unreviewed", "side_effects: none")
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// nextCommand is the run that an import prints as the next command, with a value for all
// that is left to the user and without its load.
func nextCommand(t *testing.T, printed, blue, green string) (env, args []string) {
	t.Helper()
	_, next, _ := strings.Cut(printed, "Next:")
	for line := range strings.Lines(next) {
		before, after, is := strings.Cut(strings.TrimSpace(line), "bgverify run ")
		if !is {
			continue
		}
		after = strings.NewReplacer("--blue URL", "--blue "+blue, "--green URL", "--green "+green, "=VALUE", "=example-1").Replace(after)
		args = append([]string{"run"}, strings.Fields(after)...)
		if !slices.Contains(args, "--no-load") {
			args = append(args, "--no-load")
		}
		return strings.Fields(strings.ReplaceAll(before, "=VALUE", "=example-1")), args
	}
	t.Fatalf("no run is printed\n%s", printed)
	return nil, nil
}
