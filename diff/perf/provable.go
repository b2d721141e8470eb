package perf

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Lack is why a design cannot reach a pass. Zero is invalid.
type Lack uint8

// The lacks.
const (
	FewBlocks Lack = iota + 1 // fewer blocks that load both sides than the first look needs
	FewPairs                  // without one failure the bound of the errors is still above their margin
	Noisy                     // the noise of equal sides is expected to be wider than the margin
	Unequal                   // replicas of blue differ by more than half the margin
)

// A Shortfall is one reason why a design cannot reach a pass, known before the
// first request.
type Shortfall struct {
	Lack     Lack
	Metric   Metric        // empty for FewBlocks
	Rate     float64       // of the design
	Users    int           // of the design; 0: it has a rate
	Duration time.Duration // of the design
	Blocks   int           // that load both sides, as few as a seed can leave
	Margin   float64       // that cannot be proven, as a ratio
	Reach    float64       // the smallest margin that the design can prove, as a ratio
	// Need is the duration from which on the shortfall is gone; 0 when none of up to
	// a week is long enough.
	Need time.Duration
	When string // of the calibration that the noise is from; empty for the default noise
}

// maxNeeded is the longest duration that a shortfall asks for.
const maxNeeded = 7 * 24 * time.Hour

// defaultSpread is the standard deviation of the logarithm of a latency where no
// calibration has measured a service. It is that of a steady one, whose p99 is 1.8
// times its p50: most have more (the simulated services of the tests 0.5), so that
// what this noise already hides is not found on them.
const defaultSpread = 0.25

// Provable returns what keeps the design from a pass however equal green is; empty
// when it can reach one. It is pure and needs nothing but the design:
//
//  1. A look needs 15 blocks that load both sides.
//  2. The upper bound of the errors, at the level of the look, must be below the
//     margin when no request fails: 1 - level^(1/pairs).
//  3. A margin of a gate must be at least twice the known bias.
//  4. The upper bound of each gated quantile must be below the margin for equal
//     sides. With the noise of a calibration, 95 % of such runs must get there. The
//     default noise is that of a steady service, and there half of them must:
//     nothing is said of a design that only a noisier service keeps from a pass.
//     Some runs below pass by luck; by rules 1 to 3 none do.
//
// The rules are asked at each look with the alpha that it may spend; a design that
// reaches a pass at one of them has no shortfall. Which blocks load one side only
// depends on the seed: Provable counts as few pairs as any seed leaves, so that a
// design and its check do not depend on luck. A margin that is written as a
// duration is not judged by rules 3 and 4: what share it is of blue's latency is
// only known afterwards.
func (d Design) Provable() []Shortfall {
	d = d.withDefaults()
	var short []Shortfall
	for _, l := range d.plannedLooks() {
		if short = d.shortAt(l); len(short) == 0 {
			return nil
		}
	}
	return short
}

// A plannedLook is a look that a stage takes when nothing disturbs it.
type plannedLook struct {
	blocks int     // closed by then
	alpha  float64 // that it may spend
}

// plannedLooks are the looks of Stage.lookIfDue. The last one is always among them.
func (d Design) plannedLooks() []plannedLook {
	var planned []plannedLook
	carried := 0.0
	for k, l := range looks {
		carried += l.alpha * d.Alpha
		n, last := d.Blocks(), k == len(looks)-1
		if !last {
			n = min(n, int(math.Ceil(l.at*float64(d.Duration)/float64(d.Block()))))
			if d.OneLook || time.Duration(n)*d.Block() < d.leastLook() || d.paired(n) < minLookBlocks {
				continue
			}
		}
		planned, carried = append(planned, plannedLook{n, carried}), 0
	}
	return planned
}

// lastLevel is the alpha of the last look of a long design.
func (d Design) lastLevel() float64 {
	if d.OneLook {
		return d.Alpha
	}
	return lastShare * d.Alpha
}

// paired is how many of the first blocks load both sides, as few as a seed leaves.
func (d Design) paired(blocks int) int {
	if d.NoSolo || d.Pairing != Paired || blocks <= minLookBlocks {
		return blocks
	}
	size := soloGroup
	if d.Calibrates {
		size = calibratesGroup
	}
	groups, rest := blocks/size, blocks%size
	if groups == 0 {
		rest -= minLookBlocks
	}
	return blocks - 2*(groups-minLookBlocks/size) - min(2, max(rest, 0))
}

