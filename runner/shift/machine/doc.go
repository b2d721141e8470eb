// Package machine decides what a walk of traffic from blue to green does next.
//
// In come events: what a driver answered, what a check found, that time has passed,
// that a signal arrived. Out come actions: read the weights, write them, start a
// check, wait, end. Nothing here sends, waits, reads a clock or writes a file, so
// that every order of events can be tried in a test. Package shift performs the
// actions and keeps the record.
//
// The rules that every walk obeys:
//
//  1. The weights that were found at the start are recorded and never replaced. To
//     roll back means to write them, read them back, and repeat that until they hold
//     or the time for it is over.
//  2. No write leaves both sides at 0, and none is asked for.
//  3. A write forward is sent only while the weights are those that the walk knows.
//     What somebody else wrote pauses the walk.
//  4. A signal, a panic or a lost terminal is answered by the rollback's write in
//     the same step: nothing is waited for and nothing is read first.
//  5. A rollback is over only when no earlier write is still on its way, two reads
//     in a row, some time apart, show the recorded weights, and the mechanism says that they
//     are in effect.
//  6. After somebody else changed the weights, a rollback is one compare-and-set: when
//     somebody else changes them once more, the walk gives up and says so.
//  7. Before a failed check of green rolls back, blue is asked: where blue fails too, the
//     walk pauses. A signal rolls back whatever blue says.
//  8. Evidence that has become stale pauses; it does not roll back a healthy green.
//  9. A killed walk that the next call finds is rolled back where the weights are such as
//     the walk can have left; others stay as they are until a person decides.
//  10. Time in which the process was stopped counts for nothing.
//  11. What decides next to the weights where traffic goes must be what the walk found at its start: a third
//     backend, another TTL or address pauses it. It keeps no rollback from being written.
//  12. A walk that has lost its lease to another one goes no further. What it does to roll back is what
//     Rule 6 allows.
package machine

import (
	"fmt"
	"time"
)

// Weights are what a mechanism gives to blue and green; the share of green is
// Green/(Blue+Green).
type Weights struct {
	Blue  int `json:"blue"`
	Green int `json:"green"`
}

// String writes weights as messages do.
func (w Weights) String() string { return fmt.Sprintf("blue=%d green=%d", w.Blue, w.Green) }

// Empty reports whether nobody gets traffic, or everybody the same: mechanisms differ.
func (w Weights) Empty() bool { return w.Blue <= 0 && w.Green <= 0 }

// Share is green's share of traffic as a ratio; 0 for empty weights.
func (w Weights) Share() float64 {
	if w.Empty() {
		return 0
	}
	return float64(w.Green) / float64(w.Blue+w.Green)
}

// BlueFirst says which side a mechanism that sets one side at a time sets first. The first
// one ends above 0, so that no moment in between leaves both at 0, whatever the weights
// are now; where both end above 0, the one that rises comes first.
func BlueFirst(from, to Weights) bool {
	if to.Blue == 0 || to.Green == 0 {
		return to.Green == 0
	}
	return to.Blue >= from.Blue
}

// Between reports whether w is what a write from one pair to another leaves behind when
// only one of the two sides was set.
func (w Weights) Between(from, to Weights) bool {
	return w != from && w != to && (w.Blue == from.Blue || w.Blue == to.Blue) && (w.Green == from.Green || w.Green == to.Green)
}

// A Step is one share of green that a walk stops at.
type Step struct {
	// Name is the share as people read it: 25%.
	Name   string  `json:"name"`
	Target Weights `json:"target"`
	// Confirm is set where a yes is waited for before the step.
	Confirm bool `json:"confirm,omitempty"`
}

