package perf

import (
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

// A profile is the noise of a simulated environment. Factors multiply the
// service time; shared ones hit both sides at the same instant.
type profile struct {
	name        string
	ou, tau     float64 // shared Ornstein-Uhlenbeck noise: standard deviation, seconds
	drift       float64 // shared, over the run
	burstRate   float64 // shared bursts per second
	burstLen    float64 // seconds
	burstFactor float64
	own, ownTau float64 // private Ornstein-Uhlenbeck noise of each side
	pauseRate   float64 // private pauses per second
	pauseLen    float64 // seconds
}

var (
	quiet   = profile{name: "quiet", ou: 0.02, tau: 3, own: 0.01, ownTau: 1, pauseRate: 0.02, pauseLen: 0.02}
	noisy   = profile{name: "noisy", ou: 0.10, tau: 3, burstRate: 0.2, burstLen: 0.4, burstFactor: 2, own: 0.02, ownTau: 1, pauseRate: 0.05, pauseLen: 0.03}
	hostile = profile{name: "hostile", ou: 0.30, tau: 3, drift: 0.25, burstRate: 0.4, burstLen: 0.8, burstFactor: 2, own: 0.03, ownTau: 1, pauseRate: 0.05, pauseLen: 0.05}
	private = profile{name: "private", ou: 0.02, tau: 3, own: 0.06, ownTau: 6, pauseRate: 0.02, pauseLen: 0.02}
)

// A green is what is wrong with the simulated green.
type greenFault struct {
	slower     float64 // the whole service
	stallEvery float64 // seconds; 0: none
	stallLen   float64
	errors     float64
	tail       float64 // only the slowest fifth of the requests
	shared     float64 // both sides queue at one bottleneck: slower by this share when loaded together
	spellEvery float64 // seconds; 0: none. Of these, 2 s are slow
	spell      float64 // factor
	// Of closed loops alone:
	hangsFrom float64 // seconds; 0: never. From then on green answers nothing until the timeout
	fast      bool    // errors come at once
	waits     float64 // seconds that each user waits for this machine, on both sides
}

// A world is one simulated run: noise paths on a grid of 10 ms.
type world struct {
	rng    *rand.Rand
	shared []float64 // logarithm of the factor
	own    [2][]float64
	pauses [2][]float64 // seconds of waiting for a request that comes then
	phase  float64      // of green's slow spells
}

const (
	grid        = 0.01
	spellLength = 2.0 // seconds
)

func newWorld(p profile, seconds float64, seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 11))}
	n := int(seconds/grid) + 1
	w.shared = w.ornstein(n, p.ou, p.tau)
	slope := p.drift * (2*w.rng.Float64() - 1)
	for i := range w.shared {
		w.shared[i] += slope * float64(i) / float64(n)
	}
	for i := range n {
		if w.rng.Float64() < p.burstRate*grid {
			for j := i; j < min(n, i+int(p.burstLen/grid)); j++ {
				w.shared[j] += math.Log(p.burstFactor)
			}
		}
	}
	for side := range w.own {
		w.own[side] = w.ornstein(n, p.own, p.ownTau)
		w.pauses[side] = make([]float64, n)
		for i := range n {
			if w.rng.Float64() < p.pauseRate*grid {
				w.pause(side, i, p.pauseLen)
			}
		}
	}
	return w
}

func (w *world) ornstein(n int, sd, tau float64) []float64 {
	path := make([]float64, n)
	keep := math.Exp(-grid / tau)
	step := sd * math.Sqrt(1-keep*keep)
	v := sd * w.rng.NormFloat64()
	for i := range path {
		path[i] = v
		v = v*keep + step*w.rng.NormFloat64()
	}
	return path
}

// pause makes requests that come from grid point i on wait for its end.
func (w *world) pause(side, i int, length float64) {
	for j := 0; float64(j)*grid < length && i+j < len(w.pauses[side]); j++ {
		w.pauses[side][i+j] = math.Max(w.pauses[side][i+j], length-float64(j)*grid)
	}
}

// latency draws the latency of a request of a side at a time.
func (w *world) latency(side int, t float64) float64 { return w.drawn(side, t, 0) }

// drawn is latency with the slowest fifth of the services slower by tail.
func (w *world) drawn(side int, t, tail float64) float64 {
	i := min(int(t/grid), len(w.shared)-1)
	z := w.rng.NormFloat64()
	service := 0.005 * math.Exp(0.5*z+w.shared[i]+w.own[side][i])
	if z > 0.8416 {
		service *= 1 + tail
	}
	return service + w.pauses[side][i]
}

func simDesign(seed uint64) Design {
	return Design{Rate: 100, Duration: 120 * time.Second, WarmUp: 5 * time.Second, Timeout: 30 * time.Second, Pairing: Paired, Seed: seed, Routes: []Route{{"GET /", 1}}}
}

