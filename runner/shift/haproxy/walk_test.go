package haproxy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/haproxy"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/runner/shift/shifttest"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// startHAProxy runs HAProxy over two servers and returns its address and its driver.
func startHAProxy(t *testing.T, blue, green string, more string) (front string, d *haproxy.Driver) {
	t.Helper()
	exe, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("no haproxy on this host: walks through HAProxy are not tried")
	}
	front = steady.Address(t)
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
		if _, _, err = d.Read(t.Context()); err == nil {
			return front, d
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("haproxy does not answer: %v", err)
	return "", nil
}

// newTwins starts both sides.
func newTwins(t *testing.T) (blue, green *shifttest.Twin) {
	return shifttest.NewTwin(t, "blue", nil), shifttest.NewTwin(t, "green", nil)
}

// A clean walk to 100 % costs an independent client no request.
func TestCleanWalkLosesNothing(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	front, d := startHAProxy(t, blue.Address(), green.Address(), "")
	c := shifttest.StartClient("http://"+front+"/channels", nil)
	setup := shifttest.NewSetup(t, d, "http://"+front, [2]*shifttest.Twin{blue, green}, shifttest.Steps, nil)
	result, _, err := setup.Begin(t.Context())
	c.End()
	if err != nil || result.Outcome != machine.Done || result.Weights != (machine.Weights{Blue: 0, Green: 100}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if c.Failed.Load() != 0 || c.Green.Load() == 0 {
		t.Errorf("%d of %d requests failed, %d came from green", c.Failed.Load(), c.Sent.Load(), c.Green.Load())
	}
	t.Logf("%d requests, 0 failed, %d from green", c.Sent.Load(), c.Green.Load())
}

// A green that breaks at 25 % is rolled back; what it costs clients is bounded by its share.
func TestBrokenGreenIsRolledBack(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	front, d := startHAProxy(t, blue.Address(), green.Address(), "")
	c := shifttest.StartClient("http://"+front+"/channels", nil)
	b := &shifttest.Breakage{Green: green, Step: "25%"}
	setup := shifttest.NewSetup(t, d, "http://"+front, [2]*shifttest.Twin{blue, green}, shifttest.Steps, b.Tell)
	result, _, err := setup.Begin(t.Context())
	c.End()
	if err != nil || result.Outcome != machine.RolledBack || result.Weights != (machine.Weights{Blue: 100, Green: 0}) {
		t.Fatalf("%+v, %v", result, err)
	}
	b.Accept(t, c, 0.25, 0)
}

// When blue fails as well, or hangs, nothing is rolled back: the walk waits for a person.
func TestBothBrokenPauses(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	front, d := startHAProxy(t, blue.Address(), green.Address(), "")
	setup := shifttest.NewSetup(t, d, "http://"+front, [2]*shifttest.Twin{blue, green}, shifttest.Steps, func(l shift.Line) {
		if l.Step == "5%" && strings.HasPrefix(l.Text, "set") {
			blue.Fault.Store(true)
			green.Fault.Store(true)
		}
	})
	setup.Shift.Hold.Max, setup.PauseTimeout = 2*time.Second, 2*time.Second
	result, _, err := setup.Begin(t.Context())
	if err != nil || result.Outcome != machine.Held || result.Weights != (machine.Weights{Blue: 95, Green: 5}) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// A public name that nobody answers, a green that fails, and a name that green answers already let no
// walk begin.
func TestProbeBeforeTheWalk(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	front, d := startHAProxy(t, blue.Address(), green.Address(), "")
	for name, row := range map[string]struct {
		through string
		fault   bool
		want    string
	}{
		"no such name":  {"http://no-such-name.invalid", false, "fails before the walk"},
		"nobody there":  {"http://127.0.0.1:1", false, "fails before the walk"},
		"green answers": {green.URL, false, "is answered by green before the walk"},
		"green fails":   {"http://" + front, true, "green itself fails before the walk"},
	} {
		green.Fault.Store(row.fault)
		setup := shifttest.NewSetup(t, d, row.through, [2]*shifttest.Twin{blue, green}, shifttest.Steps, nil)
		if _, folder, err := setup.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) || folder != "" {
			t.Errorf("%s: %v, record in %q", name, err, folder)
		}
	}
	if have, _, err := d.Read(t.Context()); err != nil || have != (machine.Weights{Blue: 100}) {
		t.Errorf("after refused walks: %v, %v", have, err)
	}
}

// A third server that takes traffic, and a server that a person takes out, pause a walk before its next step.
func TestServersThatChange(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	for name, row := range map[string]struct{ command, want string }{
		"a third server": {"set server app/third weight 50", "weight of server third is now 50, it was 0"},
		"maintenance":    {"set server app/green state maint", "state of server green is new (MAINT)"},
		"another port":   {"set server app/green addr 127.0.0.1 port 1", "address of server green is now 127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front, d := startHAProxy(t, blue.Address(), green.Address(), "  server third "+blue.Address()+" weight 0")
			said := ""
			setup := shifttest.NewSetup(t, d, "http://"+front, [2]*shifttest.Twin{blue, green}, shifttest.Steps, func(l shift.Line) {
				if strings.HasPrefix(l.Text, "paused") {
					said = l.Text
				}
			})
			setup.Probe, setup.Shift.Probe = nil, nil // the servers are what is tested
			setup.Shift.Hold.Min, setup.PauseTimeout = 0, time.Millisecond
			setup.Shift.Confirm = &shiftfile.Confirm{At: []float64{0.05}}
			setup.Confirm = func(ctx context.Context, _ machine.Step) (machine.Verdict, string) {
				haproxy.Send(ctx, d, row.command)
				return machine.Pass, ""
			}
			result, _, err := setup.Begin(t.Context())
			if err != nil || result.Outcome != machine.Held || !strings.Contains(said, row.want) {
				t.Errorf("%+v, %v: %s", result, err, said)
			}
		})
	}
}

