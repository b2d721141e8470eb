package shift

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// What a call of the driver, or a check, may come to. What a write does and what it answers are two things.
var (
	readFaults  = []string{"fails", "hangs", "slow", "shows the start", "shows the target", "shows nonsense"}
	writeFaults = []string{
		"refused", "fails", "fails, done", "fails, half", "fails, done later", "hangs", "hangs, done", "hangs, done later", "slow", "ok, not done", "ok, half", "ok, done later",
	}
	awaitFaults = []string{"fails", "hangs"}
	checkFaults = []string{"fail", "doubt", "broken", "hangs"}
)

// later is when a write lands that nobody waits for any more; see confirmsAbandoned of package machine.
const later = 3 * time.Second

// A fault is what one call comes to, or it and all later ones of its kind.
type fault struct {
	call int
	kind string
	on   bool
}

// A blow is what happens to the process after so many events.
type blow struct {
	after int
	kind  string
}

// The blows: what the process is told, and how it is killed. The next process works from the record;
// what the killed one has sent is done, or lost.
var (
	told  = []string{"TERM", "budget", "asked"}
	kills = []string{"kill, recover", "kill, rollback", "kill, resume", "kill and lose, recover", "kill and lose, resume"}
)

// An answer is on its way from the driver.
type answer struct {
	due   time.Duration
	event machine.Event
	do    func(e *machine.Event) // at that time; nil: nothing
	call  machine.ActionKind     // zero: nobody waits for it
}

// A model is a walk over a fake driver in virtual time: machine, record and mechanism, in one goroutine.
type model struct {
	plan        machine.Plan
	m           machine.Machine
	h           History
	now, tick   time.Duration
	have, begun machine.Weights
	pending     []answer
	faults      []fault
	may         [][]string // of each call, what it may come to
	events      int
	ended       *machine.Action
	loud        bool // say what happens, in log
	log         []string
}

func newModel(plan machine.Plan, faults ...fault) *model {
	return &model{plan: plan, m: machine.New(plan, 0), have: begun, begun: begun, faults: faults}
}

func (w *model) say(format string, args ...any) {
	if w.loud {
		w.log = append(w.log, fmt.Sprintf("%9s  ", w.now)+fmt.Sprintf(format, args...))
	}
}

// feed gives the machine an event, and the record what the engine would write.
func (w *model) feed(e machine.Event) {
	e.At = w.now
	w.events++
	if e.Kind == machine.Wrote {
		w.h.add(&Record{Kind: RecordWrote, ID: e.ID, Text: e.Failed})
	}
	was := w.m.Phase()
	next, actions := w.m.Next(e)
	w.m = next
	if w.loud {
		w.say("event %d of %d, %s %q: %s -> %s", e.Kind, e.ID, e.Weights, e.Failed+e.Why, was, next.Phase())
	}
	for i := range actions {
		w.perform(&actions[i])
	}
}

func (w *model) perform(a *machine.Action) {
	switch a.Kind {
	case machine.DoTick:
		w.tick = a.Until
	case machine.DoEnd:
		w.ended = a
		w.say("ended: %s: %s", a.Outcome, a.Why)
	case machine.DoCancel:
		w.cancel()
	case machine.DoRecord:
		w.h.add(&Record{Kind: RecordFirst, Weights: &a.Weights})
	case machine.DoTried:
		w.h.add(&Record{Kind: RecordTried})
	case machine.DoSet:
		w.h.add(&Record{Kind: RecordSet, Step: a.Step, Weights: &a.Weights})
	case machine.DoRead:
		w.read(a)
	case machine.DoWrite:
		w.h.add(&Record{Kind: RecordIntent, ID: a.ID, Step: a.Step, Weights: &a.Weights, From: &a.From, Back: a.Back})
		w.write(a)
	case machine.DoAwait:
		e, due := machine.Event{Kind: machine.InEffect, ID: a.ID}, w.soon()
		switch w.fault(awaitFaults) {
		case "fails":
			e.Failed = "unreachable"
		case "hangs":
			due = w.now + 100*time.Hour
		}
		w.pending = append(w.pending, answer{due: due, event: e, call: a.Kind})
	case machine.DoGate, machine.DoConfirm, machine.DoRun, machine.DoAskBlue:
		e, due := machine.Event{Kind: machine.Checked, ID: a.ID, Verdict: machine.Pass}, w.soon()
		switch w.fault(checkFaults) {
		case "fail":
			e.Verdict = machine.Fail
		case "doubt":
			e.Verdict = machine.Doubt
		case "broken":
			e.Verdict = 0
		case "hangs":
			due = w.now + 100*time.Hour
		}
		w.pending = append(w.pending, answer{due: due, event: e, call: a.Kind})
	}
}

