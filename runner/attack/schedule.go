package attack

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// A slot is one scheduled request.
type slot struct {
	n     uint64 // place in the schedule, from 0
	pair  uint32
	green bool
	solo  bool
	route int
	row   int
	at    time.Duration // since the schedule's start: when it is due
	since time.Duration // when its pair is or, of interleaved halves, when their block begins: the same on both sides
	twin  uint64        // the answers of both sides that are compared have the same
	whole bool          // its answer is compared whole, whatever its size and however busy this machine is
}

// side is the index of the slot's side.
func (sl slot) side() int { return sideOf(sl.green) }

// sideNames are the sides as results name them, by their index: blue 0, green 1.
var sideNames = [2]string{"blue", "green"}

// sideOf is the index of a side.
func sideOf(green bool) int {
	if green {
		return 1
	}
	return 0
}

// A schedule yields the slots of a stage in order of time. It is made from the
// seed alone: two schedules of one plan are equal, whatever is measured.
//
//  1. Pair p starts at p/rate; its second request follows half an interval later, at
//     most maxHalf, so that a slow schedule does not outlast its duration.
//  2. Route, row and which side goes first are chosen for each pair.
//  3. In solo and interleaved blocks one request of the pair is left out. Both
//     halves of an interleaved block draw the same routes and rows, so that each
//     answer of one half has its twin in the other.
//  4. Of a stage that walks whole cases a slot is one walk, and its route the number of
//     the case. Rows are dealt in their order; after the last comes the first again.
//  5. The first wholeFirst pairs of a route, and the first of every second, are
//     compared whole.
type schedule struct {
	design  perf.Design
	weights []int // cumulative
	rows    []int
	walks   bool // the routes are cases
	rng     *rand.Rand
	end     time.Duration
	half    time.Duration
	pair    uint32
	n       uint64
	second  slot
	pending bool
	shown   []shown // by route: what rule 5 has chosen, and rule 4 dealt
	turn    turn    // of an interleaved stage
}

// shown is what rules 4 and 5 know of a route.
type shown struct {
	pairs int
	dealt int           // rows
	until time.Duration // the next pair after it is compared whole
}

// A turn is one half of an interleaved block.
type turn struct {
	block  int
	second bool
	pairs  uint64
	begins []shown // as the block began
}

const (
	maxHalf = 0.5 // seconds
	// The first wholeFirst pairs of a route, and then the first in each wholeEvery, are compared
	// whole; see rule 5.
	wholeFirst = 20
	wholeEvery = time.Second
)

// newSchedule makes the schedule of a stage from its seed: the same design always gives the same
// requests at the same times. With cases they are walked whole.
func newSchedule(design perf.Design, routes []Route, cases ...Case) *schedule {
	s := &schedule{
		walks:  len(cases) > 0,
		design: design,
		rng:    rand.New(rand.NewPCG(design.Seed, 0x6267766572696679)),
		end:    design.Length(),
		half:   time.Duration(min(1/design.Rate/2, maxHalf) * 1e9),
	}
	s.weights, s.rows = weighed(routes, cases)
	s.shown = make([]shown, len(s.rows))
	s.turn.block = math.MinInt
	return s
}

// next returns the next slot, and false after the last.
func (s *schedule) next() (slot, bool) {
	if s.pending {
		s.pending = false
		return s.number(s.second), true
	}
	start := s.design.PairStart(s.pair)
	if start >= s.end {
		return slot{}, false
	}
	first := slot{pair: s.pair, at: start, since: start, twin: uint64(s.pair)}
	s.pair++
	if s.design.Pairing == perf.Interleaved {
		first.twin = s.take(start)
		first.since = max(0, s.design.WarmUp+time.Duration(s.turn.block)*s.design.Block())
	}
	first.route = sort.SearchInts(s.weights, 1+s.rng.IntN(s.weights[len(s.weights)-1]))
	if s.walks { // Rule 4
		first.row = s.shown[first.route].dealt % s.rows[first.route]
		s.shown[first.route].dealt++
	} else {
		first.row = s.rng.IntN(s.rows[first.route])
	}
	greenFirst := s.rng.Uint64()&1 == 1
	if known := &s.shown[first.route]; known.pairs < wholeFirst || start >= known.until {
		first.whole, known.until = true, start.Truncate(wholeEvery)+wholeEvery
	}
	s.shown[first.route].pairs++
	switch side, alone := s.alone(start); {
	case alone:
		first.green, first.solo = side, s.design.Pairing == perf.Paired
	default:
		first.green = greenFirst
		s.second, s.pending = first, true
		s.second.green, s.second.at = !greenFirst, start+s.half
	}
	return s.number(first), true
}

// take begins the half of an interleaved block that an instant belongs to (rule
// 3), and numbers its pairs.
func (s *schedule) take(start time.Duration) (twin uint64) {
	block, second := s.halfOf(start)
	if t := &s.turn; t.block != block || t.second != second {
		if t.block != block {
			t.begins = slices.Clone(s.shown)
		} else {
			copy(s.shown, t.begins)
		}
		t.block, t.second, t.pairs = block, second, 0
		for i := range s.shown {
			s.shown[i].until = 0
		}
		s.rng = rand.New(rand.NewPCG(perf.Mix(s.design.Seed, uint64(block+1)), 0x6267766572696679))
	}
	s.turn.pairs++
	return uint64(s.turn.block+1)<<32 | s.turn.pairs
}

// halfOf is the interleaved block of an instant, -1 for the warm-up, and whether
// the instant is in its second half.
func (s *schedule) halfOf(start time.Duration) (block int, second bool) {
	if block = s.design.BlockOf(start); block < 0 {
		return block, start >= s.design.WarmUp/2
	}
	return block, start-s.design.WarmUp-time.Duration(block)*s.design.Block() >= s.design.Block()/2
}

// number gives a request its number, by which its answer is found.
func (s *schedule) number(sl slot) slot {
	sl.n = s.n
	s.n++
	return sl
}

// alone says whether one side alone is loaded at an instant, and whether it is green.
func (s *schedule) alone(start time.Duration) (green, alone bool) {
	if s.design.Pairing == perf.Interleaved {
		block, second := s.halfOf(start)
		if block < 0 { // first half of the warm-up: blue
			return second, true
		}
		return s.design.BlueFirst(block) == second, true
	}
	block := s.design.BlockOf(start)
	if block < 0 {
		return false, false
	}
	switch s.design.LoadOf(block) {
	case perf.BlueOnly:
		return false, true
	case perf.GreenOnly:
		return true, true
	}
	return false, false
}

// rests says whether a side sends nothing at an instant because the other one alone is
// loaded then, and until when.
func rests(d *perf.Design, green bool, at time.Duration) (until time.Duration, rest bool) {
	s := &schedule{design: *d}
	if loaded, alone := s.alone(at); !alone || loaded == green {
		return 0, false
	}
	if d.Pairing != perf.Interleaved {
		return d.WarmUp + time.Duration(d.BlockOf(at)+1)*d.Block(), true
	}
	block, second := s.halfOf(at)
	until = d.WarmUp + time.Duration(block+1)*d.Block() // of the warm-up: its end
	if !second && block < 0 {
		until -= d.WarmUp / 2
	} else if !second {
		until -= d.Block() / 2
	}
	return until, true
}
