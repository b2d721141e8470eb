package perf

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ExampleDesign_Provable() {
	d := Design{Rate: 30, Duration: 30 * time.Second}
	short := d.Provable()
	for _, s := range short {
		fmt.Println(s)
	}
	fmt.Println(Advice(short))
	// Output:
	// 30/s for 30 s cannot prove errors below 0.5 %: at least 46 s
	// write duration: 46s, or raise the rate; for the errors alone, margins: {errors: 0.6%}
}

func TestShortfallsInWords(t *testing.T) {
	biased := Known{Biases: []Bias{{P95, "", 0.06}}, When: "2026-11-28"}
	noisy := Known{Noise: []Noise{{P50, 0.02, 53, 54}}, When: "2026-11-28"}
	for _, c := range []struct {
		reason string
		d      Design
		want   []string
	}{
		{"the defaults reach a pass", Design{Rate: 100}, nil},
		{"too short for a look", Design{Rate: 200, Duration: 20 * time.Second}, []string{"200/s for 20 s makes 10 of the 15 blocks that a verdict needs: at least 30 s"}},
		{"blocks grow with the quantile", Design{Rate: 50, Duration: 50 * time.Second, Margins: Margins{P99: Margin{Rel: 0.5}}}, []string{"50/s for 50 s makes 12 of the 15 blocks that a verdict needs: at least 60 s"}},
		{"errors", Design{Rate: 200, Duration: 60 * time.Second, Margins: Margins{Errors: 0.0001}}, []string{"200/s for 60 s cannot prove errors below 0.01 %: at least 310 s"}},
		{"a known bias", Design{Rate: 200, Known: biased}, []string{"no duration proves p95 within 10 %: blue's replicas differ too much (calibrated 2026-11-28), at least 12.4 % can be proven"}},
		{"a known noise", Design{Rate: 200, Known: noisy}, []string{"200/s for 120 s is unlikely to prove p50 within 5 % at the noise calibrated 2026-11-28: at least 382 s"}},
		{"the default noise", Design{Rate: 20, Duration: 90 * time.Second, Margins: Margins{P50: Margin{Rel: 0.02}}}, []string{"20/s for 90 s is unlikely to prove p50 within 2 % at the noise of a steady service: at least 540 s", "20/s for 90 s is unlikely to prove p50 of the run within 2 % at the noise of a steady service: at least 340 s"}},
		{"margins that are durations are not judged", Design{Rate: 20, Duration: 90 * time.Second, Margins: Margins{P50: Margin{Rel: 0.02, Abs: 0.001}}}, nil},
		{"no duration does", Design{Rate: 20, Duration: 90 * time.Second, Margins: Margins{P50: Margin{Rel: 2e-4}}}, []string{"20/s for 90 s is unlikely to prove p50 within 0.02 % at the noise of a steady service: no duration up to a week is long enough", "20/s for 90 s is unlikely to prove p50 of the run within 0.02 % at the noise of a steady service: no duration up to a week is long enough"}},
	} {
		var got []string
		for _, s := range c.d.Provable() {
			got = append(got, s.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.reason, got, c.want)
		}
	}
}

// The blocks that load both sides are counted as the unluckiest of many seeds
// leaves them.
func TestPairedIsTheLeastOfAllSeeds(t *testing.T) {
	for _, d := range []Design{{Pairing: Paired}, {Pairing: Paired, Calibrates: true}, {Pairing: Paired, NoSolo: true}, {Pairing: Interleaved}} {
		least := make([]int, 90)
		for n := range least {
			least[n] = n
		}
		for seed := range uint64(3000) {
			d.Seed = seed
			paired := 0
			for b := range len(least) - 1 {
				if d.LoadOf(b) == Both {
					paired++
				}
				least[b+1] = min(least[b+1], paired)
			}
		}
		for n, want := range least {
			if got := d.paired(n); got != want {
				t.Fatalf("%+v: %d of the first %d blocks, want %d", d, got, n, want)
			}
		}
	}
}

// The planned looks are those that a stage takes, with the alpha that it spends.
func TestPlannedLooksAreThoseOfAStage(t *testing.T) {
	for _, seconds := range []int{8, 20, 30, 34, 40, 59, 60, 61, 90, 120, 125, 240} {
		for _, oneLook := range []bool{false, true} {
			d := Design{Rate: 20, Duration: time.Duration(seconds) * time.Second, WarmUp: time.Second, Margins: Margins{P50: Margin{Rel: 1e-6}}, OneLook: oneLook, NoSolo: true, Routes: []Route{{"GET /", 1}}}
			s := NewStage(d)
			d = s.Design()
			var got []plannedLook
			spent := 0.0
			for pair := uint32(0); d.PairStart(pair) < d.Length(); pair++ {
				for _, g := range []bool{false, true} {
					s.Add(Record{Pair: pair, Green: g, Scheduled: d.PairStart(pair), Latency: time.Millisecond, Status: 200})
				}
			}
			for b := 1; b <= d.Blocks(); b++ {
				if s.Through(d.WarmUp+time.Duration(b)*d.Block(), Health{}) != nil {
					got, spent = append(got, plannedLook{b, s.spent - spent}), s.spent
				}
			}
			want := d.plannedLooks()
			if !slices.EqualFunc(got, want, func(a, b plannedLook) bool { return a.blocks == b.blocks && math.Abs(a.alpha-b.alpha) < 1e-12 }) {
				t.Errorf("%d s, one look %v: looks %v, planned %v", seconds, oneLook, got, want)
			}
		}
	}
}