func (w *model) soon() time.Duration { return w.now + 20*time.Millisecond }

// fault is what the present call comes to; empty: what it should.
func (w *model) fault(may []string) string {
	w.may = append(w.may, may)
	call := len(w.may)
	for _, f := range w.faults {
		if (f.call == call || f.on && f.call < call) && slices.Contains(may, f.kind) && &w.may[f.call-1][0] == &may[0] {
			w.say("call %d: %s", call, f.kind)
			return f.kind
		}
	}
	return ""
}

func (w *model) read(a *machine.Action) {
	p := answer{due: w.soon(), event: machine.Event{Kind: machine.Read, ID: a.ID}, call: a.Kind}
	f := w.fault(readFaults)
	target := w.plan.Steps[a.Step].Target
	switch f {
	case "fails":
		p.event.Failed = "unreachable"
	case "hangs":
		p.due, p.event.Failed = w.now+readTimeout, "no answer"
	case "slow":
		p.due = w.now + 14*time.Second
	}
	p.do = func(e *machine.Event) {
		e.Weights = w.have
		switch f {
		case "shows the start":
			e.Weights = w.begun
		case "shows the target":
			e.Weights = target
		case "shows nonsense":
			e.Weights = machine.Weights{Blue: 33, Green: 67}
		}
	}
	w.pending = append(w.pending, p)
}

// write sends a write on its way: it lands or not, and answers.
func (w *model) write(a *machine.Action) {
	f := w.fault(writeFaults)
	p := answer{due: w.soon(), event: machine.Event{Kind: machine.Wrote, ID: a.ID}, call: a.Kind}
	lands := w.soon()
	what, how, _ := strings.Cut(f, ", ")
	switch what {
	case "refused":
		p.event.Failed, p.event.Refused, lands = "refused", true, 0
	case "fails":
		p.event.Failed = "unreachable"
	case "hangs":
		p.event.Failed, p.due = "no answer", w.now+writeTimeout
	case "slow":
		p.due, lands = w.now+40*time.Second, w.now+40*time.Second
	}
	switch {
	case how == "done later":
		lands = w.now + later
	case how == "" && (what == "fails" || what == "hangs"), how == "not done":
		lands = 0
	}
	if a.Compare && a.From != w.have { // what others would have to write in between is not in this model
		p.event.Failed, p.event.Refused, lands = "changed meanwhile", true, 0
	}
	if lands > 0 {
		half := how == "half"
		weights, first := a.Weights, machine.BlueFirst(a.From, a.Weights)
		w.pending = append(w.pending, answer{due: lands, do: func(*machine.Event) {
			if first || !half {
				w.have.Blue = weights.Blue
			}
			if !first || !half {
				w.have.Green = weights.Green
			}
			w.say("landed: %s", w.have)
		}})
	}
	w.pending = append(w.pending, p)
}

