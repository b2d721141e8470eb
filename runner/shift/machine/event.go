package machine

import "time"

// An Event is what happened. At is the time since the walk began, on a clock that never
// jumps. ID is that of the action it answers; events of actions that the machine no
// longer waits for change nothing but what Rule 5 counts.
type Event struct {
	Kind EventKind
	At   time.Duration
	ID   int
	// Weights are what a read found, and Setting what it found next to them.
	Weights Weights
	Setting Setting
	// Failed says why an action did not do its work; empty: it did.
	Failed string
	// Refused is set where a write was answered by a refusal, so that repeating it is useless.
	Refused bool
	// Verdict is what a check found.
	Verdict Verdict
	// Why is the reason of a verdict, a budget or a signal, for people.
	Why string
	// Signal is the number of a signal.
	Signal int
	// TTL is how long clients may keep the weights from before, once they are in effect.
	TTL time.Duration
}

// An EventKind says what happened. Zero is invalid.
type EventKind uint8

// The kinds of event.
const (
	// Begin starts a walk.
	Begin EventKind = iota + 1
	// Read answers a read of the weights.
	Read
	// Wrote answers a write.
	Wrote
	// InEffect answers a wait for effect.
	InEffect
	// Checked answers a gate, a run, a confirmation, or the question to blue.
	Checked
	// Budget says that the probe's budget is spent.
	Budget
	// Enough says that the probe has enough answers of green in this step; with Why, that they prove nothing,
	// and why.
	Enough
	// Tick says that time has passed.
	Tick
	// Signal, and everything else after which nobody watches: a panic, a lost terminal.
	Signal
	// Recover rolls back a walk that was killed. Rule 9.
	Recover
	// AskRollback and AskResume are what a person asked for.
	AskRollback
	AskResume
	// Rival says that another walk has the lease of what this one moves; without Why, that this one has it again. Rule 12.
	Rival
	// Unrecorded says that the record could not be written; what was to be recorded was
	// not done.
	Unrecorded
)

// A Verdict is what a check found. Zero: it could not be carried out.
type Verdict uint8

// The verdicts.
const (
	// Pass lets the walk go on.
	Pass Verdict = iota + 1
	// Fail says that green is at fault.
	Fail
	// Doubt says that there is too little evidence, or that it is stale.
	Doubt
)

// An Action is what is to be done next. Actions are performed in order; one with an ID is
// answered by an event of that ID.
type Action struct {
	Kind ActionKind
	ID   int
	// Weights are what to write; From is what they replace. Compare asks the driver to write
	// only if the weights are From at this moment.
	Weights, From Weights
	Compare       bool
	// Setting is that of the first record.
	Setting Setting
	// Back is set for the writes of a rollback, which are sent even if they cannot be recorded.
	Back bool
	// Step is the index of the step that the action is about.
	Step int
	// Until is when to send a Tick.
	Until time.Duration
	// Outcome and Why are those of an end, a pause or a rollback; Signal is the number of the
	// signal behind it.
	Outcome Outcome
	Why     string
	Signal  int
}

// An ActionKind says what is to be done. Zero is invalid.
type ActionKind uint8

// The kinds of action.
const (
	// DoRead reads the weights.
	DoRead ActionKind = iota + 1
	// DoWrite records the intent, then writes the weights.
	DoWrite
	// DoAwait waits until the mechanism reports the weights as in effect.
	DoAwait
	// DoGate checks the archived run.
	DoGate
	// DoConfirm asks for a yes.
	DoConfirm
	// DoRun executes the run of a step.
	DoRun
	// DoAskBlue asks blue itself.
	DoAskBlue
	// DoProbe starts to count the probe's answers for a step.
	DoProbe
	// DoTick asks for a Tick at Until; it replaces an earlier one.
	DoTick
	// DoCancel stops everything that is under way, writes included; it does not wait for them.
	DoCancel
	// DoRecord notes the recorded weights as the first thing of the log.
	DoRecord
	// DoTried notes that the present weights could be written.
	DoTried
	// DoSet notes that the weights of a step were read back.
	DoSet
	// DoNote tells of a pause, a rollback that begins, or a step that was held.
	DoNote
	// DoEnd ends the walk.
	DoEnd
)

var actionNames = [...]string{
	DoRead: "read", DoWrite: "write", DoAwait: "await", DoGate: "gate", DoConfirm: "confirm", DoRun: "run", DoAskBlue: "ask blue",
	DoProbe: "probe", DoTick: "tick", DoCancel: "cancel", DoRecord: "record", DoTried: "tried", DoSet: "set", DoNote: "note", DoEnd: "end",
}

// String names the action.
func (k ActionKind) String() string {
	if k == 0 || int(k) >= len(actionNames) {
		return "unknown action"
	}
	return actionNames[k]
}
