package fleet

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// A simulated service: lognormal with a median of 5 ms, times noise that both sides share (10 %
// for 3 s, and bursts of twice as slow), times 2 % of each side's own. The paths are on a grid
// of 10 ms.
type service struct {
	rng    *rand.Rand
	shared []float64 // logarithm of the factor
	own    [2][]float64
}

const simGrid = 10 * time.Millisecond

func newService(rng *rand.Rand, length time.Duration) *service {
	s, n := &service{rng: rng}, int(length/simGrid)+1
	s.shared = s.noise(n, 0.10, 3)
	for i := range n {
		if rng.Float64() < 0.2*simGrid.Seconds() {
			for j := i; j < min(n, i+40); j++ {
				s.shared[j] += math.Ln2
			}
		}
	}
	for side := range s.own {
		s.own[side] = s.noise(n, 0.02, 1)
	}
	return s
}

// noise is an Ornstein-Uhlenbeck path of a standard deviation and a time constant in seconds.
func (s *service) noise(n int, sd, tau float64) []float64 {
	path, keep := make([]float64, n), math.Exp(-simGrid.Seconds()/tau)
	v := sd * s.rng.NormFloat64()
	for i := range path {
		path[i] = v
		v = v*keep + sd*math.Sqrt(1-keep*keep)*s.rng.NormFloat64()
	}
	return path
}

func (s *service) latency(side int, at time.Duration) time.Duration {
	i := min(int(at/simGrid), len(s.shared)-1)
	return time.Duration(5e6 * math.Exp(0.5*s.rng.NormFloat64()+s.shared[i]+s.own[side][i]))
}

// A simFleet is 100 workers on paper. Each has its own distance from the services (up to
// 0.3 ms), an error of its clock within the bound that is accepted (50 ms), and pauses of 40 ms
// every 20 s; shares are lost, 5 workers die, 5 freeze for 3 s.
type simFleet struct {
	workers  []*fakeWorker
	distance []time.Duration
	clock    []time.Duration
	paused   []time.Duration // phase of the pauses
}

func newSimFleet(rng *rand.Rand, n int) *simFleet {
	f := &simFleet{workers: makeWorkers(n)}
	start := time.Unix(1e9, 0)
	for i, w := range f.workers {
		f.distance = append(f.distance, time.Duration(rng.Int64N(3e5)))
		f.clock = append(f.clock, time.Duration(rng.Int64N(1e8)-5e7))
		f.paused = append(f.paused, time.Duration(rng.Int64N(20e9)))
		w.dropsShare = 0.0002
		at := start.Add(time.Duration(5+rng.IntN(100)) * time.Second)
		switch {
		case i%20 == 0:
			w.deadAt = at
		case i%20 == 1:
			w.silentFrom, w.silentTo = at, at.Add(3*time.Second)
		}
	}
	return f
}

// simulateStage judges a stage that the fleet fires, with a green that is slower by a share.
func simulateStage(seed uint64, rate, slower float64) (d *perf.Decision, voids int) {
	rng := rand.New(rand.NewPCG(seed, 17))
	stage := perf.NewStage(perf.Design{Rate: rate, Duration: 120 * time.Second, WarmUp: 5 * time.Second, Timeout: 10 * time.Second, Seed: seed, Routes: []perf.Route{{Name: "r", Share: 1}}})
	design := stage.Design()
	fleet := newSimFleet(rng, 100)
	service := newService(rng, maxFired*design.Duration+design.WarmUp)
	pair := uint32(0)
	simulate(design, fleet.workers, rng, func(f attack.Fired) bool {
		var holders []int
		for _, s := range f.Shares {
			holders = append(holders, s.Worker-1)
		}
		for ; design.PairStart(pair) < f.Until; pair++ {
			if f.Void == "" {
				fleet.fire(stage, service, pair, holders[int(pair)%len(holders)], slower)
			}
		}
		if f.Void != "" {
			if f.Block >= 0 {
				voids++
				stage.Void()
			}
			return false
		}
		last := stage.Through(f.Until, perf.Health{})
		if last != nil {
			d = last
		}
		return last != nil && last.Final
	})
	if d == nil || !d.Final {
		d = stage.Finish(perf.Health{})
	}
	return d, voids
}

// fire adds the records of a pair that a worker fired.
func (f *simFleet) fire(stage *perf.Stage, service *service, pair uint32, worker int, slower float64) {
	design := stage.Design()
	at := design.PairStart(pair)
	load := perf.Both
	if b := design.BlockOf(at); b >= 0 {
		load = design.LoadOf(b)
	}
	lag := 100 * time.Microsecond
	if in := (at + f.paused[worker]) % (20 * time.Second); in < 40*time.Millisecond {
		lag = 40*time.Millisecond - in
	}
	for side := range 2 {
		if load == perf.BlueOnly && side == 1 || load == perf.GreenOnly && side == 0 {
			continue
		}
		l := service.latency(side, max(0, at+f.clock[worker]))
		if side == 1 {
			l = time.Duration(float64(l) * (1 + slower))
		}
		stage.Add(perf.Record{
			Pair: pair, Green: side == 1, Solo: load != perf.Both, Scheduled: at, Lag: lag, Latency: l + lag + f.distance[worker], Status: 200, Worker: uint8(worker + 1),
		})
	}
}

// A hundred workers of which five die, five freeze and every 5000th share is lost: equal sides
// are not called worse, and a green that is 10 % slower is found. BGVERIFY_TORTURE makes it 300
// runs of each at a higher rate instead of 2.
func TestHundredWorkers(t *testing.T) {
	runs, rate := 2, 100.0
	if os.Getenv("BGVERIFY_TORTURE") != "" {
		runs, rate = 300, 400
	}
	for _, slower := range []float64{0, 0.1} {
		count, voids, seconds := map[perf.Outcome]int{}, 0, 0.0
		for seed := range runs {
			d, v := simulateStage(uint64(seed), rate, slower)
			count[d.Outcome]++
			voids += v
			seconds += d.Seconds
		}
		share := func(o perf.Outcome) float64 { return float64(count[o]) / float64(runs) }
		t.Logf("green %+.0f %%: pass %.1f %%, fail %.1f %%, inconclusive %.1f %%; %.1f void blocks and %.0f s a run",
			100*slower, 100*share(perf.NoWorse), 100*share(perf.Worse), 100*share(perf.Inconclusive), float64(voids)/float64(runs), seconds/float64(runs))
		switch {
		case voids == 0:
			t.Error("no block was void: the faults did nothing")
		case slower == 0 && (share(perf.Worse) > 0.01 || share(perf.NoWorse) < 0.9):
			t.Error("equal sides: fail at most 1 %, pass at least 90 %")
		case slower > 0 && (share(perf.NoWorse) > 0 || share(perf.Worse) < 0.95):
			t.Error("10 % slower: never a pass, fail at least 95 %")
		}
	}
}
