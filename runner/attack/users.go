package attack

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// A feed hands what is due to vegeta's workers: a pacer puts a slot in for each hit that
// it lets go, and the targeter takes it out.
type feed struct {
	ctx   context.Context
	began atomic.Pointer[time.Time] // the start of the time that slots are in
	slots chan slot                 // due, not yet taken by the targeter
}

// start is the instant at which vegeta began, which a pacer is given as elapsed time.
func (l *feed) start(elapsed time.Duration) time.Time {
	if began := l.began.Load(); began != nil {
		return *began
	}
	began := time.Now().Add(-elapsed)
	l.began.Store(&began)
	return began
}

// A crowd is the users of both sides of a closed loop. It is a vegeta.Pacer: a hit of
// vegeta is one walk, or one request, of one user.
//
//  1. User u begins at u/count of the ramp, on both sides at once. When its walk has ended
//     and its think time is over, it begins the next.
//  2. Walk i of user u is the same on both sides: its case, its row, its think time and
//     the values that are generated in it. It follows from the seed, u and i alone.
//  3. A user that falls more than maxBehind walks behind the same user of the other side
//     leaves out walks and joins it, so that what waits to be compared is bounded. Nobody
//     waits for the other side.
//  4. Rows of data are shared out among the users, one to each in turn: no two users of a
//     side have the same one as long as there are enough.
//  5. Where the other side alone is loaded (Design.LoadOf), a user sends nothing: its next
//     request waits until both are.
type crowd struct {
	feed
	design  perf.Design
	weights []int // of cases or routes, cumulative
	rows    []int // of the same
	base    int   // walks of each user that the attacks before have made
	arrived chan struct{}

	mu    sync.Mutex // guards what follows
	ready readyUsers
	users [2][]user
	n     uint64
	skip  func(twin uint64) // called with each walk that a side leaves out
}

// A user is one of a side.
type user struct {
	walk   int // under way, or the last one
	begun  bool
	made   []int                        // by case or route: how many of the walks before had it
	starts [2 * maxBehind]time.Duration // by walk, the latest: when the first of both sides began it
}

// maxBehind is how many walks a user may be behind the same user of the other side.
const maxBehind = 4

// A readyUser is waiting for its think time to end.
type readyUser struct {
	at   time.Duration
	side int
	user int
}

// readyUsers is a heap of users, that with the earliest next request first (container/heap).
type readyUsers []readyUser

func (r readyUsers) Len() int           { return len(r) }
func (r readyUsers) Less(i, j int) bool { return r[i].at < r[j].at }
func (r readyUsers) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *readyUsers) Push(x any)        { *r = append(*r, x.(readyUser)) }
func (r *readyUsers) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

// newCrowd makes the users of a closed loop. They begin one after the other over the ramp, on
// each side the same user; which side begins is decided by the seed.
func newCrowd(ctx context.Context, design perf.Design, plan *Plan, skip func(uint64)) *crowd {
	count := design.Users.Count
	c := &crowd{
		feed: feed{ctx: ctx, slots: make(chan slot, 2*count+16)}, design: design, base: plan.walked,
		arrived: make(chan struct{}, 1), skip: skip,
	}
	c.weights, c.rows = plan.weighed()
	for u := range count {
		at := time.Duration(float64(u) / float64(count) * float64(design.Users.Ramp))
		first := int(perf.Mix(design.Seed, uint64(u)) & 1)
		for _, side := range [2]int{first, 1 - first} {
			c.ready = append(c.ready, readyUser{at, side, u})
		}
	}
	heap.Init(&c.ready)
	for side := range c.users {
		c.users[side] = make([]user, count)
		for u := range c.users[side] {
			c.users[side][u].made = make([]int, len(c.rows))
		}
	}
	return c
}

// Pace waits until a user is ready, and hands its walk to the targeter. It is called by one
// goroutine.
func (c *crowd) Pace(elapsed time.Duration, _ uint64) (wait time.Duration, stop bool) {
	began := c.start(elapsed)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Since(began)
		if c.ctx.Err() != nil || now >= c.design.Length() {
			return 0, true
		}
		sl, next, ok := c.next(now)
		if ok {
			c.slots <- sl // never blocks: a worker takes one for each hit
			return 0, false
		}
		timer.Reset(min(next-now, c.design.Length()-now, patience))
		select {
		case <-timer.C:
		case <-c.arrived:
		case <-c.ctx.Done():
		}
	}
}

// Rate is not known: it follows from the answers.
func (c *crowd) Rate(time.Duration) float64 { return math.Inf(1) }

// next takes the user that has waited longest; without one, next is when there may be one.
func (c *crowd) next(now time.Duration) (sl slot, next time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.ready) > 0 {
		r := &c.ready[0]
		if until, rest := rests(c.design, r.side == 1, max(r.at, now)); rest { // Rule 5
			r.at = until
			heap.Fix(&c.ready, 0)
			continue
		}
		if r.at > now {
			return slot{}, r.at, false
		}
		return c.begin(heap.Pop(&c.ready).(readyUser)), 0, true
	}
	return slot{}, now + patience, false
}

