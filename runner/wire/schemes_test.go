package wire

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TLS spoken to a plain port, and the reverse, are named with the URL to write.
func TestWrongSchemesAreNamed(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	alert := listenRaw(t, "\x15\x03\x01\x00\x02\x02\x16")
	for _, tt := range []struct{ name, url, want string }{
		{"TLS to a plain port", strings.Replace(plain.URL, "http:", "https:", 1), "the server answers without TLS: its URL begins with http://, not https://"},
		{"plain to a TLS port", "http://" + alert, "the server speaks TLS: its URL begins with https://, not http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			x := w.Do(context.Background(), &Request{Method: "GET", URL: tt.url + "/"})
			if x.Err == nil || x.Err.Detail != tt.want {
				t.Errorf("got %v, want %q", x.Err, tt.want)
			}
		})
	}
}

// listenRaw answers every connection with the same bytes.
func listenRaw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				_, _ = c.Write([]byte(answer))
			}()
		}
	}()
	return l.Addr().String()
}
