package perf

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// The figures of the errors and throughput rules.
const (
	leastFailBlocks   = 3     // failures must fall in as many blocks
	leastDifference   = 0.001 // of the pairs (of requests or walks), below which no failure is worth a verdict
	highErrors        = 0.01  // green's error rate that fails with blue below lowErrors
	lowErrors         = 0.005
	burstsWorthNaming = 2
	sustained         = 0.99 // of the scheduled requests must be answered in time
	leaningLevel      = 0.25 // of the sign test: two stalls, both green's
	clearlyEqual      = 0.05 // a stall guard above this level shows nothing
)

// failures are what the errors rule counts in the valid blocks.
type failures struct {
	pairs    int
	only     [2]int // pairs in which only this side failed; unpaired: failed requests
	inBlocks int    // with a failure of green
	sent     [2]int
	failed   [2]int
	// bursts is by how much more failures come together than independent ones
	// would, at least 1: so many of them count as one.
	bursts float64
}

// failures sums up what failed in the blocks so far. Failures that come in bursts carry less
// information than as many independent ones; bursts says by how much.
func (v *view) failures() failures {
	var f failures
	var only [2][]float64
	for _, b := range v.blocks {
		f.pairs += b.pairs
		if b.only[green] > 0 {
			f.inBlocks++
		}
		for side := range f.sent {
			f.only[side] += b.only[side]
			f.sent[side] += b.sent[side]
			f.failed[side] += b.failed[side]
			only[side] = append(only[side], float64(b.only[side]))
		}
	}
	f.bursts = math.Max(dispersion(only[blue]), dispersion(only[green]))
	return f
}

// of is a count of failures, or of pairs or requests, as the number of independent
// ones that carry the same information.
func (f failures) of(count int) float64 { return float64(count) / f.bursts }

// dispersion is the variance of counts divided by their mean, at least 1, as it is
// of independent events (the quasi-Poisson factor: P. McCullagh and J. A. Nelder,
// "Generalized Linear Models", 1989, section 6.2.3).
func dispersion(counts []float64) float64 {
	mean := stat.Mean(counts, nil)
	if len(counts) < 2 || mean == 0 {
		return 1
	}
	return math.Max(1, stat.Variance(counts, nil)/mean)
}

// errors judges the failures. Of pairs in which one side alone failed, McNemar's
// exact test asks whether green's are as many as blue's; unpaired requests are
// judged by Fisher's. A pass needs the upper bound at a_k of green's share to be
// below the margin. Failures that come in bursts count for fewer, and so do the
// pairs. Change, Low, High and Margin are shares of the pairs here, not relative:
// blue's rate is mostly zero.
func (v *view) errors(margin float64) evidence {
	f := v.failures()
	x, y := f.only[green], f.only[blue]
	e := evidence{delta: margin}
	e.Metric, e.Role, e.Blocks, e.Margin = Errors, Gate, len(v.blocks), margin
	e.Blue, e.Green = share(f.failed[blue], f.sent[blue]), share(f.failed[green], f.sent[green])
	if f.pairs == 0 {
		e.NeedS, e.MDE, e.Floor, e.High, e.Note = most, 1, 1, 1, "no pairs"
		return e
	}
	e.Change = float64(x-y) / float64(f.pairs)
	p := signTest(f.of(x), f.of(x+y))
	if !v.design.InPairs() {
		p = fisherTest(f.of(f.failed[blue]), f.of(f.sent[blue]), f.of(f.failed[green]), f.of(f.sent[green]))
		e.Change = e.Green - e.Blue
	}
	e.Low, e.High = rateLower(f.of(x), f.of(f.pairs), v.alpha)-share(y, f.pairs), rateUpper(f.of(x), f.of(f.pairs), v.alpha)
	limit := leastDifference
	if margin > DefaultErrors { // what the file accepts is not a failure
		limit = margin
	}
	if v.design.walks() && limit == leastDifference { // a walk ends with its first failure
		limit /= v.design.PerWalk
	}
	spread := f.inBlocks >= leastFailBlocks
	level := v.alpha / float64(v.metrics)
	// A high rate on green with a low one on blue must be proven high too: at
	// low rates a handful of equal failures would otherwise fail a green.
	high := e.Green > math.Max(highErrors, margin) && e.Blue < lowErrors &&
		rateLower(f.of(f.failed[green]), f.of(f.sent[green]), level) > lowErrors
	e.failed = spread && (p <= level && e.Change > limit || high)
	e.proven = e.High < margin
	e.MDE = math.Max(limit, f.bursts*detectable(v.design.Alpha/float64(v.metrics))/float64(f.pairs))
	e.Floor = rateUpper(0, f.of(f.pairs), lastShare*v.design.Alpha)
	if f.bursts > burstsWorthNaming && x+y > 0 {
		e.Note = fmt.Sprintf("failures come in bursts: %.3g of them count as one", f.bursts)
	}
	if !e.proven {
		e.NeedS = finite(v.errorsNeed(f, margin))
	}
	return e
}

