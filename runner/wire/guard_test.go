package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuardAllows(t *testing.T) {
	for _, row := range []struct {
		name     string
		patterns []string
		host     string
		want     bool
		reason   string
	}{
		{"loopback", nil, "127.0.0.1", true, "without patterns loopback is allowed"},
		{"mapped", nil, "::ffff:127.0.0.1", true, "a mapped address is the same address"},
		{"loopback 6", nil, "[::1]", true, "brackets are not part of it"},
		{"name without patterns", nil, "localhost", false, "a name is checked by what it resolves to"},
		{"elsewhere", nil, "10.0.0.1", false, "nothing off loopback without patterns"},
		{"name", []string{"api.green.example"}, "API.green.example.", true, "case and the last dot do not matter"},
		{"other name", []string{"*.green.example"}, "green.example", false, "the pattern has one label more"},
		{"glob", []string{"*.green.example"}, "api.green.example", true, "a glob"},
		{"network", []string{"10.2.0.0/16"}, "10.2.7.1", true, "a network holds its addresses"},
		{"other network", []string{"10.2.0.0/16"}, "10.3.7.1", false, "and no others"},
		{"loopback with patterns", []string{"10.2.0.0/16"}, "127.0.0.1", false, "patterns say all that is allowed"},
		{"name in network", []string{"10.2.0.0/16"}, "10.2.7.1.example", false, "a name is not an address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := NewGuard(row.patterns)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Allows(row.host); got != row.want {
				t.Errorf("patterns %q, host %s: allowed %v, want %v: %s", row.patterns, row.host, got, row.want, row.reason)
			}
		})
	}
	for _, bad := range []string{"10.2.0.0/99", "[", ""} {
		if _, err := NewGuard([]string{bad}); err == nil {
			t.Errorf("pattern %q was accepted", bad)
		}
	}
}

// What is dialled decides, not what the URL says: a plan may pin any address.
func TestGuardLooksAtTheDialledAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, row := range []struct {
		name, url, resolve string
		patterns           []string
		want               Class
	}{
		{"pinned elsewhere", "http://api.green.example" + port, "127.0.0.1", []string{"*.green.example"}, ClassRequest},
		{"pinned where allowed", "http://api.green.example" + port, "127.0.0.1", []string{"127.0.0.1"}, ""},
		{"name of loopback", "http://localhost" + port, "", nil, ""},
		{"address", server.URL, "", []string{"10.0.0.0/8"}, ClassRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := NewGuard(row.patterns)
			if err != nil {
				t.Fatal(err)
			}
			transport, err := New(Config{BaseURL: row.url, Resolve: row.resolve, Guard: g})
			if err != nil {
				t.Fatal(err)
			}
			defer transport.Close()
			x := transport.Do(context.Background(), &Request{Method: "GET", URL: row.url + "/"})
			if got := classOfErr(x.Err); got != row.want {
				t.Errorf("class %q (%v), want %q", got, x.Err, row.want)
			}
		})
	}
	g, _ := NewGuard([]string{"proxy.example"})
	if _, err := New(Config{BaseURL: "http://victim.example", Proxy: "http://proxy.example:3128", Guard: g}); err == nil {
		t.Error("an allowed proxy may lead anywhere")
	}
}

func classOfErr(e *Err) Class {
	if e == nil {
		return ""
	}
	return e.Class
}
