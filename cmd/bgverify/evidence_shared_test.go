package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// oneAtATime serves one request at a time for some 8 ms: a third busy with one
// side at 45 requests/s, two thirds with both, when requests begin to queue.
func oneAtATime() http.HandlerFunc {
	var one sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		if r.Context().Err() == nil { // the client still waits
			time.Sleep(time.Duration(rand.ExpFloat64() * float64(8*time.Millisecond)))
			says(`{"a":1}`)(w, r)
		}
	}
}

// Two sides on one bottleneck slow each other, and any ratio between them
// shrinks. A run long enough for its solo blocks is inconclusive; a shorter one
// passes and says that it did not judge it, and with a calibration that blue is
// slower than it is alone. Minutes of load, for a machine of its own.
func TestEvidenceSharedBottleneck(t *testing.T) {
	if os.Getenv("BGVERIFY_EVIDENCE_LOAD") == "" {
		t.Skip("eight minutes of load: set BGVERIFY_EVIDENCE_LOAD=1")
	}
	t.Run("shared_bottleneck/long", func(t *testing.T) {
		e := newEvidence(t)
		e.file("suite.yaml", loaded("    timeout: 10s\n    rate: 45/s\n    duration: 330s\n    margins: {p50: 20%, p95: 50%, errors: 0.5%}\n", "item"))
		h := oneAtATime()
		r := e.bgverify("run", "suite.yaml", "--only-load", "--blue", serve(t, h), "--green", serve(t, h))
		r.ends(4, `load peak: interference: p50 of blue is \+`, "")
	})
	t.Run("shared_bottleneck/short after a calibration", func(t *testing.T) {
		e := newEvidence(t)
		e.file("suite.yaml", loaded("    timeout: 10s\n    rate: 35/s\n    duration: 80s\n    margins: {p50: 50%, p95: 100%, errors: 0.5%}\n", "item"))
		h := oneAtATime()
		blue, green := serve(t, h), serve(t, h)
		switch r := e.bgverify("calibrate", "suite.yaml", "--blue", blue, "--load"); {
		case r.status != 0 && r.status != 4:
			t.Fatalf("calibrate: exit status %d\n%s%s", r.status, &r.out, &r.err)
		case strings.Contains(r.err.String(), "is not kept"):
			t.Skipf("this machine is too busy to calibrate:\n%s", &r.out)
		}
		r := e.bgverify("run", "suite.yaml", "--only-load", "--blue", blue, "--green", green)
		if r.status != 0 && r.status != 4 { // 4: a machine with other work sends late
			t.Errorf("exit status %d", r.status)
		}
		if out := r.out.String(); !strings.Contains(out, "that it was calibrated at alone") {
			t.Errorf("no warning of a blue that is slower than calibrated:\n%s", out)
		}
	})
}

// balanced is a TCP balancer: each connection goes to the next back end and stays.
func balanced(t *testing.T, backEnds []string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for n := 0; ; n++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(backEnds[n%len(backEnds)], "http://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_, _ = to.Close(), from.Close()
			}
			go pipe(client, server)
			go pipe(server, client)
		}
	}()
	return "http://" + listener.Addr().String()
}

// One of eight back ends behind a balancer is three times slower: the default
// connections reach all of them.
func TestEvidenceOneSlowBackEnd(t *testing.T) {
	if os.Getenv("BGVERIFY_EVIDENCE_LOAD") == "" {
		t.Skip("half a minute of load: set BGVERIFY_EVIDENCE_LOAD=1")
	}
	e := newEvidence(t)
	e.file("suite.yaml", loaded("    identity: X-Pod\n    rate: 100/s\n    duration: 60s\n    margins: {p50: 10%, p95: 20%, p99: 50%, errors: 0.5%}\n", "item"))
	var backEnds []string
	for i := range 8 {
		wait := 20 * time.Millisecond
		if i == 3 {
			wait *= 3
		}
		backEnds = append(backEnds, serve(t, after(wait, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Pod", fmt.Sprintf("pod-%d", i))
			says(`{"a":1}`)(w, r)
		})))
	}
	r := e.bgverify("run", "suite.yaml", "--only-load", "--blue", serve(t, after(20*time.Millisecond, says(`{"a":1}`))), "--green", balanced(t, backEnds))
	r.ends(1, `load peak: green is worse: p95`, "")
	data, err := os.ReadFile(filepath.Join(r.folder, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "8 back ends reached") {
		t.Error("the report does not say that 8 back ends were reached")
	}
}
