package attack

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
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

// A notebook is a Judge that writes down what it sees.
type notebook struct {
	mu       sync.Mutex
	checked  run.PerSide
	compared int
	unequal  int // pairs whose rows or bytes are not the same
	whole    int // pairs with both bodies whole
	moments  map[Moment]int
	refuse   func(green bool, a *Answer) *Unmet
	slow     func() // nil: judging takes no time
}

func (n *notebook) Check(_ int, green bool, a *Answer) *Unmet {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.checked.CountOne(green)
	if n.refuse != nil {
		return n.refuse(green, a)
	}
	return nil
}

func (n *notebook) Compare(at Moment, row int, blue, green *Answer) {
	if n.slow != nil {
		n.slow()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.compared++
	if n.moments == nil {
		n.moments = map[Moment]int{}
	}
	n.moments[at]++
	if blue.Whole && green.Whole {
		n.whole++
		if !bytes.Equal(blue.Body, green.Body) {
			n.unequal++
		}
	}
}

// judged is a plan of one route with a few rows, which both sides answer as asked.
func judged(t testing.TB, judge Judge, answer http.HandlerFunc) Plan {
	plan := quick(start(t, answer), start(t, answer))
	r := &plan.Routes[0]
	for _, side := range []*[]Request{&r.Blue, &r.Green} {
		base := (*side)[0]
		*side = nil
		for i := range 7 {
			row := base
			row.URL += strconv.Itoa(i)
			*side = append(*side, row)
		}
	}
	r.Judge, r.Compare = judge, true
	plan.Duration, plan.Timeout = 2*time.Second, 10*time.Second
	return plan
}

func echo(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }

// Every answer is checked and every pair compared, each with the answer to the
// same request, whichever way the sides are paired.
func TestEveryAnswerIsJudged(t *testing.T) {
	t.Parallel()
	for _, interleaved := range []bool{false, true} {
		t.Run(fmt.Sprint("interleaved ", interleaved), func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				n := &notebook{}
				plan := judged(t, n, echo)
				plan.Interleaved, plan.Calibrate = interleaved, !interleaved
				report := attack(t, plan)
				if n.checked != report.Requests {
					t.Errorf("checked %+v of %+v answers", n.checked, report.Requests)
				}
				if n.compared != report.Judging.Routes[0].Pairs || n.compared == 0 || n.whole != n.compared || n.unequal > 0 {
					t.Errorf("compared %d of %d pairs, %d whole, %d with another request's answer", n.compared, report.Judging.Routes[0].Pairs, n.whole, n.unequal)
				}
				// Solo blocks have no pairs; in the last half block of an interleaved stage
				// that was stopped the partners are missing.
				if least := min(report.Requests.Blue, report.Requests.Green) / 3; n.compared < least {
					t.Errorf("compared %d pairs of %+v answers, want at least %d", n.compared, report.Requests, least)
				}
				if len(n.moments) < 2 {
					t.Errorf("moments %v, want the warm-up's and the blocks'", n.moments)
				}
			})
		})
	}
}

// An answer that is not what its case expects is a failure of its side, counted
// and named, also when its request ends before the judge does.
func TestUnmetAnswersAreFailures(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		n := &notebook{refuse: func(green bool, a *Answer) *Unmet {
			if green && strings.HasSuffix(string(a.Body), "3") {
				return &Unmet{"another", string(a.Body)}
			}
			return nil
		}}
		plan := judged(t, n, echo)
		plan.Calibrate = true // measures to the end
		report := attack(t, plan)
		total := report.Errors.Green + report.WarmUp.Errors.Green
		if u := report.Judging.Unmet; len(u) != 1 || u[0].Side != "green" || u[0].What != "another" || u[0].Got != "/3" || u[0].Count < total || total == 0 {
			t.Errorf("unmet %+v, %d failures of green", u, total)
		}
		if report.Errors.Blue+report.WarmUp.Errors.Blue != 0 {
			t.Errorf("blue failed %+v", report.Errors)
		}
	})
}

// Of bodies above KeepBody the chosen pairs are compared whole, and both sides
// keep the same ones; of the rest the lengths are known.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		body := strings.Repeat("x", KeepBody+1)
		n := &notebook{}
		plan := judged(t, n, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path, body) })
		plan.Rate = 60
		report := attack(t, plan)
		if n.compared != report.Judging.Routes[0].Pairs || n.unequal > 0 || n.whole < min(wholeFirst, n.compared) {
			t.Errorf("compared %d of %d pairs, %d whole, %d unequal", n.compared, report.Judging.Routes[0].Pairs, n.whole, n.unequal)
		}
	})
}

