package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/bgverify/bgverify/fixtures"
)

// realClient is the path of a program that plays a box; the test is skipped without it.
func realClient(t *testing.T, names ...string) string {
	t.Helper()
	if os.Getenv("BGVERIFY_BOXES") == "" {
		t.Skip("real clients: make test-boxes")
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// printed runs a program for at most a minute.
func printed(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", filepath.Base(name), args, err, stderr.String())
	}
	return string(out)
}

// toxic puts a toxiproxy with toxics in front of a server and returns its URL.
func toxic(t *testing.T, upstream string, list ...string) string {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "side", "127.0.0.1:0", strings.TrimPrefix(upstream, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	for i, text := range list {
		body := fmt.Sprintf(`{"name":"t%d",%s}`, i, text)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	return "http://" + proxy.Listen
}

// Toxics, as toxiproxy takes them.
const (
	late   = `"type":"latency","attributes":{"latency":300}`
	closed = `"type":"timeout","attributes":{"timeout":50}`
)

// stream is a folder with an HLS stream of a test picture.
func stream(t *testing.T, ffmpeg string) string {
	t.Helper()
	dir := t.TempDir()
	printed(t, ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=10", "-t", "8", "-c:v", "mpeg2video", "-g", "10",
		"-f", "hls", "-hls_time", "1", "-hls_list_size", "0", filepath.Join(dir, "index.m3u8"))
	return dir
}

// A player in front of a tap: it plays whatever the other side does, and what that side does
// wrong is found. Each row is one playback.
func TestBoxesPlayer(t *testing.T) {
	ffmpeg := realClient(t, "ffmpeg")
	good := stream(t, ffmpeg)
	bad := t.TempDir()
	if err := os.CopyFS(bad, os.DirFS(good)); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(bad, "index3.ts")
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(segment, data, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for _, dir := range []string{good, bad} { // no difference but the byte
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Chtimes(f, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	serve := func(dir string) string {
		files := http.FileServer(http.Dir(dir))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".ts") { // the system's table may know another type of that name
				w.Header().Set("Content-Type", "video/mp2t")
			}
			files.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, c := range []struct {
		name        string
		green       string
		blueT, more []string
		status      int
	}{
		{name: "the same stream", green: good, status: 0},
		{name: "one byte of a segment", green: bad, status: statusDifferent},
		{name: "a slow green", green: good, more: []string{late}, status: 0},
		{name: "a green that closes", green: good, more: []string{closed}, status: statusDifferent},
		{name: "a slow blue", green: good, blueT: []string{late}, status: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, proxy := startTap(t, toxic(t, serve(good), c.blueT...), toxic(t, serve(c.green), c.more...))
			printed(t, ffmpeg, "-v", "error", "-xerror", "-i", proxy+"/index.m3u8", "-f", "null", "-")
			if status := b.stop(); status != c.status {
				t.Errorf("%d, want %d\n%s%s", status, c.status, b.out.String(), b.err.String())
			}
		})
	}
}

// curl gets through a tap what it gets without one, whatever it asks with.
func TestBoxesCurl(t *testing.T) {
	curl := realClient(t, "curl")
	twin, err := fixtures.Start(fixtures.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	b, proxy := startTap(t, twin.BlueURL, twin.GreenURL)
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"/notice/v1/terms.txt"},
		{"--http1.0", "/notice/v1/terms.txt"},
		{"--http2-prior-knowledge", "/notice/v1/terms.txt"},
		{"--compressed", "/notice/v1/guide.html"},
		{"-r", "0-9", "/notice/v1/terms.txt"},
		{"-o", "/dev/null", "-w", "%{http_code}", "-T", file, "/notice/v1/terms.txt"},
		{"-I", "-o", "/dev/null", "-w", "%{http_code}", "/notice/v1/terms.txt"},
		{"-o", "/dev/null", "-w", "%{http_code} %{content_type}", "/epg/v1/channels"},
	} {
		flags, path := append([]string{"-sS", "--max-time", "20"}, args[:len(args)-1]...), args[len(args)-1]
		direct := flags
		if args[0] == "--http2-prior-knowledge" { // the twin speaks HTTP/1.1 without TLS
			direct = []string{"-sS"}
		}
		want, got := printed(t, curl, append(direct, twin.BlueURL+path)...), printed(t, curl, append(flags, proxy+path)...)
		if got != want || got == "" {
			t.Errorf("curl %v: got %.200q, want %.200q", args, got, want)
		}
	}
	if status := b.stop(); status != 0 {
		t.Errorf("%d\n%s%s", status, b.out.String(), b.err.String())
	}
}

// A browser walks a page of the twin through a tap.
func TestBoxesBrowser(t *testing.T) {
	chromium := realClient(t, "chromium", "chromium-browser", "google-chrome")
	twin, err := fixtures.Start(fixtures.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	b, proxy := startTap(t, twin.BlueURL, twin.GreenURL, "--least", "1")
	page := printed(t, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--dump-dom", proxy+"/notice/v1/guide.html")
	if !strings.Contains(page, "<h1") {
		t.Errorf("the page is %.300q", page)
	}
	if status := b.stop(); status != 0 || !strings.Contains(b.out.String(), "GET /notice/v1/guide.html  200") {
		t.Errorf("%d\n%s%s", status, b.out.String(), b.err.String())
	}
}
