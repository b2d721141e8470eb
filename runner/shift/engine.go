package shift

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// An engine performs a machine's actions. Its fields belong to the goroutine of loop, but for
// the channels and what mu guards.
type engine struct {
	walk   *Walk
	m      machine.Machine
	log    *log
	events chan machine.Event
	timer  *time.Timer
	began  time.Time
	result *Result
	// base is the context of everything that outlives a signal; it ends with the walk.
	base context.Context
	end  context.CancelFunc
	// tasks cancels what DoCancel ends; writing the write that is under way.
	tasks   context.Context
	cancel  context.CancelFunc
	writing context.CancelFunc
	// rescued is set after a panic of the loop.
	rescued bool
	// unrecorded is the first error of the record; it is reported to the machine once.
	unrecorded error
	lines      chan Line
	done       sync.WaitGroup
	// seen are the weights of the last read, for the record.
	seen    machine.Weights
	read    bool
	probing bool
	// hold numbers the holds: what the probe has seen in an earlier one does not count.
	hold    int
	shown   chan struct{}
	trouble trouble
}

// newEngine starts the goroutines that serve a walk: the log, the terminal, and the look at
// what other processes ask for.
func newEngine(ctx context.Context, w *Walk, m machine.Machine, f File) *engine {
	e := &engine{
		walk: w, m: m, log: newLog(f), events: make(chan machine.Event, 256), timer: time.NewTimer(time.Hour), began: time.Now(),
		lines: make(chan Line, 256), shown: make(chan struct{}),
	}
	e.base, e.end = context.WithCancel(context.WithoutCancel(ctx))
	e.tasks, e.cancel = context.WithCancel(e.base)
	e.writing = func() {}
	go e.show()
	if w.Begun.How != howRollback { // what is asked for is for the process that walks
		go e.listen()
	}
	return e
}

// closing bounds what the end of a walk waits for: goroutines whose calls do not return.
const closing = 2 * time.Second

// close ends everything. What hangs is left behind.
func (e *engine) close() {
	e.end()
	e.timer.Stop()
	finished := make(chan struct{})
	go func() {
		<-e.shown
		e.done.Wait()
		e.log.close()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(closing):
	}
}

// send gives the loop an event; after the end of the walk nobody takes it.
func (e *engine) send(event machine.Event) {
	select {
	case e.events <- event:
	case <-e.base.Done():
	}
}

// record adds to the log. An error of the disk becomes an event once, so that a walk whose
// record fails goes back.
func (e *engine) record(r Record, sync bool) <-chan error {
	if r.Name == "" && r.Kind != RecordBegin && r.Kind != RecordEnd {
		r.Name = e.stepName()
	}
	return e.recordAsIs(r, sync)
}

// recordAsIs is record for goroutines other than the loop's: the machine is not theirs to read.
func (e *engine) recordAsIs(r Record, sync bool) <-chan error {
	r.Time = e.walk.Now().UTC()
	if hide := e.walk.Hide; hide != nil {
		r.hide(hide)
	}
	return e.log.add(r, sync)
}

// note adds a record that nobody waits for, and reports its failure to the machine.
func (e *engine) note(r Record) {
	wait := e.record(r, true)
	e.task(func() {
		if err := <-wait; err != nil {
			e.send(machine.Event{Kind: machine.Unrecorded, Why: "the record cannot be written: " + err.Error()})
		}
	})
}

// task runs work that sends an event. A panic in it rolls the walk back.
func (e *engine) task(work func()) {
	e.done.Go(func() {
		defer e.panicked()
		work()
	})
}

// panicked is deferred by every goroutine of a walk: none may end the process, which would leave
// traffic where it is.
func (e *engine) panicked() {
	if caught := recover(); caught != nil {
		e.send(machine.Event{Kind: machine.Signal, Why: fmt.Sprintf("panic: %v", caught)})
	}
}

func (e *engine) stepName() string {
	if i := e.m.Step(); i >= 0 && i < len(e.walk.Plan.Steps) {
		return e.walk.Plan.Steps[i].Name
	}
	return ""
}

