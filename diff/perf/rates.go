package perf

import (
	"fmt"
	"math"
)

// The figures of the errors and throughput rules.
const (
	leastFailBlocks  = 3     // failures must fall in as many blocks
	leastDifference  = 0.001 // of the pairs, below which no failure is worth a verdict
	highErrors       = 0.01  // green's error rate that fails with blue below lowErrors
	lowErrors        = 0.005
	errorsConfidence = 0.01 // level of the bound that a pass needs
	sustained        = 0.99 // of the scheduled requests must be answered in time
	leaningLevel     = 0.25 // of the sign test: two stalls, both green's
	clearlyEqual     = 0.05 // a stall guard above this level shows nothing
)

// errors judges the failures. Of pairs in which one side alone failed, McNemar's
// exact test asks whether green's are as many as blue's; unpaired requests are
// judged by Fisher's. Change, Low, High and Margin are shares of the pairs here,
// not relative: blue's rate is mostly zero.
func (v *view) errors(margin float64) evidence {
	var pairs, x, y, inBlocks int
	var sent, failed [2]int
	for _, b := range v.blocks {
		pairs += b.pairs
		x += b.only[green]
		y += b.only[blue]
		if b.only[green] > 0 {
			inBlocks++
		}
		for side := range sent {
			sent[side] += b.sent[side]
			failed[side] += b.failed[side]
		}
	}
	e := evidence{delta: margin}
	e.Metric, e.Role, e.Blocks, e.Margin = Errors, Gate, len(v.blocks), margin
	e.Blue, e.Green = share(failed[blue], sent[blue]), share(failed[green], sent[green])
	if pairs == 0 {
		e.NeedS, e.MDE, e.Floor, e.High, e.Note = most, 1, 1, 1, "no pairs"
		return e
	}
	n := float64(pairs)
	e.Change = float64(x-y) / n
	p := signTest(x, x+y)
	if v.design.Pairing != Paired {
		p = fisherTest(failed[blue], sent[blue], failed[green], sent[green])
		e.Change = e.Green - e.Blue
	}
	e.Low, e.High = rateLower(x, pairs, errorsConfidence)-share(y, pairs), rateUpper(x, pairs, errorsConfidence)
	limit := leastDifference
	if margin > DefaultErrors { // what the file accepts is not a failure
		limit = margin
	}
	spread := inBlocks >= leastFailBlocks
	level := v.alpha / float64(v.metrics)
	// A high rate on green beside a low one on blue must be proven high too: at
	// low rates a handful of equal failures would otherwise fail a green.
	high := e.Green > math.Max(highErrors, margin) && e.Blue < lowErrors && rateLower(failed[green], sent[green], level) > lowErrors
	e.failed = spread && (p <= level && e.Change > limit || high)
	e.proven = e.High < margin
	e.MDE = math.Max(limit, detectable(v.design.Alpha/float64(v.metrics))/n)
	e.Floor = rateUpper(0, pairs, errorsConfidence)
	if !e.proven {
		e.NeedS = finite(v.errorsNeed(x, pairs, margin))
	}
	return e
}

// errorsNeed is the time after which the bound of green's failures falls below
// the margin when they stay as frequent as they are.
func (v *view) errorsNeed(x, pairs int, margin float64) float64 {
	if share(x, pairs) >= margin {
		return most
	}
	for factor := 1.0; factor < 1e4; factor *= 1.1 {
		if rateUpper(int(float64(x)*factor), int(float64(pairs)*factor), errorsConfidence) < margin {
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
	var d []float64
	var sums [2]float64
	for _, b := range v.blocks {
		if b.after != Both { // answers of the block before do not flow into this one on one side
			continue
		}
		g := [2]float64{v.sustained(b, blue), v.sustained(b, green)}
		sums[blue] += g[blue]
		sums[green] += g[green]
		d = append(d, math.Log(g[green])-math.Log(g[blue]))
	}
	e := evidence{est: estimateOf(d)}
	e.Metric, e.Role, e.Blocks, e.Margin = Throughput, Guard, len(d), 1-sustained
	if len(d) == 0 {
		e.Note = "no blocks"
		return e
	}
	m := float64(len(d))
	e.Blue, e.Green = sums[blue]/m, sums[green]/m
	e.Change = math.Expm1(e.est.mean)
	e.Low, e.High = finite(math.Expm1(e.est.lower(v.alpha))), finite(math.Expm1(e.est.upper(v.alpha)))
	e.MDE = finite(math.Expm1(e.est.mde(v.design.Alpha, -math.Log(sustained), v.metrics)))
	e.Floor = finite(math.Expm1(e.est.floor(v.design.Alpha)))
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
	p := signTest(more, differ)
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
func (v *view) leaning() bool { return signTest(v.stalled()) <= leaningLevel }

func share(x, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(x) / float64(n)
}
