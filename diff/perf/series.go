package perf

import (
	"math"
	"slices"
	"time"
)

// A Series is what the plots of a load stage are drawn from, bounded in size.
type Series struct {
	BucketS     float64     `json:"bucket_s"`
	Buckets     []Bucket    `json:"buckets"` // at most 300
	Percentiles []PercPoint `json:"percentiles"`
}

// A Bucket is a slice of time of a load stage: one block, or as many as it takes
// to stay below 300.
type Bucket struct {
	Start                                float64 // seconds since the schedule's start
	BlueP50, BlueP99, GreenP50, GreenP99 float64 // seconds; 0 without requests
	BlueErrors, GreenErrors              int
	Offered, Achieved                    float64 // requests per second, both sides; Offered is 0 in a closed loop
	// BlueRate and GreenRate are the requests per second that were answered in a closed loop.
	BlueRate, GreenRate float64 `json:",omitzero"`
}

// A PercPoint is one point of both sides' percentile curves, right within 0.1 %.
type PercPoint struct {
	Q           float64
	Blue, Green float64 // seconds
}

const (
	// maxBuckets bounds the points of a plot: a stage of any length has a plot of one size.
	maxBuckets = 300
	leastTail  = 10 // requests beyond the last point of a percentile curve
)

// plots gathers the series while blocks close.
type plots struct {
	perBucket int           // blocks
	length    time.Duration // of a block
	warmUp    time.Duration
	buckets   []Bucket
	open      [2][]float64
	planned   float64
	perWalk   float64 // requests of a walk; 1 in other stages
	closed    bool    // a closed loop
	sent      int
	answered  [2]int
	blocks    int // in the open bucket
	first     int // block of the open bucket
}

// newPlots sets up the plots of a design: as many blocks share a bucket as keep the buckets within
// maxBuckets.
func newPlots(d Design) plots {
	return plots{
		perBucket: max(1, (d.Blocks()+maxBuckets-1)/maxBuckets), length: d.Block(), warmUp: d.WarmUp, perWalk: max(d.PerWalk, 1),
		closed: d.closed(),
	}
}

// add takes a closed block with its latencies in seconds.
func (p *plots) add(b *block, latencies [2][]float64) {
	if p.blocks == 0 {
		p.first = b.index
		p.buckets = append(p.buckets, Bucket{Start: (p.warmUp + time.Duration(b.index)*p.length).Seconds()})
	}
	current := &p.buckets[len(p.buckets)-1]
	current.BlueErrors += b.failed[blue]
	current.GreenErrors += b.failed[green]
	for side := range latencies {
		p.open[side] = append(p.open[side], latencies[side]...)
	}
	sides := 2.0
	if b.load != Both {
		sides = 1
	}
	if p.closed { // what is offered follows from what is answered
		for side, n := range b.loop.answered {
			p.answered[side] += n
		}
	} else {
		p.planned += sides * b.planned * p.perWalk
	}
	p.sent += b.sent[blue] + b.sent[green]
	if p.blocks++; p.blocks == p.perBucket {
		p.close()
	}
}

// close finishes the open bucket.
func (p *plots) close() {
	if p.blocks == 0 {
		return
	}
	current := &p.buckets[len(p.buckets)-1]
	seconds := p.length.Seconds() * float64(p.blocks)
	current.Offered, current.Achieved = p.planned/seconds, float64(p.sent)/seconds
	for side, into := range [2][2]*float64{{&current.BlueP50, &current.BlueP99}, {&current.GreenP50, &current.GreenP99}} {
		if slices.Sort(p.open[side]); len(p.open[side]) > 0 {
			*into[0], *into[1] = quantile(p.open[side], 0.5), quantile(p.open[side], 0.99)
		}
		p.open[side] = p.open[side][:0]
	}
	current.BlueRate, current.GreenRate = float64(p.answered[blue])/seconds, float64(p.answered[green])/seconds
	p.blocks, p.planned, p.sent, p.answered = 0, 0, 0, [2]int{}
}

// series finishes the plots. Percentile curves are of the blocks that loaded both
// sides, and end where fewer than 10 requests are beyond.
func (p *plots) series(run *wholeRun) *Series {
	p.close()
	s := &Series{BucketS: p.length.Seconds() * float64(p.perBucket), Buckets: p.buckets}
	all := [2]fineHistogram{run.all(blue), run.all(green)}
	n := float64(min(all[blue].n, all[green].n))
	point := func(q float64) {
		if n == 0 || n*(1-q) < leastTail {
			return
		}
		s.Percentiles = append(s.Percentiles, PercPoint{q, math.Exp(all[blue].logQuantile(q, nil)), math.Exp(all[green].logQuantile(q, nil))})
	}
	// Four points a decade of 1/(1-q), from the median on, after the quartile.
	for _, q := range [...]float64{0.01, 0.05, 0.1, 0.25} {
		point(q)
	}
	for step := range 40 {
		point(1 - 0.5*math.Pow(10, -float64(step)/8))
	}
	return s
}
