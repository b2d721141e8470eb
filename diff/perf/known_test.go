package perf

import (
	"strings"
	"testing"
	"time"
)

// judgeKnown judges a noisy stage that knows something of blue.
func judgeKnown(f greenFault, known Known) *Decision {
	design := simDesign(5)
	design.Known = known
	s := NewStage(design)
	generate(noisy, f, s.Design(), func(r Record) bool { s.Add(r); return true })
	return s.Finish(Health{})
}

func TestKnownBias(t *testing.T) {
	bias := func(ratio float64) Known { return Known{Biases: []Bias{{P50, "", ratio}}} }
	for _, c := range []struct {
		name   string
		green  greenFault
		known  Known
		want   Outcome
		reason string
	}{
		{"equal, nothing known", greenFault{}, Known{}, NoWorse, "no worse"},
		{"equal, a small bias", greenFault{}, bias(0.005), NoWorse, "no worse"},
		{"equal, a margin below twice the bias", greenFault{}, bias(0.03), Inconclusive, "bias"},
		{"slower, a margin below twice the bias", greenFault{slower: 0.2}, bias(0.03), Worse, "p50"},
		{"slower by what replicas differ", greenFault{slower: 0.06}, Known{Biases: []Bias{{P50, "", 0.06}}}, Inconclusive, "bias"},
		{"another metric's bias", greenFault{}, Known{Biases: []Bias{{P50, "GET /other", 0.03}}}, NoWorse, "no worse"},
	} {
		d := judgeKnown(c.green, c.known)
		if d.Outcome != c.want || !strings.Contains(d.Reason, c.reason) {
			t.Errorf("%s: %v (%s), want %v with %q", c.name, d.Outcome, d.Reason, c.want, c.reason)
		}
		if c.want == Inconclusive && (d.Cause != Biased || !strings.Contains(d.Advice, "widen the margin of p50")) {
			t.Errorf("%s: cause %q, advice %q", c.name, d.Cause, d.Advice)
		}
	}
	plain, wide := judgeKnown(greenFault{}, Known{}).Comparisons[0], judgeKnown(greenFault{}, bias(0.005)).Comparisons[0]
	if wide.Change != plain.Change || wide.Low >= plain.Low-0.004 || wide.High <= plain.High+0.004 {
		t.Errorf("a bias of 0.5 %% makes [%g, %g] of [%g, %g]", wide.Low, wide.High, plain.Low, plain.High)
	}
}

func TestSlowBlueIsNamed(t *testing.T) {
	for _, c := range []struct {
		p50  float64 // calibrated, in seconds; blue has some 5 ms
		want bool
	}{{0, false}, {0.005, false}, {0.003, true}} {
		d := judgeKnown(greenFault{}, Known{BlueP50: c.p50})
		if got := strings.Contains(strings.Join(d.Notes, "\n"), "calibrated"); got != c.want || d.Outcome != NoWorse {
			t.Errorf("calibrated p50 %g s: %v, notes %q", c.p50, d.Outcome, d.Notes)
		}
	}
}

// A pass in a run too short for its solo blocks says what it does not know.
func TestShortPassNamesInterference(t *testing.T) {
	d := judgeKnown(greenFault{shared: 0.6}, Known{})
	notes := strings.Join(d.Notes, "\n")
	if d.Outcome != NoWorse || !strings.Contains(notes, "was not judged") || !strings.Contains(notes, "set duration to 5m20s") {
		t.Errorf("%v (%s), notes %q", d.Outcome, d.Reason, d.Notes)
	}
}

// A long stage that lost its solo blocks does not pass: what they were for is not
// known.
func TestLongStageWithoutItsSoloBlocks(t *testing.T) {
	for _, c := range []struct {
		name string
		lost int // of the solo blocks of each side
		want Outcome
	}{{"all there", 0, NoWorse}, {"two lost", 2, NoWorse}, {"most lost", 5, Inconclusive}} {
		design := longDesign(5)
		design.Duration = 320 * time.Second
		s := NewStage(design)
		d := s.Design()
		seen := map[int]int{} // block to its number among the solo blocks of its side
		var count [3]int
		generate(quiet, greenFault{}, d, func(r Record) bool {
			if b := d.BlockOf(d.PairStart(r.Pair)); b >= 0 && r.Solo {
				if _, known := seen[b]; !known {
					seen[b] = count[d.LoadOf(b)]
					count[d.LoadOf(b)]++
				}
				if seen[b] < c.lost {
					r.Lag = d.Block()
				}
			}
			s.Add(r)
			return true
		})
		got := s.Finish(Health{})
		if got.Outcome != c.want || got.Outcome == Inconclusive && (!strings.Contains(got.Reason, "solo") || got.Advice == "" || !got.Final) {
			t.Errorf("%s: %v (%s; %s), want %v", c.name, got.Outcome, got.Reason, got.Advice, c.want)
		}
	}
}

// A stage too short for one look names what is wrong all the same.
func TestShortStages(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   float64
		length time.Duration
		change func(r *Record)
		reason string
		cause  Cause
	}{
		{"nothing wrong", 40, time.Second, func(*Record) {}, "blocks", Underpowered},
		{"sent late", 40, time.Second, func(r *Record) { r.Lag = time.Second }, "the rate was not reached", Generator},
		{"late in two blocks", 100, 5 * time.Second, func(r *Record) { r.Lag = 3 * time.Second }, "generator", Generator},
		{"blue ill", 40, time.Second, func(r *Record) {
			if !r.Green && r.Pair%20 == 0 {
				r.Failure = BadStatus
			}
		}, "blue itself failed", Baseline},
		{"a tiny rate", 0.01, 30 * time.Second, func(*Record) {}, "blocks", Underpowered},
	} {
		s := NewStage(Design{Rate: c.rate, Duration: c.length, Pairing: Paired})
		d := s.Design()
		if d.Length() > 2*max(c.length, 5*time.Second) {
			t.Errorf("%s: the schedule of %s lasts %s", c.name, c.length, d.Length())
		}
		for pair := uint32(0); d.PairStart(pair) < d.Length(); pair++ {
			for _, green := range []bool{false, true} {
				r := Record{Pair: pair, Green: green, Scheduled: d.PairStart(pair), Latency: 5 * time.Millisecond}
				c.change(&r)
				s.Add(r)
			}
		}
		got := s.Finish(Health{})
		if got.Outcome != Inconclusive || got.Cause != c.cause || !strings.Contains(got.Reason, c.reason) || got.Advice == "" {
			t.Errorf("%s: %v, %s (%s; %s), want %s with %q", c.name, got.Outcome, got.Cause, got.Reason, got.Advice, c.cause, c.reason)
		}
	}
}

// No rate, however small, breaks the schedule's arithmetic.
func TestTinyRates(t *testing.T) {
	for _, rate := range []float64{1, 1e-3, 1e-6, 1e-12, 1e-300} {
		d := NewStage(Design{Rate: rate, Duration: 10 * time.Second}).Design()
		if d.Block() <= 0 || d.WarmUp <= 0 || d.Length() < d.WarmUp || d.Length() > 20*time.Second || d.PairStart(1) <= 0 || d.PairStart(1<<31) < d.PairStart(1) {
			t.Errorf("%g/s: blocks of %s, warm-up %s, length %s, second pair at %s", rate, d.Block(), d.WarmUp, d.Length(), d.PairStart(1))
		}
	}
}
