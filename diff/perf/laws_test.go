package perf

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A drawn stage is short, but has everything: noise, failures, timeouts, late
// blocks, several routes and solo blocks.
type drawnStage struct {
	design  Design
	records []Record
}

func drawStage(t *rapid.T) drawnStage {
	profiles := []profile{quiet, noisy, hostile, private}
	d := Design{
		Rate: 40, Duration: 44 * time.Second, WarmUp: 4 * time.Second, Timeout: time.Second, Pairing: Paired,
		Seed:   rapid.Uint64().Draw(t, "seed"),
		Routes: []Route{{"GET /a", 0.6}, {"GET /b", 0.4}},
		Unit:   2 * time.Second,
	}
	d.OneLook = rapid.Bool().Draw(t, "one look")
	if bias := rapid.SampledFrom([]float64{0, 0, 0.01, 0.04}).Draw(t, "bias"); bias > 0 {
		d.Known.Biases = []Bias{{P50, "", bias}, {P95, "GET /b", bias}}
	}
	f := greenFault{
		slower: rapid.SampledFrom([]float64{-0.1, 0, 0.05, 0.1, 0.2}).Draw(t, "slower"),
		errors: rapid.SampledFrom([]float64{0, 0.004, 0.05}).Draw(t, "errors"),
	}
	p := rapid.SampledFrom(profiles).Draw(t, "profile")
	s := drawnStage{design: d}
	rng := rand.New(rand.NewPCG(d.Seed, 5))
	generate(p, f, d, func(r Record) bool {
		r.Route = uint8(rng.IntN(2))
		switch n := rng.IntN(2000); {
		case n == 0:
			r.Failure, r.Latency = TimedOut, time.Second
		case n == 1:
			r.Failure, r.Latency, r.Status = Transport, time.Millisecond, 0
		case n == 2:
			r.Lag = 600 * time.Millisecond
		}
		s.records = append(s.records, r)
		return true
	})
	return s
}

func (s drawnStage) judge() *Decision {
	stage := NewStage(s.design)
	for _, r := range s.records {
		stage.Add(r)
	}
	return stage.Finish(Health{})
}

func (s drawnStage) mapped(change func(Record) Record) drawnStage {
	records := make([]Record, len(s.records))
	for i, r := range s.records {
		records[i] = change(r)
	}
	return drawnStage{s.design, records}
}

func latencies(d *Decision) []Comparison {
	return slices.DeleteFunc(slices.Clone(d.Comparisons), func(c Comparison) bool { return !c.Metric.IsLatency() })
}

// Law: shifting green up never improves an outcome.
func TestLawSlowerGreenIsNoBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		factor := rapid.Float64Range(1, 3).Draw(t, "factor")
		slower := s.mapped(func(r Record) Record {
			if r.Green && r.Failure == Succeeded {
				r.Latency = time.Duration(float64(r.Latency) * factor)
			}
			return r
		})
		before, after := s.judge(), slower.judge()
		if after.Outcome < before.Outcome {
			t.Fatalf("green slower by %.3f: from %v (%s) to %v (%s)", factor, before.Outcome, before.Reason, after.Outcome, after.Reason)
		}
	})
}

// Law: scaling both sides changes no latency comparison.
func TestLawScalingBothChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		s.design.OneLook = true
		factor := rapid.Float64Range(0.5, 2).Draw(t, "factor")
		scaled := s.mapped(func(r Record) Record {
			r.Latency = time.Duration(float64(r.Latency) * factor)
			return r
		})
		scaled.design.Timeout = time.Duration(float64(s.design.Timeout) * factor)
		before, after := latencies(s.judge()), latencies(scaled.judge())
		for i, b := range before {
			a := after[i]
			if b.Metric.IsWholeRun() { // in bins of 0.1 %
				if math.Abs(a.Change-b.Change) > 3e-3 {
					t.Fatalf("scaled by %.3f:\n before %v\n after  %v", factor, b, a)
				}
				continue
			}
			if !near(a.Change, b.Change) || !near(a.Low, b.Low) || !near(a.High, b.High) || a.Outcome != b.Outcome {
				t.Fatalf("scaled by %.3f:\n before %v\n after  %v", factor, b, a)
			}
		}
	})
}

