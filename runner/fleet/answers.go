package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bgverify/bgverify/internal/text"
)

// ofMember opens a message of a worker; what no worker sealed is dropped.
func (c *Coordinator) ofMember(take func(*member, *nats.Msg, []byte)) nats.MsgHandler {
	return func(m *nats.Msg) {
		from := c.memberOf(m.Subject)
		if from == nil {
			return
		}
		if inner, err := from.seal.open(m.Subject, m.Data); err == nil {
			take(from, m, inner)
		}
	}
}

// memberOf is the worker that a subject ends with; nil for an id that this run has not given.
// The id alone proves nothing: what the message holds must open with that worker's seal.
func (c *Coordinator) memberOf(subject string) *member {
	id := subject[strings.LastIndexByte(subject, '.')+1:]
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// tellTime answers with the coordinator's time; see measure for what the worker makes of it.
func (c *Coordinator) tellTime(from *member, m *nats.Msg, _ []byte) {
	_ = m.Respond(closeJSON(from.seal, m.Subject, clockReading{c.clock.now()}))
}

// partSize is how much of a blob or a share travels in one message.
const partSize = 512 << 10

// tellBlob answers with one part of a plan or a stage. A name or a place that does not exist
// gets no answer: the worker asks again and then gives up, with its own error.
func (c *Coordinator) tellBlob(from *member, m *nats.Msg, inner []byte) {
	var f fetch
	if json.Unmarshal(inner, &f) != nil {
		return
	}
	c.mu.Lock()
	content := c.blobs[f.Name]
	c.mu.Unlock()
	if f.Offset < 0 || f.Offset > len(content) {
		return
	}
	_ = m.Respond(from.seal.close(m.Subject, content[f.Offset:min(len(content), f.Offset+partSize)]))
}

// takeWord books that a worker is ready for an attack (0: for the plan), or why it is not. A
// word that comes twice, because its answer was lost, is answered twice and reported once.
func (c *Coordinator) takeWord(from *member, m *nats.Msg, inner []byte) {
	var w word
	if json.Unmarshal(inner, &w) != nil {
		return
	}
	c.mu.Lock()
	_, again := from.words[w.Attack]
	from.words[w.Attack] = w
	c.mu.Unlock()
	if w.Attack == 0 && w.Refused == "" && !again {
		c.o.Say(fmt.Sprintf("%s joined: %s, clock %s off (within %s)", from, text.Count(from.cpus, "CPU"), w.Offset.Round(time.Microsecond), w.Bound.Round(time.Microsecond)))
	}
	_ = m.Respond(from.seal.close(m.Subject, []byte("{}")))
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// takeOwed hands on what the walks of a worker owe, and says that it has arrived.
func (c *Coordinator) takeOwed(from *member, m *nats.Msg, inner []byte) {
	c.mu.Lock()
	owed := c.owed
	c.mu.Unlock()
	var message []byte
	if owed != nil && json.Unmarshal(inner, &message) == nil {
		owed(from.number, message)
	}
	_ = m.Respond(from.seal.close(m.Subject, []byte("{}")))
}

// takeBeat books a heartbeat. It is not answered: a lost one is a gap, which is what the
// coordinator wants to know.
func (c *Coordinator) takeBeat(from *member, _ *nats.Msg, inner []byte) {
	var b beat
	if json.Unmarshal(inner, &b) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	from.heard(b, c.clock.now())
}

// pulse tells every worker that the coordinator is there, and people who was lost.
func (c *Coordinator) pulse(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.tellAll(&order{Kind: orderPulse})
		now := c.clock.now()
		var lines []string
		c.mu.Lock()
		for _, m := range c.members {
			_, joined := m.words[0]
			if present := m.present(now); joined && present == c.lost[m.id] {
				c.lost[m.id] = !present
				if present {
					lines = append(lines, m.String()+" is heard again")
				} else {
					lines = append(lines, m.String()+" was lost")
				}
			}
		}
		c.mu.Unlock()
		for _, line := range lines {
			c.o.Say(line)
		}
	}
}

// tellAll gives every worker an order.
func (c *Coordinator) tellAll(o *order) {
	c.mu.Lock()
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		c.tell(m, o)
	}
}

// tell gives a worker an order. One that is lost on the way shows as a missing share.
func (c *Coordinator) tell(m *member, o *order) {
	subject := c.subject(subjectOrder, m.id)
	_ = c.nc.Publish(subject, closeJSON(m.seal, subject, o))
}
