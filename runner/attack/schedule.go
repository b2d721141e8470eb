package attack

import (
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
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
	at    time.Duration // since the schedule's start
}

// A schedule yields the slots of a stage in order of time. It is drawn from the
// seed alone: two schedules of one plan are equal, whatever is measured.
//
// Pair p starts at p/rate; its second request follows half an interval later, at
// most maxHalf, so that a slow schedule does not outlast its duration.
// Route, row and which side goes first are drawn for each pair. In solo and
// interleaved blocks one request of the pair is left out.
type schedule struct {
	design  perf.Design
	weights []int // cumulative
	rows    []int
	rng     *rand.Rand
	end     time.Duration
	half    time.Duration
	pair    uint32
	n       uint64
	second  slot
	pending bool
}

const maxHalf = 0.5 // seconds

func newSchedule(design perf.Design, routes []Route) *schedule {
	s := &schedule{
		design: design,
		rng:    rand.New(rand.NewPCG(design.Seed, 0x6267766572696679)),
		end:    design.Length(),
		half:   time.Duration(min(1/design.Rate/2, maxHalf) * 1e9),
	}
	total := 0
	for _, r := range routes {
		total += max(r.Weight, 1)
		s.weights = append(s.weights, total)
		s.rows = append(s.rows, len(r.Blue))
	}
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
	first := slot{pair: s.pair, at: start}
	s.pair++
	first.route = sort.SearchInts(s.weights, 1+s.rng.IntN(s.weights[len(s.weights)-1]))
	first.row = s.rng.IntN(s.rows[first.route])
	greenFirst := s.rng.Uint64()&1 == 1
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

func (s *schedule) number(sl slot) slot {
	sl.n = s.n
	s.n++
	return sl
}

// alone says whether one side alone is loaded at an instant, and whether it is green.
func (s *schedule) alone(start time.Duration) (green, alone bool) {
	block := s.design.BlockOf(start)
	if s.design.Pairing == perf.Interleaved {
		if block < 0 { // first half of the warm-up: blue
			return start >= s.design.WarmUp/2, true
		}
		into := start - s.design.WarmUp - time.Duration(block)*s.design.Block()
		secondHalf := into >= s.design.Block()/2
		return s.design.BlueFirst(block) == secondHalf, true
	}
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

// The label of a slot travels in the fragment of its URL: vegeta hands it back
// in Result.URL, and it never reaches the wire. Its parts are base 36:
// side.n.pair.route.row, with the side as b, g, or B, G in a solo block.

// label writes a slot's label.
func (sl slot) label(b []byte) []byte {
	side := byte('b')
	if sl.green {
		side = 'g'
	}
	if sl.solo {
		side -= 'a' - 'A'
	}
	b = append(b, side)
	for _, v := range [...]uint64{sl.n, uint64(sl.pair), uint64(sl.route), uint64(sl.row), uint64(sl.at)} {
		b = append(b, '.')
		b = strconv.AppendUint(b, v, 36)
	}
	return b
}

// slotOf reads a label.
func slotOf(label string) (slot, bool) {
	var sl slot
	if label == "" {
		return sl, false
	}
	switch label[0] {
	case 'b', 'B':
	case 'g', 'G':
		sl.green = true
	default:
		return sl, false
	}
	sl.solo = label[0] < 'a'
	var parts [5]uint64
	rest := label[1:]
	for i := range parts {
		if rest == "" || rest[0] != '.' {
			return sl, false
		}
		rest = rest[1:]
		end := strings.IndexByte(rest, '.')
		if end < 0 {
			end = len(rest)
		}
		v, err := strconv.ParseUint(rest[:end], 36, 64)
		if err != nil {
			return sl, false
		}
		parts[i], rest = v, rest[end:]
	}
	sl.n, sl.pair, sl.route, sl.row, sl.at = parts[0], uint32(parts[1]), int(parts[2]), int(parts[3]), time.Duration(parts[4])
	return sl, rest == ""
}
