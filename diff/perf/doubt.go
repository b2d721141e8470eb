package perf

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// The limits of the validity rules.
const (
	maxDropped    = 0.20 // of the blocks
	leastAchieved = 0.99 // of the planned requests
	maxCPU        = 0.80 // of GOMAXPROCS
	maxGCPause    = time.Millisecond
	maxLateness   = 2 * time.Millisecond // or a tenth of blue's p99, whichever is more
	maxBlueErrors = 0.01
	maxDrift      = 2.0 // ratio of blue's p50 between the first and the last third
	leastSolo     = 8   // solo blocks per side
	leastSoloLeft = 6   // of those that a long enough stage holds, when blocks were dropped
	maxMutual     = 1.3 // both sides slower by this factor together than alone
	mutualLevel   = 0.005
)

// A doubt is why the figures cannot be trusted. final ends the stage at once;
// otherwise a later look may see a sounder stretch. A mild doubt only keeps
// green from passing: what disturbs both sides alike shrinks a ratio, so that a
// proven regression remains.
type doubt struct {
	cause          Cause
	reason, advice string
	final, mild    bool
}

// doubt applies the validity rules; nil when the figures can be trusted.
func (v *view) doubt(d *Decision, all []evidence) *doubt {
	for _, rule := range []func(*Decision, []evidence) *doubt{
		v.generatorDoubt, v.shortDoubt, v.baselineDoubt, v.overloadDoubt,
		v.interferenceDoubt, v.driftDoubt, v.latenessDoubt, v.apartDoubt,
	} {
		if found := rule(d, all); found != nil {
			return found
		}
	}
	return nil
}

// baselineAdvice is what to do where green cannot be compared with blue.
const baselineAdvice = "blue itself is unhealthy; fix blue before comparing"

// generatorAdvice is what to do where this machine could not keep the schedule.
const generatorAdvice = "run the load from a machine with more free CPU, or lower the rate or the number of users"

// generatorFault is the doubt that the load was not sent as it should have been.
func generatorFault(format string, args ...any) *doubt {
	return &doubt{cause: Generator, reason: "generator: " + fmt.Sprintf(format, args...), advice: generatorAdvice}
}

// generatorDoubt asks whether the load was sent as planned.
func (v *view) generatorDoubt(d *Decision, _ []evidence) *doubt {
	closed := len(v.Stage.blocks)
	switch {
	case v.health.CapHit:
		fault := generatorFault("all workers were busy at once, so requests waited for the answers of others")
		fault.final = true
		return fault
	case closed > 0 && share(v.dropped, closed) > maxDropped:
		return generatorFault("%d of %d blocks dropped because requests left late or not at all", v.dropped, closed)
	case closed > 0 && !v.design.closed() && d.Achieved < leastAchieved:
		return generatorFault("%s of the planned %s were sent (at least %s)", percent(d.Achieved), v.design.unit(), percent(leastAchieved))
	}
	return nil
}

// apartDoubt asks whether all generators saw the same sides.
func (v *view) apartDoubt(*Decision, []evidence) *doubt {
	if v.apart == "" {
		return nil
	}
	return &doubt{
		cause: Generator, mild: true, reason: "generator: " + v.apart +
			": the side failed for some of its clients, or the network of these machines did",
		advice: "find out which of the two it was, and run the load again",
	}
}

