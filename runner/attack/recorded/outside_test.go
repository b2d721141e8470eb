package recorded

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func fail(r *vegeta.Result) { r.Code, r.BytesIn, r.Error = 0, 0, "dial tcp: connection refused" }

// where changes the results that i chooses.
func where(choose func(i int) bool, f func(*vegeta.Result)) change {
	return each(func(i int, r *vegeta.Result) {
		if choose(i) {
			f(r)
		}
	})
}

func without(drop func(i int, r *vegeta.Result) bool) change {
	return func(list []vegeta.Result) []vegeta.Result {
		var kept []vegeta.Result
		for i := range list {
			if !drop(i, &list[i]) {
				kept = append(kept, list[i])
			}
		}
		return kept
	}
}

// fromTo chooses results by number; resultsOf has 50 a second, 4000 in all. Its last
// whole block of 2 s ends at 79 s, result 3950.
func fromTo(from, to int) func(int) bool { return func(i int) bool { return i >= from && i < to } }

func all(int) bool { return true }

// Every record counts somewhere: what no whole block holds, what has a text in place
// of an answer, and what is missing.
func TestJudgeEveryRecord(t *testing.T) {
	status := func(code uint16) func(*vegeta.Result) { return func(r *vegeta.Result) { r.Code = code } }
	broken := func(text string) func(*vegeta.Result) { return func(r *vegeta.Result) { r.Error = text } }
	only := func(from, to int) change { return func(list []vegeta.Result) []vegeta.Result { return list[from:to] } }
	later := each(func(_ int, r *vegeta.Result) { r.Timestamp = r.Timestamp.Add(3 * time.Second) })
	manyPaths := func(code uint16) change {
		return each(func(i int, r *vegeta.Result) {
			host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
			letters := "/" + string(rune('a'+i%26)) + string(rune('a'+i/26%26))
			r.URL, r.Code, r.BytesIn = "http://"+host+letters, code, 1000
		})
	}
	for _, c := range []struct {
		name        string
		blue, green change
		opts        Options
		want        perf.Outcome
		reason      string
	}{
		{"equal", nil, nil, Options{}, perf.NoWorse, "no worse"},
		{"green is dead in the last second", nil, where(fromTo(3955, 4000), fail), Options{}, perf.Worse, "errors after the blocks: blue 0 of"},
		{"green is dead for the last two requests", nil, where(fromTo(3998, 4000), fail), Options{}, perf.Inconclusive, "the last 2 requests of green failed"},
		{"both die", where(fromTo(3955, 4000), fail), where(fromTo(3955, 4000), fail), Options{}, perf.NoWorse, "no worse"},
		{"blue dies", where(fromTo(3955, 4000), fail), nil, Options{}, perf.NoWorse, "no worse"},
		{"green is dead during the warm-up", nil, where(fromTo(0, 240), fail), Options{}, perf.Worse, "errors before the blocks: blue 0 of"},
		{"four errors in the warm-up", nil, where(fromTo(100, 104), fail), Options{}, perf.Inconclusive, "errors before the blocks"},
		{"two errors in the warm-up", nil, where(fromTo(100, 102), fail), Options{}, perf.NoWorse, "no worse"},
		{"green is dead in a warm-up that takes all", nil, where(all, fail), Options{WarmUp: time.Hour}, perf.Worse, "errors before the blocks"},
		{"green is slow after the blocks", nil, where(fromTo(3955, 4000), func(r *vegeta.Result) { r.Latency = 5 * time.Second }), Options{}, perf.Inconclusive, "slow answers after the blocks"},

		{"200 with an error", nil, where(func(i int) bool { return i%10 == 0 }, broken("unexpected EOF")), Options{}, perf.Worse, "errors"},
		{"200 with a timeout", nil, where(func(i int) bool { return i%10 == 0 }, broken("context deadline exceeded")), Options{}, perf.Worse, "errors"},
		{"an error that begins with the digits of the status", nil, where(func(i int) bool { return i%10 == 0 }, broken("2000 bytes missing")), Options{}, perf.Worse, "errors"},
		{"the status line as a text", nil, where(all, broken("200 OK")), Options{}, perf.NoWorse, "no worse"},

		{"206", nil, where(all, status(206)), Options{}, perf.Worse, "status 206 is 0 % of blue's successes and 100 % of green's"},
		{"a tenth is 206", nil, where(func(i int) bool { return i%10 == 0 }, status(206)), Options{}, perf.Worse, "status 206"},
		{"a fiftieth is 206", nil, where(func(i int) bool { return i%50 == 0 }, status(206)), Options{}, perf.Inconclusive, "status 206"},
		{"206 on both sides", where(all, status(206)), where(all, status(206)), Options{}, perf.NoWorse, "no worse"},
		{"206 is meant", nil, where(all, status(206)), Options{Expect: []attack.Status{{Low: 200, High: 299}, {Low: 206, High: 206}}}, perf.NoWorse, "no worse"},
		{"206 on paths that were asked a few times", manyPaths(200), manyPaths(206), Options{}, perf.Worse, "all routes: status 206"},
		{"statuses change places", where(func(i int) bool { return i%3 == 0 }, status(206)), where(func(i int) bool { return i%3 == 1 }, status(206)), Options{}, perf.Worse, "GET /v1/channels: status"},

		{"3 % are missing", nil, without(func(i int, _ *vegeta.Result) bool { return i%30 == 7 }), Options{}, perf.Inconclusive, "results of the time common to both"},
		{"eight of the last are missing", nil, only(0, 3992), Options{}, perf.NoWorse, "no worse"},
		{"nine of the last are missing", nil, only(0, 3991), Options{}, perf.Inconclusive, "4000 results in the whole file and green 3991"},
		{"4 % of the last are missing", nil, only(0, 3840), Options{}, perf.Inconclusive, "what green lacks"},
		{"4 % of the first are missing", nil, only(160, 4000), Options{}, perf.Inconclusive, "what green lacks"},
		{"4 % of blue's last are missing", only(0, 3840), nil, Options{}, perf.Inconclusive, "what blue lacks"},
		{"half at the beginning, half at the end", nil, only(5, 3995), Options{}, perf.Inconclusive, "green 3990"},
		{"the same load, three seconds later", nil, later, Options{}, perf.NoWorse, "no worse"},
		{"the slowest are missing", nil, without(func(_ int, r *vegeta.Result) bool { return r.Latency > 11*time.Millisecond }), Options{}, perf.Inconclusive, "green 39"},
	} {
		blue, green := resultsOf("blue"), resultsOf("green")
		if c.blue != nil {
			blue = c.blue(blue)
		}
		if c.green != nil {
			green = c.green(green)
		}
		report, err := Judge(encoded(t, "csv", blue), encoded(t, "json", green), c.opts)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if problem := report.not(c.want, c.reason); problem != "" {
			t.Errorf("%s: got %v (%s): %s", c.name, report.Outcome, report.Reason, problem)
		}
	}
}

