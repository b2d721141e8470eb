package perf

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// verdictRuns is how many runs a cell of the figures has, and whether they are
// enough to hold a limit: few as a matter of course, full with
// BGVERIFY_BENCH_VERDICT=1, any number with BGVERIFY_BENCH_VERDICT=n.
func verdictRuns(t *testing.T, few, full int) (runs int, enough bool) {
	t.Helper()
	v := os.Getenv("BGVERIFY_BENCH_VERDICT")
	if v == "" {
		return few, false
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("BGVERIFY_BENCH_VERDICT=%q is not a number of runs", v)
	}
	if n == 1 {
		return full, true
	}
	return n * full / 300, n >= 300
}

// provenAtMargin is the share of runs in which a green exactly at its margin is
// proven no worse at one of the looks, when neighbouring blocks are correlated.
func provenAtMargin(runs, blocks int, lag1 float64) float64 {
	rng := rand.New(rand.NewPCG(uint64(blocks), uint64(lag1*100)))
	wrong := 0
	for range runs {
		d := make([]float64, blocks)
		v := rng.NormFloat64()
		for i := range d {
			d[i] = v
			v = lag1*v + math.Sqrt(1-lag1*lag1)*rng.NormFloat64()
		}
		carried := 0.0
		for _, look := range looks {
			m := int(look.at * float64(blocks))
			if carried += look.alpha * DefaultAlpha; m < minLookBlocks {
				continue
			}
			if seriesEstimate(d[:m], upTo(m)).upper(carried) < 0 {
				wrong++
				break
			}
			carried = 0
		}
	}
	return float64(wrong) / float64(runs)
}

// Figure 10: at a nominal 1 % over four looks.
func TestVerdictInterval(t *testing.T) {
	runs, enough := verdictRuns(t, 500, 6000)
	t.Logf("| blocks | lag-1 of 0 | 0.3 | 0.6 |")
	t.Logf("|---|---|---|---|")
	for _, blocks := range []int{15, 30, 60, 240} {
		var wrong [3]float64
		for i, lag1 := range []float64{0, 0.3, 0.6} {
			limit := 0.016
			if lag1 > 0.3 {
				limit = 0.025
			}
			if !enough { // four standard errors of few runs
				limit += 4 * math.Sqrt(limit/float64(runs))
			} else { // one of many
				limit += math.Sqrt(limit / float64(runs))
			}
			if wrong[i] = provenAtMargin(runs, blocks, lag1); wrong[i] > limit {
				t.Errorf("%d blocks, lag-1 %g: proven in %.2f %% of %d runs exactly at the margin, want at most %.2f %%", blocks, lag1, 100*wrong[i], runs, 100*limit)
			}
		}
		t.Logf("| %d | %.1f %% | %.1f %% | %.1f %% |", blocks, 100*wrong[0], 100*wrong[1], 100*wrong[2])
	}
}

// errorsAtMargin is the share of runs in which green's failures, exactly as
// frequent as the margin and in bursts of a size, are proven to be rarer.
func errorsAtMargin(runs, burst int) float64 {
	const blocks, perBlock = 60, 200
	rng := rand.New(rand.NewPCG(uint64(burst), 17))
	wrong := 0
	for range runs {
		s := constructed(boundaryDesign(Margins{}), 0, make([]float64, blocks))
		for _, b := range s.blocks {
			for range perBlock {
				if rng.Float64() < DefaultErrors/float64(burst) {
					b.only[green] += burst
				}
			}
		}
		for _, look := range looks {
			v := &view{Stage: s, blocks: s.blocks[:int(look.at*blocks)], alpha: look.alpha * DefaultAlpha}
			if v.errors(DefaultErrors).proven {
				wrong++
				break
			}
		}
	}
	return float64(wrong) / float64(runs)
}

func TestVerdictErrorsAtMargin(t *testing.T) {
	runs, enough := verdictRuns(t, 200, 3000)
	t.Logf("| failures at the margin, in bursts of | proven no worse |")
	t.Logf("|---|---|")
	for burst, limit := range map[int]float64{1: 0.01, 3: 0.02} {
		got := errorsAtMargin(runs, burst)
		t.Logf("| %d | %.2f %% |", burst, 100*got)
		if allowed := limit + 3*math.Sqrt(limit/float64(runs)); got > allowed {
			t.Errorf("bursts of %d: proven in %.2f %% of %d runs (enough: %v), want at most %.2f %%", burst, 100*got, runs, enough, 100*allowed)
		}
	}
}
