package resources_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/runner/cluster/resources"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a Prometheus that has one series a metric, scraped every 15 s, which grows by
// so much a scrape (counters) or has so much (gauges).
type fake struct {
	metrics map[string]float64
	scrapes int // 0: as many as fit
	reset   bool
	gap     bool   // the query has no value, though its parts are scraped
	doubt   string // a warning in the answer
	asked   []string
}

func (f *fake) start(t *testing.T) string {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	f.asked = append(f.asked, query)
	start, _ := strconv.ParseFloat(r.FormValue("start"), 64)
	end, _ := strconv.ParseFloat(r.FormValue("end"), 64)
	stamps := strings.HasPrefix(query, "timestamp(")
	values := [][2]any{}
	for name, per := range f.metrics {
		if !strings.Contains(query, name) {
			continue
		}
		for at := start; at <= end; at++ {
			n := int(at-start) / 15
			if f.scrapes > 0 {
				n = min(n, f.scrapes-1)
			}
			value := per * float64(n)
			switch {
			case stamps:
				value = start + float64(n)*15
			case f.gap:
				value = math.NaN()
			case strings.Contains(name, "bytes"):
				value = per
			case f.reset && n > 3:
				value -= per * 4
			}
			values = append(values, [2]any{at, strconv.FormatFloat(value, 'f', -1, 64)})
		}
	}
	result := []map[string]any{}
	if len(values) > 0 {
		result = append(result, map[string]any{"metric": map[string]string{}, "values": values})
	}
	var warnings []string
	if f.doubt != "" {
		warnings = append(warnings, f.doubt)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "warnings": warnings, "data": map[string]any{"resultType": "matrix", "result": result}})
}

const cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"

func measure(t *testing.T, blue, green *fake, change func(*stage.Prometheus)) *run.Resources {
	t.Helper()
	asked := &stage.Prometheus{
		Blue:  stage.PrometheusServer{URL: blue.start(t)},
		Green: stage.PrometheusServer{URL: green.start(t)}, Namespaces: []string{"stb"},
	}
	if change != nil {
		change(asked)
	}
	m, err := resources.New(asked, resources.Outside{Getenv: func(string) (string, bool) { return "t-1", true }})
	if err != nil {
		t.Fatal(err)
	}
	to := time.Date(2026, 11, 23, 3, 2, 0, 0, time.UTC)
	return m.Measure(t.Context(), to.Add(-2*time.Minute), to, 1000)
}

func figure(t *testing.T, r *run.Resources, name string) run.ResourceFigure {
	t.Helper()
	for _, f := range r.Figures {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no figure %s in %+v", name, r)
	return run.ResourceFigure{}
}

// Each row is what both servers have, and what it comes to.
func TestMeasure(t *testing.T) {
	one := func(name string, v float64) *fake { return &fake{metrics: map[string]float64{name: v}} }
	for _, row := range []struct {
		name        string
		blue, green *fake
		change      func(*stage.Prometheus)
		want        run.Verdict
		reason      string
	}{
		{"the same", one(cpu, 2), one(cpu, 2), nil, run.Pass, ""},
		{"within the margin", one(cpu, 2), one(cpu, 2.3), nil, run.Pass, ""},
		{"green needs half as much again", one(cpu, 2), one(cpu, 3), nil, run.Fail, "CPU per request: blue 16 ms, green 24 ms"},
		{"below the floor", one(cpu, 0.001), one(cpu, 0.01), nil, run.Pass, ""},
		{"a counter that began again", one(cpu, 2), &fake{metrics: map[string]float64{cpu: 2}, reset: true}, nil, run.Pass, ""},
		{"memory", one(memory, 1<<30), one(memory, 2<<30), nil, run.Fail, "working set: blue 1024.0 MiB, green 2048.0 MiB"},
		{"green better", one(memory, 2<<30), one(memory, 1<<30), nil, run.Pass, ""},
		{"no data on green alone", one(cpu, 2), &fake{}, nil, run.Inconclusive, "green: no data (0 scrapes)"},
		{
			"four scrapes on green", one(cpu, 2), &fake{metrics: map[string]float64{cpu: 2}, scrapes: 4}, nil, run.Inconclusive,
			"green: no data (4 scrapes)",
		},
		{
			"a quotient without a value on green", one(memory, 1<<30), &fake{metrics: map[string]float64{memory: 1}, gap: true}, nil,
			run.Inconclusive, "green: no data (0 scrapes)",
		},
		{
			"a green that doubts its answer", one(cpu, 2), &fake{metrics: map[string]float64{cpu: 2}, doubt: "store-1 is down"}, nil,
			run.Inconclusive, "doubts its answer: store-1 is down",
		},
		{"no data on blue", &fake{}, one(cpu, 2), nil, run.Skip, "no figure has data"},
		{"no data at all", &fake{}, &fake{}, nil, run.Skip, "no figure has data"},
		{"blue is live", one(cpu, 2), one(cpu, 9), func(p *stage.Prometheus) { p.BlueLive = true }, run.Skip, "blue carries live traffic"},
		{"a gate without data", &fake{}, &fake{}, func(p *stage.Prometheus) {
			p.Queries = []stage.PrometheusQuery{{Name: "queue", Query: "sum(queue{$match})", Gate: true}}
		}, run.Inconclusive, "queue: blue: no data"},
		{
			"green cannot be asked", one(cpu, 2), one(cpu, 2), func(p *stage.Prometheus) { p.Green.URL = "http://127.0.0.1:1" },
			run.Inconclusive, "ask the Prometheus of green",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := measure(t, row.blue, row.green, row.change)
			if got.Verdict != row.want || !strings.Contains(got.Reason, row.reason) {
				t.Errorf("%v %q, want %v %q", got.Verdict, got.Reason, row.want, row.reason)
			}
		})
	}
}

func TestQueriesNameTheSide(t *testing.T) {
	blue, green := &fake{metrics: map[string]float64{cpu: 2}}, &fake{metrics: map[string]float64{cpu: 2}}
	got := measure(t, blue, green, func(p *stage.Prometheus) { p.Green.Match = `cluster="green"` })
	want := fmt.Sprintf(`%s{container!="",cluster="green",namespace=~"stb"}`, cpu)
	if green.asked[0] != want {
		t.Errorf("asked %s, want %s", green.asked[0], want)
	}
	if f := figure(t, got, "CPU per request"); f.BlueScrapes != 9 || f.Blue != 0.016 {
		t.Errorf("%+v", f)
	}
}
