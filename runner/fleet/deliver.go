package fleet

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bgverify/bgverify/runner/attack"
)

// A result is a share on its way.
type result struct {
	attack int
	share  *attack.Share
}

// send publishes shares, each until it is acknowledged or too old to matter.
func (w *worker) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-w.results:
			if err := w.publish(ctx, r); err != nil && ctx.Err() == nil {
				w.o.Say(fmt.Sprintf("a share of slice %d was not delivered: %v", r.share.Slice, err))
			}
		}
	}
}

// sendOwed tells the coordinator what walks owe, one message after the other, each until it has
// arrived: of two states of a walk the later one must come last.
func (w *worker) sendOwed(ctx context.Context) {
	for {
		message := w.site.Owed(ctx)
		if message == nil {
			return
		}
		for ctx.Err() == nil {
			_, err := w.ask(ctx, subjectOwed, message)
			if errors.Is(err, nats.ErrMaxPayload) { // however often it is tried
				w.o.Say(fmt.Sprintf("what walks created is too much for one message of the bus (%d bytes); "+
					"if this worker dies, look for it by hand", len(message)))
				break
			}
			if err == nil {
				break
			}
			pause(ctx, beatEvery)
		}
	}
}

// publishWithin is how long a part of a share is tried to be delivered.
const publishWithin = 20 * time.Second

// publish sends a share in parts that fit into messages of any bus. A part has an id that is
// the same at each try, so that the stream keeps one of them.
func (w *worker) publish(ctx context.Context, r result) error {
	packed, err := packShare(r.share)
	if err != nil {
		return err
	}
	subject := w.subject(subjectResult)
	parts := max(1, (len(packed)+partSize-1)/partSize)
	for part := range parts {
		// The head tells the parts of shares apart, which may come in any order.
		head, err := json.Marshal(partHead{Attack: r.attack, Slice: r.share.Slice, Part: part, Parts: parts})
		if err != nil {
			return err
		}
		inner := append(binary.AppendUvarint(nil, uint64(len(head))), head...)
		inner = append(inner, packed[part*partSize:min(len(packed), (part+1)*partSize)]...)
		id := fmt.Sprintf("%s/%d/%d/0/%s/%d", w.lease.Run, r.attack, r.share.Slice, w.lease.ID, part)
		if err := w.publishPart(ctx, &nats.Msg{Subject: subject, Data: w.seal.close(subject, inner)}, id); err != nil {
			return err
		}
	}
	return nil
}

// publishPart tries again with the same id: the stream drops what it has.
func (w *worker) publishPart(ctx context.Context, m *nats.Msg, id string) error {
	deadline := time.Now().Add(publishWithin)
	for {
		_, err := w.js.PublishMsg(within(ctx, 3*time.Second), m, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, beatEvery)
	}
}