// What cannot be a recording of the same load is refused.
func TestImpossibleRecordings(t *testing.T) {
	page := func(values string) change {
		return each(func(i int, r *vegeta.Result) {
			host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
			r.URL = "http://" + host + "/x?u=" + string(values[i%len(values)])
		})
	}
	latency := func(d time.Duration) change {
		return where(func(i int) bool { return i == 77 }, func(r *vegeta.Result) { r.Latency = d })
	}
	for _, c := range []struct {
		name        string
		blue, green change
		opts        Options
		refuse      string
	}{
		{"negative latency", nil, latency(-1), Options{}, "1 results of green have an impossible latency"},
		{"no latency", latency(0), nil, Options{}, "1 results of blue"},
		{"latency of an hour", latency(time.Hour), nil, Options{}, "1 results of blue"},
		{"a timeout at the end", nil, latency(30 * time.Second), Options{}, ""},
		{"a quarter shorter", nil, func(list []vegeta.Result) []vegeta.Result { return list[:3000] }, Options{}, "79.98 s and green for 59.98 s"},
		{"a tenth later", func(list []vegeta.Result) []vegeta.Result { return list[400:] }, nil, Options{}, "5 % apart"},
		{"3 % shorter", nil, func(list []vegeta.Result) []vegeta.Result { return list[:3880] }, Options{}, ""},
		{"one value of five", page("01234"), page("1"), Options{}, "only blue was asked for 4 of its ids and values, of GET /x?u={}"},
		{"another value", page("1"), page("2"), Options{}, "only green was asked for 1"},
		{"values in other proportions", page("12"), page("1111111112"), Options{}, "other proportions"},
		{"other ids are meant", page("01"), page("23"), Options{AnyIDs: true}, ""},
		{"the values of one set", page("01234"), page("43210"), Options{}, ""},
	} {
		blue, green := resultsOf("blue"), resultsOf("green")
		if c.blue != nil {
			blue = c.blue(blue)
		}
		if c.green != nil {
			green = c.green(green)
		}
		_, err := Judge(encoded(t, "json", blue), encoded(t, "gob", green), c.opts)
		var mismatch *MismatchError
		switch {
		case c.refuse == "" && err != nil:
			t.Errorf("%s: got %v, want it judged", c.name, err)
		case c.refuse != "" && (!errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.refuse)):
			t.Errorf("%s: got %v, want a mismatch with %q", c.name, err, c.refuse)
		}
	}
}

