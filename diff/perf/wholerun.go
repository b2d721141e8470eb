package perf

import "math"

// The constants of the whole-run quantiles.
const (
	runSegments = 40   // of the duration; each look sees a multiple of 10 of them
	runGroups   = 10   // of segments, left out one at a time
	leastGroups = 6    // groups with requests
	leastBeyond = 100  // requests per side beyond p99, where p99 is not gated
	runLevel    = 0.05 // of the upper bound that a pass needs
	fineBin     = 1e-3 // width of a bin, as a logarithm
	leastFine   = 1e-9 // seconds, the shortest latency that usable yields
)

// runMetrics names the quantiles of all requests, in the order of blockQuantiles.
var runMetrics = [...]Metric{RunP50, RunP95, RunP99}

// wholeRun keeps how often each latency was seen, so that quantiles of all
// requests of a run can be computed at any look: the mean of block quantiles
// shrinks a regression that is concentrated in few blocks, the quantile of all
// requests does not.
//
// It takes bounded memory at any rate and duration: 40 segments of the duration
// and two sides, in bins of 0.1 % between the shortest and the longest latency.
type wholeRun struct {
	blocks   int // planned
	segments [runSegments][2]fineHistogram
}

// add takes a closed block with its latencies in seconds.
func (w *wholeRun) add(b *block, latencies [2][]float64) {
	if !b.judged() {
		return
	}
	segment := min(b.order*runSegments/max(w.blocks, 1), runSegments-1)
	for side, values := range latencies {
		for _, seconds := range values {
			w.segments[segment][side].add(seconds)
		}
	}
}

// groups merges the segments of the first closed blocks into 10 groups that follow
// each other; false before a quarter of the duration.
func (w *wholeRun) groups(closed int) (groups [2][runGroups]fineHistogram, ok bool) {
	segments := int(math.Round(float64(closed) * runSegments / float64(max(w.blocks, 1))))
	if segments < runGroups {
		return groups, false
	}
	for i := range w.segments {
		// Rounding may leave the requests of a last block beyond the last segment.
		g := min(i*runGroups/segments, runGroups-1)
		for side := range groups {
			groups[side][g].merge(&w.segments[i][side])
		}
	}
	return groups, true
}

// all is every request of a side.
func (w *wholeRun) all(side int) fineHistogram {
	var h fineHistogram
	for i := range w.segments {
		h.merge(&w.segments[i][side])
	}
	return h
}

// runQuantiles returns the indices of the quantiles whose whole-run value is
// tested: the gated ones, and p99 where the duration holds 100 requests per side
// beyond it.
func (d Design) runQuantiles() []int { return d.quantilesOf(d.gates(), d.Planned()) }

// runQuantiles is Design.runQuantiles with what the stage knows of its blocks.
func (s *Stage) runQuantiles() []int { return s.design.quantilesOf(s.gates(), s.perBlock()) }

// quantilesOf are the quantiles of the whole run that the design has requests for, by index in
// blockQuantiles; gates are those that a block has requests for.
func (d Design) quantilesOf(gates []int, perBlock float64) []int {
	if len(gates) == len(blockQuantiles) {
		return gates
	}
	paired := 0
	for b := range min(d.Blocks(), maxCounted) {
		if d.LoadOf(b) == Both {
			paired++
		}
	}
	if float64(paired)*perBlock*(1-blockQuantiles[2]) >= leastBeyond-1e-9 {
		return []int{0, 1, 2}
	}
	return []int{0, 1}
}

// maxCounted bounds the blocks that runQuantiles looks at.
const maxCounted = 100_000

// wholeRunQuantiles compares the quantiles of all requests of the run. The
// interval is that of a jackknife which leaves out one of 10 consecutive groups of
// blocks at a time, with Student's t of 9 degrees: neighbouring blocks resemble
// each other, groups of them hardly do.
//
//	theta   = ln Q(green) - ln Q(blue) over all requests, theta_g without group g
//	SE^2    = (G-1)/G * sum over g of (theta_g - mean theta_g)^2
//
// A whole-run quantile is worse by the rule of every other metric, and counts in
// K. A pass needs its upper bound at 5 % to be below the margin: at a_k it would
// cost more time than the block-wise figures, which measure the same where a
// regression is spread over time.
func (v *view) wholeRunQuantiles(margins [3]Margin) []evidence {
	groups, ok := v.whole.groups(v.closed())
	if !ok {
		return nil
	}
	quantiles := v.runQuantiles()
	var found []evidence
	jack := [2]jackknife{leaveOneOut(groups[blue]), leaveOneOut(groups[green])}
	n := float64(min(jack[blue].n, jack[green].n))
	for _, i := range quantiles {
		q := blockQuantiles[i]
		if i == len(blockQuantiles)-1 && len(v.gates()) < len(blockQuantiles) && n*(1-q) < leastBeyond {
			continue
		}
		if e, ok := v.wholeRunQuantile(runMetrics[i], q, jack, margins[i]); ok {
			found = append(found, e)
		}
	}
	return found
}

