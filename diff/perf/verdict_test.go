package perf

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The figures of the rule: each row is a simulated situation, and what must hold
// of the shares of its outcomes.
type figure struct {
	name   string
	p      profile
	f      greenFault
	limits []limit
	design func(seed uint64) Design // nil: simDesign
}

type limit struct {
	text string
	met  func(t tally) bool
}

func failAtMost(x float64) limit {
	return limit{fmt.Sprintf("fail <= %g %%", x*100), func(t tally) bool { return t.share(t.worse) <= x }}
}

func failAtLeast(x float64) limit {
	return limit{fmt.Sprintf("fail >= %g %%", x*100), func(t tally) bool { return t.share(t.worse) >= x }}
}

func passAtMost(x float64) limit {
	return limit{fmt.Sprintf("pass <= %g %%", x*100), func(t tally) bool { return t.share(t.noWorse) <= x }}
}

func passAtLeast(x float64) limit {
	return limit{fmt.Sprintf("pass >= %g %%", x*100), func(t tally) bool { return t.share(t.noWorse) >= x }}
}

func meanAtMost(s float64) limit {
	return limit{fmt.Sprintf("mean time <= %g s", s), func(t tally) bool { return t.seconds <= s }}
}

func interferenceAtMost(x float64) limit {
	return limit{fmt.Sprintf("interference <= %g %%", x*100), func(t tally) bool { return t.share(t.causes[Interference]) <= x }}
}

func interferenceAtLeast(x float64) limit {
	return limit{fmt.Sprintf("interference >= %g %%", x*100), func(t tally) bool { return t.share(t.causes[Interference]) >= x }}
}

// The number in front is the figure's in docs/performance.md.
var figures = []figure{
	{"1, 4: equal", quiet, greenFault{}, []limit{failAtMost(0.01), passAtLeast(0.95)}, nil},
	{"1, 4: equal", noisy, greenFault{}, []limit{failAtMost(0.01), passAtLeast(0.90)}, nil},
	{"1: equal", hostile, greenFault{}, []limit{failAtMost(0.01)}, nil},
	{"1: equal", private, greenFault{}, []limit{failAtMost(0.03)}, nil},
	{"5: +10 %", quiet, greenFault{slower: 0.10}, []limit{passAtMost(0.005)}, nil},
	{"2, 5: +10 %", noisy, greenFault{slower: 0.10}, []limit{failAtLeast(0.95), passAtMost(0.005), meanAtMost(70)}, nil},
	{"2, 5: +10 %", hostile, greenFault{slower: 0.10}, []limit{failAtLeast(0.90), passAtMost(0.005)}, nil},
	{"3: +20 %", noisy, greenFault{slower: 0.20}, []limit{failAtLeast(0.99), meanAtMost(40)}, nil},
	{"3: +20 %", hostile, greenFault{slower: 0.20}, []limit{failAtLeast(0.99), meanAtMost(40)}, nil},
	{"6: stall 0.3 s every 10 s", noisy, greenFault{stallEvery: 10, stallLen: 0.3}, []limit{passAtMost(0.02), failAtLeast(0.80)}, nil},
	{"6: stall 0.3 s every 10 s", quiet, greenFault{stallEvery: 10, stallLen: 0.3}, []limit{passAtMost(0.02), failAtLeast(0.80)}, nil},
	{"5: tail at the p95 margin", noisy, greenFault{tail: 0.10}, []limit{passAtMost(0.02), failAtMost(0.05)}, nil},
	{"1, 4: equal, 400 s", noisy, greenFault{}, []limit{failAtMost(0.01), interferenceAtMost(0.01)}, longDesign},
	{"shared bottleneck, 400 s", noisy, greenFault{shared: 0.6}, []limit{passAtMost(0), interferenceAtLeast(0.95)}, longDesign},
	{"1 % errors", noisy, greenFault{errors: 0.01}, []limit{passAtMost(0.005), failAtLeast(0.95)}, nil},
	{"10: +5 %, the p50 margin", private, greenFault{slower: 0.05}, []limit{passAtMost(0.025)}, nil},
	{"+5 %, the p50 margin", quiet, greenFault{slower: 0.05}, []limit{passAtMost(0.02), failAtMost(0.05)}, nil},
	{"+5 %, the p50 margin", noisy, greenFault{slower: 0.05}, []limit{passAtMost(0.02), failAtMost(0.05)}, nil},
	{"+4 %, 0.8 of the p50 margin", quiet, greenFault{slower: 0.04}, []limit{failAtMost(0.01)}, nil},
	{"+4 %, 0.8 of the p50 margin", noisy, greenFault{slower: 0.04}, []limit{failAtMost(0.01)}, nil},
	{"x3.5 for 2 s every 100 s, 20 min", quiet, greenFault{spellEvery: 100, spell: 3.5}, []limit{passAtMost(0.05)}, minutes(20)},
	{"x10 for 2 s every 200 s, 20 min", quiet, greenFault{spellEvery: 200, spell: 10}, []limit{passAtMost(0.05)}, minutes(20)},
	{"x2.5 for 2 s every 50 s, 60 min", quiet, greenFault{spellEvery: 50, spell: 2.5}, []limit{passAtMost(0.05)}, minutes(60)},
	{"x3.5 for 2 s every 80 s, 60 min", quiet, greenFault{spellEvery: 80, spell: 3.5}, []limit{passAtMost(0.05)}, minutes(60)},
	{"x3 for 2 s every 66 s, 60 min", quiet, greenFault{spellEvery: 66, spell: 3}, []limit{passAtMost(0.05)}, minutes(60)},
}

