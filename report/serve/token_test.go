package serve

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	r := newRig(t, token)
	for _, row := range []struct {
		name string
		set  func(*http.Request)
		want int
	}{
		{"none", func(*http.Request) {}, 401},
		{"bearer", func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) }, 200},
		{"password", func(q *http.Request) { q.SetBasicAuth("flagger", token) }, 200},
		{"name", func(q *http.Request) { q.SetBasicAuth(token, "") }, 200},
		{"prefix", func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token[:15]) }, 401},
		{"longer", func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token+"0") }, 401},
		{"empty", func(q *http.Request) { q.Header.Set("Authorization", "Bearer ") }, 401},
		{"empty basic", func(q *http.Request) { q.SetBasicAuth("", "") }, 401},
		{"scheme", func(q *http.Request) { q.Header.Set("Authorization", "Token "+token) }, 401},
	} {
		for _, path := range []string{"/metrics", "/v1/gate/x", "/", "/flagger/gate"} {
			q := httptest.NewRequest("GET", path, nil)
			row.set(q)
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, q)
			if got := w.Code == 401; got != (row.want == 401) {
				t.Errorf("%s %s: got %d, want %d", row.name, path, w.Code, row.want)
			}
		}
	}
	for _, bad := range []string{"", "short", "0123456789 abcdef", "0123456789abcdef\x00", "열여섯 글자가 넘는 토큰"} {
		if CheckToken(bad) == nil {
			t.Errorf("token %q is accepted", bad)
		}
	}
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		if ln, err := Listen(address, ""); err != ErrOpen {
			t.Errorf("%s without a token: %v %v", address, ln, err)
		}
	}
}

// Without a token a name that somebody points to this machine is refused, and so is a page
// of another site.
func TestForeignPages(t *testing.T) {
	r := newRig(t, "")
	for name, set := range map[string]func(*http.Request){
		"rebound name": func(q *http.Request) { q.Host = "evil.example:8080" },
		"other site":   func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
		"other origin": func(q *http.Request) { q.Header.Set("Origin", "http://evil.example") },
		"form":         func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") },
	} {
		q := httptest.NewRequest("POST", "/v1/runs", strings.NewReader(`{"id":"a","env":"stb"}`))
		q.Host = "127.0.0.1:8080"
		q.Header.Set("Content-Type", "application/json")
		set(q)
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, q)
		if w.Code != 403 && w.Code != 415 {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
	if host, _, err := net.SplitHostPort("[::1]:80"); err != nil || !isLoopback("[::1]:80") || !isLoopback(host) || isLoopback("10.0.0.1:80") || isLoopback("") {
		t.Error("isLoopback")
	}
}
