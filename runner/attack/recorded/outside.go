package recorded

import (
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// Outside counts the results of two files that no whole block holds: those before
// the first block (the warm-up, and what one side sent before the other began) and
// those after the last one. Their latencies are not compared; their errors are.
type Outside struct {
	Place    string      `json:"place"` // "before" or "after" the blocks
	Requests run.PerSide `json:"requests"`
	Errors   run.PerSide `json:"errors"`
	Slow     run.PerSide `json:"slow"`  // longer than twice blue's p99; only after the blocks, as the warm-up may be slow
	Level    float64     `json:"level"` // Fisher: probability that green fails so much more often by chance; 1 where it does not
}

// String is the sentence of a reason: where the errors were, and how many of how many requests
// failed on each side.
func (o Outside) String() string {
	return fmt.Sprintf("errors %s the blocks: blue %d of %d, green %d of %d", o.Place, o.Errors.Blue, o.Requests.Blue, o.Errors.Green,
		o.Requests.Green)
}

const (
	outsideLevel   = 0.01 // of the test that finds green worse, as in the warm-up of a load stage
	outsideDoubt   = 0.1  // that makes a pass inconclusive
	leastLastFails = 2    // failures at the very end that make a pass inconclusive
	leastMissing   = 0.001
	mostMissing    = 0.005
	slowTimes      = 2 // of blue's p99
)

// The causes of inconclusive judgements of two result files.
const (
	causeSizes    perf.Cause = "sizes"
	causeStatuses perf.Cause = "statuses"
	causeOutside  perf.Cause = "errors-outside-blocks"
	causeOverlap  perf.Cause = "overlap"
	causeMissing  perf.Cause = "missing-results"
)

// outsideBlocks counts the results sent before and after the blocks; begin and end
// are Unix nanoseconds.
func outsideBlocks(sides [2]*recording, begin, end int64) []Outside {
	places := [2]Outside{{Place: "before"}, {Place: "after"}}
	slow := slowTimes * sides[0].quantile(0.99)
	for side, rec := range sides {
		for _, c := range rec.results {
			place := &places[0]
			switch {
			case c.at >= end && c.at >= begin:
				place = &places[1]
			case c.at >= begin:
				continue
			}
			place.Requests.CountOne(side == 1)
			switch record := c.record(); {
			case record.Failure != perf.Succeeded:
				place.Errors.CountOne(side == 1)
			case place == &places[1] && record.Latency > slow:
				place.Slow.CountOne(side == 1)
			}
		}
	}
	var found []Outside
	for _, o := range places {
		if o.Requests == (run.PerSide{}) {
			continue
		}
		o.Level = perf.Fisher(o.Errors.Blue, o.Requests.Blue, o.Errors.Green, o.Requests.Green)
		found = append(found, o)
	}
	return found
}

// judgeOutside lets the errors outside the blocks count, and those at the very end
// of green's file: a side that has just died fails few of its requests.
func (r *Judgement) judgeOutside(sides [2]*recording, begin, end int64) {
	r.Outside = outsideBlocks(sides, begin, end)
	r.Errors = run.PerSide{Blue: sides[0].failed(), Green: sides[1].failed()}
	for _, o := range r.Outside {
		if o.Level <= outsideLevel {
			r.lower(perf.Worse, "", o.String(), "")
		}
	}
	const advice = "attack both sides again, for longer"
	for _, o := range r.Outside {
		if o.Level <= outsideDoubt {
			r.lower(perf.Inconclusive, causeOutside, o.String(), advice)
		}
		if perf.Fisher(o.Slow.Blue, o.Requests.Blue, o.Slow.Green, o.Requests.Green) <= outsideLevel {
			r.lower(perf.Inconclusive, causeOutside, fmt.Sprintf("slow answers %s the blocks: blue %d of %d, green %d of %d took more than twice "+
				"blue's p99",
				o.Place, o.Slow.Blue, o.Requests.Blue, o.Slow.Green, o.Requests.Green), advice)
		}
	}
	if n := sides[1].lastFailures(); n >= leastLastFails && sides[0].lastFailures() == 0 {
		r.lower(perf.Inconclusive, causeOutside, fmt.Sprintf("the last %d requests of green failed, the last of blue did not", n), advice)
	}
}

// judgeMissing makes a pass inconclusive where one file has fewer results than the
// same load explains: those that are missing may be the slow ones, or the ones that
// were never answered. Counted is the time common to both, and then the whole files,
// since a file that ends early also ends the common time. Whole files may begin at
// different times: the same load has the same number of results wherever it begins.
func (r *Judgement) judgeMissing(sides [2]*recording, from, to int64) {
	seconds := float64(to-from) / 1e9
	common := run.PerSide{Blue: sides[0].during(from, to), Green: sides[1].during(from, to)}
	rate := float64(max(common.Blue, common.Green)) / seconds
	for _, counted := range [...]struct {
		n    run.PerSide
		what string
	}{{common, "of the time common to both"}, {r.Requests, "in the whole file"}} {
		fewer, lacks, most := 1, counted.n.Blue-counted.n.Green, max(counted.n.Blue, counted.n.Green)
		if lacks < 0 {
			fewer, lacks = 0, -lacks
		}
		if lacks <= mayLack(most, rate) {
			continue
		}
		r.lower(perf.Inconclusive, causeMissing, fmt.Sprintf("blue has %d results %s and green %d: what %s lacks may be its slow answers",
			counted.n.Blue, counted.what, counted.n.Green, sideNames[fewer]),
			"give both attacks one -rate, one -duration and enough -max-workers, and judge the whole files")
	}
}

// mayLack is how many of n results two files of one load may differ by. Two attacks
// do not stop at the same request: one request at each end, those that are in flight
// when an attack stops (50 ms of requests, more than most answers take), and one in a
// thousand for a pacer that is a little late. The latter two are at most 0.5 % of the
// results, so that a short attack at a high rate may not lack more.
func mayLack(n int, rate float64) int {
	return 2 + int(min(rate/20+leastMissing*float64(n), mostMissing*float64(n)))
}

// lower makes the outcome worse, never better.
func (r *Judgement) lower(to perf.Outcome, cause perf.Cause, reason, advice string) {
	if r.Outcome == perf.NoWorse || (to == perf.Worse && r.Outcome == perf.Inconclusive) {
		r.Outcome, r.Cause, r.Reason, r.Advice = to, cause, reason, advice
	}
}

// failed is the number of results that are errors.
func (rec *recording) failed() int {
	n := 0
	for _, c := range rec.results {
		if c.record().Failure != perf.Succeeded {
			n++
		}
	}
	return n
}

// quantile is a quantile of the latencies of answers that succeeded; 0 without any.
func (rec *recording) quantile(q float64) time.Duration {
	var latencies []time.Duration
	for _, c := range rec.results {
		if record := c.record(); record.Failure == perf.Succeeded {
			latencies = append(latencies, record.Latency)
		}
	}
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return latencies[int(q*float64(len(latencies)-1))]
}

// lastFailures is the number of errors without a success after them.
func (rec *recording) lastFailures() int {
	n := 0
	for n < len(rec.results) && rec.results[len(rec.results)-1-n].record().Failure != perf.Succeeded {
		n++
	}
	return n
}
