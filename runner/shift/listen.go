package shift

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// show passes lines to the terminal. Its loss is reported to the walk once; lines are taken
// after that too, so that nobody waits.
func (e *engine) show() {
	defer close(e.shown)
	defer e.panicked()
	lost := e.walk.Tell == nil
	for {
		var line Line
		select {
		case line = <-e.lines:
		case <-e.base.Done():
			select { // lines from before the end
			case line = <-e.lines:
			default:
				return
			}
		}
		if lost {
			continue
		}
		if err := e.walk.Tell(line); err != nil {
			lost = true
			e.send(machine.Event{Kind: machine.Signal, Why: "the terminal is lost: " + err.Error()})
		}
	}
}

// tell shows a line, unless the terminal is stuck.
func (e *engine) tell(step, format string, args ...any) {
	select {
	case e.lines <- Line{e.walk.Now(), step, fmt.Sprintf(format, args...)}:
	default:
	}
}

// listenEvery is how often the folder is asked what another process wants.
const listenEvery = 200 * time.Millisecond

// listen hears what other processes ask for.
func (e *engine) listen() {
	defer e.panicked()
	lost := false
	for {
		select {
		case <-e.base.Done():
			return
		case <-time.After(listenEvery):
		}
		if e.walk.Lost != nil && !lost {
			if err := e.walk.Lost(); err != nil {
				lost = true
				e.send(machine.Event{Kind: machine.Signal, Why: "the terminal is lost: " + err.Error()})
			}
		}
		switch asked(e.walk.Folder) {
		case AskedRollback:
			e.send(machine.Event{Kind: machine.AskRollback, Why: "asked for by another process"})
		case AskedResume:
			e.send(machine.Event{Kind: machine.AskResume})
		}
	}
}

// howRollback is Begun.How of a process that only rolls back.
const howRollback = "rollback"

// What another process can ask for; see Ask.
const (
	AskedRollback = "rollback"
	AskedResume   = "resume"
)
