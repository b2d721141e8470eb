package attack

import "time"

// Connections are what one side's connections did under load.
type Connections struct {
	Opened  int
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

// slowerThan counts the connections that are slow beside blue's.
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
	leastOpened    = 0.10 // of the requests, above blue's share
	leastSlow      = 3    // connections
)

// Dies reports whether green's reused connections die where blue's live.
func Dies(blue, green Connections) bool {
	return green.Died >= blue.Died+leastDied && float64(green.Died) >= leastDiedShare*float64(green.Reused)
}

// Closes reports whether green lets connections go that blue keeps: for a tenth
// of the requests more it takes a new one.
func Closes(blue, green Connections, requests PerSide) bool {
	share := func(c Connections, n int) float64 { return float64(c.Opened) / float64(max(n, 1)) }
	return green.Opened >= blue.Opened+leastDied && share(green, requests.Green) >= share(blue, requests.Blue)+leastOpened
}

// OpensSlowly reports whether a new connection to green takes more than three
// times as long as one to blue, and 100 ms more.
func OpensSlowly(blue, green Connections) bool {
	return blue.First > 0 && green.First > slowFactor*blue.First && green.First > blue.First+slowBy && green.Slow >= leastSlow
}
