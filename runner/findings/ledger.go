package findings

import (
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
			select {
			case l.wake <- struct{}{}: // for the rest
			default:
			}
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
	open map[int]map[string]json.RawMessage
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
		d.open = map[int]map[string]json.RawMessage{}
	}
	own := d.open[worker]
	if own == nil {
		own = map[string]json.RawMessage{}
		d.open[worker] = own
	}
	for walk, text := range changes {
		if string(text) == "null" {
			delete(own, walk)
		} else {
			own[walk] = text
		}
	}
}

// Owing are the workers of which a walk has something to take back.
func (d *Debts) Owing() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []int
	for _, worker := range slices.Sorted(maps.Keys(d.open)) {
		if len(d.open[worker]) > 0 {
			out = append(out, worker)
		}
	}
	return out
}

// Drain removes and returns the states of all walks, by worker and walk.
func (d *Debts) Drain() []json.RawMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []json.RawMessage
	for _, worker := range slices.Sorted(maps.Keys(d.open)) {
		for _, walk := range slices.Sorted(maps.Keys(d.open[worker])) {
			out = append(out, d.open[worker][walk])
		}
	}
	d.open = nil
	return out
}
