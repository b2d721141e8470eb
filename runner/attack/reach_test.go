package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"

	"github.com/bgverify/bgverify/internal/steady"
)

// balance is a TCP balancer: each connection is pinned to the next back end.
func balance(t *testing.T, backEnds []string) string {
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

// One of eight back ends is three times slower: the default connections reach
// all eight, and green fails.
func TestOneSlowBackEndOfEightIsFound(t *testing.T) {
	t.Parallel()
	var backEnds []string
	for i := range 8 {
		wait := 10 * time.Millisecond
		if i == 3 {
			wait *= 3
		}
		backEnds = append(backEnds, start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Pod", fmt.Sprintf("pod-%d", i))
			time.Sleep(wait)
		})))
	}
	plan := quick(start(t, &service{}), balance(t, backEnds))
	plan.Identity = "X-Pod"
	expect(t, plan, func(r *Report) string {
		if r.Generator.Identities.Green != 8 {
			return fmt.Sprintf("%d back ends reached, want 8", r.Generator.Identities.Green)
		}
		return outcome(perf.Worse, "p95")(r)
	})
}

func TestReconnectOpensConnections(t *testing.T) {
	t.Parallel()
	plan := quick(start(t, &service{}), start(t, &service{}))
	plan.Connections, plan.Reconnect, plan.Duration = 4, 0.5, time.Second
	expect(t, plan, func(r *Report) string {
		g := r.Generator
		for i, side := range [...]string{"blue", "green"} {
			if g.ConnectMS[i] <= 0 || g.TLSMS[i] != 0 || g.FirstMS[i] < g.ConnectMS[i] {
				return fmt.Sprintf("%s opened connections in %g ms, TLS in %g ms, first answers after %g ms: want times to open, none for TLS, and answers later",
					side, g.ConnectMS[i], g.TLSMS[i], g.FirstMS[i])
			}
		}
		for side, got := range map[string][2]int{"blue": {g.Connections.Blue, r.Requests.Blue}, "green": {g.Connections.Green, r.Requests.Green}} {
			if got[0]*10 < got[1]*4 || got[0]*10 > got[1]*7 {
				return fmt.Sprintf("%s: %d connections for %d requests, want about half as many", side, got[0], got[1])
			}
		}
		return ""
	})
}

func TestMaxRPSLowersTheRate(t *testing.T) {
	t.Parallel()
	blue := &service{}
	url := start(t, blue)
	plan := quick(url, url)
	plan.MaxRPS, plan.Duration = 100, time.Second
	report := attack(t, plan)
	if report.Rate != 50 || !strings.Contains(strings.Join(report.Warnings, "\n"), "lowered from 250 to 50 requests/s per side") {
		t.Errorf("one host under max_rps 100: %g requests/s per side, warnings %q", report.Rate, report.Warnings)
	}
}

// A ladder stops at the first rate that green does not hold.
func TestLadderStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	plan := quick(start(t, &service{}), start(t, saturated()))
	plan.Rates = []float64{300, 600}
	expect(t, plan, func(r *Report) string {
		if len(r.Steps) != 1 || r.Steps[0].Outcome != perf.Worse {
			return fmt.Sprintf("steps %+v, want the first alone", r.Steps)
		}
		return outcome(perf.Worse, "at 300/s")(r)
	})
}

// An attack whose context ends gives up the requests under way: green here would
// never answer them, so that only the end of the context ends the attack.
func TestStopsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	blue := &service{}
	green := &service{handle: func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // until the client gives the request up
	}}
	plan := quick(start(t, blue), start(t, green))
	plan.Timeout, plan.Duration = time.Hour, time.Hour
	var file bytes.Buffer
	report, err := Run(ctx, plan, &file, nil)
	if !errors.Is(err, context.Canceled) || report == nil {
		t.Fatalf("Run: %v, %v", report, err)
	}
	if report.Outcome == perf.NoWorse || !strings.Contains(report.Reason, "interrupted") {
		t.Errorf("interrupted: %v (%s)", report.Outcome, report.Reason)
	}
	if again, err := Rejudge(&file, nil); err != nil || again.Outcome == perf.NoWorse {
		t.Errorf("an interrupted record judged again: %+v, %v", again, err)
	}
}

