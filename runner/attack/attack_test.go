package attack

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// A service is a loopback back end whose behaviour a test sets.
type service struct {
	base       time.Duration // service time; 0: 10 ms
	factor     float64       // of the service time
	errors     float64       // share of 500s
	stallEvery time.Duration // 0: never
	stallLen   time.Duration
	handle     http.HandlerFunc // instead of the above
	requests   atomic.Int64
	began      atomic.Pointer[time.Time]
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)
	if s.handle != nil {
		s.handle(w, r)
		return
	}
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	base := s.base
	if base == 0 {
		base = 10 * time.Millisecond
	}
	wait := time.Duration(float64(base) * max(s.factor, 1) * (1 + 0.1*rng.Float64()))
	if s.stallEvery > 0 {
		now := time.Now()
		s.began.CompareAndSwap(nil, &now)
		if into := now.Sub(*s.began.Load()) % s.stallEvery; into < s.stallLen {
			wait += s.stallLen - into
		}
	}
	time.Sleep(wait)
	if rng.Float64() < s.errors {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, `{"ok":true}`)
}

func start(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// quick is a plan with blocks of 160 ms, so that a stage lasts seconds.
func quick(blue, green string) Plan {
	return Plan{
		Name:   "test",
		Routes: []Route{{Name: "GET /", Blue: []Request{{Method: "GET", URL: blue + "/"}}, Green: []Request{{Method: "GET", URL: green + "/"}}}},
		Blue:   Side{map[string]wire.Config{"": {BaseURL: blue}}},
		Green:  Side{map[string]wire.Config{"": {BaseURL: green}}},
		Rate:   250, Duration: 3200 * time.Millisecond, WarmUp: 320 * time.Millisecond, Timeout: time.Second, Seed: 1, unit: 160 * time.Millisecond,
	}
}

// attack runs a plan and checks what must hold of every run: the report adds up,
// a record is at most 32 bytes, and the records read back give the same decision.
func attack(t testing.TB, plan Plan) *Report {
	t.Helper()
	var file bytes.Buffer
	report, err := Run(context.Background(), plan, &file, nil)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	t.Logf("%v: %s", report.Outcome, report.Reason)
	for _, c := range report.Comparisons {
		t.Log(c)
	}
	t.Logf("generator %+v", report.Generator)
	if report.Reason == "" {
		t.Errorf("the report says neither an outcome nor why there is none: %+v", report)
	}
	if report.Outcome == perf.Inconclusive && report.Advice == "" {
		t.Errorf("inconclusive without an advice: %s", report.Reason)
	}
	again, err := Rejudge(bytes.NewReader(file.Bytes()), nil)
	if err != nil {
		t.Fatalf("Rejudge: %v", err)
	}
	if report.Outcome != 0 { // Reason: what the answers held is not in the records
		if again.Outcome != report.Outcome || !strings.HasPrefix(report.Reason, again.Reason) || !reflect.DeepEqual(again.Comparisons, report.Comparisons) ||
			again.Requests != report.Requests || again.Errors != report.Errors || !reflect.DeepEqual(again.Steps, report.Steps) || !reflect.DeepEqual(again.Routes, report.Routes) {
			t.Errorf("judged again from the records: %v (%s) %+v, want %v (%s) %+v", again.Outcome, again.Reason, again, report.Outcome, report.Reason, report)
		}
	}
	return report
}

// expect attacks until check finds no problem. A machine too busy to send on time
// (other tests run beside this one) gets three attempts and is then skipped: what
// it measured says nothing. A wrong pass is never excused.
func expect(t *testing.T, plan Plan, check func(*Report) string) {
	t.Helper()
	for range 3 {
		var report *Report
		late := steady.Late(func() { report = attack(t, plan) })
		problem := check(report)
		if problem == "" {
			return
		}
		t.Logf("got %v (%s): %s", report.Outcome, report.Reason, problem)
		if report.Outcome == perf.NoWorse || !late && !excused(report) {
			t.Error(problem)
			return
		}
	}
	t.Skip("this machine is too busy to attack on time")
}

// busyLateness is how late a request or a sleep ends on a machine with other work.
const busyLateness = 5 * time.Millisecond

// excused says whether the machine was too busy for a report to mean anything.
func excused(r *Report) bool {
	return strings.Contains(r.Reason, "generator") || r.Generator.LatenessP99MS > run.Milliseconds(busyLateness) || busy()
}

// busy says whether a short sleep takes far longer than asked for.
func busy() bool {
	late := 0
	for range 40 {
		began := time.Now()
		time.Sleep(time.Millisecond)
		if time.Since(began) > time.Millisecond+busyLateness {
			late++
		}
	}
	return late >= 2
}

// outcome checks for an outcome whose reason contains a text.
func outcome(want perf.Outcome, reason string) func(*Report) string {
	return func(r *Report) string {
		if r.Outcome != want || !strings.Contains(r.Reason, reason) {
			return fmt.Sprintf("want %v with %q", want, reason)
		}
		return ""
	}
}

// notOutcome checks that an outcome is not given.
func notOutcome(wrong perf.Outcome) func(*Report) string {
	return func(r *Report) string {
		if r.Outcome == wrong {
			return fmt.Sprintf("want anything but %v", wrong)
		}
		return ""
	}
}

func TestEqualSidesAreNotWorse(t *testing.T) {
	t.Parallel()
	blue, green := &service{base: 20 * time.Millisecond}, &service{base: 20 * time.Millisecond}
	var before [2]int64
	expect(t, quick(start(t, blue), start(t, green)), func(r *Report) string {
		b, g := blue.requests.Load()-before[0], green.requests.Load()-before[1]
		before = [2]int64{blue.requests.Load(), green.requests.Load()}
		switch {
		case r.Outcome == perf.Worse:
			return "want no worse"
		case b != int64(r.Requests.Blue) || g != int64(r.Requests.Green):
			return fmt.Sprintf("servers saw %d and %d requests, the report says %+v", b, g, r.Requests)
		case min(r.Generator.Connections.Blue, r.Generator.Connections.Green) < DefaultConnections:
			return fmt.Sprintf("connections %+v, want at least %d per side", r.Generator.Connections, DefaultConnections)
		case r.Series == nil || len(r.Series.Buckets) == 0 || len(r.Series.Percentiles) == 0:
			return "no series for the plots"
		}
		return ""
	})
}

func TestWorseGreenIsWorse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		green        *service
	}{
		{"slower by 30 %", "p50", &service{factor: 1.3}},
		{"errors 3 %", "errors", &service{errors: 0.03}},
		{"dead", "circuit breaker", &service{errors: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, quick(start(t, &service{}), start(t, c.green)), outcome(perf.Worse, c.reason))
		})
	}
}

