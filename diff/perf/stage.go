package perf

import (
	"fmt"
	"math"
	"time"
)

// Health is what the load generator says of itself at an instant.
type Health struct {
	CPU        float64       `json:"cpu"`          // share of GOMAXPROCS
	GCPauseP99 time.Duration `json:"gc_pause_p99"` //
	CapHit     bool          `json:"cap_hit"`      // all workers were busy at once
}

// A Stage turns the records of a load stage into a decision.
//
//	Add any number of records, from any number of workers, in any order
//	Void    leaves out a block that one of several generators spoiled
//	Through says up to where the schedule is complete, and closes blocks;
//	        it returns the decision of the look that has become due, if any
//	Finish  closes what is left and returns the last word
//
// Only a block whose every request has ended is looked at: a look that left out
// the requests still under way would leave out the slowest ones.
type Stage struct {
	design  Design
	length  time.Duration // of a block
	metrics int           // K: gates and guards, the stall guard apart
	open    map[int][]Record
	ended   map[int]*ended
	next    int            // the first block that is not closed
	voids   int            // closed blocks that Void left out
	apart   string         // see VoidApart; empty: all generators saw the same
	stuck   map[int][2]int // of a closed loop, by block: requests under way from before it to after it
	// Of a closed loop: requests and whole walks of blue in a block; 0 until enough blocks
	// have shown it.
	seen, seenWalks float64
	blocks          []*block
	flying          [2]int // sent minus ended, up to the last closed block
	cut             bool   // the block before next was left out
	lags            Lags
	every           everyRequest
	whole           wholeRun
	series          plots
	stalls          stalls
	look            int     // looks passed
	carried         float64 // alpha of dropped looks
	spent           float64 // alpha of the looks passed
	last            *Decision
}

// ended counts the walks, or else requests, that ended within a block, whenever they were
// begun; answered are requests that succeeded, of a closed loop.
type ended struct{ all, done, answered [2]int }

// NewStage prepares the judgement of one design. It must have a rate above 0, or users.
func NewStage(d Design) *Stage {
	d = d.withDefaults()
	s := &Stage{
		design: d, length: d.Block(), open: map[int][]Record{}, ended: map[int]*ended{}, stuck: map[int][2]int{},
		series: newPlots(d), whole: wholeRun{blocks: d.Blocks()}, stalls: stalls{design: d},
	}
	s.metrics = s.countMetrics()
	return s
}

// countMetrics is K.
func (s *Stage) countMetrics() int {
	k := len(s.gates()) + len(s.runQuantiles()) + 1 // errors
	switch {
	case s.design.closed():
		k += len(s.rateMetrics())
	case s.design.Pairing != Recorded:
		k++ // throughput
	}
	return k + 2*len(s.watched())
}

// perBlock is how many requests of a side a block holds: by the plan or, of a closed loop,
// which has none, as its first blocks have shown it.
func (s *Stage) perBlock() float64 {
	if s.design.closed() {
		return s.seen
	}
	return s.design.Planned()
}

// Design returns the design with its defaults filled in.
func (s *Stage) Design() Design { return s.design }

// gates returns the indices of the gated quantiles.
func (s *Stage) gates() []int {
	if s.seen >= leastForP99 {
		return []int{0, 1, 2}
	}
	return s.design.gates()
}

// watched are the routes that are compared by themselves: a slow one must not hide behind the
// busy ones.
func (s *Stage) watched() []watchedRoute {
	watched, _ := s.design.watch(s.perBlock())
	return watched
}

// keptRoutes are the routes whose latencies stay when a block closes.
func (s *Stage) keptRoutes() []int {
	var kept []int
	if s.design.closed() && s.seen == 0 { // which of them are rare will be seen
		for i := range s.design.Routes {
			kept = append(kept, i)
		}
		return kept
	}
	for _, r := range s.watched() {
		if r.pool > 1 {
			kept = append(kept, r.route)
		}
	}
	return kept
}

