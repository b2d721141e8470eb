package fleet

import (
	"context"
	"errors"
	"fmt"
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
	Plan    []byte // what every worker that joins is given first
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
	back   chan struct{} // the bus was away and is there again

	mu      sync.Mutex // guards what follows
	result  jetstream.ConsumeContext
	members []*member
	lost    map[string]bool // that were reported as lost
	blobs   map[string][]byte
	plan    blob
	attacks int
	current *firing // nil: no attack is under way
	changed chan struct{}
	owed    func(worker int, message []byte) // of the stage; nil: nobody asks
	parts   map[string][][]byte              // of shares, by worker, attack and slice
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
		parts: map[string][][]byte{}, back: make(chan struct{}, 1), stream: "BGVERIFY_" + strings.ToUpper(o.Token.room()),
	}
	c.plan = c.addBlob("plan", o.Plan)
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
	// Two coordinators in one room would both admit the workers. The stream below is the second
	// guard: of two that ask at the same moment one fails to make it.
	who := c.subject(subjectWho)
	if m, err := c.nc.Request(who, []byte(c.o.Run), time.Second); err == nil {
		return hint.Errorf("give each run its own token, or wait until the other has ended", "run %s is using this bus with the same token", text.Visible(string(m.Data)))
	}
	if c.js, err = jetstream.New(c.nc); err != nil {
		return fmt.Errorf("use the bus: %w", err)
	}
	if err := c.openStream(ctx); err != nil {
		return err
	}
	return c.serve()
}

// openStream makes the stream of results and takes what comes.
func (c *Coordinator) openStream(ctx context.Context) error {
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
	// A result that is not acknowledged comes again after half a minute.
	consumer, err := made.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second})
	var result jetstream.ConsumeContext
	if err == nil {
		result, err = consumer.Consume(c.takeResult)
	}
	if err != nil {
		return fmt.Errorf("read the stream of results: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.result != nil {
		c.result.Stop()
	}
	c.result = result
	return nil
}

// mend makes the stream of results again when the bus was restarted and has lost it. What was
// on its way then is missing, so that its slices are void.
func (c *Coordinator) mend(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.back:
		}
		// Tried for as long as workers wait for the coordinator: after that nobody is left to send.
		for tried := time.Duration(0); tried < goneAfter && ctx.Err() == nil; tried += beatEvery {
			_, err := c.js.Stream(ctx, c.stream)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				err = c.openStream(ctx)
			}
			if err == nil {
				break
			}
			pause(ctx, beatEvery)
		}
	}
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
		subjectOwed + ".*":  c.ofMember(c.takeOwed),
	} {
		if _, err := c.nc.Subscribe(c.subject(subject), answer); err != nil {
			return fmt.Errorf("listen to the bus: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.pulse(ctx) })
	c.done.Go(func() { c.mend(ctx) })
	c.nc.SetReconnectHandler(func(*nats.Conn) {
		select {
		case c.back <- struct{}{}:
		default:
		}
	})
	return c.nc.FlushTimeout(startWithin)
}

// subject is a subject in the token's room: no other run on the same bus has it.
func (c *Coordinator) subject(parts ...string) string {
	return c.o.Token.prefix() + "." + strings.Join(parts, ".")
}

// Close ends the run for all workers and takes the bus down.
func (c *Coordinator) Close() {
	if c.cancel != nil {
		c.cancel()
		c.done.Wait()
		c.tellAll(&order{Kind: orderLeave})
		_ = c.nc.FlushTimeout(time.Second)
	}
	c.mu.Lock()
	if c.result != nil {
		c.result.Stop()
	}
	c.mu.Unlock()
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

// addBlob keeps something for workers to fetch; c.mu is held.
func (c *Coordinator) addBlob(name string, content []byte) blob {
	c.blobs[name] = content
	return blob{Name: name, Size: len(content)}
}
