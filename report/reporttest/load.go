package reporttest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// load makes the i-th load stage: two minutes in buckets of two seconds.
func (m *maker) load(i int) run.LoadResult {
	r := rand.New(rand.NewPCG(m.Seed, 1<<40+uint64(i)))
	factor := 1.004
	if m.Worse && i%2 == 0 {
		factor = 1.21
	}
	l := run.LoadResult{
		Suite: i % m.Suites, Name: []string{"저녁 피크", "evening-peak", "morning", "sign-in-storm"}[i%4],
		At:      fmt.Sprintf("scenarios/stb.yaml:%d:3", 80+i),
		Verdict: run.Pass, Reason: "every gate metric is proven to be no worse", Rate: 100, Seconds: 120, Blocks: 60, Dropped: 1,
		Errors: run.PerSide{Blue: 2, Green: 3}, Requests: run.PerSide{Blue: 12000, Green: 12000}, Routes: []string{"GET /v2/epg/channels/{id}"},
		Generator: run.Generator{
			LatenessP99MS: 0.41, Achieved: 0.9996, CPU: 0.31, GCPauseP99MS: 0.2,
			Connections: run.PerSide{Blue: 64, Green: 64}, Identities: run.PerSide{Blue: 8, Green: 8},
		},
		Records: fmt.Sprintf("load/%02d.bin", i), Series: series(r, factor),
	}
	if m.Vague && i == 0 {
		l.Verdict, l.Reason = run.Inconclusive, "underpowered: p50 and p95 need 240 s to be proven"
	}
	add := func(metric perf.Metric, role perf.Role, blue, change, half, margin float64, out perf.Outcome) {
		l.Comparisons = append(l.Comparisons, perf.Comparison{
			Metric: metric, Role: role, Blue: blue, Green: blue * (1 + change), Change: change, Low: change - half, High: change + half,
			Margin: margin, MDE: margin*1.4 + half, Blocks: 60, Dropped: 1, Floor: half * 1.2, Outcome: out,
		})
	}
	worse := perf.NoWorse
	if factor > 1.1 && !m.Vague {
		worse = perf.Worse
		l.Verdict, l.Reason = run.Fail, "p95 and p99 are worse than their margins"
	}
	if m.Vague && i == 0 {
		worse = perf.Inconclusive
	}
	add(perf.P50, perf.Gate, 0.0062, 0.011, 0.012, 0.05, perf.NoWorse)
	add(perf.P95, perf.Gate, 0.0179, factor-1, 0.035, 0.10, worse)
	add(perf.P99, perf.Gate, 0.0312, (factor-1)*1.8, 0.07, 0.20, worse)
	add(perf.Errors, perf.Gate, 0.0002, 0.0001, 0.0003, 0.005, perf.NoWorse)
	add(perf.Throughput, perf.Guard, 0.9998, -0.0001, 0.0004, 0.01, perf.NoWorse)
	for _, route := range []string{"GET /v1/schedule/CH0{{$int: 10..58}}", "GET /v2/epg/channels/{id}/programmes/now-and-next"} {
		add(perf.P95, perf.Guard, 0.02, 0.002, 0.04, 0.10, perf.NoWorse)
		l.Comparisons[len(l.Comparisons)-1].Route = route
	}
	return l
}

func series(r *rand.Rand, factor float64) *run.Series {
	s := &run.Series{BucketS: 2}
	for k := range 60 {
		noise := 1 + 0.12*r.NormFloat64()
		burst := 1.0
		if k == 31 || k == 32 {
			burst = 2.6
		}
		b := run.Bucket{Start: float64(2 * k), Offered: 200, Achieved: 200 - math.Abs(r.NormFloat64())*0.4}
		b.BlueP50, b.BlueP99 = 0.0062*noise, 0.031*noise*burst
		b.GreenP50, b.GreenP99 = b.BlueP50*1.01, b.BlueP99*(1+(factor-1)*1.8)*(1+0.05*r.NormFloat64())
		if k == 32 {
			b.BlueErrors, b.GreenErrors = 2, 3
		}
		s.Buckets = append(s.Buckets, b)
	}
	for q := 0.0; q <= 4.01; q += 0.125 {
		p := 1 - math.Pow(10, -q)
		blue := 0.0028 * math.Pow(10, 0.55*q)
		s.Percentiles = append(s.Percentiles, run.PercPoint{Q: p, Blue: blue, Green: blue * (1 + (factor-1)*math.Min(q, 2))})
	}
	return s
}

func loadGates(l run.LoadResult) []run.GateResult {
	var out []run.GateResult
	for _, c := range l.Comparisons {
		if c.Role != perf.Gate {
			continue
		}
		g := run.GateResult{
			Name: "load " + l.Name + " " + string(c.Metric), Load: l.Name, Verdict: run.Pass, Limit: fmt.Sprintf("<= +%g %%", c.Margin*100),
			Measured: fmt.Sprintf("%+.1f %% [%+.1f %%, %+.1f %%]", c.Change*100, c.Low*100, c.High*100),
		}
		if c.Outcome == perf.Inconclusive {
			g.Verdict, g.Reason = run.Inconclusive, string(c.Metric)+" under load "+l.Name+" is not proven"
		}
		if c.Outcome == perf.Worse {
			g.Verdict = run.Fail
			g.Reason = fmt.Sprintf("%s under load %s is %+.1f %% [%+.1f %%, %+.1f %%], margin %.0f %%", c.Metric, l.Name, c.Change*100, c.Low*100,
				c.High*100, c.Margin*100)
		}
		out = append(out, g)
	}
	return out
}