// Add takes one record.
func (s *Stage) Add(r Record) {
	if !r.Walk {
		s.every.add(r, s.design.Unit)
	}
	i := s.blockOf(s.design.StartOf(r))
	if s.design.closed() && !r.Walk {
		s.noteRequest(r)
	}
	if r.Walk == s.design.walks() { // what the generator begins
		e := s.endedIn(s.blockOf(r.Scheduled + r.Latency))
		e.all[sideOf(r)]++
		if r.Failure == Succeeded {
			e.done[sideOf(r)]++
		}
		if i < 0 {
			s.flying[sideOf(r)]++
		}
	}
	if i < 0 {
		return
	}
	if i >= s.next && i < s.Scheduled() {
		s.open[i] = append(s.open[i], r)
	}
}

// StartOf is the instant that says which block a record belongs to: when its pair was
// scheduled or, of recorded results, when it was sent. In a closed loop a request belongs
// to where it was sent, and a walk to where it ended, as it may be longer than any block.
func (d Design) StartOf(r Record) time.Duration {
	switch {
	case d.closed() && r.Walk:
		return r.Scheduled + r.Latency
	case d.closed() || d.Pairing == Recorded:
		return r.Scheduled
	}
	return d.PairStart(r.Pair)
}

// blockOf is Design.BlockOf, which is asked twice a record.
func (s *Stage) blockOf(t time.Duration) int {
	if t < s.design.WarmUp {
		return -1
	}
	return int((t - s.design.WarmUp) / s.length)
}

// endedIn is the count of requests that ended in a block; it is made when first asked for.
func (s *Stage) endedIn(block int) *ended {
	e := s.ended[block]
	if e == nil {
		e = &ended{}
		s.ended[block] = e
	}
	return e
}

// Through says that every record scheduled before t has been added. It closes
// the blocks before t and returns the decision of the newest look that has
// become due; nil when none has.
func (s *Stage) Through(t time.Duration, h Health) *Decision {
	var decision *Decision
	for s.next < s.Scheduled() && s.design.WarmUp+time.Duration(s.next+1)*s.design.Block() <= t {
		s.close()
		if d := s.lookIfDue(h); d != nil {
			decision = d
			if d.Final {
				return d
			}
		}
	}
	if h.CapHit { // the load is no longer the planned one, and will not be again
		s.last = s.decide(0, true, h)
		return s.last
	}
	return decision
}

// close closes the next block.
func (s *Stage) close() {
	b := s.collect(s.next, s.open[s.next])
	delete(s.open, s.next)
	s.settleWarmUp()
	e := s.endedIn(s.next)
	b.done, b.loop.answered = e.done, e.answered
	for side := range s.flying {
		s.flying[side] += b.begun(s.design)[side]
	}
	s.settle(e)
	b.growth = s.flying
	delete(s.ended, s.next)
	s.blocks = append(s.blocks, b)
	s.next++
	if s.design.closed() && s.seen == 0 {
		s.learn()
	}
}

// Void closes the next block without judging it: several generators fired it, and one
// of them failed to do its share. None of its records may have been added. In its place
// the stage gets one more block at its end, so that looks and duration count whole
// blocks. What was sent in it and ended later is unknown, so the block after it does
// not speak for throughput.
func (s *Stage) Void() {
	delete(s.open, s.next)
	s.settleWarmUp()
	s.settle(s.endedIn(s.next))
	delete(s.ended, s.next)
	s.voids++
	s.cut = true
	s.next++
}

// VoidApart is Void for a block in which some generators got answers of both sides and others of
// one alone: a side failed for a part of its clients, or a generator's network did. The stage can
// still be worse, by its other blocks, and not pass. why says it in words.
func (s *Stage) VoidApart(why string) {
	s.Void()
	s.apart = why
}

// Scheduled is the number of blocks that the stage has now: those of its design, and
// one more for each that Void left out.
func (s *Stage) Scheduled() int { return s.design.Blocks() + s.voids }

// closed is the number of blocks that were closed and judged.
func (s *Stage) closed() int { return s.next - s.voids }