// A Plan is what a walk is made from. It never changes. Durations are bounds of waiting.
type Plan struct {
	Steps []Step `json:"steps"`
	// Start are the weights that the checks before the walk have seen; zero: any.
	Start Weights `json:"start,omitzero"`
	// Hold is the shortest time at a step, MaxHold the longest while the probe has too few
	// answers, and Settle what is waited between taking effect and the hold.
	Hold    time.Duration `json:"hold"`
	MaxHold time.Duration `json:"max_hold"`
	Settle  time.Duration `json:"settle"`
	// Gate, Probe and Run say which checks the walk has.
	Gate  bool `json:"gate,omitempty"`
	Probe bool `json:"probe,omitempty"`
	Run   bool `json:"run,omitempty"`
	// PauseOnFail pauses where a check of green failed, in place of rolling back.
	PauseOnFail bool `json:"pause_on_fail,omitempty"`
	// StayOnSignal leaves the weights as they are on a signal.
	StayOnSignal bool `json:"stay_on_signal,omitempty"`
	// CheckTimeout bounds a run and a confirmation, which have a limit of their own that is shorter; 0: nothing
	// does.
	CheckTimeout time.Duration `json:"check_timeout,omitempty"`
	// WriteTimeout bounds the tries of one write forward until it is read back, Effect the
	// wait until it is in effect, Rollback the whole of a rollback, Pause a pause.
	WriteTimeout    time.Duration `json:"write_timeout"`
	EffectTimeout   time.Duration `json:"effect_timeout"`
	RollbackTimeout time.Duration `json:"rollback_timeout"`
	PauseTimeout    time.Duration `json:"pause_timeout"`
	// ReadEvery is the time between two reads of the weights while a step is held.
	ReadEvery time.Duration `json:"read_every"`
}

// A Phase is where a walk is. Zero is invalid.
type Phase uint8

// The phases.
const (
	// Opening reads the weights that a rollback will restore.
	Opening Phase = iota + 1
	// Trying writes these weights, which changes nothing, and reads them back.
	Trying
	// Gating checks the archived run.
	Gating
	// Confirming waits for a yes.
	Confirming
	// Comparing reads the weights just before a write.
	Comparing
	// Writing has sent the weights of a step and reads them back.
	Writing
	// TakingEffect waits until the mechanism reports the weights as in effect.
	TakingEffect
	// Settling waits until clients have seen them.
	Settling
	// Holding watches the step.
	Holding
	// Running executes the run at the end of a hold.
	Running
	// AskingBlue asks whether blue fails as well.
	AskingBlue
	// Paused waits for a person.
	Paused
	// RollingBack writes the recorded weights until they hold.
	RollingBack
	// Ended is final.
	Ended
)

var phaseNames = [...]string{
	Opening: "opening", Trying: "trying to write", Gating: "checking the gate", Confirming: "waiting for a confirmation", Comparing: "reading the weights", Writing: "writing the weights",
	TakingEffect: "waiting for the weights to take effect", Settling: "settling", Holding: "holding", Running: "running the suites", AskingBlue: "asking blue",
	Paused: "paused", RollingBack: "rolling back", Ended: "ended",
}

// String names the phase as messages do.
func (p Phase) String() string {
	if p == 0 || int(p) >= len(phaseNames) {
		return "unknown phase"
	}
	return phaseNames[p]
}

// An Outcome is how a walk ended. Zero: it has not.
type Outcome uint8

// The outcomes.
const (
	// Done: green has the share of the last step.
	Done Outcome = iota + 1
	// RolledBack: the recorded weights hold again.
	RolledBack
	// NotHeld: the rollback did not hold.
	NotHeld
	// Held: too little evidence; the weights were left as they are.
	Held
	// Untouched: nothing was written.
	Untouched
)

var outcomeNames = [...]string{Done: "done", RolledBack: "rolled back", NotHeld: "rollback did not hold", Held: "held", Untouched: "untouched"}

// String names the outcome as messages and the record do.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return "open"
	}
	return outcomeNames[o]
}

// OutcomeOf is the outcome of a name; 0 for any other text.
func OutcomeOf(name string) Outcome {
	for o, n := range outcomeNames {
		if n == name && n != "" {
			return Outcome(o)
		}
	}
	return 0
}
