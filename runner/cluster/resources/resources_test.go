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

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	born    bool   // the series begins in the window, with a value of 9
	up      bool   // the server had other data before
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
	hourBefore := r.FormValue("step") == "60"
	if f.up && strings.HasPrefix(query, "count(up{") {
		values = append(values, [2]any{start, "3"})
	}
	for name, per := range f.metrics {
		if !strings.Contains(query, name) || f.born && hourBefore {
			continue
		}
		for at := start; at <= end; at++ {
			n := int(at-start) / 15
			if f.scrapes > 0 {
				n = min(n, f.scrapes-1)
			}
			value := per * float64(n)
			if f.born {
				value += 9
			}
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

const errors5xx = "istio_requests_total"

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
		{
			"errors whose series begins with them", one(cpu, 2), &fake{metrics: map[string]float64{cpu: 2, errors5xx: 0}, born: true, up: true}, nil,
			run.Fail, "CPU per request: blue 16 ms, green 25 ms",
		},
		{"a server that has just begun", one(cpu, 2), &fake{metrics: map[string]float64{cpu: 2}, born: true}, nil, run.Pass, ""},
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

// A signed request is one that the signer of AWS signs the same way.
func TestSigV4(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-7f3a", "AWS_SESSION_TOKEN": "session-7f3a",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_REGION": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	green := &fake{metrics: map[string]float64{cpu: 2}}
	signed := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		again := r.Clone(t.Context())
		again.URL.Scheme, again.URL.Host = "http", r.Host
		again.Header = http.Header{}
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err == nil {
			empty := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret-7f3a", SessionToken: "session-7f3a",
			}, again, empty, "aps", "ap-northeast-2", at)
		}
		if err != nil || r.Header.Get("Authorization") != again.Header.Get("Authorization") {
			t.Errorf("%v: got %q, want %q", err, r.Header.Get("Authorization"), again.Header.Get("Authorization"))
		}
		signed++
		green.ServeHTTP(w, r)
	}))
	defer front.Close()
	got := measure(t, &fake{metrics: map[string]float64{cpu: 2}}, green, func(p *stage.Prometheus) {
		p.Green = stage.PrometheusServer{URL: front.URL, SigV4: true, Region: "ap-northeast-2"}
	})
	if got.Verdict != run.Pass || signed == 0 {
		t.Errorf("%v %s, %d signed", got.Verdict, got.Reason, signed)
	}
	_, err := resources.New(&stage.Prometheus{Green: stage.PrometheusServer{URL: "http://127.0.0.1:1", SigV4: true}}, resources.Outside{})
	if err == nil || !strings.Contains(err.Error(), "the AWS region is not known") {
		t.Errorf("without a region: %v", err)
	}
	const workspace = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1"
	if _, err := resources.New(&stage.Prometheus{Green: stage.PrometheusServer{URL: workspace, SigV4: true}}, resources.Outside{}); err != nil {
		t.Errorf("with a region in the URL: %v", err)
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
