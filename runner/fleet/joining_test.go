package fleet

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/attack"
)

// said are the lines that a worker or a coordinator wrote.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *said) has(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.Contains(l, part) })
}

// startBus starts the system's nats-server with JetStream.
func startBus(t testing.TB, path, at string) *exec.Cmd {
	t.Helper()
	host, port, _ := net.SplitHostPort(at)
	server := exec.Command(path, "-js", "-a", host, "-p", port, "-sd", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	return server
}

// startOn starts a coordinator of two workers on a bus that may not be ready yet.
func startOn(t testing.TB, bus Address, token Token) (c *Coordinator) {
	t.Helper()
	var err error
	for range 600 {
		own := bus
		c, err = Start(context.Background(), Options{Run: "test", Tool: "1", Workers: 2, Plan: bigPlan, Token: token, Bus: &own, Within: time.Minute, Say: func(string) {}})
		if err == nil {
			t.Cleanup(c.Close)
			return c
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
	return nil
}

// until waits for a condition; the test fails after a minute.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// A worker that is started before its run says that it waits, joins when the run is there, and
// gives up after its time.
func TestWorkerBeforeItsRun(t *testing.T) {
	t.Parallel()
	plan, _ := testPlan(t)
	token, at := NewToken(), steady.Address(t)
	lines := &said{}
	done := make(chan error, 1)
	ctx := t.Context()
	o := WorkerOptions{
		Join: Address{URL: "nats://" + at, Own: true}, Token: token, Tool: "1", Say: lines.say,
		Load: func([]byte) (Site, error) { return &testSite{plan}, nil },
	}
	go func() { done <- Work(ctx, o) }()
	until(t, "a line that the worker waits", func() bool {
		select {
		case err := <-done:
			t.Fatalf("the worker did not wait: %v", err)
		default:
		}
		return lines.has("yet; waiting for it up to 5m0s")
	})
	c, err := Start(context.Background(), Options{Run: "late", Tool: "1", Workers: 1, Token: token, Listen: Listening{Address: at}, Within: time.Minute, Say: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.WaitForWorkers(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-done; err != nil {
		t.Errorf("the run is over: the worker ended with %v", err)
	}
	o.Within = time.Millisecond
	if err := Work(ctx, o); err == nil || !strings.Contains(err.Error(), "no run was there within 1ms") {
		t.Errorf("nobody listens: error %v", err)
	}
}

// One worker more than asked for is refused; one that comes after another has died takes part in
// the next stage.
func TestMoreWorkersAndALateOne(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		plan, counters := testPlan(t)
		c, token := startCoordinator(t, 2)
		kill := joinWorker(t, c, token, plan, nil)
		joinWorker(t, c, token, plan, nil)
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		third := WorkerOptions{Join: c.own.Address, Token: token, Tool: "1", Say: func(string) {}}
		if err := Work(context.Background(), third); err == nil || !strings.Contains(err.Error(), "has all its 2 workers") {
			t.Errorf("a third worker: error %v", err)
		}
		_ = kill()
		lost := uint8(0)
		until(t, "a worker is lost", func() bool {
			for _, w := range workersOf(c) {
				if w.Lost {
					lost = uint8(w.Number)
				}
			}
			return lost > 0
		})
		joinWorker(t, c, token, plan, nil)
		until(t, "the late worker is there", func() bool { w := workersOf(c); return len(w) == 3 && !w[2].Lost && c.ready(2) })
		records, of := 0, map[uint8]bool{}
		for _, f := range fire(t, c, nil) {
			if f.Void != "" {
				t.Skipf("this machine was too busy: slice %d is void: %s", f.Number, f.Void)
			}
			for _, s := range f.Shares {
				records += len(s.Records)
				of[uint8(s.Worker)] = true
			}
		}
		if sent := len(counters[0].sorted()) + len(counters[1].sorted()); records != sent || len(of) != 2 || !of[3] || of[lost] {
			t.Errorf("%d records of %d requests, of the workers %v", records, sent, of)
		}
	})
}

// ready reports whether a member has accepted the plan.
func (c *Coordinator) ready(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, said := c.members[i].words[0]
	return said
}

// Over TLS a worker needs the fingerprint and the token.
func TestBusWithTLS(t *testing.T) {
	t.Parallel()
	plan, _ := testPlan(t)
	config, _, err := certificate(Listening{}, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := Listening{Address: "127.0.0.1:0", Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	for name, block := range map[string]*pem.Block{l.Cert: {Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]}, l.Key: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	token, lines := NewToken(), &said{}
	c, err := Start(context.Background(), Options{Run: "tls", Tool: "1", Workers: 1, Plan: bigPlan, Token: token, Listen: l, Within: time.Minute, Say: lines.say})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if !lines.has("--token-file FILE --bus-fingerprint "+c.own.Fingerprint) || lines.has(token.String()) {
		t.Errorf("the join line: %q", lines.lines)
	}
	for _, row := range []struct {
		name   string
		change func(*WorkerOptions)
		want   string
	}{
		{"no fingerprint", func(o *WorkerOptions) { o.Join.Fingerprint = "" }, "the certificate of the bus"},
		{"another fingerprint", func(o *WorkerOptions) { o.Join.Fingerprint = strings.Repeat("ab", 32) }, "another certificate"},
		{"another token", func(o *WorkerOptions) { o.Token = NewToken() }, "refused the token"},
	} {
		o := WorkerOptions{Join: c.own.Address, Token: token, Tool: "1", Say: func(string) {}}
		row.change(&o)
		if err := Work(context.Background(), o); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that contains %q", row.name, err, row.want)
		}
	}
	joinWorker(t, c, token, plan, func(o *WorkerOptions) { o.Join.Fingerprint = c.own.Fingerprint })
	if err := c.WaitForWorkers(context.Background()); err != nil {
		t.Error(err)
	}
}

// A bus that is restarted while a stage is fired, and so loses its stream, costs slices; the
// rest of the stage is whole.
func TestBusIsRestarted(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		path, err := exec.LookPath("nats-server")
		if err != nil {
			t.Skip("nats-server is not installed: skipped")
		}
		at := steady.Address(t)
		server := startBus(t, path, at)
		t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
		plan, _ := testPlan(t)
		token, bus := NewToken(), Address{URL: "nats://" + at}
		c := startOn(t, bus, token)
		for range 2 {
			joinWorker(t, c, token, plan, func(o *WorkerOptions) { o.Join = bus })
		}
		if err := c.WaitForWorkers(context.Background()); err != nil {
			t.Fatal(err)
		}
		voids, whole := 0, 0
		for _, f := range fire(t, c, func() {
			time.Sleep(1500 * time.Millisecond)
			_ = server.Process.Kill()
			_ = server.Wait()
			time.Sleep(maxGap) // so that heartbeats are missed
			server = startBus(t, path, at)
		}) {
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

// A worker whose site is slow to be ready is waited for, and so is none that refuses the stage:
// nothing is fired then.
func TestSlowAndUnwillingSites(t *testing.T) {
	t.Parallel()
	plan, counters := testPlan(t)
	c, token := startCoordinator(t, 1)
	site := &moodySite{testSite{plan}, make(chan error, 1)}
	joinWorker(t, c, token, plan, func(o *WorkerOptions) { o.Load = func([]byte) (Site, error) { return site, nil } })
	if err := c.WaitForWorkers(context.Background()); err != nil {
		t.Fatal(err)
	}
	design := perf.NewStage(perf.Design{Rate: 10, Duration: time.Second, Unit: time.Second, Timeout: time.Second, Routes: []perf.Route{{Name: "GET /", Share: 1}}}).Design()
	site.mood <- fmt.Errorf("the rate is above what this machine allows")
	_, err := c.Stage(nil, nil).Begin(context.Background(), attack.Order{Section: attack.Section{Name: "t", Design: design}})
	if err == nil || !strings.Contains(err.Error(), "refused the stage: the rate is above") {
		t.Errorf("error %v", err)
	}
	if n := len(counters[0].sorted()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	if _, err := c.Stage(nil, nil).Begin(ctx, attack.Order{Section: attack.Section{Name: "t", Design: design}}); err == nil {
		t.Error("a stage began although its only worker was not ready")
	}
	site.mood <- nil
}

// A moodySite begins a stage when it hears how.
type moodySite struct {
	testSite
	mood chan error
}

func (s *moodySite) Begin(ctx context.Context, stage []byte, o attack.Order, emit func(*attack.Share)) (*attack.Member, error) {
	select {
	case err := <-s.mood:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.testSite.Begin(ctx, stage, o, emit)
}