// simulate runs the whole rule on a simulated stage and returns its decision.
func simulate(p profile, f greenFault, d Design) *Decision {
	s := NewStage(d)
	d = s.Design()
	next := d.WarmUp + d.Block()
	var final *Decision
	source := generate
	if d.closed() {
		source = generateLoop
	}
	source(p, f, d, func(r Record) bool {
		if start := d.StartOf(r); start >= next {
			if decision := s.Through(start, Health{}); decision != nil && decision.Final {
				final = decision
				return false
			}
			next += d.Block()
		}
		s.Add(r)
		return true
	})
	if final == nil {
		final = s.Finish(Health{})
	}
	return final
}

// generate yields the records of a simulated stage in the order of the schedule.
func generate(p profile, f greenFault, d Design, yield func(Record) bool) {
	total := d.WarmUp + d.Duration
	w := newWorld(p, total.Seconds(), d.Seed)
	w.stalls(f, total.Seconds())
	if f.spellEvery > 0 {
		w.phase = f.spellEvery * w.rng.Float64()
	}
	half := time.Duration(float64(time.Second) / d.Rate / 2)
	for pair := uint32(0); d.PairStart(pair) < total; pair++ {
		start, load := d.PairStart(pair), Both
		if b := d.BlockOf(start); b >= 0 {
			load = d.LoadOf(b)
		}
		greenFirst := w.rng.Uint64()&1 == 1
		for place := range 2 {
			side := blue
			if (place == 0) == greenFirst {
				side = green
			}
			if load == BlueOnly && side == green || load == GreenOnly && side == blue {
				continue
			}
			if !yield(w.request(f, pair, side, load, start+time.Duration(place)*half)) {
				return
			}
		}
	}
}

// stalls pauses green as often as its fault says.
func (w *world) stalls(f greenFault, seconds float64) {
	if f.stallEvery > 0 {
		for t := f.stallEvery * w.rng.Float64(); t < seconds; t += f.stallEvery {
			w.pause(green, int(t/grid), f.stallLen)
		}
	}
}

// request draws one request of a side.
func (w *world) request(f greenFault, pair uint32, side int, load Load, at time.Duration) Record {
	r := Record{Pair: pair, Green: side == green, Solo: load != Both, Scheduled: at, Lag: 100 * time.Microsecond, Status: 200}
	tail := 0.0
	if r.Green {
		tail = f.tail
	}
	l := w.drawn(side, at.Seconds(), tail)
	if r.Green {
		l *= 1 + f.slower
		if f.spellEvery > 0 && math.Mod(at.Seconds()+w.phase, f.spellEvery) < spellLength {
			l *= f.spell
		}
	}
	if load == Both {
		l *= 1 + f.shared
	}
	r.Latency = time.Duration(l * 1e9)
	if r.Green && w.rng.Float64() < f.errors {
		r.Failure, r.Status = BadStatus, 500
	}
	return r
}

// naive is the rule to beat: one side after the other, each for half the time,
// worse when green's p99 exceeds blue's by more than 10 %.
func naive(p profile, seed uint64) (worse bool) {
	w := newWorld(p, 120, seed)
	var latencies [2][]float64
	for side := range latencies {
		for i := range 6000 {
			latencies[side] = append(latencies[side], w.latency(side, float64(side)*60+float64(i)*0.01))
		}
		slices.Sort(latencies[side])
	}
	return quantile(latencies[green], 0.99) > 1.10*quantile(latencies[blue], 0.99)
}

// A tally counts what came of many simulated runs.
type tally struct {
	runs, worse, noWorse int
	seconds              float64 // mean time to a decision, warm-up not included
	cpu                  time.Duration
	causes               map[Cause]int
}

func (t tally) share(n int) float64 { return float64(n) / float64(t.runs) }

func tallyOf(p profile, f greenFault, runs int, design func(seed uint64) Design) tally {
	t := tally{runs: runs, causes: map[Cause]int{}}
	began := processCPU()
	for i := range runs {
		d := simulate(p, f, design(Mix(uint64(len(p.name)), uint64(i))))
		switch d.Outcome {
		case Worse:
			t.worse++
		case NoWorse:
			t.noWorse++
		default:
			t.causes[d.Cause]++
		}
		t.seconds += d.Seconds / float64(runs)
	}
	t.cpu = (processCPU() - began) / time.Duration(runs)
	return t
}

// processCPU is the CPU time of this process.
func processCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// minutes is a design of so many of them.
func minutes(n time.Duration) func(seed uint64) Design {
	return func(seed uint64) Design {
		d := simDesign(seed)
		d.Duration = n * time.Minute
		return d
	}
}

// longDesign is long enough for 8 solo blocks per side.
func longDesign(seed uint64) Design {
	d := simDesign(seed)
	d.Duration = 400 * time.Second
	return d
}
