package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// A testSite fires a plan of one route at two test servers.
type testSite struct{ plan attack.Plan }

func (s *testSite) Begin(ctx context.Context, _ []byte, o attack.Order, emit func(*attack.Share)) (*attack.Member, error) {
	return attack.Join(ctx, s.plan, o, emit, nil)
}

func (s *testSite) Owed(ctx context.Context) []byte { <-ctx.Done(); return nil }

func (s *testSite) Close() {}

// A counter notes every request of one side.
type counter struct {
	mu   sync.Mutex
	seen []string
}

func (c *counter) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, r.URL.Path)
}

func (c *counter) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := slices.Clone(c.seen)
	slices.Sort(s)
	return s
}

func testPlan(t testing.TB) (attack.Plan, [2]*counter) {
	t.Helper()
	counters := [2]*counter{{}, {}}
	var sides [2]attack.Side
	route := attack.Route{Name: "GET /"}
	for i := range counters {
		server := httptest.NewServer(counters[i])
		t.Cleanup(server.Close)
		sides[i] = attack.Side{Services: map[string]wire.Config{"": {BaseURL: server.URL}}}
		for row := range 100 {
			r := attack.Request{Method: "GET", URL: fmt.Sprintf("%s/%d", server.URL, row)}
			if i == 0 {
				route.Blue = append(route.Blue, r)
			} else {
				route.Green = append(route.Green, r)
			}
		}
	}
	return attack.Plan{Name: "t", Routes: []attack.Route{route}, Blue: sides[0], Green: sides[1], Rate: 100, Timeout: 2 * time.Second}, counters
}

// bigPlan travels in several parts.
var bigPlan = []byte(strings.Repeat("plan ", 300_000))