// settleWarmUp books what ended in the warm-up, when the first block closes.
func (s *Stage) settleWarmUp() {
	if s.next == 0 {
		s.settle(s.endedIn(-1))
		delete(s.ended, -1)
	}
}

// settle takes requests that ended off those under way.
func (s *Stage) settle(e *ended) {
	for side := range s.flying {
		s.flying[side] -= e.all[side]
	}
}

// lookAt is the time of a look since the end of the warm-up.
func (s *Stage) lookAt(look int) time.Duration {
	return time.Duration(looks[look].at * float64(s.design.Duration))
}

// NextLook is the time of the next look since the schedule's start, and false
// when none is left.
func (s *Stage) NextLook() (time.Duration, bool) {
	for k := s.look; k < len(looks); k++ {
		last := k == len(looks)-1
		if at := s.lookAt(k); last || (!s.design.OneLook && at >= s.design.leastLook()) {
			return s.design.WarmUp + at, true
		}
	}
	return 0, false
}

// lookIfDue looks when the closed blocks have reached the next look. A look
// before 30 s or 15 valid blocks is dropped and its alpha goes to the next.
func (s *Stage) lookIfDue(h Health) *Decision {
	var decision *Decision
	elapsed := time.Duration(s.closed()) * s.design.Block()
	for s.look < len(looks) {
		// The last look comes with the last whole block, the others with the
		// block that completes their time.
		last := s.look == len(looks)-1
		if (!last && elapsed < s.lookAt(s.look)) || (last && s.closed() < s.design.Blocks()) {
			break
		}
		s.carried += looks[s.look].alpha * s.design.Alpha
		s.look++
		if !last && (s.design.OneLook || elapsed < s.design.leastLook() || len(s.valid()) < minLookBlocks) {
			continue
		}
		decision = s.decide(s.carried, last, h)
		s.spent += s.carried
		s.carried = 0
		s.last = decision
		if decision.Final {
			break
		}
	}
	return decision
}

// Finish says that no more records will come: it closes every block, complete or
// not, and returns the last decision. A stage that ends before its duration has
// looked at nothing since its last look: what it has not proven by then is
// inconclusive.
func (s *Stage) Finish(h Health) *Decision {
	if s.last != nil && s.last.Final {
		return s.last
	}
	if d := s.Through(math.MaxInt64, h); d != nil && d.Final {
		return d
	}
	s.last = s.decide(s.carried+s.remaining(), true, h)
	return s.last
}

// Interrupt is the word on a stage that was stopped from outside: worse when
// that is proven already, else inconclusive.
func (s *Stage) Interrupt(h Health) *Decision {
	d := s.decide(s.carried, true, h)
	if d.Outcome != Worse {
		d.Outcome, d.Cause, d.Advice = Inconclusive, Underpowered, "let the load run to its end"
		d.Reason = fmt.Sprintf("interrupted after %s", seconds(d.Seconds))
	}
	d.Final = true
	s.last = d
	return d
}

// remaining is the alpha of the looks that have not come.
func (s *Stage) remaining() float64 {
	alpha := 0.0
	for _, l := range looks[s.look:] {
		alpha += l.alpha * s.design.Alpha
	}
	return alpha
}

// Series returns what the plots are drawn from. Call it once, at the end.
func (s *Stage) Series() *Series { return s.series.series(&s.whole) }

// valid returns the blocks in which both sides were loaded and the generator did
// its work.
func (s *Stage) valid() []*block {
	var valid []*block
	for _, b := range s.blocks {
		if b.judged() {
			valid = append(valid, b)
		}
	}
	return valid
}

// judged says whether a block speaks for both sides.
func (b *block) judged() bool { return b.healthy && b.load == Both && !b.loop.settling }

// dropped counts the blocks in which the generator failed.
func (s *Stage) dropped() int {
	n := 0
	for _, b := range s.blocks {
		if !b.healthy {
			n++
		}
	}
	return n
}
