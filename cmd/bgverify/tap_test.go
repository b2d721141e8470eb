package main

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
)

// The rules under which the twin's sides are equal.
const tapRules = `suite: boxes
rules:
  - {do: ignore, at: $.pod, why: of each side}
  - {do: ignore, at: $.cluster, why: of each side}
  - {do: ignore, at: $.requestId, why: of each request}
  - {do: ignore, at: $.serverTime, why: a clock}
  - {do: time, at: $.expiresAt, within: 5s, why: from the clock}
  - {do: ignore, at: $.token, why: of each side}
  - {do: ignore, header: 'x-*', why: of each side}
  - {do: ignore, header: etag, why: of each side}
setup:
  - post: /auth/v1/session
    json: {device: STB-0000-0001, key: stb-key-1, nonce: n}
    side_effects: isolated
cases:
  - case: rules
    get: /version
`

// startTap serves the twin through a tap and returns it with its address.
func startTap(t *testing.T, blue, green string, more ...string) (*background, string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"rules.yaml": tapRules, "env.yaml": "state: separate\n"}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"tap", "--listen", "127.0.0.1:0", "--blue", blue, "--green", green, "--suite", filepath.Join(dir, "rules.yaml"), "--out", filepath.Join(dir, "runs"), "--least", "3", "--format", "text"}
	for _, a := range more {
		args = append(args, strings.ReplaceAll(a, "DIR", dir))
	}
	b := begin(args...)
	return b, b.wait(t, `at (https?://\S+);`)
}

// walkBox does what a box does in an evening.
func walkBox(t *testing.T, proxy string) {
	t.Helper()
	session := ask(t, "POST", proxy+"/auth/v1/session", "", `{"device":"STB-0000-0001","key":"stb-key-abcdef123","nonce":"n1"}`)
	m := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(session)
	if m == nil {
		t.Fatalf("no token in %s", session)
	}
	for _, path := range []string{"/auth/v1/profiles", "/epg/v1/channels", "/home/v1/menu", "/home/v1/screen"} {
		ask(t, "GET", proxy+path, m[1], "")
	}
	for range 4 {
		ask(t, "GET", proxy+"/version", "", "")
	}
}

// Equal sides pass, sessions included where the sides are separate; a fault of green
// fails; a request of a session never reaches green where they share state.
func TestTap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, fault string
		flags       []string
		status      int
		want        string
	}{
		{"separate sides", "", []string{"--env", "DIR/env.yaml"}, 0, "9 pairs compared"},
		{"shared state", "", nil, 0, "4 pairs compared"},
		{"green answers", "", []string{"--answer", "green", "--env", "DIR/env.yaml"}, 0, "9 pairs compared"},
		{"a fault", "price-as-string", []string{"--env", "DIR/env.yaml"}, 1, "$.rows[*].items[*].price number -> string"},
		{"errors of green", "errors=100%", []string{"--env", "DIR/env.yaml"}, 1, ""},
		{"too few", "", []string{"--least", "100"}, 4, "a pass needs 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, err := fixtures.ParseFaults(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			twin, err := fixtures.Start(fixtures.Options{GreenFaults: faults})
			if err != nil {
				t.Fatal(err)
			}
			defer twin.Close()
			b, proxy := startTap(t, twin.BlueURL, twin.GreenURL, c.flags...)
			walkBox(t, proxy)
			status := b.stop()
			if all := b.out.String() + b.err.String(); status != c.status || !strings.Contains(all, c.want) {
				t.Errorf("%s: %d, want %d and %q\n%s", c.name, status, c.status, c.want, all)
			}
		})
	}
}

// A dead other side costs the box nothing, writes and acting GETs never reach it, and
// nothing compared is never a pass.
func TestTapOfADeadGreen(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	green := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer green.Close()
	blue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer blue.Close()
	b, proxy := startTap(t, blue.URL, green.URL, "--never", "/act/*")
	for range 5 {
		ask(t, "POST", proxy+"/write", "", `{}`)
		ask(t, "DELETE", proxy+"/write", "", "")
		ask(t, "GET", proxy+"/play/heartbeat", "", "")
		ask(t, "GET", proxy+"/act/now", "", "")
		ask(t, "GET", proxy+"/mine?access_token=abc123456", "", "")
		ask(t, "GET", proxy+"/mine", "abc123456", "")
	}
	if status := b.stop(); status != statusUnknown || reached.Load() != 0 {
		t.Errorf("%d, and %d requests reached green\n%s%s", status, reached.Load(), b.out.String(), b.err.String())
	}
	green.Close()
	b, proxy = startTap(t, blue.URL, green.URL)
	for range 5 {
		if got := ask(t, "GET", proxy+"/list", "", ""); got != "ok" {
			t.Errorf("got %q", got)
		}
	}
	if status := b.stop(); status != statusDifferent {
		t.Errorf("a dead green: %d\n%s%s", status, b.out.String(), b.err.String())
	}
}