// A judge that is too slow costs pairs, never memory nor the measurement: what
// waits stays below maxKept, and what the schedule chose is judged.
func TestSlowJudgeLeavesPairsOut(t *testing.T) {
	t.Parallel()
	in := newInspector(&attacker{plan: &Plan{Routes: []Route{{Compare: true}}}, judgement: judgement{design: perf.NewStage(perf.Design{Rate: 1}).Design()}})
	in.post = func(arrival) {}
	add := func(pair uint32, green bool, body string) {
		sl := slot{n: uint64(pair), pair: pair, twin: uint64(pair), green: green, whole: pair < 20}
		k := in.look(sl, &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1})
		_, _ = k.Write([]byte(body))
		k.end(&wire.Exchange{})
		if got := in.kept.Load(); got > maxKept {
			t.Fatalf("%d bytes are kept, at most %d", got, int64(maxKept))
		}
	}
	for pair := range uint32(20000) {
		add(pair, false, strings.Repeat("b", 3000))
		add(pair, true, strings.Repeat("b", 3000))
	}
	compares, chosen := 0, 0
	for _, j := range in.jobs {
		if j.blue != nil {
			compares++
			if j.slot.whole {
				chosen++
			}
		}
	}
	if chosen != 20 || compares < 500 || compares > 4096 || in.pairs[0] != 20000 {
		t.Errorf("%d of %d pairs wait to be compared, %d of them chosen ones; want all 20 of those", compares, in.pairs[0], chosen)
	}
	for _, j := range in.jobs {
		in.release(j)
	}
	in.jobs = nil
	for twin := range in.twins {
		in.drop(twin)
	}
	if left := in.kept.Load(); left != 0 {
		t.Errorf("%d bytes are kept after everything was let go", left)
	}
}

// A new kind of answer is never left out for lack of room alone.
func TestNewKindsAreJudged(t *testing.T) {
	same := func(a, b Answer) bool { return kindOf(&a) == kindOf(&b) }
	base := Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":12,"at":1700000000}`), Length: 25}
	for _, c := range []struct {
		name   string
		change func(*Answer)
		want   bool
	}{
		{"other numbers", func(a *Answer) { a.Body = []byte(`{"id":7,"at":1800000001}`) }, true},
		{"other status", func(a *Answer) { a.Status = 201 }, false},
		{"other type", func(a *Answer) { a.Header = http.Header{"Content-Type": {"text/html"}} }, false},
		{"other class of length", func(a *Answer) { a.Length = 250 }, false},
		{"other words", func(a *Answer) { a.Body = []byte(`{"error":12,"at":1700000000}`) }, false},
		{"beyond the beginning", func(a *Answer) { a.Body = append(bytes.Repeat([]byte("x"), kindBytes), 'y') }, false},
	} {
		other := base
		c.change(&other)
		if got := same(base, other); got != c.want {
			t.Errorf("%s: the same kind %v, want %v", c.name, got, c.want)
		}
	}
}

// A request that fails lets its partner go, whichever of the two ends first.
func TestPartnersOfFailuresAreLetGo(t *testing.T) {
	for _, failedFirst := range []bool{false, true} {
		in := newInspector(&attacker{plan: &Plan{Routes: []Route{{Compare: true, Judge: &notebook{}}}}, judgement: judgement{design: perf.NewStage(perf.Design{Rate: 1}).Design()}})
		in.post = func(arrival) {}
		answer := func() {
			k := in.look(slot{n: 1, twin: 5}, &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 3})
			_, _ = k.Write([]byte("abc"))
			k.end(&wire.Exchange{})
			in.ended(k.slot)
		}
		fail := func() {
			in.deliver(arrival{2, perf.Record{Failure: perf.Transport}})
			in.ended(slot{n: 2, twin: 5, green: true})
		}
		if failedFirst {
			fail()
			answer()
		} else {
			answer()
			fail()
		}
		in.finish()
		if len(in.twins) != 0 || in.pairs[0] != 0 || in.kept.Load() != 0 {
			t.Errorf("failed first %v: %d pairs wait for an answer, %d are compared, %d bytes kept", failedFirst, len(in.twins), in.pairs[0], in.kept.Load())
		}
	}
}

