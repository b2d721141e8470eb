package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
)

// A Site is what a worker makes of a run's plan. It decides what this machine may do: an
// error refuses, with words that the coordinator shows.
type Site interface {
	// Begin makes ready for an attack of a stage. emit takes the shares, from one goroutine.
	Begin(ctx context.Context, stage []byte, o attack.Order, emit func(*attack.Share)) (*attack.Member, error)
	// Owed waits for a change of what the walks of its attacks have created and not taken back,
	// and returns it as a message to the coordinator; nil: ctx has ended.
	Owed(ctx context.Context) []byte
	Close()
}

// WorkerOptions say what a worker needs.
type WorkerOptions struct {
	Join  Address
	Token Token
	Tool  string
	// Load makes a site of a plan.
	Load func(plan []byte) (Site, error)
	// Within is how long a run may take to be there; 0: 5 minutes.
	Within time.Duration
	// Say takes lines for people.
	Say func(line string)
	// Now is this machine's clock; nil: the operating system's, which may be set meanwhile.
	Now func() time.Time
}

// ParseJoin takes the address of a join line apart; its user is the token.
func ParseJoin(join string) (a Address, token string, err error) {
	u, err := url.Parse(join)
	if err != nil {
		return a, "", hint.Errorf("the run prints the join line", "--join is not the address of a bus") // the text may hold a token
	}
	if u.User != nil {
		token = u.User.Username()
		u.User = nil
	}
	a.URL, a.Own = u.String(), true
	return a, token, a.check()
}

// Work joins a run, fires what it is given and leaves when the run ends. Its error says
// why it was refused, or that the coordinator was lost.
func Work(ctx context.Context, o WorkerOptions) error {
	if o.Within <= 0 {
		o.Within = joinWithin
	}
	w := &worker{o: o, lease: lease{}, has: -1, results: make(chan result, 64)}
	w.now = o.Now
	if w.now == nil {
		w.now = newClock().now
	}
	deadline := time.Now().Add(o.Within)
	var err error
	if w.nc, err = w.reach(ctx, deadline); err != nil {
		return err
	}
	defer w.nc.Close()
	if w.js, err = jetstream.New(w.nc); err != nil {
		return fmt.Errorf("use the bus: %w", err)
	}
	if err := w.join(ctx, deadline); err != nil {
		return err
	}
	o.Say(fmt.Sprintf("joined run %s as worker %d", text.Visible(w.lease.Run), w.lease.Number))
	return w.work(ctx)
}

// A worker is this machine in a run.
type worker struct {
	o       WorkerOptions
	nc      *nats.Conn
	js      jetstream.JetStream
	now     func() time.Time
	lease   lease
	seal    seal
	results chan result

	mu        sync.Mutex // guards what follows
	site      Site       // nil: the plan has not come yet; it is set once
	offset    offset
	heard     time.Time // from the coordinator, in time.Now's clock
	attack    int       // that member is for; 0: none
	member    *attack.Member
	has       int // the last slice whose order has come
	halted    bool
	preparing bool
	over      bool           // no attack is made ready any more
	prepared  sync.WaitGroup // attacks that are being made ready
	closing   sync.WaitGroup // attacks that are ending
}

// subject is a subject of this worker, or of all before it has a lease.
func (w *worker) subject(part string) string {
	s := w.o.Token.prefix() + "." + part
	if w.lease.ID != "" {
		s += "." + w.lease.ID
	}
	return s
}

// reach connects to the bus. A worker may be started before its run, whose bus is then not there.
func (w *worker) reach(ctx context.Context, deadline time.Time) (*nats.Conn, error) {
	for tries := 0; ; tries++ {
		nc, err := w.o.Join.dial(ctx, w.o.Token, "bgverify worker")
		var refused *hint.Error
		switch {
		case err == nil:
			return nc, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.As(err, &refused):
			return nil, err
		case time.Now().After(deadline):
			return nil, hint.Errorf("start the run first, or raise --join-within", "no run was there within %s: %w", w.o.Within, err)
		case tries == 0:
			w.o.Say(fmt.Sprintf("no run listens at %s yet; waiting for it up to %s", w.o.Join.URL, w.o.Within))
		}
		pause(ctx, 2*beatEvery)
	}
}

// join says hello until a coordinator answers.
func (w *worker) join(ctx context.Context, deadline time.Time) error {
	host, _ := os.Hostname()
	g := greeting{Nonce: nonce(), Host: host, CPUs: runtime.GOMAXPROCS(0)}
	subject := w.subject(subjectHello)
	h, err := json.Marshal(hello{Protocol: Protocol, Tool: w.o.Tool, Box: closeJSON(w.o.Token.greeting(), subject, g)})
	if err != nil {
		return err
	}
	// The nonce stays the same for all tries: an answer that was lost is given again, and no second
	// place is taken.
	for tries := 0; ; tries++ {
		reply, err := w.nc.RequestWithContext(within(ctx, 2*time.Second), subject, h)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil { // the coordinator may not have started yet
			if tries == 0 {
				w.o.Say(fmt.Sprintf("no run answers on the bus yet; waiting for it up to %s", w.o.Within))
			}
			if time.Now().After(deadline) {
				return hint.Errorf("is the run over, or does it have another token?", "no run answered within %s", w.o.Within)
			}
			pause(ctx, 2*beatEvery)
			continue
		}
		var answer welcome
		if err := json.Unmarshal(reply.Data, &answer); err != nil {
			return fmt.Errorf("read the coordinator's answer: %w", err)
		}
		if answer.Refused != "" {
			return hint.Errorf("", "the coordinator refused this worker: %s", text.Visible(answer.Refused))
		}
		if err := openJSON(w.o.Token.greeting(), subject, answer.Box, &w.lease); err != nil {
			return hint.Errorf("the join token is that of another run", "the coordinator's answer cannot be opened: %w", err)
		}
		// A recorded answer to another worker opens with the same token.
		if string(w.lease.Echo) != string(g.Nonce) {
			return errors.New("the coordinator's answer is to another worker")
		}
		w.seal = w.o.Token.session(g.Nonce, w.lease.Nonce)
		return nil
	}
}

