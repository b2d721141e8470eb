package attack

import (
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

// Connections are what one side's connections did under load.
type Connections struct {
	Opened  int
	Closed  int           // of those, which the server ended
	Reused  int           // requests that were given a connection which had carried another
	Died    int           // of those, whose connection died before any of the answer came
	Resent  int           // requests that were sent again on a new connection
	Connect time.Duration // mean time to open one
	TLS     time.Duration // mean time to agree on TLS; 0 without
	// First is the mean time from before a connection was opened to the first byte
	// of its first answer: what a box waits for that comes anew. 0 without any.
	First time.Duration
	// Slow are the connections that took slowFactor times and slowBy more than
	// blue's mean First; of green alone.
	Slow int

	first []time.Duration
}

// How much longer than blue's a new connection of green must take to count as slow.
const (
	slowFactor = 3
	slowBy     = 100 * time.Millisecond
)

// mean turns the sums of times into means.
func (c *Connections) mean() {
	n := time.Duration(len(c.first))
	if n == 0 {
		return
	}
	c.Connect, c.TLS = c.Connect/n, c.TLS/n
	for _, d := range c.first {
		c.First += d
	}
	c.First /= n
}

// add adds what the connections of another generator did. Its times are means over the
// connections that it opened; they are sums until divide is called.
func (c *Connections) add(o *Connections) {
	c.Opened += o.Opened
	c.Closed += o.Closed
	c.Reused += o.Reused
	c.Died += o.Died
	c.Resent += o.Resent
	c.Slow += o.Slow
	n := time.Duration(o.Opened)
	c.Connect, c.TLS, c.First = c.Connect+n*o.Connect, c.TLS+n*o.TLS, c.First+n*o.First
}

// divide makes means of the sums of add.
func (c *Connections) divide() {
	if n := time.Duration(c.Opened); n > 0 {
		c.Connect, c.TLS, c.First = c.Connect/n, c.TLS/n, c.First/n
	}
}

// slowerThan counts the connections that are slow compared with blue's.
func (c *Connections) slowerThan(blue *Connections) {
	for _, d := range c.first {
		if blue.First > 0 && d > slowFactor*blue.First && d > blue.First+slowBy {
			c.Slow++
		}
	}
}

// The least that counts against green's connections.
const (
	leastDied      = 3    // more than blue's
	leastDiedShare = 0.01 // of green's reuses
	leastClosed    = 0.10 // of the requests, above blue's share
	leastSlow      = 3    // connections
)

// connected takes what both sides' connections did into the figures of the generator.
func connected(g *run.Generator, sides *[2]Connections) {
	both := func(count func(*Connections) int) run.PerSide {
		return run.PerSide{Blue: count(&sides[0]), Green: count(&sides[1])}
	}
	g.Connections, g.Reused = both(func(c *Connections) int { return c.Opened }), both(func(c *Connections) int { return c.Reused })
	g.Closed = both(func(c *Connections) int { return c.Closed })
	g.Died, g.Resent = both(func(c *Connections) int { return c.Died }), both(func(c *Connections) int { return c.Resent })
	g.Slow = sides[1].Slow
	for i, c := range sides {
		g.ConnectMS[i], g.TLSMS[i], g.FirstMS[i] = run.Milliseconds(c.Connect), run.Milliseconds(c.TLS), run.Milliseconds(c.First)
	}
}

// Dies reports whether green's reused connections die where blue's live.
func Dies(g *run.Generator) bool {
	return g.Died.Green >= g.Died.Blue+leastDied && float64(g.Died.Green) >= leastDiedShare*float64(g.Reused.Green)
}

// Closes reports whether green ends connections that blue keeps: after a tenth of the
// requests more. Only what the server ended counts. How many connections were opened says
// little: each user and each of the first requests takes a new one, a slow side has more
// requests under way, and a request that we cut off takes its connection along.
func Closes(g *run.Generator, requests run.PerSide) bool {
	share := func(closed, n int) float64 { return float64(closed) / float64(max(n, 1)) }
	closed := g.Closed
	return closed.Green >= closed.Blue+leastDied && share(closed.Green, requests.Green) >= share(closed.Blue, requests.Blue)+leastClosed
}

// OpensSlowly reports whether a new connection to green takes more than three
// times as long as one to blue, and 100 ms more.
func OpensSlowly(g *run.Generator) bool {
	blue, green := g.FirstMS[0], g.FirstMS[1]
	return blue > 0 && green > slowFactor*blue && green > blue+run.Milliseconds(slowBy) && g.Slow >= leastSlow
}
