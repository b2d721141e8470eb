package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
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
		c.loaders = append(c.loaders, t.Loader(wire.LoadOptions{Fresh: plan.Reconnect}))
	}
	return c, nil
}

// next is the connection that the next request goes over.
func (c *carrier) next() *wire.Loader {
	return c.loaders[c.turn.Add(1)%uint64(len(c.loaders))]
}

// of is the connection of a user, who keeps it.
func (c *carrier) of(user int) *wire.Loader { return c.loaders[user%len(c.loaders)] }

// close closes all connections.
func (c *carrier) close() {
	for _, t := range c.transports {
		t.Close()
	}
}

// A fleet is the carriers of both sides.
type fleet struct {
	ctx      atomic.Value           // context.Context of every request: vegeta gives them none
	sides    [2]map[string]*carrier // blue, green; by service
	routes   []Route
	inspect  *inspector
	walk     func(context.Context, slot) // walks a case of a slot; nil: slots are requests
	user     func(slot) int              // of a closed loop; nil: there are none
	inFlight atomic.Int64
	peak     atomic.Int64
}

// newFleet makes the connections of both sides, by service.
func newFleet(plan *Plan) (*fleet, error) {
	f := &fleet{routes: plan.Routes}
	f.fly(context.Background())
	for i, side := range [...]struct {
		name string
		Side
	}{{"blue", plan.Blue}, {"green", plan.Green}} {
		f.sides[i] = map[string]*carrier{}
		for _, name := range plan.services(i) {
			c, err := newCarrier(side.Services[name], plan)
			if err != nil {
				f.close()
				return nil, fmt.Errorf("load: connect to %s, service %q: %w", side.name, name, err)
			}
			f.sides[i][name] = c
		}
	}
	return f, nil
}

// connections sums up both sides' connections, with the distinct addresses that
// each side reached.
func (f *fleet) connections() (all [2]Connections, remotes run.PerSide) {
	for i, side := range f.sides {
		own := &all[i]
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
				if i == 0 {
					remotes.Blue = max(remotes.Blue, s.Remotes)
				} else {
					remotes.Green = max(remotes.Green, s.Remotes)
				}
			}
		}
		own.mean()
	}
	all[1].slowerThan(&all[0])
	return all, remotes
}

// close closes the connections of all services.
func (f *fleet) close() {
	for _, side := range f.sides {
		for _, c := range side {
			c.close()
		}
	}
}

// A flying context is that of every request that begins from now on.
type flying struct{ context.Context }

// fly sets the context that ends requests under way.
func (f *fleet) fly(ctx context.Context) { f.ctx.Store(flying{ctx}) }

// flight is the context of requests under way.
func (f *fleet) flight() context.Context { return f.ctx.Load().(flying).Context }

// RoundTrip sends a request over its own side's connections; the label says
// which. A shared pool would let green's requests ride on blue's connection.
func (f *fleet) RoundTrip(req *http.Request) (*http.Response, error) {
	sl, ok := slotOf(req.URL.Fragment)
	if ok && f.walk != nil {
		f.begin()
		defer f.inFlight.Add(-1)
		f.walk(f.flight(), sl)
		return &http.Response{
			StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
			Body: http.NoBody, Request: req,
		}, nil
	}
	if !ok || sl.route >= len(f.routes) {
		return nil, &sendError{wire.ClassRequest, "no label"}
	}
	c := f.sides[sl.side()][f.routes[sl.route].request(sl).Service]
	// vegeta numbers the requests in its own header, which would tell the
	// two requests of a pair apart.
	req.Header.Del("X-Vegeta-Seq")
	url := *req.URL
	url.Fragment = ""
	own := req.WithContext(f.flight())
	own.URL = &url
	f.begin()
	began := time.Now()
	loader := (*wire.Loader)(nil)
	if f.user != nil {
		loader = c.of(f.user(sl))
	} else {
		loader = c.next()
	}
	resp, err := loader.RoundTrip(own)
	if err != nil {
		f.inFlight.Add(-1)
		return nil, marked(err)
	}
	body := &countedBody{ReadCloser: resp.Body, fleet: f}
	if route := &f.routes[sl.route]; route.Judge != nil && Accepts(route.Expect[sl.side()], resp.StatusCode) {
		body.kept = f.inspect.look(sl, resp, began)
	}
	resp.Body = body
	return resp, nil
}

// begin counts a request under way, and the most there were at once.
func (f *fleet) begin() {
	n := f.inFlight.Add(1)
	for peak := f.peak.Load(); n > peak && !f.peak.CompareAndSwap(peak, n); peak = f.peak.Load() {
	}
}

// side is the index of the request's side: blue 0, green 1.
func (sl slot) side() int {
	if sl.green {
		return 1
	}
	return 0
}

// request returns the request of a slot.
func (r Route) request(sl slot) Request {
	if sl.green {
		return r.Green[sl.row]
	}
	return r.Blue[sl.row]
}

// A countedBody marks the end of a request and the class of its failure.
type countedBody struct {
	io.ReadCloser
	fleet *fleet
	kept  *kept // nil: not looked at
	once  sync.Once
}

// Read keeps what is read, where the body is to be inspected; an error is marked with its class.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		return n, marked(err)
	}
	if b.kept == nil {
		return n, err
	}
	b.kept.take(p[:n])
	if err == io.EOF {
		b.kept.end()
		b.kept = nil
	}
	return n, err
}

// Close counts the request as ended, once, and gives back a body that was not read to its end.
func (b *countedBody) Close() error {
	b.once.Do(func() {
		b.fleet.inFlight.Add(-1)
		if b.kept != nil { // not read to its end
			b.kept.release()
		}
	})
	return b.ReadCloser.Close()
}

// vegeta keeps only the text of an error, so its class travels in the text,
// between marks that no server's word can carry.
const (
	markOpen  = "\x02"
	markClose = "\x03"
)

// A sendError is a failure whose text carries its class.
type sendError struct {
	class  wire.Class
	detail string
}

// Error has the class between marks, because vegeta keeps the text of an error alone.
func (e *sendError) Error() string { return markOpen + string(e.class) + markClose + e.detail }

// marked is an error with its class; one that has it stays as it is.
func marked(err error) error {
	var known *sendError
	if errors.As(err, &known) {
		return known
	}
	e := wire.Classify(err)
	return &sendError{e.Class, e.Detail}
}

// classOf reads the class from the text of an error; false when the error is not
// a failure to send or receive.
func classOf(text string) (class wire.Class, detail string, ok bool) {
	_, rest, found := strings.Cut(text, markOpen)
	if !found {
		return "", "", false
	}
	word, detail, found := strings.Cut(rest, markClose)
	return wire.Class(word), detail, found
}