func TestStallsDoNotPass(t *testing.T) {
	t.Parallel()
	// 0.3 s every 10 s, on the short scale of the tests.
	green := &service{stallEvery: 800 * time.Millisecond, stallLen: 60 * time.Millisecond}
	expect(t, quick(start(t, &service{}), start(t, green)), notOutcome(perf.NoWorse))
}

func TestIllBlueIsInconclusive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		blue, green  *service
	}{
		{"blue fails 5 %", "baseline", &service{errors: 0.05}, &service{}},
		{"both fail always", "circuit breaker", &service{errors: 1}, &service{errors: 1}},
		{"both fail 5 %", "baseline", &service{errors: 0.05}, &service{errors: 0.05}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, quick(start(t, c.blue), start(t, c.green)), outcome(perf.Inconclusive, c.reason))
		})
	}
}

func TestUnreachableSides(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(&service{})
	url := dead.URL
	dead.Close()
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		expect(t, quick(url, url), outcome(perf.Inconclusive, "circuit breaker"))
	})
	t.Run("green", func(t *testing.T) {
		t.Parallel()
		expect(t, quick(start(t, &service{}), url), outcome(perf.Worse, "green is going down"))
	})
	t.Run("blue", func(t *testing.T) {
		t.Parallel()
		expect(t, quick(url, start(t, &service{})), outcome(perf.Inconclusive, "blue failed"))
	})
}

