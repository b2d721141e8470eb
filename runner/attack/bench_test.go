package attack

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack/sleep"
)

// hourRecord writes the record file of an hour at a rate, as an attack would.
func hourRecord(tb testing.TB, rate float64, length time.Duration) []byte {
	tb.Helper()
	var file bytes.Buffer
	rec := &recorder{w: &file}
	design := perf.NewStage(perf.Design{Rate: rate, Duration: length, Timeout: time.Second, Pairing: perf.Paired, OneLook: true, Routes: []perf.Route{{Name: "GET /", Share: 1}}}).Design()
	if err := rec.section(Section{Name: "hour", Design: design}); err != nil {
		tb.Fatal(err)
	}
	s := newSchedule(design, []Route{{Blue: make([]Request, 1)}})
	rng := rand.New(rand.NewPCG(1, 1))
	var batch []perf.Record
	for {
		sl, ok := s.next()
		if !ok {
			break
		}
		batch = append(batch, perf.Record{Pair: sl.pair, Green: sl.green, Solo: sl.solo, Scheduled: sl.at, Latency: time.Duration(5e6 * math.Exp(0.3*rng.NormFloat64())), Status: 200})
		if len(batch) == int(rate/5) {
			if err := rec.frame(batch, design.PairStart(sl.pair), perf.Health{}); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if err := rec.frame(batch, allTime, perf.Health{}); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// BenchmarkRejudgeHour judges the records of an hour at 1000 requests/s per side.
func BenchmarkRejudgeHour(b *testing.B) {
	file := hourRecord(b, 1000, time.Hour)
	b.SetBytes(int64(len(file)))
	b.ReportMetric(float64(len(file))/1e6, "MB/record")
	for b.Loop() {
		if r, err := Rejudge(bytes.NewReader(file), nil); err != nil || r.Outcome != perf.NoWorse {
			b.Fatalf("%+v, %v", r, err)
		}
	}
}

// BenchmarkPacer measures how late a slot leaves the pacer, at 1000 slots/s.
func BenchmarkPacer(b *testing.B) {
	s := sleep.Precise()
	defer s.Close()
	var late []time.Duration
	began, n := time.Now(), 0
	for b.Loop() {
		n++
		due := began.Add(time.Duration(n) * time.Millisecond)
		s.Until(due)
		late = append(late, time.Since(due))
	}
	b.ReportMetric(quantileOf(late, 0.5), "µs-p50")
	b.ReportMetric(quantileOf(late, 0.99), "µs-p99")
}

func quantileOf(d []time.Duration, q float64) float64 {
	sorted := append([]time.Duration(nil), d...)
	for i := range sorted { // few values: insertion is enough
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds())
}

// TestMemoryStaysFlat attacks for a while and compares
// the heap after a third of the time with that at the end. BGVERIFY_LOAD_E2E=1
// attacks at 2000/s in all for a minute, otherwise at 500/s for 4 s.
func TestMemoryStaysFlat(t *testing.T) {
	rate, length := 250.0, 4*time.Second
	if os.Getenv("BGVERIFY_LOAD_E2E") != "" {
		rate, length = 1000, time.Minute
	}
	fast := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plan := quick(start(t, fast), start(t, fast))
	plan.Rate, plan.Duration, plan.Calibrate = rate, length, true
	var early, late atomic.Uint64
	var m runtime.MemStats
	report, err := Run(context.Background(), plan, io.Discard, func(p Progress) {
		if p.Elapsed < p.Total/3 || p.Elapsed > p.Total/3+time.Second && p.Elapsed < p.Total*9/10 {
			return
		}
		runtime.GC()
		runtime.ReadMemStats(&m)
		if p.Elapsed < p.Total/2 {
			early.Store(max(early.Load(), m.HeapAlloc))
		} else {
			late.Store(max(late.Load(), m.HeapAlloc))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if early.Load() == 0 || late.Load() == 0 {
		if excused(report) {
			t.Skipf("this machine is too busy to attack on time: %s", report.Reason)
		}
		t.Fatalf("the attack ended early: %v (%s)", report.Outcome, report.Reason)
	}
	runtime.ReadMemStats(&m)
	t.Logf("%g/s per side for %s: heap %.1f MB after a third, %.1f MB at the end, %.1f MB from the system", rate, length, float64(early.Load())/1e6, float64(late.Load())/1e6, float64(m.Sys)/1e6)
	if grown := float64(late.Load()) - float64(early.Load()); grown > 16e6 {
		t.Errorf("the heap grew by %.1f MB", grown/1e6)
	}
}