// What two files of one load may differ by, at the boundary that each reason gives.
func TestMayLack(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		rate float64
		want int
	}{
		{"one at each end", 60, 1, 2},
		{"a few of a slow minute", 3000, 50, 7},
		{"what is in flight", 6000, 100, 13},
		{"one in a thousand of an hour", 180000, 50, 184},
		{"0.5 % of a short attack at a high rate", 10000, 2000, 52},
	} {
		if got := mayLack(c.n, c.rate); got != c.want {
			t.Errorf("%s: %d of %d, want %d", c.name, got, c.n, c.want)
		}
	}
}

// Answers of 0 ms on one side alone were not measured.
func TestTimesNotMeasured(t *testing.T) {
	zero := func(of int) change {
		return where(func(i int) bool { return i%of == 0 }, func(r *vegeta.Result) { r.Latency = jtlNoTime })
	}
	slow := each(func(_ int, r *vegeta.Result) { r.Latency *= 2 })
	fast := each(func(_ int, r *vegeta.Result) { r.Latency /= 2 })
	noBody := each(func(_ int, r *vegeta.Result) { r.BytesIn, r.Code, r.Latency = 0, 204, jtlNoTime })
	for _, c := range []struct {
		name        string
		blue, green change
		opts        Options
		refuse      string
	}{
		{"all of green", slow, zero(1), Options{}, "4000 results of green have an impossible latency: 0 ms, where the median of blue is"},
		{"a twentieth of green", slow, zero(20), Options{}, "200 results of green"},
		{"all of blue", zero(1), slow, Options{}, "4000 results of blue"},
		{"less than a twentieth", slow, zero(21), Options{}, ""},
		{"on both sides", func(list []vegeta.Result) []vegeta.Result { return zero(10)(slow(list)) }, zero(10), Options{}, ""},
		{"blue is fast too", fast, zero(1), Options{}, ""},
		{"without bodies", slow, noBody, Options{}, ""},
		{"without bodies, which do not count", slow, noBody, Options{AnySize: true}, "4000 results of green"},
	} {
		blue, green := resultsOf("blue"), resultsOf("green")
		if c.blue != nil {
			blue = c.blue(blue)
		}
		if c.green != nil {
			green = c.green(green)
		}
		_, err := Judge(encoded(t, "csv", blue), encoded(t, "gob", green), c.opts)
		var mismatch *MismatchError
		if (c.refuse == "") != (err == nil) || (err != nil && (!errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.refuse))) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.refuse)
		}
	}
}
