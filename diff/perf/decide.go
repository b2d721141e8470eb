package perf

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// A Cause says why a stage is inconclusive. Empty for the other outcomes.
type Cause string

// The causes.
const (
	Underpowered Cause = "underpowered" // too few blocks for this noise
	Futile       Cause = "futile"       // more than four times the duration would be needed
	Generator    Cause = "generator"    // the load was not sent as planned
	Baseline     Cause = "baseline"     // blue itself is unhealthy
	Overload     Cause = "overload"     // blue does not sustain the rate
	Interference Cause = "interference" // blue and green slow each other
	Biased       Cause = "bias"         // replicas of blue differ too much for the margin
)

// A Decision is what the evidence says at one look.
type Decision struct {
	Final       bool
	Outcome     Outcome
	Cause       Cause
	Reason      string // one sentence, with units
	Advice      string // when inconclusive: what to change
	Look        int    // 1 to 4
	Seconds     float64
	Blocks      int // valid
	Dropped     int // by rule V2
	Voided      int // left out because a generator failed to do its share; see Stage.Void
	Comparisons []Comparison
	Requests    [2]int // blue, green; measured, dropped blocks included
	Errors      [2]int
	Achieved    float64 // sent / planned; of a closed loop: the share of their time that users did not wait for this machine
	LatenessP99 time.Duration
	Alone       [2]float64 // p50 of each side in its solo blocks, in seconds; 0 without any
	Notes       []string
}

// The limits of rule 4.
const (
	leastFutile = 30 // blocks
	maxNeed     = 4  // durations
)

// A view is what one look sees.
type view struct {
	*Stage
	blocks  []*block // valid
	dropped int
	seconds float64
	alpha   float64 // a_k, what this look may spend
	health  Health
}

// evidence is one metric at a look, with what the rule says of it.
type evidence struct {
	Comparison
	failed bool // worse beyond doubt
	proven bool // no worse beyond doubt; of guards it is shown, never asked
	delta  float64
	bias   float64 // known, as a log ratio
	whole  bool    // a quantile of the whole run
	est    estimate
}

// refused says whether the margin is below twice the known bias, so that no
// measurement can prove it.
func (e evidence) refused() bool { return e.bias > 0 && e.delta < 2*e.bias }

// decide applies the rule to the closed blocks:
//
//  1. Drop the blocks in which the generator failed (V2). When the load, the
//     baseline, the rate or the independence of the sides cannot be trusted, the
//     stage is inconclusive, whatever the figures say. When requests merely left
//     late, which delays both sides alike, green can fail but not pass.
//  2. Worse when a metric is worse beyond doubt: its lower bound at a_k/K is above
//     half the margin and its lower bound at 1.5 alpha (1.5 %) above the margin; or
//     the errors, stall or throughput tests say so.
//  3. No worse when the upper bound at a_k of every gate, errors included, is below
//     its margin, and so is the upper bound at 5 % of every quantile of the whole
//     run. All gates must agree, so the level is not divided. A stage long enough
//     for 8 solo blocks per side waits for them first, and does not pass without.
//     Nor does a stage pass at an early look that sees too little of a rare route.
//  4. Futile, from 30 blocks on, when a gate needs more than four times the
//     duration, unless stalls lean against green: rare stalls blow up a gate's
//     error, and the time that convicts them is still to come. With fewer blocks
//     the autocorrelation, and with it the need, is hardly known.
//  5. After the last look: underpowered.
//
// A known bias b of a metric widens its interval by b on both sides, and a gate
// whose margin is below 2b is never proven.
func (s *Stage) decide(alpha float64, last bool, h Health) *Decision {
	v := &view{Stage: s, blocks: s.valid(), alpha: alpha, health: h, seconds: (time.Duration(s.closed()) * s.design.Block()).Seconds()}
	d := &Decision{Look: s.look, Seconds: v.seconds, Blocks: len(v.blocks)}
	planned, begun := 0.0, 0
	for _, b := range s.blocks {
		for side := range b.sent {
			d.Requests[side] += b.sent[side]
			begun += b.begun(s.design)[side]
			d.Errors[side] += b.failed[side]
			if b.load == Both || int(b.load) == side+1 {
				planned += b.planned
			}
		}
	}
	v.dropped = s.dropped()
	d.Dropped, d.Voided = v.dropped, s.voids
	switch {
	case s.design.closed():
		d.Achieved = 1 - v.waited()
	case planned > 0:
		d.Achieved = math.Min(1, float64(begun)/planned)
	}
	d.LatenessP99 = s.lags.Quantile(0.99)

	d.Alone = v.alone()
	all := v.evidence()
	for _, e := range all {
		d.Comparisons = append(d.Comparisons, e.Comparison)
	}
	d.Notes = slices.Concat(v.notes(), v.loopNotes(), v.knownNotes())
	// Rule 1.
	doubt := v.doubt(d, all)
	if doubt == nil || doubt.mild {
		v.conclude(d, all, last)
	}
	if doubt != nil && d.Outcome != Worse {
		d.Outcome, d.Cause, d.Reason, d.Advice = Inconclusive, doubt.cause, doubt.reason, doubt.advice
		d.Final = last || doubt.final
	}
	if d.Outcome == NoWorse {
		d.Notes = append(d.Notes, v.soloNotes()...)
	}
	return d
}

