// Package shift moves traffic from blue to green step by step, and back.
//
// In come a plan, a driver that gives weight, the checks of each step, and a folder for
// the record. Out come weights, written through the driver, and audit.ndjson: every
// record of a write is on the disk before the write leaves. What happens next is decided by
// package machine; here its actions are performed: calls of the driver and of the checks run in
// goroutines that are cancelled and never waited for, so that nothing that hangs
// keeps a rollback from leaving. The package knows no mechanism and no suite: the first
// come from the driver packages below it, the second from the caller.
package shift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A Driver is a mechanism that gives weight to blue and green. All calls return when their
// context ends.
type Driver interface {
	// Name says what is written to, for messages.
	Name() string
	// Max is the largest weight of a side.
	Max() int
	// Check refuses what must not be walked, such as a name that something else owns. An error
	// that is a hint.Error is the caller's to settle.
	Check(ctx context.Context) error
	// Read returns the weights as the mechanism has them, and what decides next to them where
	// traffic goes; nil: that is not known.
	Read(ctx context.Context) (machine.Weights, machine.Setting, error)
	// Write sets both weights. At no moment are both 0. With compare it writes only if the
	// weights are from; otherwise from is a belief that decides only the order.
	Write(ctx context.Context, from, to machine.Weights, compare bool) error
	// Await returns when what was written is in effect, with the time that clients may keep
	// what they knew before.
	Await(ctx context.Context) (ttl time.Duration, err error)
	// ByHand are commands that set weights without this program.
	ByHand(to machine.Weights) []string
}

// A Claimer is a driver that starts processes, which live on when this one is killed.
type Claimer interface {
	// Claim marks what the driver starts from now on as the walk's of a folder. With stop it
	// first stops what an earlier process of the walk was in the middle of, and returns how
	// many commands it stopped.
	Claim(ctx context.Context, folder string, stop bool) int
}

// ErrRefused marks an answer of a mechanism that a repetition does not change.
var ErrRefused = errors.New("refused")

// Refused marks an error as a refusal: the write was looked at and not done.
func Refused(err error) error { return fmt.Errorf("%w: %w", ErrRefused, err) }

// WeightsOf are the weights of a share of green: of all sums up to most the smallest that
// gives the share exactly, but 100 where that does. A share that none gives is an error.
func WeightsOf(share float64, most int) (machine.Weights, error) {
	for _, sum := range append([]int{100}, sums(most)...) {
		green := share * float64(sum)
		if sum <= most && math.Abs(green-math.Round(green)) < 1e-9*float64(sum) {
			return machine.Weights{Blue: sum - int(math.Round(green)), Green: int(math.Round(green))}, nil
		}
	}
	nearest := math.Max(1, math.Round(share*float64(most))) / float64(most)
	return machine.Weights{}, &hint.Error{
		Err:  fmt.Errorf("weights of at most %d cannot give green %.6g%%", most, share*100),
		Hint: fmt.Sprintf("the nearest share is %.4g%%", nearest*100),
	}
}

// sums are the sums of weights that are tried, rising.
func sums(most int) []int {
	out := make([]int, 0, min(most, 10000))
	for s := 1; s <= most && len(out) < 10000; s++ {
		out = append(out, s)
	}
	for _, s := range []int{100_000, 1_000_000} {
		if s <= most {
			out = append(out, s)
		}
	}
	return out
}