// within is a context for one request to the bus. It gives its timer back by itself when ctx or
// the time ends, so that callers need no second value.
func within(ctx context.Context, d time.Duration) context.Context {
	ctx, stop := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, stop)
	return ctx
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ask sends the coordinator a sealed request.
func (w *worker) ask(ctx context.Context, part string, question any) ([]byte, error) {
	subject := w.subject(part)
	reply, err := w.nc.RequestWithContext(within(ctx, 3*time.Second), subject, closeJSON(w.seal, subject, question))
	if err != nil {
		return nil, fmt.Errorf("ask the coordinator: %w", err)
	}
	return w.seal.open(subject, reply.Data)
}

// syncClock measures the coordinator's clock.
func (w *worker) syncClock(ctx context.Context) error {
	found, err := measure(w.now, func() (time.Time, error) {
		var r clockReading
		b, err := w.ask(ctx, subjectClock, struct{}{})
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		return r.Now, err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset = found
	return nil
}

// fetch reads a blob in parts.
func (w *worker) fetch(ctx context.Context, b blob) ([]byte, error) {
	var all []byte
	// A request that is lost is asked again from where the blob has been read to.
	for tries := 0; len(all) < b.Size; {
		part, err := w.ask(ctx, subjectBlob, fetch{Name: b.Name, Offset: len(all)})
		if err == nil && len(part) == 0 {
			err = errors.New("the coordinator has no more of it")
		}
		if err != nil {
			if tries++; tries > 5 || ctx.Err() != nil {
				return nil, fmt.Errorf("fetch the %s: %w", b.Name, err)
			}
			continue
		}
		all = append(all, part...)
	}
	return all, nil
}

// work takes orders until the run ends, ctx ends or the coordinator is lost.
func (w *worker) work(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := w.syncClock(ctx); err != nil {
		w.refuse(ctx, 0, err)
		return err
	}
	// Orders may come from here on; those of an attack are left alone until the plan is loaded.
	w.heard = time.Now()
	orders, err := w.nc.Subscribe(w.subject(subjectOrder), func(m *nats.Msg) { w.obey(ctx, stop, m) })
	if err != nil {
		return fmt.Errorf("listen to the coordinator: %w", err)
	}
	defer func() { _ = orders.Unsubscribe() }()
	var group sync.WaitGroup
	defer group.Wait()
	defer stop(nil)
	group.Go(func() { w.beat(ctx) })
	plan, err := w.fetch(ctx, w.lease.Plan)
	if err != nil {
		return err
	}
	site, err := w.o.Load(plan)
	if err != nil {
		w.refuse(ctx, 0, err)
		return err
	}
	defer site.Close()
	w.mu.Lock()
	w.site = site
	w.mu.Unlock()
	defer w.end()
	defer stop(nil) // ends what end waits for
	group.Go(func() { w.send(ctx) })
	group.Go(func() { w.sendOwed(ctx) })
	group.Go(func() { w.watch(ctx, stop) })
	if err := w.sayReady(ctx, 0); err != nil {
		return err
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, errLeave) {
		return err
	}
	return nil
}

// errLeave ends a worker whose run is over.
var errLeave = errors.New("the run is over")

// errGone ends a worker whose coordinator was not heard for goneAfter.
var errGone = errors.New("the coordinator was lost: all load was stopped")

// refuse says why this worker cannot fire an attack (0: the plan). Where the word is lost the
// coordinator stops waiting by itself.
func (w *worker) refuse(ctx context.Context, attack int, why error) {
	_, _ = w.ask(ctx, subjectSay, word{Attack: attack, Refused: why.Error()})
}

// sayReady says that this worker can fire an attack (0: has the plan), with how far its clock
// is off. It is nil where the run has ended meanwhile, which ends the worker without an error.
func (w *worker) sayReady(ctx context.Context, attack int) error {
	w.mu.Lock()
	say := word{Attack: attack, Offset: w.offset.add, Bound: w.offset.bound}
	w.mu.Unlock()
	var err error
	for range 5 {
		if _, err = w.ask(ctx, subjectSay, say); err == nil || ctx.Err() != nil {
			return nil
		}
	}
	return err
}

// beat sends heartbeats, and measures the clock again from time to time.
func (w *worker) beat(ctx context.Context) {
	var clock sync.WaitGroup
	defer clock.Wait()
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	measured := time.Now()
	for {
		w.mu.Lock()
		b := beat{Sent: w.now().Add(w.offset.add), Attack: w.attack, Has: w.has, Offset: w.offset.add, Bound: w.offset.bound}
		member := w.member
		w.mu.Unlock()
		if member != nil {
			live := member.Live()
			b.Bursts, b.Lag, b.Fault = live.Bursts, live.Lag, live.Fault
		}
		subject := w.subject(subjectBeat)
		_ = w.nc.Publish(subject, closeJSON(w.seal, subject, b)) // one that is lost is a gap
		// The clocks of two machines drift apart: the offset is measured anew while the
		// run lasts, next to the heartbeats, which must not wait for it.
		if time.Since(measured) > clockEvery {
			measured = time.Now()
			clock.Go(func() { _ = w.syncClock(ctx) }) // one that fails leaves the last offset
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
