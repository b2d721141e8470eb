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

// A server is what HAProxy says of one.
type server struct {
	name, address string
	weight        int
	// state is UP, DOWN, NOLB, MAINT or DRAIN, and ordered what a person has set it to; empty: nothing.
	state, ordered string
}

// Bits of srv_admin_state: who wants a server in which state.
const (
	orderedMaint = 0x01
	orderedDrain = 0x08
	anyMaint     = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
	anyDrain     = 0x08 | 0x10
)

// Values of srv_op_state.
const (
	stopped  = 0
	stopping = 3
)

// servers lists the servers of the backend, all in one answer.
func (d *Driver) servers(ctx context.Context) ([]server, error) {
	answer, err := d.send(ctx, "show servers state "+d.config.Backend)
	if err != nil {
		return nil, err
	}
	_, table, _ := strings.Cut(answer, "# ") // the version of the format comes first
	header, rows, ok := strings.Cut(table, "\n")
	column := map[string]int{}
	for i, name := range strings.Fields(header) {
		column[name] = i
	}
	if _, known := column["srv_uweight"]; !ok || !known {
		return nil, fmt.Errorf("haproxy answers %q to \"show servers state %s\"", cut(answer), d.config.Backend)
	}
	var out []server
	for row := range strings.Lines(rows) {
		fields := strings.Fields(row)
		var wrong error
		get := func(name string) string {
			i, ok := column[name]
			if !ok || i >= len(fields) {
				wrong = fmt.Errorf("haproxy says of a server %q, which has no %s", cut(row), name)
				return ""
			}
			return fields[i]
		}
		number := func(name string) int {
			n, err := strconv.Atoi(get(name))
			if wrong == nil && (err != nil || n < 0) {
				wrong = fmt.Errorf("haproxy says of a server %q, whose %s is not a number", cut(row), name)
			}
			return n
		}
		s := server{name: get("srv_name"), address: get("srv_addr") + ":" + get("srv_port"), weight: number("srv_uweight")}
		if name := get("srv_fqdn"); name != "-" { // its addresses come and go
			s.address = name + ":" + get("srv_port")
		}
		s.state, s.ordered = stateOf(number("srv_op_state"), number("srv_admin_state"))
		backend := get("be_name")
		if wrong != nil {
			return nil, wrong
		}
		if backend == d.config.Backend {
			out = append(out, s)
		}
	}
	return out, nil
}

// stateOf names the state of a server, and that which a person has set.
func stateOf(op, admin int) (state, ordered string) {
	switch {
	case admin&orderedMaint != 0:
		ordered = "MAINT"
	case admin&orderedDrain != 0:
		ordered = "DRAIN"
	}
	switch {
	case admin&anyMaint != 0:
		return "MAINT", ordered
	case admin&anyDrain != 0:
		return "DRAIN", ordered
	case op == stopped:
		return "DOWN", ordered
	case op == stopping:
		return "NOLB", ordered
	}
	return "UP", ordered
}

func cut(s string) string { return text.Cut(text.Visible(s), 120) }

// Check refuses a backend with a third server that takes traffic, and sides that take none
// whatever their weight is.
func (d *Driver) Check(ctx context.Context) error {
	servers, err := d.servers(ctx)
	if err != nil {
		return fmt.Errorf("haproxy: %w", err)
	}
	for _, s := range servers {
		side := s.name == d.config.Blue || s.name == d.config.Green
		switch {
		case !side && s.weight > 0:
			return hint.Errorf("give it weight 0, or remove it", "backend %s has a third server, %s, of weight %d: shares of two sides would not be what they say", d.config.Backend, s.name, s.weight)
		case side && (s.state == "MAINT" || s.state == "DRAIN"):
			return hint.Errorf("set server "+d.config.Backend+"/"+s.name+" state ready", "server %s is in state %s: its weight has no effect", s.name, s.state)
		case side && (s.state == "DOWN" || s.state == "NOLB"):
			return hint.Errorf("see why its health check fails", "server %s is in state %s: its share would go to the other one", s.name, s.state)
		}
	}
	if _, _, err := d.pick(servers); err != nil {
		return hint.Errorf("\"show servers state\" on the socket lists the servers", "%w", err)
	}
	return nil
}

// pick finds the weights of both servers, and describes all of them.
func (d *Driver) pick(servers []server) (machine.Weights, machine.Setting, error) {
	w := machine.Weights{Blue: -1, Green: -1}
	setting := machine.Setting{}
	for _, s := range servers {
		switch {
		case s.name == d.config.Blue && w.Blue < 0:
			w.Blue = s.weight
		case s.name == d.config.Green && w.Green < 0:
			w.Green = s.weight
		case s.name == d.config.Blue || s.name == d.config.Green:
			return machine.Weights{}, nil, fmt.Errorf("backend %s has two servers %q", d.config.Backend, s.name)
		default:
			setting["weight of server "+s.name] = strconv.Itoa(s.weight)
			continue
		}
		setting["address of server "+s.name] = s.address
		if s.ordered != "" {
			setting["state of server "+s.name] = s.ordered
		}
	}
	for _, missing := range []struct {
		weight int
		name   string
	}{{w.Blue, d.config.Blue}, {w.Green, d.config.Green}} {
		if missing.weight < 0 {
			return machine.Weights{}, nil, fmt.Errorf("backend %s has no server %q", d.config.Backend, missing.name)
		}
	}
	return w, setting, nil
}

// Read returns the weights of both servers, and what else decides where the backend sends requests.
func (d *Driver) Read(ctx context.Context) (machine.Weights, machine.Setting, error) {
	servers, err := d.servers(ctx)
	if err != nil {
		return machine.Weights{}, nil, err
	}
	return d.pick(servers)
}

// Write sets one server after the other, the one that stays above 0 first. The runtime API
// has no compare-and-set: the weights are read just before.
func (d *Driver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	if compare {
		have, _, err := d.Read(ctx)
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