// latenessDoubt asks whether requests left so late, or this process was so busy,
// that latencies are partly its own. Lateness is looked at where the gates look:
// 1 % of the requests cannot bend p95, but they make p99.
func (v *view) latenessDoubt(*Decision, []evidence) *doubt {
	because := func(format string, args ...any) *doubt {
		fault := generatorFault(format, args...)
		fault.mild = true
		return fault
	}
	limit := maxLateness
	if p99 := v.blueP99(); p99 > 0 {
		limit = max(limit, time.Duration(p99*1e8))
	}
	gates := v.gates()
	q := blockQuantiles[gates[len(gates)-1]]
	switch late := v.lags.Quantile(q); {
	case v.design.closed() && v.waited() > maxWaited:
		return because("users waited %s of their time for this machine (limit %s)", percent(v.waited()), percent(maxWaited))
	case late > limit:
		return because("%s of the requests left more than %s late (limit %s)", percent(1-q), text.Seconds(late.Seconds()),
			text.Seconds(limit.Seconds()))
	case v.health.CPU > maxCPU:
		return because("this process used %s of its CPUs (limit %s)", percent(v.health.CPU), percent(maxCPU))
	case v.health.GCPauseP99 > maxGCPause:
		return because("garbage collection paused for %s (limit %s)", text.Seconds(v.health.GCPauseP99.Seconds()),
			text.Seconds(maxGCPause.Seconds()))
	}
	return nil
}

// blueP99 is blue's p99 over the valid blocks, in seconds.
func (v *view) blueP99() float64 {
	p99 := logs(v.blocks, blue, 2)
	return math.Exp(plainEstimate(p99).mean) * float64(min(1, len(p99)))
}

// baselineDoubt is rule V3: whether blue itself answers.
func (v *view) baselineDoubt(d *Decision, _ []evidence) *doubt {
	if rate := share(d.Errors[blue], d.Requests[blue]); rate > maxBlueErrors {
		return &doubt{cause: Baseline, reason: fmt.Sprintf("baseline: blue itself failed %s of its requests (limit %s)", percent(rate),
			percent(maxBlueErrors)), advice: baselineAdvice, final: true}
	}
	return nil
}

// driftDoubt is the other half of rule V3: whether blue's latency kept still. A
// blue that is slow for a while makes green look better, so that a regression
// that is proven all the same remains; and a later look sees more of the noise
// that may have looked like a drift.
func (v *view) driftDoubt(*Decision, []evidence) *doubt {
	p50 := logs(v.blocks, blue, 0)
	third := len(p50) / 3
	if third < leastFailBlocks {
		return nil
	}
	drift := median(p50[len(p50)-third:]) - median(p50[:third])
	if math.Abs(drift) > math.Log(maxDrift) {
		return &doubt{cause: Baseline, reason: fmt.Sprintf("baseline: blue's own p50 drifted by a factor of %.1f during the run (limit %g)",
			math.Exp(math.Abs(drift)), maxDrift), advice: baselineAdvice, mild: true}
	}
	return nil
}

// overloadDoubt asks whether blue sustains the rate. Requests under way grow and
// shrink: a later look sees whether they only do that.
func (v *view) overloadDoubt(_ *Decision, all []evidence) *doubt {
	i := slices.IndexFunc(all, func(e evidence) bool { return e.Metric == Throughput })
	if i < 0 || all[i].est.m < minLookBlocks || all[i].Blue >= sustained {
		return nil
	}
	return &doubt{cause: Overload, reason: fmt.Sprintf("overload: blue answered only %s of %g %s/s in time", percent(all[i].Blue),
		v.design.Rate, v.design.unit()), advice: "lower the rate"}
}

// interferenceDoubt is rule V4. Solo blocks show what each side does alone.
// The sides interfere when
//
//   - the ratio green/blue in paired blocks differs from the ratio of the solo
//     blocks, at this look's level, by more than half the margin: one side bends
//     the other's figures; or
//   - both are slower by more than 1.3 together than alone, and surely slower at
//     99 %: they queue at one bottleneck, which shrinks any ratio.
//
// With fewer than 8 solo blocks per side there is only a note; a stage that was
// long enough for them and lost them does not pass.
func (v *view) interferenceDoubt(_ *Decision, all []evidence) *doubt {
	if v.design.Calibrates {
		return nil
	}
	for i := range v.gates() {
		shift, ok := v.interference(i)
		if !ok {
			return nil
		}
		level := v.alpha / float64(2*len(v.gates()))
		half := all[i].delta / 2
		ratio := shift.ratio
		bent := math.Abs(ratio.mean) > half && math.Abs(ratio.mean) > studentT(level, ratio.freedom)*ratio.se
		shared := shift.side[blue].slower() && shift.side[green].slower()
		if bent || shared {
			return &doubt{
				cause: Interference, final: true, reason: fmt.Sprintf("interference: %s of blue is %s and of green %s when both are loaded together "+
					"rather than alone",
					quantileMetrics[i], signed(math.Expm1(shift.side[blue].mean)), signed(math.Expm1(shift.side[green].mean))),
				advice: "remove what blue and green share, or use pairing: interleaved",
			}
		}
	}
	return nil
}