func TestStarvedGeneratorIsInconclusive(t *testing.T) {
	t.Parallel()
	t.Run("worker cap", func(t *testing.T) {
		t.Parallel()
		plan := quick(start(t, &service{base: 50 * time.Millisecond}), start(t, &service{base: 50 * time.Millisecond}))
		plan.MaxWorkers = 4
		expect(t, plan, outcome(perf.Inconclusive, "generator: all workers"))
	})
	t.Run("blue does not sustain the rate", func(t *testing.T) {
		t.Parallel()
		var one sync.Mutex // 100 requests/s at most
		serial := &service{handle: func(_ http.ResponseWriter, r *http.Request) {
			one.Lock()
			defer one.Unlock()
			if r.Context().Err() == nil { // the client still waits
				time.Sleep(10 * time.Millisecond)
			}
		}}
		url := start(t, serial)
		expect(t, quick(url, url), outcome(perf.Inconclusive, ""))
	})
}

func TestGreenThatDoesNotSustainTheRate(t *testing.T) {
	t.Parallel()
	expect(t, quick(start(t, &service{}), start(t, saturated())), outcome(perf.Worse, ""))
}

// saturated is a service that answers 200 requests/s at most.
func saturated() *service {
	slots := make(chan struct{}, 2)
	return &service{handle: func(_ http.ResponseWriter, r *http.Request) {
		slots <- struct{}{}
		if r.Context().Err() == nil { // the client still waits
			time.Sleep(10 * time.Millisecond)
		}
		<-slots
	}}
}

// Both sides get the same bytes, and nothing of vegeta's own.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	record := func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		r.Header.Del("Host")
		mu.Lock()
		defer mu.Unlock()
		seen[fmt.Sprintf("%s %s %v %s", r.Method, r.RequestURI, r.Header, &body)]++
	}
	plan := quick(start(t, http.HandlerFunc(record)), start(t, http.HandlerFunc(record)))
	for _, side := range []*[]Request{&plan.Routes[0].Blue, &plan.Routes[0].Green} {
		(*side)[0].Method, (*side)[0].Body = "POST", []byte("안녕")
		(*side)[0].URL += "x?q=1#fragment"
		(*side)[0].Headers = []wire.Field{{Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}}
	}
	plan.Duration = time.Second
	report := attack(t, plan)
	want := fmt.Sprintf("POST /x?q=1 %v 안녕", http.Header{"X-A": {"1", "2"}, "Content-Length": {"6"}, "Accept-Encoding": nil, "User-Agent": nil})
	if len(seen) != 1 {
		t.Errorf("the servers saw %d kinds of request, want one like %s:\n%v", len(seen), want, seen)
	}
	for line := range seen {
		if strings.Contains(line, "Vegeta") || strings.Contains(line, "#") || !strings.Contains(line, "POST /x?q=1 ") || !strings.Contains(line, "X-A:[1 2]") {
			t.Errorf("sent %s", line)
		}
	}
	if report.Requests.Blue == 0 {
		t.Error("nothing was sent")
	}
}

func TestInterleavedLoadsOneSideAtATime(t *testing.T) {
	t.Parallel()
	var under [2]atomic.Int64
	var together atomic.Int64
	side := func(i int) *service {
		return &service{handle: func(http.ResponseWriter, *http.Request) {
			under[i].Add(1)
			if under[1-i].Load() > 0 {
				together.Add(1)
			}
			time.Sleep(10 * time.Millisecond)
			under[i].Add(-1)
		}}
	}
	blue, green := side(0), side(1)
	plan := quick(start(t, blue), start(t, green))
	plan.Interleaved = true
	expect(t, plan, func(r *Report) string {
		// Requests overlap only where one side's turn ends and the other's begins.
		b, g := blue.requests.Swap(0), green.requests.Swap(0)
		if n := together.Swap(0); n*5 > b+g {
			return fmt.Sprintf("%d of %d requests met one of the other side", n, b+g)
		}
		if b == 0 || g == 0 {
			return fmt.Sprintf("blue got %d requests, green %d", b, g)
		}
		return notOutcome(perf.Worse)(r)
	})
}
