package findings

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// A Ledger is what the walks of a worker have created and not taken back yet. Its coordinator is
// told of it at once, so that it can take things back should the worker die. The state of a walk
// is the caller's.
type Ledger struct {
	mu      sync.Mutex                 // guards what follows
	changed map[string]json.RawMessage // by walk; null: it owes nothing any more
	told    map[string]bool            // walks that the coordinator knows to owe something
	wake    chan struct{}
}

// NewLedger is an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{changed: map[string]json.RawMessage{}, told: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Note books the state of a walk; nil: it has taken everything back, or has ended.
func (l *Ledger) Note(walk string, state any) {
	text := json.RawMessage("null")
	if state != nil {
		text, _ = json.Marshal(state) // values of this program, which always encode
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if state == nil && !l.told[walk] { // a short walk that is not known
		delete(l.changed, walk)
		return
	}
	l.changed[walk] = text
	l.signal()
}

// signal lets Next look at what has changed; one signal that is not taken yet is enough.
func (l *Ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// ledgerBytes bounds one message, which must fit into one of the bus.
const ledgerBytes = 256 << 10

// Next waits for changes and returns them as one message; nil: ctx has ended. Each must arrive
// before the next is asked for.
func (l *Ledger) Next(ctx context.Context) []byte {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		if b := l.take(); b != nil {
			return b
		}
	}
}

// take removes as many changes as fit into a message.
func (l *Ledger) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, size := map[string]json.RawMessage{}, 0
	for walk, text := range l.changed {
		if size += len(walk) + len(text); size > ledgerBytes && len(out) > 0 {
			l.signal() // for the rest
			break
		}
		out[walk] = text
		delete(l.changed, walk)
		if l.told[walk] = string(text) != "null"; !l.told[walk] {
			delete(l.told, walk)
		}
	}
	if len(out) == 0 {
		return nil
	}
	b, _ := json.Marshal(out)
	return b
}

// Debts are the ledgers of all workers as their coordinator knows them. The zero value is empty.
type Debts struct {
	mu   sync.Mutex // guards open
	open map[debtor]json.RawMessage
}

// A debtor is a walk of a worker that has something to take back.
type debtor struct {
	worker int
	walk   string
}

// Take books a message of a worker's Ledger.
func (d *Debts) Take(worker int, message []byte) {
	var changes map[string]json.RawMessage
	if json.Unmarshal(message, &changes) != nil {
		return // it was sealed by a worker of this version
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[debtor]json.RawMessage{}
	}
	for walk, text := range changes {
		if string(text) == "null" {
			delete(d.open, debtor{worker, walk})
		} else {
			d.open[debtor{worker, walk}] = text
		}
	}
}

// sorted are the walks that owe something, by worker and walk; d.mu is held.
func (d *Debts) sorted() []debtor {
	return slices.SortedFunc(maps.Keys(d.open), func(a, b debtor) int {
		return cmp.Or(cmp.Compare(a.worker, b.worker), cmp.Compare(a.walk, b.walk))
	})
}

// Owing are the workers of which a walk has something to take back.
func (d *Debts) Owing() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []int
	for _, who := range d.sorted() {
		out = append(out, who.worker)
	}
	return slices.Compact(out)
}

// Drain removes and returns the states of all walks, by worker and walk.
func (d *Debts) Drain() []json.RawMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []json.RawMessage
	for _, who := range d.sorted() {
		out = append(out, d.open[who])
	}
	d.open = nil
	return out
}
