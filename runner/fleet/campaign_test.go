package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// A fakeWorker beats and answers as it is told to.
type fakeWorker struct {
	*member
	deadAt, silentFrom, silentTo time.Time
	dropsShare                   float64
}

func (w *fakeWorker) dead(now time.Time) bool {
	return !w.deadAt.IsZero() && now.After(w.deadAt)
}

func (w *fakeWorker) silent(now time.Time) bool {
	return w.dead(now) || now.After(w.silentFrom) && now.Before(w.silentTo)
}

// simulate lets a campaign run over fake workers and returns what it settled. Time is steps
// of 50 ms; nothing sleeps. judge, which may be nil, takes each slice and says whether that
// decides.
func simulate(d perf.Design, workers []*fakeWorker, rng *rand.Rand, judge func(attack.Fired) bool) []attack.Fired {
	start := time.Unix(1e9, 0)
	var holders []*member
	for _, w := range workers {
		w.arrived, w.sent = start, start
		holders = append(holders, w.member)
	}
	c := newCampaign(d, 1, start.Add(2*time.Second), holders)
	type due struct {
		at    time.Time
		from  *fakeWorker
		share *attack.Share
	}
	var coming []due
	var out []attack.Fired
	voids := 0
	for now := start; now.Before(start.Add(time.Hour)); now = now.Add(50 * time.Millisecond) {
		for _, w := range workers {
			if !w.silent(now) && now.Sub(w.arrived) >= beatEvery {
				w.heard(beat{Sent: now, Attack: 1, Has: 1 << 30}, now)
			}
		}
		for s := c.announce(now); s != nil; s = c.announce(now) {
			for _, m := range s.holders {
				for _, w := range workers {
					if w.member == m && !w.dead(s.end()) && rng.Float64() >= w.dropsShare {
						coming = append(coming, due{s.end().Add(300 * time.Millisecond), w, &attack.Share{Slice: s.Number, Worker: m.number, Ended: s.Until}})
					}
				}
			}
		}
		rest := coming[:0]
		for _, one := range coming {
			switch {
			case one.from.dead(one.at):
			case now.Before(one.at) || one.from.silent(now):
				rest = append(rest, one)
			default:
				c.take(one.from.member, one.share)
				c.take(one.from.member, one.share) // a copy
			}
		}
		coming = rest
		for {
			f, settled := c.settle(now)
			if !settled {
				break
			}
			if f.Void != "" && f.Block >= 0 {
				voids++
				c.blocks = d.Blocks() + voids
			}
			out = append(out, f)
			if judge != nil && judge(f) {
				return out
			}
		}
		if c.over() {
			return out
		}
	}
	return out
}

func makeWorkers(n int) []*fakeWorker {
	var all []*fakeWorker
	for i := range n {
		all = append(all, &fakeWorker{member: &member{id: fmt.Sprint(i), number: i + 1, host: "h", words: map[int]word{}}})
	}
	return all
}

func simDesign() perf.Design {
	return perf.NewStage(perf.Design{Rate: 100, Duration: 40 * time.Second, Timeout: time.Second, Routes: []perf.Route{{Name: "r", Share: 1}}}).Design()
}

// A share with requests of another slice, as one that was sent before, or without all of its own
// voids its slice.
func TestShareOfAnotherSlice(t *testing.T) {
	d := simDesign()
	start := time.Unix(1e9, 0)
	w := makeWorkers(1)[0]
	w.heard(beat{Sent: start, Attack: 1}, start)
	c := newCampaign(d, 1, start.Add(lead), []*member{w.member})
	first := c.announce(start)
	for _, row := range []struct {
		name    string
		planned int
		records []perf.Record
		whole   bool
	}{
		{"whole", 2, []perf.Record{{Pair: 0}, {Pair: 0, Green: true}}, true},
		{"whole walks of two requests", 1, []perf.Record{{}, {}, {Walk: true}}, true},
		{"of another slice", 1, []perf.Record{{Pair: 100_000}}, false},
		{"an answer is lost", 2, []perf.Record{{Pair: 0}}, false},
		{"all answers are lost", 2, nil, false},
	} {
		first.shares = map[int]*attack.Share{}
		c.take(w.member, &attack.Share{Slice: first.Number, Planned: row.planned, Records: row.records})
		if s := first.shares[1]; (s.Missed == "") != row.whole {
			t.Errorf("%s: missed %q", row.name, s.Missed)
		}
	}
}

