package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bgverify/bgverify/runner/attack"
)

// obey takes an order. Orders come one at a time.
func (w *worker) obey(ctx context.Context, stop context.CancelCauseFunc, m *nats.Msg) {
	var o order
	if openJSON(w.seal, m.Subject, m.Data, &o) != nil {
		return
	}
	w.mu.Lock()
	// Any order shows that the coordinator is there.
	w.heard, w.halted = time.Now(), false
	w.mu.Unlock()
	switch o.Kind {
	case orderStage:
		w.prepare(ctx, &o)
	case orderSlice:
		w.fire(ctx, &o)
	case orderEnd:
		w.mu.Lock()
		mine := w.attack == o.Attack
		w.mu.Unlock()
		if mine {
			w.endAttack()
		}
	case orderLeave:
		stop(errLeave)
	}
}

// prepare makes ready for an attack, next to the heartbeats.
func (w *worker) prepare(ctx context.Context, o *order) {
	w.mu.Lock()
	// An order that comes twice, since the coordinator repeats it, is for the attack under way.
	busy := w.over || w.preparing || w.attack == o.Attack || w.site == nil || o.Fire == nil
	if !busy {
		w.preparing = true
		w.prepared.Add(1)
	}
	w.mu.Unlock()
	if busy {
		return
	}
	w.endAttack()
	go func() {
		defer w.prepared.Done()
		member, err := w.begin(ctx, o)
		w.mu.Lock()
		w.preparing = false
		if err == nil {
			w.attack, w.member, w.has = o.Attack, member, -1
		}
		w.mu.Unlock()
		if err != nil {
			w.refuse(ctx, o.Attack, err)
			return
		}
		_ = w.sayReady(ctx, o.Attack)
	}()
}

// begin fetches the stage and has the site make ready for it. Shares wait for their delivery in
// w.results; where that is full, the member waits and fires on, since it emits from its own
// goroutine.
func (w *worker) begin(ctx context.Context, o *order) (*attack.Member, error) {
	w.closing.Wait()
	stage, err := w.fetch(ctx, o.Stage)
	if err != nil {
		return nil, err
	}
	return w.site.Begin(ctx, stage, *o.Fire, func(s *attack.Share) {
		select {
		case w.results <- result{o.Attack, s}:
		case <-ctx.Done():
		}
	})
}

// fire fires a share, unless its slice has begun more than maxLate ago.
func (w *worker) fire(ctx context.Context, o *order) {
	w.mu.Lock()
	member, known := w.member, w.attack == o.Attack && o.Slice.Number > w.has
	if known {
		w.has = o.Slice.Number
	}
	// The start is in the coordinator's clock. From here on it is counted in the monotonic time of
	// this process, whatever happens to the clocks.
	start := time.Now().Add(o.Start.Add(-w.offset.add).Sub(w.now()))
	w.mu.Unlock()
	if !known {
		return
	}
	if late := time.Since(start); late > maxLate {
		missed := &attack.Share{Slice: o.Slice.Number, Missed: fmt.Sprintf("its order came %s late", late.Round(time.Millisecond))}
		select {
		case w.results <- result{o.Attack, missed}:
		case <-ctx.Done():
		}
		return
	}
	member.Fire(o.Slice, start, o.K, o.N)
}

// end ends the attack under way, and one that is being made ready, for good.
func (w *worker) end() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.prepared.Wait()
	w.endAttack()
	w.closing.Wait()
}

// endAttack ends the attack under way; nothing of it is sent any more.
func (w *worker) endAttack() {
	w.mu.Lock()
	member := w.member
	w.member, w.attack = nil, 0
	w.mu.Unlock()
	if member != nil {
		w.closing.Go(member.Close) // it may take a second, and orders must be read
	}
}

// watch stops all load when the coordinator is not heard, and gives up later.
func (w *worker) watch(ctx context.Context, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(beatEvery / 4)
	defer ticker.Stop()
	// Three steps: nothing new is fired, then what is under way is cut, then the worker gives up. A
	// coordinator that is heard again in between goes on with the next slice.
	cut := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		silent, member := time.Since(w.heard), w.member
		halt := silent > deadAfter && !w.halted
		w.halted = w.halted || halt
		w.mu.Unlock()
		switch {
		case silent <= deadAfter:
			cut = false
		case halt:
			w.o.Say("the coordinator is not heard: no more load is fired")
			if member != nil {
				member.Halt("it did not hear the coordinator")
			}
		case silent > deadAfter+cutAfter && !cut:
			if cut = true; member != nil {
				member.Cut()
			}
		case silent > goneAfter:
			stop(errGone)
		}
	}
}