// TestVerdictFigures simulates every figure: a few runs each as a matter of
// course, see verdictRuns. BGVERIFY_BENCH_FIGURE chooses the rows whose name
// contains it.
func TestVerdictFigures(t *testing.T) {
	t.Logf("| situation | profile | runs | fail | pass | inconclusive | mean time s | ms a run | must hold |")
	t.Logf("|---|---|---|---|---|---|---|---|---|")
	only := os.Getenv("BGVERIFY_BENCH_FIGURE")
	for _, f := range slices.Concat(figures, loopFigures) {
		if !strings.Contains(f.name, only) {
			continue
		}
		design, few := simDesign, 4
		if f.design != nil {
			design, few = f.design, 1
		}
		runs, full := verdictRuns(t, few, 300)
		if !full && runs < 2 && !f.neverPasses() && (f.f != (greenFault{}) || f.p.name != "quiet") { // contradicts nothing: see grossly
			continue
		}
		got := tallyOf(f.p, f.f, runs, design)
		var held strings.Builder
		for _, l := range f.limits {
			word := "ok"
			if !l.met(got) {
				word = "MISSED"
				// Of a few runs only a gross miss means anything.
				if full || grossly(got, f) {
					t.Errorf("%s, %s: %s does not hold: fail %.1f %%, pass %.1f %%, mean %.0f s", f.name, f.p.name, l.text,
						100*got.share(got.worse), 100*got.share(got.noWorse), got.seconds)
				}
			}
			held.WriteString(l.text + ": " + word + "; ")
		}
		t.Logf("| %s | %s | %d | %.1f %% | %.1f %% | %.1f %% %v | %.0f | %.1f | %s |", f.name, f.p.name, runs, 100*got.share(got.worse), 100*got.share(got.noWorse),
			100*(1-got.share(got.worse)-got.share(got.noWorse)), got.causes, got.seconds, float64(got.cpu.Microseconds())/1e3, held.String())
	}
}

// neverPasses says whether a single pass contradicts the figure.
func (f *figure) neverPasses() bool {
	return slices.ContainsFunc(f.limits, func(l limit) bool { return l.text == passAtMost(0).text })
}

// grossly says whether a few runs already contradict a figure: two false alarms,
// two false passes, one where none may be, or most regressions missed.
func grossly(got tally, f figure) bool {
	if f.neverPasses() && got.noWorse > 0 {
		return true
	}
	if f.f == (greenFault{}) {
		return got.worse >= 2 || got.noWorse*2 < got.runs && f.p.name == "quiet"
	}
	return got.noWorse >= 2 || got.worse*2 < got.runs && f.name == "+20 %"
}

func TestVerdictNaiveRuleLooksBad(t *testing.T) {
	const runs = 100
	for _, p := range []profile{noisy, hostile} {
		alarms := 0
		for i := range runs {
			if naive(p, uint64(i)) {
				alarms++
			}
		}
		t.Logf("%s: one after the other, p99 ratio > 1.10: %d of %d false alarms", p.name, alarms, runs)
		if alarms < runs/5 {
			t.Errorf("%s: the naive rule raises %d false alarms in %d runs: too quiet to mean anything (want >= %d)", p.name, alarms, runs, runs/5)
		}
	}
}
