package perf

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// A Pairing says how requests of blue and green belong together. Zero is invalid.
type Pairing uint8

// The pairings.
const (
	Paired      Pairing = iota + 1 // both sides at once, request by request
	Interleaved                    // one side after the other in random order, block by block
	Recorded                       // recorded elsewhere side by side: blocks by time, requests unpaired
)

// A Route is one request shape of a stage with its share of the load.
type Route struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // its number by the number of requests; the shares of requests sum to 1
}

// A Design is what a load stage sets out to measure. It is fixed before the
// first request: nothing in it may depend on what is measured.
type Design struct {
	Rate     float64       `json:"rate"` // requests, or walks, per second and side
	Duration time.Duration `json:"duration"`
	// 0: max(5 s, 200 requests per side) but for these no longer than Duration; twice that when interleaved
	WarmUp  time.Duration `json:"warm_up"`
	Timeout time.Duration `json:"timeout"` // a timed-out request counts as this long
	Routes  []Route       `json:"routes"`
	Margins Margins       `json:"margins"` // zero fields: the defaults
	Alpha   float64       `json:"alpha"`   // 0: 0.01
	Pairing Pairing       `json:"pairing"`
	Seed    uint64        `json:"seed"` // places the solo blocks
	NoSolo  bool          `json:"no_solo,omitempty"`
	OneLook bool          `json:"one_look,omitempty"` // judged at the end only, with all of alpha
	Unit    time.Duration `json:"unit"`               // shortest block, 0: 2 s; 15 of them make the shortest time to a look
	// Calibrates is for blue against blue: judged at the end only, with two of every
	// five blocks solo from the first look on, to see blue alone. That both sides
	// slow each other there says nothing of green and is no doubt.
	Calibrates bool  `json:"calibrates,omitempty"`
	Known      Known `json:"known,omitzero"` // what a calibration found
	// PerWalk is the mean number of requests of a walk; 0: the stage sends single requests.
	PerWalk float64 `json:"per_walk,omitempty"`
	// Settle is how long a walk pauses by itself at most: the default warm-up is as much longer.
	Settle time.Duration `json:"settle,omitempty"`
	// Users make the stage a closed loop instead of one at a rate; Rate is 0 then.
	Users Users `json:"users,omitzero"`
}

// The fixed figures of the rule.
const (
	DefaultDuration = 120 * time.Second
	DefaultAlpha    = 0.01
	DefaultUnit     = 2 * time.Second
	minLookBlocks   = 15
	soloGroup       = 20 // blocks in which each side rests once
	calibratesGroup = 5  // the same, in a calibration
)

// looks are the shares of the duration at which the stage is judged, and the
// share of alpha that each may spend: a union bound, valid whatever the dependence.
var looks = [...]struct{ at, alpha float64 }{{0.25, 0.1}, {0.5, 0.2}, {0.75, 0.3}, {1, 0.4}}

// withDefaults fills what the caller left open.
func (d Design) withDefaults() Design {
	d.Duration = cmp.Or(max(d.Duration, 0), DefaultDuration)
	d.Unit = cmp.Or(max(d.Unit, 0), DefaultUnit)
	d.Alpha = cmp.Or(max(d.Alpha, 0), DefaultAlpha)
	d.Pairing = cmp.Or(d.Pairing, Paired)
	d.OneLook = d.OneLook || d.Calibrates
	if d.WarmUp > 0 {
		return d
	}
	switch {
	case d.closed():
		d.WarmUp = d.Users.Ramp + 5*d.Unit/2 + d.Settle
	case d.Pairing != Recorded && d.Rate > 0:
		// A stage that cannot hold 200 requests proves nothing: warming up for
		// them would only make it outlast its duration.
		d.WarmUp = max(5*d.Unit/2, min(d.Duration, time.Duration(math.Ceil(min(200/d.requestRate(), 1e8)*1e9)))) + d.Settle
	}
	if d.Pairing == Interleaved { // one side after the other
		d.WarmUp *= 2
	}
	return d
}

