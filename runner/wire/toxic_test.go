package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// toxic puts a toxiproxy with toxics in front of a server.
func toxic(t *testing.T, upstream string, toxics ...string) string {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "green", "127.0.0.1:0", strings.TrimPrefix(upstream, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	for _, text := range toxics {
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return "http://" + proxy.Listen
}

// What a network does to good answers: each row is the failure it is, or none,
// and an unsafe request is sent once.
func TestToxics(t *testing.T) {
	noLeak(t)
	body := `{"rows":"` + strings.Repeat("0123456789abcdef", 1024) + `"}` // 16 KiB
	firstByte, total := Limits{FirstByte: 150 * time.Millisecond}, Limits{Total: 600 * time.Millisecond}
	for _, row := range []struct {
		name   string
		toxics []string
		limits Limits
		class  Class // "": the answer is whole
		detail string
	}{
		{name: "nothing", limits: Limits{}},
		{name: "latency", toxics: []string{`{"name":"l","type":"latency","attributes":{"latency":40,"jitter":20}}`}},
		{name: "latency both ways", toxics: []string{`{"name":"u","type":"latency","stream":"upstream","attributes":{"latency":30}}`, `{"name":"d","type":"latency","attributes":{"latency":30}}`}},
		{name: "latency above the first byte's limit", toxics: []string{`{"name":"l","type":"latency","attributes":{"latency":3000}}`}, limits: firstByte, class: ClassTimeout, detail: "first byte: "},
		{name: "bandwidth", toxics: []string{`{"name":"b","type":"bandwidth","attributes":{"rate":256}}`}},
		{name: "bandwidth too small for the total", toxics: []string{`{"name":"b","type":"bandwidth","attributes":{"rate":4}}`}, limits: total, class: ClassTimeout},
		{name: "bandwidth of nothing", toxics: []string{`{"name":"b","type":"bandwidth","attributes":{"rate":0}}`}, limits: firstByte, class: ClassTimeout, detail: "first byte: "},
		{name: "timeout that holds for ever", toxics: []string{`{"name":"t","type":"timeout","attributes":{"timeout":0}}`}, limits: firstByte, class: ClassTimeout, detail: "first byte: "},
		{name: "timeout that closes", toxics: []string{`{"name":"t","type":"timeout","attributes":{"timeout":30}}`}, class: ClassReset},
		{name: "timeout on the way there", toxics: []string{`{"name":"t","type":"timeout","stream":"upstream","attributes":{"timeout":30}}`}, class: ClassReset},
		{name: "reset", toxics: []string{`{"name":"r","type":"reset_peer","attributes":{"timeout":0}}`}, class: ClassReset},
		{name: "reset later", toxics: []string{`{"name":"r","type":"reset_peer","attributes":{"timeout":50}}`}, class: ClassReset},
		{name: "reset on the way there", toxics: []string{`{"name":"r","type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`}, class: ClassReset},
		{name: "slicer", toxics: []string{`{"name":"s","type":"slicer","attributes":{"average_size":64,"size_variation":32,"delay":10}}`}},
		{name: "slicer of single bytes", toxics: []string{`{"name":"s","type":"slicer","attributes":{"average_size":2,"size_variation":1,"delay":0}}`}},
		{name: "slicer slower than the total", toxics: []string{`{"name":"s","type":"slicer","attributes":{"average_size":64,"size_variation":1,"delay":20000}}`}, limits: total, class: ClassTimeout, detail: "total: "},
		{name: "limit_data in the headers", toxics: []string{`{"name":"d","type":"limit_data","attributes":{"bytes":20}}`}, class: ClassProtocol, detail: "malformed"},
		{name: "limit_data in the body", toxics: []string{`{"name":"d","type":"limit_data","attributes":{"bytes":5000}}`}, class: ClassTruncated},
		{name: "limit_data above the answer", toxics: []string{`{"name":"d","type":"limit_data","attributes":{"bytes":500000}}`}},
		{name: "slow_close", toxics: []string{`{"name":"c","type":"slow_close","attributes":{"delay":50}}`}},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(row.name+"/"+method, func(t *testing.T) {
				t.Parallel()
				var seen atomic.Int64
				url := toxic(t, rawServer(t, func(c net.Conn, r *bufio.Reader) {
					for readRequest(r) != nil {
						seen.Add(1)
						_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
						_, _ = io.WriteString(c, body)
					}
				}), row.toxics...)
				tr := transport(t, Config{BaseURL: url, Limits: row.limits})
				x := tr.Do(context.Background(), &Request{Method: method, URL: url, Body: []byte("x")})
				switch {
				case row.class == "" && (x.Err != nil || string(x.Answer) != body):
					t.Errorf("got %d bytes, %v; want the whole answer", len(x.Answer), x.Err)
				case row.class != "" && (x.Err == nil || x.Err.Class != row.class || !strings.HasPrefix(x.Err.Detail, row.detail)):
					t.Errorf("got %v, want class %s, detail %q", x.Err, row.class, row.detail)
				}
				if most := map[string]int{"GET": 2, "POST": 1}[method]; x.Attempts > most || seen.Load() > int64(most) {
					t.Errorf("%d attempts, and the server saw %d", x.Attempts, seen.Load())
				}
			})
		}
	}
}