// What HAProxy says in text is an error, and what cannot be walked is refused.
func TestDriver(t *testing.T) {
	t.Parallel()
	blue, green := newTwins(t)
	_, d := startHAProxy(t, blue.Address(), green.Address(), "")
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("a backend of two servers: %v", err)
	}
	if err := d.Write(t.Context(), machine.Weights{Blue: 100}, machine.Weights{Blue: 300, Green: 1}, false); err == nil {
		t.Error("a weight of 300 is accepted")
	}
	if err := d.Write(t.Context(), machine.Weights{Blue: 7, Green: 7}, machine.Weights{Blue: 99, Green: 1}, true); err == nil {
		t.Error("a write from other weights is accepted")
	}
	have, _, err := d.Read(t.Context())
	if err != nil || have != (machine.Weights{Blue: 100, Green: 0}) {
		t.Errorf("after refused writes: %v, %v", have, err)
	}
	for _, state := range []string{"drain", "maint"} {
		haproxy.Send(t.Context(), d, "set server app/green state "+state)
		if err := d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "its weight has no effect") {
			t.Errorf("a green of weight 0 in state %s: %v", state, err)
		}
	}
	_, third := startHAProxy(t, blue.Address(), green.Address(), "  server third "+blue.Address()+" weight 10")
	if err := third.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "third server") {
		t.Errorf("a third server: %v", err)
	}
	_, closed := startHAProxy(t, blue.Address(), green.Address(), "  server green2 "+green.Address()+" weight 0")
	if err := closed.Check(t.Context()); err != nil {
		t.Errorf("a third server of weight 0: %v", err)
	}
	_, ill := startHAProxy(t, blue.Address(), "127.0.0.1:1 check inter 50ms fall 1", "")
	for range 200 {
		if err = ill.Check(t.Context()); err != nil {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if err == nil || !strings.Contains(err.Error(), "in state DOWN") {
		t.Errorf("a green whose health check fails: %v", err)
	}
}
