package shift

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A Check is asked for a verdict on a step, with a reason where that is not a pass.
type Check func(ctx context.Context, step machine.Step) (machine.Verdict, string)

// A Prober watches what clients get while a walk goes on.
type Prober interface {
	// Look asks before a walk. The error is why none may begin; remark is for the reader.
	Look(ctx context.Context) (remark string, err error)
	// Watch probes until ctx ends and reports what it saw, a few times a second at most.
	Watch(ctx context.Context, report func(Seen))
	// Hold begins to count answers of green anew, for the hold of this number; whole says that green has all
	// of the traffic in it.
	Hold(number int, whole bool)
	// AskBlue asks blue itself a few times. Fail: blue fails as well.
	AskBlue(ctx context.Context) (machine.Verdict, string)
}

// Seen is what a prober reports.
type Seen struct {
	Sample
	// Enough says that the hold of this number has enough answers of green.
	Enough bool
	Hold   int
	// Spent is why the budget of the walk is spent; empty: it is not.
	Spent string
	// Short is what is missing where MinGreen answers are not enough; empty: nothing is.
	Short string
	// Alike is why nothing can be said of green: as many answers failed on both sides, or green is another one.
	Alike string
}

// A Walk is everything that a walk is made from.
type Walk struct {
	Plan   machine.Plan
	Driver Driver
	Checks
	// Lease is that of the mechanism; nil: it has none.
	Lease Lease
	// Folder is that of the record.
	Folder string
	// Begun is the first record of this process.
	Begun Begun
	Outside
	// Open opens the record; nil: the file in Folder.
	Open func() (File, error)
}

// Checks are what a walk asks of a step. Gate, Confirm and Run are nil where the plan does not ask for
// them; Probe too.
type Checks struct {
	Gate, Confirm, Run Check
	Probe              Prober
	// Evidence is the folder of the run that gates rely on and its digest, for the record.
	Evidence, EvidenceDigest string
}

// Outside is what a walk needs of its surroundings.
type Outside struct {
	// Tell shows what happens, a line each. An error means that nobody sees it any more: the
	// walk then rolls back. It may block: the walk does not wait for it.
	Tell func(Line) error
	// Hide removes from the record what nobody may read; nil: nothing is.
	Hide func(string) string
	// Paused is called, and not waited for, when the walk begins to wait for a person; nil:
	// nobody wants to know.
	Paused func(why string)
	// Lost says whether the terminal is gone, without writing to it; nil: it is not asked.
	Lost func() error
	// Now is the clock of the record.
	Now func() time.Time
}

// say shows a line of no step.
func (o *Outside) say(format string, args ...any) {
	if o.Tell != nil {
		_ = o.Tell(Line{Time: o.Now(), Text: fmt.Sprintf(format, args...)})
	}
}

// A Line is what a walk shows of one event.
type Line struct {
	Time time.Time
	// Step is the name of the step: 25%; empty before the first one.
	Step string
	Text string
}

// A Result is how a walk ended.
type Result struct {
	Outcome machine.Outcome
	Reason  string
	// Signal is the number of the signal that ended the walk; 0: none.
	Signal int
	// Weights are those that were read last; Unread says that none were.
	Weights machine.Weights
	Unread  bool
	// Recorded are those that a rollback restores.
	Recorded    machine.Weights
	HasRecorded bool
	// Elsewhere is set where another process did it, which was asked to.
	Elsewhere bool
	// Unrecorded is why the record is not complete; nil: it is.
	Unrecorded error
}