// begin is the next walk of a user; c.mu is held.
func (c *crowd) begin(r readyUser) slot {
	own, other := &c.users[r.side][r.user], &c.users[1-r.side][r.user]
	if own.begun {
		c.pass(own, r.user)
	}
	own.begun = true
	if other.walk > own.walk+maxBehind { // Rule 3
		for own.walk < other.walk {
			c.skip(c.twin(r.user, own.walk))
			c.pass(own, r.user)
		}
	}
	sl := slot{n: c.n, green: r.side == 1, at: r.at, since: r.at, twin: c.twin(r.user, own.walk), route: c.choose(r.user, own.walk)}
	c.n++
	place := own.walk % len(own.starts)
	if other.begun && other.walk >= own.walk {
		sl.since = other.starts[place]
	}
	own.starts[place] = sl.since
	sl.pair = uint32(sl.twin)
	sl.row = c.row(r.user, c.base+own.made[sl.route], c.rows[sl.route])
	sl.whole = sl.twin < wholeFirst || perf.Mix(c.design.Seed, sl.twin)%wholeOf == 0
	return sl
}

// row is the row of the n-th walk of a user through a case of so many rows (rule 4): each
// user has rows that no other user has, and begins again with the first after the last.
func (c *crowd) row(user, n, rows int) int {
	users := c.design.Users.Count
	if rows < users {
		return (user + n) % rows
	}
	own := (rows - user + users - 1) / users
	return user + users*(n%own)
}

// pass leaves a user's walk behind, whether it was made or not.
func (c *crowd) pass(u *user, number int) {
	u.made[c.choose(number, u.walk)]++
	u.walk++
}

// userOf is the number of the user of a slot.
func (c *crowd) userOf(sl slot) int { return int(sl.twin % uint64(c.design.Users.Count)) }

// wholeOf: one walk in as many is compared whole, whatever the size of its answers.
const wholeOf = 128

// twin numbers the walks of a user; both sides have the same number.
func (c *crowd) twin(user, walk int) uint64 {
	return uint64(walk)*uint64(c.design.Users.Count) + uint64(user)
}

// ended makes the user of a walk that has ended think, and then begin the next.
func (c *crowd) ended(sl slot) {
	now := time.Since(*c.began.Load())
	c.mu.Lock()
	heap.Push(&c.ready, readyUser{now + c.think(sl.twin), sl.side(), c.userOf(sl)})
	c.mu.Unlock()
	select {
	case c.arrived <- struct{}{}:
	default: // Pace has not looked since the one before
	}
}

// think is how long a user thinks after a walk (rule 2).
func (c *crowd) think(twin uint64) time.Duration {
	span := c.design.Users.Think
	return span.Least + time.Duration(unit(c.design.Seed, twin)*float64(span.Most-span.Least))
}

// walked is the number of walks that the busiest user has begun, of all attacks of the plan.
func (c *crowd) walked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0
	for _, side := range c.users {
		for _, u := range side {
			most = max(most, u.walk+1)
		}
	}
	return c.base + most
}

// choose is the case, or route, of walk i of a user (rule 2).
func (c *crowd) choose(user, walk int) int {
	return sort.SearchInts(c.weights, 1+int(perf.Mix(c.design.Seed^chooses, c.twin(user, walk))%uint64(c.weights[len(c.weights)-1])))
}

// chooses keeps what users walk apart from how long they think.
const chooses = 0x7573657273

// checkUsers says why the users of a plan cannot walk.
func (p *Plan) checkUsers() error {
	u := p.Users
	switch {
	case p.Fleet != nil:
		return errors.New("users walk from one machine: run the stage without workers, or write a rate")
	case u.Count > maxUsers:
		return fmt.Errorf("%d users, at most %d", u.Count, maxUsers)
	case u.Ramp < 0 || u.Think.Least < 0 || u.Think.Most < u.Think.Least:
		return fmt.Errorf("a ramp of %s, or %s to think, is not a time that users can take", u.Ramp, u.Think)
	}
	return p.Uncapped()
}

// Uncapped says why the users of a closed loop may send more than MaxRPS; nil where they
// cannot, or where there is no cap. Nothing would slow them down: a user that waits for the
// cap would look like a service that is slow.
func (p *Plan) Uncapped() error {
	if p.MaxRPS <= 0 || p.Users.Count == 0 {
		return nil
	}
	limit := p.MaxRPS
	if p.shareHost() {
		limit /= 2
	}
	if most := p.mostRequests(); most == 0 || most > limit {
		return fmt.Errorf("max_rps is %g/s per host, and nothing holds %d users to it", p.MaxRPS, p.Users.Count)
	}
	return nil
}

// mostRequests is how many requests per second the users of a side send at most; 0: as many
// as are answered.
func (p *Plan) mostRequests() float64 {
	u := p.Users
	u.Idle = p.idle() - u.Think.Mean() + u.Think.Least
	return u.Offers() * max(p.perWalk(), 1)
}

// idle is the mean time of a walk in which its user waits for no answer.
func (p *Plan) idle() time.Duration {
	pauses, weights := 0.0, 0
	for _, c := range p.Cases {
		pauses += float64(max(c.Weight, 1)) * float64(c.Pauses)
		weights += max(c.Weight, 1)
	}
	return p.Users.Think.Mean() + time.Duration(pauses/float64(max(weights, 1)))
}

// weighed are the weights of the cases, or else of the routes, added up, and their rows.
func (p *Plan) weighed() (weights, rows []int) {
	total := 0
	add := func(weight, n int) {
		total += max(weight, 1)
		weights, rows = append(weights, total), append(rows, max(n, 1))
	}
	for _, c := range p.Cases {
		add(c.Weight, c.Rows)
	}
	if len(p.Cases) > 0 {
		return weights, rows
	}
	for _, r := range p.Routes {
		add(r.Weight, len(r.Blue))
	}
	return weights, rows
}

// maxUsers is how many users a side may have.
const maxUsers = 20_000
