package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
)

// WaitForWorkers returns when all workers have joined and accepted the plan, or with an
// error: one refused the plan, or they did not come in time.
func (c *Coordinator) WaitForWorkers(ctx context.Context) error {
	ctx, stop := context.WithTimeoutCause(ctx, c.o.Within, errLate)
	defer stop()
	for {
		c.mu.Lock()
		ready := 0
		var refused error
		for _, m := range c.members {
			if w, said := m.words[0]; said && w.Refused != "" && m.present(c.clock.now()) {
				refused = hint.Errorf("nothing was sent", "%s refused the plan: %s", m, w.Refused)
			} else if said && w.Refused == "" && m.present(c.clock.now()) {
				ready++
			}
		}
		c.mu.Unlock()
		if refused != nil {
			return refused
		}
		if ready >= c.o.Workers {
			return nil
		}
		select {
		case <-c.changed:
		case <-time.After(beatEvery):
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errLate) {
				return hint.Errorf("start the workers with the join line, or raise --join-within", "%d of %s joined within %s", ready, text.Count(c.o.Workers, "worker"), c.o.Within)
			}
			return context.Cause(ctx)
		}
	}
}

var errLate = errors.New("the workers did not join in time")

// greet answers a worker that wants to join. What is not a hello gets no answer.
func (c *Coordinator) greet(m *nats.Msg) {
	var h hello
	if json.Unmarshal(m.Data, &h) == nil {
		b, _ := json.Marshal(c.welcome(&h))
		_ = m.Respond(b)
	}
}

// welcome takes a worker that has the same version and the token, or says why not.
func (c *Coordinator) welcome(h *hello) welcome {
	switch {
	case h.Protocol != Protocol:
		return welcome{Refused: fmt.Sprintf("the worker speaks version %d of the protocol and the coordinator version %d: install the same bgverify on both", h.Protocol, Protocol)}
	case h.Tool != c.o.Tool:
		return welcome{Refused: fmt.Sprintf("the worker is bgverify %s and the coordinator %s: install the same version on both", text.Visible(h.Tool), c.o.Tool)}
	}
	var g greeting
	if err := openJSON(c.o.Token.greeting(), c.subject(subjectHello), h.Box, &g); err != nil {
		return welcome{Refused: "the join token is that of another run"}
	}
	return c.admit(&g)
}

// admit leases a place. A worker that says hello twice gets the same one.
func (c *Coordinator) admit(g *greeting) welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, present := c.clock.now(), 0
	for _, m := range c.members {
		if slices.Equal(m.echo, g.Nonce) {
			return welcome{Box: m.answer}
		}
		if m.present(now) {
			present++
		}
	}
	switch {
	case present >= c.o.Workers:
		return welcome{Refused: "the run has all its " + text.Count(c.o.Workers, "worker")}
	case len(c.members) >= MaxWorkers:
		return welcome{Refused: fmt.Sprintf("%d workers have joined and gone: no more are taken", MaxWorkers)}
	}
	// The lease is answered under the key of the greeting, which the token alone gives, and all that
	// follows is under the session key.
	m := &member{
		number: len(c.members) + 1, host: text.Visible(g.Host), cpus: g.CPUs, echo: g.Nonce, seal: c.o.Token.session(g.Nonce, c.nonce),
		arrived: now, sent: now, words: map[int]word{},
	}
	m.id = fmt.Sprintf("w%d-%x", m.number, g.Nonce[:min(4, len(g.Nonce))])
	l := lease{Nonce: c.nonce, Echo: g.Nonce, ID: m.id, Number: m.number, Run: c.o.Run, Plan: c.plan}
	m.answer = closeJSON(c.o.Token.greeting(), c.subject(subjectHello), l)
	c.members = append(c.members, m)
	return welcome{Box: m.answer}
}

// sayJoin says how workers join. A token that was made for this run is part of the line;
// one from a file is not shown.
func (c *Coordinator) sayJoin(address *Address) {
	shown := *address
	if c.own != nil {
		shown = c.own.Address
	}
	// A token in the line is the user of the URL, as ParseJoin reads it.
	at, more := shown.URL, " --token-file FILE"
	if c.o.ShowToken {
		scheme, rest, _ := strings.Cut(shown.URL, "://")
		at, more = scheme+"://"+c.o.Token.String()+"@"+rest, ""
	}
	if shown.Fingerprint != "" {
		more += " --bus-fingerprint " + shown.Fingerprint
	}
	if shown.Creds != "" {
		more += " --bus-creds FILE"
	}
	if !shown.Loopback() {
		more += " --allow-host GLOB"
	}
	c.o.Say(fmt.Sprintf("waiting for %s; on each load machine: bgverify worker --join %s%s", text.Count(c.o.Workers, "worker"), at, more))
}