// gatesP99 says whether p99 is a gate: when the file writes its margin, or when
// a block of the shortest length holds the 200 requests per side that p99 needs.
func (d Design) gatesP99() bool {
	return d.Margins.P99 != (Margin{}) || !d.closed() && d.requestRate()*d.Unit.Seconds() >= leastForP99-1e-9
}

// leastForP99 is how many requests per side a block must hold for its p99 to be a gate.
const leastForP99 = 200

// InPairs reports whether the requests of blue and green belong together one by one.
func (d Design) InPairs() bool { return d.Pairing == Paired && !d.closed() }

// walks reports whether the stage walks whole cases.
func (d Design) walks() bool { return d.PerWalk > 0 }

// unit names what the stage's rate counts.
func (d Design) unit() string {
	if d.walks() {
		return "walks"
	}
	return "requests"
}

// requestRate is the planned number of requests per second and side.
func (d Design) requestRate() float64 {
	if d.closed() {
		return d.Users.expected(d.PerWalk)
	}
	if d.walks() {
		return d.Rate * d.PerWalk
	}
	return d.Rate
}

// Block returns the length of a block: 2 s, or as long as it takes for 2 requests
// per side beyond the highest gated quantile. An interleaved block holds both
// sides one after the other and is twice as long.
func (d Design) Block() time.Duration {
	q := 0.95
	if d.gatesP99() {
		q = 0.99
	}
	l := max(d.Unit, time.Duration(math.Ceil(min(2/((1-q)*d.requestRate()), 1e7)-1e-9))*time.Second)
	if fine := time.Duration(math.Ceil(2 / ((1 - q) * d.requestRate()) * 1e9)); d.Unit < time.Second {
		l = max(d.Unit, fine)
	}
	if d.Pairing == Interleaved {
		l *= 2
	}
	return l
}

// PairStart is the scheduled time of a pair's first request, or of its first walk, since the schedule's start.
func (d Design) PairStart(pair uint32) time.Duration {
	return time.Duration(math.Round(min(float64(pair)/d.Rate*1e9, math.MaxInt64/2)))
}

// BlockOf returns the number of the block that an instant of the schedule belongs
// to; negative during the warm-up.
//
// A request of a closed loop belongs to the block in which it was sent, and a whole walk
// to the one in which it ended. See Stage.startOf.
func (d Design) BlockOf(t time.Duration) int {
	if t < d.WarmUp {
		return -1
	}
	return int((t - d.WarmUp) / d.Block())
}

// Blocks is the number of whole blocks in the duration.
func (d Design) Blocks() int { return int(d.Duration / d.Block()) }

// Length is how long the schedule is, warm-up included: whole blocks, or the
// duration as it is when it holds none. Nothing is judged then, but a service or
// a generator that is unhealthy still shows.
func (d Design) Length() time.Duration {
	if n := d.Blocks(); n > 0 {
		return d.WarmUp + time.Duration(n)*d.Block()
	}
	return d.WarmUp + d.Duration
}

// Planned is the number of requests per side that a block is planned to hold.
func (d Design) Planned() float64 {
	if d.walks() && !d.closed() {
		return d.begins() * d.PerWalk
	}
	return d.begins()
}

// begins is the number of walks, or else of requests, that a block is planned to begin.
// Of a closed loop, which has no plan, it is the number of requests to expect.
func (d Design) begins() float64 {
	n := d.Rate * d.Block().Seconds()
	if d.closed() {
		n = d.requestRate() * d.Block().Seconds()
	}
	if d.Pairing == Interleaved {
		n /= 2
	}
	return n
}

// A Load says which sides a block loads. Zero is both.
type Load uint8

// The loads of a block.
const (
	Both Load = iota
	BlueOnly
	GreenOnly
)

