package perf

import (
	"strings"
	"testing"
	"time"
)

// judgeWith simulates a quiet stage of a green, changes its records and judges it.
func judgeWith(f greenFault, h Health, change func(d Design, r *Record)) *Decision {
	design := simDesign(3)
	design.Duration = 60 * time.Second
	s := NewStage(design)
	d := s.Design()
	var decision *Decision
	next := d.WarmUp + d.Block()
	generate(quiet, f, d, func(r Record) bool {
		if start := d.PairStart(r.Pair); start >= next {
			if decision = s.Through(start, h); decision != nil && decision.Final {
				return false
			}
			next += d.Block()
		}
		if change != nil {
			change(d, &r)
		}
		s.Add(r)
		return true
	})
	if decision == nil || !decision.Final {
		decision = s.Finish(h)
	}
	return decision
}

func TestValidityRules(t *testing.T) {
	share := func(n int) func(Record) bool { return func(r Record) bool { return r.Pair%uint32(n) == 0 } }
	for _, c := range []struct {
		name   string
		green  greenFault
		health Health
		change func(d Design, r *Record)
		want   Outcome
		reason string // must be in it, with what the rule is for
	}{
		{"sound and equal", greenFault{}, Health{}, nil, NoWorse, "no worse"},
		{"sound and slow", greenFault{slower: 0.2}, Health{}, nil, Worse, "p50"},
		{"a third of the blocks late", greenFault{}, Health{}, func(d Design, r *Record) {
			if d.BlockOf(d.PairStart(r.Pair))%3 == 0 && r.Pair%50 == 0 {
				r.Lag = d.Block()
			}
		}, Inconclusive, "blocks dropped"},
		{"every request late", greenFault{}, Health{}, func(_ Design, r *Record) { r.Lag, r.Latency = 20*time.Millisecond, r.Latency+20*time.Millisecond }, Inconclusive, "late"},
		{"late, and slow all the same", greenFault{slower: 0.5}, Health{}, func(_ Design, r *Record) { r.Lag = 20 * time.Millisecond }, Worse, "p50"},
		{"busy process", greenFault{}, Health{CPU: 0.9}, nil, Inconclusive, "CPUs"},
		{"long pauses", greenFault{}, Health{GCPauseP99: 3 * time.Millisecond}, nil, Inconclusive, "garbage collection"},
		{"worker cap", greenFault{slower: 0.5}, Health{CapHit: true}, nil, Inconclusive, "all workers were busy"},
		{"a faulty machine", greenFault{}, Health{}, func(_ Design, r *Record) {
			if share(100)(*r) {
				r.Failure = Client
			}
		}, Inconclusive, "blocks dropped"},
		{"blue fails 3 %", greenFault{}, Health{}, func(_ Design, r *Record) {
			if !r.Green && share(33)(*r) {
				r.Failure = BadStatus
			}
		}, Inconclusive, "baseline: blue itself failed"},
		{"both fail always", greenFault{}, Health{}, func(_ Design, r *Record) { r.Failure = Transport }, Inconclusive, "baseline"},
		{"fast errors on green", greenFault{slower: 0.2}, Health{}, func(_ Design, r *Record) {
			if r.Green && r.Latency > 8*time.Millisecond {
				r.Failure, r.Latency = BadStatus, time.Microsecond
			}
		}, Worse, "errors"},
		{"timeouts on green", greenFault{}, Health{}, func(d Design, r *Record) {
			if r.Green && share(20)(*r) {
				r.Failure, r.Latency = TimedOut, time.Millisecond
			}
		}, Worse, "errors"},
		{"blue drifts by a factor of 3", greenFault{}, Health{}, func(d Design, r *Record) {
			if r.Scheduled > 20*time.Second {
				r.Latency *= 3
			}
		}, Inconclusive, "drifted"},
		{"queues grow on both sides", greenFault{}, Health{}, func(_ Design, r *Record) { r.Latency += r.Scheduled / 20 }, Inconclusive, ""},
		{"green's queue grows", greenFault{}, Health{}, func(_ Design, r *Record) {
			if r.Green {
				r.Latency += r.Scheduled / 20
			}
		}, Worse, "p50"},
		{"half the requests not sent", greenFault{}, Health{}, func(_ Design, r *Record) {
			if r.Pair%2 == 0 {
				r.Scheduled, r.Pair = 0, 0
			}
		}, Inconclusive, "blocks dropped"},
	} {
		d := judgeWith(c.green, c.health, c.change)
		if d.Outcome != c.want || !strings.Contains(d.Reason, c.reason) {
			t.Errorf("%s: %v (%s), want %v with %q", c.name, d.Outcome, d.Reason, c.want, c.reason)
		}
		if d.Outcome == Inconclusive && (d.Advice == "" || d.Cause == "") {
			t.Errorf("%s: inconclusive without advice or cause: %+v", c.name, d)
		}
	}
}

