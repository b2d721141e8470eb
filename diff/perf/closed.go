package perf

import (
	"fmt"
	"math"
	"time"
)

// Users are the closed loop of a stage: each walks its cases one after the other, and
// begins the next walk when the one before has ended. How much they send follows from how
// fast they are answered.
type Users struct {
	Count int           `json:"count"`          // of each side
	Ramp  time.Duration `json:"ramp,omitempty"` // in which they begin, evenly spread
	Think Span          `json:"think,omitzero"` // between two walks
	// Idle is the mean time of a walk in which a user waits for no answer: think and the
	// pauses of its cases.
	Idle time.Duration `json:"idle,omitempty"`
}

// A Span is a duration, or an evenly distributed one where Most is more than Least.
type Span struct {
	Least time.Duration `json:"least"`
	Most  time.Duration `json:"most"`
}

// Mean is the middle of the span.
func (s Span) Mean() time.Duration { return s.Least + (s.Most-s.Least)/2 }

// String is the span as a scenario file has it: 1s, or 500ms..2s.
func (s Span) String() string {
	if s.Least == s.Most {
		return s.Least.String()
	}
	return s.Least.String() + ".." + s.Most.String()
}

// The figures of closed loops.
const (
	rateMargin   = 0.05 // of requests/s and walks/s
	maxWaited    = 0.10 // of their time, that users may wait for this machine
	usualLatency = 100 * time.Millisecond
	maxSpanned   = 1000 // blocks that one request is counted in
)

// closed reports whether the stage is a closed loop.
func (d Design) closed() bool { return d.Users.Count > 0 }

// expected is a guess of how many requests per second the users of a side send: a tenth
// of a second for each answer. It sets the length of blocks and nothing else.
func (u Users) expected(perWalk float64) float64 {
	perWalk = math.Max(perWalk, 1)
	return float64(u.Count) * perWalk / (u.Idle.Seconds() + perWalk*usualLatency.Seconds())
}

// Offers is how many walks, or else requests, per second the users of a side would make if
// answers took no time; 0 where nothing but the answers holds them back.
func (u Users) Offers() float64 {
	if u.Idle <= 0 {
		return 0
	}
	return float64(u.Count) / u.Idle.Seconds()
}

// A loop is what a block of a closed loop holds beyond other blocks.
type loop struct {
	answered [2]int        // successful requests that ended within the block
	stuck    [2]int        // requests under way from before it to after it
	waited   time.Duration // by users of both sides for this machine, before they could send
	settling bool          // a side rested in the block before: its users begin together
}

// noteRequest counts where a request of a closed loop ended, and the blocks that passed
// while its user waited for nothing else.
func (s *Stage) noteRequest(r Record) {
	end := s.blockOf(r.Scheduled + r.Latency)
	if r.Failure == Succeeded {
		s.endedIn(end).answered[sideOf(r)]++
	}
	from := max(s.blockOf(r.Scheduled)+1, s.next)
	for i := from; i < min(end, s.Scheduled(), from+maxSpanned); i++ {
		stuck := s.stuck[i]
		stuck[sideOf(r)]++
		s.stuck[i] = stuck
	}
}

// learn takes from the first blocks how many requests and walks of blue a block holds,
// which decides what single blocks can speak for. It is blue's alone and taken once, so
// that nothing which green does chooses how green is judged.
func (s *Stage) learn() {
	valid := s.valid()
	if len(valid) < minLookBlocks {
		return
	}
	requests, walks := 0, 0
	for _, b := range valid {
		requests += b.sent[blue]
		walks += b.done[blue]
	}
	s.seen, s.seenWalks = float64(requests)/float64(len(valid)), float64(walks)/float64(len(valid))
	s.metrics = s.countMetrics()
	kept := map[int]bool{}
	for _, r := range s.keptRoutes() {
		kept[r] = true
	}
	for _, b := range s.blocks {
		for route := range b.rare {
			if !kept[route] {
				b.rare[route] = [2][]float64{}
			}
		}
	}
}

// A rateMetric is what a closed loop gets done, counted over pools of blocks.
type rateMetric struct {
	metric Metric
	done   func(*block) [2]int
	pool   int // blocks that together hold enough
}

