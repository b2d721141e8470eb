package perf

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// everyRequest counts every request of a stage, the warm-up's included. It is used
// only where there are too few blocks: a stage that is too short for one look
// still shows that the load was not sent, or that blue is unhealthy.
type everyRequest struct {
	sent   [2]int
	failed [2]int
	late   int // sent later than a quarter of the shortest block
}

// add counts a request of the whole stage, warm-up included. A request that left more than a
// quarter of a unit late counts as late.
func (w *everyRequest) add(r Record, unit time.Duration) {
	side := sideOf(r)
	w.sent[side]++
	if r.Failure != Succeeded && r.Failure != Client {
		w.failed[side]++
	}
	if r.Lag > unit/4 {
		w.late++
	}
}

// shortDoubt applies the rules of the generator and the baseline to all requests
// when the blocks are too few for a look.
func (v *view) shortDoubt(*Decision, []evidence) *doubt {
	if len(v.blocks) >= minLookBlocks {
		return nil
	}
	w := &v.every
	sent := w.sent[blue] + w.sent[green]
	if late := share(w.late, sent); late > maxDropped {
		return &doubt{
			cause: Generator, final: true, advice: generatorAdvice,
			reason: fmt.Sprintf("generator: the rate was not reached: %s of the requests left more than %s late", percent(late),
				text.Seconds((v.design.Unit / 4).Seconds())),
		}
	}
	if rate := share(w.failed[blue], w.sent[blue]); rate > maxBlueErrors {
		return &doubt{
			cause: Baseline, final: true, advice: baselineAdvice,
			reason: fmt.Sprintf("baseline: blue itself failed %d of its %d requests, warm-up included (limit %s)", w.failed[blue], w.sent[blue],
				percent(maxBlueErrors)),
		}
	}
	return nil
}
