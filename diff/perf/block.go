package perf

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The sides as indices, blue first as everywhere.
const (
	blue = iota
	green
)

// The quantiles that a block is summed up by, in the order of block.q.
var blockQuantiles = [...]float64{0.50, 0.95, 0.99}

// quantileMetrics names them.
var quantileMetrics = [...]Metric{P50, P95, P99}

// leastOfRoute is the number of usable requests per side from which a block
// speaks for a route.
const leastOfRoute = 10

// A block is what remains of the requests of one slice of the schedule.
type block struct {
	index   int
	order   int  // among the blocks that are judged, from 0
	cut     bool // the block before it was left out (Stage.Void)
	load    Load
	after   Load // what the block before it loaded
	healthy bool // V2: the generator did its work in it
	planned float64
	walks   [2]int // begun; 0 in stages of single requests
	sent    [2]int // requests
	failed  [2]int
	done    [2]int // successful walks, or else requests, that ended within the block
	loop    loop   // of a closed loop
	pairs   int    // with an answer or a failure of the service on both sides
	only    [2]int // pairs in which only this side failed
	q       [2][len(blockQuantiles)]float64
	routes  [][2][2]float64 // route, side, p50 and p95
	rare    [][2][]float64  // latencies of rare routes in seconds, by route; empty for the others
	slow    [2]float64      // share beyond the stall guard's limit
	growth  [2]int          // requests under way at the end of the block
}

// collect sums up the records of a block. They may come in any order: they are
// put into the order of the schedule first (rule: splitting the records over
// several workers changes nothing).
func (s *Stage) collect(index int, records []Record) *block {
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(
			cmp.Compare(bit(a.Walk), bit(b.Walk)), cmp.Compare(a.Pair, b.Pair), cmp.Compare(a.Step, b.Step),
			cmp.Compare(sideOf(a), sideOf(b)), cmp.Compare(a.Scheduled, b.Scheduled),
		)
	})
	b := &block{index: index, order: s.closed(), cut: s.cut, load: s.design.LoadOf(index), planned: s.design.begins(), healthy: true}
	s.cut = false
	if index > 0 {
		b.after = s.design.LoadOf(index - 1)
	}
	requests, walks := splitWalks(records)
	for _, r := range requests {
		b.count(r, s.length/4)
		b.loop.waited += r.Lag
	}
	for _, r := range walks {
		b.walks[sideOf(r)]++
	}
	b.healthy = b.healthy && (s.design.closed() || b.sentEnough(b.begun(s.design)))
	b.loop.settling = s.design.closed() && b.after != Both
	b.loop.stuck = s.stuck[index]
	delete(s.stuck, index)
	if b.healthy {
		for _, r := range requests {
			s.lags.Add(r.Lag)
		}
	}
	latencies := s.measure(b, requests, walks)
	if s.design.InPairs() {
		b.countPairs(requests, s.design.walks() && b.load == Both)
	} else {
		b.pairs = min(b.sent[blue], b.sent[green])
		for side := range b.only { // a side that was sent one more may have failed all of them
			b.only[side] = min(b.failed[side], b.pairs)
		}
	}
	s.series.add(b, latencies)
	s.whole.add(b, latencies)
	s.stalls.add(b, latencies)
	return b
}

// measure takes the quantiles of the block and of each route, and keeps the latencies of
// routes that are too rare for quantiles of a block. It returns the latencies of requests by
// side, in seconds and sorted. Whole walks speak for their own routes only.
func (s *Stage) measure(b *block, requests, walks []Record) (latencies [2][]float64) {
	perRoute := make([][2][]float64, len(s.design.Routes))
	ofRoute := func(r Record, seconds float64) {
		if side := sideOf(r); int(r.Route) < len(perRoute) {
			perRoute[r.Route][side] = append(perRoute[r.Route][side], seconds)
		}
	}
	s.usable(b.load, requests, func(r Record, seconds float64) {
		latencies[sideOf(r)] = append(latencies[sideOf(r)], seconds)
		ofRoute(r, seconds)
	})
	s.usable(b.load, walks, ofRoute)
	for side := range latencies {
		slices.Sort(latencies[side])
		for i, q := range blockQuantiles {
			b.q[side][i] = logQuantile(latencies[side], q, 1)
		}
	}
	b.rare = make([][2][]float64, len(perRoute))
	for _, r := range s.keptRoutes() {
		b.rare[r] = perRoute[r]
	}
	b.routes = make([][2][2]float64, len(perRoute))
	for i := range perRoute {
		for side := range perRoute[i] {
			slices.Sort(perRoute[i][side])
			for j := range b.routes[i][side] {
				b.routes[i][side][j] = logQuantile(perRoute[i][side], blockQuantiles[j], leastOfRoute)
			}
		}
	}
	return latencies
}

