package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A served is bgverify serve in its own process, with two services and the suites of
// a temporary folder.
type served struct {
	t        *testing.T
	cmd      *exec.Cmd
	dir, url string
	reached  chan struct{} // gets a value when the slow request arrives
	heard    chan string   // what the receiver of notify: gets
}

const servedSuite = `suite: small
cases:
  - case: home
    tags: [smoke]
    steps: [{get: /home, expect: {body: {$.title: {eq: Home}}}}]
  - case: differs
    tags: [differs]
    steps: [{get: /differs}]
  - case: slow
    tags: [slow]
    steps: [{get: /slow}]
`

// cluster answers as one side. One path differs between sides, and one does not answer.
func (s *served) cluster(side string) string {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprintf(w, `{"cluster":%q,"commit":"9f2c1e7"}`, side)
		case "/differs":
			fmt.Fprintf(w, `{"side":%q}`, side)
		case "/slow":
			select {
			case s.reached <- struct{}{}:
			default:
			}
			<-r.Context().Done()
		default:
			fmt.Fprint(w, `{"title":"Home"}`)
		}
	}))
	s.t.Cleanup(func() { service.CloseClientConnections(); service.Close() })
	return service.URL
}

// receiver keeps what it is sent.
func (s *served) receiver() string {
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.heard <- string(body)
	}))
	s.t.Cleanup(service.Close)
	return service.URL
}

func startServed(t *testing.T) *served {
	t.Helper()
	self, err := exec.LookPath("bgverify")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, dir: t.TempDir(), reached: make(chan struct{}, 1), heard: make(chan string, 8)}
	env := fmt.Sprintf("sides: {blue: {url: %q}, green: {url: %q}}\nidentity:\n  - {get: /version, at: $.cluster, must: differ}\n"+
		"  - {get: /version, at: $.commit, must: same}\nnotify: [{webhook: %q, on: [fail]}, {slack_env: NOT_SET, on: [fail]}]\n",
		s.cluster("blue"), s.cluster("green"), s.receiver())
	for name, text := range map[string]string{"suites/small/small.yaml": servedSuite, "stb.yaml": env} {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.cmd = exec.Command(self, "serve", "--suites", "suites", "--env", "stb.yaml", "--listen", "127.0.0.1:0")
	s.cmd.Dir, s.cmd.Stderr = s.dir, os.Stderr
	// A variable that narrows runs of bgverify run must not narrow those of serve.
	s.cmd.Env = append(os.Environ(), "BGVERIFY_TAG=slow", "TMPDIR="+s.dir)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); http.DefaultClient.CloseIdleConnections() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, "serving ")
	s.url, _, _ = strings.Cut(rest, ",")
	return s
}

func (s *served) ask(method, path, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// run orders a run and returns what its gate answers once it is over.
func (s *served) run(id, tag, query string) (int, string) {
	s.t.Helper()
	if status, body := s.ask("POST", "/v1/runs", fmt.Sprintf(`{"id":%q,"suites":["small"],"tag":%q}`, id, tag)); status != 202 {
		s.t.Fatalf("order %s: %d %s", id, status, body)
	}
	for {
		status, body := s.ask("GET", "/v1/gate/"+id+query, "")
		if status != http.StatusTooEarly {
			return status, body
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Runs over HTTP are those of bgverify run: judged, archived, held to what they left out,
// and interrupted by SIGTERM.
func TestServe(t *testing.T) {
	s := startServed(t)
	for _, row := range []struct {
		id, tag, query string
		want           int
		say            string
	}{
		{"chosen", "smoke", "", 412, "1 of 3 cases"},
		{"smoke", "smoke", "?partial=true", 200, `"state":"passed"`},
		{"differs", "differs", "?partial=true", 409, "differ"},
		{"none", "nosuchtag", "", 500, "no case matches"},
	} {
		if status, body := s.run(row.id, row.tag, row.query); status != row.want || !strings.Contains(body, row.say) {
			t.Errorf("%s: got %d %s, want %d saying %q", row.id, status, body, row.want, row.say)
		}
	}
	// One receiver heard of the fail, and of nothing else; the other is a warning.
	if got := <-s.heard; len(s.heard) != 0 || !strings.Contains(got, `"verdict":"fail"`) || !strings.Contains(got, `"run":"differs"`) {
		t.Errorf("heard %s and %d more", got, len(s.heard))
	}
	if _, body := s.ask("GET", "/v1/runs/differs", ""); !strings.Contains(body, "NOT_SET is not set") {
		t.Errorf("the receiver that was not reached is not reported: %s", body)
	}
	if status, body := s.ask("GET", "/", ""); status != 200 || !strings.Contains(body, "smoke") {
		t.Errorf("the history page: %d %.200s", status, body)
	}
	_, body := s.ask("GET", "/v1/runs/smoke", "")
	_, report, _ := strings.Cut(body, `"report":"`)
	report, _, _ = strings.Cut(report, `"`)
	if status, page := s.ask("GET", report, ""); status != 200 || !strings.Contains(page, "<html") {
		t.Errorf("the report of %s: %d %.200s", body, status, page)
	}
	if status, body := s.ask("POST", "/v1/runs", `{"id":"stopped"}`); status != 202 {
		t.Fatalf("order: %d %s", status, body)
	}
	<-s.reached
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	found, err := filepath.Glob(filepath.Join(s.dir, "runs", "*-stopped"))
	if err != nil || len(found) != 1 {
		t.Fatalf("folders: %v %v", found, err)
	}
	if got := runVerdict(t, found[0]); got != "interrupted" {
		t.Errorf("the run that was stopped: %s, want interrupted", got)
	}
}
