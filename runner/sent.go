package runner

import (
	"sync/atomic"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// sentCount counts the requests of one walk; both sides count at once.
type sentCount struct{ blue, green atomic.Int64 }

func (c *sentCount) add(side scenarios.Side) {
	if side == scenarios.Green {
		c.green.Add(1)
		return
	}
	c.blue.Add(1)
}

func (c *sentCount) perSide() run.PerSide {
	return run.PerSide{Blue: int(c.blue.Load()), Green: int(c.green.Load())}
}
