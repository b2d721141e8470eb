package command_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/shift/command"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/runner/shift/shifttest"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

const zone, name = "stb.example.", "api.stb.example."

// A powerDNS is a server of Debian's package over one zone, with a driver of the commands that
// docs/shift.md shows.
type powerDNS struct {
	udp, api string
	driver   *command.Driver
	port     string // of both services
	sides    [2]*shifttest.Twin
	ttl      time.Duration
}

// documented is the block of docs/shift.md whose second line begins with a name.
func documented(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/shift.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n# " + regexp.QuoteMeta(file) + ":.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatalf("docs/shift.md has no %s", file)
	}
	return string(found[1])
}

func startPowerDNS(t *testing.T, ttl int) *powerDNS {
	t.Helper()
	const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
	for _, tool := range []string{"pdns_server", "sqlite3", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this host: a walk of PowerDNS is not tried", tool)
		}
	}
	if _, err := os.Stat(schema); err != nil {
		t.Skip("no pdns-backend-sqlite3 on this host: a walk of PowerDNS is not tried")
	}
	p := &powerDNS{ttl: time.Duration(ttl) * time.Second}
	blue, err := net.Listen("tcp", "127.0.0.11:0")
	if err != nil {
		t.Skip("this host has no 127.0.0.11: a walk of PowerDNS is not tried")
	}
	_, p.port, _ = net.SplitHostPort(blue.Addr().String())
	green, err := net.Listen("tcp", "127.0.0.12:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	p.sides = [2]*shifttest.Twin{shifttest.NewTwin(t, "blue", blue), shifttest.NewTwin(t, "green", green)}
	dir := t.TempDir()
	database := filepath.Join(dir, "db")
	create := fmt.Sprintf(`.read %s
INSERT INTO domains (name, type) VALUES ('stb.example', 'NATIVE');
INSERT INTO records (domain_id, name, type, content, ttl) VALUES (1, 'stb.example', 'SOA', 'ns.stb.example. admin.stb.example. 1 3600 600 86400 60', 60);
`, schema)
	sqlite := exec.Command("sqlite3", database)
	sqlite.Stdin = strings.NewReader(create)
	if out, err := sqlite.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	web := steady.Address(t)
	p.udp, p.api = steady.Address(t), "http://"+web+"/api/v1/servers/localhost"
	dnsHost, dnsPort, _ := net.SplitHostPort(p.udp)
	webHost, webPort, _ := net.SplitHostPort(web)
	server := exec.Command("pdns_server", "--config-dir="+dir, "--launch=gsqlite3", "--gsqlite3-database="+database, "--enable-lua-records=yes",
		"--local-address="+dnsHost, "--local-port="+dnsPort, "--webserver=yes", "--api=yes", "--api-key=secret", "--webserver-address="+webHost, "--webserver-port="+webPort,
		"--socket-dir="+dir, "--daemon=no", "--guardian=no", "--loglevel=3")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for variable, value := range map[string]string{
		"PDNS_API": p.api, "PDNS_KEY": "secret", "ZONE": zone, "NAME": name, "BLUE": "127.0.0.11", "GREEN": "127.0.0.12", "TTL": fmt.Sprint(ttl),
	} {
		t.Setenv(variable, value)
	}
	for _, file := range []string{"get.sh", "set.sh"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(documented(t, file)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.driver = command.New(shiftfile.Exec{Get: "./get.sh", Set: "./set.sh", Max: 1000, Timeout: 30 * time.Second}, dir)
	for range 200 {
		if resp, err := http.Get(p.api); err == nil { //nolint:gosec // the test's own
			_ = resp.Body.Close()
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if err := p.driver.Write(t.Context(), machine.Weights{}, machine.Weights{Blue: 100}, false); err != nil {
		t.Fatal(err)
	}
	was := net.DefaultResolver // the probe resolves the public name as any program does
	net.DefaultResolver = p.resolver()
	t.Cleanup(func() { net.DefaultResolver = was })
	return p
}

func (p *powerDNS) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", p.udp)
	}}
}

func (p *powerDNS) url() string { return "http://api.stb.example:" + p.port }

// clients is how many boxes ask; each keeps an answer for its TTL.
const clients = 50

// A box is what one client knows.
type box struct {
	mu      sync.Mutex
	address string
	asked   time.Time
}

// dial connects to the public name as one of the boxes, in turn.
func (p *powerDNS) dial() func(context.Context, string, string) (net.Conn, error) {
	var boxes [clients]box
	var turn atomic.Int64
	r := p.resolver()
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		b := &boxes[turn.Add(1)%clients]
		address, err := b.resolve(ctx, r, p.ttl)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, p.port))
	}
}

func (b *box) resolve(ctx context.Context, r *net.Resolver, ttl time.Duration) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.address == "" || time.Since(b.asked) >= ttl {
		found, err := r.LookupHost(ctx, name)
		if err != nil {
			return "", err
		}
		b.address, b.asked = found[0], time.Now()
	}
	return b.address, nil
}

// long reports whether all steps of a walk, with a TTL, are tried: by make test-shift.
func long() bool { return os.Getenv("BGVERIFY_TORTURE") != "" }

// A walk of PowerDNS by the commands of the manual costs an independent client no request.
func TestPowerDNSWalk(t *testing.T) {
	steps, ttl := []float64{0.5, 1}, 0
	if long() {
		steps, ttl = shifttest.Steps, 2
	}
	p := startPowerDNS(t, ttl)
	c := shifttest.StartClient(p.url()+"/channels", p.dial())
	setup := shifttest.NewSetup(t, p.driver, p.url(), p.sides, steps, nil)
	result, _, err := setup.Begin(t.Context())
	c.End()
	if err != nil || result.Outcome != machine.Done || result.Weights != (machine.Weights{Green: 100}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if c.Failed.Load() != 0 || c.Green.Load() == 0 {
		t.Errorf("%d of %d requests failed, %d came from green", c.Failed.Load(), c.Sent.Load(), c.Green.Load())
	}
	t.Logf("%d requests, 0 failed, %d from green", c.Sent.Load(), c.Green.Load())
}

// A green that breaks is rolled back; clients that honour the TTL lose what the bound says.
func TestPowerDNSRollback(t *testing.T) {
	if !long() {
		t.Skip("make test-shift breaks green behind PowerDNS")
	}
	p := startPowerDNS(t, 1)
	c := shifttest.StartClient(p.url()+"/channels", p.dial())
	b := &shifttest.Breakage{Green: p.sides[1], Step: "25%"}
	setup := shifttest.NewSetup(t, p.driver, p.url(), p.sides, shifttest.Steps, b.Tell)
	result, _, err := setup.Begin(t.Context())
	time.Sleep(p.ttl) // clients that still know green
	c.End()
	if err != nil || result.Outcome != machine.RolledBack || result.Weights != (machine.Weights{Blue: 100}) {
		t.Fatalf("%+v, %v", result, err)
	}
	b.Accept(t, c, 0.25, p.ttl)
}
