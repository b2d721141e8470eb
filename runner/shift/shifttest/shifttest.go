// Package shifttest has what tests of walks over real mechanisms share: two services that name
// themselves, a client that knows nothing of the walk and counts what it gets, and
// a walk with a probe. Only tests import it.
package shifttest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/probe"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A Twin is one side: a service that names itself, with a fault that can be switched on.
type Twin struct {
	*httptest.Server
	// Fault makes every answer a 500.
	Fault atomic.Bool
}

// NewTwin starts a service at a listener; nil: at any free port of 127.0.0.1.
func NewTwin(t *testing.T, name string, at net.Listener) *Twin {
	w := &Twin{}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("X-Cluster", name)
		if w.Fault.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(rw, `{"cluster": %q, "channels": [1, 2, 3]}`, name)
	}))
	if at != nil {
		_ = w.Listener.Close()
		w.Listener = at
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

// Address is its host and port.
func (w *Twin) Address() string { return strings.TrimPrefix(w.URL, "http://") }

// Rate is how many requests a second a Client sends.
const Rate = 100

// A Client sends its own requests and knows nothing of the walk.
type Client struct {
	Sent, Failed, Green atomic.Int64
	stop                context.CancelFunc
	done                sync.WaitGroup
}

// StartClient asks a URL over new connections; dial nil: as usual.
func StartClient(url string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{stop: stop}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, Timeout: 5 * time.Second}
	c.done.Go(func() {
		tick := time.NewTicker(time.Second / Rate)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.done.Go(func() { c.ask(plain, url) })
			}
		}
	})
	return c
}

func (c *Client) ask(plain *http.Client, url string) {
	c.Sent.Add(1)
	resp, err := plain.Get(url)
	if err != nil {
		c.Failed.Add(1)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.Failed.Add(1)
	}
	if strings.Contains(string(body), "green") {
		c.Green.Add(1)
	}
}

// End stops the client and waits for its last answers.
func (c *Client) End() { c.stop(); c.done.Wait() }

// Steps are those of a whole walk.
var Steps = []float64{0.01, 0.05, 0.25, 0.5, 1}

const suite = `
suite: smoke
identity: [{get: /version, header: X-Cluster, must: differ}]
cases:
  - case: channels
    get: /channels
    expect: {body: {$.channels: {count: 3}}}
`

// NewSetup is a walk of a driver along steps, with a probe through a public URL. tell may be nil.
func NewSetup(t *testing.T, d shift.Driver, through string, sides [2]*Twin, steps []float64, tell func(shift.Line)) *shift.Setup {
	t.Helper()
	blue, green := sides[0], sides[1]
	suites, problems := scenarios.Load(fstest.MapFS{"s.yaml": {Data: []byte(suite)}}, []string{"s.yaml"},
		scenarios.LoadOptions{BlueURL: blue.URL, GreenURL: green.URL, Demand: true})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	asker, err := runner.NewAsker(&runner.Plan{Suites: suites, World: runner.World{Now: time.Now}}, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asker.Close)
	config := probe.Config{Through: through, Blue: blue.Address(), Green: green.Address(), Every: 20 * time.Millisecond, MinGreen: 10}
	return &shift.Setup{
		Shift: &shiftfile.File{
			Name: "api", OnFail: "rollback", Steps: steps, Hold: shiftfile.Hold{Min: 300 * time.Millisecond, Max: time.Minute},
			Probe: &shiftfile.Probe{Through: through, MinGreen: 10},
		},
		Driver: d, Root: t.TempDir(), Tool: "test", RollbackTimeout: 30 * time.Second, PauseTimeout: 20 * time.Second,
		Outside: shift.Outside{Now: time.Now, Tell: func(l shift.Line) error {
			t.Log(l.Time.Format("05.000"), l.Step, l.Text)
			if tell != nil {
				tell(l)
			}
			return nil
		}},
		Checks: shift.Checks{Probe: probe.New(asker, config)},
	}
}

// A Breakage breaks green when a walk is at a step, and takes the times.
type Breakage struct {
	Green *Twin
	Step  string
	// Broke is when green began to fail, Back when the rollback began.
	Broke, Back time.Time
}

// Tell is for NewSetup.
func (b *Breakage) Tell(l shift.Line) {
	switch {
	case l.Step == b.Step && strings.HasPrefix(l.Text, "set"):
		b.Broke = time.Now()
		b.Green.Fault.Store(true)
	case strings.HasPrefix(l.Text, "rolling back"):
		b.Back = time.Now()
	}
}

// Accept holds what a client lost to its bound: its rate, times green's share, times the time
// until the walk noticed, until clients knew (their TTL), and 5 seconds.
func (b *Breakage) Accept(t *testing.T, c *Client, share float64, ttl time.Duration) {
	t.Helper()
	detection := b.Back.Sub(b.Broke)
	most := Rate * share * (detection + ttl + 5*time.Second).Seconds()
	if failed := float64(c.Failed.Load()); b.Back.IsZero() || failed > most {
		t.Errorf("%g requests failed, at most %g may (found after %s)", failed, most, detection)
	}
	t.Logf("%d of %d requests failed, at most %.0f may; found after %s, rolled back %s later", c.Failed.Load(), c.Sent.Load(), most, detection, time.Since(b.Back))
}
