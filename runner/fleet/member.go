package fleet

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// A member is a worker as the coordinator knows it.
type member struct {
	id     string
	number int
	host   string
	cpus   int
	seal   seal
	echo   []byte // nonce of its hello: a repeated one gets the same lease
	answer []byte // to that hello

	arrived time.Time // of the last heartbeat
	sent    time.Time // of the same one, by the worker
	beat    beat
	gaps    []span
	words   map[int]word // by attack; 0: the plan
	shares  int
	missed  int
	voids   int
	sum     attack.Summary
}

// A span is a stretch of time without heartbeats.
type span struct{ from, to time.Time }

// maxGaps bounds what is remembered of a worker that stutters; old ones concern no slice
// that is still open.
const maxGaps = 256

// heard books a heartbeat. A gap is one in when they were sent or in when they arrived:
// a worker that was frozen sends none, and a link that stalls delivers them all at once.
func (m *member) heard(b beat, now time.Time) {
	if now.Sub(m.arrived) > maxGap {
		m.gaps = append(m.gaps, span{m.arrived, now})
	}
	if b.Sent.Sub(m.sent) > maxGap {
		m.gaps = append(m.gaps, span{m.sent, b.Sent})
	}
	if len(m.gaps) > maxGaps {
		m.gaps = m.gaps[len(m.gaps)-maxGaps:]
	}
	m.arrived, m.sent, m.beat = now, b.Sent, b
}

// present reports whether the worker is heard.
func (m *member) present(now time.Time) bool { return now.Sub(m.arrived) <= deadAfter }

// silent is the gap that overlaps a stretch of time, the open one included.
func (m *member) silent(from, to, now time.Time) (gap time.Duration, found bool) {
	// The gap that is still open counts too. It is not kept: a heartbeat may end it at any moment.
	gaps := m.gaps
	if now.Sub(m.arrived) > maxGap {
		gaps = append(gaps[:len(gaps):len(gaps)], span{m.arrived, now})
	}
	for _, g := range gaps {
		if g.from.Before(to) && g.to.After(from) {
			gap, found = max(gap, g.to.Sub(g.from)), true
		}
	}
	return gap, found
}

// String names the worker for people.
func (m *member) String() string { return fmt.Sprintf("worker %d (%s)", m.number, m.host) }

// loadWorker is what the fleet knows of the worker. How late it sent, and what it cost, is left
// to who has its records.
func (m *member) loadWorker(now time.Time) run.LoadWorker {
	return run.LoadWorker{
		Number: m.number, Host: m.host, CPUs: m.cpus, Lost: !m.present(now), OffsetMS: run.Milliseconds(m.beat.Offset),
		BoundMS: run.Milliseconds(m.beat.Bound), Shares: m.shares, Missed: m.missed, Voided: m.voids,
	}
}