// A shift is a difference of means of paired and solo blocks, in logarithms.
type shift struct{ mean, se, freedom float64 }

// slower says whether a side is slower together than alone, by the factor that
// makes it matter and beyond chance.
func (s shift) slower() bool {
	return s.mean > math.Log(maxMutual) && s.mean > studentT(mutualLevel, s.freedom)*s.se
}

// soloNeeded is how many solo blocks per side rule V4 needs: 8, or 6 at the end
// of a stage that was long enough for 8.
func (v *view) soloNeeded() int {
	if blocks := v.design.Blocks(); blocks >= leastSolo*soloGroup && v.closed() >= blocks {
		return leastSoloLeft
	}
	return leastSolo
}

// awaitsSolo says whether the stage is long enough for the solo blocks that show
// interference, and has not had them yet.
func (v *view) awaitsSolo() bool {
	if v.design.Pairing != Paired || v.design.NoSolo || v.design.Blocks() < leastSolo*soloGroup {
		return false
	}
	_, known := v.interference(0)
	return !known
}

// An interference is how latency changes when both sides are loaded together: between the sides,
// and on each of them.
type interference struct {
	ratio shift    // paired minus solo, of ln(green/blue)
	side  [2]shift // paired minus solo, of each side
}

// interference compares paired and solo blocks for one quantile; false with
// fewer than 8 solo blocks per side.
func (v *view) interference(quantile int) (interference, bool) {
	solo, together := v.solos(quantile)
	if min(len(solo[blue]), len(solo[green])) < v.soloNeeded() || len(together.d) < minLookBlocks {
		return interference{}, false
	}
	var result interference
	alone := [2]estimate{plainEstimate(solo[blue]), plainEstimate(solo[green])}
	for side := range alone {
		result.side[side] = difference(seriesEstimate(together.logs[side], together.at), alone[side])
	}
	result.ratio = difference(seriesEstimate(together.d, together.at), alone[green], alone[blue])
	return result, true
}

// solos returns the logarithms of one quantile: by side in the blocks that loaded
// the side alone, and of the blocks that loaded both.
func (v *view) solos(quantile int) (solo [2][]float64, together pairs) {
	for _, b := range v.Stage.blocks {
		if !b.healthy {
			continue
		}
		bl, gr := b.q[blue][quantile], b.q[green][quantile]
		switch {
		case b.load == BlueOnly && !math.IsNaN(bl):
			solo[blue] = append(solo[blue], bl)
		case b.load == GreenOnly && !math.IsNaN(gr):
			solo[green] = append(solo[green], gr)
		case b.judged():
			together.add(b.index, bl, gr)
		}
	}
	return solo, together
}

// difference is a minus the first of others plus the second, with Welch's
// degrees of freedom.
func difference(a estimate, others ...estimate) shift {
	s := shift{mean: a.mean}
	variance, weighted, sign := a.se*a.se, math.Pow(a.se, 4)/a.degrees, -1.0
	for _, o := range others {
		s.mean += sign * o.mean
		variance += o.se * o.se
		weighted += math.Pow(o.se, 4) / o.degrees
		sign = -sign
	}
	s.se = math.Sqrt(variance)
	if weighted > 0 {
		s.freedom = variance * variance / weighted
	}
	return s
}
