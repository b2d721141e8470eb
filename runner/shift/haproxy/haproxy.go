// Package haproxy gives weight to two servers of an HAProxy backend through the runtime API.
//
// In comes the address of a stats socket of level admin, a backend and its two servers; out
// come commands, one connection each. The API answers in text without a status: an
// answer to a change that is not empty is an error. A change is at once in effect
// for new requests; it is lost when HAProxy reloads, which a walk notices as a
// change that it did not make.
package haproxy

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// maxWeight is the largest weight of a server in HAProxy.
const maxWeight = 256

// timeout bounds one command.
const timeout = 5 * time.Second

// A Driver changes the weights of two servers.
type Driver struct {
	config           shiftfile.HAProxy
	network, address string
}

// New makes a driver; nothing is sent.
func New(config shiftfile.HAProxy) (*Driver, error) {
	for _, name := range []string{config.Backend, config.Blue, config.Green} {
		if name == "" || strings.ContainsAny(name, "/; \t\r\n\\<") {
			return nil, hint.Errorf("as the configuration of HAProxy has it", "%q is not the name of a backend or server", name)
		}
	}
	network, address, ok := strings.Cut(config.Socket, "://")
	if !ok || network != "unix" && network != "tcp" {
		return nil, hint.Errorf("unix:///path or tcp://host:port", "socket %q", config.Socket)
	}
	return &Driver{config, network, address}, nil
}

// Name says what is written to.
func (d *Driver) Name() string { return "haproxy backend " + d.config.Backend }

// Max is the largest weight of a server.
func (d *Driver) Max() int { return maxWeight }

// send sends one command and returns the answer without the blank lines at its end.
func (d *Driver) send(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, d.network, d.address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		return "", fmt.Errorf("send %q: %w", command, err)
	}
	answer, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the answer to %q: %w", command, err)
	}
	return string(bytes.TrimSpace(answer)), nil
}

// A server is what the statistics say of one.
type server struct{ name, status string }

// servers lists the servers of the backend.
func (d *Driver) servers(ctx context.Context) ([]server, error) {
	answer, err := d.send(ctx, "show stat")
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# ")))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("the answer to \"show stat\" is not a table: %s", cut(answer))
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var out []server
	for _, row := range rows[1:] {
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		if get("pxname") != d.config.Backend || get("svname") == "BACKEND" || get("svname") == "FRONTEND" {
			continue
		}
		out = append(out, server{name: get("svname"), status: get("status")})
	}
	return out, nil
}

func cut(s string) string { return text.Cut(text.Visible(s), 120) }

// Check refuses a backend with a third server that takes traffic, and sides that take none
// whatever their weight is.
func (d *Driver) Check(ctx context.Context) error {
	servers, err := d.servers(ctx)
	if err != nil {
		return fmt.Errorf("haproxy: %w", err)
	}
	if len(servers) == 0 {
		return hint.Errorf("\"show stat\" on the socket lists the backends", "haproxy has no backend %q", d.config.Backend)
	}
	found := map[string]bool{}
	for _, s := range servers {
		found[s.name] = true
		side := s.name == d.config.Blue || s.name == d.config.Green
		weight, err := d.weight(ctx, s.name)
		switch {
		case err != nil:
			return err
		case !side && weight > 0:
			return hint.Errorf("give it weight 0, or remove it", "backend %s has a third server, %s, of weight %d: shares of two sides would not be what they say", d.config.Backend, s.name, weight)
		case side && (strings.HasPrefix(s.status, "MAINT") || strings.HasPrefix(s.status, "DRAIN") && weight > 0):
			return hint.Errorf("set server "+d.config.Backend+"/"+s.name+" state ready", "server %s is in state %s: its weight has no effect", s.name, s.status)
		case side && (strings.HasPrefix(s.status, "DOWN") || strings.HasPrefix(s.status, "NOLB")):
			return hint.Errorf("see why its health check fails", "server %s is in state %s: its share would go to the other one", s.name, s.status)
		}
	}
	for _, name := range []string{d.config.Blue, d.config.Green} {
		if !found[name] {
			return hint.Errorf("\"show stat\" on the socket lists the servers", "backend %s has no server %q", d.config.Backend, name)
		}
	}
	return nil
}

// weight reads the weight of a server: "50 (initial 100)".
func (d *Driver) weight(ctx context.Context, name string) (int, error) {
	answer, err := d.send(ctx, "get weight "+d.config.Backend+"/"+name)
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(answer, " ")
	weight, err := strconv.Atoi(number)
	if err != nil || weight < 0 {
		return 0, fmt.Errorf("haproxy answers %q to the question for the weight of %s", cut(answer), name)
	}
	return weight, nil
}

// Read returns the weights of both servers.
func (d *Driver) Read(ctx context.Context) (machine.Weights, error) {
	blue, err := d.weight(ctx, d.config.Blue)
	if err != nil {
		return machine.Weights{}, err
	}
	green, err := d.weight(ctx, d.config.Green)
	return machine.Weights{Blue: blue, Green: green}, err
}

// Write sets one server after the other, the one that stays above 0 first. The runtime API
// has no compare-and-set: the weights are read just before.
func (d *Driver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	if compare {
		have, err := d.Read(ctx)
		if err != nil {
			return err
		}
		if have != from {
			return shift.Refused(fmt.Errorf("the weights are %s, not %s", have, from))
		}
	}
	order := []func() error{
		func() error { return d.set(ctx, d.config.Blue, to.Blue) },
		func() error { return d.set(ctx, d.config.Green, to.Green) },
	}
	if !machine.BlueFirst(from, to) {
		order[0], order[1] = order[1], order[0]
	}
	if err := order[0](); err != nil {
		return err
	}
	return order[1]()
}

// set gives a server a weight. Any answer is an error.
func (d *Driver) set(ctx context.Context, name string, weight int) error {
	answer, err := d.send(ctx, d.command(name, weight))
	if err != nil {
		return err
	}
	if answer != "" {
		return shift.Refused(fmt.Errorf("haproxy answers %q to %q", cut(answer), d.command(name, weight)))
	}
	return nil
}

func (d *Driver) command(name string, weight int) string {
	return fmt.Sprintf("set server %s/%s weight %d", d.config.Backend, name, weight)
}

// Await returns at once: a weight counts for the next request.
func (d *Driver) Await(context.Context) (time.Duration, error) { return 0, nil }

// ByHand are the commands that set the weights, in the order that keeps one side above 0.
func (d *Driver) ByHand(to machine.Weights) []string {
	socket := "UNIX-CONNECT:" + d.address
	if d.network == "tcp" {
		socket = "TCP:" + d.address
	}
	line := func(name string, weight int) string {
		return fmt.Sprintf("echo '%s' | socat stdio %s", d.command(name, weight), socket)
	}
	out := []string{line(d.config.Blue, to.Blue), line(d.config.Green, to.Green)}
	if !machine.BlueFirst(to, to) {
		out[0], out[1] = out[1], out[0]
	}
	return append(out, fmt.Sprintf("echo 'get weight %s/%s' | socat stdio %s   # must be %d", d.config.Backend, d.config.Green, socket, to.Green))
}