// LoadOf says which sides a block loads: of every 20 blocks one loads blue alone
// and one loads green alone, at places chosen by the seed. The first 15 blocks
// always load both, so that the first look is not put off.
func (d Design) LoadOf(block int) Load {
	if d.NoSolo || d.Pairing != Paired || block < minLookBlocks {
		return Both
	}
	size := soloGroup
	if d.Calibrates {
		size = calibratesGroup
	}
	group, place := block/size, uint64(block%size)
	first, width := uint64(0), uint64(size)
	if group == 0 { // not in a calibration, whose groups end with the 15th block
		first, width = minLookBlocks, soloGroup-minLookBlocks
	}
	h := Mix(d.Seed, uint64(group))
	blue := first + h%width
	green := first + (blue-first+1+(h>>32)%(width-1))%width
	switch place {
	case blue:
		return BlueOnly
	case green:
		return GreenOnly
	}
	return Both
}

// leastLook is the time before which no look is taken: 30 s.
func (d Design) leastLook() time.Duration { return minLookBlocks * d.Unit }

// BlueFirst says which side an interleaved block loads first.
func (d Design) BlueFirst(block int) bool { return Mix(^d.Seed, uint64(block))&1 == 0 }

// Mix hashes a seed and a number into 64 even bits (splitmix64).
func Mix(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// routePerBlock is how many requests per side a block must expect of a route to
// speak for it, and leastPools how many pools of blocks do for a rarer one.
const (
	routePerBlock = 20
	leastPools    = leastCorrelation
)

// A watchedRoute is one that is compared by itself.
type watchedRoute struct {
	route int // index into the design's routes
	pool  int // blocks that together expect enough of its requests
}

// watch sorts the routes of a stage by how many blocks hold routePerBlock of their requests:
// those of which a block does come first, then those of which the duration holds at least
// leastPools pools. The others are too rare. perBlock is how many requests per side a block
// holds. A stage of one route watches none: the whole stage speaks for it.
func (d Design) watch(perBlock float64) (watched []watchedRoute, rare []Route) {
	if len(d.Routes) < 2 {
		return nil, nil
	}
	var pooled []watchedRoute
	for i, r := range d.Routes {
		switch pool := poolOf(r.Share * perBlock); {
		case pool == 1:
			watched = append(watched, watchedRoute{i, pool})
		case pool*leastPools <= d.Blocks():
			pooled = append(pooled, watchedRoute{i, pool})
		default:
			rare = append(rare, r)
		}
	}
	return append(watched, pooled...), rare
}

// poolOf is how many blocks hold routePerBlock of what each is expected to hold.
func poolOf(expected float64) int {
	if expected <= 0 {
		return math.MaxInt32
	}
	return int(min(math.Ceil(routePerBlock/expected-1e-9), math.MaxInt32))
}

// unguarded warns of the routes that are too rare for the whole duration: in one line,
// however many there are. It names the first one with its figure.
func (d Design) unguarded(perBlock float64) []string {
	_, rare := d.watch(perBlock)
	if len(rare) == 0 {
		return nil
	}
	which := "route " + rare[0].Name + " is not watched on its own: it has"
	if n := len(rare); n > 1 {
		which = fmt.Sprintf("%d of %d routes are not watched on their own: %s, the first of them, has", n, len(d.Routes), rare[0].Name)
	}
	return []string{fmt.Sprintf("%s %.1f requests per block and side, and %d blocks hold too few; raise the rate, its weight or the duration",
		which, rare[0].Share*perBlock, d.Blocks())}
}

// gates returns the indices of the gated quantiles.
func (d Design) gates() []int {
	if d.gatesP99() {
		return []int{0, 1, 2}
	}
	return []int{0, 1}
}

// Warnings returns the shortfalls that hold whatever the noise is, or, without
// any, the routes that are not watched.
func (d Design) Warnings() []string {
	d = d.withDefaults()
	var warnings []string
	for _, s := range d.Provable() {
		if s.Lack == FewBlocks || s.Lack == FewPairs {
			warnings = append(warnings, s.String())
		}
	}
	if d.Blocks() < minLookBlocks || d.closed() { // what its blocks hold is not known yet
		return warnings
	}
	return append(warnings, d.unguarded(d.Planned())...)
}