// cancel ends what is under way. Reads go on; what a write has sent may land for a while.
func (w *model) cancel() {
	w.pending = slices.DeleteFunc(w.pending, func(p answer) bool {
		return p.call != 0 && p.call != machine.DoRead && p.call != machine.DoWrite
	})
	for i := range w.pending {
		switch p := &w.pending[i]; p.call {
		case machine.DoWrite:
			p.event.Failed, p.due = "cut short", min(p.due, w.now+10*time.Millisecond)
		case 0:
			p.due = min(p.due, w.now+later)
		}
	}
}

// advance moves to what happens next.
func (w *model) advance() {
	at := -1
	for i := range w.pending {
		if at < 0 || w.pending[i].due < w.pending[at].due {
			at = i
		}
	}
	if at < 0 || w.pending[at].due > max(w.tick, w.now) {
		w.now = max(w.tick, w.now)
		w.feed(machine.Event{Kind: machine.Tick})
		return
	}
	w.land(at)
}

// land takes an answer off.
func (w *model) land(at int) {
	p := w.pending[at]
	w.pending = append(w.pending[:at:at], w.pending[at+1:]...)
	w.now = max(w.now, p.due)
	if p.do != nil {
		p.do(&p.event)
	}
	if p.call != 0 {
		w.feed(p.event)
	}
}

// strike does what happens to the process.
func (w *model) strike(kind string) {
	w.say("%s", kind)
	next, ok := strings.CutPrefix(kind, "kill")
	switch {
	case kind == "TERM":
		w.feed(machine.Event{Kind: machine.Signal, Signal: 15, Why: "stopped"})
	case kind == "budget":
		w.feed(machine.Event{Kind: machine.Budget, Why: "green fails"})
	case kind == "asked":
		w.feed(machine.Event{Kind: machine.AskRollback, Why: "asked"})
	case ok:
		w.restart(strings.HasPrefix(next, " and lose"), next[strings.LastIndexByte(next, ' ')+1:])
	}
}

// restart is the next process, which works from the record.
func (w *model) restart(lost bool, how string) {
	w.pending = slices.DeleteFunc(w.pending, func(p answer) bool { return p.call != 0 || lost })
	for i := range w.pending {
		w.pending[i].due = min(w.pending[i].due, w.now+later)
	}
	if !w.h.Progress.Touched || !w.h.HasRecord {
		w.ended = &machine.Action{Kind: machine.DoEnd, Outcome: machine.Untouched, Why: "nothing was written"}
		return
	}
	w.m, w.tick = machine.Continued(w.plan, w.h.Progress), 0
	w.h.add(&Record{Kind: RecordBegin, Begin: &Begun{Walk: "api"}})
	switch {
	case how == "rollback":
		w.feed(machine.Event{Kind: machine.AskRollback, Why: "asked"})
	case how == "recover" || w.h.Back: // a rollback is never resumed as a walk
		w.feed(machine.Event{Kind: machine.Recover})
	default:
		w.feed(machine.Event{Kind: machine.Begin})
	}
}

// run walks to the end, and lets everything land that is on its way then. The error is what is not true of
// what the end says.
func (w *model) run(b blow) error {
	w.h.add(&Record{Kind: RecordBegin, Begin: &Begun{Walk: "api"}})
	w.feed(machine.Event{Kind: machine.Begin})
	for w.ended == nil {
		if b.after > 0 && w.events >= b.after {
			b.after = 0
			w.strike(b.kind)
			continue
		}
		if w.events > 20_000 {
			return fmt.Errorf("no end, in phase %s", w.m.Phase())
		}
		w.advance()
	}
	w.say("what is on its way")
	for i := range w.pending {
		if p := &w.pending[i]; p.call == 0 {
			p.do(nil)
		}
	}
	lasting := slices.ContainsFunc(w.faults, func(f fault) bool { return f.on })
	switch last := w.plan.Steps[len(w.plan.Steps)-1].Target; {
	case w.have.Empty():
		return fmt.Errorf("both sides are at 0")
	case w.ended.Outcome == machine.RolledBack && w.have != w.begun, w.ended.Outcome == machine.Untouched && w.have != w.begun,
		w.ended.Outcome == machine.Done && w.have != last:
		return fmt.Errorf("%s, and the weights are %s", w.ended.Outcome, w.have)
	case w.ended.Outcome == machine.NotHeld && !lasting:
		return fmt.Errorf("given up for what passes")
	}
	return nil
}