// A judge that panics breaks the stage: it is this program's fault.
func TestPanickingJudge(t *testing.T) {
	t.Parallel()
	var once atomic.Bool
	plan := judged(t, &notebook{slow: func() {
		if once.CompareAndSwap(false, true) {
			panic("for the test")
		}
	}}, echo)
	if report := attack(t, plan); report.Outcome != 0 || !strings.Contains(report.Reason, "for the test") {
		t.Errorf("got %v (%s), want broken", report.Outcome, report.Reason)
	}
}

// The warm-up counts pairs in which one side alone failed.
func TestWarmUp(t *testing.T) {
	design := perf.NewStage(perf.Design{Rate: 10, WarmUp: 10 * time.Second, Duration: time.Minute}).Design()
	w := warmUp{design: design}
	add := func(pair uint32, green, failed bool) {
		r := perf.Record{Pair: pair, Green: green, Scheduled: design.PairStart(pair), Latency: 20 * time.Millisecond}
		if failed {
			r.Failure = perf.BadStatus
		}
		w.add(r)
	}
	for pair := range uint32(150) {
		add(pair, pair%2 == 0, pair < 10 || pair == 120) // one of each pair, and one after the warm-up
		add(pair, pair%2 == 1, pair < 10 && pair%2 == 0)
	}
	got := w.result()
	// Pairs 0, 2, …: both failed. 1, 3, … 9: blue alone.
	want := run.LoadWarmUp{Requests: perSide(100, 100), Errors: perSide(10, 5), Only: perSide(5, 0), P50: [2]float64{0.02, 0.02}, Level: 1}
	if got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, c := range []struct {
		only run.PerSide
		fail bool
	}{{perSide(0, 6), false}, {perSide(0, 7), true}, {perSide(4, 16), true}, {perSide(5, 15), false}, {perSide(7, 0), false}} {
		if level := perf.McNemar(c.only.Blue, c.only.Green); (level <= 0.01) != c.fail {
			t.Errorf("only %+v: level %.4f, want a failure %v", c.only, level, c.fail)
		}
	}
}

func perSide(blue, green int) run.PerSide { return run.PerSide{Blue: blue, Green: green} }

func TestConnectionsCompared(t *testing.T) {
	firsts := func(n int, d time.Duration) Connections {
		c := Connections{Opened: n}
		for range n {
			c.first = append(c.first, d)
		}
		return c
	}
	for _, c := range []struct {
		name         string
		blue, green  Connections
		dies, closes bool
		slow         bool
	}{
		{"alike", Connections{Opened: 64, Reused: 900}, Connections{Opened: 64, Reused: 900}, false, false, false},
		{"two died", Connections{Reused: 100}, Connections{Reused: 100, Died: 2}, false, false, false},
		{"three died", Connections{Reused: 100}, Connections{Reused: 100, Died: 3}, true, false, false},
		{"three of many", Connections{Reused: 1000}, Connections{Reused: 1000, Died: 3}, false, false, false},
		{"blue's die too", Connections{Reused: 100, Died: 10}, Connections{Reused: 100, Died: 12}, false, false, false},
		{"green closes", Connections{Opened: 64}, Connections{Opened: 164, Closed: 100}, false, true, false},
		{"green closes a few", Connections{Opened: 64}, Connections{Opened: 163, Closed: 99}, false, false, false},
		{"green opens more, as more is under way", Connections{Opened: 64}, Connections{Opened: 500}, false, false, false},
		{"both close each time", Connections{Opened: 1000, Closed: 1000}, Connections{Opened: 1000, Closed: 1000}, false, false, false},
		{"700 ms for a new one", firsts(64, 20*time.Millisecond), firsts(64, 720*time.Millisecond), false, false, true},
		{"100 ms more but not thrice", firsts(64, 100*time.Millisecond), firsts(64, 210*time.Millisecond), false, false, false},
		{"thrice but not 100 ms", firsts(64, 10*time.Millisecond), firsts(64, 90*time.Millisecond), false, false, false},
		{"two slow ones", firsts(2, 10*time.Millisecond), firsts(2, time.Second), false, false, false},
		{"blue is slow", firsts(64, time.Second), firsts(64, 10*time.Millisecond), false, false, false},
	} {
		c.blue.mean()
		c.green.mean()
		c.green.slowerThan(&c.blue)
		var g run.Generator
		connected(&g, &[2]Connections{c.blue, c.green})
		if d, k, s := Dies(&g), Closes(&g, perSide(1000, 1000)), OpensSlowly(&g); d != c.dies || k != c.closes || s != c.slow {
			t.Errorf("%s: dies %v, closes %v, opens slowly %v", c.name, d, k, s)
		}
	}
}