// splitWalks parts sorted records into those of requests and those of whole walks.
func splitWalks(sorted []Record) (requests, walks []Record) {
	i, _ := slices.BinarySearchFunc(sorted, 1, func(r Record, walk int) int { return bit(r.Walk) - walk })
	return sorted[:i], sorted[i:]
}

// count takes a record into the block's counts. Rule V2 reads the generator
// only: how late a request was sent, never how long it took.
func (b *block) count(r Record, latest time.Duration) {
	side := sideOf(r)
	b.sent[side]++
	if r.Failure != Succeeded && r.Failure != Client {
		b.failed[side]++
	}
	if r.Lag > latest || r.Failure == Client {
		b.healthy = false
	}
}

// begun counts what the generator schedules: walks, or else requests.
func (b *block) begun(d Design) [2]int {
	if d.walks() {
		return b.walks
	}
	return b.sent
}

// sentEnough says whether at least 90 % of the planned requests or walks were begun.
func (b *block) sentEnough(begun [2]int) bool {
	want := math.Floor(0.9 * b.planned)
	return (b.load == GreenOnly || float64(begun[blue]) >= want) && (b.load == BlueOnly || float64(begun[green]) >= want)
}

// countPairs counts the pairs and those in which one side alone failed. Of two walks,
// one may fail at a step that the other did not come to: that counts as a pair too.
func (b *block) countPairs(records []Record, walks bool) {
	eachPair(records, func(bl, gr *Record) {
		if alone := cmp.Or(bl, gr); walks && (bl == nil || gr == nil) && alone.Failure != Succeeded && alone.Failure != Client {
			b.pairs++
			b.only[sideOf(*alone)]++
		}
		if bl == nil || gr == nil || bl.Failure == Client || gr.Failure == Client {
			return
		}
		b.pairs++
		switch bf, gf := bl.Failure != Succeeded, gr.Failure != Succeeded; {
		case gf && !bf:
			b.only[green]++
		case bf && !gf:
			b.only[blue]++
		}
	})
}

// usable calls yield for the requests whose latency counts. Rule V1: a timeout
// counts as a latency of the timeout. Any other failure has no latency, and its
// partner is left out with it: a fast failure cannot improve a quantile. Leaving
// out slow ones can, by as many requests as the errors gate accepts. Unpaired
// requests have no partner; there a failure leaves out itself alone. Neither counts
// what only one of two walks came to: the other ended before it.
func (s *Stage) usable(load Load, records []Record, yield func(r Record, seconds float64)) {
	counts := func(r *Record) bool { return r.Failure == Succeeded || r.Failure == TimedOut }
	take := func(r *Record) {
		latency := r.Latency
		if r.Failure == TimedOut {
			latency = max(latency, s.design.Timeout)
		}
		yield(*r, max(latency.Seconds(), 1e-9))
	}
	if !s.design.InPairs() {
		for i := range records {
			if counts(&records[i]) {
				take(&records[i])
			}
		}
		return
	}
	eachPair(records, func(bl, gr *Record) {
		alone := s.design.walks() && load == Both && (bl == nil || gr == nil)
		if alone || (bl != nil && !counts(bl)) || (gr != nil && !counts(gr)) {
			return
		}
		if bl != nil {
			take(bl)
		}
		if gr != nil {
			take(gr)
		}
	})
}

// eachPair calls f for every pair of sorted records; a missing member is nil.
func eachPair(records []Record, f func(bl, gr *Record)) {
	for i := 0; i < len(records); i++ {
		r := &records[i]
		switch {
		case r.Green:
			f(nil, r)
		case i+1 < len(records) && records[i+1].Green && records[i+1].Pair == r.Pair && records[i+1].Step == r.Step:
			f(r, &records[i+1])
			i++
		default:
			f(r, nil)
		}
	}
}

// logQuantile is the logarithm of a quantile; NaN with fewer values than least.
func logQuantile(sorted []float64, q float64, least int) float64 {
	if len(sorted) < least {
		return math.NaN()
	}
	return math.Log(quantile(sorted, q))
}

// sideOf is the index of a record's side.
func sideOf(r Record) int { return bit(r.Green) }

// bit is 1 for true and 0 for false, which sorts before it.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// logs are the logarithms of one side's quantile, given as its index, in the blocks that have it.
func logs(blocks []*block, side, quantile int) []float64 {
	var found []float64
	for _, b := range blocks {
		if l := b.q[side][quantile]; !math.IsNaN(l) {
			found = append(found, l)
		}
	}
	return found
}