// tooManyLies reports whether the mechanism says twice what is not so, by what it shows or by an ok: nobody can know
// better then.
func tooManyLies(faults []fault) bool {
	lies := 0
	for _, f := range faults {
		if strings.HasPrefix(f.kind, "shows") || strings.HasPrefix(f.kind, "ok") {
			if lies++; f.on {
				lies++
			}
		}
	}
	return lies > 1
}

// A modelled walk has every kind of check, and steps that raise green over blue's weight.
var modelled = machine.Plan{
	Steps: []machine.Step{{Name: "5%", Target: machine.Weights{Blue: 95, Green: 5}}, {Name: "100%", Target: machine.Weights{Green: 100}, Confirm: true}},
	Start: machine.Weights{Blue: 100}, // the checks before the walk have read them
	Hold:  6 * time.Second, MaxHold: time.Minute, Settle: time.Second, Gate: true, Run: true,
	WriteTimeout: time.Minute, EffectTimeout: time.Minute, RollbackTimeout: 10 * time.Minute, PauseTimeout: time.Hour, ReadEvery: 5 * time.Second,
	CheckTimeout: 5 * time.Minute,
}

// Whatever one call of the driver comes to, and whatever happens to the process after any of its events, at the
// end the weights are those that the outcome says. BGVERIFY_TORTURE tries every two faults as well, and every fault with every blow.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	long := os.Getenv("BGVERIFY_TORTURE") != ""
	walks, outcomes := 0, map[machine.Outcome]int{}
	try := func(b blow, faults ...fault) *model {
		w := newModel(modelled, faults...)
		err := w.run(b)
		walks++
		if w.ended != nil {
			outcomes[w.ended.Outcome]++
		}
		if err != nil && !tooManyLies(faults) {
			w = newModel(modelled, faults...)
			w.loud = true
			_ = w.run(b)
			w.log = w.log[max(0, len(w.log)-100):]
			t.Fatalf("faults %v, %+v: %v\n%s", faults, b, err, strings.Join(w.log, "\n"))
		}
		return w
	}
	clean := try(blow{})
	if clean.ended.Outcome != machine.Done {
		t.Fatalf("without faults: %s\n%s", clean.ended.Outcome, strings.Join(clean.log, "\n"))
	}
	blows := slices.Concat(told, kills)
	strikes := func(events int, kinds []string, faults ...fault) {
		for after := 1; after <= events; after++ {
			for _, kind := range kinds {
				try(blow{after, kind}, faults...)
			}
		}
	}
	strikes(clean.events, blows)
	// The calls of a walk are known only once it has gone so far: a fault adds calls.
	for call := 1; call <= len(clean.may); call++ {
		for _, kind := range clean.may[call-1] {
			first := fault{call, kind, false}
			one := try(blow{}, first)
			try(blow{}, fault{call, kind, true})
			try(blow{one.events / 2, "TERM"}, fault{call, kind, true})
			if !long {
				strikes(min(one.events, clean.events+10), told[:1], first)
				continue
			}
			strikes(min(one.events, 3*clean.events), blows, first)
			for next := call + 1; next <= min(len(one.may), 2*len(clean.may)); next++ {
				for _, kind := range one.may[next-1] {
					two := fault{next, kind, false}
					w := try(blow{}, first, two)
					for after := 1; after <= min(w.events, 2*clean.events); after += 3 {
						try(blow{after, "TERM"}, first, two)
					}
				}
			}
		}
	}
	t.Logf("%d walks of %d calls and %d events: %v", walks, len(clean.may), clean.events, outcomes)
}