func startCoordinator(t testing.TB, workers int) (*Coordinator, Token) {
	t.Helper()
	token := NewToken()
	c, err := Start(context.Background(), Options{
		Run: "test", Tool: "1", Workers: workers, Plan: bigPlan, Token: token, Listen: Listening{Address: "127.0.0.1:0"}, Within: time.Minute, Say: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, token
}

func joinWorker(t testing.TB, c *Coordinator, token Token, plan attack.Plan, change func(*WorkerOptions)) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := WorkerOptions{
		Token: token, Tool: "1", Say: func(string) {},
		Load: func(b []byte) (Site, error) {
			if len(b) != len(bigPlan) {
				return nil, fmt.Errorf("a plan of %d bytes", len(b))
			}
			return &testSite{plan}, nil
		},
	}
	if c.own != nil {
		o.Join = Address{URL: c.own.URL, Own: true}
	}
	if change != nil {
		change(&o)
	}
	done := make(chan error, 1)
	go func() { done <- Work(ctx, o) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// fire fires two seconds over workers and returns the settled slices.
func fire(t testing.TB, c *Coordinator, during func()) []attack.Fired {
	t.Helper()
	design := perf.NewStage(perf.Design{
		Rate: 100, Duration: 2 * time.Second, WarmUp: 400 * time.Millisecond, Unit: 400 * time.Millisecond, Timeout: 2 * time.Second, Seed: 5,
		Routes: []perf.Route{{Name: "GET /", Share: 1}},
	}).Design()
	firing, err := c.Stage(nil, nil).Begin(context.Background(), attack.Order{Section: attack.Section{Name: "t", Design: design}})
	if err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during()
	}
	var all []attack.Fired
	blocks := design.Blocks()
	for f := range firing.Slices() {
		if f.Void != "" && f.Block >= 0 {
			blocks++
			firing.Extend(blocks)
		}
		all = append(all, f)
	}
	firing.End()
	return all
}

// The same stage over one worker and over three, one of whose clocks is 200 ms off: each
// side gets the same requests, and every pair stays on one worker.
func TestWorkersFireTheSameRequests(t *testing.T) {
	t.Parallel()
	var seen [2][2][]string
	for i, workers := range []int{1, 3} {
		plan, counters := testPlan(t)
		c, token := startCoordinator(t, workers)
		for k := range workers {
			joinWorker(t, c, token, plan, func(o *WorkerOptions) {
				if k == 1 {
					clock := newClock()
					o.Now = func() time.Time { return clock.now().Add(200 * time.Millisecond) }
				}
			})
		}
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		fired := fire(t, c, nil)
		records, of := 0, map[uint32]uint8{}
		for _, f := range fired {
			if f.Void != "" {
				t.Skipf("this machine was too busy: slice %d is void: %s", f.Number, f.Void)
			}
			for _, s := range f.Shares {
				for _, r := range s.Records {
					records++
					if w, known := of[r.Pair]; known && w != r.Worker {
						t.Fatalf("pair %d was fired by workers %d and %d", r.Pair, w, r.Worker)
					}
					of[r.Pair] = r.Worker
				}
			}
		}
		if sent := len(counters[0].sorted()) + len(counters[1].sorted()); records != sent || len(of) != 240 {
			t.Fatalf("%d workers: %d records of %d pairs, %d requests arrived", workers, records, len(of), sent)
		}
		seen[i] = [2][]string{counters[0].sorted(), counters[1].sorted()}
		if workers == 3 {
			if all := workersOf(c); !slices.ContainsFunc(all, func(w run.LoadWorker) bool { return w.OffsetMS <= -100 }) {
				t.Errorf("no worker's clock is 200 ms off: %+v", all)
			}
		}
	}
	if !slices.Equal(seen[0][0], seen[1][0]) || !slices.Equal(seen[0][1], seen[1][1]) {
		t.Errorf("three workers fired other requests than one: %d and %d", len(seen[0][0]), len(seen[1][0]))
	}
}

// A worker for which green alone fails spoils its slices, by name; one that cannot reach green at
// all refuses the stage.
func TestWorkerThatReachesOneSide(t *testing.T) {
	t.Parallel()
	plan, _ := testPlan(t)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(gateway.Close)
	elsewhere := func(address string) attack.Plan {
		other := plan
		other.Green = attack.Side{Services: map[string]wire.Config{"": {BaseURL: address}}}
		route := plan.Routes[0]
		route.Green = nil
		for range route.Blue {
			route.Green = append(route.Green, attack.Request{Method: "GET", URL: address + "/"})
		}
		other.Routes = []attack.Route{route}
		return other
	}
	c, token := startCoordinator(t, 2)
	joinWorker(t, c, token, plan, nil)
	joinWorker(t, c, token, elsewhere(gateway.URL), nil)
	if err := c.WaitForWorkers(context.Background()); err != nil {
		t.Fatal(err)
	}
	apart, busy := 0, ""
	for _, f := range fire(t, c, nil) {
		switch {
		case f.Side == "green" && len(f.Apart) == 1:
			apart++
		case f.Void != "":
			busy = f.Void
		case len(f.Shares) == 2: // a worker that is not heard for a while fires nothing
			t.Errorf("slice %d is judged", f.Number)
		}
	}
	if apart == 0 {
		t.Skipf("this machine was too busy: no slice was fired by both workers: %s", busy)
	}
	c, token = startCoordinator(t, 1)
	joinWorker(t, c, token, elsewhere("http://127.0.0.1:1"), nil)
	if err := c.WaitForWorkers(context.Background()); err != nil {
		t.Fatal(err)
	}
	design := perf.NewStage(perf.Design{Rate: 100, Duration: time.Second, Timeout: time.Second, Routes: []perf.Route{{Name: "GET /", Share: 1}}}).Design()
	firing, err := c.Stage(nil, nil).Begin(context.Background(), attack.Order{Section: attack.Section{Name: "t", Design: design}})
	if err == nil {
		firing.End()
	}
	if err == nil || !strings.Contains(err.Error(), "cannot reach green") || !strings.Contains(err.Error(), "worker 1") {
		t.Errorf("a worker that cannot reach green: %v", err)
	}
}

// A worker that dies while a stage is fired spoils slices; the others fire the rest.
func TestDeathOfAWorker(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		plan, _ := testPlan(t)
		c, token := startCoordinator(t, 2)
		joinWorker(t, c, token, plan, nil)
		kill := joinWorker(t, c, token, plan, nil)
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		fired := fire(t, c, func() {
			time.Sleep(2 * time.Second)
			_ = kill()
		})
		voids, whole := 0, 0
		for _, f := range fired {
			if f.Void != "" {
				voids++
			} else if f.Block >= 0 {
				whole++
			}
		}
		if voids == 0 || whole != 5 {
			t.Errorf("%d void slices and %d whole blocks, want some and 5", voids, whole)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	plan, _ := testPlan(t)
	c, token := startCoordinator(t, 1)
	for _, row := range []struct {
		name   string
		change func(*WorkerOptions)
		want   string
	}{
		{"wrong token", func(o *WorkerOptions) { o.Token = NewToken() }, "refused the token"},
		{"old version", func(o *WorkerOptions) { o.Tool = "0" }, "install the same version"},
		{"wrong fingerprint", func(o *WorkerOptions) { o.Join.Fingerprint = "ab" }, "fingerprint"},
		{"refused plan", func(o *WorkerOptions) {
			o.Load = func([]byte) (Site, error) { return nil, errors.New("this worker may not send to 10.0.0.1") }
		}, "may not send"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := WorkerOptions{Join: Address{URL: c.own.URL, Own: true}, Token: token, Tool: "1", Say: func(string) {}, Load: func([]byte) (Site, error) { return &testSite{plan}, nil }}
			row.change(&o)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := Work(ctx, o); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one that contains %q", err, row.want)
			}
		})
	}
	var mistake *hint.Error
	_, err := Start(context.Background(), Options{Run: "other", Tool: "1", Workers: 1, Token: token, Bus: &Address{URL: c.own.dialURL(), Own: true}, Say: func(string) {}})
	if !errors.As(err, &mistake) || !strings.Contains(err.Error(), "run test is using this bus") {
		t.Errorf("a second coordinator with the same token: %v", err)
	}
}

// Without its coordinator a worker fires nothing more within two seconds.
func TestLossOfTheCoordinator(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		plan, counters := testPlan(t)
		c, token := startCoordinator(t, 1)
		stop := joinWorker(t, c, token, plan, nil)
		defer func() { _ = stop() }()
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		design := perf.NewStage(perf.Design{Rate: 100, Duration: time.Minute, WarmUp: time.Second, Unit: 20 * time.Second, Timeout: 2 * time.Second, Routes: []perf.Route{{Name: "GET /", Share: 1}}}).Design()
		firing, err := c.Stage(nil, nil).Begin(context.Background(), attack.Order{Section: attack.Section{Name: "t", Design: design}})
		if err != nil {
			t.Fatal(err)
		}
		defer firing.End()
		until(t, "150 requests", func() bool { return len(counters[0].sorted()) >= 150 })
		c.own.server.Shutdown() // as if the process had died: a slice of 20 s is under way
		time.Sleep(2 * time.Second)
		n := len(counters[0].sorted())
		time.Sleep(time.Second)
		if more := len(counters[0].sorted()) - n; more > 0 {
			t.Errorf("%d requests more than two seconds after the coordinator was lost", more)
		}
	})
}

// A bus that exists: the system's nats-server with JetStream.
func TestExistingBus(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		path, err := exec.LookPath("nats-server")
		if err != nil {
			t.Skip("nats-server is not installed: skipped")
		}
		at := steady.Address(t)
		server := startBus(t, path, at)
		t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
		plan, counters := testPlan(t)
		token, bus := NewToken(), Address{URL: "nats://" + at}
		c := startOn(t, bus, token)
		for range 2 {
			joinWorker(t, c, token, plan, func(o *WorkerOptions) { o.Join = bus })
		}
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		records := 0
		for _, f := range fire(t, c, nil) {
			for _, s := range f.Shares {
				records += len(s.Records)
			}
		}
		if sent := len(counters[0].sorted()) + len(counters[1].sorted()); records != sent || sent < 480 {
			t.Errorf("%d records of %d requests", records, sent)
		}
	})
}

// workersOf are all that ever joined, in the order of their numbers.
func workersOf(c *Coordinator) []run.LoadWorker {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []run.LoadWorker
	for _, m := range c.members {
		out = append(out, m.loadWorker(c.clock.now()))
	}
	return out
}
