package runner

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// nowhere is a Sink that keeps nothing.
type nowhere struct{}

func (nowhere) Secret(string, string)                     {}
func (nowhere) Emit(run.Event) error                      { return nil }
func (nowhere) LoadFile(string) (run.RecordWriter, error) { return &memoryFile{}, nil }

func benchBody() string {
	var b strings.Builder
	b.WriteString(`{"code":0,"items":[`)
	for i := range 20 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"VOD-%04d","title":"드라마 %d","price":%d,"rating":"15","tags":["a","b"]}`, i, i, 1000+i)
	}
	b.WriteString(`],"serverTime":"2026-11-23T08:00:00Z"}`)
	return b.String()
}

func benchPlan(tb testing.TB, rows int, blue, green string) *Plan {
	tb.Helper()
	var csv strings.Builder
	csv.WriteString("row\n")
	for i := range rows {
		fmt.Fprintf(&csv, "%d\n", i)
	}
	files := fstest.MapFS{
		"rows.csv": &fstest.MapFile{Data: []byte(csv.String())},
		"s.yaml": &fstest.MapFile{Data: []byte(`
suite: s
rules: [{at: $.serverTime, do: ignore, why: clock}]
cases: [{case: one, data: {file: rows.csv}, get: /a, query: {n: "{{row}}"}, expect: {body: {$.code: 0, $.items: {count: 20}}}}]
`)},
	}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Now: time.Now(), Demand: true, BlueURL: blue, GreenURL: green})
	if problems.HasErrors() {
		tb.Fatal(problems)
	}
	return &Plan{ID: "bench", Tool: run.Tool{Name: "bgverify"}, Suites: suites, Options: Options{Seed: 1}, World: World{Now: time.Now, Files: files}}
}

func benchServers(tb testing.TB) (blue, green string) {
	tb.Helper()
	body := []byte(benchBody())
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	b, g := httptest.NewServer(h), httptest.NewServer(h)
	tb.Cleanup(b.Close)
	tb.Cleanup(g.Close)
	return b.URL, g.URL
}

// BenchmarkPairs is the cost of a pair with everything on; servers included.
func BenchmarkPairs(b *testing.B) {
	blue, green := benchServers(b)
	for _, mode := range []struct {
		name    string
		options Options
	}{{"whole", Options{Seed: 1}}, {"without-control", Options{Seed: 1, MaxMutants: -1}}} {
		b.Run(mode.name, func(b *testing.B) {
			plan := benchPlan(b, b.N, blue, green)
			plan.Options = mode.options
			b.ReportAllocs()
			b.ResetTimer()
			end, err := Execute(b.Context(), plan, nowhere{}, nil)
			if err != nil || end.Counts.Pass != b.N {
				b.Fatal(err, end.Reasons)
			}
		})
	}
	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		get := func(url string) {
			resp, err := client.Get(url + "/a?n=1")
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		gate := make(chan struct{}, 8)
		var all sync.WaitGroup
		for range b.N {
			gate <- struct{}{}
			all.Go(func() {
				var one sync.WaitGroup
				one.Go(func() { get(blue) })
				get(green)
				one.Wait()
				<-gate
			})
		}
		all.Wait()
	})
}

// TestMemoryIsFlatOverRows: ten times the rows take no more memory.
func TestMemoryIsFlatOverRows(t *testing.T) {
	if testing.Short() {
		t.Skip("walks 2,750 rows")
	}
	blue, green := benchServers(t)
	heap := func(rows int) uint64 {
		plan := benchPlan(t, rows, blue, green)
		plan.Options.MaxMutants = -1
		var most uint64
		seen := 0
		_, err := Execute(t.Context(), plan, nowhere{}, func(p Progress) {
			if seen++; seen%125 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return most
	}
	few, many := heap(250), heap(2500)
	t.Logf("250 rows: %d KiB, 2500 rows: %d KiB", few>>10, many>>10)
	if many > few+2<<20 {
		t.Errorf("heap grew from %d KiB to %d KiB with ten times the rows", few>>10, many>>10)
	}
}