// The duration that is asked for is enough, and so is every longer one.
func TestNeedIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Design{
			Rate: rapid.Float64Range(5, 300).Draw(t, "rate"), Duration: time.Duration(rapid.IntRange(1, 200).Draw(t, "seconds")) * time.Second,
			Margins: Margins{Errors: rapid.Float64Range(0.001, 0.02).Draw(t, "errors"), P50: Margin{Rel: rapid.Float64Range(0.02, 0.2).Draw(t, "p50")}},
			OneLook: rapid.Bool().Draw(t, "one look"), NoSolo: rapid.Bool().Draw(t, "no solo"), Pairing: Pairing(rapid.IntRange(1, 2).Draw(t, "pairing")),
		}
		if rapid.Bool().Draw(t, "known") {
			d.Known = Known{Noise: []Noise{{P50, rapid.Float64Range(0.001, 0.03).Draw(t, "se"), 20, 30}}}
		}
		need := time.Duration(0)
		for _, s := range d.Provable() {
			if s.Need == 0 {
				t.Skip("hopeless")
			}
			need = max(need, s.Need)
		}
		if need == 0 {
			return
		}
		d.Duration = need + time.Duration(rapid.IntRange(0, 60).Draw(t, "longer"))*d.Block()
		if short := d.Provable(); len(short) > 0 {
			t.Fatalf("%+v for %s: %v", d, d.Duration, short)
		}
	})
}

// wideLatency leaves only blocks and errors to prove.
var wideLatency = Margins{P50: Margin{Rel: 2}, P95: Margin{Rel: 2}}

// Equal sides pass where blocks and errors are provable, with every seed, and not
// where they are not.
func TestProvablePassesAndUnprovableDoesNot(t *testing.T) {
	step := 12
	if os.Getenv("BGVERIFY_LONG") != "" {
		step = 4
	}
	for _, rate := range []float64{20, 30, 60} {
		for seconds := 20; seconds <= 80; seconds += step {
			d := Design{Rate: rate, Duration: time.Duration(seconds) * time.Second, WarmUp: 2 * time.Second, Pairing: Paired, Margins: wideLatency, Routes: []Route{{"GET /", 1}}}
			short := d.Provable()
			lucky := d // the best that a seed can do
			lucky.NoSolo = true
			for seed := range uint64(3) {
				d.Seed = seed
				got := simulate(quiet, greenFault{}, d).Outcome
				switch {
				case len(short) == 0 && got != NoWorse:
					t.Errorf("%g/s for %d s, seed %d: %v, though nothing was found", rate, seconds, seed, got)
				case len(lucky.Provable()) > 0 && got == NoWorse:
					t.Errorf("%g/s for %d s, seed %d: passes, though %v", rate, seconds, seed, short)
				}
			}
		}
	}
}

// With the noise of a calibration, equal sides pass where nothing is found, and
// the duration that is asked for makes them.
func TestProvableWithCalibratedNoise(t *testing.T) {
	calibrates := simDesign(7)
	calibrates.Duration, calibrates.Calibrates = 20*time.Minute, true
	known := Known{When: "before"}
	d := simulate(quiet, greenFault{}, calibrates)
	for _, c := range d.Comparisons {
		if f, ok := FloorOf(c, d.Seconds); ok && f.Route == "" {
			known.Noise = append(known.Noise, f.Noise())
		}
	}
	passes := func(duration time.Duration) (share float64) {
		const runs = 30
		for i := range uint64(runs) {
			d := simDesign(100 + i)
			d.Duration = duration
			if simulate(quiet, greenFault{}, d).Outcome == NoWorse {
				share += 1.0 / runs
			}
		}
		return share
	}
	short := simDesign(1)
	short.Duration, short.Known = 30*time.Second, known
	lacks := short.Provable()
	if len(lacks) == 0 || lacks[0].Lack != Noisy || lacks[0].When != "before" {
		t.Fatalf("at 100/s for 30 s: %v", lacks)
	}
	need := time.Duration(0)
	for _, s := range lacks {
		need = max(need, s.Need)
	}
	few, enough := passes(short.Duration), passes(need)
	t.Logf("%s: %.2f pass; %s: %.2f", short.Duration, few, need, enough)
	if few > 0.8 || enough < 0.85 {
		t.Errorf("%.2f of the runs of %s pass and %.2f of those of %s", few, short.Duration, enough, need)
	}
}

// What the noise of a steady service hides is rarely found on a livelier one.
func TestUnprovableByDefaultNoise(t *testing.T) {
	d := simDesign(0)
	d.Rate, d.Duration, d.Margins = 50, 60*time.Second, Margins{P50: Margin{Rel: 0.02}, P95: Margin{Rel: 0.1}}
	short := d.Provable()
	if len(short) == 0 || short[0].Lack != Noisy || short[0].Certain() {
		t.Fatalf("%v", short)
	}
	passes := 0
	for seed := range uint64(20) {
		d.Seed = seed
		if simulate(quiet, greenFault{}, d).Outcome == NoWorse {
			passes++
		}
	}
	if passes > 5 {
		t.Errorf("%d of 20 seeds pass, though %v", passes, short)
	}
}
