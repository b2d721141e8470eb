package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
)

// maxWaiting is how many orders may wait. Each is a run of minutes; more than this is a
// caller in a loop.
const maxWaiting = 64

// Why an order is refused; callers get another HTTP status for each.
var (
	errConflict = errors.New("the id is taken")
	errFull     = errors.New("too many orders are waiting")
	errClosing  = errors.New("the server is stopping")
)

// A queue has the order that runs and those that wait, in the order in which they came.
type queue struct {
	mu      sync.Mutex // guards the fields below, and the records of these orders
	current *record
	waiting []*record
	closing bool
	wake    chan struct{} // holds one token when there may be something to do
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// place returns the order with an id and its place: 0 runs, 1 is next; nil: it is neither
// running nor waiting.
func (q *queue) place(id string) (*record, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.find(id)
}

func (q *queue) find(id string) (*record, int) {
	if q.current != nil && q.current.Order.ID == id {
		copied := *q.current
		return &copied, 0
	}
	for i, rec := range q.waiting {
		if rec.Order.ID == id {
			copied := *rec
			return &copied, i + 1
		}
	}
	return nil, 0
}

// length is how many orders wait, and whether one runs.
func (q *queue) length() (waiting int, running bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.current != nil
}

// next waits for an order and makes it the current one; nil: ctx is over.
func (q *queue) next(ctx context.Context) *record {
	for {
		q.mu.Lock()
		if ctx.Err() == nil && len(q.waiting) > 0 {
			q.current, q.waiting = q.waiting[0], q.waiting[1:]
			rec := q.current
			q.mu.Unlock()
			return rec
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// accept takes an order, or finds that it was taken before (rule 5). It is on the disk
// when accept returns without an error (rule 4).
func (s *Server) accept(o Order) error {
	// Two servers over one archive take orders one after the other: what one has written is seen
	// by the next.
	taking, err := s.records.take()
	if err != nil {
		return fmt.Errorf("take the order: %w", err)
	}
	defer taking.Close() //nolint:errcheck // nothing is written to it
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	// The same order may come again, from a client that got no answer: it is accepted as before.
	// Another order under its id is a conflict.
	known, _ := s.queue.find(o.ID)
	if known == nil {
		var err error
		if known, err = s.records.read(o.ID); err != nil {
			return err
		}
	}
	switch {
	case known != nil && known.Order.same(o):
		return nil
	case known != nil:
		return fmt.Errorf("%w: run %s was ordered with other suites, env file, tag or build", errConflict, o.ID)
	case s.queue.closing:
		return errClosing
	case len(s.queue.waiting) >= maxWaiting:
		return fmt.Errorf("%w: %d", errFull, maxWaiting)
	}
	// A run that was made by hand has the id already: a gate would answer about it.
	folder, err := history.FindID(disk.OS{}, s.opts.Root, o.ID)
	if err != nil {
		return err
	}
	if folder != "" {
		return fmt.Errorf("%w: the archive has a run %s that this server did not start", errConflict, o.ID)
	}
	// The record is on the disk before the order is accepted: a server that is killed then still
	// knows of it.
	rec := &record{Order: o, Server: s.records.own, Asked: s.opts.Clock().UTC()}
	if err := s.records.write(rec); err != nil {
		return err
	}
	s.queue.waiting = append(s.queue.waiting, rec)
	select {
	case s.queue.wake <- struct{}{}:
	default: // it is awake already
	}
	return nil
}

// work runs the orders one by one until ctx is over, and then marks those that wait as
// interrupted.
func (s *Server) work(ctx context.Context) {
	for rec := s.queue.next(ctx); rec != nil; rec = s.queue.next(ctx) {
		s.run(ctx, rec)
	}
	// From here on orders are refused, and those that wait end as interrupted.
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.closing = true
	for _, rec := range s.queue.waiting {
		rec.Ended, rec.Status = s.opts.Clock().UTC(), statusStopped
		rec.Log = "the server was stopped before the run began"
		s.keep(rec)
	}
	s.queue.waiting = nil
}

// statusStopped is the exit status of an order that never began: that of SIGTERM.
const statusStopped = 143

// run executes the current order and keeps how it ended.
func (s *Server) run(ctx context.Context, rec *record) {
	s.change(rec, func() { rec.Began = s.opts.Clock().UTC() })
	s.say("run %s: begins", rec.Order.ID)
	log := &headWriter{left: maxLog}
	// The run gets a copy: what it does to its paths must not change the record.
	order := rec.Order
	order.Suites = slices.Clone(order.Suites)
	status := s.guarded(ctx, order, log)
	digest := s.digestOf(rec.Order.ID)
	s.change(rec, func() {
		rec.Ended, rec.Status, rec.Digest, rec.Log = s.opts.Clock().UTC(), status, digest, log.String()
	})
	answer := s.answer(rec.Order.ID, rec, Ask{})
	s.metrics.observe(s.opts.Root, rec, answer)
	s.queue.mu.Lock()
	s.queue.current = nil
	s.queue.mu.Unlock()
	s.say("run %s: %s after %s", rec.Order.ID, answer.State, rec.Ended.Sub(rec.Began).Round(time.Second))
}

// guarded is Execute whose panic ends the run and not the server.
func (s *Server) guarded(ctx context.Context, o Order, log *headWriter) (status int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(log, "bgverify: error: panic: %v\n", p)
			status = statusBroken
		}
	}()
	return s.opts.Execute(ctx, o, log)
}

const statusBroken = 3

// change changes a record and writes it.
func (s *Server) change(rec *record, do func()) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	do()
	s.keep(rec)
}

// keep writes a record. Where that fails the record on disk says less than is known, and
// the order counts as interrupted after a restart: never as a pass that was not one.
func (s *Server) keep(rec *record) {
	if err := s.records.write(rec); err != nil {
		s.say("warning: %v", err)
	}
}

// digestOf is the digest of a finished run's manifest; empty: it has none, or is not whole.
func (s *Server) digestOf(id string) string {
	path, err := history.FindID(disk.OS{}, s.opts.Root, id)
	if err != nil || path == "" {
		return ""
	}
	folder, err := archive.Open(path)
	if err != nil {
		return ""
	}
	_, digest, err := folder.Manifest()
	if err != nil {
		return ""
	}
	return digest
}
