package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
)

// Options say what a coordinator needs.
type Options struct {
	Run     string // id, for people who look at the bus
	Tool    string // version of this program; workers must have the same
	Workers int
	Token   Token
	// ShowToken puts the token into the join line: it was made for this run.
	ShowToken bool
	Listen    Listening // of the embedded server
	Bus       *Address  // an existing one instead; nil: embedded
	// Within is how long the workers may take to join; 0: 5 minutes.
	Within time.Duration
	// Say takes lines for people: how to join, who came and who was lost.
	Say func(line string)
}

const joinWithin = 5 * time.Minute

// A Coordinator holds a fleet together for one run.
type Coordinator struct {
	o      Options
	nc     *nats.Conn
	js     jetstream.JetStream
	own    *embedded // nil: an existing bus
	clock  steadyClock
	nonce  []byte
	stream string
	cancel context.CancelFunc
	done   sync.WaitGroup
	result jetstream.ConsumeContext

	mu      sync.Mutex // guards what follows
	members []*member
	lost    map[string]bool // that were reported as lost
	blobs   map[string][]byte
	plan    blob
	attacks int
	current *firing // nil: no attack is under way
	changed chan struct{}
	parts   map[string][][]byte // of shares, by worker, attack and slice
}

// Start brings the bus up and says how to join. Nothing was sent to any service then.
// Its error is a hint.Error where a flag is to blame.
func Start(ctx context.Context, o Options) (*Coordinator, error) {
	if o.Workers < 1 || o.Workers > MaxWorkers {
		return nil, hint.Errorf(fmt.Sprintf("1 to %d", MaxWorkers), "--workers %d is out of bounds", o.Workers)
	}
	if o.Within <= 0 {
		o.Within = joinWithin
	}
	c := &Coordinator{
		o: o, clock: newClock(), nonce: nonce(), lost: map[string]bool{}, blobs: map[string][]byte{}, changed: make(chan struct{}, 1),
		parts: map[string][][]byte{}, stream: "BGVERIFY_" + strings.ToUpper(o.Token.room()),
	}
	address := o.Bus
	if address == nil {
		var err error
		if c.own, err = listen(o.Listen, o.Token); err != nil {
			return nil, err
		}
		address = &Address{URL: c.own.dialURL(), Fingerprint: c.own.Fingerprint, Own: true}
	}
	if err := c.connect(ctx, address); err != nil {
		c.Close()
		return nil, err
	}
	c.sayJoin(address)
	return c, nil
}

// connect takes the token's room on the bus, which one coordinator may hold.
func (c *Coordinator) connect(ctx context.Context, address *Address) error {
	var err error
	if c.nc, err = address.dial(ctx, c.o.Token, "bgverify coordinator "+c.o.Run); err != nil {
		return err
	}
	who := c.subject(subjectWho)
	if m, err := c.nc.Request(who, []byte(c.o.Run), time.Second); err == nil {
		return hint.Errorf("give each run its own token, or wait until the other has ended", "run %s is using this bus with the same token", text.Visible(string(m.Data)))
	}
	if c.js, err = jetstream.New(c.nc); err != nil {
		return fmt.Errorf("use the bus: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, startWithin)
	defer stop()
	config := jetstream.StreamConfig{
		Name: c.stream, Description: "bgverify run " + c.o.Run, Subjects: []string{c.subject(subjectResult) + ".>"}, Storage: jetstream.MemoryStorage,
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: resultBytes, Duplicates: 2 * time.Minute, MaxAge: time.Hour,
	}
	// A stream without a coordinator is what a killed run left.
	if old, err := c.js.Stream(ctx, c.stream); err == nil && old.CachedInfo().Config.Description != config.Description {
		_ = c.js.DeleteStream(ctx, c.stream)
	}
	made, err := c.js.CreateStream(ctx, config)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return hint.Errorf("start it with nats-server -js, or leave --bus out", "the bus has no JetStream, which carries the results")
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return hint.Errorf("give each run its own token", "another run has just taken this bus with the same token")
	case err != nil:
		return fmt.Errorf("make the stream of results: %w", err)
	}
	consumer, err := made.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second})
	if err == nil {
		c.result, err = consumer.Consume(c.takeResult)
	}
	if err != nil {
		return fmt.Errorf("read the stream of results: %w", err)
	}
	return c.serve()
}

