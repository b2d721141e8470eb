package runner

import (
	"sync"
	"time"
)

// A board says where an execution stands, to one listener, one call at a time.
type board struct {
	mu      sync.Mutex
	listen  func(Progress)
	started time.Time
	now     func() time.Time
	state   Progress
}

// update changes the state and shows it.
func (b *board) update(change func(*Progress)) {
	if b.listen == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.state)
	b.state.Elapsed = b.now().Sub(b.started)
	b.listen(b.state)
}