// shortAt applies the rules of Provable to one look.
func (d Design) shortAt(l plannedLook) []Shortfall {
	m := d.paired(l.blocks)
	base := Shortfall{Rate: d.Rate, Users: d.Users.Count, Duration: d.Duration, Blocks: m}
	var short []Shortfall
	if m < minLookBlocks { // Rule 1.
		s := base
		s.Lack, s.Need = FewBlocks, max(d.leastLook(), minLookBlocks*d.Block())
		short = append(short, s)
	}
	margin := d.Margins.WithDefaults().Errors
	if bound := rateUpper(0, d.pairsIn(m), l.alpha); !d.unbounded() && !(bound < margin) { // Rule 2.
		s := base
		s.Lack, s.Metric, s.Margin, s.Reach = FewPairs, Errors, margin, bound
		s.Need = d.needs(func(m int) bool { return rateUpper(0, d.pairsIn(m), d.lastLevel()) < margin })
		short = append(short, s)
	}
	for _, g := range d.gatedQuantiles() {
		if s := d.shortOf(g, base, l.alpha); s.Lack != 0 {
			short = append(short, s)
		}
	}
	return short
}

// pairsIn is how many pairs so many blocks hold; of a closed loop: at most.
func (d Design) pairsIn(blocks int) float64 {
	planned := d.Planned()
	if d.closed() {
		planned = d.Users.Offers() * math.Max(d.PerWalk, 1) * d.Block().Seconds()
		if d.Pairing == Interleaved {
			planned /= 2
		}
	}
	return math.Floor(float64(blocks)*planned + 1e-9)
}

// unbounded reports whether nothing but the answers limits how much the stage sends.
func (d Design) unbounded() bool { return d.closed() && d.Users.Offers() == 0 }

// needs is the shortest duration of whole blocks from which on enough holds for
// the blocks that load both sides; 0 without any up to maxNeeded.
func (d Design) needs(enough func(blocks int) bool) time.Duration {
	limit := int(maxNeeded / d.Block())
	n := sort.Search(limit+1, func(n int) bool { return n >= minLookBlocks && enough(d.paired(n)) })
	if n > limit {
		return 0
	}
	return max(d.leastLook(), time.Duration(n)*d.Block())
}

// A gatedQuantile is a latency that a pass must prove.
type gatedQuantile struct {
	metric Metric
	q      float64
	margin Margin
}

// gatedQuantiles are the gates in the order in which they are reported.
func (d Design) gatedQuantiles() []gatedQuantile {
	m := d.Margins.WithDefaults()
	margins := [...]Margin{m.P50, m.P95, m.P99}
	var all []gatedQuantile
	for _, i := range d.gates() {
		all = append(all, gatedQuantile{quantileMetrics[i], blockQuantiles[i], margins[i]})
	}
	for _, i := range d.runQuantiles() {
		all = append(all, gatedQuantile{runMetrics[i], blockQuantiles[i], margins[i]})
	}
	return all
}

// shortOf applies rules 3 and 4 to one quantile at a level; its Lack is 0 when
// they hold.
func (d Design) shortOf(g gatedQuantile, s Shortfall, level float64) Shortfall {
	if g.margin.Abs > 0 {
		return Shortfall{}
	}
	delta, bias := math.Log1p(g.margin.Rel), d.bias(g.metric, "")
	s.Metric, s.Margin = g.metric, g.margin.Rel
	if bias > 0 && delta < 2*bias { // Rule 3.
		s.Lack, s.Reach, s.When = Unequal, math.Expm1(2*bias), d.Known.When
		return s
	}
	last := d.lastLevel()
	if g.metric.IsWholeRun() {
		level, last = runLevel, runLevel
	}
	noise, known := d.noise(g.metric)
	if known {
		s.When = d.Known.When
	} else if d.closed() { // what a block will hold is not known
		return Shortfall{}
	}
	e := d.expected(g, noise, s.Blocks)
	enough := bias+e.floor(level) < delta
	if !known {
		enough = bias+e.t(level)*e.se < delta
	}
	if enough { // Rule 4.
		return Shortfall{}
	}
	s.Lack, s.Reach = Noisy, finite(math.Expm1(bias+e.floor(level)))
	s.Need = d.needs(func(m int) bool { return bias+d.expected(g, noise, m).floor(last) < delta })
	return s
}

