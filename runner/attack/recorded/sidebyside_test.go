package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// resultsOf is an attack of a side at 50/s for 80 s on three paths.
func resultsOf(side string) []vegeta.Result {
	rng := rand.New(rand.NewPCG(uint64(side[0]), 3))
	out := make([]vegeta.Result, 4000)
	paths := [...]string{"/v1/channels", "/v1/programmes/%d", "/v1/search?page=%d"}
	for i := range out {
		path := paths[i%len(paths)]
		if strings.Contains(path, "%") {
			path = fmt.Sprintf(path, rng.IntN(1000))
		}
		out[i] = vegeta.Result{
			Seq: uint64(i), Code: 200, Timestamp: time.Unix(1764300000, int64(i)*20e6+int64(rng.IntN(1e6))), BytesIn: 1000 + uint64(rng.IntN(100)),
			Latency: time.Duration(5e6 * math.Exp(0.3*rng.NormFloat64())), Method: "GET", URL: "http://" + side + ".example:8080" + path,
		}
	}
	return out
}

// each changes results one by one.
func each(f func(i int, r *vegeta.Result)) func([]vegeta.Result) []vegeta.Result {
	return func(list []vegeta.Result) []vegeta.Result {
		for i := range list {
			f(i, &list[i])
		}
		return list
	}
}

func encoded(t *testing.T, encoding string, list []vegeta.Result) *bytes.Buffer {
	t.Helper()
	var file bytes.Buffer
	encode := encoders[encoding](&file)
	for i := range list {
		if err := encode(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return &file
}

type change = func([]vegeta.Result) []vegeta.Result

// What keeps two files from being two sides under one load is refused in every
// encoding, and what does not is judged. Every row in every encoding is the long form.
func TestSideBySide(t *testing.T) {
	toBlue := each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "green.", "blue.", 1) })
	copied := func([]vegeta.Result) []vegeta.Result { return resultsOf("blue") }
	for i, c := range []struct {
		name   string
		green  change
		opts   Options
		refuse string // part of the finding; empty: judged
	}{
		{"two sides", nil, Options{}, ""},
		{"a copy", copied, Options{SameHost: true}, "same recording: 4000 results"},
		{"a copy in another order", func([]vegeta.Result) []vegeta.Result {
			list := resultsOf("blue")
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
			return list
		}, Options{SameHost: true}, "same recording"},
		{"a copy with another host", func([]vegeta.Result) []vegeta.Result {
			return each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "blue.", "green.", 1) })(resultsOf("blue"))
		}, Options{}, "same recording"},
		{"one host", toBlue, Options{}, "both sides were sent to blue.example:8080"},
		{"one host in other spelling", each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "green.example", "BLUE.Example.", 1) }), Options{}, "blue.example:8080"},
		{"one host for a few requests", each(func(i int, r *vegeta.Result) {
			if i == 3999 {
				r.URL = strings.Replace(r.URL, "green.", "blue.", 1)
			}
		}), Options{}, "blue.example:8080"},
		{"one host is meant", toBlue, Options{SameHost: true}, ""},
		{"another port of the host", each(func(_ int, r *vegeta.Result) {
			r.URL = strings.Replace(r.URL, "green.example:8080", "blue.example:9090", 1)
		}), Options{}, ""},
		{"no host", each(func(_ int, r *vegeta.Result) { r.URL = "" }), Options{}, "4000 results of green name no host"},
		{"another path", each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "/v1/channels", "/health", 1) }), Options{SameHost: true}, "only green was asked GET /health"},
		{"another version", each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "/v1/channels", "/v2/channels", 1) }), Options{}, "GET /v2/channels"},
		{"another method", each(func(_ int, r *vegeta.Result) { r.Method = "HEAD" }), Options{}, "HEAD /v1/channels"},
		{"another query", each(func(_ int, r *vegeta.Result) { r.URL = strings.Replace(r.URL, "?page=", "?last=", 1) }), Options{}, "?last={}"},
		{"one path is rare on green", each(func(i int, r *vegeta.Result) {
			if i%3 == 0 && i%9 != 0 {
				r.URL = "http://green.example:8080/v1/programmes/1"
			}
		}), Options{}, "other proportions"},
		{"half the rate", func(list []vegeta.Result) []vegeta.Result {
			kept := list[:0]
			for i := range list {
				if i%6 < 3 {
					kept = append(kept, list[i])
				}
			}
			return kept
		}, Options{}, "more than 5 % apart"},
		{"6 % less", func(list []vegeta.Result) []vegeta.Result {
			kept := list[:0]
			for i := range list {
				if i%50 >= 3 {
					kept = append(kept, list[i])
				}
			}
			return kept
		}, Options{}, "more than 5 % apart"},
	} {
		encodings := slices.Sorted(maps.Keys(encoders))
		if i > 1 && os.Getenv("BGVERIFY_LONG") == "" { // one of them, another in the next row
			encodings = encodings[i%len(encodings):][:1]
		}
		for _, encoding := range encodings {
			green := resultsOf("green")
			if c.green != nil {
				green = c.green(green)
			}
			_, err := Judge(encoded(t, "json", resultsOf("blue")), encoded(t, encoding, green), c.opts)
			var mismatch *MismatchError
			switch {
			case c.refuse == "" && err != nil:
				t.Errorf("%s, %s: got %v, want it judged", c.name, encoding, err)
			case c.refuse != "" && (!errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.refuse)):
				t.Errorf("%s, %s: got %v, want a mismatch with %q", c.name, encoding, err, c.refuse)
			}
		}
	}
}

