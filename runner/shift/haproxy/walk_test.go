package haproxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/probe"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/haproxy"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A twin is one side: a service that names itself, with a fault that can be switched on.
type twin struct {
	*httptest.Server
	fault atomic.Bool
}

func newTwin(t *testing.T, name string) *twin {
	w := &twin{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("X-Cluster", name)
		if w.fault.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(rw, `{"cluster": %q, "channels": [1, 2, 3]}`, name)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *twin) address() string { return strings.TrimPrefix(w.URL, "http://") }

// startHAProxy runs HAProxy over two servers and returns its address and its driver.
func startHAProxy(t *testing.T, blue, green string, more string) (front string, d *haproxy.Driver) {
	t.Helper()
	exe, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("no haproxy on this host: walks through HAProxy are not tried")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front = l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	socket := filepath.Join(dir, "sock")
	config := fmt.Sprintf(`
global
  stats socket %s mode 600 level admin
  maxconn 1000
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend f
  bind %s
  default_backend app
backend app
  balance roundrobin
  server blue %s weight 100
  server green %s weight 0
%s
`, socket, front, blue, green, more)
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	d, err = haproxy.New(shiftfile.HAProxy{Socket: "unix://" + socket, Backend: "app", Blue: "blue", Green: "green"})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if _, err = d.Read(t.Context()); err == nil {
			return front, d
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("haproxy does not answer: %v", err)
	return "", nil
}

// rate is how many requests a second the independent client sends.
const rate = 100

// A client sends its own requests and knows nothing of the walk.
type client struct {
	sent, failed, green atomic.Int64
	stop                context.CancelFunc
	done                sync.WaitGroup
}

func startClient(url string) *client {
	ctx, stop := context.WithCancel(context.Background())
	c := &client{stop: stop}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	c.done.Go(func() {
		tick := time.NewTicker(time.Second / rate)
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

func (c *client) ask(plain *http.Client, url string) {
	c.sent.Add(1)
	resp, err := plain.Get(url)
	if err != nil {
		c.failed.Add(1)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.failed.Add(1)
	}
	if strings.Contains(string(body), "green") {
		c.green.Add(1)
	}
}

func (c *client) end() { c.stop(); c.done.Wait() }

const suite = `
suite: smoke
identity: [{get: /version, header: X-Cluster, must: differ}]
cases:
  - case: channels
    get: /channels
    expect: {body: {$.channels: {count: 3}}}
`

// newSetup is a walk of HAProxy with a probe.
func newSetup(t *testing.T, d *haproxy.Driver, front string, blue, green *twin, file *shiftfile.File, tell func(shift.Line)) *shift.Setup {
	t.Helper()
	suites, problems := scenarios.Load(fstest.MapFS{"s.yaml": {Data: []byte(suite)}}, []string{"s.yaml"}, scenarios.LoadOptions{BlueURL: blue.URL, GreenURL: green.URL, Demand: true})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	asker, err := runner.NewAsker(&runner.Plan{Suites: suites, World: runner.World{Now: time.Now}}, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asker.Close)
	file.Name, file.OnFail = "api", "rollback"
	file.Probe = &shiftfile.Probe{Through: "http://" + front, MinGreen: 10}
	file.Driver.HAProxy = &shiftfile.HAProxy{}
	return &shift.Setup{
		Shift: file, Driver: d, Root: t.TempDir(), Tool: "test", RollbackTimeout: 30 * time.Second, PauseTimeout: 20 * time.Second, Now: time.Now,
		Tell: func(l shift.Line) error {
			t.Log(l.Time.Format("05.000"), l.Step, l.Text)
			tell(l)
			return nil
		},
		Probe: probe.New(asker, probe.Config{
			Through: "http://" + front, Blue: blue.address(), Green: green.address(), Every: 20 * time.Millisecond, MinGreen: 10,
		}),
	}
}

var steps = []float64{0.01, 0.05, 0.25, 0.5, 1}

// A clean walk to 100 % costs an independent client no request.
func TestCleanWalkLosesNothing(t *testing.T) {
	blue, green := newTwin(t, "blue"), newTwin(t, "green")
	front, d := startHAProxy(t, blue.address(), green.address(), "")
	c := startClient("http://" + front + "/channels")
	file := &shiftfile.File{Steps: steps, Hold: shiftfile.Hold{Min: 300 * time.Millisecond, Max: time.Minute}}
	setup := newSetup(t, d, front, blue, green, file, func(shift.Line) {})
	result, _, err := setup.Begin(t.Context())
	c.end()
	if err != nil || result.Outcome != machine.Done || result.Weights != (machine.Weights{Blue: 0, Green: 100}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if c.failed.Load() != 0 || c.green.Load() == 0 {
		t.Errorf("%d of %d requests failed, %d came from green", c.failed.Load(), c.sent.Load(), c.green.Load())
	}
	t.Logf("%d requests, 0 failed, %d from green", c.sent.Load(), c.green.Load())
}

// A green that breaks at 25 % is rolled back; what it costs clients is bounded by its share.
func TestBrokenGreenIsRolledBack(t *testing.T) {
	blue, green := newTwin(t, "blue"), newTwin(t, "green")
	front, d := startHAProxy(t, blue.address(), green.address(), "")
	c := startClient("http://" + front + "/channels")
	var broke, began time.Time
	file := &shiftfile.File{Steps: steps, Hold: shiftfile.Hold{Min: 300 * time.Millisecond, Max: time.Minute}}
	setup := newSetup(t, d, front, blue, green, file, func(l shift.Line) {
		switch {
		case l.Step == "25%" && strings.HasPrefix(l.Text, "set"):
			broke = time.Now()
			green.fault.Store(true)
		case strings.HasPrefix(l.Text, "rolling back"):
			began = time.Now()
		}
	})
	result, _, err := setup.Begin(t.Context())
	c.end()
	if err != nil || result.Outcome != machine.RolledBack || result.Weights != (machine.Weights{Blue: 100, Green: 0}) {
		t.Fatalf("%+v, %v", result, err)
	}
	detection := began.Sub(broke)
	most := rate * 0.25 * (detection + 5*time.Second).Seconds()
	if failed := float64(c.failed.Load()); failed > most {
		t.Errorf("%g requests failed, at most %g may (found after %s)", failed, most, detection)
	}
	t.Logf("%d of %d requests failed, at most %.0f may; found after %s", c.failed.Load(), c.sent.Load(), most, detection)
}

// When blue fails as well, nothing is rolled back: the walk waits for a person.
func TestBothBrokenPauses(t *testing.T) {
	blue, green := newTwin(t, "blue"), newTwin(t, "green")
	front, d := startHAProxy(t, blue.address(), green.address(), "")
	file := &shiftfile.File{Steps: steps, Hold: shiftfile.Hold{Min: 300 * time.Millisecond, Max: 2 * time.Second}}
	setup := newSetup(t, d, front, blue, green, file, func(l shift.Line) {
		if l.Step == "5%" && strings.HasPrefix(l.Text, "set") {
			blue.fault.Store(true)
			green.fault.Store(true)
		}
	})
	setup.PauseTimeout = 2 * time.Second
	result, _, err := setup.Begin(t.Context())
	if err != nil || result.Outcome != machine.Held || result.Weights != (machine.Weights{Blue: 95, Green: 5}) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// What HAProxy says in text is an error, and what cannot be walked is refused.
func TestDriver(t *testing.T) {
	blue, green := newTwin(t, "blue"), newTwin(t, "green")
	_, d := startHAProxy(t, blue.address(), green.address(), "")
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("a backend of two servers: %v", err)
	}
	if err := d.Write(t.Context(), machine.Weights{Blue: 100}, machine.Weights{Blue: 300, Green: 1}, false); err == nil {
		t.Error("a weight of 300 is accepted")
	}
	if err := d.Write(t.Context(), machine.Weights{Blue: 7, Green: 7}, machine.Weights{Blue: 99, Green: 1}, true); err == nil {
		t.Error("a write from other weights is accepted")
	}
	have, err := d.Read(t.Context())
	if err != nil || have != (machine.Weights{Blue: 100, Green: 0}) {
		t.Errorf("after refused writes: %v, %v", have, err)
	}
	_, third := startHAProxy(t, blue.address(), green.address(), "  server third "+blue.address()+" weight 10")
	if err := third.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "third server") {
		t.Errorf("a third server: %v", err)
	}
	_, closed := startHAProxy(t, blue.address(), green.address(), "  server green2 "+green.address()+" weight 0")
	if err := closed.Check(t.Context()); err != nil {
		t.Errorf("a third server of weight 0: %v", err)
	}
}