// Go walks from a machine's state to its end. first is the event that it begins with. ctx
// ends by a signal: the walk then rolls back and returns when that is over. Nothing that is
// passed in can hold up a rollback: calls that hang are left behind.
func (w *Walk) Go(ctx context.Context, m machine.Machine, first machine.EventKind) *Result {
	open := w.Open
	if open == nil {
		open = func() (File, error) { return openAudit(w.Folder) }
	}
	f, err := open()
	back := m.Touched() // weights may be other than recorded: that outweighs a complete record
	if err != nil && !back {
		return &Result{Outcome: machine.Untouched, Reason: "the record cannot be written: " + err.Error(), Unrecorded: err, Unread: true}
	}
	if err != nil { // a rollback is done without a record rather than not at all
		f = noFile{err}
	}
	e := newEngine(ctx, w, m, f)
	defer e.close()
	if c, ok := w.Driver.(Claimer); ok {
		e.claim(c)
	}
	e.keepLease(w.Lease)
	e.begin(first != machine.Begin, err)
	if e.unrecorded != nil && first == machine.Begin {
		if !back {
			return &Result{Outcome: machine.Untouched, Reason: "the record cannot be written: " + e.unrecorded.Error(), Unrecorded: e.unrecorded, Unread: true}
		}
		first = machine.AskRollback
	}
	if back && first == machine.Begin { // green may have traffic already
		e.watch()
	}
	return e.loop(ctx, first)
}

// claim stops the write that an earlier process of the walk was killed in. A driver that hangs here
// holds up nothing.
func (e *engine) claim(c Claimer) {
	stopped := make(chan int, 1)
	late := e.m.Late()
	e.task(func() { stopped <- c.Claim(e.base, e.walk.Folder, late) })
	select {
	case n := <-stopped:
		if n > 0 {
			e.tell("", "stopped a write that an earlier process of this walk had begun")
		}
	case <-time.After(closing):
	}
}

// begin writes the first record of this process; without it nothing is sent, but for a rollback.
func (e *engine) begin(rollback bool, err error) {
	w := e.walk
	w.Begun.PID = os.Getpid()
	w.Begun.Host, _ = os.Hostname()
	if err == nil {
		wait := e.record(Record{Kind: RecordBegin, Begin: &w.Begun}, true)
		if w.Evidence != "" {
			wait = e.record(Record{Kind: RecordEvidence, Name: w.Evidence, Text: w.EvidenceDigest}, true)
		}
		if !rollback {
			err = <-wait
		}
	}
	if err != nil {
		e.unrecorded = err
	}
}

// noFile is a record that could not be opened.
type noFile struct{ err error }

func (f noFile) Write([]byte) (int, error) { return 0, f.err }
func (f noFile) Sync() error               { return f.err }
func (f noFile) Close() error              { return nil }

// loop feeds the machine until it ends.
func (e *engine) loop(ctx context.Context, first machine.EventKind) (result *Result) {
	defer func() {
		if caught := recover(); caught != nil {
			result = e.rescue(fmt.Sprintf("panic: %v", caught))
		}
	}()
	why := "asked for"
	if e.unrecorded != nil {
		why = "the record cannot be written: " + e.unrecorded.Error()
	}
	e.feed(machine.Event{Kind: first, Why: why})
	stopped := ctx.Done()
	for e.result == nil {
		select {
		case <-stopped:
			stopped = nil
			e.feed(machine.Event{Kind: machine.Signal, Signal: signalOf(ctx), Why: context.Cause(ctx).Error()})
		case event := <-e.events:
			e.feed(event)
		case <-e.timer.C:
			e.feed(machine.Event{Kind: machine.Tick})
		}
	}
	return e.result
}

// signalOf is the number of the signal that ended a context; 0: another cause.
func signalOf(ctx context.Context) int {
	if s, ok := context.Cause(ctx).(interface{ SignalNumber() int }); ok {
		return s.SignalNumber()
	}
	return 0
}

// rescue rolls back after a panic of the loop itself, by a new loop over the same state. A
// second panic is the end.
func (e *engine) rescue(why string) *Result {
	m := e.m
	recorded, has := m.Recorded()
	if e.rescued || !has || !m.Touched() {
		outcome := machine.NotHeld
		if !m.Touched() {
			outcome = machine.Untouched
		}
		return &Result{Outcome: outcome, Reason: why, Weights: e.seen, Unread: !e.read, Recorded: recorded, HasRecorded: has}
	}
	e.rescued, e.m = true, m.Reopened()
	e.tell("", "%s", why)
	// A fresh context: the caller's may have ended, and its signal was answered by this.
	result := e.loop(context.Background(), machine.AskRollback)
	result.Reason = why
	return result
}
