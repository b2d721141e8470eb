package run

import (
	"iter"
	"time"

	"github.com/bgverify/bgverify/runner/wire"
)

// A Hidden is a text in an archived pair that stands for a value which the
// archive did not keep. Equal values have equal texts and others have others;
// that is all that may be concluded from it, but for what Known says.
type Hidden struct {
	Text  string
	Known bool // the text has the type and the formats of the value, where it is alone
}

// Unfinished is what the log knows of a case that did not end.
type Unfinished struct {
	Keys       []string  // of its pairs, in the order in which they were last written
	Unanswered []Intent  // unsafe requests that left and have no answer
	Began      time.Time // of the case; zero: the log does not say
}

// A Pair is the exchanges of a step: one that went to blue and one that went to
// green; nil where a side was not asked. In a crossover one of the two is the
// crossing lane's, and the other is that of the straight lane on the other side.
type Pair struct {
	Key         string // see PairKey: unique in the run
	Blue, Green *wire.Exchange
	// Hidden are the texts that stand for what an archive did not keep; none in a
	// pair that was just sent.
	Hidden []Hidden
}

// PairKey names the pair of a case's step. lane is empty for blue and green together,
// and a round beyond the first (repeat) is part of the step.
func PairKey(caseID, step, lane string) string {
	if lane == "" {
		return caseID + "/" + step
	}
	return caseID + "/" + step + "/" + lane
}

// An Event is one entry of the run's log. Exactly one field is set.
type Event struct {
	Begin  *Header
	Intent *Intent // before an unsafe request leaves
	Pair   *Pair
	Case   *CaseResult
	Load   *LoadResult
	End    *End
	Sides  *Sides // what the sides said they are, before the first case
}

// An Intent says that a case is about to start, or an unsafe request about to leave.
type Intent struct {
	Case string `json:"case"`
	Step string `json:"step,omitempty"`
	Side string `json:"side,omitempty"`
	// Began is when the case began: what it generates from the time depends on it.
	Began time.Time `json:"began,omitzero"`
}

// A Sink takes the events of a run in the order they happen. The event log is
// the truth: what a Sink has accepted is on disk, redacted, and every report is
// made from it. Emit is safe for concurrent use; an error ends the run as broken.
type Sink interface {
	// Secret makes a value unreadable in everything written from now on.
	Secret(name, value string)
	Emit(Event) error
	// LoadFile opens the file that keeps a load stage's records.
	LoadFile(stage string) (RecordWriter, error)
}

// A RecordWriter keeps the records of a load stage.
type RecordWriter interface {
	Write(p []byte) (int, error)
	Name() string // under the run folder
	Close() error
}

// A Run is an execution read back: its header, its totals, and its cases in
// plan order, read from the log each time they are ranged over.
type Run struct {
	Header Header
	End    End
	Loads  []LoadResult
	Cases  iter.Seq2[*CaseResult, error]
	// Before is what the sides said they are before the first case; nil: not asked.
	Before *Sides
	// Pair reads the exchanges of a step back; nil when they were not kept.
	Pair func(key string) (*Pair, error)
}

// Answered is from when on the answers of the run grow old. That is when it ended; of a run
// that judges again when the run that asked had ended, of a merged one when the first of its
// shards had.
func (r *Run) Answered() time.Time {
	at := r.Header.Started.Add(time.Duration(r.End.ElapsedMS * float64(time.Millisecond)))
	if before := r.Header.Answered; !before.IsZero() && before.Before(at) {
		at = before
	}
	for _, s := range r.Header.Shards {
		if s.Ended.Before(at) {
			at = s.Ended
		}
	}
	return at
}