func TestNothingAtAllIsInconclusive(t *testing.T) {
	for _, pairing := range []Pairing{Paired, Interleaved, Recorded} {
		d := NewStage(Design{Rate: 50, Duration: time.Minute, Pairing: pairing, Routes: []Route{{"a", 0.5}, {"b", 0.5}}}).Finish(Health{})
		if d.Outcome != Inconclusive {
			t.Errorf("pairing %d without records: %v (%s)", pairing, d.Outcome, d.Reason)
		}
	}
}

// A floor of blue against blue says what a margin must be at least; sides that
// truly differ have a bias.
func TestNoiseFloors(t *testing.T) {
	for _, c := range []struct {
		name  string
		green greenFault
		bias  bool
	}{{"equal", greenFault{}, false}, {"a replica 6 % slower", greenFault{slower: 0.06}, true}} {
		design := simDesign(5)
		design.OneLook = true
		s := NewStage(design)
		generate(noisy, c.green, s.Design(), func(r Record) bool { s.Add(r); return true })
		var floors []NoiseFloor
		d := s.Finish(Health{})
		for _, c := range d.Comparisons {
			if f, ok := FloorOf(c, d.Seconds); ok {
				floors = append(floors, f)
			}
		}
		if len(floors) != 6 {
			t.Fatalf("%s: %d floors, want p50, p95 and p99 of the blocks and of the run", c.name, len(floors))
		}
		f := floors[0]
		if f.Floor <= 0 || f.Floor > 0.05 || f.NeedS <= 0 || f.MDE < f.Margin || (f.Bias > 0) != c.bias {
			t.Errorf("%s: %s", c.name, f)
		}
		if c.bias && !strings.Contains(f.String(), "proves nothing") {
			t.Errorf("%s: bias %g with margin %g is not refused: %s", c.name, f.Bias, f.Margin, f)
		}
	}
}

func TestBreak(t *testing.T) {
	dead, fine, some := Burst{20, 20, true}, Burst{20, 0, false}, Burst{20, 11, true}
	for _, c := range []struct {
		name        string
		blue, green Burst
		lag         time.Duration
		want        Outcome
	}{
		{"green dead", fine, dead, 0, Worse},
		{"both dead", dead, dead, 0, Inconclusive},
		{"blue dead", dead, fine, 0, Inconclusive},
		{"green half dead", fine, some, 0, Worse},
		{"green dead while this machine sends late", fine, dead, time.Second, Inconclusive},
	} {
		s := NewStage(Design{Rate: 50, Duration: time.Minute})
		s.Add(Record{Lag: c.lag})
		if d := s.Break(c.blue, c.green, Health{}); d.Outcome != c.want || !d.Final || d.Reason == "" {
			t.Errorf("%s: %v (%s), want %v", c.name, d.Outcome, d.Reason, c.want)
		}
	}
}

func TestSeriesIsBounded(t *testing.T) {
	d := Design{Rate: 10, Duration: 3 * time.Hour, WarmUp: time.Second, Pairing: Paired, OneLook: true}
	s := NewStage(d)
	d = s.Design()
	for pair := uint32(0); d.PairStart(pair) < d.WarmUp+d.Duration; pair++ {
		for _, green := range []bool{false, true} {
			s.Add(Record{Pair: pair, Green: green, Scheduled: d.PairStart(pair), Latency: 5 * time.Millisecond})
		}
	}
	s.Finish(Health{})
	series := s.Series()
	if n := len(series.Buckets); n == 0 || n > 300 {
		t.Errorf("%d buckets", n)
	}
	for _, b := range series.Buckets {
		if b.BlueP50 < 0.0049 || b.BlueP50 > 0.0051 || b.Offered <= 0 {
			t.Fatalf("bucket %+v", b)
		}
	}
	n := 10.0 * (3 * time.Hour).Seconds()
	last := series.Percentiles[len(series.Percentiles)-1]
	if beyond := n * (1 - last.Q); beyond < 10 || beyond > 40 {
		t.Errorf("the percentile curve ends at %g, %g requests before its end", last.Q, beyond)
	}
}
