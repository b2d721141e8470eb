// Package fleet lets several machines fire one load stage. The machine that judges is
// the coordinator; the others are workers. They talk over NATS: a server inside the
// coordinator, or one that is there already.
//
// In come a plan and stage messages as bytes whose content this package does not know, and
// on a worker a Site that turns them into an attack. Out come whole slices of the
// schedule with the records of all workers, in order. The package judges nothing, writes
// no file, and fires nothing itself: runner/attack does both.
//
// The rules:
//
//  1. A pair never leaves its worker: worker k of n takes the pairs i with i mod n = k of the
//     one seeded schedule. A slow worker, network or clock slows both sides alike.
//  2. A slice (a block, or a piece of the warm-up) is announced at least half of lead
//     before it starts, with an absolute start in the coordinator's clock. A worker that
//     gets it more than maxLate after its start fires nothing of it and says so.
//  3. A slice of which a share is missing, or during which a heartbeat of any worker was
//     missing for longer than maxGap, is void for both sides. A stalled link delivers
//     whole shares whose latencies are wrong on both sides, so whole is not enough.
//  4. A void block is replaced by another one at the end, fired by the workers that are
//     there, at the full rate; at most maxFired times the planned blocks are fired.
//  5. A worker that hears nothing from the coordinator for deadAfter stops, and cuts what is
//     under way a little later. A worker that is heard again takes part again.
//  6. Every message is sealed with a key that both ends derive from the join token, so that
//     who can only reach the bus can neither read a plan nor give orders.
//  7. What arrives twice counts once: the stream drops copies for two minutes, and the
//     coordinator drops them always.
//  8. A worker tells at once what its walks have created and not taken back, so that the coordinator
//     can take it back when the worker is lost.
package fleet

import "time"

// Protocol is the version of what coordinator and workers say to each other.
const Protocol = 2

// The times of the protocol.
const (
	beatEvery  = 250 * time.Millisecond  // heartbeats of both ends
	maxGap     = 750 * time.Millisecond  // between two heartbeats of a worker, without voiding a slice
	deadAfter  = 1200 * time.Millisecond // without a heartbeat
	cutAfter   = 500 * time.Millisecond  // from stopping to cutting what is under way
	lead       = time.Second             // from the announcement of a slice to its start
	maxLate    = 100 * time.Millisecond  // after a slice's start
	maxBound   = 50 * time.Millisecond   // of a clock's offset
	clockEvery = 30 * time.Second        // between two measurements of a worker's clock
	clockTries = 16                      // request/replies of one measurement
	slack      = 10 * time.Second        // after the longest answer, for a share to arrive
	goneAfter  = 30 * time.Second        // without a coordinator, before a worker gives up
)

// maxFired is how many times the planned blocks are fired at most.
const maxFired = 3

// MaxWorkers is the largest fleet: a record keeps its worker in a byte.
const MaxWorkers = 255