// rateMetrics are the rates that are judged: requests and, where the duration holds enough
// of them, whole walks.
func (s *Stage) rateMetrics() []rateMetric {
	metrics := []rateMetric{{RequestRate, func(b *block) [2]int { return b.loop.answered }, 1}}
	if s.seen > 0 {
		metrics[0].pool = poolOf(s.seen)
	}
	if pool := poolOf(s.seenWalks); s.design.walks() && s.seen > 0 && pool*leastPools <= s.design.Blocks() {
		metrics = append(metrics, rateMetric{WalkRate, func(b *block) [2]int { return b.done }, pool})
	}
	return metrics
}

// rates judge how much both sides get done: the ratio of green to blue by blocks, or by
// pools of them where a block holds fewer than routePerBlock. Only what succeeded counts,
// in the block in which it ended. They are gates: users who are never answered have no
// latency, and this is where they show. Low, High and Change are of green/blue - 1, so
// that less is worse; Margin, MDE and Floor say how much less.
func (v *view) rates() []evidence {
	var found []evidence
	for _, m := range v.rateMetrics() {
		found = append(found, v.rate(m))
	}
	return found
}

// rate compares what both sides got done per second in a closed loop, in groups of blocks that are
// long enough to hold whole requests.
func (v *view) rate(m rateMetric) evidence {
	var p pairs
	var sums [2]float64
	for rest, i := v.blocks, 0; len(rest) >= m.pool; rest, i = rest[m.pool:], i+1 {
		var done [2]float64
		for _, b := range rest[:m.pool] {
			for side, n := range m.done(b) {
				done[side] += float64(n)
			}
		}
		at := i
		if m.pool == 1 {
			at = rest[0].index
		}
		for side := range done {
			sums[side] += done[side]
			done[side] = math.Log(math.Max(done[side], 0.5)) // the logarithm of nothing has no value
		}
		p.add(at, done[green], done[blue]) // a slower green is above 0, as in a latency
	}
	e := evidence{est: seriesEstimate(p.d, p.at), delta: -math.Log1p(-rateMargin)}
	e.Metric, e.Role, e.Margin, e.Blocks = m.metric, Gate, rateMargin, e.est.m
	if e.est.m == 0 {
		e.NeedS, e.MDE, e.Floor, e.Low, e.Note = most, 1, 1, -1, "no blocks"
		return e
	}
	seconds := float64(e.est.m*m.pool) * v.loaded().Seconds()
	e.Blue, e.Green = sums[blue]/seconds, sums[green]/seconds
	least := minLookBlocks
	if m.pool > 1 {
		least = leastPools
	}
	enough := e.est.m >= least
	less := func(log float64) float64 { return -math.Expm1(-log) }
	e.SE, e.Lag1, e.Degrees = finite(e.est.se), e.est.lag1, e.est.degrees
	e.Change, e.Low, e.High = -less(e.est.mean), -less(e.est.upper(v.alpha)), finite(-less(e.est.lower(v.alpha)))
	e.MDE = less(e.est.mde(v.design.Alpha, e.delta, v.metrics))
	e.Floor = less(e.est.floor(v.proofLevel(e)))
	e.failed = enough && e.est.worse(v.alpha/float64(v.metrics), v.design.Alpha, e.delta, 0)
	e.proven = enough && e.est.upper(v.alpha) < e.delta
	if !e.proven {
		e.NeedS = finite(e.est.need(v.seconds, v.proofLevel(e), e.delta))
	}
	return e
}

// loaded is how long a block loads each side.
func (s *Stage) loaded() time.Duration {
	if s.design.Pairing == Interleaved {
		return s.design.Block() / 2
	}
	return s.design.Block()
}

// waited is the share of their time that the users of both sides waited for this machine
// although they could have sent: in that time they load nothing, on either side, so that
// the sides look more alike than they are.
func (v *view) waited() float64 {
	var sum time.Duration
	for _, b := range v.blocks {
		sum += b.loop.waited
	}
	whole := 2 * float64(len(v.blocks)*v.design.Users.Count) * v.loaded().Seconds()
	if whole == 0 {
		return 0
	}
	return math.Min(1, sum.Seconds()/whole)
}

// loopNotes are what a reader must know of the figures of a closed loop.
func (v *view) loopNotes() []string {
	if !v.design.closed() || len(v.blocks) < minLookBlocks {
		return nil
	}
	notes := v.design.unguarded(v.perBlock())
	if v.design.walks() && len(v.rateMetrics()) == 1 {
		notes = append(notes, fmt.Sprintf("walks/s are not judged: blue ends %.1f walks in a block, too few for %d blocks; requests/s are",
			v.seenWalks, v.design.Blocks()))
	}
	return notes
}