// conclude applies rules 2 to 5.
func (v *view) conclude(d *Decision, all []evidence, last bool) {
	failed := slices.DeleteFunc(slices.Clone(all), func(e evidence) bool { return !e.failed })
	gates := slices.DeleteFunc(slices.Clone(all), func(e evidence) bool { return e.Role != Gate })
	unproven := slices.DeleteFunc(slices.Clone(gates), func(e evidence) bool { return e.proven })
	switch {
	case len(failed) > 0: // Rule 2.
		d.Final, d.Outcome, d.Reason = true, Worse, v.worseReason(failed)
	case len(unproven) == 0 && v.awaitsSolo(): // Rule 3, put off.
		d.Final, d.Outcome, d.Cause, d.Advice = last, Inconclusive, Underpowered, generatorAdvice
		d.Reason = fmt.Sprintf("fewer than %d valid solo blocks per side: whether the sides slow each other is not known", v.soloNeeded())
	case len(unproven) == 0 && !last && v.awaitsRoutes(): // Rule 3, put off.
		d.Outcome, d.Cause, d.Advice = Inconclusive, Underpowered, "let the load run to its end"
		d.Reason = fmt.Sprintf("the rarest route has fewer than %d groups of blocks", leastPools)
	case len(unproven) == 0: // Rule 3.
		d.Final, d.Outcome, d.Reason = true, NoWorse, v.passReason(gates)
	default:
		d.Outcome, d.Cause = Inconclusive, Underpowered
		futile := len(v.blocks) >= leastFutile && !v.leaning() && slices.ContainsFunc(unproven, func(e evidence) bool {
			return !e.whole && e.NeedS > maxNeed*v.design.Duration.Seconds()
		})
		if futile { // Rule 4.
			d.Cause = Futile
		}
		if slices.ContainsFunc(unproven, evidence.refused) {
			d.Cause = Biased
		}
		d.Final = last || futile // Rule 5.
		d.Reason, d.Advice = v.openReason(d.Cause, unproven), v.advice(unproven)
	}
}

// evidence gathers every metric: gates, then guards.
func (v *view) evidence() []evidence {
	var all []evidence
	margins := v.design.Margins.WithDefaults()
	latencies := [...]Margin{margins.P50, margins.P95, margins.P99}
	for _, i := range v.gates() {
		margin := latencies[i]
		e := v.latency(quantileMetrics[i], "", func(b *block, side int) float64 { return b.q[side][i] }, margin)
		e.Role = Gate
		all = append(all, e)
	}
	all = append(all, v.wholeRunQuantiles(latencies)...)
	all = append(all, v.errors(margins.Errors))
	switch {
	case v.design.closed():
		all = append(all, v.rates()...)
	case v.design.Pairing != Recorded:
		all = append(all, v.throughput())
	}
	all = append(all, v.stallGuard())
	for _, r := range v.watched() {
		for i, margin := range [...]Margin{margins.P50, margins.P95} {
			e := v.route(r, i, margin)
			e.Role = Guard
			all = append(all, e)
		}
	}
	for i := range all {
		all[i].Dropped = v.dropped
		all[i].Outcome = Inconclusive
		switch {
		case all[i].failed:
			all[i].Outcome = Worse
		case all[i].proven:
			all[i].Outcome = NoWorse
		}
	}
	return all
}

// latency compares one quantile, given as its logarithm per block and side.
func (v *view) latency(metric Metric, route string, at func(*block, int) float64, margin Margin) evidence {
	var p pairs
	for _, b := range v.blocks {
		p.add(b.index, at(b, blue), at(b, green))
	}
	return v.compared(metric, route, p, minLookBlocks, margin)
}

