package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/wire"
)

// quickUsers is a closed loop of some users a side in blocks of 160 ms.
func quickUsers(blue, green string, users int) Plan {
	plan := quick(blue, green)
	plan.Rate, plan.WarmUp = 0, 0
	plan.Users = perf.Users{Count: users, Ramp: 100 * time.Millisecond, Think: perf.Span{Least: 50 * time.Millisecond, Most: 150 * time.Millisecond}}
	plan.Duration = 5 * time.Second
	return plan
}

// hangs answers until it has been asked for some time, and then never again.
func hangs(after time.Duration) http.HandlerFunc {
	var first atomic.Pointer[time.Time]
	return func(_ http.ResponseWriter, r *http.Request) {
		now := time.Now()
		first.CompareAndSwap(nil, &now)
		time.Sleep(10 * time.Millisecond)
		if now.Sub(*first.Load()) > after {
			<-r.Context().Done()
		}
	}
}

// What a closed loop must find, and must not: above all a green that gets less done, or
// nothing at all, and one whose errors are faster than its answers.
func TestUsers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		green *service
		check func(*Report) string
	}{
		{"equal", &service{}, notOutcome(perf.Worse)},
		{"slower by a half", &service{factor: 1.5}, outcome(perf.Worse, "p50")},
		{"every third fails at once", &service{handle: func() http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1)%3 == 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()}, outcome(perf.Worse, "errors")},
		{"stops answering", &service{handle: hangs(1500 * time.Millisecond)}, outcome(perf.Worse, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan := quickUsers(start(t, &service{}), start(t, c.green), 32)
			expect(t, plan, func(r *Report) string {
				if r.Users.Count != 32 {
					return fmt.Sprintf("users %+v", r.Users)
				}
				return c.check(r)
			})
		})
	}
}

// Users whose machine has no time for them prove nothing. Nothing is sent: each walk is ready as soon as the one
// before has ended, so that all of its time is this machine's, however fast that is.
func TestUsersWithoutAMachine(t *testing.T) {
	t.Parallel()
	plan := quickUsers("http://127.0.0.1:1", "http://127.0.0.2:1", 4)
	plan.Users.Think = perf.Span{}
	plan.Routes = []Route{{Name: "a"}}
	var mu sync.Mutex
	ended := map[[2]int]time.Time{} // by side and user
	plan.Cases = []Case{{Name: "c", Routes: []int{0}, Walk: func(_ context.Context, w *Walk) {
		began := time.Now()
		time.Sleep(3 * time.Millisecond) // instead of sending
		w.a.flies(w.sl.n)
		x := &wire.Exchange{Started: time.Now(), Status: http.StatusOK}
		x.Timing.Total = time.Millisecond
		mu.Lock()
		key := [2]int{w.sl.side(), w.a.crowd.userOf(w.sl)}
		ready, before := ended[key]
		ended[key] = x.Started
		mu.Unlock()
		if !before {
			ready = began
		}
		w.Done(&Sent{Exchange: x, Ready: ready})
	}}}
	report := attack(t, plan)
	late := strings.Contains(report.Reason, "blocks dropped") // users that waited so long are not counted at all
	if report.Outcome != perf.Inconclusive || report.Cause != perf.Generator || report.Generator.Achieved > 0.7 && !late {
		t.Errorf("%v, %s (%s), %g of the time was the users' own", report.Outcome, report.Cause, report.Reason, report.Generator.Achieved)
	}
}

