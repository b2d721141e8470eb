package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
)

// A background is a verb that runs until it is stopped.
type background struct {
	out, err growing
	cancel   context.CancelCauseFunc
	status   chan int
}

func begin(args ...string) *background {
	b := &background{status: make(chan int, 1)}
	ctx, cancel := context.WithCancelCause(context.Background())
	b.cancel = cancel
	go func() { b.status <- execute(ctx, stdio{in: strings.NewReader(""), out: &b.out, err: &b.err}, args) }()
	return b
}

// wait returns what the pattern captures in the output, once it is there.
func (b *background) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for range 2000 {
		if m := re.FindStringSubmatch(b.out.String()); m != nil {
			return m[1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s in\n%s\n%s", pattern, b.out.String(), b.err.String())
	return ""
}

// stop ends it as Ctrl-C does and returns the exit status.
func (b *background) stop() int {
	b.cancel(stopped{syscall.SIGINT})
	return <-b.status
}

// ask sends one request and returns the body of the answer.
func ask(t *testing.T, method, address, token, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// What was recorded through the proxy passes against the service that it was
// recorded from: every expectation holds, and no secret is in any file.
func TestRecordedSuitesPass(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	twin, err := fixtures.Start(fixtures.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	dir := filepath.Join(t.TempDir(), "evening")
	b := begin("record", "--listen", "127.0.0.1:0", "--to", twin.BlueURL, "-o", dir, "--gap", "0s")
	proxy := b.wait(t, `at (http://\S+);`)
	session := ask(t, "POST", proxy+"/auth/v1/session", "", `{"device":"STB-0000-0001","key":"stb-key-abcdef123","nonce":"n1"}`)
	m := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(session)
	if m == nil {
		t.Fatalf("no token in %s", session)
	}
	ask(t, "GET", proxy+"/auth/v1/profiles", m[1], "")
	mark := begin("record", "mark", "EPG open")
	if status := <-mark.status; status != 0 {
		t.Fatalf("mark: %d\n%s", status, mark.err.String())
	}
	ask(t, "GET", proxy+"/epg/v1/channels", m[1], "")
	for i := range 8 { // as a player asks for its playlist, and a list for its details
		ask(t, "GET", proxy+"/version", "", "")
		ask(t, "GET", fmt.Sprintf("%s/detail/v1/titles/VOD-%d", proxy, 1001+i%4), m[1], "")
	}
	status := b.stop()
	for _, want := range []string{"repeats of a route", "exact repeats of a row (4)", "4 requests of one route, as players and lists send them, are its rows: they differ in part"} {
		if status != 0 || !strings.Contains(b.out.String()+b.err.String(), want) {
			t.Fatalf("record: %d, want %q\n%s\n%s", status, want, b.out.String(), b.err.String())
		}
	}

	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	more, err2 := filepath.Glob(filepath.Join(dir, "data", "*"))
	if files = append(files, more...); err != nil || err2 != nil || len(files) != 4 {
		t.Fatalf("got the files %v, %v, %v", files, err, err2)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"stb-key-abcdef123", m[1]} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds the secret %s", name, secret)
			}
		}
	}
	suite := filepath.Join(dir, "recording.yaml")
	text, err := os.ReadFile(suite)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"case: epg-open", "name: EPG open", "capture: {token: $.token}", `key: "{{env.KEY}}"`, "side_effects: unreviewed", `bearer: "{{token}}"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	// Reviewed, and with the differences of two answers of one service ignored.
	reviewed := strings.Replace(string(text), "side_effects: unreviewed", "side_effects: none\n    compare: none", 1)
	reviewed = strings.Replace(reviewed, "cases:\n", "rules:\n  - {do: ignore, at: $.requestId, why: of each request}\n  - {do: ignore, at: $.serverTime, why: a clock}\n"+
		"  - {do: ignore, at: $.pod, why: of each side}\n  - {do: ignore, at: $.commit, why: of each side}\n  - {do: ignore, at: $.cluster, why: of each side}\n  - {do: ignore, header: 'x-*', why: of each side}\n\ncases:\n", 1)
	if err := os.WriteFile(suite, []byte(reviewed), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEY", "stb-key-abcdef123")
	r := begin("run", dir, "--blue", twin.BlueURL, "--green", twin.GreenURL, "--out", t.TempDir(), "--no-progress", "--quiet")
	status = <-r.status
	if all := r.out.String() + r.err.String(); status != 0 {
		t.Errorf("the recorded suite ends with %d:\n%s", status, all)
	}
}

// Mistakes are named before anything listens or is written.
func TestRecordMistakes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "new")
	for _, c := range []struct{ args, want string }{
		{"record --to http://a -o " + out, "needs an address"},
		{"record --listen :0 -o " + out, "needs the URL"},
		{"record --listen :0 --to http://a", "needs a folder"},
		{"record --listen :0 --to http://a -o " + full, "is not empty"},
		{"record --listen :0 --to http://a --service epg -o " + out, "is not name=URL"},
		{"record --listen :0 --to ftp://a -o " + out, "--to ftp://a"},
		{"record --listen 127.0.0.1:0 --to http://a --tls-cert x -o " + out, "needs its key"},
		{"record --listen 127.0.0.1:0 --to http://a --tls-cert x --tls-key y -o " + out, "read the certificate x"},
		{"record mark hello", "no recorder"},
		{"record mark", "one text"},
	} {
		b := begin(strings.Fields(c.args)...)
		if status := <-b.status; status != statusUsage || !strings.Contains(b.err.String(), c.want) {
			t.Errorf("%s: %d\n%swant %s", c.args, status, b.err.String(), c.want)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("%s was made: %v", out, err)
	}
}
