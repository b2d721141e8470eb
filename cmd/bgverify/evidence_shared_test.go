package main

import (
	"math/rand/v2"
	"net/http"
	"os"
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
		e.file("suite.yaml", loaded("    timeout: 10s\n    rate: 45/s\n    duration: 80s\n    margins: {p50: 50%, p95: 100%, errors: 0.5%}\n", "item"))
		h := oneAtATime()
		blue, green := serve(t, h), serve(t, h)
		if r := e.bgverify("calibrate", "suite.yaml", "--blue", blue, "--load"); r.status != 0 && r.status != 4 {
			t.Fatalf("calibrate: exit status %d", r.status)
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