// A side that fails for some workers alone is not judged; one that fails for all of them is.
func TestOutliers(t *testing.T) {
	for _, row := range []struct {
		name   string
		failed []int // of 100 requests of green, by worker
		want   []int
	}{
		{"all well", []int{0, 0, 0}, nil},
		{"one worker reaches blue alone", []int{0, 100, 0}, []int{1}},
		{"half of them do", []int{0, 100, 100, 0}, []int{1, 2}},
		{"green fails for all", []int{100, 100}, nil},
		{"green fails now and then", []int{9, 12, 7}, nil},
		{"green is going down, not equally fast", []int{60, 30, 5}, nil},
		{"one worker alone", []int{100}, nil},
	} {
		var seen [][2]perf.Burst
		for _, n := range row.failed {
			seen = append(seen, [2]perf.Burst{{All: 100}, {All: 100, Failed: n}})
		}
		if got := outliers(seen, 1); !slices.Equal(got, row.want) || outliers(seen, 0) != nil {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if few := [][2]perf.Burst{{{All: 3, Failed: 3}}, {{All: 3}}}; outliers(few, 0) != nil {
		t.Error("three requests are enough")
	}
}

// Law: whatever workers do, slices are settled once and in order, a whole one has a share of
// each holder, and no slice that a silence or a death overlaps is whole.
func TestLawCampaign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := simDesign()
		start := time.Unix(1e9, 0)
		workers := makeWorkers(rapid.IntRange(1, 5).Draw(t, "workers"))
		at := func(name string) time.Time {
			return start.Add(time.Duration(rapid.IntRange(0, 50_000).Draw(t, name)) * time.Millisecond)
		}
		for _, w := range workers {
			switch rapid.IntRange(0, 3).Draw(t, "fault") {
			case 1:
				w.deadAt = at("dies")
			case 2:
				w.silentFrom = at("silent")
				w.silentTo = w.silentFrom.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "for")) * time.Millisecond)
			case 3:
				w.dropsShare = rapid.Float64Range(0, 0.3).Draw(t, "drops")
			}
		}
		fired := simulate(d, workers, rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))), nil)
		blocks, whole := 0, 0
		for i, f := range fired {
			if f.Number != i {
				t.Fatalf("slice %d was settled in place %d", f.Number, i)
			}
			if f.Block >= 0 {
				blocks++
			}
			if f.Void != "" {
				continue
			}
			if f.Block >= 0 {
				whole++
			}
			seen := map[int]bool{}
			for _, s := range f.Shares {
				seen[s.Slice] = true
				if s.Missed != "" {
					t.Fatalf("slice %d is whole with a missed share", f.Number)
				}
			}
			if len(f.Shares) == 0 {
				t.Fatalf("slice %d is whole without a share", f.Number)
			}
		}
		if blocks > maxFired*d.Blocks() || whole > d.Blocks() {
			t.Fatalf("%d blocks fired, %d whole, %d planned", blocks, whole, d.Blocks())
		}
	})
}

func TestCampaignFaults(t *testing.T) {
	start := time.Unix(1e9, 0)
	for _, row := range []struct {
		name      string
		fault     func(w *fakeWorker)
		most      int // void slices
		why       string
		wantWhole bool
	}{
		{"none", func(*fakeWorker) {}, 0, "", true},
		{"killed in the middle", func(w *fakeWorker) { w.deadAt = start.Add(20 * time.Second) }, 3, "was not heard", true},
		{"frozen for 3 s", func(w *fakeWorker) {
			w.silentFrom, w.silentTo = start.Add(20*time.Second), start.Add(23*time.Second)
		}, 4, "was not heard", true},
		{"stalled for 0.9 s", func(w *fakeWorker) {
			w.silentFrom, w.silentTo = start.Add(20*time.Second), start.Add(20900*time.Millisecond)
		}, 2, "was not heard for", true},
		{"never a share", func(w *fakeWorker) { w.dropsShare = 1 }, 1000, "did not come", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, workers := simDesign(), makeWorkers(3)
			row.fault(workers[1])
			fired := simulate(d, workers, rand.New(rand.NewPCG(1, 1)), nil)
			voids, whole, named := 0, 0, false
			for _, f := range fired {
				if f.Void != "" {
					voids++
					named = named || strings.Contains(f.Void, row.why)
				} else if f.Block >= 0 {
					whole++
				}
			}
			if voids > row.most || (voids > 0) != (row.most > 0) || row.most > 0 && !named {
				t.Errorf("%d void slices, at most %d; a reason that contains %q: %v", voids, row.most, row.why, named)
			}
			if (whole == d.Blocks()) != row.wantWhole {
				t.Errorf("%d of %d blocks are whole, want all: %v", whole, d.Blocks(), row.wantWhole)
			}
		})
	}
}

// A worker that was not heard for a while has failures of its own: for two seconds the circuit
// breaker does not count them.
func TestBurstsAfterAGap(t *testing.T) {
	c := &Coordinator{clock: newClock()}
	now := c.clock.now()
	f := &firing{c: c, number: 1, campaign: &campaign{}}
	for i, gap := range []span{{}, {now.Add(-4 * time.Second), now.Add(-time.Second)}, {now.Add(-9 * time.Second), now.Add(-5 * time.Second)}} {
		m := &member{number: i + 1, arrived: now, sent: now, beat: beat{Attack: 1, Bursts: [2]perf.Burst{{All: 20, Failed: 20}, {All: 20, Failed: 10}}}}
		if gap != (span{}) {
			m.gaps = append(m.gaps, gap)
		}
		f.campaign.holders = append(f.campaign.holders, m)
	}
	if got, want := f.Bursts(), [2]perf.Burst{{All: 40, Failed: 40}, {All: 40, Failed: 20}}; got != want {
		t.Errorf("bursts %+v, want those of the workers without a gap: %+v", got, want)
	}
}
