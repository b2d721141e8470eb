package archive

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

// BenchmarkEmit measures a case's events (an intent, an unsafe intent, a pair,
// the case) on a real disk, by the number of cases that run at once.
func BenchmarkEmit(b *testing.B) {
	for _, workers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			w, err := Create(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			w.Secret("token", "a-secret-of-some-length")
			if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), b.N)}); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for k := range workers {
				wg.Go(func() {
					for i := k; i < b.N; i += workers {
						if err := w.Emit(intent("x", "buy", "blue")); err != nil {
							b.Error(err)
						}
						if err := emitCases(w, i, i+1); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkArchive measures what an archive of ten thousand cases takes to
// write without syncs, to finish, to verify and to read back, with its memory.
func BenchmarkArchive(b *testing.B) {
	const cases = 10_000
	for b.Loop() {
		w, err := Create(b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		took := func(what string, began time.Time) { b.ReportMetric(time.Since(began).Seconds(), what+"-s") }
		if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), cases)}); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		var wg sync.WaitGroup
		for k := range 16 {
			wg.Go(func() {
				for i := k; i < cases; i += 16 {
					if err := emitCases(w, i, i+1); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		took("emit", began)
		if err := w.Emit(run.Event{End: sampleEnd(run.Pass, cases)}); err != nil {
			b.Fatal(err)
		}
		r, err := w.Run()
		if err != nil {
			b.Fatal(err)
		}
		if err := w.WriteFile(RunFile, func(to io.Writer) error {
			return writeRunJSON(to, &run.Run{Header: r.Header, End: r.End, Cases: func(func(*run.CaseResult, error) bool) {}})
		}); err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		if _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
		took("finish", began)
		w.Close()
		f, err := Open(w.Path())
		if err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		if err := f.Verify(); err != nil {
			b.Fatal(err)
		}
		took("verify", began)
		f, _ = Open(w.Path())
		began = time.Now()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r, err = f.Run()
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range r.Cases {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		took("read", began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "B/case-kept")
		runtime.KeepAlive(f)
		began = time.Now()
		for i := range cases {
			if p, err := r.Pair(fmt.Sprintf("stb/case-%03d/get", i)); p == nil || err != nil {
				b.Fatal(p, err)
			}
		}
		took("pairs", began)
	}
}