// expected is the estimate that equal sides are expected to give after so many
// blocks that load both.
//
//	known:   SE falls with the square root of the blocks, the degrees grow with them
//	default: SE = sqrt(2 q (1-q) / n) * spread / phi(z)   of n log-normal latencies
//	         a side, z the normal quantile of q (the asymptotic error of a sample's
//	         quantile, F. Mosteller, Ann. Math. Statist. 17, 1946)
//
// Blocks do not resemble each other by default; what seriesEstimate adds for the
// doubt about that is in it.
func (d Design) expected(g gatedQuantile, n Noise, blocks int) estimate {
	m := float64(max(blocks, 1))
	e := estimate{m: blocks}
	if n.SE > 0 && n.Blocks > 0 {
		grown := m / float64(n.Blocks)
		e.se, e.degrees = n.SE/math.Sqrt(grown), math.Max(leastDegrees, (n.Degrees+1)*grown-1)
		if g.metric.IsWholeRun() {
			e.degrees = runGroups - 1
		}
		return e
	}
	one := math.Sqrt(2*g.q*(1-g.q)/math.Max(d.Planned(), 1)) * defaultSpread / distuv.UnitNormal.Prob(distuv.UnitNormal.Quantile(g.q))
	if g.metric.IsWholeRun() {
		e.se, e.degrees = one/math.Sqrt(m), runGroups-1
		return e
	}
	u := correlationDoubt / math.Sqrt(m)
	independent := math.Max(leastIndependent, m*(1-u)/(1+u))
	e.se, e.degrees = one/math.Sqrt(independent), independent-1
	return e
}

// Certain reports whether the shortfall holds whatever the noise is.
func (s Shortfall) Certain() bool { return s.Lack != Noisy }

// String is the shortfall in one line:
//
//	30/s for 30 s cannot prove errors below 0.5 %: at least 46 s
func (s Shortfall) String() string {
	load := fmt.Sprintf("%.4g/s for %s", s.Rate, span(s.Duration))
	if s.Users > 0 {
		load = fmt.Sprintf("%d users for %s", s.Users, span(s.Duration))
	}
	least := "no duration up to a week is long enough"
	if s.Need > 0 {
		least = "at least " + span(s.Need)
	}
	switch s.Lack {
	case FewBlocks:
		return fmt.Sprintf("%s makes %d of the %d blocks that a verdict needs: %s", load, s.Blocks, minLookBlocks, least)
	case FewPairs:
		return fmt.Sprintf("%s cannot prove errors below %s: %s", load, percent(s.Margin), least)
	case Unequal:
		return fmt.Sprintf("no duration proves %s within %s: blue's replicas differ too much (calibrated %s), at least %s can be proven",
			s.Metric, percent(s.Margin), s.When, percent(s.Reach))
	case Noisy:
		noise := "the noise of a steady service"
		if s.When != "" {
			noise = "the noise calibrated " + s.When
		}
		return fmt.Sprintf("%s is unlikely to prove %s within %s at %s: %s", load, s.Metric, percent(s.Margin), noise, least)
	}
	return fmt.Sprintf("Lack(%d)", uint8(s.Lack))
}

// Advice says in a few words what settles all of a design's shortfalls.
func Advice(short []Shortfall) string {
	need, hopeless := time.Duration(0), []Shortfall{}
	for _, s := range short {
		need = max(need, s.Need)
		if s.Need == 0 {
			hopeless = append(hopeless, s)
		}
	}
	if len(hopeless) > 0 {
		s := slices.MaxFunc(hopeless, func(a, b Shortfall) int { return int(math.Copysign(1, a.Reach-b.Reach)) })
		return fmt.Sprintf("widen the margin of %s to %s", s.Metric.ofBlocks(), percent(math.Ceil(s.Reach*1000)/1000))
	}
	more := "raise the rate"
	if short[0].Users > 0 {
		more = "let more users walk"
	}
	advice := fmt.Sprintf("write duration: %s, or %s", need, more)
	if i := slices.IndexFunc(short, func(s Shortfall) bool { return s.Lack == FewPairs && s.Reach < 10*s.Margin }); i >= 0 {
		advice += fmt.Sprintf("; for the errors alone, margins: {errors: %.3g%%}", math.Ceil(short[i].Reach*1000+0.01)/10)
	}
	return advice
}

// span writes a duration in seconds, with decimals only where it has some.
func span(d time.Duration) string { return fmt.Sprintf("%.6g s", d.Seconds()) }
