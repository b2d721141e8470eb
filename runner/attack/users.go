package attack

import (
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

// A crowd is the users of both sides of a closed loop. It is a vegeta.Pacer: a hit of
// vegeta is the whole life of one user, who keeps the worker.
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
	ctx     context.Context
	clock   *clock
	design  perf.Design
	length  time.Duration // of the stage
	weights []int         // of cases or routes, cumulative
	rows    []int         // of the same
	base    int           // walks of each user that the attacks before have made
	lives   atomic.Int64

	mu    sync.Mutex // guards what follows
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

// newCrowd makes the users of a closed loop.
func newCrowd(ctx context.Context, design perf.Design, plan *Plan, clock *clock) *crowd {
	c := &crowd{ctx: ctx, clock: clock, design: design, length: design.Length(), base: plan.walked}
	c.weights, c.rows = weighed(plan.Routes, plan.Cases)
	for side := range c.users {
		c.users[side] = make([]user, design.Users.Count)
		for u := range c.users[side] {
			c.users[side][u].made = make([]int, len(c.rows))
		}
	}
	return c
}

// Pace lets all users go at once: each waits for its own beginning.
func (c *crowd) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	c.clock.start(elapsed)
	return 0, hits >= 2*uint64(c.design.Users.Count)
}

// Rate is not known: it follows from the answers.
func (c *crowd) Rate(time.Duration) float64 { return math.Inf(1) }

// live is the life of the next user: one walk after the other, until the stage is over. The
// seed says which side's user comes first, of the two that begin together.
func (c *crowd) live(fire func(slot)) {
	life := int(c.lives.Add(1) - 1)
	u, count := life/2, c.design.Users.Count
	side := (life + int(perf.Mix(c.design.Seed, uint64(u))&1)) & 1
	at := time.Duration(float64(u) / float64(count) * float64(c.design.Users.Ramp))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for {
			now := c.clock.now()
			if c.ctx.Err() != nil || now >= c.length {
				return
			}
			var ready bool
			if at, ready = c.due(side, at, now); ready {
				break
			}
			timer.Reset(min(at, c.length) - now)
			select {
			case <-timer.C:
			case <-c.ctx.Done():
			}
		}
		sl := c.begin(side, u, at)
		fire(sl)
		at = c.clock.now() + c.think(sl.twin)
	}
}

// due is when a user whose next walk could begin at an instant begins it, seen from now
// (rule 5), and whether that has come.
func (c *crowd) due(side int, at, now time.Duration) (when time.Duration, ready bool) {
	if until, rest := rests(&c.design, side == 1, max(at, now)); rest {
		return until, false
	}
	return at, at <= now
}

// begin is the next walk of a user.
func (c *crowd) begin(side, number int, at time.Duration) slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, other := &c.users[side][number], &c.users[1-side][number]
	if own.begun {
		c.pass(own, number)
	}
	own.begun = true
	if other.walk > own.walk+maxBehind { // Rule 3
		for own.walk < other.walk {
			c.skip(c.twin(number, own.walk))
			c.pass(own, number)
		}
	}
	sl := slot{n: c.n, green: side == 1, at: at, since: at, twin: c.twin(number, own.walk), route: c.choose(number, own.walk)}
	c.n++
	place := own.walk % len(own.starts)
	if other.begun && other.walk >= own.walk {
		sl.since = other.starts[place]
	}
	own.starts[place] = sl.since
	sl.pair = uint32(sl.twin)
	sl.row = c.row(number, c.base+own.made[sl.route], c.rows[sl.route])
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
	if most := p.mostRequests(); most == 0 || most > p.limit() {
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
	return p.Users.Think.Mean() + time.Duration(p.meanOfWalks(func(c *Case) float64 { return float64(c.Pauses) }))
}

// weighed are the weights of the cases, or else of the routes, added up, and their rows.
func weighed(routes []Route, cases []Case) (weights, rows []int) {
	total := 0
	add := func(weight, n int) {
		total += max(weight, 1)
		weights, rows = append(weights, total), append(rows, max(n, 1))
	}
	for _, c := range cases {
		add(c.Weight, c.Rows)
	}
	if len(cases) == 0 {
		for _, r := range routes {
			add(r.Weight, len(r.Blue))
		}
	}
	return weights, rows
}

// maxUsers is how many users a side may have.
const maxUsers = 20_000
