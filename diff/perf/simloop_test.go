package perf

import (
	"container/heap"
	"testing"
	"time"
)

// simLoop is a closed loop of so many users that think for 100 to 300 ms.
func simLoop(users int) func(seed uint64) Design {
	return func(seed uint64) Design {
		d := simDesign(seed)
		d.Rate = 0
		d.Users = Users{Count: users, Think: Span{100 * time.Millisecond, 300 * time.Millisecond}, Idle: 200 * time.Millisecond}
		return d
	}
}

// tightLoop is a closed loop of users that do not think.
func tightLoop(users int) func(seed uint64) Design {
	return func(seed uint64) Design {
		d := simDesign(seed)
		d.Rate, d.Users = 0, Users{Count: users}
		return d
	}
}

// A simUser is a user of one side with the time of its next request.
type simUser struct {
	at   float64 // seconds
	side int
	user int
	next uint32 // iteration
}

type simUsers []simUser

func (u simUsers) Len() int           { return len(u) }
func (u simUsers) Less(i, j int) bool { return u[i].at < u[j].at }
func (u simUsers) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *simUsers) Push(x any)        { *u = append(*u, x.(simUser)) }
func (u *simUsers) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}

// generateLoop yields the records of a simulated closed loop in the order of sending.
func generateLoop(p profile, f greenFault, d Design, yield func(Record) bool) {
	total := (d.WarmUp + d.Duration).Seconds()
	w := newWorld(p, total, d.Seed)
	w.stalls(f, total)
	var users simUsers
	for side := range 2 {
		for user := range d.Users.Count {
			users = append(users, simUser{at: w.rng.Float64() * 0.2, side: side, user: user})
		}
	}
	heap.Init(&users)
	for users[0].at < total {
		u := &users[0]
		at := time.Duration(u.at * 1e9)
		load := Both
		if b := d.BlockOf(at); b >= 0 {
			load = d.LoadOf(b)
			if load == BlueOnly && u.side == green || load == GreenOnly && u.side == blue {
				u.at = (d.WarmUp + time.Duration(b+1)*d.Block()).Seconds()
				heap.Fix(&users, 0)
				continue
			}
		}
		r := w.request(f, u.next*uint32(d.Users.Count)+uint32(u.user), u.side, load, at)
		if f.waits > 0 {
			r.Lag = time.Duration(f.waits * 1e9)
			r.Scheduled += r.Lag
		}
		if f.hangsFrom > 0 && u.side == green && u.at > f.hangsFrom {
			r.Latency, r.Failure = d.Timeout, TimedOut
		}
		if r.Failure == BadStatus && f.fast {
			r.Latency = 100 * time.Microsecond
		}
		if !yield(r) {
			return
		}
		think := d.Users.Think.Least + time.Duration(w.rng.Float64()*float64(d.Users.Think.Most-d.Users.Think.Least))
		u.at += (r.Lag + r.Latency + think).Seconds()
		u.next++
		heap.Fix(&users, 0)
	}
}

// loopFigures are the figures of closed loops; they are simulated with the others.
var loopFigures = []figure{
	{"users: equal", quiet, greenFault{}, []limit{failAtMost(0.01), passAtLeast(0.95)}, simLoop(20)},
	{"users: equal", noisy, greenFault{}, []limit{failAtMost(0.01), passAtLeast(0.80)}, simLoop(20)},
	{"users: +10 %", quiet, greenFault{slower: 0.10}, []limit{failAtLeast(0.95), passAtMost(0.005)}, simLoop(20)},
	{"users: +10 %", noisy, greenFault{slower: 0.10}, []limit{failAtLeast(0.90), passAtMost(0.005)}, simLoop(20)},
	{"users without think: equal", noisy, greenFault{}, []limit{failAtMost(0.01), passAtLeast(0.90)}, tightLoop(2)},
	{"users without think: +10 %", noisy, greenFault{slower: 0.10}, []limit{failAtLeast(0.90), passAtMost(0.005)}, tightLoop(2)},
	{"users without think: +5 %, the margin", noisy, greenFault{slower: 0.05}, []limit{passAtMost(0.02), failAtMost(0.08)}, tightLoop(2)}, // two metrics are at their margins,
	{"users: half of the answers fail at once", quiet, greenFault{errors: 0.5, fast: true}, []limit{passAtMost(0), failAtLeast(1)}, tightLoop(2)},
	{"users: 1 % fail at once", quiet, greenFault{errors: 0.01, fast: true}, []limit{passAtMost(0.005), failAtLeast(0.95)}, tightLoop(2)},
	{"users: green hangs for good", quiet, greenFault{hangsFrom: 30}, []limit{passAtMost(0), failAtLeast(0.95)}, minutesOf(3, simLoop(20))},
	{"users: stall 0.3 s every 10 s", noisy, greenFault{stallEvery: 10, stallLen: 0.3}, []limit{passAtMost(0.02), failAtLeast(0.80)}, simLoop(20)},
	{"users: stall 4 s every 25 s", quiet, greenFault{stallEvery: 25, stallLen: 4}, []limit{passAtMost(0)}, simLoop(20)},
	{"users wait for this machine", quiet, greenFault{waits: 0.002}, []limit{passAtMost(0), failAtMost(0.01)}, tightLoop(2)},
}

// minutesOf is a design of so many minutes.
func minutesOf(n time.Duration, design func(uint64) Design) func(uint64) Design {
	return func(seed uint64) Design {
		d := design(seed)
		d.Duration = n * time.Minute
		return d
	}
}

// A side that stops answering leaves blocks without any latency; it must not
// disappear from the verdict with them.
func TestLoopThatStopsAnswering(t *testing.T) {
	got := simulate(quiet, greenFault{hangsFrom: 40}, minutesOf(2, simLoop(20))(7))
	if got.Outcome != Worse {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
	for _, c := range got.Comparisons {
		if c.Metric == RequestRate && c.Green >= c.Blue {
			t.Errorf("requests/s of blue %g, of green %g", c.Blue, c.Green)
		}
	}
}