// route compares one quantile of a route, block by block. Where a route is too rare for that, as
// many valid blocks in a row as expect enough of its requests stand for one.
func (v *view) route(r watchedRoute, quantile int, margin Margin) evidence {
	metric, name := quantileMetrics[quantile], v.design.Routes[r.route].Name
	if r.pool == 1 {
		return v.latency(metric, name, func(b *block, side int) float64 { return b.routes[r.route][side][quantile] }, margin)
	}
	var p pairs
	for rest, i := v.blocks, 0; len(rest) >= r.pool; rest, i = rest[r.pool:], i+1 {
		var q [2]float64
		for side := range q {
			var latencies []float64
			for _, b := range rest[:r.pool] {
				latencies = append(latencies, b.rare[r.route][side]...)
			}
			slices.Sort(latencies)
			q[side] = logQuantile(latencies, blockQuantiles[quantile], leastOfRoute)
		}
		p.add(i, q[blue], q[green])
	}
	return v.compared(metric, name, p, leastPools, margin)
}

// awaitsRoutes says whether a route that single blocks are too short for has not
// been seen often enough to fail.
func (v *view) awaitsRoutes() bool {
	return slices.ContainsFunc(v.watched(), func(r watchedRoute) bool { return r.pool > 1 && len(v.blocks) < r.pool*leastPools })
}

// pairs are both sides' values of one metric, block by block.
type pairs struct {
	at   []int     // numbers of the blocks
	d    []float64 // green - blue
	logs [2][]float64
}

// add takes a block in which both sides have a value.
func (p *pairs) add(at int, bl, gr float64) {
	if math.IsNaN(bl) || math.IsNaN(gr) {
		return
	}
	p.at, p.d = append(p.at, at), append(p.d, gr-bl)
	p.logs[blue], p.logs[green] = append(p.logs[blue], bl), append(p.logs[green], gr)
}

// compared makes the evidence on one metric of the logarithms of its values. An
// estimate of fewer than least blocks proves nothing.
func (v *view) compared(metric Metric, route string, p pairs, least int, margin Margin) evidence {
	e := evidence{est: seriesEstimate(p.d, p.at), bias: v.design.bias(metric, route)}
	e.Metric, e.Route = metric, route
	if e.est.m == 0 {
		e.Margin, e.NeedS, e.MDE, e.Floor, e.Note = margin.Rel, most, most, most, "no answered requests"
		return e
	}
	e.Blue, e.Green = math.Exp(stat.Mean(p.logs[blue], nil)), math.Exp(stat.Mean(p.logs[green], nil))
	v.judge(&e, margin, v.alpha, e.est.m >= least)
	return e
}

// judge applies rules 2 and 3 to one latency, whose estimate, bias and values are
// known. level is that of the bound which a pass needs.
func (v *view) judge(e *evidence, margin Margin, level float64, enough bool) {
	e.Margin = margin.effective(e.Blue)
	e.delta = math.Log1p(e.Margin)
	e.Blocks, e.SE, e.Lag1, e.Degrees = e.est.m, finite(e.est.se), e.est.lag1, e.est.degrees
	e.Change = math.Expm1(e.est.mean)
	low, high := e.est.lower(level)-e.bias, e.est.upper(level)+e.bias
	e.Low, e.High = finite(math.Expm1(low)), finite(math.Expm1(high))
	e.MDE = finite(math.Expm1(e.bias + e.est.mde(v.design.Alpha, e.delta, v.metrics)))
	e.Floor = finite(math.Expm1(e.bias + e.est.floor(v.proofLevel(*e))))
	e.failed = enough && e.est.worse(v.alpha/float64(v.metrics), v.design.Alpha, e.delta, e.bias)
	e.proven = enough && high < e.delta && !e.refused()
	switch {
	case e.refused():
		e.NeedS = most
		e.Note = fmt.Sprintf("replicas of blue differ by %s: a margin below %s proves nothing", percent(math.Expm1(e.bias)),
			percent(math.Expm1(2*e.bias)))
	case !e.proven:
		e.NeedS = finite(e.est.need(v.seconds, v.proofLevel(*e), e.delta-e.bias))
	case low > 0:
		e.Note = "slower by " + percent(e.Change) + ", within margin"
	}
}

// proofLevel is the level of the bound that a pass needs at a stage's last look.
func (v *view) proofLevel(e evidence) float64 {
	if e.whole {
		return runLevel
	}
	return lastShare * v.design.Alpha
}