// errorsNeed is the time after which the bound of green's failures falls below
// the margin when they stay as frequent as they are.
func (v *view) errorsNeed(f failures, margin float64) float64 {
	x, pairs := f.of(f.only[green]), f.of(f.pairs)
	if x >= margin*pairs {
		return most
	}
	for factor := 1.0; factor < 1e4; factor *= 1.1 {
		if rateUpper(x*factor, pairs*factor, lastShare*v.design.Alpha) < margin {
			return v.seconds * factor
		}
	}
	return most
}

// detectable is about how many failures of green alone must be expected for a
// McNemar test at a level to find them with 95 % power.
func detectable(level float64) float64 {
	least := math.Ceil(-math.Log2(level))
	root := math.Sqrt(least) + power/2
	return root * root
}

// throughput judges whether both sides sustain the rate: the share of a block's
// scheduled requests whose number was answered within it. At a fixed rate two
// throughputs are equal until one side saturates, so comparing them proves nothing.
func (v *view) throughput() evidence {
	var p pairs
	var sums [2]float64
	for _, b := range v.blocks {
		if b.after != Both || b.cut { // answers of the block before do not flow into this one on one side, or are unknown
			continue
		}
		g := [2]float64{v.sustained(b, blue), v.sustained(b, green)}
		sums[blue] += g[blue]
		sums[green] += g[green]
		p.add(b.index, math.Log(g[blue]), math.Log(g[green]))
	}
	e := evidence{est: seriesEstimate(p.d, p.at)}
	e.Metric, e.Role, e.Blocks, e.Margin = Throughput, Guard, e.est.m, 1-sustained
	if e.est.m == 0 {
		e.Note = "no blocks"
		return e
	}
	m := float64(e.est.m)
	e.Blue, e.Green = sums[blue]/m, sums[green]/m
	e.Change, e.Degrees = math.Expm1(e.est.mean), e.est.degrees
	e.Low, e.High = finite(math.Expm1(e.est.lower(v.alpha))), finite(math.Expm1(e.est.upper(v.alpha)))
	e.MDE = finite(math.Expm1(e.est.mde(v.design.Alpha, -math.Log(sustained), v.metrics)))
	e.Floor = finite(math.Expm1(e.est.floor(v.proofLevel(e))))
	e.failed = e.est.m >= minLookBlocks && e.Green < sustained && e.Blue >= sustained &&
		e.est.upper(v.alpha/float64(v.metrics)) < 0
	e.proven = e.Green >= sustained
	return e
}

// sustained is a block's answered share; half a request stands for none, as the
// logarithm of nothing has no value.
func (v *view) sustained(b *block, side int) float64 {
	return math.Max(float64(b.done[side]), 0.5) / b.planned
}

// stallGuard asks whether green has more blocks with very slow requests than
// blue: an exact sign test over the blocks that differ, at the look's own level.
func (v *view) stallGuard() evidence {
	more, differ := v.stalled()
	var sums [2]float64
	for _, b := range v.blocks {
		sums[blue] += b.slow[blue]
		sums[green] += b.slow[green]
	}
	e := evidence{}
	e.Metric, e.Role, e.Blocks = Stalls, Guard, len(v.blocks)
	if v.stalls.limit == 0 || len(v.blocks) == 0 {
		e.Note = fmt.Sprintf("fewer than %d blocks", minLookBlocks)
		return e
	}
	m := float64(len(v.blocks))
	e.Blue, e.Green = sums[blue]/m, sums[green]/m
	e.Change = e.Green - e.Blue
	e.Low, e.High = e.Change, e.Change
	p := signTest(float64(more), float64(differ))
	e.failed, e.proven = p <= v.alpha, p > clearlyEqual
	return e
}

// stalled counts the blocks in which green had more very slow requests, and those
// in which the sides differ.
func (v *view) stalled() (more, differ int) {
	for _, b := range v.blocks {
		if b.slow[green] != b.slow[blue] {
			differ++
		}
		if b.slow[green] > b.slow[blue] {
			more++
		}
	}
	return more, differ
}

// leaning says whether stalls are too one-sided to give up waiting for more.
func (v *view) leaning() bool {
	more, differ := v.stalled()
	return signTest(float64(more), float64(differ)) <= leaningLevel
}

// share is x of n as a ratio; 0 of nothing.
func share(x, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(x) / float64(n)
}
