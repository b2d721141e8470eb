package attack

import (
	"context"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// A Slice is a piece of a schedule that several generators fire together: a block, or a
// piece of the warm-up.
type Slice struct {
	Number int           `json:"number"` // from 0, those of the warm-up first
	Block  int           `json:"block"`  // -1 in the warm-up
	From   time.Duration `json:"from"`   // since the schedule's start; pairs that start in [From, Until)
	Until  time.Duration `json:"until"`
}

// SliceOf is a slice of a design whose defaults are filled in. Numbers go on beyond the
// design's last block.
func SliceOf(d perf.Design, number int) Slice {
	length := d.Block()
	pieces := int((d.WarmUp + length - 1) / length)
	if number < pieces {
		return Slice{Number: number, Block: -1, From: time.Duration(number) * length, Until: min(time.Duration(number+1)*length, d.WarmUp)}
	}
	block := number - pieces
	from := d.WarmUp + time.Duration(block)*length
	return Slice{Number: number, Block: block, From: from, Until: from + length}
}

// sliceAt is the number of the slice that a pair which starts at an instant belongs to.
func sliceAt(d perf.Design, start time.Duration) int {
	length := d.Block()
	if start < d.WarmUp {
		return int(start / length)
	}
	return int((d.WarmUp+length-1)/length) + int((start-d.WarmUp)/length)
}

// An Order is one attack to be fired by several generators.
type Order struct {
	Section Section `json:"section"`         // with the design's defaults
	Dealt   []int   `json:"dealt,omitempty"` // rows that attacks before have dealt, by case
	Number  int     `json:"number"`          // of the attack within its stage, from 0
	Workers int     `json:"workers"`         // generators that the connections are divided among
}

// A Share is what one generator did of a slice.
type Share struct {
	Slice   int    `json:"slice"`
	Worker  int    `json:"-"`                // that fired it, from 1
	Missed  string `json:"missed,omitempty"` // why it was not fired; empty: it was
	Planned int    `json:"planned"`          // requests, or walks
	// Ended is when its last request was answered, since the schedule's start.
	Ended   time.Duration `json:"ended"`
	Sum     Summary       `json:"sum"`
	Records []perf.Record `json:"-"`
	// Findings is what the caller's own judges have found since the share before; see Member.
	Findings []byte `json:"-"`
}

// A Fired slice is one that several generators have fired.
type Fired struct {
	Slice
	Void   string   // why it is not to be judged; empty: it is whole
	Side   string   // that the workers in Apart got no answers of, while others did; empty: all saw the same
	Apart  []int    // workers
	Shares []*Share // those that came; of a whole slice all
}

// A Fleet fires an attack from several machines; see runner/fleet.
type Fleet interface {
	// Begin makes the generators ready and starts the schedule. It ends with ctx.
	Begin(ctx context.Context, order Order) (Firing, error)
}

// A Firing is an attack that several generators are firing.
type Firing interface {
	// Slices are the slices in their order; closed when nothing more is fired.
	Slices() <-chan Fired
	// Extend says how many blocks are asked for: one more for each void one.
	Extend(blocks int)
	// Bursts are both sides' answers of the last second, of all generators.
	Bursts() [2]perf.Burst
	// Workers are the generators, for people who wait.
	Workers() []WorkerLive
	// End stops the generators and says what each did. How late it sent, and what it cost, is
	// left to the caller, who has its records and summaries.
	End() []run.LoadWorker
}

// A Summary is what a generator has done in an attack so far.
type Summary struct {
	Health      perf.Health     `json:"health"`
	Judging     run.LoadJudging `json:"judging"`
	Connections [2]Connections  `json:"connections"`
	Remotes     run.PerSide     `json:"remotes"`             // addresses reached
	BackEnds    [2][]string     `json:"back_ends,omitempty"` // names since the share before
}
