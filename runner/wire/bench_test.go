package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The same GET of 2 KB JSON by Do, by the load generator's round tripper and by
// a bare net/http client.
func BenchmarkGet(b *testing.B) {
	body := strings.Repeat(`{"a":1,"b":[2,3]},`, 114)
	base := httpServer(b, nil, "1 h2c", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
	drain := func(b *testing.B, rt http.RoundTripper) {
		req, err := http.NewRequest("GET", base, nil)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(body)) {
			b.Fatal(n, err)
		}
		_ = resp.Body.Close()
	}
	for _, protocol := range []string{"1.1", "h2c"} {
		tr := transport(b, Config{BaseURL: base, HTTP: protocol})
		bare := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, Protocols: new(http.Protocols)}
		bare.Protocols.SetHTTP1(protocol == "1.1")
		bare.Protocols.SetUnencryptedHTTP2(protocol == "h2c")
		b.Cleanup(bare.CloseIdleConnections)
		for _, way := range []struct {
			name string
			once func(*testing.B)
		}{
			{"do", func(b *testing.B) {
				x := tr.Do(context.Background(), &Request{Method: "GET", URL: base, Headers: []Field{{"Accept", "application/json"}}})
				if x.Err != nil || len(x.Answer) != len(body) {
					b.Fatal(x.Err)
				}
			}},
			{"load", func(b *testing.B) { drain(b, tr.RoundTripper()) }},
			{"bare", func(b *testing.B) { drain(b, bare) }},
		} {
			b.Run(fmt.Sprintf("http=%s/way=%s", protocol, way.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					way.once(b)
				}
			})
			b.Run(fmt.Sprintf("http=%s/way=%s/parallel", protocol, way.name), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						way.once(b)
					}
				})
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		t, err := New(Config{BaseURL: "https://api.example"})
		if err != nil {
			b.Fatal(err)
		}
		t.Close()
	}
}