// Law: swapping the sides mirrors every latency interval, and the difference of errors.
func TestLawSwappingMirrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		s.design.OneLook, s.design.NoSolo = true, true
		swapped := s.mapped(func(r Record) Record {
			r.Green = !r.Green
			return r
		})
		before, after := s.judge(), swapped.judge()
		for i, b := range latencies(before) {
			a := latencies(after)[i]
			if !near((1+a.Change)*(1+b.Change), 1) || !near((1+a.Low)*(1+b.High), 1) || !near((1+a.High)*(1+b.Low), 1) {
				t.Fatalf("swapped:\n before %v\n after  %v", b, a)
			}
			if a.Blue != b.Green || a.Green != b.Blue {
				t.Fatalf("swapped: blue %v and green %v became %v and %v", b.Blue, b.Green, a.Blue, a.Green)
			}
		}
		if before.Outcome == Worse && after.Outcome == Worse && before.Errors[green] == before.Errors[blue] {
			t.Fatalf("both sides are worse than the other:\n%s\n%s", before.Reason, after.Reason)
		}
	})
}

// Law: splitting the records over workers, in any order of arrival, changes
// nothing: not a bit of the decision.
func TestLawSplittingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		workers := rapid.IntRange(1, 8).Draw(t, "workers")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 3))
		split := s.mapped(func(r Record) Record {
			r.Worker = uint8(rng.IntN(workers))
			return r
		})
		rng.Shuffle(len(split.records), func(i, j int) { split.records[i], split.records[j] = split.records[j], split.records[i] })
		whole, parts := s.judge(), split.judge()
		if !reflect.DeepEqual(whole, parts) {
			t.Fatalf("over %d workers:\n whole %+v\n split %+v", workers, whole, parts)
		}
		if again := s.judge(); !reflect.DeepEqual(whole, again) {
			t.Fatalf("judged again:\n first  %+v\n second %+v", whole, again)
		}
	})
}

// Law: judging while the load runs and judging its records afterwards agree.
func TestLawStreamingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		step := time.Duration(rapid.IntRange(50, 3000).Draw(t, "step")) * time.Millisecond
		stage := NewStage(s.design)
		var live *Decision
		through := time.Duration(0)
		for _, r := range s.records {
			start := s.design.PairStart(r.Pair)
			for through+step <= start && live == nil {
				through += step
				if d := stage.Through(through, Health{}); d != nil && d.Final {
					live = d
				}
			}
			if live != nil {
				break
			}
			stage.Add(r)
		}
		if live == nil {
			live = stage.Finish(Health{})
		}
		if offline := s.judge(); !reflect.DeepEqual(live, offline) {
			t.Fatalf("live %+v\noffline %+v", live, offline)
		}
	})
}

// Law: what is not beyond doubt is neither worse nor no worse: a pass has every
// gate proven below its margin, and a failed metric is named.
func TestLawOutcomeFollowsComparisons(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawStage(t).judge()
		worse := slices.ContainsFunc(d.Comparisons, func(c Comparison) bool { return c.Outcome == Worse })
		open := slices.ContainsFunc(d.Comparisons, func(c Comparison) bool { return c.Role == Gate && c.Outcome != NoWorse })
		switch {
		case d.Outcome == Worse && !worse, d.Outcome == NoWorse && (worse || open), d.Outcome == Inconclusive && d.Cause == "", d.Reason == "":
			t.Fatalf("%v (%s): %v", d.Outcome, d.Reason, d.Comparisons)
		}
		for _, c := range d.Comparisons {
			for _, v := range []float64{c.Blue, c.Green, c.Change, c.Low, c.High, c.Margin, c.MDE, c.NeedS, c.Floor, c.SE, c.Lag1} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%+v has a value that JSON cannot hold", c)
				}
			}
		}
	})
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-5*math.Max(1, math.Abs(b)) }