// wholeRunQuantile makes the evidence on one quantile; false with fewer than 6
// groups that hold requests of both sides.
func (v *view) wholeRunQuantile(metric Metric, q float64, jack [2]jackknife, margin Margin) (evidence, bool) {
	var theta []float64
	for g := range runGroups {
		if jack[blue].held[g] && jack[green].held[g] {
			theta = append(theta, jack[green].without(g, q)-jack[blue].without(g, q))
		}
	}
	if len(theta) < leastGroups {
		return evidence{}, false
	}
	left, count := plainEstimate(theta), float64(len(theta))
	bl, gr := jack[blue].total(q), jack[green].total(q)
	e := evidence{bias: v.design.bias(metric, ""), whole: true}
	// plainEstimate's error is sqrt(sum/(G-1)/G), the jackknife's sqrt(sum*(G-1)/G).
	e.est = estimate{m: len(v.blocks), mean: gr - bl, se: left.se * (count - 1), degrees: count - 1}
	e.Metric, e.Role = metric, Gate
	e.Blue, e.Green = math.Exp(bl), math.Exp(gr)
	v.judge(&e, margin, runLevel, true)
	return e, true
}

// A fineHistogram counts latencies in bins of 0.1 %: its quantiles are right
// within that, on both sides alike.
type fineHistogram struct {
	n      int
	first  int // bin of counts[0]
	counts []uint32
}

// add counts a latency in seconds; those below leastFine share the first bin.
func (h *fineHistogram) add(seconds float64) {
	bin := int(math.Log(math.Max(seconds, leastFine)/leastFine) / fineBin)
	h.reach(bin, bin)
	h.counts[bin-h.first]++
	h.n++
}

// reach makes room for the bins from low to high.
func (h *fineHistogram) reach(low, high int) {
	const spare = 64
	switch {
	case len(h.counts) == 0:
		h.first = max(low-spare, 0)
		h.counts = make([]uint32, high+spare-h.first)
		return
	case low < h.first:
		first := max(low-spare, 0)
		h.counts = append(make([]uint32, h.first-first, h.first-first+len(h.counts)), h.counts...)
		h.first = first
	}
	if missing := high + 1 - h.first - len(h.counts); missing > 0 {
		h.counts = append(h.counts, make([]uint32, missing+spare)...)
	}
}

// merge adds the counts of another histogram.
func (h *fineHistogram) merge(o *fineHistogram) {
	if o.n == 0 {
		return
	}
	h.reach(o.first, o.first+len(o.counts)-1)
	for i, c := range o.counts {
		h.counts[o.first-h.first+i] += c
	}
	h.n += o.n
}

// logQuantile is the logarithm of a quantile of at least one latency, counts of a
// part of the latencies left out: the inverse of the cumulative count, which is
// linear within a bin.
func (h *fineHistogram) logQuantile(q float64, without *fineHistogram) float64 {
	n := h.n
	if without != nil {
		n -= without.n
	}
	rank, seen := q*float64(n-1)+0.5, 0
	for i, c := range h.counts {
		if without != nil {
			if j := h.first + i - without.first; j >= 0 && j < len(without.counts) {
				c -= without.counts[j]
			}
		}
		if c > 0 && float64(seen)+float64(c) >= rank {
			return math.Log(leastFine) + fineBin*(float64(h.first+i)+(rank-float64(seen))/float64(c))
		}
		seen += int(c)
	}
	return math.NaN()
}

// A jackknife is a side's latencies by group, and all of them.
type jackknife struct {
	fineHistogram
	groups [runGroups]fineHistogram
	held   [runGroups]bool // the group has latencies, and the others have some too
}

// leaveOneOut prepares the jackknife: the quantile of all groups together, and that of all but
// one, for each group.
func leaveOneOut(groups [runGroups]fineHistogram) jackknife {
	j := jackknife{groups: groups}
	for g := range groups {
		j.merge(&groups[g])
	}
	for g := range groups {
		j.held[g] = groups[g].n > 0 && groups[g].n < j.n
	}
	return j
}

// total is the logarithm of the quantile over all groups.
func (j *jackknife) total(q float64) float64 { return j.logQuantile(q, nil) }

// without is the same over all groups but one.
func (j *jackknife) without(g int, q float64) float64 { return j.logQuantile(q, &j.groups[g]) }
