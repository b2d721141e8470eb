package fleet

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// The subjects of a token's room. Those of one worker end with its id.
const (
	subjectHello  = "hello"  // request: a worker wants to join
	subjectWho    = "who"    // request: is there a coordinator?
	subjectClock  = "clock"  // request of a worker: what time is it?
	subjectBlob   = "blob"   // request of a worker: a part of a plan or of a stage
	subjectSay    = "say"    // request of a worker: it is ready, or why it is not
	subjectBeat   = "beat"   // of a worker
	subjectOwed   = "owed"   // request of a worker: what its walks have created and not taken back
	subjectOrder  = "order"  // of the coordinator to a worker
	subjectResult = "result" // shares, through the stream
)

// A hello asks to join. It is readable by anyone; Box holds what only the token opens.
type hello struct {
	Protocol int    `json:"protocol"`
	Tool     string `json:"tool"`
	Box      []byte `json:"box"`
}

// A greeting is what hello's box holds.
type greeting struct {
	Nonce []byte `json:"nonce"`
	Host  string `json:"host"`
	CPUs  int    `json:"cpus"`
}

// A welcome answers hello: refused with a sentence, or with a sealed lease.
type welcome struct {
	Refused string `json:"refused,omitempty"`
	Box     []byte `json:"box,omitempty"`
}

// A lease is a worker's place in a run.
type lease struct {
	Nonce  []byte `json:"nonce"`  // of the coordinator
	Echo   []byte `json:"echo"`   // of the worker: the answer is fresh
	ID     string `json:"id"`     // in subjects
	Number int    `json:"number"` // from 1, in records and reports
	Run    string `json:"run"`
	Plan   blob   `json:"plan"`
}

// A blob is something that is fetched in parts.
type blob struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// A fetch asks for a part of a blob.
type fetch struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"`
}

// A clockReading is the coordinator's time.
type clockReading struct {
	Now time.Time `json:"now"`
}

// A word is what a worker says once: it has the plan, or is ready for an attack, or not.
type word struct {
	Attack  int           `json:"attack"` // 0: the plan
	Refused string        `json:"refused,omitempty"`
	Offset  time.Duration `json:"offset"`
	Bound   time.Duration `json:"bound"`
}

// A beat is a worker's heartbeat.
type beat struct {
	Sent   time.Time     `json:"sent"` // in the coordinator's clock
	Attack int           `json:"attack,omitempty"`
	Has    int           `json:"has,omitempty"` // the last slice whose order has come
	Bursts [2]perf.Burst `json:"bursts,omitzero"`
	Offset time.Duration `json:"offset"`
	Bound  time.Duration `json:"bound"`
	Lag    time.Duration `json:"lag,omitempty"`   // p99 of the last seconds
	Fault  string        `json:"fault,omitempty"` // why the worker cannot go on with the attack
}

// The kinds of orders.
const (
	orderPulse = "pulse" // the coordinator is alive
	orderStage = "stage" // make ready for an attack
	orderSlice = "slice" // fire a share of a slice
	orderEnd   = "end"   // the attack is over
	orderLeave = "leave" // the run is over
)

// An order is what the coordinator tells one worker.
type order struct {
	Kind   string        `json:"kind"`
	Attack int           `json:"attack,omitempty"`
	Stage  blob          `json:"stage,omitzero"`
	Fire   *attack.Order `json:"fire,omitempty"`
	Slice  attack.Slice  `json:"slice,omitzero"`
	Start  time.Time     `json:"start,omitzero"` // of the slice, in the coordinator's clock
	K      int           `json:"k,omitempty"`    // this worker's place among
	N      int           `json:"n,omitempty"`    // so many
}

// closeJSON closes a message as JSON.
func closeJSON(s seal, subject string, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types of this file always encode
	}
	return s.close(subject, text)
}

// openJSON opens a sealed message for a subject. A message for another subject, worker or run
// does not open.
func openJSON(s seal, subject string, box []byte, into any) error {
	text, err := s.open(subject, box)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read a message on %s: %w", subject, err)
	}
	return nil
}