// Every mismatch is named at once.
func TestMismatchesTogether(t *testing.T) {
	green := each(func(_ int, r *vegeta.Result) { r.URL = "http://blue.example:8080/health" })(resultsOf("green"))
	_, err := Judge(encoded(t, "gob", resultsOf("blue")), encoded(t, "csv", green), Options{})
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || len(mismatch.Found) != 2 {
		t.Errorf("got %v, want the host and the paths", err)
	}
}

// What bodies weigh counts.
func TestJudgeSizes(t *testing.T) {
	for _, c := range []struct {
		name   string
		green  change
		opts   Options
		want   perf.Outcome
		reason string
	}{
		{"as blue's", nil, Options{}, perf.NoWorse, "no worse"},
		{"empty", each(func(_ int, r *vegeta.Result) { r.BytesIn = 0 }), Options{}, perf.Worse, "errors 100 %"},
		{"2 % empty", each(func(i int, r *vegeta.Result) {
			if i%50 == 0 {
				r.BytesIn = 0
			}
		}), Options{}, perf.Worse, "errors 2 %"},
		{"empty is meant", each(func(_ int, r *vegeta.Result) { r.BytesIn = 0 }), Options{AnySize: true}, perf.NoWorse, "no worse"},
		{"an error page in a 200", each(func(_ int, r *vegeta.Result) { r.BytesIn = 90 }), Options{}, perf.Worse, "lost most of their body"},
		{"204 without a body", each(func(_ int, r *vegeta.Result) { r.Code, r.BytesIn = 204, 0 }), Options{}, perf.Worse, "lost most of their body"},
		{"one path of three is short", each(func(i int, r *vegeta.Result) {
			if i%3 == 0 {
				r.BytesIn = 90
			}
		}), Options{}, perf.Worse, "GET /v1/channels"},
		{"a fifth of the answers is short", each(func(i int, r *vegeta.Result) {
			if i%5 == 0 {
				r.BytesIn = 90
			}
		}), Options{}, perf.Inconclusive, "differ in size"},
		{"2 % of the answers are short", each(func(i int, r *vegeta.Result) {
			if i%50 == 0 {
				r.BytesIn = 90
			}
		}), Options{}, perf.Inconclusive, "differ in size"},
		{"twice as large", each(func(_ int, r *vegeta.Result) { r.BytesIn *= 2 }), Options{}, perf.Inconclusive, "differ in size"},
		{"another 20 bytes", each(func(_ int, r *vegeta.Result) { r.BytesIn += 20 }), Options{}, perf.NoWorse, "no worse"},
		{"any size is meant", each(func(_ int, r *vegeta.Result) { r.BytesIn = 90 }), Options{AnySize: true}, perf.NoWorse, "no worse"},
	} {
		green := resultsOf("green")
		if c.green != nil {
			green = c.green(green)
		}
		report, err := Judge(encoded(t, "csv", resultsOf("blue")), encoded(t, "csv", green), c.opts)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if problem := report.not(c.want, c.reason); problem != "" {
			t.Errorf("%s: got %v (%s): %s", c.name, report.Outcome, report.Reason, problem)
		}
	}
}

