package perf

import (
	"math"
	"sort"
)

// stallFactor times blue's p95 is what the stall guard calls slow.
const stallFactor = 5

// stalls is the stall guard: it counts, per block, the share of requests slower
// than 5 x blue's p95. The limit is frozen when the first 15 valid blocks have
// closed, from the median of their p95: a limit of each block's own would rise
// with blue's stalls and not with green's, and so lean against green.
type stalls struct {
	design  Design
	limit   float64 // seconds; 0 until frozen
	pending []heldBlock
}

// A heldBlock is a block whose slow requests cannot be counted yet: the limit is not known before
// some blocks are closed.
type heldBlock struct {
	block     *block
	latencies [2][]float64
}

// add takes a closed block with its sorted latencies.
func (s *stalls) add(b *block, latencies [2][]float64) {
	if !b.judged() {
		return
	}
	if s.limit > 0 {
		s.measure(heldBlock{b, latencies})
		return
	}
	s.pending = append(s.pending, heldBlock{b, latencies})
	if len(s.pending) < minLookBlocks {
		return
	}
	var p95 []float64
	for _, h := range s.pending {
		p95 = append(p95, logs([]*block{h.block}, blue, 1)...)
	}
	if len(p95) == 0 {
		s.pending = s.pending[1:]
		return
	}
	s.limit = stallFactor * math.Exp(median(p95))
	for _, h := range s.pending {
		s.measure(h)
	}
	s.pending = nil
}

// measure counts the slow requests of a block, now that the limit is known.
func (s *stalls) measure(h heldBlock) {
	for side, sorted := range h.latencies {
		if n := len(sorted); n > 0 {
			h.block.slow[side] = float64(n-sort.SearchFloat64s(sorted, s.limit)) / float64(n)
		}
		// The users of a closed loop send nothing while they wait: a block of which they
		// spend all in one request has no latency that would show it.
		if s.design.closed() && s.limit < s.design.Block().Seconds() {
			h.block.slow[side] = max(h.block.slow[side], share(h.block.loop.stuck[side], s.design.Users.Count))
		}
	}
}
