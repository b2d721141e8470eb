package fleet

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// A Stage is one load stage of a fleet: an attack.Fleet whose workers make their plan from
// the stage's message.
type Stage struct {
	Coordinator *Coordinator
	// Message is given to the Site of every worker. It is never archived.
	Message []byte
}

const (
	readyWithin = time.Minute // from the message of a stage to a worker that is ready for it
	stepEvery   = 50 * time.Millisecond
)

// Stage is a load stage that the workers of the run fire; message is for their sites. owed takes
// what these say that their walks owe, until the next stage; nil: nobody asks.
func (c *Coordinator) Stage(message []byte, owed func(worker int, message []byte)) attack.Fleet {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owed = owed
	return &Stage{c, message}
}

// Begin makes the workers ready for an attack and starts its schedule.
func (s *Stage) Begin(ctx context.Context, o attack.Order) (attack.Firing, error) {
	c := s.Coordinator
	c.mu.Lock()
	if c.current != nil {
		c.mu.Unlock()
		return nil, errors.New("an attack of the fleet is under way")
	}
	c.attacks++
	number := c.attacks
	now := c.clock.now()
	var asked []*member
	for _, m := range c.members {
		if w, joined := m.words[0]; joined && w.Refused == "" && m.present(now) {
			asked = append(asked, m)
		}
	}
	// Connections are divided among those that are asked. One that is lost later leaves its part
	// unused.
	o.Workers = len(asked)
	stage := c.addBlob(stageBlob(number), s.Message)
	c.mu.Unlock()
	ready, err := c.makeReady(ctx, asked, &order{Kind: orderStage, Attack: number, Stage: stage, Fire: &o})
	if err != nil {
		c.tellAll(&order{Kind: orderEnd, Attack: number})
		c.mu.Lock()
		delete(c.blobs, stage.Name)
		c.mu.Unlock()
		return nil, err
	}
	// The schedule begins a moment later, so that the orders of its first slices arrive in time.
	f := &firing{
		c: c, number: number, slices: make(chan attack.Fired),
		campaign: newCampaign(o.Section.Design, number, c.clock.now().Add(lead+beatEvery), ready),
	}
	c.mu.Lock()
	c.current = f
	c.mu.Unlock()
	ctx, f.stop = context.WithCancel(ctx)
	f.done.Go(func() { f.run(ctx) })
	return f, nil
}

// stageBlob is the name of the message of an attack's stage.
func stageBlob(number int) string { return fmt.Sprintf("stage-%d", number) }