// A route that green never answers is not hidden by a small share of errors.
func TestJudgeSilentRoute(t *testing.T) {
	for _, c := range []struct {
		name  string
		every int
		code  uint16
		want  perf.Outcome
	}{{"all fail", 1, 500, perf.Inconclusive}, {"one fails", 3, 500, perf.NoWorse}, {"none fails", 1, 200, perf.NoWorse}} {
		all := resultsOf("blue")
		step, seen := len(all)/3, 0
		at := func(code uint16) change {
			return each(func(i int, r *vegeta.Result) {
				if i%step == step/2 {
					r.URL = r.URL[:strings.Index(r.URL, "/v1")] + "/v1/rare"
					if seen++; seen%c.every == 0 {
						r.Code = code
					}
				}
			})
		}
		report, err := Judge(encoded(t, "csv", at(200)(all)), encoded(t, "csv", at(c.code)(resultsOf("green"))), Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if report.Outcome != c.want {
			t.Errorf("%s: got %v (%s)", c.name, report.Outcome, report.Reason)
		}
	}
}

func TestJudgeTooFew(t *testing.T) {
	for _, n := range []int{1, 2, 20, 200} {
		for encoding := range encoders {
			report, err := Judge(encoded(t, encoding, resultsOf("blue")[:n]), encoded(t, encoding, resultsOf("green")[:n]), Options{})
			if err != nil {
				t.Errorf("%d requests, %s: %v", n, encoding, err)
			} else if problem := report.not(perf.Inconclusive, "too few requests"); problem != "" {
				t.Errorf("%d requests, %s: got %v (%s): %s", n, encoding, report.Outcome, report.Reason, problem)
			}
		}
	}
}

// A file that is not vegeta's is named, with what to do.
func TestOtherTools(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"k6", `{"type":"Metric","data":{"name":"http_reqs"},"metric":"http_reqs"}` + "\n", "k6"},
		{"k6 points", `{"metric": "http_req_duration", "type": "Point", "data": {"time": "2026-11-28T00:00:00Z"}}` + "\n", "k6"},
		{"k6 in CSV", "metric_name,timestamp,metric_value,check\nhttp_reqs,1764300000,1,\n", "k6"},
		{"JMeter", "timeStamp,elapsed,label,responseCode\n1764300000000,5,x,200\n", "JMeter"},
		{"JMeter in XML", `<?xml version="1.0"?><testResults version="1.2"><httpSample t="5"/>`, "JMeter"},
		{"hey", "response-time,DNS+dialup,DNS,Request-write\n0.1,0,0,0\n", "hey"},
		{"wrk", "Running 30s test @ http://x\n  2 threads and 10 connections\n", "wrk"},
		{"ab", "This is ApacheBench, Version 2.3\n", "ApacheBench"},
		{"Gatling", "RUN\tsim\t\t1764300000000\n", "Gatling"},
		{"a report of vegeta", `{"latencies":{"total":1},"requests":1}`, "file that vegeta attack wrote"},
		{"a report in text", "Requests      [total, rate, throughput]  50, 51\n", "file that vegeta attack wrote"},
		{"targets", "GET http://x/\n", "targets"},
		{"targets in JSON", `{"method": "GET", "url": "http://x/"}`, "targets"},
		{"gzip", "\x1f\x8b\x08\x00", "unpack"},
		{"PowerShell", "\xff\xfe1\x007\x00", "-output FILE"},
		{"ours", attack.Magic + "S", "judge RUN"},
		{"seven columns", "1764300000000000000,200,5000,0,1200,,\n", "7 columns"},
		{"words", "can't detect encoding\n", "not a result file"},
	} {
		_, err := Judge(strings.NewReader(c.file), strings.NewReader(c.file), Options{})
		var other *NotResultsError
		if !errors.As(err, &other) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "not a result file of vegeta") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// A line of column names, and a last line without its end, are read.
func TestForgivenResults(t *testing.T) {
	csv := "timestamp,code,latency,bytes_out,bytes_in,error,body,attack,seq,method,url,headers\n" + encoded(t, "csv", resultsOf("blue")).String()
	json := strings.TrimSuffix(encoded(t, "json", resultsOf("green")).String(), "\n")
	report, err := Judge(strings.NewReader(csv), strings.NewReader(json), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests != (run.PerSide{Blue: 4000, Green: 4000}) {
		t.Errorf("got %+v requests, want 4000 of each", report.Requests)
	}
}

func TestCompact(t *testing.T) {
	if size := unsafe.Sizeof(compact{}); size != 16 {
		t.Errorf("a kept result takes %d bytes, want 16", size)
	}
	for _, latency := range []time.Duration{0, 1, time.Hour, maxLatency} {
		for failure := perf.Succeeded; failure <= perf.Client; failure++ {
			got := pack(&vegeta.Result{Latency: latency, Code: 599}, failure).record()
			if want := (perf.Record{Latency: latency, Status: 599, Failure: failure}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	}
}

// BenchmarkJudgeResults judges two files of a million results each; B/op over two
// million is what a result costs in all.
func BenchmarkJudge(b *testing.B) {
	stream := func(side string) io.Reader {
		r, w := io.Pipe()
		go func() {
			encode := vegeta.NewEncoder(w)
			rng := rand.New(rand.NewPCG(uint64(side[0]), 3))
			for i := range 1_000_000 {
				if encode(&vegeta.Result{
					Seq: uint64(i), Code: 200, Timestamp: time.Unix(1764300000, int64(i)*1e6+int64(rng.IntN(1e5))), BytesIn: 1000, Method: "GET",
					URL: "http://" + side + ".example/", Latency: time.Duration(5e6 * math.Exp(0.3*rng.NormFloat64())), Body: make([]byte, 1000),
				}) != nil {
					return
				}
			}
			w.Close()
		}()
		return r
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Judge(stream("blue"), stream("green"), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