// Walk i of a user is the same on both sides, no two users have the same row at the same
// time, and the sides are compared although one of them is far ahead.
func TestUsersWalkInPairs(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		blue, green := start(t, &service{base: time.Millisecond}), start(t, &service{base: 6 * time.Millisecond})
		plan := quickUsers(blue, green, 4)
		plan.Duration, plan.Users.Think = 1600*time.Millisecond, perf.Span{Most: 4 * time.Millisecond}
		plan.Breaker.Errors = 1
		plan.Routes = []Route{{Name: "a"}, {Name: "b"}}
		type made struct {
			of, row int
			at      time.Time
		}
		var mu sync.Mutex
		walks := [2]map[uint32]made{{}, {}}
		busy := [2]map[string]bool{{}, {}}
		walk := func(of int) func(context.Context, *Walk) {
			return func(ctx context.Context, w *Walk) {
				side, url := w.sl.side(), blue
				if w.Green {
					url = green
				}
				row := fmt.Sprint(of, w.Row)
				mu.Lock()
				if _, again := walks[side][w.Pair]; again {
					steady.Wrong(t, "side %d: walk %d was made before", side, w.Pair)
				}
				if busy[side][row] {
					steady.Wrong(t, "side %d: row %s is in use", side, row)
				}
				walks[side][w.Pair], busy[side][row] = made{of, w.Row, w.At}, true
				mu.Unlock()
				ready := time.Now()
				w.Done(&Sent{Place: 0, Exchange: w.Do(ctx, "", &wire.Request{Method: "GET", URL: url}), Ready: ready, Compare: true})
				mu.Lock()
				busy[side][row] = false
				mu.Unlock()
			}
		}
		judge := &pairCounter{}
		for i := range plan.Routes {
			plan.Routes[i].Walks, plan.Routes[i].Compare = judge, true
		}
		plan.Cases = []Case{{Name: "one", Rows: 11, Routes: []int{0}, Walk: walk(0)}, {Name: "two", Rows: 9, Weight: 2, Routes: []int{1}, Walk: walk(1)}}
		report := attack(t, plan)
		both := 0
		for pair, b := range walks[0] {
			if g, ok := walks[1][pair]; ok {
				both++
				if b != g {
					steady.Wrong(t, "walk %d: %+v on blue, %+v on green", pair, b, g)
				}
			}
		}
		if n := len(walks[1]); (both < n/2 || len(walks[0]) < n || judge.n.Load() < int64(both)/2) && !excused(report) {
			t.Errorf("%d walks of blue, %d of green, %d of both, %d compared", len(walks[0]), n, both, judge.n.Load())
		}
	})
}

type pairCounter struct{ n atomic.Int64 }

func (p *pairCounter) ComparePair(Moment, uint32, *Half, *Half, *Shared) { p.n.Add(1) }

// A stage of users keeps to its cap: one that nothing holds to it is refused.
func TestUsersAreCapped(t *testing.T) {
	for _, c := range []struct {
		think time.Duration
		want  bool
	}{{0, false}, {time.Second, false}, {20 * time.Second, true}} {
		plan := quickUsers("http://127.0.0.1:1", "http://127.0.0.2:1", 100)
		plan.MaxRPS, plan.Users.Think = 10, perf.Span{Least: c.think, Most: c.think}
		if _, _, err := plan.withDefaults(); (err == nil) != c.want {
			t.Errorf("%s to think: %v", c.think, err)
		}
	}
}

// Interleaved users load one side at a time: no walk begins while its side rests, at
// whatever instant the pacer looks, and both sides have their turns.
func TestUsersInterleaved(t *testing.T) {
	plan := quickUsers("http://127.0.0.1:1", "http://127.0.0.2:1", 8)
	plan.Interleaved, plan.Users.Think, plan.Cases = true, perf.Span{Most: 10 * time.Millisecond}, nil
	plan, _, err := plan.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	design := plan.designs()[0]
	c := newCrowd(context.Background(), design, &plan, &clock{})
	c.skip = func(uint64) {}
	var begun [2]int
	for side := range begun {
		for u := range design.Users.Count {
			at := time.Duration(0)
			for now := time.Duration(0); now < design.Length(); {
				when, ready := c.due(side, at, now)
				if !ready {
					if when <= now {
						t.Fatalf("at %s user %d is to look again at %s", now, u, when)
					}
					at, now = when, min(when, now+7*time.Millisecond)
					continue
				}
				begun[side]++
				if until, rest := rests(&design, side == 1, now); rest {
					t.Fatalf("at %s a walk of side %d begins, which rests until %s", now, side, until)
				}
				sl := c.begin(side, u, when)
				now += 2 * time.Millisecond
				at = now + c.think(sl.twin)
			}
		}
	}
	if min(begun[0], begun[1]) < 100 {
		t.Errorf("%d walks of blue and %d of green begin in %s", begun[0], begun[1], design.Length())
	}
}

// What interleaved users are answered is judged, and equal sides are not worse.
func TestUsersInterleavedAreJudged(t *testing.T) {
	t.Parallel()
	plan := quickUsers(start(t, &service{}), start(t, &service{}), 8)
	plan.Interleaved, plan.Users.Think = true, perf.Span{Most: 10 * time.Millisecond}
	expect(t, plan, func(r *Report) string {
		if r.Requests.Blue == 0 || r.Requests.Green == 0 {
			return fmt.Sprintf("%+v requests", r.Requests)
		}
		return notOutcome(perf.Worse)(r)
	})
}
