package shift

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A Record is one line of audit.ndjson. Kind says which of the other fields count.
type Record struct {
	Time time.Time  `json:"t"`
	Kind RecordKind `json:"kind"`
	// Begin is set in the first record of each process that worked on the walk.
	Begin *Begun `json:"begin,omitempty"`
	// ID joins an intent with how its write ended.
	ID int `json:"id,omitempty"`
	// Step is the index of the step, from 0, with its name.
	Step int    `json:"step"`
	Name string `json:"name,omitempty"`
	// Weights are what was recorded, intended, read or set; From is what an intent replaces.
	Weights *machine.Weights `json:"weights,omitempty"`
	From    *machine.Weights `json:"from,omitempty"`
	// Setting is what a walk found at its start next to the weights.
	Setting machine.Setting `json:"setting,omitempty"`
	// Back is set for an intent of a rollback.
	Back bool `json:"back,omitempty"`
	// Check names a check, with its verdict.
	Check   string `json:"check,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	// Text is a reason or an error.
	Text string `json:"text,omitempty"`
	// Probe counts answers since the last record of its kind.
	Probe *Sample `json:"probe,omitempty"`
	// Outcome and Signal are those of an end.
	Outcome string `json:"outcome,omitempty"`
	Signal  int    `json:"signal,omitempty"`
}

// A RecordKind is what a record is about.
type RecordKind string

// The kinds of record.
const (
	RecordBegin    RecordKind = "begin"    // a process starts to work on the walk
	RecordFirst    RecordKind = "recorded" // the weights that a rollback restores
	RecordIntent   RecordKind = "intent"   // a write is about to leave
	RecordTried    RecordKind = "tried"    // a write of the weights that were there was read back
	RecordWrote    RecordKind = "wrote"    // a write was answered
	RecordSet      RecordKind = "set"      // weights of a step were read back
	RecordRead     RecordKind = "read"     // weights differ from those read before
	RecordCheck    RecordKind = "check"    // a gate, run or confirmation ended
	RecordNote     RecordKind = "note"     // a pause, a rollback that begins, a step that was held
	RecordProbe    RecordKind = "probe"    // answers that the probe has seen
	RecordEnd      RecordKind = "end"      // the walk ended
	RecordEvidence RecordKind = "evidence" // the run that the gates rely on
)

// A Begun says what a process works by. The first one's plan is that of the walk: a file that is
// changed meanwhile does not change a walk that is under way.
type Begun struct {
	Walk string `json:"walk"`
	// File is the shift file, and Dir the folder that its paths are relative to.
	File string `json:"file"`
	Dir  string `json:"dir"`
	Tool string `json:"tool"`
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// How is walk, resume or rollback.
	How  string       `json:"how"`
	Plan machine.Plan `json:"plan"`
	// Driver is what a rollback needs, as the file had it.
	Driver shiftfile.Driver `json:"driver"`
	// Digest is that of Setup.
	Digest string `json:"digest"`
}

// A Sample counts answers to the probe.
type Sample struct {
	// Blue and Green are answers of the public name by side, Unknown those whose side is not
	// known; Pinned are those of green when asked for directly.
	Blue    int `json:"blue"`
	Green   int `json:"green"`
	Unknown int `json:"unknown"`
	Pinned  int `json:"pinned"`
	// Failed counts answers of green, or of an unknown side, that were not as expected; BlueFailed
	// those of blue.
	Failed     int `json:"failed"`
	BlueFailed int `json:"blue_failed"`
	// Example is why the last one failed.
	Example string `json:"example,omitempty"`
}

// A History is what audit.ndjson says of a walk.
type History struct {
	// First is what the walk began with; Last the newest process.
	First, Last Begun
	// Began is when the walk began, Latest the time of the last record.
	Began, Latest time.Time
	Progress      machine.Progress
	HasRecord     bool
	// Evidence is the folder of the run that gates rely on, with its digest.
	Evidence, EvidenceDigest string
	// Note is the last note.
	Note string
	// Failed is why the last write was not done, and Failures how many in a row were not; 0: it
	// was done, or has no answer.
	Failed   string
	Failures int
	// Outcome is how the walk ended; 0: it is open, or was killed.
	Outcome machine.Outcome
	Reason  string
	Signal  int
	// Ended are the weights that were read last before that.
	Ended machine.Weights
	// Back says that a rollback has begun.
	Back bool
	// Ends counts the processes that came to an end.
	Ends int
	// Broken counts lines that cannot be read: a kill may leave the last one torn.
	Broken int
}

// Open reports whether the walk may have left weights that are neither those of its end
// nor those of its beginning.
func (h *History) Open() bool {
	return h.Progress.Touched && h.Outcome != machine.Done && h.Outcome != machine.RolledBack
}

// add takes one record.
func (h *History) add(r *Record) {
	h.Latest = r.Time
	p := &h.Progress
	switch r.Kind {
	case RecordBegin:
		if r.Begin != nil {
			if h.First.Walk == "" {
				h.First, h.Began = *r.Begin, r.Time
			}
			h.Last = *r.Begin
			h.Outcome, h.Reason, h.Signal = 0, "", 0
		}
	case RecordFirst:
		if r.Weights != nil && !h.HasRecord { // Rule 1 of package machine: the first record is kept
			p.Recorded, p.Known, h.HasRecord = *r.Weights, *r.Weights, true
		}
		if p.Setting == nil {
			p.Setting = r.Setting
		}
	case RecordIntent:
		h.intend(r)
	case RecordTried:
		p.Touched = false // nothing has changed
	case RecordWrote:
		if h.Failed, h.Failures = r.Text, h.Failures+1; r.Text == "" {
			h.Failures = 0
		}
	case RecordSet:
		if r.Weights != nil {
			p.Step, p.Set, p.Known = r.Step, true, *r.Weights
			p.Touched = true // also where the line of the intent cannot be read
		}
	case RecordEvidence:
		h.Evidence, h.EvidenceDigest = r.Name, r.Text
	case RecordNote:
		h.Note = r.Text
	case RecordEnd:
		h.Outcome, h.Reason, h.Signal = machine.OutcomeOf(r.Outcome), r.Text, r.Signal
		if h.Ends++; r.Weights != nil {
			h.Ended = *r.Weights
		}
		p.Touched = p.Touched && h.Outcome != machine.Untouched
	}
}

// intend takes the announcement of a write. The weights that the first one replaces are the
// recorded ones, should their own line be lost.
func (h *History) intend(r *Record) {
	p := &h.Progress
	if !h.HasRecord && !r.Back && r.From != nil {
		p.Recorded, p.Known, h.HasRecord = *r.From, *r.From, true
	}
	p.Touched, h.Back = true, h.Back || r.Back
	if !r.Back {
		p.Step, p.Set = r.Step, false
	}
}

// longestText bounds the texts of a record, in bytes: answers of mechanisms may be long.
const longestText = 4000

// hide removes what nobody may read from what the record repeats of others: mechanisms, commands,
// answers.
func (r *Record) hide(hide func(string) string) {
	if r.Kind != RecordEvidence { // a digest, by which the run is found again
		r.Text = hide(r.Text)
	}
	if r.Probe != nil && r.Probe.Example != "" {
		sample := *r.Probe
		sample.Example = hide(sample.Example)
		r.Probe = &sample
	}
}

// encode writes a record as one line.
func (r *Record) encode() ([]byte, error) {
	if len(r.Text) > longestText {
		r.Text = strings.ToValidUTF8(r.Text[:longestText], "") + "…"
	}
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}