// makeReady waits until every worker that is heard is ready for an attack.
func (c *Coordinator) makeReady(ctx context.Context, asked []*member, o *order) ([]*member, error) {
	deadline := c.clock.now().Add(readyWithin)
	for round := 0; ; round++ {
		now := c.clock.now()
		var ready, waiting []*member
		c.mu.Lock()
		for _, m := range asked {
			w, said := m.words[o.Attack]
			switch {
			case said && w.Refused != "":
				c.mu.Unlock()
				return nil, hint.Errorf("nothing was fired", "%s refused the stage: %s", m, w.Refused)
			case said:
				ready = append(ready, m)
			case m.present(now):
				waiting = append(waiting, m)
			}
		}
		c.mu.Unlock()
		if len(waiting) == 0 {
			if len(ready) == 0 {
				return nil, errors.New("no worker is left")
			}
			return ready, nil
		}
		if now.After(deadline) {
			return nil, fmt.Errorf("%s was not ready within %s", waiting[0], readyWithin)
		}
		if round%20 == 0 { // an order may be lost while a connection is made again
			for _, m := range waiting {
				c.tell(m, o)
			}
		}
		select {
		case <-c.changed:
		case <-time.After(2 * stepEvery):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// A firing is an attack under way.
type firing struct {
	c        *Coordinator
	number   int
	campaign *campaign // guarded by c.mu
	slices   chan attack.Fired
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Slices are the settled slices in order.
func (f *firing) Slices() <-chan attack.Fired { return f.slices }

// Extend asks for blocks beyond the design's.
func (f *firing) Extend(blocks int) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.campaign.blocks = max(f.campaign.blocks, blocks)
}

// gapMemory is how long a worker's burst holds what happened in a gap of its heartbeats.
const gapMemory = 2 * time.Second

// Bursts add up what the workers saw of the last second. A worker whose link was down has seen
// failures of its own on both sides: it does not count until they are forgotten, and neither does one
// that alone gets no answers of a side.
func (f *firing) Bursts() (all [2]perf.Burst) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	now := f.c.clock.now()
	var seen [][2]perf.Burst
	for _, m := range f.campaign.holders {
		if _, silent := m.silent(now.Add(-gapMemory), now, now); silent || m.beat.Attack != f.number || !m.present(now) {
			continue
		}
		seen = append(seen, m.beat.Bursts)
	}
	apart := slices.Concat(outliers(seen, 0), outliers(seen, 1))
	for i := range seen {
		if slices.Contains(apart, i) {
			continue
		}
		for side, b := range seen[i] {
			all[side].All += b.All
			all[side].Failed += b.Failed
			all[side].Tripped = all[side].Tripped || b.Tripped
		}
	}
	return all
}

// Workers are the holders of the attack's shares.
func (f *firing) Workers() []attack.WorkerLive {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	now := f.c.clock.now()
	var out []attack.WorkerLive
	for _, m := range f.campaign.holders {
		out = append(out, attack.WorkerLive{Number: m.number, Host: m.host, Lost: !m.present(now), Offset: m.beat.Offset, Bound: m.beat.Bound, Lag: m.beat.Lag})
	}
	return out
}

// run announces slices and hands on those that are settled, until ctx ends or all is done.
func (f *firing) run(ctx context.Context) {
	defer close(f.slices)
	ticker := time.NewTicker(stepEvery)
	defer ticker.Stop()
	var alone time.Time // since when no worker has been heard
	for {
		now := f.c.clock.now()
		f.announce(now)
		f.c.mu.Lock()
		fired, settled := f.campaign.settle(now)
		over := f.campaign.over()
		heard := slices.ContainsFunc(f.campaign.holders, func(m *member) bool { return m.present(now) && !f.campaign.faulty(m) })
		f.c.mu.Unlock()
		// Several slices may be settled at once, after a gap; no tick is waited for between them.
		if settled {
			select {
			case f.slices <- fired:
			case <-ctx.Done():
				return
			}
			continue
		}
		if heard {
			alone = time.Time{}
		} else if alone.IsZero() {
			alone = now
		}
		// The judgement may ask for more blocks for the slice that it has just taken.
		if over && f.drained(now) || !alone.IsZero() && now.Sub(alone) > goneAfter {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// drained reports whether the judgement has had a moment to ask for more.
func (f *firing) drained(now time.Time) bool {
	end := attack.SliceOf(f.campaign.design, f.campaign.next)
	return now.After(f.campaign.began.Add(end.From + beatEvery))
}

// announce tells the workers of the slices that are due.
func (f *firing) announce(now time.Time) {
	for {
		f.c.mu.Lock()
		s := f.campaign.announce(now)
		f.c.mu.Unlock()
		if s == nil {
			return
		}
		for k, m := range s.holders {
			f.c.tell(m, &order{Kind: orderSlice, Attack: f.number, Slice: s.Slice, Start: s.start, K: k, N: len(s.holders)})
		}
	}
}

// End stops the workers and sums up.
func (f *firing) End() []run.LoadWorker {
	f.stop()
	f.done.Wait()
	for range 3 { // a lost order would leave a worker ready for nothing
		f.c.tellAll(&order{Kind: orderEnd, Attack: f.number})
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.current = nil
	delete(f.c.blobs, stageBlob(f.number)) // a worker that asks for it now is too late
	now := f.c.clock.now()
	var out []run.LoadWorker
	for _, m := range f.campaign.holders {
		out = append(out, m.loadWorker(now))
		m.shares, m.missed, m.voids, m.sum = 0, 0, 0, attack.Summary{}
	}
	return out
}

// A partHead says which part of which share a message holds.
type partHead struct {
	Attack int `json:"attack"`
	Slice  int `json:"slice"`
	Part   int `json:"part"`
	Parts  int `json:"parts"`
}

// maxParts bounds the parts of a share.
const maxParts = 1024

// takeResult takes a part of a share from the stream. A copy, or a part of an attack that is
// over, is acknowledged and dropped.
func (c *Coordinator) takeResult(m jetstream.Msg) {
	// Also what is dropped is acknowledged: it would come again and again otherwise.
	defer func() { _ = m.Ack() }()
	from := c.memberOf(m.Subject())
	if from == nil {
		return
	}
	inner, err := from.seal.open(m.Subject(), m.Data())
	if err != nil {
		return
	}
	// A message is the length of its head, the head as JSON, and the part.
	n, w := binary.Uvarint(inner)
	if w <= 0 || n > uint64(len(inner)-w) {
		return
	}
	var head partHead
	if json.Unmarshal(inner[w:w+int(n)], &head) != nil || head.Parts < 1 || head.Parts > maxParts || head.Part < 0 || head.Part >= head.Parts {
		return
	}
	whole := c.addPart(from, head, inner[w+int(n):])
	if whole == nil {
		return
	}
	share, err := unpackShare(whole, uint8(from.number))
	if err != nil {
		return // it is missed
	}
	share.Worker = from.number
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.current.number == head.Attack {
		c.current.campaign.take(from, share)
	}
}

// addPart keeps a part and returns the share when it has all of them.
func (c *Coordinator) addPart(from *member, head partHead, content []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.number != head.Attack {
		clear(c.parts)
		return nil
	}
	key := fmt.Sprintf("%s/%d/%d", from.id, head.Attack, head.Slice)
	parts := c.parts[key]
	if parts == nil {
		parts = make([][]byte, head.Parts)
		c.parts[key] = parts
	}
	// A part that comes twice changes nothing; one that contradicts those before is dropped.
	if len(parts) != head.Parts || parts[head.Part] != nil {
		return nil
	}
	parts[head.Part] = slices.Clone(content)
	if slices.ContainsFunc(parts, func(p []byte) bool { return p == nil }) {
		return nil
	}
	delete(c.parts, key)
	return slices.Concat(parts...)
}