// serve answers workers until the coordinator is closed.
func (c *Coordinator) serve() error {
	for subject, answer := range map[string]nats.MsgHandler{
		subjectWho:          func(m *nats.Msg) { _ = m.Respond([]byte(c.o.Run)) },
		subjectHello:        c.greet,
		subjectClock + ".*": c.ofMember(c.tellTime),
		subjectBlob + ".*":  c.ofMember(c.tellBlob),
		subjectSay + ".*":   c.ofMember(c.takeWord),
		subjectBeat + ".*":  c.ofMember(c.takeBeat),
	} {
		if _, err := c.nc.Subscribe(c.subject(subject), answer); err != nil {
			return fmt.Errorf("listen to the bus: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.pulse(ctx) })
	return c.nc.FlushTimeout(startWithin)
}

func (c *Coordinator) subject(parts ...string) string {
	return c.o.Token.prefix() + "." + strings.Join(parts, ".")
}

// Close ends the run for all workers and takes the bus down. why is what they say then.
func (c *Coordinator) Close() {
	if c.cancel != nil {
		c.cancel()
		c.done.Wait()
		c.tellAll(&order{Kind: orderLeave})
		_ = c.nc.FlushTimeout(time.Second)
	}
	if c.result != nil {
		c.result.Stop()
	}
	if c.js != nil {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		_ = c.js.DeleteStream(ctx, c.stream)
		stop()
	}
	if c.nc != nil {
		c.nc.Close()
	}
	if c.own != nil {
		c.own.close()
	}
}

// SetPlan is what every worker that joins is given first.
func (c *Coordinator) SetPlan(plan []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = c.addBlob("plan", plan)
}

// addBlob keeps something for workers to fetch; c.mu is held.
func (c *Coordinator) addBlob(name string, content []byte) blob {
	c.blobs[name] = content
	return blob{Name: name, Size: len(content)}
}

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

// Workers are all that ever joined, in the order of their numbers.
func (c *Coordinator) Workers() []Worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Worker, len(c.members))
	for i, m := range c.members {
		out[i] = m.worker(c.clock.now())
	}
	return out
}

// greet answers a worker that wants to join.
func (c *Coordinator) greet(m *nats.Msg) {
	answer := func(w welcome) {
		b, _ := json.Marshal(w)
		_ = m.Respond(b)
	}
	var h hello
	if err := json.Unmarshal(m.Data, &h); err != nil {
		return
	}
	switch {
	case h.Protocol != Protocol:
		answer(welcome{Refused: fmt.Sprintf("the worker speaks version %d of the protocol and the coordinator version %d: install the same bgverify on both", h.Protocol, Protocol)})
		return
	case h.Tool != c.o.Tool:
		answer(welcome{Refused: fmt.Sprintf("the worker is bgverify %s and the coordinator %s: install the same version on both", text.Visible(h.Tool), c.o.Tool)})
		return
	}
	var g greeting
	if err := openJSON(c.o.Token.greeting(), c.subject(subjectHello), h.Box, &g); err != nil {
		answer(welcome{Refused: "the join token is that of another run"})
		return
	}
	answer(c.admit(&g))
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
	m := &member{
		number: len(c.members) + 1, host: text.Visible(g.Host), pid: g.PID, cpus: g.CPUs, echo: g.Nonce, seal: c.o.Token.session(g.Nonce, c.nonce),
		arrived: now, sent: now, words: map[int]word{},
	}
	m.id = fmt.Sprintf("w%d-%x", m.number, g.Nonce[:min(4, len(g.Nonce))])
	l := lease{Nonce: c.nonce, Echo: g.Nonce, ID: m.id, Number: m.number, Run: c.o.Run, Plan: c.plan}
	m.answer = closeJSON(c.o.Token.greeting(), c.subject(subjectHello), l)
	c.members = append(c.members, m)
	return welcome{Box: m.answer}
}

// ofMember opens a message of a worker; what no worker sealed is dropped.
func (c *Coordinator) ofMember(take func(*member, *nats.Msg, []byte)) nats.MsgHandler {
	return func(m *nats.Msg) {
		from := c.memberOf(m.Subject)
		if from == nil {
			return
		}
		if inner, err := from.seal.open(m.Subject, m.Data); err == nil {
			take(from, m, inner)
		}
	}
}

func (c *Coordinator) memberOf(subject string) *member {
	id := subject[strings.LastIndexByte(subject, '.')+1:]
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (c *Coordinator) tellTime(from *member, m *nats.Msg, _ []byte) {
	_ = m.Respond(closeJSON(from.seal, m.Subject, clockReading{c.clock.now()}))
}

// partSize is how much of a blob or a share travels in one message.
const partSize = 512 << 10

func (c *Coordinator) tellBlob(from *member, m *nats.Msg, inner []byte) {
	var f fetch
	if json.Unmarshal(inner, &f) != nil {
		return
	}
	c.mu.Lock()
	content := c.blobs[f.Name]
	c.mu.Unlock()
	if f.Offset < 0 || f.Offset > len(content) {
		return
	}
	_ = m.Respond(from.seal.close(m.Subject, content[f.Offset:min(len(content), f.Offset+partSize)]))
}

func (c *Coordinator) takeWord(from *member, m *nats.Msg, inner []byte) {
	var w word
	if json.Unmarshal(inner, &w) != nil {
		return
	}
	c.mu.Lock()
	_, again := from.words[w.Attack]
	from.words[w.Attack] = w
	c.mu.Unlock()
	if w.Attack == 0 && w.Refused == "" && !again {
		c.o.Say(fmt.Sprintf("%s joined: %s, clock %s off (within %s)", from, text.Count(from.cpus, "CPU"), w.Offset.Round(time.Microsecond), w.Bound.Round(time.Microsecond)))
	}
	_ = m.Respond(from.seal.close(m.Subject, []byte("{}")))
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *Coordinator) takeBeat(from *member, _ *nats.Msg, inner []byte) {
	var b beat
	if json.Unmarshal(inner, &b) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	from.heard(b, c.clock.now())
}

// pulse tells every worker that the coordinator is there, and people who was lost.
func (c *Coordinator) pulse(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.tellAll(&order{Kind: orderPulse})
		now := c.clock.now()
		var lines []string
		c.mu.Lock()
		for _, m := range c.members {
			_, joined := m.words[0]
			if present := m.present(now); joined && present == c.lost[m.id] {
				c.lost[m.id] = !present
				if present {
					lines = append(lines, m.String()+" is heard again")
				} else {
					lines = append(lines, m.String()+" was lost")
				}
			}
		}
		c.mu.Unlock()
		for _, line := range lines {
			c.o.Say(line)
		}
	}
}

// tellAll gives every worker an order.
func (c *Coordinator) tellAll(o *order) {
	c.mu.Lock()
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		c.tell(m, o)
	}
}

// tell gives a worker an order. One that is lost on the way shows as a missing share.
func (c *Coordinator) tell(m *member, o *order) {
	subject := c.subject(subjectOrder, m.id)
	_ = c.nc.Publish(subject, closeJSON(m.seal, subject, o))
}

// sayJoin says how workers join. A token that was made for this run is part of the line;
// one from a file is not shown.
func (c *Coordinator) sayJoin(address *Address) {
	shown := *address
	if c.own != nil {
		shown = c.own.Address
	}
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