func TestRetryAttacksOnceMore(t *testing.T) {
	t.Parallel()
	plan := quick(start(t, &service{}), start(t, &service{}))
	plan.Duration, plan.Retry, plan.Timeout = 1440*time.Millisecond, true, 10*time.Second // too short for one look
	blue := 0
	var names []string
	var file bytes.Buffer
	report, err := Run(context.Background(), plan, &file, func(p Progress) {
		if len(names) == 0 || names[len(names)-1] != p.Name {
			names = append(names, p.Name)
		}
		blue = max(blue, p.Blue.Sent)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 1 && excused(report) {
		t.Skipf("this machine is too busy to attack on time: %s", report.Reason)
	}
	if len(names) != 2 || !strings.Contains(names[1], "again") {
		t.Errorf("attacks %q, want two", names)
	}
	if report.Requests.Blue <= blue+100 {
		t.Errorf("the report counts %d requests to blue, the larger attack alone sent %d", report.Requests.Blue, blue)
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "first attack inconclusive") {
		t.Errorf("warnings %q do not name the first attack", report.Warnings)
	}
	if a, err := Rejudge(&file, nil); err != nil || a.Outcome != report.Outcome || a.Requests != report.Requests || len(a.Steps) != 0 {
		t.Errorf("judged again: %+v, %v, want %+v", a, err, report)
	}
}

// A record file that cannot be written ends the attack with an error, wherever
// the writing fails: in the magic, in the section, and in the first records, which
// even the busiest machine writes.
func TestFailingRecords(t *testing.T) {
	t.Parallel()
	plan := quick(start(t, &service{}), start(t, &service{}))
	plan.Duration = time.Second
	full, _, err := plan.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	design := perf.NewStage(full.design(plan.Rate, perf.DefaultAlpha, perf.Mix(plan.Seed, 0))).Design()
	if err := (&recorder{w: &head}).section(full.section(plan.Name, design)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 200, head.Len(), head.Len() + headSize} {
		if _, err := Run(context.Background(), plan, &brittle{n}, nil); !errors.Is(err, errBrittle) {
			t.Errorf("writer failing after %d bytes: %v", n, err)
		}
	}
}

var errBrittle = errors.New("disk full")

// brittle fails once n bytes were written.
type brittle struct{ n int }

func (b *brittle) Write(p []byte) (int, error) {
	if len(p) > b.n {
		return b.n, errBrittle
	}
	b.n -= len(p)
	return len(p), nil
}

// A calibration measures for the whole duration, however early it could decide.
func TestCalibrateMeasuresForTheWholeDuration(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		url := start(t, &service{})
		plan := quick(url, url)
		plan.Timeout, plan.Calibrate = 10*time.Second, true
		report := attack(t, plan)
		if report.Seconds < 3 || report.Blocks < 15 {
			if excused(report) {
				t.Skipf("this machine is too busy to attack on time: %s", report.Reason)
			}
			t.Fatalf("measured for %g s in %d blocks, want the whole duration", report.Seconds, report.Blocks)
		}
		floors := 0
		for _, c := range report.Comparisons {
			f, ok := perf.FloorOf(c, report.Seconds)
			if !ok {
				continue
			}
			floors++
			t.Log(f)
			if f.SE <= 0 || f.Floor <= 0 || f.NeedS <= 0 || f.MDE <= f.Margin || f.Blocks < 15 {
				t.Errorf("floor %+v has an empty figure", f)
			}
		}
		if floors != 4 {
			t.Errorf("%d floors, want p50 and p95, of blocks and of the whole run", floors)
		}
	})
}