// Two addresses of one place are never a pass, and no box is served. A name of the same
// place can be recognised only by an identity.
func TestTapOfOnePlace(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer service.Close()
	for _, green := range []string{service.URL + "/green", service.URL, strings.Replace(service.URL, "127.0.0.1", "localhost", 1)} {
		b := begin("tap", "--listen", "127.0.0.1:0", "--blue", service.URL, "--green", green, "--out", t.TempDir())
		if status := <-b.status; status != statusBroken && status != statusUsage || strings.Contains(b.out.String(), "answers at") {
			t.Errorf("%s: %d\n%s%s", green, status, b.out.String(), b.err.String())
		}
	}
}

// A run folder of a tap is judged again under other rules, and a gate says what it was.
func TestTapFolder(t *testing.T) {
	t.Parallel()
	twin, err := fixtures.Start(fixtures.Options{GreenFaults: []fixtures.Fault{{Name: "price-as-string"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	b, proxy := startTap(t, twin.BlueURL, twin.GreenURL, "--env", "DIR/env.yaml", "--run-id", "first")
	walkBox(t, proxy)
	if status := b.stop(); status != statusDifferent {
		t.Fatalf("%d\n%s", status, b.out.String())
	}
	runs := filepath.Dir(regexp.MustCompile(`run=(\S+)`).FindStringSubmatch(b.out.String())[1])
	rules, blind := filepath.Join(t.TempDir(), "rules.yaml"), filepath.Join(t.TempDir(), "blind.yaml")
	for name, at := range map[string]string{rules: "$..price", blind: "$.*"} {
		if err := os.WriteFile(name, []byte("rules: [{do: drop, at: "+at+", why: a test}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"rediff first", statusDifferent, "$.rows[*].items[*].price number -> string"},
		{"rediff first --run-id second --rules " + rules, 0, "verdict=pass"},
		{"rediff first --run-id third --rules " + blind, statusUnknown, "and a pass needs 3"},
		{"gate first", statusDifferent, "verdict=fail"},
		{"gate second", statusUnknown, "that clients made through bgverify tap"},
		{"gate second --partial --without identity", 0, "judged on 9 requests that clients made"},
		{"resume first", statusDifferent, ""},
		{"merge first second", statusUsage, "made by bgverify tap"},
	} {
		b := begin(append(strings.Fields(c.args), "--out", runs)...)
		if status := <-b.status; status != c.status || !strings.Contains(b.out.String()+b.err.String(), c.want) {
			t.Errorf("%s: %d, want %d and %q\n%s%s", c.args, status, c.status, c.want, b.out.String(), b.err.String())
		}
	}
}

// What the env file declares of the sides reaches both: certificates, headers, tokens; and the
// sides' identities are asked before a box is served.
func TestTapOfTheEnvFile(t *testing.T) {
	dir := t.TempDir()
	var ca []byte
	side := func(name string) string {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Stage") != name || r.Header.Get("Authorization") != "Bearer "+name+"-secret" {
				w.WriteHeader(http.StatusForbidden)
			}
			w.Header().Set("X-Cluster", name)
			_, _ = w.Write([]byte(`{"list":[1,2,3]}`))
		}))
		t.Cleanup(s.Close)
		ca = append(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
		return s.URL
	}
	blue, green := side("blue"), side("green")
	const file = `env: [TOKEN_BLUE, TOKEN_GREEN]
secrets: [token]
sides:
  blue: {url: %s, headers: {X-Stage: blue}, vars: {token: "{{env.TOKEN_BLUE}}"}, auth: %s, tls: {ca: ca.pem}}
  green: {url: %s, headers: {X-Stage: green}, vars: {token: "{{env.TOKEN_GREEN}}"}, auth: %s, tls: {ca: ca.pem}}
identity: [{get: /, header: X-Cluster, must: %s}]
rules: [{header: x-cluster, do: ignore, why: names the side}]
`
	t.Setenv("TOKEN_BLUE", "blue-secret")
	t.Setenv("TOKEN_GREEN", "green-secret")
	bearer, hmac := `{bearer: "{{token}}"}`, `{hmac: {secret: "{{token}}", sign: "{{request.path}}", header: X-Sign}}`
	for _, c := range []struct {
		name, blueAuth, must string
		status               int
		want                 string
	}{
		{"both sides", bearer, "differ", 0, "verdict=pass"},
		{"an identity that fails", bearer, "same", statusBroken, "must be the same"},
		{"a signature", hmac, "differ", statusUsage, "signs whole requests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, data := range map[string][]byte{"ca.pem": ca, "env.yaml": fmt.Appendf(nil, file, blue, c.blueAuth, green, bearer, c.must)} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			runs := t.TempDir()
			b := begin("tap", "--listen", "127.0.0.1:0", "--env", filepath.Join(dir, "env.yaml"), "--out", runs, "--least", "3", "--format", "text,json")
			for !strings.Contains(b.out.String(), "answers at") && len(b.status) == 0 {
				time.Sleep(time.Millisecond)
			}
			if m := regexp.MustCompile(`at (https?://\S+);`).FindStringSubmatch(b.out.String()); m != nil {
				for i := range 4 {
					ask(t, "GET", fmt.Sprintf("%s/list?page=%d", m[1], i), "", "")
				}
			}
			if status := b.stop(); status != c.status || !strings.Contains(b.out.String()+b.err.String(), c.want) {
				t.Errorf("%d, want %d and %s\n%s%s", status, c.status, c.want, b.out.String(), b.err.String())
			}
			_ = filepath.WalkDir(runs, func(path string, e os.DirEntry, _ error) error {
				if data, err := os.ReadFile(path); err == nil && (strings.Contains(string(data), "blue-secret") || strings.Contains(string(data), "green-secret")) {
					t.Errorf("%s holds a token", path)
				}
				return nil
			})
		})
	}
}

// A hostile other side costs the box nothing, and each of its answers is a finding.
func TestTapOfAHostileGreen(t *testing.T) {
	t.Parallel()
	say := func(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }
	raw := func(talk func(net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				talk(conn)
				_ = conn.Close()
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for block := []byte(strings.Repeat("x", 64<<10)); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/garbage", raw(func(c net.Conn) { say(c, "\x00\x01\x02\r\n\r\n") }))
	mux.HandleFunc("/fields", raw(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("x", 1<<20)+"\r\n\r\n") }))
	mux.HandleFunc("/closed", raw(func(net.Conn) {}))
	mux.HandleFunc("/two", raw(func(c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}))
	mux.HandleFunc("/early", raw(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok") }))
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 16 {
			_, _ = z.Write(make([]byte, 1<<20))
		}
		_ = z.Close()
	})
	green := httptest.NewServer(mux)
	defer green.Close()
	blue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer blue.Close()
	b, proxy := startTap(t, blue.URL, green.URL)
	paths := []string{"/endless", "/garbage", "/fields", "/closed", "/two", "/early", "/bomb"}
	for _, path := range paths {
		if got := ask(t, "GET", proxy+path, "", ""); got != "ok" {
			t.Errorf("%s: the box got %q", path, got)
		}
	}
	if status := b.stop(); status != statusDifferent {
		t.Errorf("%d\n%s%s", status, b.out.String(), b.err.String())
	}
	for _, name := range paths {
		if !strings.Contains(b.out.String(), "GET "+name+"  200 (1)") {
			t.Errorf("no %s in\n%s", name, b.out.String())
		}
	}
}

// A green that serves the boxes and does not answer them, or breaks off, fails; a box that goes away
// shows nothing.
func TestTapOfAnAnsweringGreenThatFails(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	cut := func(w http.ResponseWriter, text string) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	mux.HandleFunc("/closed", func(w http.ResponseWriter, _ *http.Request) { cut(w, "") })
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		cut(w, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok")
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) {
		cut(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{}")
	})
	mux.HandleFunc("/coded", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("ok"))
	})
	mux.HandleFunc("/zip", func(w http.ResponseWriter, _ *http.Request) { // the tap reads it on its way
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Repeat("this is not gzip ", 1000))
	})
	slow := make(chan struct{})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		slow <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	green := httptest.NewServer(mux)
	defer green.Close()
	blue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer blue.Close()
	for path, want := range map[string]int{
		"/closed": statusDifferent, "/early": statusDifferent, "/text": statusDifferent, "/coded": statusDifferent, "/zip": statusDifferent,
		"/slow": statusOK,
	} {
		b, proxy := startTap(t, blue.URL, green.URL, "--answer", "green")
		for range 4 {
			ask(t, "GET", proxy+"/fine", "", "")
		}
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			defer leave()
			select {
			case <-slow:
			case <-ctx.Done():
			}
		}()
		if req, err := http.NewRequestWithContext(ctx, "GET", proxy+path, nil); err != nil {
			t.Fatal(err)
		} else if res, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		leave()
		if status := b.stop(); status != want {
			t.Errorf("%s: %d, want %d\n%s%s", path, status, want, b.out.String(), b.err.String())
		}
	}
}