// feed gives the machine an event and performs what it asks for.
func (e *engine) feed(event machine.Event) {
	event.At = time.Since(e.began)
	if event.Kind == machine.Enough && event.ID != e.hold {
		return
	}
	if event.Kind == machine.Unrecorded && e.unrecorded == nil {
		e.unrecorded = errors.New(event.Why)
	}
	if event.Kind == machine.Read && event.Failed == "" && (event.Weights != e.seen || !e.read) {
		e.seen, e.read = event.Weights, true
		e.note(Record{Kind: RecordRead, Step: e.m.Step(), Weights: &event.Weights})
	}
	was := e.m.Phase()
	next, actions := e.m.Next(event)
	e.m = next
	e.troubled(&event, was)
	if e.walk.Paused != nil && was != machine.Paused && next.Phase() == machine.Paused {
		e.task(func() { e.walk.Paused(next.Reason()) })
	}
	for i := range actions {
		e.perform(actions[i])
	}
}

// perform does one action. Nothing here waits.
func (e *engine) perform(a machine.Action) {
	switch a.Kind {
	case machine.DoTick:
		e.timer.Reset(max(0, a.Until-time.Since(e.began)))
	case machine.DoCancel:
		e.cancel()
		e.writing()
		e.tasks, e.cancel = context.WithCancel(e.base)
	case machine.DoRead:
		e.readWeights(a.ID)
	case machine.DoWrite:
		e.write(a)
	case machine.DoAwait:
		tasks := e.tasks
		e.task(func() {
			ttl, err := e.walk.Driver.Await(tasks)
			e.send(machine.Event{Kind: machine.InEffect, ID: a.ID, TTL: ttl, Failed: textOf(err)})
		})
	case machine.DoGate:
		e.check("gate", e.walk.Gate, a)
	case machine.DoConfirm:
		e.check("confirm", e.walk.Confirm, a)
	case machine.DoRun:
		e.check("run", e.walk.Run, a)
	case machine.DoAskBlue:
		e.check("blue", e.askBlue(), a)
	case machine.DoProbe:
		if e.hold++; e.walk.Probe != nil {
			e.walk.Probe.Hold(e.hold, e.walk.Plan.Steps[a.Step].Target.Blue == 0)
		}
	case machine.DoRecord:
		e.recordFirst(a)
	case machine.DoTried:
		e.note(Record{Kind: RecordTried, Weights: &a.Weights})
	case machine.DoSet:
		e.told(RecordSet, a)
	case machine.DoNote:
		e.told(RecordNote, a)
	case machine.DoEnd:
		e.finish(a)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// readTimeout bounds one read of the weights.
const readTimeout = 15 * time.Second

func (e *engine) readWeights(id int) {
	e.task(func() {
		ctx, cancel := context.WithTimeout(e.base, readTimeout)
		defer cancel()
		weights, setting, err := e.walk.Driver.Read(ctx)
		e.send(machine.Event{Kind: machine.Read, ID: id, Weights: weights, Setting: setting, Failed: textOf(err)})
	})
}

// writeTimeout bounds one write, and recordFor how long a rollback's write waits for its record.
const (
	writeTimeout = 45 * time.Second
	recordFor    = 200 * time.Millisecond
)

// write records the intent and sends the write. A write forward leaves only when its
// record is on the disk; one of a rollback waits a moment for it and leaves anyway.
func (e *engine) write(a machine.Action) {
	e.writing()
	e.sends(&a)
	ctx, cancel := context.WithTimeout(e.base, writeTimeout)
	e.writing = cancel
	if !a.Back && a.Weights != a.From { // not at the trial
		e.watch()
	}
	name := e.stepName()
	wait := e.record(Record{Kind: RecordIntent, ID: a.ID, Step: a.Step, Weights: &a.Weights, From: &a.From, Back: a.Back}, true)
	e.task(func() {
		defer cancel()
		answered := machine.Event{Kind: machine.Wrote, ID: a.ID}
		defer func() { // also in a panic: the write is over
			e.send(answered)
		}()
		if a.Back {
			select {
			case <-wait:
			case <-time.After(recordFor):
			}
		} else {
			select {
			case err := <-wait:
				if err != nil {
					answered.Failed, answered.Refused = "not sent: its record cannot be written", true
					e.send(machine.Event{Kind: machine.Unrecorded, ID: a.ID, Why: "the record cannot be written: " + err.Error()})
					return
				}
			case <-ctx.Done(): // a disk that hangs must not count as a write on its way
			}
		}
		if ctx.Err() != nil {
			answered.Failed, answered.Refused = "not sent: the walk went another way", true
			return
		}
		err := e.walk.Driver.Write(ctx, a.From, a.Weights, a.Compare)
		answered.Failed, answered.Refused = textOf(err), errors.Is(err, ErrRefused)
		e.recordAsIs(Record{Kind: RecordWrote, ID: a.ID, Step: a.Step, Name: name, Text: answered.Failed, Back: a.Back}, false)
	})
}

// check asks for a verdict and records it.
func (e *engine) check(what string, check Check, a machine.Action) {
	step, tasks := e.walk.Plan.Steps[a.Step], e.tasks
	e.task(func() {
		verdict, why := check(tasks, step)
		if tasks.Err() != nil {
			return // cut short: nobody waits for it
		}
		e.recordAsIs(Record{Kind: RecordCheck, Step: a.Step, Name: step.Name, Check: what, Verdict: verdictText(verdict), Text: why}, true)
		if verdict == machine.Pass {
			e.tell(step.Name, "%s: pass", what)
		} else {
			e.tell(step.Name, "%s: %s: %s", what, verdictText(verdict), why)
		}
		e.send(machine.Event{Kind: machine.Checked, ID: a.ID, Verdict: verdict, Why: what + ": " + why})
	})
}

func verdictText(v machine.Verdict) string {
	switch v {
	case machine.Pass:
		return "pass"
	case machine.Fail:
		return "fail"
	case machine.Doubt:
		return "doubt"
	}
	return "broken"
}

// askBlue is the question to blue. Without a probe nobody can ask it: what is said of green counts.
func (e *engine) askBlue() Check {
	return func(ctx context.Context, _ machine.Step) (machine.Verdict, string) {
		if e.walk.Probe == nil {
			return machine.Pass, "not asked"
		}
		return e.walk.Probe.AskBlue(ctx)
	}
}

// watch starts the probe, before the first write or as a walk is continued.
func (e *engine) watch() {
	if e.walk.Probe == nil || e.probing {
		return
	}
	e.probing = true
	e.task(func() {
		e.walk.Probe.Watch(e.base, func(s Seen) {
			e.recordAsIs(Record{Kind: RecordProbe, Probe: &s.Sample}, false)
			if s.Spent != "" {
				e.send(machine.Event{Kind: machine.Budget, Why: s.Spent})
			}
			if s.Alike != "" {
				e.send(machine.Event{Kind: machine.Budget, Verdict: machine.Doubt, Why: s.Alike})
			}
			if s.Enough || s.Short != "" {
				e.send(machine.Event{Kind: machine.Enough, ID: s.Hold, Why: s.Short})
			}
		})
	})
}

// recordFirst records what a rollback restores.
func (e *engine) recordFirst(a machine.Action) {
	e.note(Record{Kind: RecordFirst, Weights: &a.Weights, Setting: a.Setting})
	e.tell("", "recorded %s: a rollback restores these weights", a.Weights)
}

// told records and shows a note of the machine.
func (e *engine) told(kind RecordKind, a machine.Action) {
	if kind == RecordSet {
		a.Why = "set"
	}
	name := e.walk.Plan.Steps[a.Step].Name
	e.note(Record{Kind: kind, Step: a.Step, Name: name, Weights: &a.Weights, Text: a.Why})
	e.tell(name, "%s (%s)", a.Why, a.Weights)
}

// finish ends the walk. The record is waited for a moment.
func (e *engine) finish(a machine.Action) {
	recorded, has := e.m.Recorded()
	a.Weights = e.seen
	wait := e.record(Record{Kind: RecordEnd, Step: a.Step, Outcome: a.Outcome.String(), Text: a.Why, Signal: a.Signal, Weights: &a.Weights}, true)
	select {
	case err := <-wait:
		if err != nil && e.unrecorded == nil {
			e.unrecorded = err
		}
	case <-time.After(closing):
		e.unrecorded = errors.New("the disk does not answer")
	}
	e.result = &Result{
		Outcome: a.Outcome, Reason: a.Why, Signal: a.Signal, Weights: e.seen, Unread: !e.read, Recorded: recorded, HasRecorded: has, Unrecorded: e.unrecorded,
	}
}
