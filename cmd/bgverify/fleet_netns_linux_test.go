package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The network of the test: a bridge with the coordinator and the services, and a namespace for
// each worker.
const (
	netBridge  = "bgvfleet0"
	netOutside = "10.213.77.1"
)

// ip runs a command of iproute2.
func ip(t *testing.T, args ...string) error {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// makeNamespaces makes the bridge and n namespaces. The test is skipped where that is not allowed.
func makeNamespaces(t *testing.T, n int) (names []string) {
	t.Helper()
	if os.Getenv("BGVERIFY_TORTURE") == "" {
		t.Skip("network namespaces: set BGVERIFY_TORTURE, as make test-fleet does")
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root: skipped")
	}
	t.Cleanup(func() {
		for _, name := range names {
			_ = ip(t, "netns", "del", name) // its link goes with it
		}
		_ = ip(t, "link", "del", netBridge)
	})
	steps := [][]string{{"link", "add", netBridge, "type", "bridge"}, {"addr", "add", netOutside + "/24", "dev", netBridge}, {"link", "set", netBridge, "up"}}
	for i := range n {
		name, link := fmt.Sprintf("bgvfleet-w%d", i+1), fmt.Sprintf("bgvfleet-v%d", i+1)
		names = append(names, name)
		steps = append(steps, [][]string{
			{"netns", "add", name},
			{"link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name},
			{"link", "set", link, "master", netBridge, "up"},
			{"-n", name, "addr", "add", fmt.Sprintf("10.213.77.%d/24", i+2), "dev", "eth0"},
			{"-n", name, "link", "set", "eth0", "up"},
			{"-n", name, "link", "set", "lo", "up"},
		}...)
	}
	for _, step := range steps {
		if err := ip(t, step...); err != nil {
			t.Skipf("network namespaces cannot be made here: %v", err)
		}
	}
	return names
}

// outside serves on the address that workers reach.
func outside(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", netOutside+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// Workers in network namespaces join over TLS. A link that is down for three seconds, delay and
// loss never make a wrong verdict.
func TestFleetNamespaces(t *testing.T) {
	names := makeNamespaces(t, 2)
	fine := after(20*time.Millisecond, says(`{"a":1}`))
	netem := func(f *fleetRun) error {
		out, err := exec.Command("tc", "-n", names[0], "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "5ms", "1ms", "loss", "0.5%").CombinedOutput()
		if err != nil {
			return fmt.Errorf("tc has no netem here: %s", strings.TrimSpace(string(out)))
		}
		f.t.Cleanup(func() { _ = exec.Command("tc", "-n", names[0], "qdisc", "del", "dev", "eth0", "root").Run() })
		return nil
	}
	cut := func(f *fleetRun) error {
		defer time.Sleep(100 * time.Millisecond)
		if err := ip(f.t, "-n", names[1], "link", "set", "eth0", "down"); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		return ip(f.t, "-n", names[1], "link", "set", "eth0", "up")
	}
	for _, row := range []struct {
		name   string
		green  http.HandlerFunc
		before func(*fleetRun) error
		during func(*fleetRun) error
		want   int
	}{
		{"a link is down for 3 s, equal", fine, nil, cut, 0},
		{"a link is down for 3 s, +30 %", after(26*time.Millisecond, says(`{"a":1}`)), nil, cut, 1},
		{"delay and loss, equal", fine, netem, nil, 0},
		{"delay and loss, +30 %", after(26*time.Millisecond, says(`{"a":1}`)), netem, nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := &fleetRun{evidence: newEvidence(t)}
			if row.before != nil {
				if err := row.before(f); err != nil {
					t.Skip(err)
				}
			}
			var asked atomic.Int64
			blue := outside(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); fine(w, r) }))
			f.run = f.command("run", "suite.yaml", "--only-load", "--allow-load", "--seed", "7", "--workers", "2", "--listen", netOutside+":0",
				"--blue", blue, "--green", outside(t, row.green), "--run-id", "it", "--no-progress")
			f.file("suite.yaml", loaded("    rate: 60/s\n    duration: 60s\n    warmup: 2s\n    margins: {p50: 5%, p95: 10%}\n", "item"))
			f.begin()
			m := regexp.MustCompile(`--bus-fingerprint (\S+) --allow-host`).FindStringSubmatch(f.out.String())
			if m == nil {
				t.Fatalf("the join line has no fingerprint: %s", f.out.String())
			}
			for _, name := range names {
				f.inside(name, "worker", "--join", f.join, "--bus-fingerprint", m[1], "--allow-host", netOutside)
			}
			if row.during != nil {
				for asked.Load() < 600 {
					time.Sleep(50 * time.Millisecond)
				}
				if err := row.during(f); err != nil {
					t.Error(err)
				}
			}
			status, s := f.ends(), f.stage()
			t.Logf("exit status %d, %d voids: %s", status, len(s.Fleet.Voids), s.Reason)
			if status != row.want && (status != 4 || !strings.Contains(f.out.String(), "generator")) {
				t.Errorf("exit status %d, want %d\n%s", status, row.want, f.out.String())
			}
			if row.during != nil && len(s.Fleet.Voids) == 0 {
				t.Error("no void slice is reported")
			}
		})
	}
}

// inside starts a worker in a network namespace.
func (f *fleetRun) inside(namespace string, args ...string) {
	f.t.Helper()
	w, said := f.command(args...), &growing{}
	w.Args = append([]string{"ip", "netns", "exec", namespace, w.Path}, w.Args[1:]...)
	var err error
	if w.Path, err = exec.LookPath("ip"); err != nil {
		f.t.Fatal(err)
	}
	w.Stdout, w.Stderr = said, said
	if err := w.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.workers, f.said = append(f.workers, w), append(f.said, said)
}
