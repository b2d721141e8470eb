package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
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
			{"load", func(b *testing.B) { drain(b, loads(tr)) }},
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

// Do beside a bare net/http loop, in turns of 20 requests so that both meet the
// same machine: bare's time over ours, per turn, in the middle.
func BenchmarkBesideBare(b *testing.B) {
	body := strings.Repeat(`{"a":1,"b":[2,3]},`, 114)
	base := httpServer(b, nil, "1", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, body) })
	tr := transport(b, Config{BaseURL: base})
	loader := loads(tr)
	bare := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	b.Cleanup(bare.CloseIdleConnections)
	read := func(rt http.RoundTripper) {
		req, _ := http.NewRequestWithContext(context.Background(), "GET", base, nil)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	const turn = 20
	took := func(once func()) float64 {
		began := time.Now()
		for range turn {
			once()
		}
		return time.Since(began).Seconds()
	}
	var do, load []float64
	for b.Loop() {
		mine := took(func() { get(b, tr, base) })
		theirs := took(func() { read(bare) })
		do = append(do, theirs/mine)
		load = append(load, theirs/took(func() { read(loader) }))
	}
	slices.Sort(do)
	slices.Sort(load)
	b.ReportMetric(do[len(do)/2], "bare/do")
	b.ReportMetric(load[len(load)/2], "bare/load")
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
