package attack

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// DefaultConnections is how many connections per side and service carry a load.
const DefaultConnections = 64

// A carrier spreads the requests of one service of one side evenly over n
// connections. A single pool reuses the connection that came back last: at 200
// requests/s it would use six, and a balancer that pins each connection to one
// back end would hide the others.
type carrier struct {
	transports []*wire.Transport
	loaders    []*wire.Loader
	turn       atomic.Uint64
}

// newCarrier makes the connections of one service. They are divided over several pools, as one
// pool would send most requests to a few back ends of a balancer.
func newCarrier(config wire.Config, plan *Plan) (*carrier, error) {
	n := plan.Connections
	config.Limits.Total = plan.Timeout
	config.Limits.Connections = (plan.MaxWorkers + n - 1) / n
	if plan.Users.Count > 0 {
		config.Limits.Connections = (plan.Users.Count + n - 1) / n
	}
	c := &carrier{}
	for range n {
		t, err := wire.New(config)
		if err != nil {
			c.close()
			return nil, err
		}
		c.transports = append(c.transports, t)
		c.loaders = append(c.loaders, t.Loader(plan.Reconnect))
	}
	return c, nil
}

// loader is the connection that the next request goes over. A user keeps its own; without
// one, which is -1, they take turns.
func (c *carrier) loader(user int) *wire.Loader {
	if user >= 0 {
		return c.loaders[user%len(c.loaders)]
	}
	return c.loaders[c.turn.Add(1)%uint64(len(c.loaders))]
}

// close closes all connections.
func (c *carrier) close() {
	for _, t := range c.transports {
		t.Close()
	}
}

// carriers are the connections of both sides, with the requests that are ready to go over
// them. A pool that both sides shared would let green's requests ride on blue's connection.
type carriers struct {
	sides    [2]map[string]*carrier // blue, green; by service
	requests [2][][]ready           // by route and row; none of a plan that walks cases
}

// A ready request has been checked, and knows its carrier.
type ready struct {
	carrier *carrier
	request *wire.Prepared
}

// newCarriers makes the connections of both sides, and the requests ready.
func newCarriers(plan *Plan) (*carriers, error) {
	all := &carriers{}
	for i, side := range plan.sides() {
		all.sides[i] = map[string]*carrier{}
		for _, name := range plan.services(i) {
			c, err := newCarrier(side.Services[name], plan)
			if err != nil {
				all.close()
				return nil, fmt.Errorf("load: connect to %s, service %q: %w", sideNames[i], name, err)
			}
			all.sides[i][name] = c
		}
		if len(plan.Cases) > 0 { // a walk makes its requests itself, and chooses their services
			continue
		}
		for _, route := range plan.Routes {
			var rows []ready
			for _, r := range route.sides()[i] {
				c := all.sides[i][r.Service]
				prepared := c.transports[0].Prepare(&wire.Request{Method: r.Method, URL: r.URL, Headers: r.Headers, Body: r.Body})
				rows = append(rows, ready{c, prepared})
			}
			all.requests[i] = append(all.requests[i], rows)
		}
	}
	return all, nil
}

// of is the request of a slot, and its carrier.
func (all *carriers) of(sl slot) (*carrier, *wire.Prepared) {
	r := &all.requests[sl.side()][sl.route][sl.row]
	return r.carrier, r.request
}

// connections sums up both sides' connections, with the distinct addresses that
// each side reached.
func (all *carriers) connections() (both [2]Connections, remotes run.PerSide) {
	var addresses [2]int
	for i, side := range all.sides {
		own := &both[i]
		for _, name := range slices.Sorted(maps.Keys(side)) {
			for _, l := range side[name].loaders {
				s := l.Stats()
				own.Opened += int(s.Connections)
				own.Closed += int(s.Closed)
				own.Resent += int(s.Resent)
				own.Reused += int(s.Reused)
				own.Died += int(s.Died)
				own.Connect += s.Connect * time.Duration(len(s.First))
				own.TLS += s.TLS * time.Duration(len(s.First))
				own.first = append(own.first, s.First...)
				addresses[i] = max(addresses[i], s.Remotes)
			}
		}
		own.mean()
	}
	both[1].slowerThan(&both[0])
	return both, run.PerSide{Blue: addresses[0], Green: addresses[1]}
}

// close closes the connections of all services.
func (all *carriers) close() {
	for _, side := range all.sides {
		for _, c := range side {
			c.close()
		}
	}
}
